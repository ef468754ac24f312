//! Every field of OTLP comes back by SQL, however it was sent: right after the acknowledgement, after a clean restart and
//! after `kill -9`, exactly once.

mod logs;
mod metrics;
mod origin;
mod traces;

use serde_json::{Map, Value};

use crate::harness::{Export, Rows, Server, Transport};

/// Sends `request(n)` over transport `n`, and after each kind of restart finds `rows(n)` under `statement(n)`.
async fn round_trip<R: Export>(
    request: impl Fn(u64) -> R,
    statement: impl Fn(u64) -> String,
    rows: impl Fn(u64) -> Vec<Value>,
) {
    let numbered = || (1_u64..).zip(Transport::ALL);
    let server = Server::start(&[]).await;
    for (number, transport) in numbered() {
        server.send(transport, request(number)).await;
        compare(&server.sql(&statement(number)).await, &rows(number), &format!("sent by {transport:?}"));
    }
    let server = server.kill9().await.start().await;
    for (number, transport) in numbered() {
        compare(&server.sql(&statement(number)).await, &rows(number), &format!("{transport:?}, after kill -9"));
    }
    let server = server.terminate().await.start().await;
    assert_eq!(server.metric("spandrel_wal_replayed_rows_total").await, 0.0, "a clean stop leaves nothing to replay");
    for (number, transport) in numbered() {
        compare(&server.sql(&statement(number)).await, &rows(number), &format!("{transport:?}, after a clean stop"));
    }
    let stopped = server.terminate().await;
    for (number, transport) in numbered() {
        compare(&stopped.sql(&statement(number)), &rows(number), &format!("{transport:?}, without a server"));
    }
}

fn compare(found: &Rows, expected: &[Value], when: &str) {
    let found = found.objects();
    assert_eq!(found.len(), expected.len(), "rows {when}: {found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(differences(found, expected), Map::new(), "found and expected, {when}");
    }
}

/// Columns that differ, each as what was found and what was expected.
fn differences(found: &Value, expected: &Value) -> Map<String, Value> {
    let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
    let names = found.keys().chain(expected.keys().filter(|name| !found.contains_key(*name)));
    names
        .filter(|name| found.get(*name) != expected.get(*name))
        .map(|name| (name.clone(), serde_json::json!([found.get(name), expected.get(name)])))
        .collect()
}
