//! Columns of the tables that lines become, filled a record at a time.

mod breakers;
mod logs;
mod rejects;
mod requests;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    record_batch::{RecordBatch, RecordBatchOptions},
};
use spandrel_proto::{
    columns::{Bytes, Finisher, Maps, text_prefix},
    model::Table,
};

pub use breakers::{BreakerRow, BreakerRows};
pub use logs::LogRows;
pub use rejects::RejectRows;
pub use requests::RequestRows;

use crate::record::Text;

/// The most bytes of one text or attribute value; longer ones are cut.
const VALUE_BYTES: usize = 64 * 1024;
/// The most attributes of one record; the rest is dropped.
const ATTRIBUTES: usize = 1024;

/// What was changed in records that were stored all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs {
    pub not_utf8: u64,
    pub values_truncated: u64,
    pub attributes_dropped: u64,
}

fn push_text(column: &mut Bytes, row: usize, text: &str, repairs: &mut Repairs) {
    let kept = text_prefix(text.as_bytes(), VALUE_BYTES);
    repairs.values_truncated += u64::from(kept.len() < text.len());
    column.push(row, kept);
}

fn push_some(column: &mut Bytes, row: usize, text: Option<&Text<'_>>, repairs: &mut Repairs) {
    if let Some(text) = text
        && !text.is_empty()
    {
        push_text(column, row, text, repairs);
    }
}

fn push_attributes(column: &mut Maps, row: usize, attributes: &[(Text<'_>, Text<'_>)], repairs: &mut Repairs) {
    let kept = &attributes[..attributes.len().min(ATTRIBUTES)];
    repairs.attributes_dropped += (attributes.len() - kept.len()) as u64;
    for (key, value) in kept {
        let entry = column.entries();
        push_text(&mut column.keys, entry, key, repairs);
        push_text(&mut column.values, entry, value, repairs);
    }
    column.end_row(row);
}

fn finish_map(table: Table, name: &str, column: Maps, finisher: &mut Finisher) -> ArrayRef {
    column.finish(field(&table.schema(), name), finisher)
}

fn field<'s>(schema: &'s arrow::datatypes::Schema, name: &str) -> &'s arrow::datatypes::Field {
    schema.field_with_name(name).expect("the column is one of the table's")
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

/// Puts finished columns in the order of the table's schema; columns that were not given are null.
fn assemble(table: Table, rows: usize, mut columns: Vec<(&'static str, ArrayRef)>) -> RecordBatch {
    let schema = table.schema();
    let ordered =
        schema.fields().iter().map(|field| match columns.iter().position(|(name, _)| *name == field.name()) {
            Some(position) => columns.swap_remove(position).1,
            None => arrow::array::new_null_array(field.data_type(), rows),
        });
    let ordered: Vec<ArrayRef> = ordered.collect();
    debug_assert!(columns.is_empty(), "columns that {table} does not have: {columns:?}");
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, ordered, &options)
        .expect("each required column is written for each row, by the types of the schema")
}
