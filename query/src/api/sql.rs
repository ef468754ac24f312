//! `POST /sql`.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use axum::{
    Json,
    body::Body,
    extract::{State, rejection::JsonRejection},
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    error::{ApiError, ErrorBody},
    rows::{check_bytes, check_rows, internal},
};
use crate::{
    engine::Engine,
    error::QueryError,
    output::{Format, Writer},
    stream::{QueryStats, QueryStream},
};

const FORMATS: [Format; 4] = [Format::Json, Format::Ndjson, Format::Csv, Format::Arrow];

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlRequest {
    /// One statement that reads.
    #[schema(example = "SELECT service_name, count(*) AS spans FROM spans GROUP BY 1 ORDER BY 2 DESC")]
    sql: String,
}

/// A result as JSON. Written by [`Format::Json`]; this is its definition.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SqlResult {
    columns: Vec<Column>,
    /// One array per row, one value per column.
    rows: Vec<Vec<Value>>,
    stats: QueryStats,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Column {
    name: String,
    /// The SQL type, such as `VARCHAR`, `BIGINT`, `TIMESTAMP WITH TIME ZONE`, `MAP(VARCHAR, VARCHAR)`.
    r#type: String,
}

/// Run a SQL statement
///
/// `Accept` chooses the format: JSON comes whole and within limits of rows and bytes; NDJSON, CSV and Arrow are streamed,
/// and the connection is cut if the query fails after the first rows were sent.
#[utoipa::path(
    post,
    path = "/api/v1/sql",
    operation_id = "sql",
    request_body = SqlRequest,
    responses(
        (status = 200, description = "The result", content(
            (SqlResult = "application/json"),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"),
        )),
        (status = 400, description = "The statement is wrong", body = ErrorBody),
        (status = 403, description = "The statement writes", body = ErrorBody),
        (status = 413, description = "The result is too large for JSON", body = ErrorBody),
        (status = 415, description = "The request is not JSON", body = ErrorBody),
        (status = 503, description = "Too many queries run; see Retry-After", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody),
        (status = 507, description = "The query needs too much memory", body = ErrorBody),
    )
)]
pub(super) async fn sql(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
    request: Result<Json<SqlRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(request) = request?;
    let format = accepted(&headers)?;
    let result = engine.sql(&request.sql).await?;
    let body = if format == Format::Json {
        Body::from(whole(&engine, result).await?)
    } else {
        streamed(format, result).await?
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}

/// The format that the client likes best. JSON if it does not care.
fn accepted(headers: &HeaderMap) -> Result<Format, ApiError> {
    let wanted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if wanted.is_empty() {
        return Ok(Format::Json);
    }
    let wanted = wanted.join(", ");
    let mut best: Option<(f32, Format)> = None;
    for range in wanted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        let matched = FORMATS.into_iter().find(|format| matches(&media_type, format.media_type()));
        if let Some(format) = matched
            && quality > best.map_or(0.0, |(quality, _)| quality)
        {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| ApiError::not_acceptable(&wanted))
}

fn matches(range: &str, media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default();
    match range.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => media_type.split('/').next() == Some(kind),
        None => range == media_type,
    }
}

/// All of a result as JSON, so that an error at any point still has its status.
async fn whole(engine: &Engine, mut result: QueryStream) -> Result<Vec<u8>, QueryError> {
    let mut body = Vec::new();
    let mut writer = Writer::begin(Format::Json, &result.schema(), &mut body).map_err(internal)?;
    while let Some(batch) = result.try_next().await? {
        check_rows(engine, result.stats().rows)?;
        writer.batch(&batch, &mut body).map_err(internal)?;
        check_bytes(engine, body.len())?;
    }
    writer.end(&result.stats(), &mut body).map_err(internal)?;
    Ok(body)
}

/// A result that is sent as it is produced. Waits for the first batch, so that most errors still have their status.
async fn streamed(format: Format, mut result: QueryStream) -> Result<Body, QueryError> {
    let mut chunk = Vec::new();
    let mut writer = Writer::begin(format, &result.schema(), &mut chunk).map_err(internal)?;
    if let Some(batch) = result.try_next().await? {
        writer.batch(&batch, &mut chunk).map_err(internal)?;
    }
    let first = stream::once(async { Ok(chunk) });
    let rest = stream::try_unfold(Some((writer, result)), |state| async {
        match state {
            Some((writer, result)) => next_chunk(writer, result).await.map(Some),
            None => Ok(None),
        }
    });
    let rest = rest.inspect_err(|error: &QueryError| tracing::warn!(%error, "a query failed after its first rows"));
    Ok(Body::from_stream(first.chain(rest)))
}

type StreamState = Option<(Writer, QueryStream)>;

async fn next_chunk(mut writer: Writer, mut result: QueryStream) -> Result<(Vec<u8>, StreamState), QueryError> {
    let mut chunk = Vec::new();
    let batch: Option<RecordBatch> = result.try_next().await?;
    match batch {
        Some(batch) => {
            writer.batch(&batch, &mut chunk).map_err(internal)?;
            Ok((chunk, Some((writer, result))))
        }
        None => {
            writer.end(&result.stats(), &mut chunk).map_err(internal)?;
            Ok((chunk, None))
        }
    }
}
