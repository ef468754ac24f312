//! `GET /graph`.

use std::sync::{Arc, OnceLock};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde::Serialize;
use spandrel_analysis::{
    graph::{self, Latency, Measures},
    rollup::View,
};

use super::{
    error::{ApiError, ErrorBody},
    parameters::{Parameters, TimeRange},
};
use crate::{analysis::GraphOf, engine::Engine, time::format_time};

const NANOS_PER_MILLI: f64 = 1e6;

/// The service graph of a range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Graph {
    /// The range that is answered for: whole minutes where it is counted from rollups.
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// `spans`, or `rollups` for a range with many spans; those lack the latest half minute.
    basis: &'static str,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Node {
    /// Of this node in this answer; the same for the same node in another.
    id: String,
    name: String,
    /// `service`, `database`, `cache`, `topic`, `external`, `client` or `gateway`.
    kind: &'static str,
    namespace: Option<String>,
    environment: Option<String>,
    /// How it is known: `spans`, `records`, `attribute`, `learned` or `orphan`.
    evidence: &'static str,
    /// Whose view its numbers are: `server`, or else `client` or `gateway`. None for those that nobody calls.
    view: Option<&'static str>,
    /// Requests that came from outside.
    entries: f64,
    /// Tries of its callers for each of its requests: below 1 if spans of callers are missing, above if its own are.
    edge_coverage: Option<f64>,
    #[serde(flatten)]
    red: Red,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Edge {
    /// Names of nodes.
    source: String,
    target: String,
    source_id: String,
    target_id: String,
    /// `sync`, `async`, `mixed`, `db`, `cache`, `external` or `entry`.
    kind: &'static str,
    protocol: &'static str,
    /// Whose view the numbers beside `views` are.
    view: Option<&'static str>,
    #[serde(flatten)]
    red: Red,
    attempts: f64,
    /// Shares of calls that were waited for, and waited for on the critical path.
    sync_ratio: f64,
    blocking_ratio: f64,
    /// Share of calls of which both sides are there.
    coverage: Option<f64>,
    /// Time of a call that neither side accounts for, on average.
    network_mean_ms: Option<f64>,
    /// From sending a message to handling it.
    queue_delay_p50_ms: Option<f64>,
    queue_delay_p95_ms: Option<f64>,
    views: Views,
    #[schema(format = DateTime)]
    first_seen: String,
    #[schema(format = DateTime)]
    last_seen: String,
    /// Trace ids: slow ones, failed ones, any.
    examples: Vec<String>,
}

/// What each side says. They are never added up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Views {
    client: Option<Red>,
    server: Option<Red>,
    gateway: Option<Red>,
}

#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct Red {
    requests: f64,
    /// Requests per second.
    rate: f64,
    failures: f64,
    /// Failures per request, and the range that it lies in with 95 %.
    error_rate: f64,
    error_rate_low: f64,
    error_rate_high: f64,
    /// Of requests that ended `ok`.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Of requests that failed.
    failure_p50_ms: Option<f64>,
}

/// The service graph of a range
#[utoipa::path(
    get,
    path = "/api/v1/graph",
    operation_id = "graph",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
    ),
    responses(
        (status = 200, description = "Nodes by kind and name, edges by source and target", body = Graph),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn graph(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Graph>, ApiError> {
    let mut parameters = Parameters::new(query.as_deref());
    let now_ns = engine.now_ns();
    let range = TimeRange::read(&mut parameters, now_ns)?;
    parameters.finish()?;
    let described = OnceLock::new();
    let graph = engine
        .compute(|tables| {
            let computation = GraphOf::new(tables, (range.from_ns, range.to_ns));
            described.get_or_init(|| (computation.basis(), computation.range()));
            computation
        })
        .await?;
    let (basis, (from, to)) = described.into_inner().unwrap_or_default();
    let seconds = (to - from) as f64 / 1e9;
    let ids: Vec<String> = graph.nodes.iter().map(node_id).collect();
    let edges = graph.edges.iter().map(|edge| to_edge(edge, &graph, &ids, seconds)).collect();
    let nodes = graph.nodes.iter().zip(&ids).map(|(node, id)| to_node(node, id, seconds)).collect();
    Ok(Json(Graph { from: format_time(from), to: format_time(to), basis: basis.as_str(), nodes, edges }))
}

/// Kind, namespace, name and environment: readable, and the same in every answer.
fn node_id(node: &graph::Node) -> String {
    let name = &node.name;
    let mut id = format!("{}:", name.kind.as_str());
    if !name.namespace.is_empty() {
        id.push_str(&name.namespace);
        id.push('/');
    }
    id.push_str(&name.name);
    if !name.environment.is_empty() {
        id.push('@');
        id.push_str(&name.environment);
    }
    id
}

fn to_node(node: &graph::Node, id: &str, seconds: f64) -> Node {
    let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Node {
        id: id.to_owned(),
        name: node.name.name.clone(),
        kind: node.name.kind.as_str(),
        namespace: present(&node.name.namespace),
        environment: present(&node.name.environment),
        evidence: node.evidence.as_str(),
        view: node.view.map(View::as_str),
        entries: node.entries,
        edge_coverage: node.edge_coverage,
        red: red(&node.measures, seconds),
    }
}

fn to_edge(edge: &graph::Edge, graph: &graph::Graph, ids: &[String], seconds: f64) -> Edge {
    let main = edge.main_view();
    let of = |view: &Option<graph::EdgeView>| view.as_ref().map(|view| red(&view.measures, seconds));
    let delay = main.and_then(|(_, view)| view.queue_delay);
    Edge {
        source: graph.nodes[edge.source].name.name.clone(),
        target: graph.nodes[edge.target].name.name.clone(),
        source_id: ids[edge.source].clone(),
        target_id: ids[edge.target].clone(),
        kind: edge.kind_text(),
        protocol: edge.protocol,
        view: main.map(|(view, _)| view.as_str()),
        red: main.map_or_else(Red::default, |(_, view)| red(&view.measures, seconds)),
        attempts: main.map_or(0.0, |(_, view)| view.attempts),
        sync_ratio: main.map_or(0.0, |(_, view)| view.sync_ratio),
        blocking_ratio: main.map_or(0.0, |(_, view)| view.blocking_ratio),
        coverage: edge.coverage(),
        network_mean_ms: main.and_then(|(_, view)| view.network_mean_ns).map(|nanos| nanos / NANOS_PER_MILLI),
        queue_delay_p50_ms: delay.map(|delay| millis(delay.p50)),
        queue_delay_p95_ms: delay.map(|delay| millis(delay.p95)),
        views: Views { client: of(&edge.client), server: of(&edge.server), gateway: of(&edge.gateway) },
        first_seen: format_time(edge.first_seen),
        last_seen: format_time(edge.last_seen),
        examples: edge.examples.iter().map(|trace| format!("{trace:032x}")).collect(),
    }
}

fn red(measures: &Measures, seconds: f64) -> Red {
    let percentile = |of: fn(&Latency) -> u64| measures.latency.as_ref().map(|latency| millis(of(latency)));
    Red {
        requests: measures.requests,
        rate: if seconds > 0.0 { measures.requests / seconds } else { 0.0 },
        failures: measures.failures,
        error_rate: measures.error_rate,
        error_rate_low: measures.error_interval.0,
        error_rate_high: measures.error_interval.1,
        p50_ms: percentile(|latency| latency.p50),
        p95_ms: percentile(|latency| latency.p95),
        p99_ms: percentile(|latency| latency.p99),
        failure_p50_ms: measures.failure_latency.as_ref().map(|latency| millis(latency.p50)),
    }
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_MILLI
}
