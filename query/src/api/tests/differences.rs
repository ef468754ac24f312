//! What differs between some spans and the rest.

use super::*;
use crate::tests::support::request_batch;

/// 200 requests, of which every fourth is slow; nearly all slow ones are of the version `2`.
async fn requests() -> Api {
    let api = Api::new().await;
    let mut spans = Vec::new();
    for number in 0..200_u64 {
        let slow = number % 4 == 0;
        let version = if (slow && number % 40 != 0) || number == 1 { "2" } else { "1" };
        let id: &'static str = Box::leak(format!("user-{number}").into_boxed_str());
        spans.push(Span {
            trace: u128::from(number) + 1,
            span: number + 1,
            service: "cart",
            name: "add",
            start: TEN + number as i64 * SECOND,
            duration: if slow { 2 * SECOND } else { SECOND / 100 },
            outcome: if number == 8 { "timeout" } else { "ok" },
            attributes: vec![("release", version), ("user.id", id), ("zone", if number % 3 == 0 { "a" } else { "b" })],
            ..Span::default()
        });
    }
    spans.push(Span { trace: 999, span: 999, service: "bank", ..Span::default() });
    api.fixture.append(&spans).await;
    api.fixture.seal().await;
    api
}

#[tokio::test]
async fn attributes_that_differ_are_ranked_and_each_comes_with_its_sql() {
    let api = requests().await;
    let answer = api.ok("/differences?service=cart&operation=add&min_duration=1s").await;
    assert_eq!(answer["selection"], json!({"spans": 50, "compared": 50}));
    assert_eq!(answer["rest"], json!({"spans": 150, "compared": 150}));
    let attributes = answer["attributes"].as_array().unwrap();
    assert_eq!(attributes.len(), 1, "{answer}");
    let release = &attributes[0];
    assert_eq!(
        (&release["name"], &release["origin"], &release["distinct"]),
        (&json!("release"), &json!("span"), &json!(2))
    );
    assert_eq!(release["values"][0]["selection"], json!({"spans": 45, "share": 0.9}));
    assert_eq!(release["values"][0]["rest"], json!({"spans": 1, "share": 1.0 / 150.0}));
    let score = release["score"].as_f64().unwrap();
    assert!(score > 0.75 && score < 0.893, "{score}");
    assert_eq!(answer["left_out"], json!([{"name": "user.id", "origin": "span", "distinct": 200}]));
    let rows = api.fixture.rows(release["sql"].as_str().unwrap()).await;
    assert_eq!(rows, json!([["2", 45, 1], ["1", 5, 149]]));
}

#[tokio::test]
async fn what_the_gateway_says_is_compared_too() {
    let api = Api::new().await;
    for number in 0..40_u64 {
        let trace = u128::from(number) + 1;
        let slow = number < 20;
        let start = TEN + number as i64 * SECOND;
        let duration = if slow { 2 * SECOND } else { SECOND / 100 };
        let span = Span { trace, span: number + 1, start, duration, ..Span::default() };
        api.fixture.append(&[span]).await;
        let gateway = if slow { "edge-1" } else { "edge-2" };
        let record = request_batch(gateway, start, duration, &["00000000-0000-4000-8000-000000000001"]);
        api.fixture.store.append(Table::Requests, with_trace(&record, trace)).await.unwrap();
    }
    let answer = api.ok("/differences?service=cart&min_duration=1s").await;
    let gateway = &answer["attributes"][0];
    assert_eq!((&gateway["name"], &gateway["origin"]), (&json!("gateway"), &json!("gateway")));
    let rows = api.fixture.rows(gateway["sql"].as_str().unwrap()).await;
    assert_eq!(rows, json!([["edge-1", 20, 0], ["edge-2", 0, 20]]));
}

fn with_trace(record: &RecordBatch, trace: u128) -> RecordBatch {
    let index = record.schema().index_of("trace_id").unwrap();
    let mut columns = record.columns().to_vec();
    columns[index] = Arc::new(BinaryArray::from_iter_values([trace.to_be_bytes()]));
    RecordBatch::try_new(record.schema(), columns).unwrap()
}

#[tokio::test]
async fn every_way_to_select_selects() {
    let api = requests().await;
    for (selection, spans) in [
        ("error=true", 1),
        ("error=false", 199),
        ("max_duration=1s", 150),
        ("selection_from=2026-11-20T10:00:10Z&selection_to=2026-11-20T10:00:20Z", 10),
        ("attribute=zone=a", 67),
        ("attribute=nothing=1", 0),
    ] {
        let answer = api.ok(&format!("/differences?service=cart&{selection}")).await;
        assert_eq!(answer["selection"]["spans"], spans, "{selection}");
        assert_eq!(answer["rest"]["spans"], 200 - spans, "{selection}");
    }
    for (query, parameter) in [
        ("min_duration=1s", "service"),
        ("service=cart", "selection_from"),
        ("service=cart&error=maybe", "error"),
        ("service=cart&error=true&limit=0", "limit"),
    ] {
        let (status, body) = api.get(&format!("/differences?{query}")).await;
        assert_eq!(
            (status, &body["error"]["details"]["parameter"]),
            (StatusCode::BAD_REQUEST, &json!(parameter)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn only_the_newest_spans_of_a_side_are_compared() {
    let api = Api::new().await;
    let span = |number: u64| Span {
        trace: u128::from(number) + 1,
        span: number + 1,
        start: TEN + number as i64 * 1_000_000,
        duration: if number < 10 { SECOND } else { 1000 },
        attributes: vec![("era", if number < 2000 { "old" } else { "late" })],
        ..Span::default()
    };
    api.fixture.append(&(0..7010).map(span).collect::<Vec<_>>()).await;
    let answer = api.ok("/differences?service=cart&min_duration=1s").await;
    assert_eq!(answer["rest"], json!({"spans": 7000, "compared": 5000}));
    assert_eq!(answer["attributes"][0]["values"][0]["rest"]["spans"].as_u64().unwrap() % 5000, 0);
}
