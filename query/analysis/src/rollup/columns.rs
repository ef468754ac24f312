//! Columns of a batch by name, in the types that tables are stored in.

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, ListArray, StringArray},
    compute::cast,
    datatypes::{DataType, Field, Float64Type, Int64Type},
    error::ArrowError,
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;

use crate::sketch::SketchError;

/// Why rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("no column {column} in rows of {table}")]
    Missing { table: Table, column: &'static str },
    #[error("column {column} of {table} is {found}, which is not what it is stored as")]
    Type { table: Table, column: &'static str, found: DataType },
    #[error("column {column} of {table}")]
    Sketch { table: Table, column: &'static str, source: SketchError },
    #[error("{table} is no table of counts per minute")]
    Table { table: Table },
    #[error("rows cannot be read: {0}")]
    Rows(#[from] ArrowError),
}

/// The columns of a batch of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) table: Table,
    pub(crate) batch: &'a RecordBatch,
}

impl Columns<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(crate) fn texts(&self, column: &'static str) -> Result<StringArray, ReadError> {
        Ok(self.typed(column)?.as_string::<i32>().clone())
    }

    pub(crate) fn longs(&self, column: &'static str) -> Result<Int64Array, ReadError> {
        Ok(self.typed(column)?.as_primitive::<Int64Type>().clone())
    }

    pub(crate) fn doubles(&self, column: &'static str) -> Result<Float64Array, ReadError> {
        Ok(self.typed(column)?.as_primitive::<Float64Type>().clone())
    }

    pub(crate) fn binaries(&self, column: &'static str) -> Result<BinaryArray, ReadError> {
        Ok(self.typed(column)?.as_binary::<i32>().clone())
    }

    pub(crate) fn lists(&self, column: &'static str) -> Result<ListArray, ReadError> {
        Ok(self.typed(column)?.as_list::<i32>().clone())
    }

    /// The column in its stored type: queries show times as timestamps and may have texts in another layout.
    fn typed(&self, column: &'static str) -> Result<ArrayRef, ReadError> {
        let table = self.table;
        let found = self.batch.column_by_name(column).ok_or(ReadError::Missing { table, column })?;
        let stored = table.schema();
        let stored = stored.field_with_name(column).map_or(found.data_type(), Field::data_type);
        if found.data_type() == stored {
            return Ok(found.clone());
        }
        cast(found, stored).map_err(|_| ReadError::Type { table, column, found: found.data_type().clone() })
    }
}

/// The text of a row, empty if there is none.
pub(crate) fn text(column: &StringArray, row: usize) -> &str {
    if column.is_valid(row) { column.value(row) } else { "" }
}

/// The number of a row, 0 if there is none.
pub(crate) fn long(column: &Int64Array, row: usize) -> i64 {
    if column.is_valid(row) { column.value(row) } else { 0 }
}
