//! The source over rows that are still in memory.

use std::sync::Arc;

use arrow::{
    datatypes::{FieldRef, SchemaRef},
    error::ArrowError,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use datafusion::{
    common::Result,
    datasource::{memory::MemorySourceConfig, source::DataSourceExec},
    physical_plan::{ExecutionPlan, filter::FilterExec},
};

use super::{filter::ScanFilter, present::present};

/// A plan over `batches` of the stored schema that produces `columns` of it as `scanned`.
pub(super) fn hot_plan(
    batches: &[RecordBatch],
    columns: &[usize],
    scanned: &SchemaRef,
    filter: &ScanFilter,
    partitions: usize,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let batches = batches.iter().map(|batch| scanned_batch(batch, columns, scanned)).collect::<Result<Vec<_>, _>>()?;
    let source = MemorySourceConfig::try_new(&split(batches, partitions), scanned.clone(), None)?
        .with_limit(limit)
        .with_show_sizes(false);
    let plan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(source);
    match &filter.ids {
        // Comparing bytes here spares presenting the ids of rows that do not match.
        Some(ids) => Ok(Arc::new(FilterExec::try_new(ids.clone(), plan)?)),
        None => Ok(plan),
    }
}

fn scanned_batch(batch: &RecordBatch, columns: &[usize], scanned: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let stored = batch.schema();
    let scan = |(column, field): (&usize, &FieldRef)| {
        let stored = stored.field(*column);
        if stored.data_type() == field.data_type() {
            return Ok(batch.column(*column).clone());
        }
        present(batch.column(*column), stored, field)
    };
    let arrays = columns.iter().zip(scanned.fields()).map(scan).collect::<Result<Vec<_>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(scanned.clone(), arrays, &options)
}

/// Deals `batches` out to at most `partitions` partitions of about equal rows.
fn split(batches: Vec<RecordBatch>, partitions: usize) -> Vec<Vec<RecordBatch>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let share = rows.div_ceil(partitions.max(1)).max(1);
    let mut split: Vec<Vec<RecordBatch>> = vec![Vec::new()];
    let mut filled = 0;
    for batch in batches {
        if filled >= share {
            split.push(Vec::new());
            filled = 0;
        }
        filled += batch.num_rows();
        split.last_mut().expect("the vector starts with one partition").push(batch);
    }
    split
}
