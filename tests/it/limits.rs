//! Queries that take too much are ended, with an error that says which limit it was.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{Server, eventually};

/// Ten to the power of twelve rows: nobody waits for their sum.
fn endless() -> String {
    let ten = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let tables: Vec<String> = (0..12).map(|number| format!("{ten} AS t{number}(c{number})")).collect();
    let sum: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    format!("SELECT sum({}) FROM {}", sum.join(" + "), tables.join(", "))
}

#[tokio::test]
async fn a_query_past_its_time_is_ended() {
    let server = Server::start(&["--set", "query.timeout=500ms"]).await;
    let response = server.ask(&endless()).await;
    assert_eq!(response.status(), 504);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "timed_out", "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("time limit of 0.5 s"), "{body}");
    eventually("the query is gone", async || (server.metric("spandrel_query_running").await == 0.0).then_some(()))
        .await;
    assert_eq!(server.sql("SELECT 1").await.count(), 1);
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
    eventually("its memory is given back", async || {
        (server.metric("spandrel_query_memory_bytes").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(server.sql("SELECT 1").await.count(), 1);
}

#[tokio::test]
async fn a_query_ends_when_its_client_goes_away() {
    let server = Arc::new(Server::start(&[]).await);
    for accept in ["application/json", "text/csv"] {
        let asking = {
            let request = server.client().post(server.url("/api/v1/sql")).header("accept", accept);
            tokio::spawn(request.json(&json!({"sql": endless()})).send())
        };
        eventually("the query runs", async || (server.metric("spandrel_query_running").await == 1.0).then_some(()))
            .await;
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        eventually("the query is gone", async || (server.metric("spandrel_query_running").await == 0.0).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn b_1_queries_past_the_queue_are_asked_to_come_again() {
    let server = Server::start(&["--set", "query.running=1", "--set", "query.waiting=0"]).await;
    let request = server.client().post(server.url("/api/v1/sql")).json(&json!({"sql": endless()}));
    let asking = tokio::spawn(request.send());
    eventually("the query runs", async || (server.metric("spandrel_query_running").await == 1.0).then_some(())).await;
    let refused = server.ask("SELECT 1").await;
    assert_eq!(refused.status(), 503);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "too_busy", "{body}");
    assert_eq!(server.get("/ready").await.status(), 200, "receiving goes on");
    asking.abort();
    eventually("queries are taken again", async || (server.ask("SELECT 1").await.status() == 200).then_some(())).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_queries() {
    let server = Server::start(&[]).await;
    let request = server.client().post(server.url("/api/v1/sql")).json(&json!({"sql": endless()}));
    let asking = tokio::spawn(request.send());
    eventually("the query runs", async || (server.metric("spandrel_query_running").await == 1.0).then_some(())).await;
    // Exits with 0 before the time limit of the query.
    server.terminate().await;
    asking.abort();
}
