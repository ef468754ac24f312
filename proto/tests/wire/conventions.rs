//! Old and current attribute names fill the same columns.

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::Event, span::SpanKind, status::StatusCode},
};
use spandrel_proto::wire::Repair;

use crate::{
    build::{
        array, attribute, decode_logs, decode_traces, int, int_at, logs, map_at, resource, span, span_row, text,
        text_at, traces, traces_of,
    },
    check::assert_same_batch,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

const CLIENT: i32 = SpanKind::Client as i32;
const SERVER: i32 = SpanKind::Server as i32;

#[test]
fn a_span_of_an_old_sdk_is_the_same_as_one_of_a_current_one() {
    let pairs: [(i32, Vec<KeyValue>, Vec<KeyValue>); 6] = [
        (
            SERVER,
            vec![
                text("http.method", "GET"),
                int("http.status_code", 404),
                text("http.target", "/cart?id=1"),
                text("http.scheme", "https"),
                text("net.host.name", "shop.example"),
                int("net.host.port", 443),
                text("net.peer.name", "browser"),
                text("net.sock.peer.addr", "10.0.0.9"),
                text("http.flavor", "1.1"),
            ],
            vec![
                text("http.request.method", "GET"),
                int("http.response.status_code", 404),
                text("url.path", "/cart"),
                text("url.query", "id=1"),
                text("url.scheme", "https"),
                text("server.address", "shop.example"),
                int("server.port", 443),
                text("client.address", "browser"),
                text("network.peer.address", "10.0.0.9"),
                text("network.protocol.version", "1.1"),
            ],
        ),
        (
            CLIENT,
            vec![
                text("http.method", "GET"),
                text("http.url", "http://stock:8080/items?id=1"),
                text("net.peer.name", "stock"),
                text("net.peer.port", "8080"),
                text("peer.service", "stock"),
                int("http.resend_count", 2),
            ],
            vec![
                text("http.request.method", "GET"),
                text("url.full", "http://stock:8080/items?id=1"),
                text("server.address", "stock"),
                int("server.port", 8080),
                text("service.peer.name", "stock"),
                int("http.request.resend_count", 2),
            ],
        ),
        (
            CLIENT,
            vec![
                text("db.system", "mssql"),
                text("db.name", "shop"),
                text("db.sql.table", "carts"),
                text("db.operation", "SELECT"),
                text("db.statement", "SELECT 1"),
            ],
            vec![
                text("db.system.name", "microsoft.sql_server"),
                text("db.namespace", "shop"),
                text("db.collection.name", "carts"),
                text("db.operation.name", "SELECT"),
                text("db.query.text", "SELECT 1"),
            ],
        ),
        (
            CLIENT,
            vec![text("db.system", "redis"), int("db.redis.database_index", 3)],
            vec![text("db.system.name", "redis"), text("db.namespace", "3")],
        ),
        (
            SERVER,
            vec![
                text("rpc.system", "apache_dubbo"),
                text("rpc.service", "shop.Cart"),
                text("rpc.method", "Get"),
                int("rpc.grpc.status_code", 14),
            ],
            vec![
                text("rpc.system.name", "dubbo"),
                text("rpc.method", "shop.Cart/Get"),
                text("rpc.status_code", "UNAVAILABLE"),
            ],
        ),
        (
            SpanKind::Producer as i32,
            vec![
                text("messaging.system", "kafka"),
                text("messaging.operation", "publish"),
                text("messaging.destination", "orders"),
                text("messaging.kafka.consumer.group", "billing"),
                int("messaging.kafka.message.offset", 42),
            ],
            vec![
                text("messaging.system", "kafka"),
                text("messaging.operation.type", "send"),
                text("messaging.destination.name", "orders"),
                text("messaging.consumer.group.name", "billing"),
                int("messaging.kafka.offset", 42),
            ],
        ),
    ];
    for (kind, older, current) in pairs {
        let both = [older.clone(), current.clone()].concat();
        let (older, current) = (span_row(kind, older), span_row(kind, current));
        assert_same_batch(&older.batch, &current.batch);
        assert_eq!(older.report.repaired(Repair::AliasConflict), 0);
        if kind == CLIENT {
            let both = span_row(kind, both);
            assert_same_batch(&both.batch, &current.batch);
            assert_eq!(both.report.repaired(Repair::AliasConflict), 0, "both say the same");
        }
    }
}

#[test]
fn of_names_that_differ_the_current_one_holds_and_the_other_stays() {
    for attributes in [
        vec![text("http.method", "PUT"), text("http.request.method", "GET")],
        vec![text("http.request.method", "GET"), text("http.method", "PUT")],
    ] {
        let decoded = span_row(SERVER, attributes);
        assert_eq!(text_at(&decoded.batch, "http_request_method", 0), Some("GET"));
        assert_eq!(map_at(&decoded.batch, "attributes", 0), [("http.method".to_owned(), Some("PUT".to_owned()))]);
        assert_eq!(decoded.report.repaired(Repair::AliasConflict), 1);
    }
    let three = vec![
        text("messaging.rocketmq.client_group", "a"),
        text("messaging.kafka.consumer.group", "b"),
        text("messaging.consumer.group.name", "a"),
    ];
    let decoded = span_row(CLIENT, three);
    let expected = [("messaging.consumer.group.name", "a"), ("messaging.kafka.consumer.group", "b")];
    let expected = expected.map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
    assert_eq!(map_at(&decoded.batch, "attributes", 0), expected, "a loser is compared with who holds in the end");
}

#[test]
fn a_status_code_that_is_no_number_stays_an_attribute() {
    let decoded = span_row(SERVER, vec![text("http.status_code", "teapot"), text("http.response.status_code", "418")]);
    assert_eq!(int_at(&decoded.batch, "http_response_status_code", 0), Some(418));
    assert_eq!(map_at(&decoded.batch, "attributes", 0), [("http.status_code".to_owned(), Some("teapot".to_owned()))]);
    let decoded = span_row(SERVER, vec![int("server.port", i64::MAX)]);
    assert_eq!(int_at(&decoded.batch, "server_port", 0), None);
    assert_eq!(map_at(&decoded.batch, "attributes", 0).len(), 1);
}

#[test]
fn the_path_of_a_url_is_found_only_where_there_is_one() {
    for (url, path) in [
        ("http://shop:80/cart?id=1#top", Some("/cart")),
        ("https://shop", Some("/")),
        ("https://shop?id=1", Some("/")),
        ("https://shop#/route", Some("/")),
        ("/cart?next=http://other/path", None),
        ("shop/cart", None),
        ("", None),
    ] {
        let decoded = span_row(CLIENT, vec![text("url.full", url)]);
        assert_eq!(text_at(&decoded.batch, "url_path", 0), path, "{url}");
    }
}

/// As Envoy has marked it for a trace that its client asked for.
const ENVOY_ID: &str = "cc21d9b0-cf5c-b32b-8c7e-98aeb7988cd2";

#[test]
fn the_correlation_id_is_the_preferred_one_that_says_something() {
    let header = |name, values: &[&str]| {
        attribute(name, array(values.iter().map(|value| Value::StringValue((*value).to_owned())).collect()))
    };
    for (attributes, id) in [
        (vec![text("x-request-id", "b"), text("correlation_id", "a")], Some("a")),
        (vec![text("correlation_id", ""), text("x-request-id", "b")], Some("b")),
        (vec![header("http.request.header.x-request-id", &["c"])], Some("c")),
        (vec![header("http.request.header.x-request-id", &["c", "d"])], Some(r#"["c","d"]"#)),
        (vec![header("http.request.header.x-request-id", &[]), int("request_id", 5)], Some("5")),
        (vec![text("user.id", "e")], None),
        // Envoy's reason to trace is masked, so that the id joins with those of callers.
        (vec![text("guid:x-request-id", ENVOY_ID)], Some("cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2")),
        (vec![header("http.request.header.x-request-id", &[ENVOY_ID])], Some("cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2")),
    ] {
        let spans = span_row(SERVER, attributes.clone());
        assert_eq!(text_at(&spans.batch, "correlation_id", 0), id, "{attributes:?}");
        assert_eq!(map_at(&spans.batch, "attributes", 0).len(), attributes.len(), "it stays an attribute too");
        let logs = decode_logs(&logs(vec![LogRecord { attributes: attributes.clone(), ..Default::default() }]));
        assert_eq!(text_at(&logs.batch, "correlation_id", 0), id, "{attributes:?}");
    }
    let spans = span_row(SERVER, vec![text("guid:x-request-id", ENVOY_ID)]);
    let kept = map_at(&spans.batch, "attributes", 0);
    assert!(format!("{kept:?}").contains(ENVOY_ID), "the attribute stays as sent: {kept:?}");
}

#[test]
fn old_marks_of_failure_count_in_any_order() {
    let marks = [text("otel.status_code", "ERROR"), attribute("error", Value::BoolValue(false))];
    for attributes in [marks.to_vec(), marks.iter().rev().cloned().collect(), vec![text("error", "TRUE")]] {
        let decoded = span_row(SERVER, attributes);
        assert_eq!(text_at(&decoded.batch, "outcome", 0), Some("server_fault"));
    }
}

#[test]
fn the_last_exception_is_the_type_of_an_error_that_has_none() {
    let event = |class: &str| Event {
        name: "exception".to_owned(),
        attributes: vec![text("exception.type", class)],
        ..Default::default()
    };
    let events = vec![event("java.io.IOException"), event("java.net.SocketTimeoutException")];
    let failed =
        Span { events, status: Some(Status { code: StatusCode::Error as i32, ..Default::default() }), ..span(1) };
    let decoded = decode_traces(&traces(vec![failed.clone(), Span { status: None, ..failed.clone() }]));
    assert_eq!(text_at(&decoded.batch, "error_type", 0), Some("java.net.SocketTimeoutException"));
    assert_eq!(text_at(&decoded.batch, "outcome", 0), Some("timeout"));
    assert_eq!(text_at(&decoded.batch, "error_type", 1), None);
    assert_eq!(text_at(&decoded.batch, "outcome", 1), Some("ok"));
    let typed = Span { attributes: vec![text("error.type", "500")], ..failed };
    assert_eq!(text_at(&decode_traces(&traces(vec![typed])).batch, "error_type", 0), Some("500"));
}

#[test]
fn the_environment_has_an_older_name() {
    for (attributes, left) in [
        (vec![text("deployment.environment", "prod")], 0),
        (vec![text("deployment.environment", "prod"), text("deployment.environment.name", "prod")], 0),
        (vec![text("deployment.environment.name", "prod"), text("deployment.environment", "stage")], 1),
    ] {
        let decoded = decode_traces(&traces_of(resource(attributes), vec![span(1)]));
        assert_eq!(text_at(&decoded.batch, "deployment_environment_name", 0), Some("prod"));
        assert_eq!(map_at(&decoded.batch, "resource_attributes", 0).len(), left);
        assert_eq!(decoded.report.repaired(Repair::AliasConflict), left as u64);
    }
}
