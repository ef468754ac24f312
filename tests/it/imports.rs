//! `spandrel import`, and lines over HTTP: what a user sees of them in SQL.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{Server, run};

const LINES: &str = "203.0.113.7 - alice [20/Nov/2026:10:00:00 +0000] \"GET /items?id=7 HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n\
                     203.0.113.8 - - [20/Nov/2026:10:00:01 +0000] \"POST /cart HTTP/1.1\" 499 0 \"-\" \"curl/8.5\"\n\
                     broken\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_are_imported_plain_and_compressed() {
    let server = Server::start(&[]).await;
    let write = |name: &str, bytes: &[u8]| {
        let path = server.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(LINES.as_bytes()).unwrap();
    let files = [
        write("access.log", LINES.as_bytes()),
        write("access.log.1.gz", &gzip.finish().unwrap()),
        write("access.log.2.zst", &zstd::encode_all(LINES.as_bytes(), 1).unwrap()),
    ];
    let url = server.url("");
    let mut arguments = vec!["import", "--url", &url, "--service", "edge", "--quiet", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let finished = run(&arguments);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let totals: Value = serde_json::from_str(finished.text()).unwrap();
    assert_eq!(
        (&totals["lines"], &totals["requests"], &totals["rejected"]),
        (&json!(9), &json!(6), &json!(3)),
        "{totals}"
    );
    assert_eq!(totals["formats"], json!({"nginx": 9}), "auto says what it chose");

    let rows = server
        .sql(
            "SELECT http_request_method, url_path, http_response_status_code, outcome, client_address, \
             attributes['url.query'], gateway, count(*) FROM requests GROUP BY ALL ORDER BY 1",
        )
        .await;
    let expected = [
        json!(["GET", "/items", 200, "ok", "203.0.113.7", "id=7", "edge", 3]),
        json!(["POST", "/cart", 499, "cancelled", "203.0.113.8", null, "edge", 3]),
    ];
    assert_eq!(rows.rows.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn import_names_what_it_cannot_do() {
    let server = Server::start(&[]).await;
    let url = server.url("");
    let file = server.path("some.log");
    std::fs::write(&file, "line\n").unwrap();
    let file = file.display().to_string();
    let missing = run(&["import", "--url", &url, "/nowhere/access.log"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/nowhere/access.log"), "{}", missing.stderr);
    let unknown = run(&["import", "--url", &url, "--format", "ngnix", "--quiet", &file]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("nginx"), "{}", unknown.stderr);
    let gone = run(&["import", "--url", "http://127.0.0.1:1", "--quiet", &file]);
    assert_eq!(gone.code, Some(3), "{}", gone.stderr);
}

#[tokio::test]
async fn secrets_are_not_stored() {
    let server = Server::start(&[]).await;
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    let body = format!(
        "{{\"level\":\"info\",\"msg\":\"card 4111 1111 1111 1111 token {token}\",\"req\":{{\"headers\":{{\"authorization\":\
         \"Bearer abc.def\",\"cookie\":\"sid=secret\"}}}},\"time\":\"2026-11-20T10:00:00Z\"}}\n\
         broken {{\"cookie\": \"sid=secret\" \"authorization\":\"Bearer {token}\"}}\n"
    );
    let url = server.url("/api/v1/logs/pino?service=shop");
    let response = server.client().post(url).body(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    for table in ["logs", "rejects", "requests", "breakers"] {
        let text = server.ask(&format!("SELECT * FROM {table}")).await.text().await.unwrap();
        for secret in ["4111 1111", token, "sid=secret", "abc.def"] {
            assert!(!text.contains(secret), "{table}: {secret}: {text}");
        }
    }
    assert_eq!(server.count("logs", "service_name = 'shop'").await, 1, "the line itself is kept");
    let redactions = server.get("/metrics").await.text().await.unwrap();
    assert!(redactions.lines().any(|line| line.starts_with("spandrel_redactions_total{rule=\"jwt\"}")), "{redactions}");
}

#[tokio::test]
async fn ids_of_sessions_are_told_from_ids_of_requests() {
    let server = Server::start(&[]).await;
    let line = |trace: u32, id: &str| {
        format!(
            "{{\"time\":\"2026-11-20T10:00:00Z\",\"msg\":\"x\",\"trace_id\":\"{trace:032x}\",\"request_id\":\"{id}\"}}\n"
        )
    };
    let mut body: String = (1..=21).map(|trace| line(trace, "session-0123456789")).collect();
    body.extend((1..=20).map(|trace| line(trace, "request-0123456789")));
    body.push_str(&line(30, "long-0123456789"));
    body.push_str(&line(30, "long-0123456789").replace("10:00:00", "10:15:01"));
    let url = server.url("/api/v1/logs/json?service=shop");
    assert_eq!(server.client().post(url).body(body).send().await.unwrap().status(), 200);
    let found = server
        .sql(
            "SELECT correlation_id, records, traces, kind \
             FROM correlations('2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z')",
        )
        .await;
    let expected = [
        json!(["long-0123456789", 2, 1, "session"]),
        json!(["request-0123456789", 20, 20, "request"]),
        json!(["session-0123456789", 21, 21, "session"]),
    ];
    assert_eq!(found.rows.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lines_that_are_many_and_short_are_stored_in_bounded_memory() {
    let server = Server::start(&[]).await;
    let lines = "x\n".repeat(400_000);
    let url = server.url("/api/v1/logs/text?service=tiny");
    let refused = server.client().post(url).body(lines.clone()).send().await.unwrap();
    assert_eq!(refused.status(), 413, "all at once they would become too much");
    assert_eq!(server.count("logs", "service_name = 'tiny'").await, 0);
    let file = server.path("tiny.log");
    std::fs::write(&file, lines).unwrap();
    let (url, file) = (server.url(""), file.display().to_string());
    let finished = run(&["import", "--url", &url, "--format", "text", "--service", "tiny", "--quiet", &file]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(server.count("logs", "service_name = 'tiny'").await, 400_000);
}
