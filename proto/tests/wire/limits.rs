//! What is too much is cut off and said, or refused; never more memory than the limits allow.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    metrics::v1::{Gauge, Metric, NumberDataPoint, metric::Data},
    trace::v1::{
        Span,
        span::{Event, Link},
    },
};
use prost::Message;
use spandrel_proto::wire::{
    DecodeLimits, Repair, WireError,
    otlp::{self, Signal},
};

use crate::{
    build::{
        START, array, attribute, decode_logs, decode_traces, int, int_at, logs, map_at, metrics, resource, span, text,
        text_at, traces, traces_of,
    },
    check::{RECEIVED_AT, check_request, decode},
    wire_format::{delimited, nested},
};

const VALUE_BYTES: usize = 64 * 1024;

#[test]
fn attributes_past_the_limit_are_dropped_and_counted() {
    let attributes = (0..100_000).map(|number| int(&format!("key.{number}"), number)).collect();
    let request = traces(vec![span(1), Span { attributes, dropped_attributes_count: 7, ..span(2) }, span(3)]);
    let decoded = decode_traces(&request);
    assert_eq!(decoded.batch.num_rows(), 3);
    let kept = map_at(&decoded.batch, "attributes", 1);
    assert_eq!(kept.len(), 1_024);
    assert_eq!(kept[1_023], ("key.1023".to_owned(), Some("1023".to_owned())));
    assert_eq!(int_at(&decoded.batch, "dropped_attributes_count", 1), Some(100_000 - 1_024 + 7));
    assert_eq!(decoded.report.repaired(Repair::AttributesDropped), 100_000 - 1_024);
    let message = decoded.report.message().expect("the sender is told");
    assert!(message.contains("98976 attributes past the limit"), "{message}");
    check_request(&request, &DecodeLimits::default());
}

#[test]
fn events_and_links_past_the_limit_are_dropped_and_counted() {
    let events = vec![Event { name: "tick".to_owned(), ..Default::default() }; 5_000];
    let links = vec![Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() }; 4_100];
    let request = traces(vec![Span { events, dropped_events_count: 1, links, ..span(1) }]);
    let decoded = decode_traces(&request);
    assert_eq!(int_at(&decoded.batch, "dropped_events_count", 0), Some(5_000 - 4_096 + 1));
    assert_eq!(int_at(&decoded.batch, "dropped_links_count", 0), Some(4));
    assert_eq!(decoded.report.repaired(Repair::ListItemsDropped), 904 + 4);
    check_request(&request, &DecodeLimits::default());
}

#[test]
fn a_long_text_is_cut_at_a_character_and_said() {
    // The limit falls inside a character of three bytes.
    let long = "€".repeat(10 * 1024 * 1024 / 3);
    let kept = &long[..VALUE_BYTES / 3 * 3];
    let request = traces(vec![Span { attributes: vec![text("note", &long)], name: long.clone(), ..span(1) }, span(2)]);
    let decoded = decode_traces(&request);
    assert_eq!(map_at(&decoded.batch, "attributes", 0), [("note".to_owned(), Some(kept.to_owned()))]);
    assert_eq!(text_at(&decoded.batch, "name", 0), Some(kept));
    assert_eq!(decoded.batch.num_rows(), 2);
    assert_eq!(decoded.report.repaired(Repair::ValueTruncated), 2);
    assert!(decoded.report.message().is_some_and(|message| message.contains("longer than the limit")));

    let decoded = decode_logs(&logs(vec![LogRecord {
        body: attribute("", Value::StringValue(long.clone())).value,
        ..Default::default()
    }]));
    assert_eq!(text_at(&decoded.batch, "body", 0), Some(kept));
}

#[test]
fn what_is_cut_is_not_held_in_memory() {
    let nested = array(vec![Value::BytesValue(vec![7; 1 << 20]), Value::StringValue("\u{1}".repeat(1 << 20))]);
    let decoded = decode_traces(&traces(vec![Span { attributes: vec![attribute("note", nested)], ..span(1) }]));
    let kept = map_at(&decoded.batch, "attributes", 0).remove(0).1.expect("the value is there");
    assert!(kept.starts_with("[\"BwcH") && kept.len() == VALUE_BYTES);
    let memory = decoded.batch.get_array_memory_size();
    assert!(memory < 4 * 1024 * 1024, "{memory} bytes are held for what was cut");
}

#[test]
fn a_request_that_expands_is_refused() {
    let large = (0..100).map(|number| text(&format!("key.{number}"), &"x".repeat(10_000))).collect();
    let request = traces_of(resource(large), (1..200).map(span).collect()).encode_to_vec();
    assert!(request.len() < 1_100_000);
    let limit = 128 * 1024 * 1024;
    assert_eq!(decode(Signal::Traces, &request).err(), Some(WireError::Expansion { limit }));

    let within = traces_of(resource(vec![text("key", &"x".repeat(10_000))]), (1..200).map(span).collect());
    assert_eq!(decode_traces(&within).batch.num_rows(), 199);
}

#[test]
fn tiny_records_by_the_million_are_refused_before_they_are_collected() {
    for (signal, path) in [(Signal::Traces, &[1, 2][..]), (Signal::Logs, &[1, 2]), (Signal::Metrics, &[1, 2, 2, 5])] {
        let field = if signal == Signal::Metrics { [0x0a, 0x00] } else { [0x12, 0x00] };
        let request = nested(path, &field.repeat(2_000_000));
        let error = decode(signal, &request).expect_err("four megabytes become two million records");
        assert!(matches!(error, WireError::Expansion { .. }), "{error}");
    }
    let ticking = [span(1).encode_to_vec(), [0x5a, 0x00].repeat(4_096)].concat();
    let ticks = nested(&[1, 2], &delimited(2, &ticking).repeat(1_000));
    let error = decode(Signal::Traces, &ticks).expect_err("an event of two bytes becomes a row of thirty");
    assert!(matches!(error, WireError::Expansion { .. }), "{error}");
}

#[test]
fn the_limit_of_a_request_can_be_set_but_not_past_what_columns_hold() {
    let request = traces((1..100).map(span).collect()).encode_to_vec();
    let limits = |expanded_bytes| DecodeLimits { expanded_bytes, ..DecodeLimits::default() };
    let refused = otlp::decode(Signal::Traces, &request, RECEIVED_AT, &limits(10_000)).err();
    assert_eq!(refused, Some(WireError::Expansion { limit: 10_000 }));
    assert!(otlp::decode(Signal::Traces, &request, RECEIVED_AT, &limits(1_000_000)).is_ok());

    let point = NumberDataPoint { time_unix_nano: START, ..Default::default() };
    let gauge = Data::Gauge(Gauge { data_points: vec![point; 700_000] });
    let request = metrics(vec![Metric { data: Some(gauge), ..Default::default() }]).encode_to_vec();
    let refused = otlp::decode(Signal::Metrics, &request, RECEIVED_AT, &limits(usize::MAX)).err();
    assert_eq!(refused, Some(WireError::Expansion { limit: DecodeLimits::MAX_EXPANDED_BYTES }));
}
