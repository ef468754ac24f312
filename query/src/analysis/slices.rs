//! How the spans of a range are read for analysis: in slices of time, so that traces can be closed on the way and memory
//! does not grow with the range.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::{
    catalog::TableProvider,
    common::Result,
    datasource::provider_as_source,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col},
};
use spandrel_proto::model::Table;
use spandrel_store::Snapshot;

use crate::functions::timestamp;

/// Spans per slice, as far as that can be told from the files.
const SLICE_SPANS: u64 = 25_000;
/// More slices than this cost more to plan than they save.
const MAX_SLICES: u64 = 512;
const SECOND: i64 = 1_000_000_000;

/// About how many rows of `table` are in `[from, to)`. Rows in memory count as if all of them were.
pub(crate) fn estimated_rows(snapshot: &Snapshot, table: Table, from: i64, to: i64) -> u64 {
    let rows = snapshot.table(table);
    let hot: usize = rows.hot.iter().map(RecordBatch::num_rows).sum();
    let in_files = rows.files.iter().map(|file| {
        let whole = file.max_time.saturating_sub(file.min_time).saturating_add(1).max(1) as f64;
        let common = file.max_time.min(to.saturating_sub(1)).saturating_sub(file.min_time.max(from)).saturating_add(1);
        (file.rows as f64 * (common.max(0) as f64 / whole).min(1.0)) as u64
    });
    hot as u64 + in_files.sum::<u64>()
}

/// The range in slices that hold about equally many spans if those are spread evenly.
pub(crate) fn slices(snapshot: &Snapshot, from: i64, to: i64) -> Vec<(i64, i64)> {
    let rows = snapshot.table(Table::Spans);
    let held = !rows.hot.is_empty();
    // What lies outside of everything that is stored needs no slices.
    let first = rows.files.iter().map(|file| file.min_time).min();
    let last = rows.files.iter().map(|file| file.max_time).max();
    let (start, end) = match (first, last) {
        (Some(first), Some(last)) if !held => (from.max(first), to.min(last.saturating_add(1))),
        _ => (from, to),
    };
    if start >= end {
        return vec![(from, to)];
    }
    let spans = estimated_rows(snapshot, Table::Spans, start, end);
    let count = spans.div_ceil(SLICE_SPANS).clamp(1, MAX_SLICES) as i64;
    let length = (end.saturating_sub(start) / count).max(SECOND);
    let mut slices = Vec::new();
    let mut next = start;
    while next < end {
        let until = next.saturating_add(length).min(end);
        slices.push((next, until));
        next = until;
    }
    slices
}

/// The rows of a table with a time in `[from, to)`, and of its columns those named.
pub(crate) fn rows_between(
    table: Table,
    provider: Arc<dyn TableProvider>,
    columns: &[&str],
    (from, to): (i64, i64),
) -> Result<LogicalPlan> {
    let time = col(table.time_column());
    let columns: Vec<Expr> = columns.iter().map(|column| col(*column)).collect();
    LogicalPlanBuilder::scan(table.name(), provider_as_source(provider), None)?
        .filter(time.clone().gt_eq(timestamp(from)).and(time.lt(timestamp(to))))?
        .project(columns)?
        .build()
}
