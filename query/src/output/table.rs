//! Aligned columns.

use std::sync::Arc;

use arrow::{
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
    record_batch::RecordBatch,
    util::{display::FormatOptions, pretty::pretty_format_batches_with_schema},
};

/// Rows that are shown; what comes after is counted.
pub(super) const ROWS: usize = 10_000;

const TIME: &str = "%Y-%m-%dT%H:%M:%S%.9f";

#[derive(Debug)]
pub(super) struct TableWriter {
    schema: SchemaRef,
    shown: Vec<RecordBatch>,
    rows: usize,
    shown_rows: usize,
}

impl TableWriter {
    pub(super) fn begin(schema: &Schema) -> Self {
        Self { schema: Arc::new(schema.clone()), shown: Vec::new(), rows: 0, shown_rows: 0 }
    }

    pub(super) fn batch(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        let shown = batch.num_rows().min(ROWS - self.shown_rows);
        if shown > 0 {
            self.shown.push(batch.slice(0, shown));
            self.shown_rows += shown;
        }
    }

    pub(super) fn end(self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let zoned = format!("{TIME}Z");
        let options = FormatOptions::default()
            .with_display_error(true)
            .with_timestamp_format(Some(TIME))
            .with_timestamp_tz_format(Some(&zoned));
        let table = pretty(&self.shown, &self.schema, &options)?;
        out.extend_from_slice(table.as_bytes());
        out.push(b'\n');
        if self.rows > self.shown_rows {
            out.extend_from_slice(format!("({} more rows)\n", self.rows - self.shown_rows).as_bytes());
        }
        Ok(())
    }
}

fn pretty(batches: &[RecordBatch], schema: &SchemaRef, options: &FormatOptions<'_>) -> Result<String, ArrowError> {
    if batches.is_empty() {
        return Ok(pretty_format_batches_with_schema(schema.clone(), batches)?.to_string());
    }
    Ok(arrow::util::pretty::pretty_format_batches_with_options(batches, options)?.to_string())
}
