//! `GET /flows/{id}` and `GET /flows/{id}/records/{record}`.

pub(super) mod record;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{Path, RawQuery, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use spandrel_analysis::flow::{FlowId, RecordType, Summary, Tier};

use super::{
    error::{ApiError, ErrorBody},
    parameters::{Parameters, quote},
    rows::{check_bytes, internal},
};
use crate::{engine::Engine, error::QueryError, output::NdjsonWriter, stream::QueryStream, time::format_time};

/// The members of a [`Record`] but for its attributes, from the columns of `flow`.
const MEMBERS: &str = "type, time, duration_ns / 1e6 AS duration_ms, coalesce(service_name, '') AS service, name, kind, \
                       trace_id, span_id, parent_span_id AS parent_id, correlation_id, parent, depth, \
                       named_struct('tier', join_tier, 'confidence', confidence) AS \"join\", gap, outcome, body, \
                       source, attempts";

/// Everything that is stored of one request.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Flow {
    /// The id that was asked for, in the form by which records join.
    id: String,
    /// When the first span or gateway record starts.
    #[schema(format = DateTime)]
    start_time: String,
    /// To the end of the last of them.
    duration_ms: f64,
    /// Names of services and gateways, in order.
    services: BTreeSet<String>,
    /// The part of the spans that has its parent and, for calls of services that send spans, its callee; 0 where no span
    /// is stored.
    completeness: f64,
    counts: Counts,
    /// Records by the tier of their join.
    joins: Joins,
    /// What is missing in the flow as a whole; what is missing at a record is said there.
    gaps: Vec<Gap>,
    /// Traces that spans of the flow link to and that are not part of it.
    linked_flows: Vec<LinkedFlow>,
    /// Depth first, those under one record in order of time.
    records: Vec<Record>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Counts {
    spans: u64,
    requests: u64,
    logs: u64,
    breakers: u64,
}

/// `T0`: trace id and span id. `T1`: trace id, service and time. `T2`: correlation id.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[expect(non_snake_case, reason = "the tiers' names")]
struct Joins {
    T0: u64,
    T1: u64,
    T2: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Gap {
    /// `not_sampled`, `no_logs`, `ids_cut`, `session` or `records_cut`.
    kind: &'static str,
    detail: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LinkedFlow {
    trace_id: String,
    span_id: String,
    /// Index of the span that links.
    record: u32,
}

/// Written from the rows of a query, see [`MEMBERS`].
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Record {
    /// `span`, `request`, `log` or `breaker`.
    r#type: String,
    #[schema(format = DateTime)]
    time: String,
    /// Of spans and requests.
    duration_ms: Option<f64>,
    /// The service, or the gateway of a request.
    service: String,
    name: Option<String>,
    /// Kind of the span, side of the request, severity of the log, basis of the breaker event.
    kind: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    /// Id of the parent span, as the record says it.
    parent_id: Option<String>,
    correlation_id: Option<String>,
    /// Index of the record above it.
    parent: Option<u32>,
    /// How many records are above it.
    depth: u32,
    join: Join,
    /// What is missing here: `missing_parent`, `absent_callee`, `not_sampled`, `id_clash` or `cycle`, and the words.
    gap: Option<String>,
    outcome: Option<String>,
    /// The text of a log; what a span failed with; status, flags and upstream of a request; what told of the breaker.
    body: Option<String>,
    source: Option<String>,
    /// Tries of a gateway at upstreams.
    attempts: Vec<Attempt>,
    /// Not there with `attributes=false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<Map<String, Value>>,
}

/// By what a record was joined to the one above it, or to the flow where it stands on top.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Join {
    /// `T0`, `T1` or `T2`.
    tier: String,
    confidence: f64,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Attempt {
    address: Option<String>,
    status: Option<i32>,
    duration_ns: Option<i64>,
}

/// One flow, by trace id or any correlation id
///
/// A flow of very many records comes quicker without their attributes; those of one record are told by
/// `GET /flows/{id}/records/{record}`.
#[utoipa::path(
    get,
    path = "/api/v1/flows/{id}",
    operation_id = "flow",
    params(
        ("id" = String, Path, description = "A trace id, a request id or any other correlation id of at least 8 characters"),
        ("attributes" = Option<bool>, Query, description = "`false`: records come without attributes"),
    ),
    responses(
        (status = 200, description = "The flow", body = Flow),
        (status = 400, description = "The id identifies nothing", body = ErrorBody),
        (status = 404, description = "No record has the id", body = ErrorBody),
        (status = 413, description = "The flow is too large as JSON; ask without attributes", body = ErrorBody),
        (status = 507, description = "The flow is too large for the memory of a query; ask without attributes", body = ErrorBody),
    )
)]
pub(super) async fn flow(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let flow_id = FlowId::parse(&id).map_err(|error| ApiError::parameter("id", error.to_string()))?;
    let mut parameters = Parameters::new(query.as_deref());
    let attributes = parameters.parsed("attributes", "true or false")?.unwrap_or(true);
    parameters.finish()?;
    match document(&engine, &id, attributes).await {
        Ok(Some(flow)) => Ok(([(CONTENT_TYPE, "application/json")], flow).into_response()),
        Ok(None) => Err(unknown(&flow_id)),
        Err(error) if attributes => Err(ApiError::from(error).or_without_attributes()),
        Err(error) => Err(error.into()),
    }
}

fn unknown(flow_id: &FlowId) -> ApiError {
    let searched = json!({
        "trace_id": flow_id.trace_id.map(|trace| format!("{trace:032x}")),
        "correlation_id": flow_id.correlation_id,
        "tables": ["spans", "requests", "logs", "breakers"],
    });
    ApiError::unknown_flow(not_found(flow_id), &searched)
}

/// The answer of `GET /flows/{id}`; `None` where no record has the id.
pub async fn flow_document(engine: &Engine, id: &str) -> Result<Option<Value>, QueryError> {
    let flow = document(engine, id, true).await?;
    flow.map(|flow| serde_json::from_slice(&flow).map_err(internal)).transpose()
}

/// What was looked for, and where, when nothing was found.
fn not_found(id: &FlowId) -> String {
    let as_trace = id.trace_id.map(|trace| format!("trace_id {trace:032x} or ")).unwrap_or_default();
    format!(
        "there is no flow {}: no record of spans, requests, logs or breakers has {as_trace}correlation_id {}",
        id.text(),
        id.correlation_id
    )
}

/// A [`Flow`] as JSON. Its records go from columns to text and nowhere else, for there may be very many.
async fn document(engine: &Engine, id: &str, attributes: bool) -> Result<Option<Vec<u8>>, QueryError> {
    let attributes = if attributes { ", attributes" } else { "" };
    let sql = format!("SELECT {MEMBERS}{attributes} FROM flow({}) ORDER BY position", quote(id));
    let mut stream = engine.sql(&sql).await?;
    let written = lines(engine, &mut stream).await?;
    let summary = stream.flow().ok_or_else(|| internal("the flow has no summary"))?;
    let Some(end) = written.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let mut first: Record = serde_json::from_slice(&written[..end]).map_err(internal)?;
    first.gap = first.gap.and_then(|gap| own_gap(&gap, summary));
    let mut document = serde_json::to_vec(&Flow::new(summary, vec![first])).map_err(internal)?;
    // The records are the last member. Those after the first follow it.
    document.truncate(document.len() - b"]}".len());
    let others = &written[end..written.len() - 1];
    document.extend(others.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }));
    document.extend_from_slice(b"]}");
    Ok(Some(document))
}

/// The rows of a query over [`MEMBERS`], a line of JSON each.
async fn lines(engine: &Engine, stream: &mut QueryStream) -> Result<Vec<u8>, QueryError> {
    let mut writer = NdjsonWriter::with_empty_collections(&stream.schema());
    let mut lines = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        writer.batch(&batch, &mut lines).map_err(internal)?;
        check_bytes(engine, lines.len())?;
    }
    Ok(lines)
}

impl Flow {
    fn new(summary: &Summary, records: Vec<Record>) -> Flow {
        let count = |record_type| summary.records.get(&record_type).copied().unwrap_or(0);
        let joined = |tier| summary.tiers.get(&tier).copied().unwrap_or(0);
        Flow {
            id: summary.id.clone(),
            start_time: format_time(summary.start),
            duration_ms: summary.end.saturating_sub(summary.start) as f64 / 1e6,
            services: summary.services.clone(),
            completeness: summary.completeness,
            counts: Counts {
                spans: count(RecordType::Span),
                requests: count(RecordType::Request),
                logs: count(RecordType::Log),
                breakers: count(RecordType::Breaker),
            },
            joins: Joins { T0: joined(Tier::Span), T1: joined(Tier::Trace), T2: joined(Tier::Correlation) },
            gaps: summary.gaps.iter().map(|gap| Gap { kind: gap.kind.as_str(), detail: gap.detail.clone() }).collect(),
            linked_flows: summary
                .linked_flows
                .iter()
                .map(|linked| LinkedFlow {
                    trace_id: format!("{:032x}", linked.trace_id),
                    span_id: format!("{:016x}", linked.span_id),
                    record: linked.record,
                })
                .collect(),
            records,
        }
    }
}

/// The gap of the first record without those of the flow, which the first row of `flow` says too.
fn own_gap(gap: &str, summary: &Summary) -> Option<String> {
    let of_flow: Vec<String> = summary.gaps.iter().map(ToString::to_string).collect();
    let own = gap.strip_suffix(&of_flow.join("; ")).unwrap_or(gap).trim_end_matches("; ");
    (!own.is_empty()).then(|| own.to_owned())
}
