//! B-2: a bad record costs itself only. It is counted and named; its neighbours are stored.

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::{Span, span::Link},
};
use prost::Message;
use serde_json::{Value, json};

use crate::harness::{
    Partial, Server, T0, Transport, attribute, gauge_point, log_record, logs_request, metrics_request, span,
    spans_request, text_value,
};

/// Past the year 2262.
const LATE: u64 = 1 << 63;

fn hex(trace: u64) -> String {
    format!("a1a1a1a1a1a1a1a1{trace:016x}")
}

/// Spans that cannot be stored, one for each reason there is.
fn bad_spans(trace: u64) -> Vec<(Span, &'static str)> {
    let good = || span(trace, 99);
    let link = Link { trace_id: vec![1; 16], span_id: vec![1; 7], ..Default::default() };
    vec![
        (Span { trace_id: vec![1; 15], ..good() }, "1 rejected: trace_id is not 16 bytes, or all zero"),
        (Span { span_id: vec![1; 9], ..good() }, "2 rejected: span_id is not 8 bytes, or all zero"),
        (Span { span_id: Vec::new(), ..good() }, "2 rejected: span_id"),
        (Span { parent_span_id: vec![1; 3], ..good() }, "1 rejected: parent_span_id is not 8 bytes"),
        (Span { links: vec![link], ..good() }, "1 rejected: a link's trace_id"),
        (Span { start_time_unix_nano: 0, ..good() }, "1 rejected: the record has no time"),
        (Span { end_time_unix_nano: LATE, ..good() }, "1 rejected: a time is past the year 2262"),
    ]
}

#[tokio::test]
async fn b_2_spans_with_wrong_ids_and_times_cost_themselves() {
    let server = Server::start(&[]).await;
    for (trace, transport) in (1..).zip(Transport::PLAIN) {
        let bad = bad_spans(trace);
        let mut spans = vec![span(trace, 0)];
        spans.extend(bad.iter().map(|(span, _)| span.clone()));
        spans.push(span(trace, 1));
        let partial = server.export(transport, spans_request("shop", spans)).await.unwrap();
        assert_eq!(partial.rejected, i64::try_from(bad.len()).unwrap(), "{transport:?}");
        for (_, reason) in &bad {
            assert!(partial.message.contains(reason), "{transport:?}: {reason:?} is not in {:?}", partial.message);
        }
        assert_eq!(server.count("spans", &format!("trace_id = '{}'", hex(trace))).await, 2, "{transport:?}");
    }
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 6);
    for (reason, count) in [("trace_id", 3.0), ("span_id", 6.0), ("link_id", 3.0), ("time_out_of_range", 3.0)] {
        let series = format!("spandrel_receiver_rejected_records_total{{signal=\"traces\",reason=\"{reason}\"}}");
        assert_eq!(server.metric(&series).await, count, "{reason}");
    }
}

#[tokio::test]
async fn b_2_a_request_of_bad_records_only_is_answered_not_refused() {
    let server = Server::start(&[]).await;
    for transport in Transport::PLAIN {
        let bad = Span { trace_id: vec![0; 16], ..span(1, 0) };
        let partial = server.export(transport, spans_request("shop", vec![bad])).await.unwrap();
        assert_eq!(partial.rejected, 1, "{transport:?}");
    }
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 0);
}

#[tokio::test]
async fn b_2_points_and_log_records_cost_themselves() {
    let server = Server::start(&[]).await;
    for (round, transport) in (1..).zip(Transport::PLAIN) {
        let mut request =
            metrics_request("shop", vec![gauge_point(1.0, T0), gauge_point(2.0, 0), gauge_point(3.0, LATE)]);
        let no_data = Metric { name: "empty".to_owned(), ..Default::default() };
        request.resource_metrics[0].scope_metrics[0].metrics.push(no_data);
        let partial = server.export(transport, request).await.unwrap();
        assert_eq!(partial.rejected, 3, "{transport:?}");
        for reason in ["the record has no time", "past the year 2262", "the metric has no data of a known kind"] {
            assert!(partial.message.contains(reason), "{transport:?}: {}", partial.message);
        }
        assert_eq!(server.count("metrics", "service_name = 'shop'").await, round);

        let late = LogRecord { time_unix_nano: LATE, ..log_record("late") };
        let short_ids = LogRecord { trace_id: vec![1; 15], span_id: vec![1; 9], ..log_record("short ids") };
        let partial =
            server.export(transport, logs_request("shop", vec![late, short_ids, log_record("fine")])).await.unwrap();
        assert_eq!(partial.rejected, 1, "{transport:?}");
        assert!(partial.message.contains("past the year 2262"), "{}", partial.message);
        assert!(partial.message.contains("2 trace or span ids of a wrong length were left out"), "{}", partial.message);
        assert_eq!(server.count("logs", "service_name = 'shop'").await, 2 * round);
        assert_eq!(server.count("logs", "trace_id IS NOT NULL OR span_id IS NOT NULL").await, 0);
    }
}

#[tokio::test]
async fn b_2_the_years_1_and_9999_cost_their_records() {
    let server = Server::start(&[]).await;
    let year_1 = "-62135596800000000000";
    let year_9999 = "253402300799000000000";
    let span = |id: u8, start: &str, end: &str| {
        json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": format!("00000000000000{id:02x}"), "name": "a",
               "startTimeUnixNano": start, "endTimeUnixNano": end})
    };
    let good = span(1, "1795168800000000000", "1795168800000000001");
    let spans =
        [good, span(2, year_1, year_1), span(3, "1795168800000000000", year_9999), span(4, year_9999, year_9999)];
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]});
    let answer = post_json(&server, "traces", &request).await;
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "3", "{answer}");
    let message = answer["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("3 rejected: a time is past the year 2262"), "{message}");
    let stored = server.sql("SELECT span_id, start_time FROM spans WHERE service_name = 'shop'").await;
    assert_eq!(stored.rows, [[json!("0000000000000001"), json!("2026-11-20T10:00:00.000000000Z")]]);

    // The last nanosecond that can be stored, and the first.
    for (id, time) in [(5, i64::MAX), (6, 1)] {
        let time = time.to_string();
        let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span(id, &time, &time)]}]}]});
        let answer = post_json(&server, "traces", &request).await;
        assert_eq!(answer["partialSuccess"].get("rejectedSpans").cloned().unwrap_or(json!("0")), "0", "{answer}");
    }
    let server = server.terminate().await.start().await;
    let ends = server.sql("SELECT start_time FROM spans WHERE service_name = 'unknown_service' ORDER BY 1").await;
    assert_eq!(ends.rows, [[json!("1970-01-01T00:00:00.000000001Z")], [json!("2262-04-11T23:47:16.854775807Z")]]);
}

#[tokio::test]
async fn b_2_ids_that_are_not_hex_cost_their_spans() {
    let server = Server::start(&[]).await;
    let span = |trace_id: &str, span_id: &str| json!({"traceId": trace_id, "spanId": span_id, "name": "a", "startTimeUnixNano": T0.to_string(), "endTimeUnixNano": T0});
    let spans = [
        span("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
        span("0af7651916cd43dd8448eb211c80319z", "b7ad6b7169203332"),
        span("CvdlGRbNQ92ESOshHIAxnA==", "b7ad6b7169203333"),
        span("0af7651916cd43dd8448eb211c80319c", "nope"),
    ];
    let answer = post_json(&server, "traces", &json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})).await;
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "3", "{answer}");
    assert_eq!(server.count("spans", "span_id = 'b7ad6b7169203331'").await, 1);
    assert_eq!(server.count("spans", "service_name = 'unknown_service'").await, 1);
}

async fn post_json(server: &Server, signal: &str, request: &Value) -> Value {
    let body = request.to_string().into_bytes();
    let response = server.post_otlp(signal, &[("content-type", "application/json")], body).await.unwrap();
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn a_missing_service_name_is_stored_under_a_name_that_says_so() {
    let server = Server::start(&[]).await;
    for (round, transport) in (1..).zip(Transport::PLAIN) {
        let mut request = spans_request("gone", vec![span(round, 0)]);
        request.resource_spans[0].resource = None;
        let partial = server.export(transport, request).await.unwrap();
        assert_eq!(partial.rejected, 0);
        assert!(partial.message.contains("1 resources have no service.name; they are stored as unknown_service"));
        assert_eq!(server.count("spans", "service_name = 'unknown_service'").await, round);
    }
}

#[tokio::test]
async fn a_span_that_ends_before_it_starts_has_no_duration() {
    let server = Server::start(&[]).await;
    for (trace, transport) in (1..).zip(Transport::PLAIN) {
        let backwards = Span { end_time_unix_nano: T0 - 5, ..span(trace, 0) };
        let partial = server.export(transport, spans_request("shop", vec![backwards, span(trace, 1)])).await.unwrap();
        assert_eq!(partial.rejected, 0);
        assert!(partial.message.contains("1 spans end before they start; their duration was set to 0"), "{partial:?}");
    }
    let stored =
        server.sql("SELECT duration_ns, count(*) FROM spans WHERE service_name = 'shop' GROUP BY 1 ORDER BY 1").await;
    assert_eq!(stored.rows, [[json!(0), json!(3)], [json!(1_000_000), json!(3)]]);
    let ends = server.sql("SELECT DISTINCT end_time FROM spans WHERE duration_ns = 0 AND service_name = 'shop'").await;
    assert_eq!(ends.rows, [[json!("2026-11-20T09:59:59.999999995Z")]], "what was sent is kept");
}

#[tokio::test]
async fn b_1_a_hundred_thousand_attributes_are_cut_and_counted() {
    let server = Server::start(&[]).await;
    let attributes: Vec<_> = (0..100_000).map(|number| attribute(&format!("key.{number}"), text_value("v"))).collect();
    for (trace, transport) in (1..).zip(Transport::PLAIN) {
        let many = Span { attributes: attributes.clone(), ..span(trace, 0) };
        let partial = server.export(transport, spans_request("shop", vec![span(trace, 1), many])).await.unwrap();
        assert_eq!(partial.rejected, 0, "{transport:?}");
        assert!(partial.message.contains("attributes past the limit of their record were dropped"), "{partial:?}");
    }
    let stored = server
        .sql(
            "SELECT DISTINCT dropped_attributes_count, cardinality(attributes) FROM spans \
              WHERE service_name = 'shop' AND span_id = '0000000000000001'",
        )
        .await;
    let [row] = &stored.rows[..] else { panic!("every transport cuts alike: {stored:?}") };
    let (dropped, kept) = (row[0].as_u64().unwrap(), row[1].as_u64().unwrap());
    assert_eq!(dropped + kept, 100_000);
    assert!(kept >= 128, "what SDKs allow by default is kept: {kept}");
    assert_eq!(server.count("spans", "service_name = 'shop' AND dropped_attributes_count = 0").await, 3);
}

#[tokio::test]
async fn b_1_a_text_of_ten_megabytes_is_cut_and_told() {
    let server = Server::start(&[]).await;
    // Three bytes each, so that a cut may fall into one.
    let long = "–".repeat(10 * 1024 * 1024 / 3);
    for (trace, transport) in (1..).zip(Transport::PLAIN) {
        let large = Span {
            name: long.clone(),
            attributes: vec![
                attribute("note", text_value("short")),
                attribute("zeros", text_value(&"0".repeat(1 << 20))),
            ],
            ..span(trace, 0)
        };
        let partial = server.export(transport, spans_request("shop", vec![large, span(trace, 1)])).await.unwrap();
        assert_eq!(partial.rejected, 0, "{transport:?}");
        assert!(partial.message.contains("2 values were longer than the limit and were cut"), "{partial:?}");
    }
    let stored = server
        .sql(
            "SELECT DISTINCT octet_length(name), octet_length(attributes['zeros']), attributes['note'], \
              replace(name, '–', '') \
              FROM spans WHERE service_name = 'shop' AND span_id = '0000000000000001'",
        )
        .await;
    assert_eq!(stored.rows, [[json!(65_535), json!(65_536), json!("short"), json!("")]]);
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 6);
}

#[tokio::test]
async fn texts_that_are_not_utf_8_are_mended_and_told() {
    let server = Server::start(&[]).await;
    let mut request = spans_request("shop", vec![span(1, 0), span(1, 1)]);
    request.resource_spans[0].scope_spans[0].spans[0].name = "name:MARK".to_owned();
    request.resource_spans[0].scope_spans[0].spans[0].attributes = vec![attribute("note", text_value("note:MARK"))];
    let body = replaced(request.encode_to_vec(), b"MARK", b"\xff\xfe\xc3k");
    let response =
        server.post_otlp("traces", &[("content-type", "application/x-protobuf")], body.clone()).await.unwrap();
    assert_eq!(response.status(), 200);
    let answer = response.bytes().await.unwrap();
    assert!(answer.windows(10).any(|part| part == b"not UTF-8;"), "{answer:?}");
    let stored = server.sql("SELECT name, attributes['note'] FROM spans WHERE span_id = '0000000000000001'").await;
    assert_eq!(stored.rows, [[json!("name:\u{fffd}\u{fffd}\u{fffd}k"), json!("note:\u{fffd}\u{fffd}\u{fffd}k")]]);
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 2);
    let series = "spandrel_receiver_repairs_total{signal=\"traces\",repair=\"not_utf8\"}";
    assert_eq!(server.metric(series).await, 2.0);

    let frame = crate::harness::frame(false, &replaced(body, &[0xa1; 8], &[0xa2; 8]));
    let method = <ExportTraceServiceRequest as crate::harness::Export>::METHOD;
    let answer = server.call(method, &[("content-type", "application/grpc")], frame).await;
    assert_eq!(answer.code(), tonic::Code::Ok);
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 4);
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
        at += to.len();
    }
    bytes
}

#[tokio::test]
async fn spans_sent_twice_are_stored_once() {
    let server = Server::start(&[]).await;
    let request = || spans_request("shop", (0..5).map(|index| span(1, index)).collect());
    server.send_spans(request()).await;
    for transport in Transport::PLAIN {
        let partial = server.export(transport, request()).await.unwrap();
        assert_eq!(partial.rejected, 0, "a sender must not think that they were lost");
        assert_eq!(partial.message, "5 spans were stored before and were not stored again", "{transport:?}");
    }
    let mixed = spans_request("shop", vec![span(1, 0), span(2, 0), span(2, 0)]);
    let partial = server.export(Transport::Grpc(None), mixed).await.unwrap();
    assert!(partial.message.starts_with("2 spans were stored before"), "{partial:?}");
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 6);
    assert_eq!(server.metric("spandrel_receiver_duplicate_spans_total").await, 17.0);
    assert_eq!(server.metric("spandrel_receiver_records_total{signal=\"traces\"}").await, 6.0);

    // The other side of a call may share its span's id; log records and points may repeat.
    let client = Span { kind: 3, ..span(1, 0) };
    assert_eq!(
        server.export(Transport::Grpc(None), spans_request("shop", vec![client])).await.unwrap(),
        Partial::default()
    );
    for _ in 0..2 {
        server.send_logs(logs_request("shop", vec![log_record("again")])).await;
        let request: ExportMetricsServiceRequest = metrics_request("shop", vec![gauge_point(1.0, T0)]);
        server.send(Transport::Grpc(None), request).await;
    }
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 7);
    assert_eq!(server.count("logs", "service_name = 'shop'").await, 2);
    assert_eq!(server.count("metrics", "service_name = 'shop'").await, 2);
}
