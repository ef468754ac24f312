//! Columns of stored batches, read by name.

use arrow::{
    array::{Array, AsArray, BinaryArray, ListArray, MapArray, PrimitiveArray, StringArray},
    datatypes::{ArrowPrimitiveType, Float64Type, Int32Type, Int64Type},
    record_batch::RecordBatch,
};

use super::searcher::Searcher;

/// The columns of a batch. A column that is not there, or not of the type asked for, reads as null throughout.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'b>(pub(super) &'b RecordBatch);

impl<'b> View<'b> {
    pub(super) fn texts(self, name: &str) -> Texts<'b> {
        Texts(self.0.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()))
    }

    pub(super) fn ids(self, name: &str) -> Ids<'b> {
        Ids(self.0.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>()))
    }

    pub(super) fn ints(self, name: &str) -> Numbers<'b, Int32Type> {
        self.numbers(name)
    }

    pub(super) fn longs(self, name: &str) -> Numbers<'b, Int64Type> {
        self.numbers(name)
    }

    pub(super) fn doubles(self, name: &str) -> Numbers<'b, Float64Type> {
        self.numbers(name)
    }

    pub(super) fn attributes(self, name: &str) -> Attributes<'b> {
        Attributes::of(self.0.column_by_name(name).and_then(|column| column.as_map_opt()))
    }

    pub(super) fn lists(self, name: &str) -> Option<&'b ListArray> {
        self.0.column_by_name(name).and_then(|column| column.as_list_opt())
    }

    fn numbers<T: ArrowPrimitiveType>(self, name: &str) -> Numbers<'b, T> {
        Numbers(self.0.column_by_name(name).and_then(|column| column.as_primitive_opt()))
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'b>(pub(super) Option<&'b StringArray>);

impl<'b> Texts<'b> {
    pub(super) fn get(self, row: usize) -> Option<&'b str> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    /// The rows that one of the patterns is in, in order.
    pub(super) fn rows_with(self, patterns: &Searcher) -> Vec<usize> {
        self.0.map(|column| elements_with(patterns, column)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ids<'b>(Option<&'b BinaryArray>);

impl<'b> Ids<'b> {
    pub(super) fn get(self, row: usize) -> Option<&'b [u8]> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

#[derive(Debug)]
pub(super) struct Numbers<'b, T: ArrowPrimitiveType>(Option<&'b PrimitiveArray<T>>);

impl<T: ArrowPrimitiveType> Numbers<'_, T> {
    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// A column of attribute maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'b>(Option<(&'b MapArray, Texts<'b>, Texts<'b>)>);

impl<'b> Attributes<'b> {
    pub(super) fn of(map: Option<&'b MapArray>) -> Self {
        Self(map.and_then(|map| {
            let (keys, values) = (map.keys().as_string_opt::<i32>()?, map.values().as_string_opt::<i32>()?);
            Some((map, Texts(Some(keys)), Texts(Some(values))))
        }))
    }

    /// Keys and values of a row.
    pub(super) fn row(self, row: usize) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.0.into_iter().flat_map(move |(map, keys, values)| {
            let entries = if map.is_valid(row) { map.value_offsets()[row]..map.value_offsets()[row + 1] } else { 0..0 };
            entries.filter_map(move |entry| {
                let entry = usize::try_from(entry).ok()?;
                Some((keys.get(entry)?, values.get(entry)?))
            })
        })
    }

    pub(super) fn get(self, row: usize, key: &str) -> Option<&'b str> {
        self.row(row).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The value of the first of `keys` that the row has.
    pub(super) fn first(self, row: usize, keys: &[&str]) -> Option<&'b str> {
        keys.iter().find_map(|key| self.get(row, key)).filter(|value| !value.is_empty())
    }

    /// The rows with one of the patterns in a key, in order.
    pub(super) fn rows_with_key(self, patterns: &Searcher) -> Vec<usize> {
        let Some((map, keys, _)) = self.0 else { return Vec::new() };
        rows_of(map.value_offsets(), keys.rows_with(patterns))
    }

    /// The rows with one of the patterns in a value, in order.
    pub(super) fn rows_with_value(self, patterns: &Searcher) -> Vec<usize> {
        let Some((map, _, values)) = self.0 else { return Vec::new() };
        rows_of(map.value_offsets(), values.rows_with(patterns))
    }
}

/// The rows that nested elements are in; both are in order.
pub(super) fn rows_of(offsets: &[i32], elements: Vec<usize>) -> Vec<usize> {
    let mut rows: Vec<usize> = elements.into_iter().filter_map(|element| row_of(offsets, element)).collect();
    rows.dedup();
    rows
}

/// The row that an element is in, unless it is outside of the rows that the offsets tell of.
fn row_of(offsets: &[i32], element: usize) -> Option<usize> {
    let after = offsets.partition_point(|offset| usize::try_from(*offset).is_ok_and(|offset| offset <= element));
    (after > 0 && after < offsets.len()).then(|| after - 1)
}

/// The elements that one of the patterns is in. The values of all elements are searched as one text: most batches have
/// none, and then this is all that they cost.
pub(super) fn elements_with(patterns: &Searcher, column: &StringArray) -> Vec<usize> {
    let offsets = column.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Vec::new() };
    let edge = |offset: &i32| usize::try_from(*offset).unwrap_or_default();
    let (mut at, end) = (edge(first), edge(last));
    let mut elements = Vec::new();
    while let Some(found) = patterns.find(column.value_data(), at, end) {
        let element = offsets.partition_point(|offset| edge(offset) <= found.start()) - 1;
        let element_end = edge(&offsets[element + 1]);
        if found.end() <= element_end {
            elements.push(element);
        } else if let Some(inside) = patterns.find(column.value_data(), found.start(), element_end) {
            // What was found reaches into the next element; a shorter or later one may be whole in this.
            debug_assert!(inside.end() <= element_end);
            elements.push(element);
        }
        at = element_end;
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_inside_of_elements_only() {
        let patterns = Searcher::new(&["breaker", "akin"]);
        let column = StringArray::from(vec![
            Some("a breaker"),
            None,
            Some("brea"),
            Some("ker"),
            Some(""),
            Some("bre"),
            Some("akin breaker"),
            Some("x"),
        ]);
        assert_eq!(elements_with(&patterns, &column), [0, 6]);
        assert_eq!(elements_with(&patterns, &column.slice(1, 3)), [] as [usize; 0]);
        assert_eq!(elements_with(&patterns, &column.slice(5, 2)), [1]);
        assert_eq!(elements_with(&patterns, &StringArray::from(Vec::<&str>::new())), [] as [usize; 0]);
    }

    #[test]
    fn elements_belong_to_the_row_whose_offsets_hold_them() {
        assert_eq!(rows_of(&[2, 4, 4, 7], vec![0, 1, 2, 3, 4, 6, 7]), [0, 2]);
    }
}
