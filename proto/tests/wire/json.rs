//! OTLP/JSON gives the rows that the same request gives in protobuf.

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::any_value::Value,
    trace::v1::Span,
};
use proptest::prelude::*;
use prost::Message;
use spandrel_proto::wire::{
    Decoded, RejectReason,
    otlp::{Signal, json_to_protobuf},
};

use crate::{
    build::{attribute, decode_traces, span, text, traces as traces_of},
    check::{Request, assert_same_batch, decode},
    generate::{logs, traces},
    generate_metrics::metrics,
};

proptest! {
    #[test]
    fn traces_in_json_are_the_same(request in traces()) {
        check_json_form(&request);
    }

    #[test]
    fn logs_in_json_are_the_same(request in logs()) {
        check_json_form(&request);
    }

    #[test]
    fn metrics_in_json_are_the_same(request in metrics()) {
        check_json_form(&request);
    }
}

fn check_json_form<R: Request + serde::de::DeserializeOwned>(request: &R) {
    let mut json = serde_json::to_value(request).expect("requests have a JSON form");
    number_nulls(&mut json);
    let json = json.to_string();
    // What the JSON says by another reader; the last digit of a double of many digits is the parser's choice.
    let said: R = serde_json::from_str(&json).expect("the JSON is read by who wrote it");
    let protobuf = json_to_protobuf(R::SIGNAL, json.as_bytes()).expect("the JSON is OTLP");
    let read = R::decode(protobuf.as_slice()).expect("what is written is protobuf");
    assert_eq!(read.records(), request.records());
    // Both by prost, which leaves out fields that are zero or, mistaking it, minus zero.
    let [read, said] =
        [read, said].map(|request| decode(R::SIGNAL, &request.encode_to_vec()).expect("it is well formed"));
    assert_same_batch(&read.batch, &said.batch);
    assert_eq!(read.report.message(), said.report.message());
    assert!(decode(R::SIGNAL, &protobuf).is_ok_and(|decoded| decoded.report.message() == said.report.message()));
}

/// Numbers that are not finite are written as null, which who wrote them does not read.
fn number_nulls(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Array(elements) => {
            for element in elements {
                if element.is_null() {
                    *element = 0.0.into();
                }
                number_nulls(element);
            }
        }
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                if value.is_null() && matches!(name.as_str(), "doubleValue" | "asDouble" | "zeroThreshold" | "sum") {
                    *value = 0.0.into();
                }
                number_nulls(value);
            }
        }
        _ => {}
    }
}

fn decode_json(json: &str) -> Decoded {
    let protobuf = json_to_protobuf(Signal::Traces, json.as_bytes()).expect("the JSON is OTLP");
    decode(Signal::Traces, &protobuf).expect("what is written is protobuf")
}

fn span_json(fields: &str) -> String {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

const IDS: &str = r#""traceId":"07070707070707070000000000000001","spanId":"0000000000000002","name":"span 1""#;

#[test]
fn what_senders_write_differently_is_the_same() {
    let expected = decode_traces(&traces_of(vec![Span {
        kind: 3,
        attributes: vec![attribute("n", Value::IntValue(5))],
        ..span(1)
    }]));
    for fields in [
        r#""kind":3,"startTimeUnixNano":"1763680000000000001","endTimeUnixNano":"1763680000000001001","attributes":[{"key":"n","value":{"intValue":"5"}}]"#,
        r#""kind":"SPAN_KIND_CLIENT","startTimeUnixNano":1763680000000000001,"endTimeUnixNano":1763680000000001001,"attributes":[{"key":"n","value":{"intValue":5}}]"#,
        r#""kind":3,"start_time_unix_nano":"1763680000000000001","end_time_unix_nano":"1763680000000001001","attributes":[{"value":{"int_value":"5"},"key":"n"}],"someday":{"unknown":[1,{"a":null}]}"#,
        r#""kind":3.0,"startTimeUnixNano":"1763680000000000001","endTimeUnixNano":"1763680000000001001","attributes":[{"key":"n","value":{"intValue":5.0}}],"events":null,"parentSpanId":"","status":{}"#,
    ] {
        let decoded = decode_json(&span_json(&format!("{IDS},{fields}")));
        assert_same_batch(&decoded.batch, &expected.batch);
    }
    let upper = IDS.replace("07070707070707070000000000000001", "AB070707070707070000000000000001");
    let decoded = decode_json(&span_json(&format!(r#"{upper},"startTimeUnixNano":"5","endTimeUnixNano":"6""#)));
    assert_eq!(decoded.batch.num_rows(), 1, "ids may be in upper case");
}

#[test]
fn times_of_year_1_and_9999_cost_their_own_span() {
    for (time, reason) in [
        ("-62135596800000000000", RejectReason::TimeOutOfRange),
        ("253402300799000000000", RejectReason::TimeOutOfRange),
        ("9223372036854775808", RejectReason::TimeOutOfRange),
        ("0", RejectReason::TimeMissing),
    ] {
        for time in [time.to_owned(), format!("\"{time}\"")] {
            let bad = format!(r#"{{{IDS},"startTimeUnixNano":{time},"endTimeUnixNano":"6"}}"#);
            let good = format!(r#"{IDS},"startTimeUnixNano":"5","endTimeUnixNano":"6""#);
            let decoded = decode_json(&span_json(&format!("{good}}},{bad},{{{good}")));
            assert_eq!(decoded.report.rejected(reason), 1, "{time}");
            assert_eq!(decoded.report.rejected_total(), 1, "{time}");
            assert_eq!(decoded.batch.num_rows(), 2, "its neighbours are stored");
        }
    }
}

#[test]
fn an_id_that_is_not_hex_costs_its_own_span() {
    for id in ["xyz", "0707", "é", "7"] {
        let bad = format!(r#"{{"traceId":"{id}","spanId":"0000000000000002","startTimeUnixNano":"5"}}"#);
        let good = format!(r#"{IDS},"startTimeUnixNano":"5""#);
        let decoded = decode_json(&span_json(&format!("{good}}},{bad},{{{good}")));
        assert_eq!(decoded.report.rejected(RejectReason::TraceId), 1, "{id}");
        assert_eq!(decoded.batch.num_rows(), 2, "its neighbours are stored");
    }
}

#[test]
fn json_that_is_not_otlp_is_refused_with_its_place() {
    for (json, says) in [
        ("", "EOF"),
        ("[]", "an object"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":[]}]}]}]}"#, "an enum number for kind"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":-1}]}]}]}"#, "out of range for flags"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"noon"}]}]}]}"#, "noon"),
    ] {
        let error = json_to_protobuf(Signal::Traces, json.as_bytes()).expect_err("the body is bad");
        let source = std::error::Error::source(&error).expect("the parser's error is the source").to_string();
        assert!(source.contains(says) && source.contains("line 1 column"), "{json}: {source}");
    }
}

#[test]
fn the_json_form_of_this_crates_oracle_is_read_too() {
    let request = traces_of(vec![Span { attributes: vec![text("user.id", "é\u{0}\"")], ..span(1) }]);
    let json = serde_json::to_string(&request).expect("requests have a JSON form");
    let again: ExportTraceServiceRequest = serde_json::from_str(&json).expect("the JSON is read by who wrote it");
    assert_eq!(again, request);
    assert_same_batch(&decode_json(&json).batch, &decode_traces(&request).batch);
    assert!(
        json_to_protobuf(Signal::Logs, json.as_bytes()).is_ok_and(|bytes| bytes.is_empty()),
        "other fields are passed over"
    );
    assert!(ExportLogsServiceRequest::decode(&[][..]).is_ok());
}
