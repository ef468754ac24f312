use arrow::{
    array::{AsArray, ListArray},
    datatypes::{Int32Type, Int64Type},
};
use jiff::tz::TimeZone;

use super::*;
use crate::{app::test_context, record::LogRecord, rows::LogRows};

const TIME: i64 = 1_661_145_500_000_000_000;
const MS: i64 = time::NANOS_PER_MILLI;

/// A batch of logs of the service `shop`, one for each list of attributes.
fn logs(source: &'static str, rows: &[&[(&'static str, &'static str)]]) -> RecordBatch {
    let zone = TimeZone::UTC;
    let mut batch = LogRows::new(source);
    for attributes in rows {
        let mut log = LogRecord { time: Some(TIME), service_name: Some("shop".into()), ..LogRecord::default() };
        for (key, value) in *attributes {
            log.attribute(*key, *value);
        }
        batch.push(&log, &test_context(&zone));
    }
    batch.finish()
}

fn text<'b>(batch: &'b RecordBatch, column: &str, row: usize) -> Option<&'b str> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

fn long(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn status(batch: &RecordBatch, row: usize) -> Option<i32> {
    let column = batch.column_by_name("http_response_status_code").unwrap().as_primitive::<Int32Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn attribute(batch: &RecordBatch, key: &str) -> Option<String> {
    let entries = batch.column_by_name("attributes").unwrap().as_map().value(0);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    (0..entries.len()).find(|entry| keys.value(*entry) == key).map(|entry| values.value(entry).to_owned())
}

#[test]
fn the_access_record_of_each_library_is_a_request() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], Option<i32>, Option<i64>);
    let cases: [Case; 10] = [
        (
            "json",
            &[
                ("http.request.method", "GET"),
                ("url.path", "/cart"),
                ("http.response.status_code", "200"),
                ("http.server.request.duration", "0.25"),
            ],
            Some(200),
            Some(250 * MS),
        ),
        (
            "pino",
            &[("req.method", "GET"), ("req.url", "/cart?id=1"), ("res.statusCode", "503"), ("responseTime", "12")],
            Some(503),
            Some(12 * MS),
        ),
        (
            "logrus",
            &[
                ("http.req.method", "GET"),
                ("http.req.path", "/cart"),
                ("http.resp.status", "302"),
                ("http.resp.took_ms", "0"),
            ],
            Some(302),
            Some(0),
        ),
        (
            "google-cloud",
            &[
                ("httpRequest.requestMethod", "GET"),
                ("httpRequest.requestUrl", "https://shop.test:443/cart"),
                ("httpRequest.status", "200"),
                ("httpRequest.latency", "0.045s"),
            ],
            Some(200),
            Some(45 * MS),
        ),
        (
            "serilog",
            &[("RequestMethod", "GET"), ("RequestPath", "/cart"), ("StatusCode", "404"), ("Elapsed", "1.5")],
            Some(404),
            Some(1_500_000),
        ),
        (
            "winston",
            &[("method", "get"), ("url", "/cart"), ("status", "200"), ("response-time", "3.25")],
            Some(200),
            Some(3_250_000),
        ),
        (
            "json",
            &[("method", "GET"), ("endpoint", "/cart"), ("status", "200"), ("duration_ms", "0.3453")],
            Some(200),
            Some(345_300),
        ),
        (
            "zap",
            &[("method", "GET"), ("path", "/cart"), ("status", "200"), ("latency", "0.5")],
            Some(200),
            Some(500 * MS),
        ),
        (
            "slog",
            &[("method", "GET"), ("path", "/cart"), ("status", "200"), ("duration", "7000000")],
            Some(200),
            Some(7 * MS),
        ),
        (
            "ecs",
            &[("http.request.method", "GET"), ("url.original", "/cart"), ("event.duration", "7000000")],
            None,
            Some(7 * MS),
        ),
    ];
    for (source, attributes, expected_status, duration) in cases {
        let requests = requests_in_logs(&logs(source, &[attributes])).expect(source);
        assert_eq!(requests.num_rows(), 1, "{source}");
        assert_eq!(text(&requests, "http_request_method", 0), Some("GET"), "{source}");
        assert_eq!(text(&requests, "url_path", 0), Some("/cart"), "{source}");
        assert_eq!(status(&requests, 0), expected_status, "{source}");
        assert_eq!(long(&requests, "duration_ns", 0), duration, "{source}");
        assert_eq!(long(&requests, "end_time", 0), Some(TIME), "{source}");
        assert_eq!(long(&requests, "start_time", 0), Some(TIME - duration.unwrap_or(0)), "{source}");
        assert_eq!(
            (text(&requests, "source", 0), text(&requests, "side", 0), text(&requests, "gateway", 0)),
            (Some("app"), Some("inbound"), Some("shop")),
            "{source}"
        );
    }
}

#[test]
fn what_is_no_access_record_gives_no_request() {
    let started: &[_] = &[("http.req.method", "GET"), ("http.req.path", "/cart"), ("http.req.id", "7f07ecb7-deed")];
    let code: &[_] = &[("method", "Orders.place"), ("path", "/src/a.cs"), ("status", "200")];
    let pathless: &[_] = &[("method", "GET"), ("status", "200"), ("path", "cart")];
    let plain: &[_] = &[("user", "u1"), ("status", "200"), ("path", "/cart")];
    assert!(requests_in_logs(&logs("json", &[started, code, pathless, plain, &[]])).is_none());
    assert!(requests_in_logs(&logs("json", &[])).is_none());
    let ended: &[_] = &[("method", "GET"), ("path", "/cart"), ("status", "200")];
    let found = requests_in_logs(&logs("json", &[plain, ended, &[], started])).unwrap();
    assert_eq!(found.num_rows(), 1);
}

#[test]
fn calls_that_a_client_logs_are_not_requests_served() {
    let zone = TimeZone::UTC;
    let mut log =
        LogRecord { scope_name: Some("System.Net.Http.HttpClient.Pay.LogicalHandler".into()), ..LogRecord::default() };
    for (key, value) in
        [("HttpMethod", "GET"), ("Uri", "http://pay/7"), ("StatusCode", "200"), ("ElapsedMilliseconds", "3")]
    {
        log.attribute(key, value);
    }
    let mut batch = LogRows::new("dotnet");
    batch.push(&log, &test_context(&zone));
    assert!(requests_in_logs(&batch.finish()).is_none());
}

#[test]
fn envoy_dates_records_by_their_start() {
    let attributes: &[_] = &[
        ("method", "GET"),
        ("path", "/reviews/0?x=1"),
        ("response_code", "503"),
        ("response_flags", "UO"),
        ("duration", "5"),
        ("upstream_cluster", "outbound|9080||reviews.shop.svc.cluster.local"),
        ("upstream_host", "tcp://10.0.3.7:9080"),
        ("upstream_service_time", "4"),
        ("authority", "reviews:9080"),
        ("bytes_sent", "81"),
        ("user_agent", "curl/8"),
        ("x_request_id", "7f07ecb7-deed-9f9e-87bf-50d336c332ba"),
        ("response_code_details", "overflow"),
    ];
    let requests = requests_in_logs(&logs("otlp", &[attributes])).unwrap();
    for (column, expected) in [
        ("source", "envoy"),
        ("side", "outbound"),
        ("url_path", "/reviews/0"),
        ("response_flags", "UO"),
        ("upstream_service", "reviews.shop.svc.cluster.local"),
        ("upstream_address", "10.0.3.7:9080"),
        ("server_address", "reviews"),
        ("user_agent", "curl/8"),
        ("correlation_id", "7f07ecb7-deed-4f9e-87bf-50d336c332ba"),
    ] {
        assert_eq!(text(&requests, column, 0), Some(expected), "{column}");
    }
    assert_eq!(long(&requests, "start_time", 0), Some(TIME));
    assert_eq!(long(&requests, "end_time", 0), Some(TIME + 5 * MS));
    assert_eq!(long(&requests, "upstream_duration_ns", 0), Some(4 * MS));
    assert_eq!(long(&requests, "response_bytes", 0), Some(81));
    assert_eq!(attribute(&requests, "url.query").as_deref(), Some("x=1"));
    assert_eq!(attribute(&requests, "response_code_details").as_deref(), Some("overflow"));
}

#[test]
fn ids_are_taken_over_and_the_rest_stays_an_attribute() {
    let zone = TimeZone::UTC;
    let mut log = LogRecord { time: Some(TIME), ..LogRecord::default() };
    for (key, value) in
        [("method", "GET"), ("path", "/"), ("status", "200"), ("session", "s1"), ("request_id", "other-12345")]
    {
        log.attribute(key, value);
    }
    log.ids.trace_id = Some([7; 16]);
    log.ids.span_id = Some([8; 8]);
    log.ids.correlation = vec!["first-12345".into()];
    let mut batch = LogRows::new("json");
    batch.push(&log, &test_context(&zone));
    let requests = requests_in_logs(&batch.finish()).unwrap();
    assert_eq!(requests.column_by_name("trace_id").unwrap().as_binary::<i32>().value(0), [7; 16]);
    assert_eq!(requests.column_by_name("span_id").unwrap().as_binary::<i32>().value(0), [8; 8]);
    assert_eq!(text(&requests, "correlation_id", 0), Some("first-12345"));
    let all: &ListArray = requests.column_by_name("correlation_ids").unwrap().as_list();
    let all = all.value(0);
    assert_eq!(all.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["first-12345", "other-12345"]);
    assert_eq!(attribute(&requests, "session").as_deref(), Some("s1"));
}

#[test]
fn slices_of_batches_are_read_within_their_bounds() {
    let ended: &[_] = &[("method", "GET"), ("path", "/cart"), ("status", "200")];
    let batch = logs("json", &[ended, &[("a", "b")], ended]);
    assert_eq!(requests_in_logs(&batch.slice(2, 1)).map(|found| found.num_rows()), Some(1));
    assert!(requests_in_logs(&batch.slice(1, 1)).is_none());
}

#[test]
fn lines_of_envoy_as_bodies_are_requests() {
    let zone = TimeZone::UTC;
    let istio = "[2026-03-04T12:00:00.310Z] \"GET /cart?x=1 HTTP/1.1\" 503 UO overflow - \"-\" 0 81 4 - \"10.0.0.7\" \
                 \"curl/8\" \"6c1f0a5e-1f0b-9c2d-9d7e-000000000001\" \"cart:8080\" \"-\" \
                 outbound|8080||cart.shop.svc.cluster.local - 10.96.0.9:8080 10.0.0.7:4100 - default\n";
    let envoy = "[2026-03-04T12:00:01.000Z] \"POST /pay HTTP/2\" 200 - 154 0 226 100 \"10.0.35.28\" \"k6\" \
                 \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"pay\" \"10.0.2.1:80\"";
    let mut batch = LogRows::new("otlp");
    for body in [istio, "[2026-03-04] \"not\" a request", "{\"a\":\"[x] \\\"y\\\"\"}", envoy] {
        let record = LogRecord {
            time: Some(TIME),
            service_name: Some("web".into()),
            body: Some(body.into()),
            ..LogRecord::default()
        };
        batch.push(&record, &test_context(&zone));
    }
    let requests = requests_in_logs(&batch.finish()).unwrap();
    assert_eq!(requests.num_rows(), 2);
    let columns =
        ["source", "side", "gateway", "url_path", "upstream_service", "response_flags", "correlation_id", "outcome"];
    let row = |row| columns.map(|column| text(&requests, column, row).unwrap_or("-")).join(" ");
    assert_eq!(row(0), "istio outbound web /cart cart UO 6c1f0a5e-1f0b-4c2d-9d7e-000000000001 rejected");
    assert_eq!(status(&requests, 1), Some(200));
    assert_eq!((text(&requests, "url_path", 1), long(&requests, "duration_ns", 1)), (Some("/pay"), Some(226 * MS)));
}
