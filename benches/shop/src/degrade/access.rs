//! Access logs of proxies: an ingress gateway before all entries, and sidecars beside the services. They tell of every
//! request, whether its trace is sampled or not, and send their lines as Istio does over OTLP.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::span::SpanKind,
};

use super::{
    AccessLogs,
    telemetry::{Placed, Telemetry, text, value},
};
use crate::{
    telemetry::{Batch, Payload},
    topology::InstanceId,
};

/// Who writes what it lets in.
const INGRESS: &str = "istio-ingressgateway";
const NAMESPACE: &str = "shop";
/// Most records in a request, and how long a proxy collects them, nanoseconds.
const MAX_BATCH: usize = 512;
const FLUSH: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
/// The digit of a request id that Envoy replaces, and by what if the trace is sampled.
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-request-id>)
const REASON: usize = 14;
const SAMPLED: &str = "9";

/// A request as one proxy saw it.
struct Seen<'a> {
    /// The workload of the proxy, and a process that its records are sent with.
    workload: &'a str,
    instance: InstanceId,
    /// Whom it was for, and whether the proxy is on that side.
    callee: &'a str,
    is_inbound: bool,
    start: i64,
    end: i64,
    /// The span that serves it.
    served: &'a Placed,
}

/// The requests in which proxies send what they saw.
pub(super) fn log(telemetry: &Telemetry, access_logs: AccessLogs) -> Vec<Batch> {
    let mut by_workload: BTreeMap<&str, Vec<Seen<'_>>> = BTreeMap::new();
    let family = telemetry.family();
    let servers = telemetry.spans.iter().enumerate().filter(|(_, placed)| placed.span.kind() == SpanKind::Server);
    for (index, served) in servers.filter(|_| access_logs != AccessLogs::None) {
        let callee = telemetry.service(served);
        let own = seen(telemetry, served, served, (callee, callee));
        let Some(caller) = family.parent(&telemetry.spans, index).map(|parent| &telemetry.spans[parent]) else {
            by_workload.entry(INGRESS).or_default().push(Seen { workload: INGRESS, is_inbound: false, ..own });
            continue;
        };
        let name = telemetry.service(caller);
        if caller.span.kind() == SpanKind::Client && access_logs != AccessLogs::Gateway {
            by_workload.entry(name).or_default().push(seen(telemetry, caller, served, (name, callee)));
            if access_logs == AccessLogs::BothSides {
                by_workload.entry(callee).or_default().push(own);
            }
        }
    }
    by_workload.into_values().flat_map(batches).collect()
}

/// What the proxy of a workload saw of a request to a callee: as long as `span` lasted.
fn seen<'a>(
    telemetry: &Telemetry,
    span: &'a Placed,
    served: &'a Placed,
    (workload, callee): (&'a str, &'a str),
) -> Seen<'a> {
    Seen {
        workload,
        instance: telemetry.instance(span),
        callee,
        is_inbound: std::ptr::eq(span, served),
        start: span.span.start_time_unix_nano as i64,
        end: span.span.end_time_unix_nano as i64,
        served,
    }
}

fn batches(mut requests: Vec<Seen<'_>>) -> Vec<Batch> {
    requests.sort_by_key(|seen| (seen.end, seen.served.key(), seen.is_inbound));
    let mut batches = Vec::new();
    let mut left = requests.as_slice();
    while let Some(first) = left.first() {
        let due = first.end + FLUSH;
        let count = left.iter().take(MAX_BATCH).take_while(|seen| seen.end <= due).count();
        let (sent, later) = left.split_at(count);
        left = later;
        let log_records = sent.iter().map(record).collect();
        let name =
            KeyValue { key: "service.name".to_owned(), value: Some(string(first.workload)), ..KeyValue::default() };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
                scope_logs: vec![ScopeLogs { log_records, ..ScopeLogs::default() }],
                ..ResourceLogs::default()
            }],
        };
        batches.push(Batch { due, instance: first.instance, items: count, payload: Payload::Logs(request) });
    }
    batches
}

fn record(seen: &Seen<'_>) -> LogRecord {
    let time = seen.start as u64;
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: seen.end as u64,
        body: Some(string(&line(seen))),
        trace_id: seen.served.span.trace_id.clone(),
        ..LogRecord::default()
    }
}

/// A line in Istio's default format.
fn line(seen: &Seen<'_>) -> String {
    let attributes = &seen.served.span.attributes;
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(attributes, key));
    let (method, path, protocol) = match first(&["http.request.method", "http.method"]) {
        Some(method) => (method, first(&["url.path", "http.target"]).unwrap_or("/").to_owned(), "HTTP/1.1"),
        None => ("POST", format!("/{}", seen.served.span.name), "HTTP/2"),
    };
    let status = ["http.response.status_code", "http.status_code"].iter().find_map(|key| number(attributes, key));
    let millis = (seen.end - seen.start) / NANOS_PER_MILLI;
    let cluster = if seen.is_inbound {
        "inbound|8080||".to_owned()
    } else {
        format!("outbound|8080||{}.{NAMESPACE}.svc.cluster.local", seen.callee)
    };
    format!(
        "[{time}] \"{method} {path} {protocol}\" {status} - via_upstream - \"-\" 0 379 {millis} {millis} \"-\" \"-\" \
         \"{request}\" \"{callee}:8080\" \"10.2.0.9:8080\" {cluster} 10.2.0.5:44311 10.96.3.4:8080 10.2.0.5:39106 - default",
        time = time_text(seen.start),
        status = status.unwrap_or(200),
        request = request_id(attributes).unwrap_or_else(|| "-".to_owned()),
        callee = seen.callee,
    )
}

/// In UTC, to the millisecond.
fn time_text(nanos: i64) -> String {
    let time = Timestamp::from_nanosecond(nanos.into()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The id as Envoy passes it on.
fn request_id(attributes: &[KeyValue]) -> Option<String> {
    let Value::ArrayValue(ids) = value(attributes, "http.request.header.x-request-id")? else { return None };
    let Some(Value::StringValue(id)) = ids.values.first()?.value.as_ref() else { return None };
    let mut id = id.clone();
    id.is_char_boundary(REASON + 1).then(|| id.replace_range(REASON..=REASON, SAMPLED))?;
    Some(id)
}

fn number(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

fn string(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}
