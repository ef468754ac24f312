use std::borrow::Cow;

use proptest::prelude::*;
use spandrel_proto::model::id::to_hex;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Trace, span, parent and correlation ids that the values give, as text.
fn ids(values: &[(&'static str, &str)]) -> (String, String, String, Vec<String>) {
    let mut ids = Ids::default();
    for (key, value) in values {
        ids.offer(key, &Cow::Borrowed(*value));
    }
    let hex = |id: Option<&[u8]>| id.map(to_hex).unwrap_or_default();
    (
        hex(ids.trace_id.as_ref().map(<[u8; 16]>::as_slice)),
        hex(ids.span_id.as_ref().map(<[u8; 8]>::as_slice)),
        hex(ids.parent_span_id.as_ref().map(<[u8; 8]>::as_slice)),
        ids.correlation.iter().map(ToString::to_string).collect(),
    )
}

#[test]
fn keys_are_known_in_any_spelling() {
    let table: [(IdKind, &[&str]); 14] = [
        (
            IdKind::Correlation,
            &[
                "X-Request-Id",
                "x_request_id",
                "http_x_request_id",
                "request_header_x-request-id",
                "requestId",
                "req_id",
                "req.id",
                "RequestId",
                "http.req.id",
                "kong_request_id",
                "guid:x-request-id",
                "http.request.header.x-correlation-id",
                "x-correlation-id",
                "correlationId",
                "CorrelationId",
                "x-requestid",
                "request-id",
                "req.headers.x-request-id",
                "sent_http_x_request_id",
                "X_CORRELATION_ID",
            ],
        ),
        (
            IdKind::TraceId,
            &[
                "trace_id",
                "traceId",
                "trace.id",
                "traceid",
                "TraceId",
                "TraceID",
                "trace-id",
                "otelTraceID",
                "@tr",
                "X-B3-TraceId",
                "x_b3_traceid",
                "_traceId",
                "otel_trace_id",
                "ot-tracer-traceid",
            ],
        ),
        (IdKind::SpanId, &["span_id", "spanId", "span.id", "otelSpanID", "@sp", "logging.googleapis.com/spanId"]),
        (IdKind::ParentSpanId, &["parent_span_id", "x-b3-parentspanid", "otel_parent_id", "ParentId"]),
        (IdKind::TraceParent, &["traceparent", "http_traceparent", "Traceparent", "trace_id.w3c"]),
        (IdKind::B3, &["b3", "http_b3", "trace_id.b3"]),
        (IdKind::AmznTrace, &["X-Amzn-Trace-Id", "xrayTraceId", "trace_id.aws"]),
        (IdKind::Jaeger, &["uber-trace-id", "http_uber_trace_id", "trace_id.jaeger"]),
        (IdKind::CloudTrace, &["x-cloud-trace-context", "logging.googleapis.com/trace", "trace_id.gcp"]),
        (IdKind::DatadogTraceId, &["dd.trace_id", "x-datadog-trace-id", "trace_id.datadog"]),
        (IdKind::DatadogParentId, &["x-datadog-parent-id"]),
        (IdKind::DatadogSpanId, &["dd.span_id"]),
        (IdKind::Sw8, &["sw8", "http_sw8"]),
        (IdKind::GrpcTraceBin, &["grpc-trace-bin"]),
    ];
    for (kind, keys) in table {
        for key in keys {
            assert_eq!(IdKind::of_key(key), Some(kind), "{key}");
        }
    }
    let long = "x".repeat(5_000);
    for key in ["", "-", "session", "user_id", "trace", "tracestate", "http", "span", "path", "id", long.as_str()] {
        assert_eq!(IdKind::of_key(key), None, "{key}");
    }
}

#[test]
fn each_form_names_its_ids() {
    let w3c = format!("00-{TRACE}-{SPAN}-01");
    for (key, value, trace, span, parent) in [
        ("traceparent", w3c.as_str(), TRACE, "", SPAN),
        ("traceparent", "cc-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01-later", TRACE, "", SPAN),
        ("trace_id", w3c.as_str(), TRACE, "", SPAN),
        ("trace_id", "4BF92F3577B34DA6A3CE929D0E0E4736", TRACE, "", ""),
        ("trace_id", "a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736", "", ""),
        ("trace_id", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1", TRACE, "", ""),
        ("span_id", SPAN, "", SPAN, ""),
        ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-05e3ac9a4f6e3b90", TRACE, SPAN, "05e3ac9a4f6e3b90"),
        ("b3", "a3ce929d0e0e4736-00f067aa0ba902b7", "0000000000000000a3ce929d0e0e4736", SPAN, ""),
        (
            "x-amzn-trace-id",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1;Lineage=1:a:0",
            TRACE,
            "",
            SPAN,
        ),
        (
            "x-amzn-trace-id",
            "Self=1-67891234-12456789abcdef012345678a;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736",
            TRACE,
            "",
            "",
        ),
        ("xrayTraceId", "1-4bf92f35-77b34da6a3ce929d0e0e4736", TRACE, "", ""),
        ("uber-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:1", TRACE, "", SPAN),
        ("uber-trace-id", "3ce929d0e0e4736%3Af067aa0ba902b7%3A0%3a1", "000000000000000003ce929d0e0e4736", "", SPAN),
        ("x-cloud-trace-context", "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1", TRACE, "", SPAN),
        ("logging.googleapis.com/trace", "projects/shop/traces/4bf92f3577b34da6a3ce929d0e0e4736", TRACE, "", ""),
        ("dd.trace_id", "11803532876627986230", "0000000000000000a3ce929d0e0e4736", "", ""),
        ("dd.trace_id", TRACE, TRACE, "", ""),
        ("dd.span_id", "67667974448284343", "", SPAN, ""),
        ("x-datadog-parent-id", "67667974448284343", "", "", SPAN),
        ("grpc-trace-bin", "AABL+S81d7NNpqPOkp0ODkc2AQDwZ6oLqQK3AgE", TRACE, "", SPAN),
    ] {
        let found = ids(&[(key, value)]);
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), (trace, span, parent), "{key}: {value}");
        assert!(found.3.is_empty(), "{key}: {value}");
    }
}

#[test]
fn sky_walking_ids_become_those_of_the_collector() {
    // 56a5e1c519ae4c76a2b8b11d92cead7f.12.16563474296430001, the id in the Collector's own tests.
    let trace = "NTZhNWUxYzUxOWFlNGM3NmEyYjhiMTFkOTJjZWFkN2YuMTIuMTY1NjM0NzQyOTY0MzAwMDE=";
    let header = format!("1-{trace}-{trace}-3-c2hvcA==-aQ==-L2NhcnQ=-YToxMA==");
    let (id, _, parent, _) = ids(&[("sw8", &header)]);
    assert_eq!(id, "56a5e1c515ae4c7613e51e7cf616977f");
    assert_eq!(parent.len(), 16);
    let uuid = "ZGU1OTgwYjgtZmNlMy00YTM3LWFhYjktYjRhYzNhZjdlZWRk";
    assert_eq!(ids(&[("sw8", &format!("1-{uuid}-{uuid}-0-a-b-c-d"))]).0, "de5980b8fce34a37aab9b4ac3af7eedd");
}

#[test]
fn what_is_no_trace_id_is_never_one() {
    let zero_parent = format!("00-{TRACE}-0000000000000000-01");
    let version = format!("ff-{TRACE}-{SPAN}-01");
    let longer = format!("00-{TRACE}-{SPAN}-01-more");
    for (key, value, correlation) in [
        ("trace_id", "T5VMASNOT5", "T5VMASNOT5"),
        ("trace_id", "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2", "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e473g", "4bf92f3577b34da6a3ce929d0e0e473g"),
        ("trace_id", "00000000000000000000000000000000", ""),
        ("trace_id", "-", ""),
        ("trace_id", "short", ""),
        ("trace_id", "ünïcödé-ïd", "ünïcödé-ïd"),
        ("x-request-id", "1234567", ""),
        ("x-request-id", "00000000-0000-0000-0000-000000000000", ""),
        ("x-request-id", "undefined", ""),
        ("x-request-id", "lab-000124", "lab-000124"),
        ("traceparent", zero_parent.as_str(), ""),
        ("traceparent", version.as_str(), ""),
        ("traceparent", longer.as_str(), ""),
        ("b3", "0", ""),
        ("b3", "1", ""),
        ("b3", "d", ""),
        ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-x", ""),
        ("uber-trace-id", "a:b:c", ""),
        ("x-datadog-trace-id", "99999999999999999999999", "99999999999999999999999"),
        ("sw8", "1-@-b-c", ""),
        ("grpc-trace-bin", "AAAA", ""),
    ] {
        let found = ids(&[(key, value)]);
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), ("", "", ""), "{key}: {value}");
        assert_eq!(found.3.concat(), correlation, "{key}: {value}");
    }
}

#[test]
fn a_value_too_short_to_identify_is_not_taken() {
    let mut ids = Ids::default();
    assert!(!ids.offer("reqId", &Cow::Borrowed("req-1")), "it is left to the record's attributes");
    assert!(!ids.offer("user", &Cow::Borrowed("0123456789")));
    assert!(ids.offer("reqId", &Cow::Borrowed("-")), "there is nothing to keep");
    assert_eq!(ids, Ids::default());
}

#[test]
fn the_first_trace_id_counts_and_datadog_halves_join_in_any_order() {
    let other = "ffffffffffffffffffffffffffffffff";
    let w3c = format!("00-{other}-{SPAN}-01");
    assert_eq!(
        ids(&[("trace_id", TRACE), ("traceparent", &w3c)]),
        (TRACE.into(), String::new(), String::new(), vec![w3c.clone()])
    );
    let same = format!("00-{TRACE}-{SPAN}-01");
    assert_eq!(ids(&[("trace_id", TRACE), ("traceparent", &same)]).2, SPAN);
    let halves =
        [("x-datadog-trace-id", "11803532876627986230"), ("x-datadog-tags", "_dd.p.dm=-1,_dd.p.tid=4bf92f3577b34da6")];
    assert_eq!(ids(&halves).0, TRACE);
    assert_eq!(ids(&[halves[1], halves[0]]).0, TRACE);
    let twice = ids(&[("x-request-id", "lab-000124"), ("request_id", "lab-000124"), ("correlation_id", "order-77")]);
    assert_eq!(twice.3, ["lab-000124", "order-77"]);
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(key in 0..KEYS.len(), value in "\\PC{0,80}") {
        let mut ids = Ids::default();
        prop_assert!(IdKind::of_key(KEYS[key]).is_some());
        ids.offer(KEYS[key], &Cow::Borrowed(&value));
        prop_assert_ne!(ids.trace_id, Some([0; 16]));
        prop_assert_ne!(ids.span_id, Some([0; 8]));
    }

    #[test]
    fn shapes_of_ids_are_read_without_a_panic(key in 0..KEYS.len(), value in "[0-9a-fé]{0,33}[-:/;=%3A]{0,2}[0-9a-f]{0,17}[-:.]?[0-9]{0,3}") {
        let mut ids = Ids::default();
        ids.offer(KEYS[key], &Cow::Borrowed(&value));
        prop_assert_ne!(ids.trace_id, Some([0; 16]));
    }

    #[test]
    fn any_key_is_read_without_a_panic(key in "\\PC{0,100}") {
        IdKind::of_key(&key);
    }
}

const KEYS: [&str; 14] = [
    "traceparent",
    "trace_id",
    "span_id",
    "parent_span_id",
    "x-request-id",
    "b3",
    "x-amzn-trace-id",
    "uber-trace-id",
    "x-cloud-trace-context",
    "dd.trace_id",
    "x-datadog-parent-id",
    "x-datadog-tags",
    "sw8",
    "grpc-trace-bin",
];
