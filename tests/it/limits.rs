//! Queries that take too much are ended, with an error that says which limit it was.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{Server, eventually, span, spans_request};

/// A statement over the spans of [`server`] that nobody waits for: 64 thousand million rows to add up.
const ENDLESS: &str = "SELECT sum(a.duration_ns + b.duration_ns + c.duration_ns) FROM spans a, spans b, spans c";

/// As endless, over no table: its operators meet nothing that makes them pause.
fn endless_values() -> String {
    let ten = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let tables: Vec<String> = (0..12).map(|number| format!("{ten} AS t{number}(c{number})")).collect();
    let sum: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    format!("SELECT sum({}) FROM {}", sum.join(" + "), tables.join(", "))
}

async fn server(arguments: &[&str]) -> Server {
    let server = Server::start(arguments).await;
    for trace in 1..=4 {
        server.send_spans(spans_request("shop", (0..1000).map(|index| span(trace, index)).collect())).await;
    }
    server
}

fn ask(server: &Server, accept: &str, statement: &str) -> JoinHandle<reqwest::Result<reqwest::Response>> {
    let request = server.client().post(server.url("/api/v1/sql")).header("accept", accept);
    tokio::spawn(request.json(&json!({"sql": statement})).send())
}

/// Waits until a query runs that is past its planning: it holds memory.
async fn runs(server: &Server) {
    eventually("the query runs", async || {
        let runs = server.metric("spandrel_query_running").await == 1.0;
        (runs && server.metric("spandrel_query_memory_bytes").await > 0.0).then_some(())
    })
    .await;
}

async fn is_gone(server: &Server) {
    eventually("the query is gone, and its memory", async || {
        let gone = server.metric("spandrel_query_running").await == 0.0;
        (gone && server.metric("spandrel_query_memory_bytes").await == 0.0).then_some(())
    })
    .await;
}

async fn is_timed_out(server: &Server, statement: &str) {
    let response = server.ask(statement).await;
    assert_eq!(response.status(), 504);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "timed_out", "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("time limit of 0.5 s"), "{body}");
    is_gone(server).await;
    assert_eq!(server.sql("SELECT 1").await.count(), 1);
}

#[tokio::test]
async fn a_query_past_its_time_is_ended() {
    is_timed_out(&server(&["--set", "query.timeout=500ms"]).await, ENDLESS).await;
}

#[tokio::test]
async fn a_query_that_never_pauses_is_ended_too() {
    is_timed_out(&server(&["--set", "query.timeout=500ms"]).await, &endless_values()).await;
}

#[tokio::test]
async fn a_query_past_its_memory_is_ended() {
    let server = Server::start(&["--set", "query.memory_bytes=1MiB"]).await;
    let ten = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let tables: Vec<String> = (0..6).map(|number| format!("{ten} AS t{number}(c{number})")).collect();
    let statement = format!(
        "SELECT c0 + 10*c1 + 100*c2 + 1000*c3 + 10000*c4 + 100000*c5 AS n, count(*) FROM {} GROUP BY n ORDER BY n",
        tables.join(", ")
    );
    let response = server.ask(&statement).await;
    assert_eq!(response.status(), 507);
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        (&body["error"]["code"], &body["error"]["details"]["limit_bytes"]),
        (&json!("memory_limit"), &json!(1 << 20))
    );
    is_gone(&server).await;
    assert_eq!(server.sql("SELECT 1").await.count(), 1);
}

#[tokio::test]
async fn a_query_ends_when_its_client_goes_away() {
    let server = server(&[]).await;
    for accept in ["application/json", "text/csv"] {
        let asking = ask(&server, accept, ENDLESS);
        runs(&server).await;
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        is_gone(&server).await;
    }
}

#[tokio::test]
async fn b_1_queries_past_the_queue_are_asked_to_come_again() {
    let server = server(&["--set", "query.running=1", "--set", "query.waiting=0"]).await;
    let asking = ask(&server, "application/json", ENDLESS);
    runs(&server).await;
    let refused = server.ask("SELECT 1").await;
    assert_eq!(refused.status(), 503);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "too_busy", "{body}");
    assert_eq!(server.get("/ready").await.status(), 200);
    server.send_spans(spans_request("shop", vec![span(9, 0)])).await;
    asking.abort();
    eventually("queries are taken again", async || (server.ask("SELECT 1").await.status() == 200).then_some(())).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_queries() {
    let server = server(&[]).await;
    let asking = ask(&server, "application/json", ENDLESS);
    runs(&server).await;
    // Well before the time limit of the query, which is a minute.
    let stopped = server.terminate().await;
    asking.abort();
    assert_eq!(stopped.sql("SELECT count(*) FROM spans WHERE service_name = 'shop'").count(), 4000);
}
