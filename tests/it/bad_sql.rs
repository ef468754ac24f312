//! Statements that cannot be answered: an error that names the problem, and a server that goes on.

use serde_json::{Value, json};

use crate::harness::{Server, span, spans_request};

/// Status and error object of the answer to a statement.
async fn error(server: &Server, statement: &str) -> (u16, Value) {
    let response = server.ask(statement).await;
    let status = response.status().as_u16();
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    let error = body["error"].clone();
    assert_eq!(error["request_id"], request_id.as_str(), "{body}");
    assert!(error["code"].is_string() && error["message"].is_string(), "{statement}: {body}");
    (status, error)
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

#[tokio::test]
async fn an_unknown_table_or_column_is_named_with_the_nearest() {
    let server = Server::start(&[]).await;
    let (status, unknown) = error(&server, "SELECT count(*) FROM span").await;
    assert_eq!((status, &unknown["code"]), (400, &json!("unknown_table")));
    assert_eq!(unknown["details"]["suggestion"], "spans");
    assert!(message(&unknown).contains("'span'") && message(&unknown).contains("spans, logs, metrics"), "{unknown}");

    let (status, unknown) = error(&server, "SELECT sevice_name FROM spans").await;
    assert_eq!((status, &unknown["code"]), (400, &json!("unknown_column")));
    assert_eq!(unknown["details"]["suggestion"], "service_name");
}

#[tokio::test]
async fn a_syntax_error_says_where() {
    let server = Server::start(&[]).await;
    for statement in ["SELEC 1", "SELECT\n1 1", "SELECT * FROM", "SELECT (1", "", "   ", "SELECT 'a"] {
        let (status, wrong) = error(&server, statement).await;
        assert_eq!((status, &wrong["code"]), (400, &json!("syntax_error")), "{statement:?}: {wrong}");
    }
    let (_, wrong) = error(&server, "SELECT\n1 1").await;
    assert!(message(&wrong).contains("Line: 2"), "{wrong}");
    let (status, many) = error(&server, "SELECT 1; SELECT 2").await;
    assert_eq!((status, &many["code"]), (400, &json!("many_statements")));
}

#[tokio::test]
async fn statements_that_write_are_refused() {
    let server = Server::start(&[]).await;
    server.send_spans(spans_request("shop", vec![span(1, 0)])).await;
    let target = server.path("stolen.csv");
    let copy = format!("COPY spans TO '{}'", target.display());
    let statements = [
        "INSERT INTO spans VALUES (1)",
        "INSERT INTO spans SELECT * FROM spans",
        "UPDATE spans SET name = 'x'",
        "DELETE FROM spans",
        "CREATE TABLE t (a INT)",
        "CREATE TABLE t AS SELECT * FROM spans",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "DROP TABLE spans",
        "TRUNCATE TABLE spans",
        "ALTER TABLE spans ADD COLUMN a INT",
        "SET datafusion.execution.batch_size = 1",
        "BEGIN",
        "EXPLAIN ANALYZE INSERT INTO spans SELECT * FROM spans",
        &copy,
    ];
    for statement in statements {
        let (status, refused) = error(&server, statement).await;
        assert_eq!((status, &refused["code"]), (403, &json!("not_read_only")), "{statement}: {refused}");
        assert!(message(&refused).contains("only queries are allowed"), "{refused}");
    }
    assert!(!target.exists());
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 1);
}

#[tokio::test]
async fn files_of_the_machine_cannot_be_read() {
    let server = Server::start(&[]).await;
    let statements = [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM \"/etc/hostname\"",
        "SELECT * FROM information_schema.tables",
    ];
    for statement in statements {
        let response = server.ask(statement).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(!body.contains("root:") && !status.is_server_error(), "{statement}: {status} {body}");
        if !statement.contains("information_schema") {
            assert_eq!(status, 400, "{statement}: {body}");
        }
    }
}

#[tokio::test]
async fn statements_that_make_no_sense_are_400_and_the_server_goes_on() {
    let server = Server::start(&[]).await;
    let deep = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    let long = format!("SELECT 1{}", " + 1".repeat(20_000));
    let statements = [
        "SELECT no_such_function(1)",
        "SELECT name + 1 FROM spans",
        "SELECT * FROM red('yesterday', 'now')",
        "SELECT * FROM red('now', 'now-1h')",
        "SELECT * FROM trace('xyz')",
        "SELECT * FROM trace(7)",
        "SELECT service_name, count(*) FROM spans",
        &deep,
        &long,
    ];
    for statement in statements {
        let (status, wrong) = error(&server, statement).await;
        let shown: String = statement.chars().take(60).collect();
        assert_eq!(status, 400, "{shown}: {wrong}");
        assert!(!message(&wrong).is_empty(), "{shown}");
    }
    assert_eq!(server.sql("SELECT 1").await.count(), 1);
}

#[tokio::test]
async fn requests_that_are_no_statement_are_refused() {
    let server = Server::start(&[]).await;
    let post = |content_type: &'static str, body: String| {
        server.client().post(server.url("/api/v1/sql")).header("content-type", content_type).body(body)
    };
    let cases = [
        (post("application/json", "{".to_owned()), 400),
        (post("application/json", "{}".to_owned()), 400),
        (post("application/json", json!({"sql": 7}).to_string()), 400),
        (post("application/json", json!({"sql": "SELECT 1", "limit": 7}).to_string()), 400),
        (post("text/plain", "SELECT 1".to_owned()), 415),
        (post("application/json", json!({"sql": "SELECT 1"}).to_string()).header("accept", "image/png"), 406),
        (server.client().get(server.url("/api/v1/sql")), 405),
        (server.client().get(server.url("/api/v1/no-such-thing")), 404),
        (server.client().get(server.url("/api/v1/traces/xyz")), 400),
        (server.client().get(server.url("/api/v1/traces/00000000000000000000000000000001")), 404),
        (server.client().get(server.url("/api/v1/traces?limit=no")), 400),
        (server.client().get(server.url("/api/v1/services?form=now-1h")), 400),
    ];
    for (request, expected) in cases {
        let shown = format!("{request:?}");
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, expected, "{shown}: {body}");
        assert!(body["error"]["code"].is_string() && body["error"]["request_id"].is_string(), "{shown}: {body}");
    }
}

#[tokio::test]
async fn a_body_far_past_its_limit_gets_its_answer() {
    let server = Server::start(&[]).await;
    let statement = format!("SELECT '{}'", "x".repeat(20 << 20));
    let request = server.client().post(server.url("/api/v1/sql")).json(&json!({"sql": statement}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 413);
    let body: Value = response.json().await.unwrap();
    assert!(body["error"]["code"].is_string(), "{body}");
}
