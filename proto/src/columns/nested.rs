//! Columns of maps and lists.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, PrimitiveArray, StructArray},
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef, Fields},
};

use super::{Bytes, Finisher, Texts};

/// Where each row's elements end in a nested column; rows without elements are null.
#[derive(Debug)]
pub struct Nesting {
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }
}

impl Nesting {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ends `row`, whose elements are all those up to `elements`; without any of its own it stays null.
    #[inline]
    pub fn end_row(&mut self, row: usize, elements: usize) {
        let end = i32::try_from(elements).expect("elements are bounded by DecodeLimits::MAX_EXPANDED_BYTES");
        if self.offsets.last() != Some(&end) {
            self.push_row(row, end);
        }
    }

    /// Ends `row` as [`Nesting::end_row`] does, but an empty row is an empty list, not null.
    pub fn end_present_row(&mut self, row: usize, elements: usize) {
        let end = i32::try_from(elements).expect("elements are bounded by DecodeLimits::MAX_EXPANDED_BYTES");
        self.push_row(row, end);
    }

    fn push_row(&mut self, row: usize, end: i32) {
        self.pad(row);
        self.offsets.push(end);
        self.nulls.append_non_null();
    }

    fn pad(&mut self, row: usize) {
        let missing = row - self.len();
        if missing > 0 {
            let end = self.offsets.last().copied().unwrap_or(0);
            self.offsets.extend(std::iter::repeat_n(end, missing));
            self.nulls.append_n_nulls(missing);
        }
    }

    fn finish(mut self, rows: usize) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        self.pad(rows);
        (OffsetBuffer::new(ScalarBuffer::from(self.offsets)), self.nulls.finish())
    }
}

/// A column of attribute maps.
#[derive(Debug, Default)]
pub struct Maps {
    nesting: Nesting,
    pub keys: Bytes,
    pub values: Bytes,
}

impl Maps {
    /// Entries written so far, of all rows.
    pub fn entries(&self) -> usize {
        self.keys.len()
    }

    /// Sets `rows`, which are past every row set before, to the same entries.
    pub fn push_run(&mut self, rows: Range<usize>, keys: &Texts, values: &Texts) {
        for row in rows {
            let entry = self.entries();
            self.keys.push_texts(entry, keys);
            self.values.push_texts(entry, values);
            self.end_row(row);
        }
    }

    #[inline]
    pub fn end_row(&mut self, row: usize) {
        self.nesting.end_row(row, self.keys.len());
    }

    pub fn finish(self, field: &Field, finisher: &mut Finisher) -> ArrayRef {
        let DataType::Map(entries_field, ordered) = field.data_type() else {
            unreachable!("attribute columns are maps by schema")
        };
        let DataType::Struct(entry_fields) = entries_field.data_type() else {
            unreachable!("map entries are structs by definition")
        };
        let (offsets, nulls) = self.nesting.finish(finisher.rows);
        let columns = finisher.nested(self.keys.len(), |finisher| {
            vec![self.keys.finish_text(finisher), self.values.finish_text(finisher)]
        });
        let entries = StructArray::new(entry_fields.clone(), columns, None);
        Arc::new(MapArray::new(Arc::clone(entries_field), offsets, entries, nulls, *ordered))
    }
}

/// A column of lists of numbers.
#[derive(Debug)]
pub struct NumberLists<T: ArrowPrimitiveType> {
    nesting: Nesting,
    pub elements: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Default for NumberLists<T> {
    fn default() -> Self {
        Self { nesting: Nesting::default(), elements: Vec::new() }
    }
}

impl<T: ArrowPrimitiveType> NumberLists<T> {
    pub fn end_row(&mut self, row: usize) {
        self.nesting.end_row(row, self.elements.len());
    }

    pub fn end_present_row(&mut self, row: usize) {
        self.nesting.end_present_row(row, self.elements.len());
    }

    pub fn finish(self, field: &Field, finisher: &mut Finisher) -> ArrayRef {
        let (offsets, nulls) = self.nesting.finish(finisher.rows);
        let elements = PrimitiveArray::<T>::new(ScalarBuffer::from(self.elements), None);
        Arc::new(ListArray::new(list_item(field), offsets, Arc::new(elements), nulls))
    }
}

/// Closes a column of lists of structs over the finished columns of its elements.
pub fn finish_struct_lists(
    field: &Field,
    nesting: Nesting,
    elements: usize,
    finisher: &mut Finisher,
    columns: impl FnOnce(&Fields, &mut Finisher) -> Vec<ArrayRef>,
) -> ArrayRef {
    let item = list_item(field);
    let DataType::Struct(item_fields) = item.data_type() else { unreachable!("list items are structs by schema") };
    let (offsets, nulls) = nesting.finish(finisher.rows);
    let columns = finisher.nested(elements, |finisher| columns(item_fields, finisher));
    let structs = StructArray::new(item_fields.clone(), columns, None);
    Arc::new(ListArray::new(Arc::clone(&item), offsets, Arc::new(structs), nulls))
}

fn list_item(field: &Field) -> FieldRef {
    let DataType::List(item) = field.data_type() else { unreachable!("list columns are lists by schema") };
    Arc::clone(item)
}

/// Closes a column of lists of texts.
pub fn finish_text_lists(field: &Field, nesting: Nesting, elements: Bytes, finisher: &mut Finisher) -> ArrayRef {
    let (offsets, nulls) = nesting.finish(finisher.rows);
    let texts = finisher.nested(elements.len(), |finisher| elements.finish_text(finisher));
    Arc::new(ListArray::new(list_item(field), offsets, texts, nulls))
}
