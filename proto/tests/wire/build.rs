//! Requests written by hand.

use arrow::{
    array::{Array, AsArray},
    datatypes::{Int32Type, Int64Type},
    record_batch::RecordBatch,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use spandrel_proto::wire::{Decoded, otlp::Signal};

use crate::check::decode;

pub(crate) const START: u64 = 1_763_680_000_000_000_000;

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..Default::default() }
}

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn array(values: Vec<Value>) -> Value {
    Value::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
}

/// A good span; `number` makes its ids.
pub(crate) fn span(number: u64) -> Span {
    Span {
        trace_id: [[7; 8], number.to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        start_time_unix_nano: START + number,
        end_time_unix_nano: START + number + 1_000,
        ..Default::default()
    }
}

pub(crate) fn resource(attributes: Vec<KeyValue>) -> Resource {
    Resource { attributes, ..Default::default() }
}

pub(crate) fn shop() -> Resource {
    resource(vec![text("service.name", "shop")])
}

pub(crate) fn traces_of(resource: Resource, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

pub(crate) fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    traces_of(shop(), spans)
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: Some(shop()), scope_logs, ..Default::default() }],
    }
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource: Some(shop()), scope_metrics, ..Default::default() }],
    }
}

pub(crate) fn decode_traces(request: &ExportTraceServiceRequest) -> Decoded {
    decode(Signal::Traces, &request.encode_to_vec()).expect("the request is well formed")
}

pub(crate) fn decode_logs(request: &ExportLogsServiceRequest) -> Decoded {
    decode(Signal::Logs, &request.encode_to_vec()).expect("the request is well formed")
}

/// The only row of a span with these attributes.
pub(crate) fn span_row(kind: i32, attributes: Vec<KeyValue>) -> Decoded {
    decode_traces(&traces(vec![Span { kind, attributes, ..span(1) }]))
}

/// A text cell, `None` where it is null.
pub(crate) fn text_at<'b>(batch: &'b RecordBatch, column: &str, row: usize) -> Option<&'b str> {
    let column = batch.column_by_name(column).expect("the column exists").as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

pub(crate) fn int_at(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column).expect("the column exists");
    if column.is_null(row) {
        return None;
    }
    match column.as_primitive_opt::<Int64Type>() {
        Some(column) => Some(column.value(row)),
        None => Some(i64::from(column.as_primitive::<Int32Type>().value(row))),
    }
}

/// The entries of an attribute column's row.
pub(crate) fn map_at(batch: &RecordBatch, column: &str, row: usize) -> Vec<(String, Option<String>)> {
    let maps = batch.column_by_name(column).expect("the column exists").as_map();
    if maps.is_null(row) {
        return Vec::new();
    }
    let entries = maps.value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    keys.iter()
        .zip(values)
        .map(|(key, value)| (key.expect("keys are not null").to_owned(), value.map(str::to_owned)))
        .collect()
}
