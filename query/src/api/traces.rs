//! `GET /traces`: two steps, so that neither reads more than it must. The first finds the ids of traces from a few
//! columns of matching spans, the latest or slowest first; the second reads the spans of those traces only.

use std::{collections::HashSet, str::FromStr, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use futures::TryStreamExt;
use serde::Deserialize;
use spandrel_proto::model::Outcome;

use super::{
    attributes::column_of,
    error::{ApiError, ErrorBody},
    parameters::{Parameters, TimeRange, quote},
    rows::{internal, rows},
    summary::{COLUMNS, Summaries, TraceSummary},
};
use crate::{engine::Engine, error::QueryError};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 200;
const MAX_ATTRIBUTES: usize = 10;
/// Matching spans read at first per trace wanted, how much more each time that gave too few traces, and at most.
const SPANS_PER_TRACE: usize = 32;
const WIDEN: usize = 8;
const MAX_SPANS: usize = 100_000;
const OPERATION: &str = "operation_name(name, http_request_method, http_route, url_path, rpc_method, \
                         messaging_operation_type, messaging_destination_name)";

#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
enum Order {
    Recent,
    Slowest,
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "recent" => Ok(Order::Recent),
            "slowest" => Ok(Order::Slowest),
            _ => Err(()),
        }
    }
}

/// What traces are asked for.
#[derive(Debug)]
struct Search {
    /// Of one span of the trace.
    condition: String,
    order: Order,
    limit: usize,
}

#[derive(Debug, Deserialize)]
struct IdRow {
    trace_id: String,
}

/// Traces that match
///
/// All conditions must hold of one span of a trace. With `order=recent` the traces with the latest such spans are
/// found, with `order=slowest` those with the longest.
#[utoipa::path(
    get,
    path = "/api/v1/traces",
    operation_id = "traces",
    params(
        ("service" = Option<String>, Query, description = "Name of the span's service"),
        ("operation" = Option<String>, Query, description = "Name of the span or its operation"),
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
        ("min_duration" = Option<String>, Query, description = "Of the span, like `250ms`"),
        ("max_duration" = Option<String>, Query, description = "Of the span, like `2s`"),
        ("error" = Option<bool>, Query, description = "`true`: only spans that failed"),
        ("attribute" = Option<Vec<String>>, Query, description = "`key=value`, an attribute of the span or its resource; may be repeated"),
        ("limit" = Option<u16>, Query, description = "At most so many traces: 20 by default, at most 200"),
        ("order" = inline(Option<Order>), Query, description = "`recent` by default"),
    ),
    responses(
        (status = 200, description = "Latest or slowest first", body = Vec<TraceSummary>),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn traces(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<TraceSummary>>, ApiError> {
    let search = Search::read(query.as_deref(), engine.now_ns())?;
    let ids = find(&engine, &search).await?;
    if ids.is_empty() {
        return Ok(Json(Vec::new()));
    }
    let mut traces = hydrate(&engine, &ids).await?;
    match search.order {
        Order::Recent => traces.sort_by(|a, b| (b.start_ns, &a.trace_id).cmp(&(a.start_ns, &b.trace_id))),
        Order::Slowest => {
            traces.sort_by(|a, b| b.duration_ms.total_cmp(&a.duration_ms).then_with(|| a.trace_id.cmp(&b.trace_id)));
        }
    }
    Ok(Json(traces))
}

impl Search {
    fn read(query: Option<&str>, now_ns: i64) -> Result<Search, ApiError> {
        let mut parameters = Parameters::new(query);
        let range = TimeRange::read(&mut parameters, now_ns)?;
        let mut conditions = vec![range.condition()];
        if let Some(service) = parameters.text("service") {
            conditions.push(format!("service_name = {}", quote(&service)));
        }
        if let Some(operation) = parameters.text("operation") {
            let operation = quote(&operation);
            conditions.push(format!("(name = {operation} OR {OPERATION} = {operation})"));
        }
        if let Some(min_duration) = parameters.duration("min_duration")? {
            conditions.push(format!("duration_ns >= {min_duration}"));
        }
        if let Some(max_duration) = parameters.duration("max_duration")? {
            conditions.push(format!("duration_ns <= {max_duration}"));
        }
        if parameters.parsed("error", "true or false")?.unwrap_or(false) {
            conditions.push(failed());
        }
        let attributes = parameters.all("attribute");
        if attributes.len() > MAX_ATTRIBUTES {
            let message = format!("attribute: {} are given, at most {MAX_ATTRIBUTES} are allowed", attributes.len());
            return Err(ApiError::parameter("attribute", message));
        }
        for attribute in attributes {
            conditions.push(attribute_condition(&attribute)?);
        }
        let wanted = format!("a whole number from 1 to {MAX_LIMIT}");
        let limit = parameters.parsed("limit", &wanted)?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::parameter("limit", format!("limit: {limit} is not {wanted}")));
        }
        let order = parameters.parsed("order", "recent or slowest")?.unwrap_or(Order::Recent);
        parameters.finish()?;
        Ok(Search { condition: conditions.join(" AND "), order, limit })
    }
}

fn failed() -> String {
    let failures = [Outcome::Rejected, Outcome::ServerFault, Outcome::Timeout, Outcome::Unreachable];
    format!("outcome IN ({})", failures.map(|outcome| quote(outcome.as_str())).join(", "))
}

fn attribute_condition(attribute: &str) -> Result<String, ApiError> {
    let (key, value) = attribute
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| ApiError::parameter("attribute", format!("attribute: '{attribute}' is not like key=value")))?;
    let (key, value, column) = (quote(key), quote(value), column_of(key));
    let in_maps = format!("attributes[{key}] = {value} OR resource_attributes[{key}] = {value}");
    Ok(match column {
        Some(column) => format!("(CAST({column} AS VARCHAR) = {value} OR {in_maps})"),
        None => format!("({in_maps})"),
    })
}

/// The ids of the first `limit` traces. Reads more spans as long as they belong to too few traces.
async fn find(engine: &Engine, search: &Search) -> Result<Vec<String>, QueryError> {
    let by = match search.order {
        Order::Recent => "start_time",
        Order::Slowest => "duration_ns",
    };
    let mut spans = search.limit * SPANS_PER_TRACE;
    loop {
        let sql =
            format!("SELECT trace_id FROM spans WHERE {} ORDER BY {by} DESC, trace_id LIMIT {spans}", search.condition);
        let found = rows::<IdRow>(engine, &sql).await?;
        let complete = found.len() < spans || spans >= MAX_SPANS;
        let mut seen = HashSet::new();
        let mut ids: Vec<String> =
            found.into_iter().map(|row| row.trace_id).filter(|id| seen.insert(id.clone())).collect();
        if ids.len() >= search.limit || complete {
            ids.truncate(search.limit);
            return Ok(ids);
        }
        spans = (spans * WIDEN).min(MAX_SPANS);
    }
}

async fn hydrate(engine: &Engine, ids: &[String]) -> Result<Vec<TraceSummary>, QueryError> {
    let ids: Vec<String> = ids.iter().map(|id| quote(id)).collect();
    let columns = COLUMNS.map(|column| match column {
        "operation" => format!("{OPERATION} AS operation"),
        column => column.to_owned(),
    });
    let sql = format!("SELECT {} FROM spans WHERE trace_id IN ({})", columns.join(", "), ids.join(", "));
    let mut stream = engine.sql(&sql).await?;
    let mut summaries = Summaries::default();
    while let Some(batch) = stream.try_next().await? {
        summaries.add(&batch).map_err(internal)?;
    }
    Ok(summaries.finish())
}
