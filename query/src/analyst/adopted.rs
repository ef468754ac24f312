//! Findings that were open when the server last ran.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::AsArray,
    compute::{filter_record_batch, is_null},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};
use spandrel_analysis::findings::track;
use spandrel_proto::model::Table;

use crate::{Engine, analysis::RollupRows, error::QueryError};

/// The rows of findings that are open.
pub(super) async fn open_findings(engine: &Arc<Engine>) -> Result<Vec<RecordBatch>, QueryError> {
    let rows = engine.compute(|tables| RollupRows::new(tables, Table::Findings, (i64::MIN, i64::MAX))).await?;
    let is_open = |batch: &RecordBatch| {
        let closed = batch.column_by_name("closed").cloned();
        closed.and_then(|closed| is_null(&closed).ok()).and_then(|open| filter_record_batch(batch, &open).ok())
    };
    Ok(rows.iter().filter_map(is_open).collect())
}

/// The ids of findings, with when they opened.
pub(super) fn ids(rows: &[RecordBatch]) -> impl Iterator<Item = (&str, i64)> {
    rows.iter().flat_map(|batch| {
        let ids = batch.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>());
        let opened = batch.column_by_name("opened").and_then(|opened| opened.as_primitive_opt::<Int64Type>());
        let rows = ids.zip(opened).into_iter().flat_map(|(ids, opened)| ids.iter().zip(opened));
        rows.map(|(id, opened)| (id.unwrap_or_default(), opened.unwrap_or_default()))
    })
}

/// Rows that close those of the open findings with one of `ids`.
pub(super) async fn closing_rows(
    engine: &Arc<Engine>,
    ids: &BTreeSet<String>,
    now: i64,
) -> Result<Vec<RecordBatch>, QueryError> {
    let open = open_findings(engine).await?;
    let closing: Result<Vec<_>, _> = open.iter().map(|batch| track::closing_rows(batch, ids, now)).collect();
    closing.map_err(|error| QueryError::Internal { message: error.to_string() })
}
