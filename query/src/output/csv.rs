//! CSV.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray},
    compute::cast,
    datatypes::{DataType, FieldRef, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};

use super::cells::Cells;

/// A header and lines. Null is nothing, empty text is `""`.
#[derive(Debug)]
pub(super) struct CsvWriter {
    cell: Vec<u8>,
}

enum CsvColumn<'a> {
    Text(Arc<StringArray>),
    Other(Cells<'a>),
}

impl CsvWriter {
    pub(super) fn begin(schema: &Schema, out: &mut Vec<u8>) -> Self {
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            quoted(field.name().as_bytes(), out);
        }
        out.push(b'\n');
        Self { cell: Vec::new() }
    }

    pub(super) fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = batch.schema();
        let mut columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| csv_column(field, column))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.write_cell(column, row, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn write_cell(&mut self, column: &mut CsvColumn<'_>, row: usize, out: &mut Vec<u8>) {
        match column {
            CsvColumn::Text(text) => {
                if text.is_valid(row) {
                    quoted(text.value(row).as_bytes(), out);
                }
            }
            CsvColumn::Other(cells) => {
                if cells.is_null(row) {
                    return;
                }
                self.cell.clear();
                cells.write_json(row, &mut self.cell);
                // JSON's way to say that a number is not one.
                if self.cell != b"null" {
                    let bare = self.cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\""));
                    quoted(bare.unwrap_or(&self.cell), out);
                }
            }
        }
    }
}

fn csv_column<'a>(field: &'a FieldRef, column: &'a ArrayRef) -> Result<CsvColumn<'a>, ArrowError> {
    let value_type = match field.data_type() {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    match value_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = cast(column, &DataType::Utf8)?;
            Ok(CsvColumn::Text(Arc::new(text.as_string::<i32>().clone())))
        }
        _ => Ok(CsvColumn::Other(Cells::new(field, column)?)),
    }
}

fn quoted(cell: &[u8], out: &mut Vec<u8>) {
    let plain = !cell.is_empty() && !cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if plain {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
