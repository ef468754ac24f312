//! JSON and NDJSON.

use arrow::{
    datatypes::{DataType, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};
use serde::Serialize;

use super::{cells::cells, types::type_name};
use crate::stream::QueryStats;

#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    r#type: String,
}

/// One object with all rows.
#[derive(Debug)]
pub(super) struct JsonWriter {
    rows: u64,
}

impl JsonWriter {
    pub(super) fn begin(schema: &Schema, out: &mut Vec<u8>) -> Self {
        let columns: Vec<Column<'_>> = schema
            .fields()
            .iter()
            .map(|field| Column { name: field.name(), r#type: type_name(field.data_type()) })
            .collect();
        out.extend_from_slice(b"{\"columns\":");
        append(&columns, out);
        out.extend_from_slice(b",\"rows\":[");
        Self { rows: 0 }
    }

    pub(super) fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = batch.schema();
        let mut columns = cells(schema.fields(), batch)?;
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if self.rows == 0 { b"[" } else { b",[" });
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                column.write_json(row, out);
            }
            out.push(b']');
            self.rows += 1;
        }
        Ok(())
    }

    pub(super) fn end(self, stats: &QueryStats, out: &mut Vec<u8>) {
        out.extend_from_slice(b"],\"stats\":");
        append(stats, out);
        out.extend_from_slice(b"}\n");
    }
}

/// One object per row.
#[derive(Debug)]
pub(crate) struct NdjsonWriter {
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    /// What a null of each column is written as.
    nulls: Vec<&'static [u8]>,
}

impl NdjsonWriter {
    /// Null lists and maps are empty ones.
    pub(crate) fn with_empty_collections(schema: &Schema) -> Self {
        let null = |data_type: &DataType| -> &'static [u8] {
            match data_type {
                DataType::List(_) => b"[]",
                DataType::Map(..) => b"{}",
                _ => b"null",
            }
        };
        let nulls = schema.fields().iter().map(|field| null(field.data_type())).collect();
        Self { nulls, ..Self::begin(schema) }
    }

    pub(super) fn begin(schema: &Schema) -> Self {
        let key = |name: &String| {
            let mut key = Vec::new();
            append(name, &mut key);
            key.push(b':');
            key
        };
        let keys: Vec<Vec<u8>> = schema.fields().iter().map(|field| key(field.name())).collect();
        Self { nulls: vec![b"null"; keys.len()], keys }
    }

    pub(crate) fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = batch.schema();
        let mut columns = cells(schema.fields(), batch)?;
        for row in 0..batch.num_rows() {
            out.push(b'{');
            for (index, (key, column)) in self.keys.iter().zip(&mut columns).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                match column.is_null(row) {
                    true => out.extend_from_slice(self.nulls[index]),
                    false => column.write_json(row, out),
                }
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(())
    }
}

fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("text and numbers are always valid JSON");
}
