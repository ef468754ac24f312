//! The order of rows in files.
//!
//! Only the key columns are looked at to find the order; the wide rows are then copied once, straight into it.

use std::{collections::HashMap, ops::Range};

use arrow::{
    array::{Array, Int64Array, StringArray, cast::AsArray},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;

use crate::hour::hour_index;

/// Rank of a missing value: nulls are last.
const NULL_RANK: u32 = u32::MAX;

/// Where a row is, and everything that decides where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey {
    pub(super) hour: i64,
    /// The ranks of the text sort columns, most significant first.
    ranks: u64,
    time: i64,
    batch: u32,
    row: u32,
}

impl SortKey {
    /// The row as `interleave` addresses it.
    pub(super) fn address(&self) -> (usize, usize) {
        (self.batch as usize, self.row as usize)
    }
}

/// A column that the order needs is missing or has another type; a defect of the canonical model.
#[derive(Debug, thiserror::Error)]
#[error("sort column `{column}` of table `{table}` is missing or has an unexpected type")]
pub(super) struct SortColumnError {
    table: Table,
    column: &'static str,
}

/// The rows of `batches`, by hour, then by the table's sort columns, then by arrival.
pub(super) fn sorted_rows(table: Table, batches: &[&RecordBatch]) -> Result<Vec<SortKey>, SortColumnError> {
    let text_columns: Vec<&'static str> =
        table.sort_columns().iter().copied().filter(|column| *column != table.time_column()).collect();
    // Two ranks of 32 bits each make the sort key; every table sorts by at most two texts and then by time.
    debug_assert!(text_columns.len() <= 2);
    let mut keys = Vec::with_capacity(batches.iter().map(|batch| batch.num_rows()).sum());
    for (batch_index, batch) in batches.iter().enumerate() {
        let times = time_column(table, batch)?;
        keys.extend((0..batch.num_rows()).map(|row| {
            let time = times.value(row);
            SortKey { hour: hour_index(time), ranks: 0, time, batch: batch_index as u32, row: row as u32 }
        }));
    }
    for column in text_columns {
        add_ranks(table, batches, column, &mut keys)?;
    }
    keys.sort_unstable();
    Ok(keys)
}

/// The stretches of `rows` that are of one hour each.
pub(super) fn hours(rows: &[SortKey]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let hour = rows.get(start)?.hour;
        let range = start..start + rows[start..].partition_point(|row| row.hour == hour);
        start = range.end;
        Some(range)
    })
}

fn time_column(table: Table, batch: &RecordBatch) -> Result<&Int64Array, SortColumnError> {
    let column = table.time_column();
    batch
        .column_by_name(column)
        .and_then(|times| times.as_primitive_opt::<Int64Type>())
        .ok_or(SortColumnError { table, column })
}

fn add_ranks(
    table: Table,
    batches: &[&RecordBatch],
    column: &'static str,
    keys: &mut [SortKey],
) -> Result<(), SortColumnError> {
    let texts = batches
        .iter()
        .map(|batch| batch.column_by_name(column).and_then(|texts| texts.as_string_opt::<i32>()))
        .collect::<Option<Vec<&StringArray>>>()
        .ok_or(SortColumnError { table, column })?;
    let mut numbering = Numbering::default();
    let mut key = 0;
    for texts in &texts {
        let mut latest: Option<(&str, u32)> = None;
        for row in 0..texts.len() {
            let number = match latest {
                _ if texts.is_null(row) => NULL_RANK,
                // Rows of one sender mostly repeat the value before them.
                Some((text, number)) if text == texts.value(row) => number,
                _ => {
                    let text = texts.value(row);
                    let number = numbering.number(text);
                    latest = Some((text, number));
                    number
                }
            };
            keys[key].ranks = keys[key].ranks << u32::BITS | u64::from(number);
            key += 1;
        }
    }
    let ranks = numbering.ranks();
    for key in keys {
        let number = key.ranks as u32;
        let rank = ranks.get(number as usize).copied().unwrap_or(NULL_RANK);
        key.ranks = key.ranks >> u32::BITS << u32::BITS | u64::from(rank);
    }
    Ok(())
}

/// Numbers distinct texts as they come, and knows their order in the end.
#[derive(Default)]
struct Numbering<'a> {
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Numbering<'a> {
    fn number(&mut self, text: &'a str) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(text).or_insert(next)
    }

    /// The rank of each number.
    fn ranks(self) -> Vec<u32> {
        let mut texts: Vec<(&str, u32)> = self.numbers.into_iter().collect();
        texts.sort_unstable();
        let mut ranks = vec![0; texts.len()];
        for (rank, (_, number)) in texts.into_iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn rows_are_by_hour_then_service_then_time() {
        let first = testing::spans_at(&[("b", 5), ("a", HOUR), ("a", 7)]);
        let second = testing::spans_at(&[("a", 3), ("a", i64::MIN), ("b", 1)]);
        let rows = sorted_rows(Table::Spans, &[&first, &second]).unwrap();
        let addresses: Vec<_> = rows.iter().map(SortKey::address).collect();
        assert_eq!(addresses, [(1, 1), (1, 0), (0, 2), (1, 2), (0, 0), (0, 1)]);
        assert_eq!(hours(&rows).collect::<Vec<_>>(), [0..1, 1..5, 5..6]);
    }

    #[test]
    fn no_rows_have_no_hours() {
        assert_eq!(hours(&[]).count(), 0);
    }
}
