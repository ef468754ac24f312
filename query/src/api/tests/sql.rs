//! `POST /sql`.

use super::*;

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
async fn limits_have_their_own_statuses() {
    let limits = Limits { threads: 2, time: std::time::Duration::from_millis(100), ..Limits::default() };
    Api::with_limits(limits).await.refuses(ENDLESS, StatusCode::GATEWAY_TIMEOUT, "timed_out").await;

    let limits = Limits { threads: 2, query_memory: 4 << 20, ..Limits::default() };
    let sql = "SELECT value, count(*) FROM generate_series(1, 10000000) GROUP BY value ORDER BY 2";
    Api::with_limits(limits).await.refuses(sql, StatusCode::INSUFFICIENT_STORAGE, "memory_limit").await;

    let limits = Limits { threads: 2, result_rows: 1000, result_bytes: 10_000, ..Limits::default() };
    let api = Api::with_limits(limits).await;
    for sql in [
        "SELECT value FROM generate_series(1, 1001)",
        "SELECT value, value AS again FROM generate_series(100000, 101000)",
    ] {
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
