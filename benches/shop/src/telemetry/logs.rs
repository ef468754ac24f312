//! A log line as OTLP.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord as OtlpLogRecord, SeverityNumber},
};

use super::{attributes::Attributes, breakers};
use crate::{
    engine::{Line, LogRecord, Node, Severity},
    outcome::Outcome,
    text::uuid_text,
    topology::Topology,
};

const OBSERVED_LATER_NANOS: i64 = 40_000;

/// The record that a logging library's bridge writes for `record`.
pub(super) fn render_log(topology: &Topology, record: &LogRecord) -> OtlpLogRecord {
    let (number, text) = match record.line.severity() {
        Severity::Info => (SeverityNumber::Info, "INFO"),
        Severity::Warn => (SeverityNumber::Warn, "WARN"),
        Severity::Error => (SeverityNumber::Error, "ERROR"),
    };
    let (body, attributes) = content(topology, record);
    let time = topology.service_of(record.instance).shown(record.time);
    OtlpLogRecord {
        time_unix_nano: time as u64,
        observed_time_unix_nano: time.saturating_add(OBSERVED_LATER_NANOS) as u64,
        severity_number: number.into(),
        severity_text: text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes,
        flags: 1,
        trace_id: record.visit.trace.to_vec(),
        span_id: record.span.to_be_bytes().to_vec(),
        event_name: event_name(&record.line).to_owned(),
        dropped_attributes_count: 0,
    }
}

fn event_name(line: &Line) -> &'static str {
    match line {
        Line::Said { event, .. } => event,
        Line::Handled { .. } | Line::Retrying { .. } | Line::WentOn { .. } | Line::Breaker { .. } => "",
    }
}

fn content(topology: &Topology, record: &LogRecord) -> (String, Vec<KeyValue>) {
    let service = topology.service_of(record.instance);
    let mut attributes = Attributes::new();
    attributes.int("shop.user.id", record.visit.user);
    if service.records_request_id {
        let (high, low) = record.visit.request;
        attributes.text("request_id", uuid_text(high, low));
    }
    let body = match record.line {
        Line::Said { body, .. } => {
            attributes.int("shop.order.id", record.visit.order);
            body.to_owned()
        }
        Line::Handled { operation, fault, duration } => {
            let operation = &topology.operation(operation).name;
            let micros = duration / 1_000;
            attributes.text("outcome", Outcome::of(fault).as_str()).int("duration_us", micros);
            let millis = micros as f64 / 1_000.0;
            match fault {
                None => format!("{operation} handled in {millis:.1} ms"),
                Some(fault) => format!("{operation} failed after {millis:.1} ms: {}", fault.message()),
            }
        }
        Line::Retrying { target, attempt, fault } => {
            let target = node_name(topology, target);
            attributes.text("peer", target).int("attempt", attempt);
            format!("attempt {attempt} to call {target} failed, will retry: {}", fault.message())
        }
        Line::WentOn { target, fault } => {
            let target = node_name(topology, target);
            attributes.text("peer", target);
            format!("going on without an answer from {target}: {}", fault.message())
        }
        Line::Breaker { target, change } => {
            breakers::line(service.language, node_name(topology, target), change, &mut attributes)
        }
    };
    (body, attributes.finish())
}

pub(super) fn node_name(topology: &Topology, node: Node) -> &str {
    match node {
        Node::Service(service) => &topology.service(service).name,
        Node::Store(store) => topology.store(store).name,
        Node::External(external) => topology.external(external).host,
    }
}
