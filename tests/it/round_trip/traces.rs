//! Spans.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use serde_json::{Value, json};

use super::{
    origin::{RESOURCE_SCHEMA_URL, SCOPE_SCHEMA_URL, resource, row, scope, shown},
    round_trip,
};
use crate::harness::{T0, attribute, double_value, integer_value, text_value, trace_id};

const MANY: u64 = u32::MAX as u64;

#[tokio::test]
async fn every_field_of_spans() {
    round_trip(
        request,
        |number| format!("SELECT * FROM spans WHERE trace_id = '{}' ORDER BY start_time", hex(number)),
        |number| vec![served(number), queried(number), sent(number), received(number), called(number), bare(number)],
    )
    .await;
}

fn hex(number: u64) -> String {
    format!("a1a1a1a1a1a1a1a1{number:016x}")
}

fn id(byte: u8) -> Vec<u8> {
    vec![0, 0, 0, 0, 0, 0, 0xf0, byte]
}

fn request(number: u64) -> ExportTraceServiceRequest {
    let spans = vec![server(), database(), producer(), consumer(), client(), internal()];
    let spans = spans.into_iter().map(|span| Span { trace_id: trace_id(number), ..span }).collect();
    let scope_spans = ScopeSpans { scope: Some(scope()), spans, schema_url: SCOPE_SCHEMA_URL.to_owned() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(number)),
            scope_spans: vec![scope_spans],
            schema_url: RESOURCE_SCHEMA_URL.to_owned(),
        }],
    }
}

fn server() -> Span {
    Span {
        span_id: id(1),
        trace_state: "vendor=1,other=2".to_owned(),
        flags: 0x301,
        name: "GET /cart/{id}".to_owned(),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: T0,
        end_time_unix_nano: T0 + 1_234_567,
        attributes: vec![
            attribute("http.request.method", text_value("GET")),
            attribute("http.route", text_value("/cart/{id}")),
            attribute("url.path", text_value("/cart/7")),
            attribute("http.response.status_code", integer_value(500)),
            attribute("server.address", text_value("shop.example")),
            attribute("server.port", integer_value(443)),
            attribute("error.type", text_value("java.lang.IllegalStateException")),
            attribute("http.request.header.x-request-id", text_value("r-1")),
            attribute("user.id", text_value("u-42")),
            attribute("ratio", double_value(1.5)),
        ],
        dropped_attributes_count: 11,
        events: vec![
            Event {
                time_unix_nano: T0 + 1000,
                name: "exception".to_owned(),
                attributes: vec![attribute("exception.message", text_value("no cart"))],
                dropped_attributes_count: 1,
            },
            Event { time_unix_nano: T0 + 2000, name: "retry".to_owned(), ..Default::default() },
        ],
        dropped_events_count: 12,
        links: vec![Link {
            trace_id: vec![0xbb; 16],
            span_id: vec![0xcc; 8],
            trace_state: "linked=1".to_owned(),
            attributes: vec![attribute("why", text_value("batch"))],
            dropped_attributes_count: 4,
            flags: 0x100,
        }],
        dropped_links_count: u32::MAX,
        status: Some(Status { message: "no cart".to_owned(), code: StatusCode::Error as i32 }),
        ..Default::default()
    }
}

fn served(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f001", "trace_state": "vendor=1,other=2", "flags": 0x301,
            "name": "GET /cart/{id}", "kind": "SERVER", "start_time": shown(0), "end_time": shown(1_234_567),
            "duration_ns": 1_234_567, "status_code": "ERROR", "status_message": "no cart",
            "http_request_method": "GET", "http_route": "/cart/{id}", "url_path": "/cart/7",
            "http_response_status_code": 500, "server_address": "shop.example", "server_port": 443,
            "error_type": "java.lang.IllegalStateException", "correlation_id": "r-1", "outcome": "server_fault",
            "weight": 1.0,
            "attributes": {"http.request.header.x-request-id": "r-1", "user.id": "u-42", "ratio": "1.5"},
            "dropped_attributes_count": 11, "dropped_events_count": 12, "dropped_links_count": MANY,
            "events": [
                {"time": shown(1000), "name": "exception", "attributes": {"exception.message": "no cart"},
                 "dropped_attributes_count": 1},
                {"time": shown(2000), "name": "retry", "attributes": null, "dropped_attributes_count": 0},
            ],
            "links": [{
                "trace_id": "bb".repeat(16), "span_id": "cc".repeat(8), "trace_state": "linked=1",
                "attributes": {"why": "batch"}, "dropped_attributes_count": 4, "flags": 0x100,
            }],
        }),
    )
}

fn database() -> Span {
    Span {
        span_id: id(2),
        parent_span_id: id(1),
        name: "SELECT carts".to_owned(),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: T0 + 1,
        end_time_unix_nano: T0 + 11,
        attributes: vec![
            attribute("db.system.name", text_value("postgresql")),
            attribute("db.namespace", text_value("shop")),
            attribute("db.collection.name", text_value("carts")),
            attribute("db.operation.name", text_value("SELECT")),
            attribute("db.query.text", text_value("SELECT * FROM carts WHERE id = ?")),
        ],
        status: Some(Status { code: StatusCode::Ok as i32, ..Default::default() }),
        ..Default::default()
    }
}

fn queried(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f002", "parent_span_id": "000000000000f001", "flags": 0,
            "name": "SELECT carts", "kind": "CLIENT", "start_time": shown(1), "end_time": shown(11), "duration_ns": 10,
            "status_code": "OK", "db_system_name": "postgresql", "db_namespace": "shop",
            "db_collection_name": "carts", "db_operation_name": "SELECT",
            "db_query_text": "SELECT * FROM carts WHERE id = ?", "outcome": "ok", "weight": 1.0,
            "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        }),
    )
}

/// Sampled one in four, by names that older conventions use.
fn producer() -> Span {
    Span {
        span_id: id(3),
        parent_span_id: id(1),
        trace_state: "ot=th:c".to_owned(),
        name: "orders send".to_owned(),
        kind: SpanKind::Producer as i32,
        start_time_unix_nano: T0 + 2,
        end_time_unix_nano: T0 + 12,
        attributes: vec![
            attribute("messaging.system", text_value("kafka")),
            attribute("messaging.operation", text_value("publish")),
            attribute("messaging.destination", text_value("orders")),
            attribute("peer.service", text_value("broker")),
        ],
        ..Default::default()
    }
}

fn sent(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f003", "parent_span_id": "000000000000f001", "flags": 0,
            "trace_state": "ot=th:c", "name": "orders send", "kind": "PRODUCER", "start_time": shown(2),
            "end_time": shown(12), "duration_ns": 10, "status_code": "UNSET", "messaging_system": "kafka",
            "messaging_operation_type": "send", "messaging_destination_name": "orders",
            "service_peer_name": "broker", "outcome": "ok", "weight": 4.0,
            "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        }),
    )
}

fn consumer() -> Span {
    Span {
        span_id: id(4),
        parent_span_id: id(3),
        name: "orders process".to_owned(),
        kind: SpanKind::Consumer as i32,
        start_time_unix_nano: T0 + 3,
        end_time_unix_nano: T0 + 3,
        ..Default::default()
    }
}

fn received(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f004", "parent_span_id": "000000000000f003", "flags": 0,
            "name": "orders process", "kind": "CONSUMER", "start_time": shown(3), "end_time": shown(3),
            "duration_ns": 0, "status_code": "UNSET", "outcome": "ok", "weight": 1.0,
            "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        }),
    )
}

fn client() -> Span {
    Span {
        span_id: id(5),
        parent_span_id: id(4),
        name: "shop.Stock/Reserve".to_owned(),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: T0 + 4,
        end_time_unix_nano: T0 + 14,
        attributes: vec![
            attribute("rpc.system.name", text_value("grpc")),
            attribute("rpc.method", text_value("shop.Stock/Reserve")),
            attribute("rpc.grpc.status_code", integer_value(14)),
        ],
        ..Default::default()
    }
}

fn called(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f005", "parent_span_id": "000000000000f004", "flags": 0,
            "name": "shop.Stock/Reserve", "kind": "CLIENT", "start_time": shown(4), "end_time": shown(14),
            "duration_ns": 10, "status_code": "UNSET", "rpc_system_name": "grpc", "rpc_method": "shop.Stock/Reserve",
            "rpc_status_code": "UNAVAILABLE", "outcome": "unreachable", "weight": 1.0,
            "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        }),
    )
}

fn internal() -> Span {
    Span {
        span_id: id(6),
        name: "work".to_owned(),
        start_time_unix_nano: T0 + 5,
        end_time_unix_nano: T0 + 6,
        ..Default::default()
    }
}

fn bare(number: u64) -> Value {
    row(
        number,
        &json!({
            "trace_id": hex(number), "span_id": "000000000000f006", "flags": 0, "name": "work", "kind": "UNSPECIFIED",
            "start_time": shown(5), "end_time": shown(6), "duration_ns": 1, "status_code": "UNSET", "outcome": "ok",
            "weight": 1.0, "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        }),
    )
}
