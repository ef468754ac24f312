use std::sync::atomic::{AtomicI64, Ordering};

use arrow::{array::ArrayRef, record_batch::RecordBatch};

mod samples;

use super::*;
use crate::{
    enrich::testing::{batch, doubles, ints, longs, maps, span_events, text, texts},
    record::{Attempt, RequestRecord},
    rows::RequestRows,
};

/// `system event breaker basis signal` of each event.
fn told_by(table: Table, rows: &RecordBatch) -> Vec<String> {
    told_again(&BreakerDetector::default(), table, rows)
}

fn told_again(detector: &BreakerDetector, table: Table, rows: &RecordBatch) -> Vec<String> {
    let Some(found) = detector.detect(table, rows) else { return Vec::new() };
    assert_eq!(found.schema(), Table::Breakers.schema());
    (0..found.num_rows())
        .map(|row| {
            let column = |name| text(&found, name, row).unwrap_or("-");
            assert_eq!(column("source_table"), table.name());
            ["system", "event", "breaker", "basis", "signal"].map(column).join(" ")
        })
        .collect()
}

fn log(body: &str) -> RecordBatch {
    batch(Table::Logs, vec![("body", texts(&[body]))])
}

#[test]
fn log_lines_tell_their_events() {
    for (line, expected) in [
        ("CircuitBreaker 'stock' changed state from HALF_OPEN to OPEN", "resilience4j trip stock explicit log"),
        ("CircuitBreaker 'stock' changed state from OPEN to HALF_OPEN", "resilience4j half_open stock explicit log"),
        ("RateLimiter 'api' does not permit further calls", "resilience4j rate_limit api explicit log"),
        ("Bulkhead 'db' is full and does not permit further calls", "resilience4j rate_limit db explicit log"),
        ("Retry 'pay', waiting PT0.5S until attempt '1'. Last attempt failed", "resilience4j retry pay explicit log"),
        (r#"Circuit breaker "app-cb" changed state from closed to open"#, "dapr trip app-cb explicit log"),
        (r#"Circuit breaker "app-cb" changed state from open to half-open"#, "dapr half_open app-cb explicit log"),
        (r#"Circuit breaker "app-cb" changed state from half-open to closed"#, "dapr close app-cb explicit log"),
        ("GetStock short-circuited and fallback failed.", "hystrix short_circuit GetStock explicit log"),
        ("GetStock timed-out and no fallback available.", "hystrix timeout GetStock explicit log"),
        ("hystrix-go: opening circuit stock", "hystrix trip stock explicit log"),
        ("hystrix: circuit open", "hystrix short_circuit - explicit log"),
        (
            "Resilience event occurred. EventName: 'OnCircuitOpened', Source: 'shop-default//CircuitBreaker', Result: '500'",
            "polly trip shop-default//CircuitBreaker explicit log",
        ),
        (
            "Resilience event occurred. EventName: 'OnRetry', Source: 'p/i/Retry', Operation Key: '', Result: '503'",
            "polly retry p/i/Retry explicit log",
        ),
        (
            "Polly.CircuitBreaker.BrokenCircuitException: The circuit is now open and is not allowing calls.",
            "polly short_circuit - explicit log",
        ),
        ("OpenCircuitError: Breaker is open", "opossum short_circuit - explicit log"),
        ("call failed: circuit breaker is open", "gobreaker short_circuit - explicit log"),
        ("Timeout not elapsed yet, circuit breaker still open", "pybreaker short_circuit - explicit log"),
        (
            "CircuitBreaker(state=tripped, until=x) setting state to recovering, until: y",
            "traefik half_open - explicit log",
        ),
        ("blocked by circuit-breaker (NetworkErrorRatio() > 0.30)", "traefik short_circuit - explicit log"),
        ("Server api/s1 is DOWN, reason: Layer4 connection problem", "haproxy trip api/s1 explicit log"),
        ("Server api/s1 is UP, reason: Layer7 check passed", "haproxy close api/s1 explicit log"),
        ("backend api has no server available!", "haproxy short_circuit api explicit log"),
        ("AH00940: HTTP: disabled connection for (10.0.0.7)", "apache short_circuit 10.0.0.7 explicit log"),
        (
            "AH01167: balancer://shop: All workers are in error state for route",
            "apache short_circuit balancer://shop explicit log",
        ),
        (
            r#"limiting requests, excess: 1.000 by zone "one", client: 127.0.0.1, server: _"#,
            "nginx rate_limit one explicit log",
        ),
        (
            r#"upstream timed out (110: Connection timed out) while connecting to upstream, upstream: "http://unix:/run/a.sock:/p""#,
            "nginx timeout unix:/run/a.sock explicit log",
        ),
        // Linkerd closes its gate: calls stop.
        (
            "endpoint{addr=10.1.1.1:8080}: Consecutive failure-accrual breaker closed",
            "linkerd trip 10.1.1.1:8080 explicit log",
        ),
        (
            "endpoint{addr=10.1.1.1:8080}: Consecutive failure-accrual breaker reopened",
            "linkerd close 10.1.1.1:8080 explicit log",
        ),
        ("Unified circuit breaker tripped trip_reason=SuccessRate", "linkerd trip - explicit log"),
        ("logical service 10.96.0.9:80: service in fail-fast", "linkerd short_circuit 10.96.0.9:80 explicit log"),
        ("failure to get a peer from the ring-balancer", "kong short_circuit - explicit log"),
    ] {
        assert_eq!(told_by(Table::Logs, &log(line)), [expected], "{line}");
    }
    for quiet in
        ["", "GET /cart 200", "Server started", "too many requests", "the fuse box is open", "{\"upstream_url\":"]
    {
        assert!(told_by(Table::Logs, &log(quiet)).is_empty(), "{quiet}");
    }
}

#[test]
fn logs_tell_by_their_attributes_too() {
    let rows = batch(
        Table::Logs,
        vec![
            ("body", texts(&["checkout failed", "", "is in error state CircuitBreaker(x)", "fine"])),
            ("event_name", texts(&["", "envoy.outlier_detection", "", ""])),
            (
                "attributes",
                maps(&[
                    &[
                        ("exception.type", "io.github.resilience4j.circuitbreaker.CallNotPermittedException"),
                        ("exception.message", "CircuitBreaker 'stock' is OPEN and does not permit further calls"),
                    ],
                    &[("envoy.cluster", "shop"), ("envoy.upstream_url", "10.0.0.1:80"), ("envoy.action", "uneject")],
                    &[("middlewareName", "breaker@docker")],
                    &[],
                ]),
            ),
        ],
    );
    assert_eq!(
        told_by(Table::Logs, &rows),
        [
            "resilience4j short_circuit stock explicit exception",
            "envoy uneject shop@10.0.0.1:80 explicit outlier_log",
            "traefik short_circuit breaker@docker explicit log",
        ]
    );
    let detected =
        log(r#"{"type":"CONSECUTIVE_5XX","cluster_name":"c","upstream_url":"10.0.0.1:80","action":"EJECT"}"#);
    assert!(told_by(Table::Logs, &detected).is_empty(), "a host that was not ejected");
}

#[test]
fn requests_tell_their_events() {
    let base = || RequestRecord { status: Some(503), ..RequestRecord::new("envoy") };
    let attempt =
        |address: &'static str| Attempt { address: Some(address.into()), status: Some(502), duration_ns: None };
    let flags = |flags: &'static str| RequestRecord { response_flags: Some(flags.into()), ..base() };
    let with = |mut record: RequestRecord<'static>, key: &'static str, value: &'static str| {
        record.attribute(key, value);
        record
    };
    for (record, expected) in [
        (flags("UO"), vec!["envoy short_circuit - explicit response_flags"]),
        (
            with(flags("UO"), "envoy.upstream_cluster", "outbound|80||stock"),
            vec!["envoy short_circuit outbound|80||stock explicit response_flags"],
        ),
        (flags("UH"), vec!["envoy short_circuit - inferred response_flags"]),
        (flags("URX,UF"), vec!["envoy retry - explicit response_flags"]),
        (RequestRecord { status: Some(429), ..flags("RL") }, vec!["envoy rate_limit - explicit response_flags"]),
        (RequestRecord { status: Some(504), ..flags("UT") }, vec!["envoy timeout - explicit response_flags"]),
        (RequestRecord { status: Some(200), ..flags("-") }, vec![]),
        (flags("UF"), vec![]),
        (
            RequestRecord { status: Some(429), ..RequestRecord::new("nginx") },
            vec!["nginx rate_limit - explicit status"],
        ),
        (RequestRecord { status: Some(504), ..RequestRecord::new("nginx") }, vec!["nginx timeout - explicit status"]),
        (
            RequestRecord {
                attempts: vec![attempt("10.0.0.1:80"), attempt("10.0.0.2:80")],
                status: Some(200),
                ..RequestRecord::new("nginx")
            },
            vec!["nginx retry - explicit attempts"],
        ),
        (
            RequestRecord {
                attempts: vec![attempt("10.0.0.1:80"), attempt("shop_api")],
                status: Some(502),
                ..RequestRecord::new("nginx")
            },
            vec!["nginx short_circuit shop_api explicit upstream_address"],
        ),
        (
            with(RequestRecord { status: Some(200), ..base() }, "envoy.upstream_request_attempt_count", "3"),
            vec!["envoy retry - explicit attempts"],
        ),
        (
            with(
                RequestRecord { response_flags: Some("SC--".into()), ..RequestRecord::new("haproxy") },
                "haproxy.server",
                "<NOSRV>",
            ),
            vec!["haproxy short_circuit - explicit termination_state"],
        ),
        (
            RequestRecord {
                response_flags: Some("SC--".into()),
                upstream_address: Some("10.0.0.1:80".into()),
                ..RequestRecord::new("haproxy")
            },
            vec![],
        ),
        (
            RequestRecord { response_flags: Some("sQ--".into()), ..RequestRecord::new("haproxy") },
            vec!["haproxy short_circuit - inferred termination_state"],
        ),
        (
            RequestRecord { status: Some(503), ..RequestRecord::new("aws-alb") },
            vec!["alb short_circuit - inferred status"],
        ),
        (
            RequestRecord { status: Some(503), ..RequestRecord::new("kong") },
            vec!["kong short_circuit - inferred status"],
        ),
    ] {
        let mut rows = RequestRows::default();
        rows.push(&record, "gateway", 5);
        assert_eq!(told_by(Table::Requests, &rows.finish()), expected, "{record:?}");
    }
}

#[test]
fn spans_tell_by_name_error_event_and_tag() {
    let rows = batch(
        Table::Spans,
        vec![
            (
                "name",
                texts(&[
                    "circuit-breaker fallback",
                    "GET",
                    "Shop.Stock.execute",
                    "Shop.Stock.fallback",
                    "GET",
                    "egress",
                    "GET",
                ]),
            ),
            (
                "error_type",
                texts(&["", "Polly.CircuitBreaker.BrokenCircuitException", "", "", "", "", "java.io.IOException"]),
            ),
            (
                "attributes",
                maps(&[
                    &[],
                    &[],
                    &[("hystrix.circuit_open", "true")],
                    &[("hystrix.command", "Stock"), ("hystrix.circuit_open", "true")],
                    &[],
                    &[("response_flags", "UO"), ("upstream_cluster", "stock")],
                    &[("response_flags", "-")],
                ]),
            ),
            (
                "events",
                span_events(&[
                    ("a", &[]),
                    ("a", &[]),
                    ("a", &[]),
                    ("a", &[]),
                    (
                        "exception",
                        &[
                            ("exception.type", "CallNotPermittedException"),
                            ("exception.message", "CircuitBreaker 'stock' is OPEN and does not permit further calls"),
                        ],
                    ),
                    ("a", &[]),
                    ("a", &[]),
                ]),
            ),
        ],
    );
    let expected = [
        "spring fallback - explicit span_name",
        "polly short_circuit - explicit exception",
        "hystrix short_circuit Shop.Stock explicit attribute",
        "hystrix fallback Stock explicit span_name",
        "resilience4j short_circuit stock explicit span_event",
        "envoy short_circuit stock explicit response_flags",
    ];
    assert_eq!(told_by(Table::Spans, &rows), expected);
    assert_eq!(told_by(Table::Spans, &rows.slice(4, 2)), expected[4..]);
}

/// A point later than all before it.
fn point(name: &str, attributes: &[(&str, &str)], value: f64) -> RecordBatch {
    static TIME: AtomicI64 = AtomicI64::new(1_000);
    point_at(TIME.fetch_add(1, Ordering::Relaxed), name, attributes, value)
}

fn point_at(time: i64, name: &str, attributes: &[(&str, &str)], value: f64) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", longs(&[time])),
        ("name", texts(&[name])),
        ("attributes", maps(&[attributes])),
        ("value", doubles(&[value])),
    ];
    batch(Table::Metrics, columns)
}

#[test]
fn a_point_that_comes_again_tells_the_same() {
    let detector = BreakerDetector::default();
    let attributes = [("name", "stock"), ("state", "open")];
    let at = |time, value| {
        told_again(&detector, Table::Metrics, &point_at(time, "resilience4j.circuitbreaker.state", &attributes, value))
    };
    let trip = ["resilience4j trip stock explicit metric"];
    assert_eq!((at(1, 0.0), at(2, 1.0)), (vec![], trip.map(str::to_owned).to_vec()));
    assert_eq!(at(2, 1.0), trip, "its batch could not be stored at first");
    assert_eq!(at(3, 1.0), [""; 0]);
}

#[test]
fn logs_tell_by_what_their_attributes_state() {
    let told = |attributes: &[(&str, &str)]| {
        let rows = batch(Table::Logs, vec![("body", texts(&["x"])), ("attributes", maps(&[attributes]))]);
        told_by(Table::Logs, &rows)
    };
    let opossum = |event| told(&[("component", "opossum"), ("breaker", "stock"), ("event", event)]);
    for (event, expected) in [
        ("open", "trip"),
        ("halfOpen", "half_open"),
        ("close", "close"),
        ("reject", "short_circuit"),
        ("fallback", "fallback"),
    ] {
        assert_eq!(opossum(event), [format!("opossum {expected} stock explicit log")], "{event}");
    }
    assert_eq!(opossum("success"), [""; 0]);
    assert_eq!(told(&[("circuitBreaker", "pay"), ("to", "HALF_OPEN")]), ["circuit_breaker half_open pay explicit log"]);
    assert_eq!(told(&[("breaker", "pay")]), [""; 0]);
    let outlier =
        [("cluster_name", "shop"), ("upstream_url", "10.0.0.1:80"), ("action", "EJECT"), ("enforced", "true")];
    assert_eq!(told(&outlier), ["envoy eject shop@10.0.0.1:80 explicit outlier_log"]);
}

#[test]
fn series_tell_by_their_changes() {
    let state = |state| vec![("name", "stock"), ("state", state)];
    for (name, attributes, values, expected) in [
        (
            "resilience4j.circuitbreaker.state",
            state("open"),
            vec![0.0, 1.0, 1.0, 0.0],
            vec!["resilience4j trip stock explicit metric"],
        ),
        (
            "resilience4j_circuitbreaker_state",
            state("open"),
            vec![1.0],
            vec!["resilience4j trip stock inferred metric"],
        ),
        (
            "resilience4j_circuitbreaker_state",
            state("closed"),
            vec![1.0, 0.0, 1.0],
            vec!["resilience4j close stock explicit metric"],
        ),
        ("resilience4j_circuitbreaker_state", state("disabled"), vec![0.0, 1.0], vec![]),
        (
            "resilience4j_circuitbreaker_not_permitted_calls_total",
            state(""),
            vec![7.0, 7.0, 9.0],
            vec!["resilience4j short_circuit stock explicit metric"],
        ),
        (
            "resilience_polly_strategy_events_total",
            vec![("event_name", "OnCircuitOpened"), ("pipeline_name", "shop"), ("strategy_name", "CircuitBreaker")],
            vec![0.0, 1.0],
            vec!["polly trip shop/CircuitBreaker explicit metric"],
        ),
        (
            "circuit",
            vec![("name", "stock"), ("event", "halfOpen")],
            vec![1.0, 2.0],
            vec!["opossum half_open stock explicit metric"],
        ),
        ("circuit", vec![("name", "stock"), ("event", "success")], vec![1.0, 2.0], vec![]),
        (
            "envoy_cluster_circuit_breakers_default_rq_pending_open",
            vec![("envoy_cluster_name", "backend")],
            vec![0.0, 1.0, 0.0],
            vec![
                "envoy trip backend/default/rq_pending explicit metric",
                "envoy close backend/default/rq_pending explicit metric",
            ],
        ),
        (
            "cluster.my.shop.circuit_breakers.high.cx_open",
            vec![],
            vec![0.0, 1.0],
            vec!["envoy trip my.shop/high/cx explicit metric"],
        ),
        (
            "cluster.circuit_breakers.default.rq_open",
            vec![("envoy.cluster_name", "c")],
            vec![0.0, 1.0],
            vec!["envoy trip c/default/rq explicit metric"],
        ),
        (
            "envoy_cluster_outlier_detection_ejections_active",
            vec![("envoy_cluster_name", "backend")],
            vec![0.0, 2.0, 1.0],
            vec!["envoy eject backend explicit metric", "envoy uneject backend explicit metric"],
        ),
        (
            "envoy_cluster_upstream_rq_pending_overflow",
            vec![("envoy_cluster_name", "backend")],
            vec![4.0, 5.0, 1.0],
            vec!["envoy short_circuit backend explicit metric", "envoy short_circuit backend explicit metric"],
        ),
        (
            "HystrixCommand.isCircuitBreakerOpen",
            vec![("name", "Stock")],
            vec![0.0, 1.0],
            vec!["hystrix trip Stock explicit metric"],
        ),
        (
            "outbound_http_balancer_endpoints",
            vec![("endpoint_state", "ready"), ("backend_name", "stock")],
            vec![2.0, 0.0, 1.0],
            vec!["linkerd trip stock explicit metric", "linkerd close stock explicit metric"],
        ),
        ("outbound_http_balancer_endpoints", vec![("endpoint_state", "pending")], vec![2.0, 0.0], vec![]),
        ("http.server.request.duration", vec![], vec![0.0, 1.0], vec![]),
    ] {
        let detector = BreakerDetector::default();
        let told: Vec<String> = values
            .iter()
            .flat_map(|value| told_again(&detector, Table::Metrics, &point(name, &attributes, *value)))
            .collect();
        assert_eq!(told, expected, "{name} {attributes:?} {values:?}");
    }
}

#[test]
fn series_are_told_apart_and_bounded() {
    let detector = BreakerDetector::default();
    let name = "resilience4j_circuitbreaker_state";
    let many = |time: i64, value: f64| {
        let names: Vec<String> = (0..100_000).map(|name| format!("breaker-{name}")).collect();
        let attributes: Vec<[(&str, &str); 2]> =
            names.iter().map(|name| [("name", name.as_str()), ("state", "open")]).collect();
        let attributes: Vec<&[(&str, &str)]> = attributes.iter().map(<[_; 2]>::as_slice).collect();
        batch(
            Table::Metrics,
            vec![
                ("time", longs(&vec![time; 100_000])),
                ("name", texts(&vec![name; 100_000])),
                ("attributes", maps(&attributes)),
                ("value", doubles(&vec![value; 100_000])),
            ],
        )
    };
    assert!(detector.detect(Table::Metrics, &many(1, 0.0)).is_none());
    let found = detector.detect(Table::Metrics, &many(2, 1.0)).unwrap();
    assert_eq!(found.num_rows(), 100_000, "one event a series, as two instances of a breaker are two");
    assert_eq!(
        told_again(&detector, Table::Metrics, &point(name, &[("state", "open"), ("name", "breaker-99999")], 1.0)),
        [""; 0],
        "attributes in another order are the same"
    );
}

#[test]
fn delta_counters_tell_at_once() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", texts(&["circuit"])),
        ("attributes", maps(&[&[("name", "stock"), ("event", "reject")]])),
        ("temporality", texts(&["delta"])),
        ("value_int", longs(&[2])),
    ];
    assert_eq!(
        told_by(Table::Metrics, &batch(Table::Metrics, columns)),
        ["opossum short_circuit stock explicit metric"]
    );
}

#[test]
fn long_texts_and_many_services_are_taken() {
    let long = format!("{} circuit breaker is open", "x".repeat(1 << 20));
    let found = BreakerDetector::default().detect(Table::Logs, &log(&long)).unwrap();
    assert!(text(&found, "detail", 0).unwrap().len() <= DETAIL_BYTES);
    let services: Vec<String> = (0..10_000).map(|service| format!("service-{service}")).collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let rows = batch(
        Table::Logs,
        vec![("service_name", texts(&services)), ("body", texts(&vec!["Breaker is open"; services.len()]))],
    );
    assert_eq!(BreakerDetector::default().detect(Table::Logs, &rows).unwrap().num_rows(), services.len());
    let requests = batch(Table::Requests, vec![("http_response_status_code", ints(&[Some(200), None]))]);
    assert!(BreakerDetector::default().detect(Table::Requests, &requests).is_none());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(rule in 0..RULES.len(), before in "\\PC{0,12}", middle in "[ '\"(:{}a-zé/]{0,12}", after in "\\PC{0,12}") {
        let rule = &RULES[rule];
        let body = format!("{before}{}{middle}{}{after}", rule.needs.replace('\0', "x"), rule.marker);
        proptest::prop_assert_eq!(told_by(Table::Logs, &log(&body)).len(), 1);
    }
}
