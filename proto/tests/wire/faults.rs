//! A bad record costs itself only, and the sender is told (B-2).

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    metrics::v1::{Exemplar, Gauge, Metric, NumberDataPoint, Sum, metric::Data},
    trace::v1::{
        Span,
        span::{Event, Link},
    },
};
use prost::Message;
use spandrel_proto::{
    model::id::to_hex,
    wire::{Decoded, RejectReason, Repair, otlp::Signal},
};

use crate::{
    build::{
        START, attribute, decode_logs, decode_traces, int_at, logs, map_at, metrics, resource, span, text, text_at,
        traces, traces_of,
    },
    check::{RECEIVED_AT, decode},
    wire_format::{delimited, nested},
};

/// Decodes a bad span between two good ones, and checks that nothing but it is lost.
fn reject(bad: &Span, reason: RejectReason) -> Decoded {
    let decoded = decode_traces(&traces(vec![span(1), bad.clone(), span(3)]));
    assert_eq!(decoded.report.rejected(reason), 1, "{bad:?}");
    assert_eq!(decoded.report.rejected_total(), 1);
    let names: Vec<_> = (0..decoded.batch.num_rows()).map(|row| text_at(&decoded.batch, "name", row)).collect();
    assert_eq!(names, [Some("span 1"), Some("span 3")], "the neighbours of {bad:?} are stored");
    let samples = decoded.report.samples();
    assert_eq!((samples.len(), samples[0].reason), (1, reason));
    assert_eq!(samples[0].record, bad.encode_to_vec());
    assert!(decoded.report.message().is_some_and(|message| message.starts_with("1 rejected: ")));
    decoded
}

#[test]
fn a_bad_id_costs_its_span() {
    for trace_id in [vec![], vec![1; 8], vec![1; 15], vec![1; 17], vec![0; 16]] {
        reject(&Span { trace_id, ..span(2) }, RejectReason::TraceId);
    }
    for span_id in [vec![], vec![1; 7], vec![1; 16], vec![0; 8]] {
        reject(&Span { span_id, ..span(2) }, RejectReason::SpanId);
    }
    for parent_span_id in [vec![1; 7], vec![1; 16]] {
        reject(&Span { parent_span_id, ..span(2) }, RejectReason::ParentSpanId);
    }
    for (trace_id, span_id) in [(vec![1; 16], vec![1; 7]), (vec![], vec![1; 8])] {
        let links = vec![Link { trace_id, span_id, ..Default::default() }];
        reject(&Span { links, ..span(2) }, RejectReason::LinkId);
    }
    let root = decode_traces(&traces(vec![Span { parent_span_id: vec![0; 8], ..span(1) }]));
    assert_eq!(
        root.batch.column_by_name("parent_span_id").expect("the column exists").null_count(),
        1,
        "zeros mean none"
    );
}

#[test]
fn a_bad_time_costs_its_span() {
    reject(&Span { start_time_unix_nano: 0, ..span(2) }, RejectReason::TimeMissing);
    for time in [i64::MAX as u64 + 1, u64::MAX] {
        reject(&Span { start_time_unix_nano: time, ..span(2) }, RejectReason::TimeOutOfRange);
        reject(&Span { end_time_unix_nano: time, ..span(2) }, RejectReason::TimeOutOfRange);
    }
}

#[test]
fn few_rejects_are_kept_as_samples() {
    let bad = Span { trace_id: Vec::new(), name: "x".repeat(10_000), ..span(2) };
    let decoded = decode_traces(&traces(vec![bad; 100]));
    assert_eq!(decoded.report.rejected(RejectReason::TraceId), 100);
    let samples = decoded.report.samples();
    assert_eq!(samples.len(), 4);
    assert!(samples.iter().all(|sample| sample.record.len() == 1_024));
}

#[test]
fn a_span_that_ends_before_it_starts_lasts_no_time() {
    let decoded = decode_traces(&traces(vec![Span { end_time_unix_nano: START - 5, ..span(2) }, span(3)]));
    assert_eq!(int_at(&decoded.batch, "duration_ns", 0), Some(0));
    assert_eq!(int_at(&decoded.batch, "end_time", 0), Some(START.cast_signed() - 5), "the times stay as they came");
    assert_eq!(int_at(&decoded.batch, "duration_ns", 1), Some(1_000));
    assert_eq!(decoded.report.repaired(Repair::NegativeDuration), 1);
    assert!(decoded.report.message().is_some_and(|message| message.contains("end before they start")));
}

#[test]
fn an_event_past_the_year_2262_does_not_cost_its_span() {
    let events = vec![Event { time_unix_nano: u64::MAX, ..Default::default() }];
    let decoded = decode_traces(&traces(vec![Span { events, ..span(2) }]));
    assert_eq!(decoded.batch.num_rows(), 1);
    assert_eq!(decoded.report.repaired(Repair::TimeClamped), 1);
    assert!(decoded.report.message().is_some_and(|message| message.contains("past the year 2262")));
}

#[test]
fn text_that_is_not_utf8_is_mended_and_said() {
    let bad = b"caf\xc3\x28 \xff";
    let mended = "caf\u{fffd}( \u{fffd}";
    let key_value = |key: &[u8], value: &[u8]| [delimited(1, key), nested(&[2, 1], value)].concat();
    let fields = [
        delimited(5, bad),
        delimited(9, &key_value(b"user.id", bad)),
        delimited(9, &key_value(bad, b"value")),
        delimited(9, &key_value(b"http.route", bad)),
    ];
    let mut unnamed = span(1);
    unnamed.name.clear();
    let bad_span = [unnamed.encode_to_vec(), fields.concat()].concat();
    let scope =
        [delimited(2, &span(2).encode_to_vec()), delimited(2, &bad_span), delimited(2, &span(3).encode_to_vec())];
    let decoded = decode(Signal::Traces, &nested(&[1, 2], &scope.concat())).expect("the framing is good");
    assert_eq!(text_at(&decoded.batch, "name", 0), Some("span 2"));
    assert_eq!(text_at(&decoded.batch, "name", 1), Some(mended));
    assert_eq!(text_at(&decoded.batch, "name", 2), Some("span 3"));
    assert_eq!(text_at(&decoded.batch, "http_route", 1), Some(mended));
    let attributes = [("user.id".to_owned(), Some(mended.to_owned())), (mended.to_owned(), Some("value".to_owned()))];
    assert_eq!(map_at(&decoded.batch, "attributes", 1), attributes);
    assert_eq!(decoded.report.repaired(Repair::NotUtf8), 4);
    assert!(decoded.report.message().is_some_and(|message| message.contains("4 texts were not UTF-8")));
}

#[test]
fn neighbours_that_are_utf8_only_together_are_mended_each() {
    let halves = [[0xc3].as_slice(), &[0xa9]];
    let record = |half| nested(&[5, 1], half);
    let records: Vec<u8> = halves.into_iter().flat_map(|half| delimited(2, &record(half))).collect();
    let decoded = decode(Signal::Logs, &nested(&[1, 2], &records)).expect("the framing is good");
    assert_eq!(text_at(&decoded.batch, "body", 0), Some("\u{fffd}"));
    assert_eq!(text_at(&decoded.batch, "body", 1), Some("\u{fffd}"));
    assert_eq!(decoded.report.repaired(Repair::NotUtf8), 2);
}

#[test]
fn a_resource_without_a_service_name_is_never_dropped() {
    for attributes in
        [vec![], vec![text("service.name", "")], vec![text("k8s.deployment.name", ""), text("host.name", "h")]]
    {
        let decoded = decode_traces(&traces_of(resource(attributes), vec![span(1), span(2)]));
        assert_eq!(text_at(&decoded.batch, "service_name", 1), Some("unknown_service"));
        assert_eq!(decoded.report.repaired(Repair::ServiceNameMissing), 1, "it is counted once a resource");
    }
    let attributes = vec![text("k8s.job.name", "nightly"), text("k8s.deployment.name", "cart")];
    let decoded = decode_traces(&traces_of(resource(attributes), vec![span(1)]));
    assert_eq!(text_at(&decoded.batch, "service_name", 0), Some("cart"));
    assert_eq!(decoded.report.message(), None);
    let without_resource =
        decode(Signal::Traces, &nested(&[1, 2, 2], &span(1).encode_to_vec())).expect("it is well formed");
    assert_eq!(text_at(&without_resource.batch, "service_name", 0), Some("unknown_service"));
}

#[test]
fn keys_that_come_twice_are_kept_but_say_one_thing_once() {
    let attributes = vec![
        text("user.id", "a"),
        text("user.id", "b"),
        text("http.route", "/cart"),
        text("http.route", "/cart"),
        text("db.namespace", "shop"),
        text("db.namespace", "other"),
        text("url.full", "http://a/"),
        text("url.full", "http://b/"),
    ];
    let decoded = decode_traces(&traces(vec![Span { attributes, ..span(1) }]));
    assert_eq!(text_at(&decoded.batch, "http_route", 0), Some("/cart"));
    assert_eq!(text_at(&decoded.batch, "db_namespace", 0), Some("shop"), "the first holds");
    let kept = map_at(&decoded.batch, "attributes", 0);
    let kept: Vec<_> = kept.iter().map(|(key, value)| (key.as_str(), value.as_deref().unwrap_or_default())).collect();
    let expected = [
        ("url.full", "http://a/"),
        ("user.id", "a"),
        ("user.id", "b"),
        ("db.namespace", "other"),
        ("url.full", "http://b/"),
    ];
    assert_eq!(kept, expected);
    assert_eq!(decoded.report.repaired(Repair::AliasConflict), 2);
    assert_eq!(decoded.report.message(), None, "a conflict is no fault of the sender");

    let twice = resource(vec![text("service.name", "first"), text("service.name", "second")]);
    let decoded = decode_traces(&traces_of(twice, vec![span(1)]));
    assert_eq!(text_at(&decoded.batch, "service_name", 0), Some("first"));
    let kept = map_at(&decoded.batch, "resource_attributes", 0);
    assert_eq!(kept, [("service.name".to_owned(), Some("second".to_owned()))]);
}

#[test]
fn a_log_record_is_kept_without_its_bad_id_and_with_the_time_it_was_seen() {
    let record = LogRecord { trace_id: vec![1; 5], span_id: vec![2; 8], ..Default::default() };
    let seen = LogRecord { observed_time_unix_nano: START, trace_id: vec![0; 16], ..Default::default() };
    let late = LogRecord { time_unix_nano: u64::MAX, ..Default::default() };
    let decoded = decode_logs(&logs(vec![record, seen, late]));
    assert_eq!(decoded.batch.num_rows(), 2);
    assert_eq!(int_at(&decoded.batch, "time", 0), Some(RECEIVED_AT));
    assert_eq!(int_at(&decoded.batch, "observed_time", 0), None);
    assert_eq!(int_at(&decoded.batch, "time", 1), Some(START.cast_signed()));
    assert_eq!(decoded.batch.column_by_name("trace_id").expect("the column exists").null_count(), 2);
    assert_eq!(decoded.report.repaired(Repair::IdLeftOut), 1);
    assert_eq!(decoded.report.rejected(RejectReason::TimeOutOfRange), 1);
}

#[test]
fn a_bad_point_costs_itself() {
    let point = |time_unix_nano| NumberDataPoint { time_unix_nano, ..Default::default() };
    let exemplar = Exemplar { trace_id: vec![1; 3], time_unix_nano: START, ..Default::default() };
    let good = NumberDataPoint {
        exemplars: vec![exemplar],
        attributes: vec![attribute("a", Value::BoolValue(true))],
        ..point(START)
    };
    let started_late = NumberDataPoint { start_time_unix_nano: u64::MAX, ..point(START) };
    let data_points = vec![good.clone(), point(0), point(u64::MAX), started_late, good];
    let gauge = Metric { data: Some(Data::Gauge(Gauge { data_points })), ..Default::default() };
    let empty = Metric { name: "empty".to_owned(), ..Default::default() };
    let without_points = Metric { data: Some(Data::Sum(Sum::default())), ..Default::default() };
    let request = metrics(vec![gauge, empty, without_points]);
    let decoded = decode(Signal::Metrics, &request.encode_to_vec()).expect("the request is well formed");
    assert_eq!(decoded.batch.num_rows(), 2);
    assert_eq!(decoded.report.rejected(RejectReason::TimeMissing), 1);
    assert_eq!(decoded.report.rejected(RejectReason::TimeOutOfRange), 2);
    assert_eq!(decoded.report.rejected(RejectReason::NoData), 1);
    assert_eq!(decoded.report.repaired(Repair::IdLeftOut), 2);
}

#[test]
fn samples_hold_the_record_that_was_refused() {
    let decoded = reject(&Span { span_id: vec![9; 3], ..span(2) }, RejectReason::SpanId);
    let sample = &decoded.report.samples()[0].record;
    assert!(to_hex(sample).contains("1203090909"), "field 2 of three bytes is in it");
}
