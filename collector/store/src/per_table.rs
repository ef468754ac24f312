//! One value per table.

use std::ops::{Index, IndexMut};

use spandrel_proto::model::Table;

/// One `T` for each of [`Table::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerTable<T>([T; Table::ALL.len()]);

impl<T> PerTable<T> {
    pub(crate) fn from_fn(mut value: impl FnMut(Table) -> T) -> Self {
        Self(Table::ALL.map(&mut value))
    }

    pub(crate) fn try_from_fn<E>(mut value: impl FnMut(Table) -> Result<T, E>) -> Result<Self, E> {
        let mut failed = None;
        let values = Table::ALL.map(|table| match value(table) {
            Ok(value) => Some(value),
            Err(error) => {
                failed.get_or_insert(error);
                None
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(Self(values.map(|value| value.expect("only a failure leaves a value out")))),
        }
    }

    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> PerTable<U> {
        PerTable(self.0.map(change))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Table, &T)> {
        Table::ALL.into_iter().zip(&self.0)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T> Index<Table> for PerTable<T> {
    type Output = T;

    fn index(&self, table: Table) -> &T {
        &self.0[slot(table)]
    }
}

impl<T> IndexMut<Table> for PerTable<T> {
    fn index_mut(&mut self, table: Table) -> &mut T {
        &mut self.0[slot(table)]
    }
}

fn slot(table: Table) -> usize {
    match table {
        Table::Spans => 0,
        Table::Logs => 1,
        Table::Metrics => 2,
        Table::Requests => 3,
        Table::Breakers => 4,
        Table::Rejects => 5,
        Table::Operations => 6,
        Table::Edges => 7,
        Table::CriticalPaths => 8,
        Table::Coverage => 9,
        Table::OperationsHourly => 10,
        Table::EdgesHourly => 11,
        Table::Findings => 12,
        Table::Acknowledgements => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_order_of_all_tables() {
        let tables = PerTable::from_fn(|table| table);
        for (table, value) in tables.iter() {
            assert_eq!((table, tables[table]), (*value, table));
        }
    }
}
