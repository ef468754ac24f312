//! Requests at random: everything the protocol can say, and what it should not.

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::build::START;

/// Names with a meaning, by the conventions of today and of former days, and some without.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "http.request.method", "http.method", "http.response.status_code", "http.status_code", "http.route", "url.path",
    "http.target", "url.full", "http.url", "url.query", "url.scheme", "http.scheme", "server.address", "net.peer.name",
    "net.host.name", "http.server_name", "server.port", "net.peer.port", "net.host.port", "client.address",
    "http.client_ip", "network.peer.address", "net.sock.peer.addr", "net.peer.ip", "network.peer.port",
    "net.sock.peer.port", "network.protocol.name", "net.protocol.name", "network.protocol.version",
    "net.protocol.version", "http.flavor", "network.transport", "net.transport", "http.request.resend_count",
    "http.resend_count", "http.retry_count", "service.peer.name", "peer.service", "db.system.name", "db.system",
    "db.namespace", "db.name", "db.redis.database_index", "db.collection.name", "db.sql.table", "db.mongodb.collection",
    "db.operation.name", "db.operation", "db.query.text", "db.statement", "db.response.status_code", "rpc.system.name",
    "rpc.system", "rpc.method", "rpc.service", "rpc.status_code", "rpc.response.status_code", "rpc.grpc.status_code",
    "grpc.status_code", "grpc.status", "rpc.connect_rpc.error_code", "messaging.system", "messaging.operation.type",
    "messaging.operation", "messaging.destination.name", "messaging.destination", "messaging.consumer.group.name",
    "messaging.kafka.consumer.group", "messaging.kafka.offset", "messaging.kafka.message.offset", "messaging.client.id",
    "messaging.client_id", "error.type", "error", "otel.status_code", "http.response.header.retry-after",
    "correlation_id", "http.request.header.x-request-id", "x-request-id", "messaging.message.conversation_id",
    "user.id", "thread.name", "", "é",
];

/// Values that mean something under many of those names.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "GET", "POST", "200", "404", "503", "abc", "/cart", "/cart?id=1", "/cart?id=1#top", "/cart#top?id=1", "?", "",
    "http://shop/cart?id=1", "https://shop", "shop/cart?next=http://a/b", "mssql", "mysql", "apache_dubbo", "publish",
    "send", "pkg.Service", "pkg.Service/Get", "Get", "14", "99", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED",
    "java.net.SocketTimeoutException", "ECONNREFUSED", "true", "TRUE", "ERROR", "8f14e45f",
];

const RESOURCE_NAMES: &[&str] = &[
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
    "deployment.environment",
    "host.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "telemetry.sdk.name",
];

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (option::of(scope()), vec(span(), 0..4), schema_url())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (option::of(resource()), vec(scope_spans, 0..3), schema_url())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (option::of(scope()), vec(log(), 0..4), schema_url())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (option::of(resource()), vec(scope_logs, 0..3), schema_url())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

pub(crate) fn resource() -> impl Strategy<Value = Resource> {
    let attribute =
        (prop_oneof![4 => select(RESOURCE_NAMES).prop_map(str::to_owned), 1 => text()], option::of(any_value()));
    let entity = (text(), vec(text(), 0..3), vec(text(), 0..2)).prop_map(|(r#type, id_keys, description_keys)| {
        EntityRef { r#type, id_keys, description_keys, ..Default::default() }
    });
    (vec(attribute.prop_map(key_value), 0..8), count(), vec(entity, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

pub(crate) fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(3), count()).prop_map(|(name, version, attributes, dropped_attributes_count)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count }
    })
}

pub(crate) fn schema_url() -> impl Strategy<Value = String> {
    select(&["", "https://opentelemetry.io/schemas/1.37.0", "https://example.com/1"][..]).prop_map(str::to_owned)
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![1 => Just(Vec::new()), 2 => id(8)]);
    let times = (time(), time());
    let trace_state = prop_oneof![
        4 => select(&["", "ot=th:8", "vendor=1,ot=rv:abcdef01234567;th:fd70a4", "ot=p:3", "ot=th:zz"][..]).prop_map(str::to_owned),
        1 => text(),
    ];
    let status = option::of((text(), -1..4_i32).prop_map(|(message, code)| Status { message, code }));
    let identity = (ids, trace_state, text(), -1..7_i32, times, flags(), status);
    let lists = (attributes(10), count(), vec(event(), 0..3), count(), vec(link(), 0..3), count());
    (identity, lists).prop_map(|(identity, lists)| {
        let ((trace_id, span_id, parent_span_id), trace_state, name, kind, times, flags, status) = identity;
        let (attributes, dropped_attributes_count, events, dropped_events_count, links, dropped_links_count) = lists;
        Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count,
            events,
            dropped_events_count,
            links,
            dropped_links_count,
            status,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let name = prop_oneof![Just("exception".to_owned()), text()];
    let exception = (Just("exception.type".to_owned()), option::of(any_value())).prop_map(key_value);
    let attributes = (attributes(2), vec(exception, 0..2)).prop_map(|(first, second)| [first, second].concat());
    (time(), name, attributes, count()).prop_map(|(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
        time_unix_nano,
        name,
        attributes,
        dropped_attributes_count,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), text(), attributes(2), count(), flags()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn log() -> impl Strategy<Value = LogRecord> {
    let times = (prop_oneof![1 => Just(0), 4 => time()], prop_oneof![1 => Just(0), 4 => time()]);
    let ids = (prop_oneof![1 => Just(Vec::new()), 4 => id(16)], prop_oneof![1 => Just(Vec::new()), 4 => id(8)]);
    let texts = (text(), option::of(any_value()), text());
    (times, ids, texts, 0..25_i32, attributes(6), count(), flags()).prop_map(
        |(
            times,
            (trace_id, span_id),
            (severity_text, body, event_name),
            severity_number,
            attributes,
            dropped,
            flags,
        )| LogRecord {
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            severity_number,
            severity_text,
            body,
            attributes,
            dropped_attributes_count: dropped,
            flags,
            trace_id,
            span_id,
            event_name,
        },
    )
}

/// Up to `most` attributes, whose names may come twice.
pub(crate) fn attributes(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    let name = prop_oneof![8 => select(NAMES).prop_map(str::to_owned), 1 => text()];
    vec((name, option::weighted(0.95, any_value())).prop_map(key_value), 0..=most)
}

fn key_value((key, value): (String, Option<AnyValue>)) -> KeyValue {
    KeyValue { key, value, ..Default::default() }
}

pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
    let scalar = prop_oneof![
        6 => select(TEXTS).prop_map(|text| Some(Value::StringValue(text.to_owned()))),
        2 => text().prop_map(|text| Some(Value::StringValue(text))),
        3 => select(&[0, 2, 14, 200, 404, 503, 65_536, -1, i64::MIN, i64::MAX][..]).prop_map(|value| Some(Value::IntValue(value))),
        2 => double().prop_map(|value| Some(Value::DoubleValue(value))),
        1 => any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        1 => vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        1 => Just(None),
    ];
    let scalar = scalar.prop_map(|value| AnyValue { value });
    scalar.prop_recursive(3, 12, 4, |inner| {
        let array = vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let entry = (text(), option::of(inner)).prop_map(key_value);
        let list = vec(entry, 0..3).prop_map(|values| Value::KvlistValue(KeyValueList { values }));
        prop_oneof![array, list].prop_map(|value| AnyValue { value: Some(value) })
    })
}

/// Any double, with those that are special more often. Most have few digits, so that every JSON reader agrees on them.
pub(crate) fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => select(&[0.0, -0.0, 1.0, 200.0, 1.5, 1e16, 1e-7, -2.5e300, 9e15, f64::MAX][..]),
        3 => (-1_000_000..1_000_000_i32).prop_map(|eighths| f64::from(eighths) / 8.0),
        1 => select(&[f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..]),
        1 => any::<f64>(),
    ]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => "[a-z.]{1,8}",
        2 => "\\PC{0,6}",
        1 => vec(any::<char>(), 0..6).prop_map(String::from_iter),
        1 => vec(select(&['\0', '\u{8}', '\t', '\n', '\u{c}', '\r', '\u{1f}', '"', '\\', '/', '\u{7f}', '😀'][..]), 1..6)
            .prop_map(String::from_iter),
    ]
}

/// An id of `len` bytes; at times all zero, or of another length.
pub(crate) fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![30 => vec(any::<u8>(), len), 1 => Just(vec![0; len]), 1 => vec(any::<u8>(), 0..20)]
}

/// A time of this age; at times none, or one past the year 2262.
pub(crate) fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        30 => START..START + 1_000_000,
        1 => Just(0),
        1 => select(&[1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX][..]),
    ]
}

pub(crate) fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => 1..10_u32, 1 => any::<u32>()]
}

pub(crate) fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![2 => Just(0), 2 => Just(0x101), 1 => any::<u32>()]
}
