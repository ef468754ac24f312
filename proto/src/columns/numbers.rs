//! Number and boolean columns.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, NullBufferBuilder, PrimitiveArray, new_null_array},
    buffer::ScalarBuffer,
    datatypes::{ArrowPrimitiveType, Float64Type, Int32Type, Int64Type},
};

use super::Finisher;

/// A nullable column of numbers.
#[derive(Debug)]
pub struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

pub type Int32s = Numbers<Int32Type>;
pub type Int64s = Numbers<Int64Type>;
pub type Float64s = Numbers<Float64Type>;

impl<T: ArrowPrimitiveType> Default for Numbers<T> {
    fn default() -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub fn push(&mut self, row: usize, value: T::Native) {
        self.pad(row);
        self.values.push(value);
        self.nulls.append_non_null();
    }

    /// Sets `row`, the last one or one past it; the value of a row set before is replaced.
    pub fn set(&mut self, row: usize, value: T::Native) {
        match self.values.get_mut(row) {
            Some(before) => *before = value,
            None => self.push(row, value),
        }
    }

    /// Sets `row` unless it is set.
    pub fn set_default(&mut self, row: usize) {
        if self.values.len() <= row {
            self.push(row, T::Native::default());
        }
    }

    pub fn finish(mut self, finisher: &mut Finisher) -> ArrayRef {
        if self.values.is_empty() {
            return new_null_array(&T::DATA_TYPE, finisher.rows);
        }
        self.pad(finisher.rows);
        Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(self.values), self.nulls.finish()))
    }

    #[inline]
    fn pad(&mut self, row: usize) {
        let missing = row - self.values.len();
        if missing > 0 {
            self.values.resize(row, T::Native::default());
            self.nulls.append_n_nulls(missing);
        }
    }
}

/// A nullable column of booleans.
#[derive(Debug, Default)]
pub struct Booleans {
    values: Vec<Option<bool>>,
}

impl Booleans {
    pub fn push(&mut self, row: usize, value: bool) {
        self.values.resize(row, None);
        self.values.push(Some(value));
    }

    pub fn finish(mut self, finisher: &mut Finisher) -> ArrayRef {
        self.values.resize(finisher.rows, None);
        Arc::new(BooleanArray::from(self.values))
    }
}
