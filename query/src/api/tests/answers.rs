//! Services, operations, traces and the definition.

use super::*;

#[tokio::test]
async fn services_are_seen_from_their_own_spans() {
    let api = shop().await;
    let services = api.ok("/services?from=now-1h&to=now").await;
    let names: Vec<&str> = services.as_array().unwrap().iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["cron", "gateway", "mailer", "payment"]);
    assert_eq!(
        services[1],
        json!({"service": "gateway", "namespace": null, "requests": 1, "rate": 1.0 / 3600.0, "failures": 1,
               "error_rate": 1.0, "p50_ms": 900.0, "p95_ms": 900.0, "p99_ms": 900.0})
    );
    assert_eq!(
        services[0],
        json!({"service": "cron", "namespace": null, "requests": 0, "rate": 0.0, "failures": 0, "error_rate": 0.0,
               "p50_ms": null, "p95_ms": null, "p99_ms": null})
    );
    assert_eq!(api.ok("/services?from=2026-11-20T10:15:00Z").await.as_array().unwrap().len(), 2);
    assert_eq!(api.ok("/services?from=2020-01-01&to=2020-01-02").await, json!([]));
}

#[tokio::test]
async fn operations_are_those_of_a_service() {
    let api = shop().await;
    let operations = api.ok("/operations?service=gateway").await;
    assert_eq!(operations.as_array().unwrap().len(), 1);
    assert_eq!(operations[0]["operation"], "GET /checkout");
    assert_eq!(operations[0]["failures"], 1);
    assert_eq!(api.ok("/operations").await.as_array().unwrap().len(), 3);
    assert_eq!(api.ok("/operations?service=it's").await, json!([]));
}

#[tokio::test]
async fn traces_are_found_by_one_of_their_spans_and_shown_whole() {
    let api = shop().await;
    let (checkout, message, ticker) = (trace_hex(0xc0), trace_hex(0xd0), trace_hex(0xe0));
    let all = api.ok("/traces").await;
    let ids: Vec<&str> = all.as_array().unwrap().iter().map(|trace| trace["trace_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&message, &ticker, &checkout], "latest first");
    assert_eq!(
        all[2],
        json!({"trace_id": checkout, "root_service": "gateway", "root_operation": "GET /checkout",
               "start_time": "2026-11-20T10:00:00.000000000Z", "duration_ms": 900.0, "spans": 3, "services": 2, "errors": 2,
               "matched": {"span_id": "0000000000000003", "service": "payment", "operation": "charge",
                           "start_time": "2026-11-20T10:00:00.200000000Z", "duration_ms": 100.0, "outcome": "ok"},
               "cursor": format!("recent.ended.{}.{checkout}", TEN + SECOND / 5)})
    );
    for (query, expected) in [
        ("service=payment", vec![&checkout]),
        ("service=gateway&operation=GET%20/checkout", vec![&checkout]),
        ("operation=charge", vec![&checkout]),
        ("service=payment&operation=pay", vec![]),
        ("error=true", vec![&checkout]),
        ("error=false&limit=1", vec![&message]),
        ("min_duration=500ms", vec![&checkout]),
        ("max_duration=50ms", vec![&message, &ticker]),
        ("order=slowest&limit=1", vec![&checkout]),
        ("order=errors", vec![&checkout, &message, &ticker]),
        ("service=gateway&calls=payment", vec![&checkout]),
        ("operation=GET%20/checkout&calls=payment&calls_operation=charge", vec![&checkout]),
        ("operation=pay&calls=payment&error=true", vec![&checkout]),
        ("service=gateway&calls=payment&calls_operation=refund", vec![]),
        ("service=payment&calls=gateway", vec![]),
        ("service=gateway&calls=gateway", vec![]),
        ("attribute=card=visa", vec![&checkout]),
        ("attribute=card=visa&attribute=note=it%27s", vec![&checkout]),
        ("attribute=card=visa&service=payment", vec![]),
        ("attribute=http.route=/checkout", vec![&checkout]),
        ("attribute=service.name=mailer", vec![&message]),
        ("from=2026-11-20T10:29:00Z&to=2026-11-20T10:31:00Z", vec![&message]),
        ("service=' OR 1=1 --", vec![]),
    ] {
        let query = query.replace(' ', "%20");
        let found = api.ok(&format!("/traces?{query}")).await;
        let ids: Vec<&str> =
            found.as_array().unwrap().iter().map(|trace| trace["trace_id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn more_spans_are_read_while_they_belong_to_too_few_traces() {
    let api = Api::new().await;
    let mut spans: Vec<Span> = (1..=500)
        .map(|span| Span { trace: 1, span, start: TEN + 600 * SECOND + span as i64, ..Span::default() })
        .collect();
    spans.push(Span { trace: 2, ..Span::default() });
    api.fixture.append(&spans).await;
    let traces = api.ok("/traces?limit=2").await;
    assert_eq!(traces.as_array().unwrap().len(), 2);
    assert_eq!(traces[0]["spans"], 500);
}

#[tokio::test]
async fn a_trace_has_its_spans_with_all_attributes() {
    let api = shop().await;
    let trace = api.ok(&format!("/traces/{}", trace_hex(0xc0).to_uppercase())).await;
    assert_eq!(trace["trace_id"], trace_hex(0xc0));
    assert_eq!((&trace["duration_ms"], &trace["services"]), (&json!(900.0), &json!(["gateway", "payment"])));
    let spans = trace["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 3);
    assert_eq!(spans[0]["attributes"], json!({"http.request.method": "GET", "http.route": "/checkout"}));
    assert_eq!(spans[0]["resource_attributes"], json!({"service.name": "gateway"}));
    assert_eq!(spans[1]["attributes"], json!({"card": "visa", "note": "it's"}));
    assert_eq!((&spans[1]["outcome"], &spans[1]["parent_span_id"]), (&json!("timeout"), &json!("0000000000000001")));
    assert_eq!(spans[1]["start_time"], "2026-11-20T10:00:00.100000000Z");
    assert_eq!(
        spans[2]["events"],
        json!([{"time": "2026-11-20T10:00:00.200000000Z", "name": "begun", "attributes": {}}])
    );
    assert_eq!(spans[2]["links"], json!([]));

    let (status, body) = api.get(&format!("/traces/{}", trace_hex(0xabc))).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("unknown_trace")));
    let (status, body) = api.get("/traces/nope").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_parameter")));
}

#[tokio::test]
async fn the_definition_is_served_and_checked_in() {
    let api = Api::new().await;
    let served = api.ok("/openapi.json").await;
    for path in [
        "/sql",
        "/services",
        "/operations",
        "/traces",
        "/traces/{id}",
        "/flows/{id}",
        "/differences",
        "/logs/tail",
        "/dashboards",
        "/findings/{id}",
    ] {
        let path = format!("/api/v1{path}");
        assert!(served["paths"][&path].is_object(), "{path}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("SPANDREL_WRITE_OPENAPI").is_some() {
        std::fs::write(path, definition()).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == definition(),
        "query/openapi.json is not what the code defines; run: SPANDREL_WRITE_OPENAPI=1 cargo test -p spandrel-query definition"
    );
}
