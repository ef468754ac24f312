//! `GET /traces/{id}`.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spandrel_proto::model::id::{parse_trace_id, to_hex};

use super::{
    attributes::{RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES},
    error::{ApiError, ErrorBody},
    rows::rows,
};
use crate::{engine::Engine, error::QueryError, time::format_time};

/// A trace with all its spans.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Trace {
    trace_id: String,
    /// When the first span starts.
    #[schema(format = DateTime)]
    start_time: String,
    /// From the start of the first span to the end of the last.
    duration_ms: f64,
    /// Names of the services with a span, in order.
    services: BTreeSet<String>,
    /// In order of start.
    spans: Vec<Span>,
}

/// A span with everything that is stored of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Span {
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    /// `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER` or `UNSPECIFIED`.
    kind: String,
    service_name: String,
    #[schema(format = DateTime)]
    start_time: String,
    duration_ns: i64,
    /// `UNSET`, `OK` or `ERROR`.
    status_code: String,
    status_message: Option<String>,
    /// `ok`, `client_fault`, `rejected`, `server_fault`, `timeout`, `cancelled`, `unreachable` or `unknown`.
    outcome: String,
    /// Under their OpenTelemetry names, those with a column of their own included.
    attributes: Map<String, Value>,
    resource_attributes: Map<String, Value>,
    events: Vec<Event>,
    links: Vec<Link>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Event {
    #[schema(format = DateTime)]
    time: String,
    name: String,
    #[serde(deserialize_with = "or_empty")]
    attributes: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Link {
    trace_id: String,
    span_id: String,
    trace_state: Option<String>,
    #[serde(deserialize_with = "or_empty")]
    attributes: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SpanRow {
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    kind: String,
    start_ns: i64,
    duration_ns: i64,
    status_code: String,
    status_message: Option<String>,
    outcome: String,
    service_name: String,
    /// Those without a column of their own.
    pub(super) attributes: Option<Map<String, Value>>,
    resource_attributes: Option<Map<String, Value>>,
    events: Option<Vec<Event>>,
    links: Option<Vec<Link>>,
    span_columns: Map<String, Value>,
    resource_columns: Map<String, Value>,
}

/// One trace
#[utoipa::path(
    get,
    path = "/api/v1/traces/{id}",
    operation_id = "trace",
    params(("id" = String, Path, description = "32 hex digits, or 16 of an id of 64 bits")),
    responses(
        (status = 200, description = "The trace", body = Trace),
        (status = 400, description = "The id is not one", body = ErrorBody),
        (status = 404, description = "There is no such trace", body = ErrorBody),
    )
)]
pub(super) async fn trace(State(engine): State<Arc<Engine>>, Path(id): Path<String>) -> Result<Json<Trace>, ApiError> {
    let trace_id = parse_trace_id(&id).ok_or_else(|| {
        ApiError::parameter("id", format!("'{id}' is not a trace id; it has 32 hex digits (or 16), not all zero"))
    })?;
    let trace_id = to_hex(&trace_id);
    let spans = span_rows(&engine, &format!("trace('{trace_id}')")).await?;
    let Some(start_ns) = spans.iter().map(|span| span.start_ns).min() else {
        return Err(ApiError::unknown_trace(&trace_id));
    };
    let end_ns = spans.iter().map(|span| span.start_ns.saturating_add(span.duration_ns)).max().unwrap_or(start_ns);
    Ok(Json(Trace {
        trace_id,
        start_time: format_time(start_ns),
        duration_ms: end_ns.saturating_sub(start_ns) as f64 / 1e6,
        services: spans.iter().map(|span| span.service_name.clone()).collect(),
        spans: spans.into_iter().map(Span::from).collect(),
    }))
}

/// The spans of `source`: a table and what follows it in a statement.
pub(super) async fn span_rows(engine: &Engine, source: &str) -> Result<Vec<SpanRow>, QueryError> {
    let sql = format!(
        "SELECT span_id, parent_span_id, name, kind, CAST(start_time AS BIGINT) AS start_ns, duration_ns, status_code, \
         status_message, outcome, service_name, attributes, resource_attributes, events, links, {} AS span_columns, \
         {} AS resource_columns FROM {source}",
        named_struct(&SPAN_ATTRIBUTES),
        named_struct(&RESOURCE_ATTRIBUTES),
    );
    rows(engine, &sql).await
}

impl From<SpanRow> for Span {
    fn from(row: SpanRow) -> Self {
        Span {
            span_id: row.span_id,
            parent_span_id: row.parent_span_id,
            name: row.name,
            kind: row.kind,
            service_name: row.service_name,
            start_time: format_time(row.start_ns),
            duration_ns: row.duration_ns,
            status_code: row.status_code,
            status_message: row.status_message,
            outcome: row.outcome,
            attributes: merged(row.attributes, row.span_columns),
            resource_attributes: merged(row.resource_attributes, row.resource_columns),
            events: row.events.unwrap_or_default(),
            links: row.links.unwrap_or_default(),
        }
    }
}

/// A struct of columns under the names of their attributes.
fn named_struct(columns: &[(&str, &str)]) -> String {
    let fields: Vec<String> = columns.iter().map(|(column, attribute)| format!("'{attribute}', {column}")).collect();
    format!("named_struct({})", fields.join(", "))
}

fn merged(attributes: Option<Map<String, Value>>, columns: Map<String, Value>) -> Map<String, Value> {
    let mut merged = attributes.unwrap_or_default();
    merged.extend(columns.into_iter().filter(|(_, value)| !value.is_null()));
    merged
}

fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
