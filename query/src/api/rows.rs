//! Results of queries that the API itself makes, as values.

use futures::TryStreamExt;
use serde::de::DeserializeOwned;

use crate::{
    engine::Engine,
    error::QueryError,
    output::{Format, Writer},
    stream::QueryStream,
};

/// The rows of `sql`, whose columns are the fields of `T`, within the limits of results that are delivered whole.
pub(super) async fn rows<T: DeserializeOwned>(engine: &Engine, sql: &str) -> Result<Vec<T>, QueryError> {
    rows_of(engine, &mut engine.sql(sql).await?).await
}

/// The rows that `stream` still has.
pub(super) async fn rows_of<T: DeserializeOwned>(
    engine: &Engine,
    stream: &mut QueryStream,
) -> Result<Vec<T>, QueryError> {
    let schema = stream.schema();
    let mut lines = Vec::new();
    let mut writer = Writer::begin(Format::Ndjson, &schema, &mut lines).map_err(internal)?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = stream.try_next().await? {
        writer.batch(&batch, &mut lines).map_err(internal)?;
        bytes += lines.len();
        check_bytes(engine, bytes)?;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            rows.push(serde_json::from_slice(line).map_err(internal)?);
        }
        check_rows(engine, rows.len() as u64)?;
        lines.clear();
    }
    Ok(rows)
}

pub(super) fn check_rows(engine: &Engine, rows: u64) -> Result<(), QueryError> {
    let limit = engine.limits().result_rows;
    if rows > limit { Err(QueryError::ResultTooLarge { limit, unit: "rows" }) } else { Ok(()) }
}

pub(super) fn check_bytes(engine: &Engine, bytes: usize) -> Result<(), QueryError> {
    let limit = engine.limits().result_bytes;
    if bytes > limit { Err(QueryError::ResultTooLarge { limit: limit as u64, unit: "bytes" }) } else { Ok(()) }
}

pub(super) fn internal(error: impl std::fmt::Display) -> QueryError {
    QueryError::Internal { message: error.to_string() }
}
