//! `GET /flows/{id}/records/{record}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spandrel_analysis::flow::FlowId;

use super::{MEMBERS, Record, lines, own_gap, unknown};
use crate::{
    api::{
        error::{ApiError, ErrorBody},
        parameters::quote,
        rows::{internal, rows},
        trace::{Span, span_rows},
    },
    engine::Engine,
    error::QueryError,
};

/// Longer texts of logs are not compared: ids and times are enough then.
const MAX_COMPARED_BYTES: usize = 16 << 10;

/// A record of a flow with everything that is stored of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct FlowRecord {
    #[serde(flatten)]
    record: Record,
    /// Of a span: with the attributes that have columns, those of its resource, its events and links.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Span>,
}

#[derive(Debug, Deserialize)]
struct AttributesRow {
    attributes: Option<Map<String, Value>>,
}

/// One record of a flow, with its attributes
#[utoipa::path(
    get,
    path = "/api/v1/flows/{id}/records/{record}",
    operation_id = "flowRecord",
    params(
        ("id" = String, Path, description = "A trace id, a request id or any other correlation id of at least 8 characters"),
        ("record" = u32, Path, description = "Its index in `records`. It may be another one's after more of the flow has been stored: `time`, `type` and `span_id` tell"),
    ),
    responses(
        (status = 200, description = "The record", body = FlowRecord),
        (status = 400, description = "The id identifies nothing, or the index is no number", body = ErrorBody),
        (status = 404, description = "No record has the id, or the flow has fewer records", body = ErrorBody),
    )
)]
pub(in crate::api) async fn record(
    State(engine): State<Arc<Engine>>,
    Path((id, record)): Path<(String, String)>,
) -> Result<Json<FlowRecord>, ApiError> {
    let flow_id = FlowId::parse(&id).map_err(|error| ApiError::parameter("id", error.to_string()))?;
    let index: u32 = record
        .parse()
        .map_err(|_| ApiError::parameter("record", format!("record: '{record}' is not the index of a record")))?;
    let sql = format!("SELECT {MEMBERS} FROM flow({}) WHERE position = {index}", quote(&id));
    let mut stream = engine.sql(&sql).await?;
    let found = lines(&engine, &mut stream).await?;
    let summary = stream.flow().ok_or_else(|| internal("the flow has no summary"))?;
    let records: u64 = summary.records.values().sum();
    if found.is_empty() {
        return Err(if records == 0 { unknown(&flow_id) } else { ApiError::unknown_record(index, records) });
    }
    let mut record: Record = serde_json::from_slice(&found).map_err(internal)?;
    if index == 0 {
        record.gap = record.gap.and_then(|gap| own_gap(&gap, summary));
    }
    let (attributes, span) = details(&engine, &record).await?;
    record.attributes = Some(attributes);
    Ok(Json(FlowRecord { record, span }))
}

/// What the table of the record says beside what the flow shows.
async fn details(engine: &Engine, record: &Record) -> Result<(Map<String, Value>, Option<Span>), QueryError> {
    let is = |column: &str, value: &Option<String>| match value {
        Some(value) => format!("{column} = {}", quote(value)),
        None => format!("{column} IS NULL"),
    };
    let ids = [
        is("trace_id", &record.trace_id),
        is("span_id", &record.span_id),
        is("correlation_id", &record.correlation_id),
    ];
    // The flow tells of a missing name of a service as empty.
    let service = |column: &str| match record.service.as_str() {
        "" => format!("({column} IS NULL OR {column} = '')"),
        service => format!("{column} = {}", quote(service)),
    };
    let time = |column: &str| format!("{column} = TIMESTAMP {}", quote(&record.time));
    let mut conditions = ids.to_vec();
    let table = match record.r#type.as_str() {
        "span" => {
            conditions.extend([time("start_time"), service("service_name"), is("kind", &record.kind)]);
            // Of copies of a span, the one that the flow shows.
            let order = "ORDER BY end_time DESC, cardinality(attributes) DESC LIMIT 1";
            let found = span_rows(engine, &format!("spans WHERE {} {order}", conditions.join(" AND "))).await?;
            let found = found.into_iter().next();
            let attributes = found.as_ref().and_then(|span| span.attributes.clone()).unwrap_or_default();
            return Ok((attributes, found.map(Span::from)));
        }
        "request" => {
            conditions.extend([time("start_time"), service("gateway"), is("side", &record.kind)]);
            "requests"
        }
        "log" => {
            conditions.extend([time("time"), service("service_name"), is("severity_text", &record.kind)]);
            let body = record.body.as_ref().filter(|body| body.len() <= MAX_COMPARED_BYTES);
            conditions.extend(body.map(|body| format!("body = {}", quote(body))));
            "logs"
        }
        _ => return Ok((Map::new(), None)),
    };
    let sql = format!("SELECT attributes FROM {table} WHERE {} LIMIT 1", conditions.join(" AND "));
    let found: Vec<AttributesRow> = rows(engine, &sql).await?;
    Ok((found.into_iter().next().and_then(|row| row.attributes).unwrap_or_default(), None))
}
