//! Requests to send.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};

/// 2026-11-20T10:00:00Z, when most things in these tests happen.
pub(crate) const T0: u64 = 1_795_168_800_000_000_000;

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

pub(crate) fn text_value(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

pub(crate) fn integer_value(value: i64) -> Value {
    Value::IntValue(value)
}

pub(crate) fn double_value(value: f64) -> Value {
    Value::DoubleValue(value)
}

/// A resource with a service name only.
pub(crate) fn service(name: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![attribute("service.name", text_value(name))], ..Default::default() })
}

/// A trace id that is never zero.
pub(crate) fn trace_id(number: u64) -> Vec<u8> {
    let mut id = vec![0xa1; 8];
    id.extend_from_slice(&number.to_be_bytes());
    id
}

/// Span `index` of trace `trace`: a server's, a millisecond long.
pub(crate) fn span(trace: u64, index: u64) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: (index + 1).to_be_bytes().to_vec(),
        name: format!("GET /items/{index}"),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: T0 + index,
        end_time_unix_nano: T0 + index + 1_000_000,
        attributes: vec![attribute("user.id", integer_value(7))],
        ..Default::default()
    }
}

pub(crate) fn spans_request(service_name: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource = service(service_name);
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans, ..Default::default() }] }
}

pub(crate) fn log_record(body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: T0,
        severity_number: 9,
        body: Some(AnyValue { value: Some(text_value(body)) }),
        ..Default::default()
    }
}

pub(crate) fn logs_request(service_name: &str, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let resource = service(service_name);
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..Default::default() }] }
}

pub(crate) fn gauge_point(value: f64, time_unix_nano: u64) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano, value: Some(number_data_point::Value::AsDouble(value)), ..Default::default() }
}

/// A gauge with these points.
pub(crate) fn metrics_request(service_name: &str, data_points: Vec<NumberDataPoint>) -> ExportMetricsServiceRequest {
    let data = Some(Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: "queue.depth".to_owned(), data, ..Default::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let resource = service(service_name);
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }],
    }
}
