//! The wire reader beside prost on the same bytes: 512 spans of about 500 bytes, as SDKs send them.
//!
//! `walk` and `prost_decode` read every field; `wire_to_arrow` and `prost_then_arrow` end with the same record batch, the
//! latter by the test oracle's builders. Run with `cargo bench -p spandrel-proto`.

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};
use prost::Message;
use spandrel_proto::wire::{
    DecodeLimits,
    otlp::{self, Signal},
};

const SPANS: u64 = 512;
/// One span in this many records an exception.
const EXCEPTION_EVERY: u64 = 20;

fn compare(criterion: &mut Criterion) {
    let request = request().encode_to_vec();
    let bytes_per_span = request.len() as u64 / SPANS;
    assert!((450..550).contains(&bytes_per_span), "spans have {bytes_per_span} bytes");
    let limits = DecodeLimits::default();
    let expected = oracle::traces(&request_of(&request), &limits).batch;
    let decoded = otlp::decode(Signal::Traces, &request, 0, &limits).expect("the request is well formed");
    assert_eq!(decoded.batch, expected, "both ways end with the same batch");

    let mut group = criterion.benchmark_group("traces");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("walk", |bencher| {
        bencher.iter(|| otlp::walk(Signal::Traces, black_box(&request)).expect("the request is well formed"));
    });
    group.bench_function("prost_decode", |bencher| bencher.iter(|| request_of(black_box(&request))));
    group.bench_function("wire_to_arrow", |bencher| {
        bencher.iter(|| {
            otlp::decode(Signal::Traces, black_box(&request), 0, &limits).expect("the request is well formed")
        });
    });
    group.bench_function("prost_then_arrow", |bencher| {
        bencher.iter(|| oracle::traces(&request_of(black_box(&request)), &limits));
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);

/// Makes the span of a number.
type MakeSpan = fn(u64) -> Span;

fn request_of(bytes: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(bytes).expect("the request is well formed")
}

fn request() -> ExportTraceServiceRequest {
    let scopes: [(&str, MakeSpan); 3] = [
        ("io.opentelemetry.tomcat-10.0", server_span),
        ("io.opentelemetry.jdbc", database_span),
        ("io.opentelemetry.java-http-client", client_span),
    ];
    let scope_spans = |(index, (name, span)): (usize, (&str, MakeSpan))| ScopeSpans {
        scope: Some(InstrumentationScope {
            name: name.to_owned(),
            version: "2.9.0-alpha".to_owned(),
            ..Default::default()
        }),
        spans: (0..SPANS).filter(|number| number % 3 == index as u64).map(span).collect(),
        schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans: scopes.into_iter().enumerate().map(scope_spans).collect(),
            schema_url: String::new(),
        }],
    }
}

fn resource() -> Resource {
    Resource {
        attributes: vec![
            text("service.name", "checkout"),
            text("service.namespace", "shop"),
            text("service.version", "2026.11.3"),
            text("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"),
            text("deployment.environment.name", "production"),
            text("host.name", "ip-10-12-33-7.eu-central-1.compute.internal"),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.language", "java"),
            text("telemetry.sdk.version", "1.43.0"),
            text("os.type", "linux"),
            int("process.pid", 1),
            text("k8s.namespace.name", "shop"),
            text("k8s.pod.name", "checkout-7d9c5b7c5f-x2x7k"),
            text("k8s.deployment.name", "checkout"),
        ],
        ..Default::default()
    }
}

fn server_span(number: u64) -> Span {
    let failed = number.is_multiple_of(EXCEPTION_EVERY);
    Span {
        name: "POST /api/v1/carts/{cartId}/checkout".to_owned(),
        kind: SpanKind::Server as i32,
        attributes: vec![
            text("http.request.method", "POST"),
            text("http.route", "/api/v1/carts/{cartId}/checkout"),
            text("url.path", &format!("/api/v1/carts/{number:08}/checkout")),
            text("url.scheme", "https"),
            int("http.response.status_code", if failed { 500 } else { 200 }),
            text("server.address", "shop.example.com"),
            int("server.port", 443),
            text("client.address", "203.0.113.77"),
            text("network.peer.address", "10.12.33.9"),
            int("network.peer.port", 41_234),
            text("network.protocol.version", "1.1"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
            text("thread.name", "http-nio-8080-exec-7"),
        ],
        events: failed.then(exception).into_iter().collect(),
        status: failed.then(|| Status { code: StatusCode::Error as i32, ..Default::default() }),
        ..span(number)
    }
}

fn database_span(number: u64) -> Span {
    Span {
        name: "SELECT shop.cart_items".to_owned(),
        kind: SpanKind::Client as i32,
        attributes: vec![
            text("db.system.name", "postgresql"),
            text("db.namespace", "shop"),
            text("db.collection.name", "cart_items"),
            text("db.operation.name", "SELECT"),
            text(
                "db.query.text",
                "SELECT id, sku, quantity, unit_price, currency FROM cart_items WHERE cart_id = ? AND deleted_at IS NULL",
            ),
            text("server.address", "carts-db.shop.svc.cluster.local"),
            int("server.port", 5432),
            text("thread.name", "http-nio-8080-exec-7"),
            int("thread.id", 57),
        ],
        events: number.is_multiple_of(EXCEPTION_EVERY).then(exception).into_iter().collect(),
        ..span(number)
    }
}

fn client_span(number: u64) -> Span {
    Span {
        name: "POST".to_owned(),
        kind: SpanKind::Client as i32,
        attributes: vec![
            text("http.request.method", "POST"),
            text(
                "url.full",
                &format!("http://payments.shop.svc.cluster.local:8080/api/v1/payments/{number:08}/authorize"),
            ),
            int("http.response.status_code", 201),
            text("server.address", "payments.shop.svc.cluster.local"),
            int("server.port", 8080),
            text("network.protocol.version", "2"),
            text("thread.name", "http-nio-8080-exec-7"),
            int("thread.id", 57),
            text("correlation_id", &format!("6f9619ff-8b86-d011-b42d-{number:012x}")),
        ],
        ..span(number)
    }
}

fn span(number: u64) -> Span {
    let start = 1_763_680_000_000_000_000 + number * 1_734_211;
    Span {
        trace_id: [(number / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes(), (number / 3 + 1).to_be_bytes()]
            .concat(),
        span_id: (number + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes().to_vec(),
        parent_span_id: number.wrapping_mul(0x94d0_49bb_1331_11eb).to_be_bytes().to_vec(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 3_141_592 + number * 997,
        flags: 0x101,
        ..Default::default()
    }
}

fn exception() -> Event {
    Event {
        time_unix_nano: 1_763_680_000_000_000_000,
        name: "exception".to_owned(),
        attributes: vec![
            text("exception.type", "java.lang.IllegalStateException"),
            text("exception.message", "cart is locked by another checkout"),
            text(
                "exception.stacktrace",
                &"\tat com.example.shop.checkout.CartService.lock(CartService.java:142)\n".repeat(12),
            ),
        ],
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
