//! Operation and outcome of a span, derived from its attributes as a backend would: new names or old ones.

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};

pub(crate) type Texts<'a> = HashMap<&'a str, String>;

/// Attribute values as text.
pub(crate) fn texts(attributes: &[KeyValue]) -> Texts<'_> {
    let as_text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => format!("{list:?}"),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.as_str(), as_text(pair))).collect()
}

/// The first of the names that is there, or an empty text.
pub(crate) fn text<'a>(attributes: &'a Texts<'_>, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| attributes.get(*name)).map_or("", String::as_str)
}

/// The name that the span's work is counted under.
pub(crate) fn operation(span: &Span) -> String {
    let attributes = texts(&span.attributes);
    let route = text(&attributes, &["http.route"]);
    let (rpc_service, rpc_method) = (text(&attributes, &["rpc.service"]), text(&attributes, &["rpc.method"]));
    let kind = text(&attributes, &["messaging.operation.type", "messaging.operation"]);
    if !route.is_empty() {
        format!("{} {route}", text(&attributes, &["http.request.method", "http.method"]))
    } else if !rpc_service.is_empty() {
        format!("{rpc_service}/{rpc_method}")
    } else if !rpc_method.is_empty() {
        rpc_method.to_owned()
    } else if !kind.is_empty() {
        let kind = if kind == "publish" { "send" } else { kind };
        format!("{kind} {}", text(&attributes, &["messaging.destination.name"]))
    } else {
        span.name.clone()
    }
}

/// Who is called: service, store or outsider.
pub(crate) fn peer(span: &Span) -> String {
    text(&texts(&span.attributes), &["server.address", "net.peer.name"]).to_owned()
}

pub(crate) fn is_query(span: &Span) -> bool {
    !text(&texts(&span.attributes), &["db.system.name", "db.system"]).is_empty()
}

pub(crate) fn resend_count(span: &Span) -> u32 {
    let attributes = texts(&span.attributes);
    text(&attributes, &["http.request.resend_count", "http.resend_count"]).parse().unwrap_or(0)
}

pub(crate) fn is_failure(outcome: &str) -> bool {
    ["rejected", "server_fault", "timeout", "unreachable"].contains(&outcome)
}

/// How the span's work ended.
pub(crate) fn outcome(span: &Span) -> &'static str {
    let attributes = texts(&span.attributes);
    let http: u16 = text(&attributes, &["http.response.status_code", "http.status_code"]).parse().unwrap_or(0);
    let rpc = text(&attributes, &["rpc.response.status_code", "rpc.grpc.status_code"]);
    let is_client = span.kind == i32::from(SpanKind::Client);
    let is_error = span.status.as_ref().is_some_and(|status| status.code == i32::from(StatusCode::Error));
    let mut classes = vec![text(&attributes, &["error.type"]).to_owned()];
    for event in span.events.iter().filter(|event| event.name == "exception") {
        classes.push(text(&texts(&event.attributes), &["exception.type"]).to_owned());
    }
    let any = |parts: &[&str]| classes.iter().any(|class| parts.iter().any(|part| class.to_lowercase().contains(part)));

    if any(&["callnotpermitted", "eopenbreaker", "errbreaker", "gobreaker", "brokencircuit", "circuitbreaker"]) {
        "rejected"
    } else if any(&["timeout", "etimedout"]) || ["DEADLINE_EXCEEDED", "4"].contains(&rpc) || is_client && http == 504 {
        "timeout"
    } else if http == 429 || ["RESOURCE_EXHAUSTED", "8"].contains(&rpc) {
        "rejected"
    } else if any(&["econnrefused", "connectexception", "connectionerror"]) || ["UNAVAILABLE", "14"].contains(&rpc) {
        "unreachable"
    } else if http == 499 || ["CANCELLED", "1"].contains(&rpc) {
        "cancelled"
    } else if http >= 500 || ["INTERNAL", "13"].contains(&rpc) {
        "server_fault"
    } else if http >= 400 || !["", "OK", "0"].contains(&rpc) {
        "client_fault"
    } else if is_error {
        "server_fault"
    } else {
        "ok"
    }
}
