//! `GET /services` and `GET /operations`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde::{Deserialize, Serialize};
use spandrel_analysis::red::SERVER_KINDS;

use super::{
    error::{ApiError, ErrorBody},
    parameters::{Parameters, TimeRange, quote},
    rows::rows,
};
use crate::engine::Engine;

/// More services or operations than anyone looks at.
const MAX_ROWS: usize = 10_000;
const STATS: &str = "stats['requests'] AS requests, stats['failures'] AS failures, stats['p50_ms'] AS p50_ms, \
                     stats['p95_ms'] AS p95_ms, stats['p99_ms'] AS p99_ms";
const OPERATION: &str = "operation_name(name, http_request_method, http_route, url_path, rpc_method, \
                         messaging_operation_type, messaging_destination_name)";

/// A service, by the spans in which it serves a request or a message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Service {
    service: String,
    namespace: Option<String>,
    requests: i64,
    /// Requests per second.
    rate: f64,
    failures: i64,
    /// Failures per request, 0 to 1.
    error_rate: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// An operation of a service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Operation {
    service: String,
    operation: String,
    requests: i64,
    /// Requests per second.
    rate: f64,
    failures: i64,
    /// Failures per request, 0 to 1.
    error_rate: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct ServiceRow {
    service_name: String,
    service_namespace: Option<String>,
    requests: i64,
    failures: i64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct OperationRow {
    service_name: String,
    operation: String,
    requests: i64,
    failures: i64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// Services and how they do
///
/// Services that only make calls appear without requests and latencies.
#[utoipa::path(
    get,
    path = "/api/v1/services",
    operation_id = "services",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
    ),
    responses(
        (status = 200, description = "By name", body = Vec<Service>),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn services(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Service>>, ApiError> {
    let mut parameters = Parameters::new(query.as_deref());
    let range = TimeRange::read(&mut parameters, engine.now_ns())?;
    parameters.finish()?;
    let sql = format!(
        "SELECT service_name, service_namespace, {STATS} FROM (\
           SELECT service_name, service_namespace, \
                  red_stats(duration_ns, weight, outcome) FILTER (WHERE kind IN ({})) AS stats \
           FROM spans WHERE {} GROUP BY service_name, service_namespace) \
         ORDER BY service_name, service_namespace LIMIT {MAX_ROWS}",
        server_kinds(),
        range.condition(),
    );
    let services = rows::<ServiceRow>(&engine, &sql).await?;
    let service = |row: ServiceRow| Service {
        service: row.service_name,
        namespace: row.service_namespace,
        requests: row.requests,
        rate: rate(row.requests, range),
        failures: row.failures,
        error_rate: error_rate(row.failures, row.requests),
        p50_ms: row.p50_ms,
        p95_ms: row.p95_ms,
        p99_ms: row.p99_ms,
    };
    Ok(Json(services.into_iter().map(service).collect()))
}

/// Operations of services and how they do
#[utoipa::path(
    get,
    path = "/api/v1/operations",
    operation_id = "operations",
    params(
        ("service" = Option<String>, Query, description = "Only operations of this service"),
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
    ),
    responses(
        (status = 200, description = "By service and name", body = Vec<Operation>),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn operations(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Operation>>, ApiError> {
    let mut parameters = Parameters::new(query.as_deref());
    let range = TimeRange::read(&mut parameters, engine.now_ns())?;
    let service = parameters.text("service");
    parameters.finish()?;
    let of_service = service.map(|service| format!(" AND service_name = {}", quote(&service))).unwrap_or_default();
    let sql = format!(
        "SELECT service_name, operation, {STATS} FROM (\
           SELECT service_name, {OPERATION} AS operation, red_stats(duration_ns, weight, outcome) AS stats \
           FROM spans WHERE kind IN ({}) AND {}{of_service} GROUP BY 1, 2) \
         ORDER BY service_name, operation LIMIT {MAX_ROWS}",
        server_kinds(),
        range.condition(),
    );
    let operations = rows::<OperationRow>(&engine, &sql).await?;
    let operation = |row: OperationRow| Operation {
        service: row.service_name,
        operation: row.operation,
        requests: row.requests,
        rate: rate(row.requests, range),
        failures: row.failures,
        error_rate: error_rate(row.failures, row.requests),
        p50_ms: row.p50_ms,
        p95_ms: row.p95_ms,
        p99_ms: row.p99_ms,
    };
    Ok(Json(operations.into_iter().map(operation).collect()))
}

fn server_kinds() -> String {
    SERVER_KINDS.map(quote).join(", ")
}

fn rate(requests: i64, range: TimeRange) -> f64 {
    requests as f64 / range.seconds()
}

fn error_rate(failures: i64, requests: i64) -> f64 {
    if requests == 0 { 0.0 } else { failures as f64 / requests as f64 }
}
