//! The server's own spans and metrics, stored beside everybody else's under service `spandrel`.
//!
//! Spans are those of API requests; requests that bring telemetry have none, since storing a span would then bring the
//! next. The standard `OTEL_*` variables apply: `OTEL_SDK_DISABLED`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use parking_lot::Mutex;
use prost::Message;
use spandrel_proto::{model::Clock, wire::otlp::Signal};
use tokio_util::sync::CancellationToken;

use super::{
    exposition::{Family, Kind},
    metrics::Sources,
};

const SPAN_INTERVAL: Duration = Duration::from_secs(5);
const METRIC_INTERVAL: Duration = Duration::from_secs(30);
/// Spans that wait to be stored (B-1); more are dropped.
const MAX_WAITING_SPANS: usize = 2048;

/// Collects the server's own telemetry.
#[derive(Debug)]
pub(super) struct SelfTelemetry {
    resource: Resource,
    started_at: u64,
    clock: Arc<dyn Clock>,
    waiting: Mutex<Vec<Span>>,
}

impl SelfTelemetry {
    /// `None` where the environment turns it off.
    pub(super) fn new(environment: &BTreeMap<String, String>, clock: Arc<dyn Clock>) -> Option<Arc<Self>> {
        if environment.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let started_at = clock.now_unix_nano().cast_unsigned();
        Some(Arc::new(Self { resource: resource(environment), started_at, clock, waiting: Mutex::default() }))
    }

    /// Stores what was collected, again and again until `stop`, and once more then.
    pub(super) async fn run(self: Arc<Self>, sources: Arc<Sources>, stop: CancellationToken) {
        let mut spans = tokio::time::interval(SPAN_INTERVAL);
        let mut metrics = tokio::time::interval(METRIC_INTERVAL);
        loop {
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                _ = spans.tick() => false,
                _ = metrics.tick() => {
                    let body = self.metrics_request(&sources.collect()).encode_to_vec();
                    store(&sources, Signal::Metrics, body).await;
                    false
                }
            };
            let waiting = std::mem::take(&mut *self.waiting.lock());
            if !waiting.is_empty() {
                store(&sources, Signal::Traces, self.traces_request(waiting).encode_to_vec()).await;
            }
            if stopping {
                return;
            }
        }
    }

    fn traces_request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..Default::default() }];
        let resource = Some(self.resource.clone());
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource, scope_spans, ..Default::default() }],
        }
    }

    fn metrics_request(&self, families: &[Family]) -> ExportMetricsServiceRequest {
        let now = self.clock.now_unix_nano().cast_unsigned();
        let metrics = families.iter().map(|family| metric(family, self.started_at, now)).collect();
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..Default::default() }];
        let resource = Some(self.resource.clone());
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }],
        }
    }

    fn record(&self, span: Span) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < MAX_WAITING_SPANS {
            waiting.push(span);
        }
    }
}

/// Middleware that records a span for each API request.
pub(super) async fn trace_request(
    State(telemetry): State<Arc<SelfTelemetry>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).and_then(parse_traceparent);
    let start = telemetry.clock.now_unix_nano();
    let response = next.run(request).await;
    let status = response.status();
    let random = uuid::Uuid::new_v4();
    let (trace_id, parent_span_id) = parent.unwrap_or_else(|| (uuid::Uuid::new_v4().as_bytes().to_vec(), Vec::new()));
    let mut attributes = vec![
        text("http.request.method", &method),
        text("url.path", &path),
        integer("http.response.status_code", i64::from(status.as_u16())),
    ];
    if let Some(route) = &route {
        attributes.push(text("http.route", route));
    }
    telemetry.record(Span {
        trace_id,
        span_id: random.as_bytes()[..8].to_vec(),
        parent_span_id,
        name: route.map_or_else(|| method.clone(), |route| format!("{method} {route}")),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: start.cast_unsigned(),
        end_time_unix_nano: telemetry.clock.now_unix_nano().cast_unsigned(),
        attributes,
        status: status.is_server_error().then(|| Status { code: StatusCode::Error as i32, ..Default::default() }),
        ..Default::default()
    });
    response
}

async fn store(sources: &Sources, signal: Signal, body: Vec<u8>) {
    if let Err(error) = sources.receiver.receive_own(signal, body.into()).await {
        tracing::warn!(signal = signal.name(), error, "cannot store the server's own telemetry");
    }
}

fn metric(family: &Family, started_at: u64, now: u64) -> Metric {
    let data_points = family
        .samples
        .iter()
        .map(|sample| NumberDataPoint {
            attributes: sample.labels.iter().map(|(name, value)| text(name, value)).collect(),
            start_time_unix_nano: started_at,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(sample.value)),
            ..Default::default()
        })
        .collect();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
            is_monotonic: true,
        }),
        Kind::Gauge => Data::Gauge(Gauge { data_points }),
    };
    Metric { name: family.name.to_owned(), description: family.help.to_owned(), data: Some(data), ..Default::default() }
}

fn resource(environment: &BTreeMap<String, String>) -> Resource {
    let mut attributes: BTreeMap<String, String> = BTreeMap::from([
        ("service.name".to_owned(), "spandrel".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), uuid::Uuid::new_v4().to_string()),
    ]);
    let given = environment.get("OTEL_RESOURCE_ATTRIBUTES").map_or("", String::as_str);
    for (key, value) in given.split(',').filter_map(|pair| pair.split_once('=')) {
        attributes.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    if let Some(name) = environment.get("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
        attributes.insert("service.name".to_owned(), name.clone());
    }
    let attributes = attributes.iter().map(|(key, value)| text(key, value)).collect();
    Resource { attributes, ..Default::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "spandrel".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// Trace and parent span id of a W3C `traceparent`.
fn parse_traceparent(header: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut parts = header.split('-');
    let (_version, trace_id, span_id) = (parts.next()?, parts.next()?, parts.next()?);
    let trace_id = spandrel_proto::model::id::from_hex(trace_id).filter(|id| id.len() == 16)?;
    let span_id = spandrel_proto::model::id::from_hex(span_id).filter(|id| id.len() == 8)?;
    Some((trace_id, span_id))
}
