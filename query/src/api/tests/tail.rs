//! Log records as they come.

use std::time::Duration;

use arrow::array::{Int32Array, StringArray};
use axum::body::BodyDataStream;
use futures::StreamExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::tests::support::log_batch;

/// The events of a tail.
struct Events {
    stream: BodyDataStream,
    text: String,
}

impl Events {
    /// Kind and data of the next one, `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let kind = field("event:").unwrap_or_default().to_owned();
                let data = field("data:").map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                return Some((kind, data));
            }
            let chunk = timeout(Duration::from_secs(10), self.stream.next()).await.expect("an event is due")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    async fn body(&mut self) -> String {
        let (kind, data) = self.next().await.unwrap();
        assert_eq!(kind, "log");
        data["body"].as_str().unwrap().to_owned()
    }
}

async fn tail(router: &Router, query: &str) -> Events {
    let request = Request::get(format!("/api/v1/logs/tail{query}")).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Events { stream: response.into_body().into_data_stream(), text: String::new() }
}

fn with_severities(batch: &RecordBatch, severities: Vec<Option<i32>>) -> RecordBatch {
    with_column(batch, "severity_number", Arc::new(Int32Array::from(severities)))
}

fn with_column(batch: &RecordBatch, name: &str, column: arrow::array::ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

#[tokio::test]
async fn records_are_told_as_they_come_to_those_who_asked_for_them() {
    let api = Api::new().await;
    let before = log_batch(&[TEN], &["before"], None);
    api.fixture.store.append(Table::Logs, before).await.unwrap();
    let mut all = tail(&api.router, "").await;
    let mut severe = tail(&api.router, "?severity=warn").await;
    let mut full = tail(&api.router, "?contains=DISK&service=cart").await;
    let mut others = tail(&api.router, "?service=mailer").await;
    let records = log_batch(&[TEN, TEN + 1, TEN + 2], &["started", "Disk is full", "gave up"], Some(0xfe));
    let records = with_severities(&records, vec![None, Some(9), Some(17)]);
    api.fixture.store.append(Table::Logs, records).await.unwrap();
    assert_eq!([all.body().await, all.body().await, all.body().await], ["started", "Disk is full", "gave up"]);
    let (_, record) = severe.next().await.unwrap();
    assert_eq!((&record["body"], &record["trace_id"]), (&json!("gave up"), &json!(trace_hex(0xfe))));
    assert_eq!(record["time"], "2026-11-20T10:00:00.000000002Z");
    assert_eq!(full.body().await, "Disk is full");
    let mail = log_batch(&[TEN], &["sent"], None);
    let mail = with_column(&mail, "service_name", Arc::new(StringArray::from(vec!["mailer"])));
    api.fixture.store.append(Table::Logs, mail).await.unwrap();
    assert_eq!(others.body().await, "sent", "nothing before it");
}

#[tokio::test]
async fn who_reads_slowly_is_told_what_was_missed_and_slows_nobody() {
    let api = Api::new().await;
    let mut slow = tail(&api.router, "").await;
    let text: &'static str = Box::leak("x".repeat(1000).into_boxed_str());
    let rows = 1000_i64;
    for batch in 0..12 {
        let times: Vec<i64> = (0..rows).map(|row| TEN + batch * rows + row).collect();
        let records = log_batch(&times, &vec![text; rows as usize], None);
        api.fixture.store.append(Table::Logs, records).await.unwrap();
    }
    let (mut told, mut missed) = (0, 0);
    while told + missed < 12 * rows as u64 {
        match slow.next().await.unwrap() {
            (kind, _) if kind == "log" => told += 1,
            (kind, data) if kind == "missed" => missed += data["missed"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert!(told >= 4000 && missed >= 2000, "{told} told, {missed} missed");
}

#[tokio::test]
async fn tails_are_few_and_end_with_the_server() {
    let api = Api::new().await;
    let stop = CancellationToken::new();
    let router = router(Arc::clone(&api.fixture.engine), ApiConfig { stop: stop.clone(), ..ApiConfig::default() });
    let mut tails = Vec::new();
    for _ in 0..8 {
        tails.push(tail(&router, "").await);
    }
    let request = || Request::get("/api/v1/logs/tail").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "5");
    drop(tails.pop());
    let mut last = tail(&router, "").await;
    stop.cancel();
    assert!(last.next().await.is_none());
    let (status, body) = api.get("/logs/tail?severity=loud").await;
    assert_eq!((status, &body["error"]["details"]["parameter"]), (StatusCode::BAD_REQUEST, &json!("severity")));
}
