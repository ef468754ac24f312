//! Names of attributes, as the semantic conventions had them at one time or another.

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::span::SpanKind,
};

use super::{
    Degradation,
    telemetry::{Telemetry, set, text, value},
};
use crate::telemetry::Payload;

/// Which names spans and resources use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The names before the conventions for HTTP, databases and RPC became stable.
    Old,
    /// The stable names.
    Current,
    /// Both, as `OTEL_SEMCONV_STABILITY_OPT_IN=http/dup` has it.
    Both,
}

/// Old and current names of the same value.
const RENAMED: [(&str, &str); 18] = [
    ("http.method", "http.request.method"),
    ("http.status_code", "http.response.status_code"),
    ("http.url", "url.full"),
    ("http.scheme", "url.scheme"),
    ("http.flavor", "network.protocol.version"),
    ("http.user_agent", "user_agent.original"),
    ("http.resend_count", "http.request.resend_count"),
    ("net.sock.peer.addr", "network.peer.address"),
    ("rpc.system", "rpc.system.name"),
    ("db.system", "db.system.name"),
    ("db.name", "db.namespace"),
    ("db.operation", "db.operation.name"),
    ("db.statement", "db.query.text"),
    ("messaging.kafka.consumer.group", "messaging.consumer.group.name"),
    ("messaging.kafka.message.offset", "messaging.kafka.offset"),
    ("messaging.client_id", "messaging.client.id"),
    ("code.function", "code.function.name"),
    ("deployment.environment", "deployment.environment.name"),
];
/// Names of the server's address and port, on its own side and on all others.
const SERVER_SIDE: [(&str, &str); 2] = [("net.host.name", "server.address"), ("net.host.port", "server.port")];
const OTHER_SIDES: [(&str, &str); 2] = [("net.peer.name", "server.address"), ("net.peer.port", "server.port")];

/// Names whose values differ too.
const ONLY_OLD: [&str; 7] = [
    "http.target",
    "rpc.service",
    "rpc.grpc.status_code",
    "messaging.operation",
    "messaging.kafka.destination.partition",
    "db.sql.table",
    "db.mongodb.collection",
];
const ONLY_CURRENT: [&str; 8] = [
    "url.path",
    "url.query",
    "rpc.response.status_code",
    "messaging.operation.type",
    "messaging.operation.name",
    "messaging.destination.partition.id",
    "db.collection.name",
    "error.type",
];
/// The gRPC codes by number (<https://grpc.io/docs/guides/status-codes/>).
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Gives all attributes of spans and resources the names that were asked for.
pub(super) fn rename(telemetry: &mut Telemetry, knobs: &Degradation) {
    let Some(naming) = knobs.naming else { return };
    for placed in &mut telemetry.spans {
        let kind = placed.span.kind();
        convert(&mut placed.span.attributes, kind, naming);
    }
    for batch in &mut telemetry.batches {
        let Payload::Traces(request) = &mut batch.payload else { continue };
        for resource in request.resource_spans.iter_mut().filter_map(|group| group.resource.as_mut()) {
            convert(&mut resource.attributes, SpanKind::Unspecified, naming);
        }
    }
}

fn convert(attributes: &mut Vec<KeyValue>, kind: SpanKind, naming: Naming) {
    let sides = if kind == SpanKind::Server { SERVER_SIDE } else { OTHER_SIDES };
    let pairs = || RENAMED.iter().chain(&sides);
    if naming != Naming::Old {
        for (old, current) in pairs() {
            copy(attributes, old, current);
        }
        add_current(attributes);
    }
    if naming != Naming::Current {
        for (old, current) in pairs() {
            copy(attributes, current, old);
        }
        add_old(attributes, naming);
    }
    match naming {
        Naming::Old => attributes.retain(|attribute| {
            let key = attribute.key.as_str();
            !ONLY_CURRENT.contains(&key) && pairs().all(|(_, current)| *current != key)
        }),
        Naming::Current => attributes.retain(|attribute| {
            let key = attribute.key.as_str();
            !ONLY_OLD.contains(&key) && pairs().all(|(old, _)| *old != key)
        }),
        Naming::Both => {}
    }
}

fn copy(attributes: &mut Vec<KeyValue>, from: &str, to: &str) {
    if let Some(value) = value(attributes, from).cloned() {
        set(attributes, to, value);
    }
}

fn add_current(attributes: &mut Vec<KeyValue>) {
    if let Some(target) = text(attributes, "http.target").map(str::to_owned) {
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        set(attributes, "url.path", Value::StringValue(path.to_owned()));
        if let Some(query) = query {
            set(attributes, "url.query", Value::StringValue(query.to_owned()));
        }
    }
    if let (Some(service), Some(method)) = (text(attributes, "rpc.service"), text(attributes, "rpc.method"))
        && !method.contains('/')
    {
        let method = format!("{service}/{method}");
        attributes.retain(|attribute| attribute.key != "rpc.method");
        set(attributes, "rpc.method", Value::StringValue(method));
    }
    if let Some(Value::IntValue(code)) = value(attributes, "rpc.grpc.status_code")
        && let Some(name) = usize::try_from(*code).ok().and_then(|code| GRPC_CODES.get(code))
    {
        set(attributes, "rpc.response.status_code", Value::StringValue((*name).to_owned()));
    }
    if let Some(operation) = text(attributes, "messaging.operation") {
        let operation = if operation == "publish" { "send" } else { operation }.to_owned();
        set(attributes, "messaging.operation.type", Value::StringValue(operation.clone()));
        set(attributes, "messaging.operation.name", Value::StringValue(operation));
    }
    if let Some(Value::IntValue(partition)) = value(attributes, "messaging.kafka.destination.partition") {
        let partition = partition.to_string();
        set(attributes, "messaging.destination.partition.id", Value::StringValue(partition));
    }
    copy(attributes, "db.sql.table", "db.collection.name");
    copy(attributes, "db.mongodb.collection", "db.collection.name");
}

fn add_old(attributes: &mut Vec<KeyValue>, naming: Naming) {
    if let Some(path) = text(attributes, "url.path") {
        let query = text(attributes, "url.query").map_or_else(String::new, |query| format!("?{query}"));
        let target = format!("{path}{query}");
        set(attributes, "http.target", Value::StringValue(target));
    }
    if let Some((service, method)) = text(attributes, "rpc.method").and_then(|method| method.rsplit_once('/')) {
        let (service, method) = (service.to_owned(), method.to_owned());
        set(attributes, "rpc.service", Value::StringValue(service));
        // The two names are spelt alike: a span with both has the current one's value.
        if naming == Naming::Old {
            attributes.retain(|attribute| attribute.key != "rpc.method");
            set(attributes, "rpc.method", Value::StringValue(method));
        }
    }
    if let Some(name) = text(attributes, "rpc.response.status_code")
        && let Some(code) = GRPC_CODES.iter().position(|code| *code == name)
    {
        set(attributes, "rpc.grpc.status_code", Value::IntValue(code as i64));
    }
    if let Some(operation) = text(attributes, "messaging.operation.type") {
        let operation = if operation == "send" { "publish" } else { operation }.to_owned();
        set(attributes, "messaging.operation", Value::StringValue(operation));
    }
    if let Some(partition) = text(attributes, "messaging.destination.partition.id")
        && let Ok(partition) = partition.parse()
    {
        set(attributes, "messaging.kafka.destination.partition", Value::IntValue(partition));
    }
    let is_document = text(attributes, "db.system") == Some("mongodb");
    let collection = if is_document { "db.mongodb.collection" } else { "db.sql.table" };
    copy(attributes, "db.collection.name", collection);
}
