//! Requests to the router over a real store.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    Limits,
    api::{definition, router},
    tests::{
        limits::ENDLESS,
        support::{Fixture, SECOND, Span, TEN, trace_hex},
    },
};

struct Api {
    fixture: Fixture,
    router: Router,
}

impl Api {
    async fn new() -> Api {
        Api::with_limits(Limits { threads: 2, ..Limits::default() }).await
    }

    async fn with_limits(limits: Limits) -> Api {
        let fixture = Fixture::with_limits(limits).await;
        let router = router(Arc::clone(&fixture.engine));
        Api { fixture, router }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.send(Request::get(format!("/api/v1{path}")).body(Body::empty()).unwrap()).await;
        (response.status(), serde_json::from_slice(&bytes(response).await).unwrap())
    }

    async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn sql(&self, sql: &str, accept: &str) -> Response<Body> {
        let request = Request::post("/api/v1/sql")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Body::from(json!({ "sql": sql }).to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn refuses(&self, sql: &str, status: StatusCode, code: &str) {
        let response = self.sql(sql, "application/json").await;
        assert_eq!(response.status(), status, "{sql}");
        let body: Value = serde_json::from_slice(&bytes(response).await).unwrap();
        assert_eq!(body["error"]["code"], code, "{sql}: {body}");
    }
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// Two traces: a checkout with a failing client call, and a lone message half an hour later.
async fn shop() -> Api {
    let api = Api::new().await;
    let checkout = Span { trace: 0xc0, service: "gateway", name: "GET", route: Some("/checkout"), ..Span::default() };
    api.fixture
        .append(&[
            Span { span: 1, duration: 900_000_000, outcome: "server_fault", ..checkout.clone() },
            Span {
                span: 2,
                parent: Some(1),
                kind: "CLIENT",
                name: "pay",
                start: TEN + SECOND / 10,
                duration: 800_000_000,
                outcome: "timeout",
                route: None,
                attributes: vec![("card", "visa"), ("note", "it's")],
                ..checkout.clone()
            },
            Span {
                span: 3,
                parent: Some(2),
                service: "payment",
                name: "charge",
                start: TEN + SECOND / 5,
                duration: 100_000_000,
                route: None,
                ..checkout.clone()
            },
        ])
        .await;
    api.fixture.seal().await;
    let message = Span {
        trace: 0xd0,
        span: 4,
        kind: "CONSUMER",
        service: "mailer",
        start: TEN + 1800 * SECOND,
        ..Span::default()
    };
    let ticker =
        Span { trace: 0xe0, span: 5, kind: "INTERNAL", service: "cron", start: TEN + 1700 * SECOND, ..Span::default() };
    api.fixture.append(&[message, ticker]).await;
    api
}

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
               "start_time": "2026-11-20T10:00:00.000000000Z", "duration_ms": 900.0, "spans": 3, "services": 2, "errors": 2})
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
async fn results_come_in_the_format_that_is_asked_for() {
    let api = shop().await;
    let sql = "SELECT service_name, count(*) AS n FROM spans GROUP BY 1 ORDER BY 1 LIMIT 2";
    for (accept, media_type, body) in [
        ("*/*", "application/json", ""),
        ("application/json", "application/json", ""),
        (
            "application/x-ndjson",
            "application/x-ndjson",
            "{\"service_name\":\"cron\",\"n\":1}\n{\"service_name\":\"gateway\",\"n\":2}\n",
        ),
        ("text/csv", "text/csv; charset=utf-8", "service_name,n\ncron,1\ngateway,2\n"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson", ""),
        ("text/html, text/*", "text/csv; charset=utf-8", ""),
    ] {
        let response = api.sql(sql, accept).await;
        assert_eq!(response.status(), StatusCode::OK, "{accept}");
        assert_eq!(response.headers()["content-type"], media_type, "{accept}");
        let text = String::from_utf8(bytes(response).await).unwrap();
        assert!(body.is_empty() || text == body, "{accept}: {text}");
    }
    let json: Value = serde_json::from_slice(&bytes(api.sql(sql, "application/json").await).await).unwrap();
    assert_eq!(json["columns"], json!([{"name": "service_name", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}]));
    assert_eq!(json["rows"], json!([["cron", 1], ["gateway", 2]]));
    assert_eq!(json["stats"]["files_considered"], 1);

    let arrow = bytes(api.sql(sql, "application/vnd.apache.arrow.stream").await).await;
    let rows: usize = arrow::ipc::reader::StreamReader::try_new(&arrow[..], None)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(rows, 2);
    assert_eq!(api.sql(sql, "image/png").await.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn wrong_statements_are_answered_with_what_is_wrong() {
    let api = shop().await;
    for (sql, status, code) in [
        ("SELEC 1", StatusCode::BAD_REQUEST, "syntax_error"),
        ("SELECT * FROM span", StatusCode::BAD_REQUEST, "unknown_table"),
        ("SELECT nam FROM spans", StatusCode::BAD_REQUEST, "unknown_column"),
        ("SELECT * FROM trace('x')", StatusCode::BAD_REQUEST, "invalid_query"),
        ("DROP TABLE spans", StatusCode::FORBIDDEN, "not_read_only"),
        ("SELECT 1; SELECT 2", StatusCode::BAD_REQUEST, "many_statements"),
        ("SELECT CAST(name AS BIGINT) FROM spans", StatusCode::BAD_REQUEST, "execution_error"),
    ] {
        for accept in ["application/json", "text/csv", "application/vnd.apache.arrow.stream"] {
            let response = api.sql(sql, accept).await;
            assert_eq!(response.status(), status, "{sql}");
            assert_eq!(response.headers()["content-type"], "application/json");
            let body: Value = serde_json::from_slice(&bytes(response).await).unwrap();
            assert_eq!(body["error"]["code"], code, "{sql}: {body}");
        }
    }
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(api.sql(&deep, "*/*").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn requests_that_are_not_right_are_refused() {
    let api = Api::new().await;
    let post = |content_type: &str, body: &str| {
        Request::post("/api/v1/sql").header("content-type", content_type).body(Body::from(body.to_owned())).unwrap()
    };
    for (request, status, code) in [
        (post("text/plain", "SELECT 1"), StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        (post("application/json", "{\"sql\": "), StatusCode::BAD_REQUEST, "invalid_json"),
        (post("application/json", "{\"query\": \"SELECT 1\"}"), StatusCode::BAD_REQUEST, "invalid_json"),
        (post("application/json", &" ".repeat(2 << 20)), StatusCode::PAYLOAD_TOO_LARGE, "unreadable_body"),
        (Request::get("/api/v1/sql").body(Body::empty()).unwrap(), StatusCode::METHOD_NOT_ALLOWED, "unknown_method"),
        (Request::get("/api/v1/nope").body(Body::empty()).unwrap(), StatusCode::NOT_FOUND, "unknown_path"),
        (
            Request::get("/api/v1/traces?form=now-1h").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?limit=1000").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?order=best").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?min_duration=5").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?attribute=x").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/services?from=now&to=now-1h").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/services?from=then").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
    ] {
        let shown = format!("{} {}", request.method(), request.uri());
        let response = api.send(request).await;
        assert_eq!(response.status(), status, "{shown}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_slice(&bytes(response).await).unwrap();
        assert_eq!(body["error"]["code"], code, "{shown}: {body}");
        assert_eq!(body["error"]["request_id"], id, "{shown}");
        assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{shown}");
    }
    let (_, body) = api.get("/traces?form=now-1h").await;
    assert_eq!(body["error"]["message"], "there is no parameter 'form', did you mean 'from'?");
}

#[tokio::test]
async fn the_id_of_a_request_is_kept() {
    let api = Api::new().await;
    for (given, kept) in [("abc-123", true), ("with space", false), (&"x".repeat(200), false)] {
        let request = Request::get("/api/v1/nope").header("x-request-id", given).body(Body::empty()).unwrap();
        let response = api.send(request).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id == given, kept, "{given}");
    }
}

#[tokio::test]
async fn limits_have_their_own_statuses() {
    let limits = Limits { threads: 2, time: std::time::Duration::from_millis(100), ..Limits::default() };
    Api::with_limits(limits).await.refuses(ENDLESS, StatusCode::GATEWAY_TIMEOUT, "timed_out").await;

    let limits = Limits { threads: 2, query_memory: 4 << 20, ..Limits::default() };
    let sql = "SELECT value, count(*) FROM generate_series(1, 10000000) GROUP BY value ORDER BY 2";
    Api::with_limits(limits).await.refuses(sql, StatusCode::INSUFFICIENT_STORAGE, "memory_limit").await;

    let limits = Limits { threads: 2, result_rows: 1000, result_bytes: 10_000, ..Limits::default() };
    let api = Api::with_limits(limits).await;
    for sql in ["SELECT value FROM generate_series(1, 1001)", "SELECT value, value FROM generate_series(100000, 101000)"] {
        api.refuses(sql, StatusCode::PAYLOAD_TOO_LARGE, "result_too_large").await;
    }

    let api = Api::with_limits(Limits { threads: 2, running: 1, waiting: 0, ..Limits::default() }).await;
    let running = api.fixture.engine.sql(ENDLESS).await.unwrap();
    let response = api.sql("SELECT 1", "application/json").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "2");
    drop(running);
}

#[tokio::test]
async fn a_streamed_result_is_not_bound_by_the_limits_of_whole_ones() {
    let api = Api::with_limits(Limits { threads: 2, result_rows: 10, ..Limits::default() }).await;
    let text = bytes(api.sql("SELECT value FROM generate_series(1, 100000)", "text/csv").await).await;
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 100_001);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_query() {
    let api = Api::new().await;
    let mut response = api.sql("SELECT value FROM generate_series(1, 1000000000)", "text/csv").await;
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    assert_eq!(api.fixture.engine.running_queries(), 1);
    drop(response);
    while api.fixture.engine.running_queries() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_query_that_fails_after_its_first_rows_cuts_the_answer() {
    let api = Api::new().await;
    let sql = "SELECT 1 / (value - 500000) FROM generate_series(1, 1000000)";
    let response = api.sql(sql, "text/csv").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn the_definition_is_served_and_checked_in() {
    let api = Api::new().await;
    let served = api.ok("/openapi.json").await;
    for path in ["/api/v1/sql", "/api/v1/services", "/api/v1/operations", "/api/v1/traces", "/api/v1/traces/{id}"] {
        assert!(served["paths"][path].is_object(), "{path}");
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
