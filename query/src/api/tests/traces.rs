//! Traces by structure, in every order, page by page.

use super::*;

/// `n` traces of a checkout. Every third calls the bank; every fifth fails. In all of them a span that is not part of
/// the checkout calls the bank, too.
async fn checkouts(n: u64) -> Api {
    let api = Api::new().await;
    let mut spans = Vec::new();
    for number in 1..=n {
        let trace = u128::from(number);
        let start = TEN + (number / 2) as i64 * SECOND;
        let outcome = if number % 5 == 0 { "server_fault" } else { "ok" };
        let duration = 1_000_000 * (1 + number as i64 % 7);
        let checkout = Span { trace, start, duration, outcome, service: "shop", ..Span::default() };
        let id = number * 10;
        spans.extend([
            Span { span: id, name: "checkout", ..checkout.clone() },
            Span { span: id + 1, parent: Some(id), kind: "INTERNAL", name: "price", outcome: "ok", ..checkout.clone() },
            Span {
                span: id + 2,
                parent: Some(id + 1),
                kind: "CLIENT",
                name: "call",
                outcome: "ok",
                ..checkout.clone()
            },
            Span { span: id + 5, name: "refund", start: start + 1, outcome: "ok", ..checkout.clone() },
            Span {
                span: id + 6,
                parent: Some(id + 5),
                kind: "CLIENT",
                name: "call",
                outcome: "ok",
                ..checkout.clone()
            },
            Span { span: id + 7, parent: Some(id + 6), service: "bank", outcome: "ok", ..checkout.clone() },
        ]);
        let service = if number % 3 == 0 { "bank" } else { "tax" };
        spans.push(Span { span: id + 3, parent: Some(id + 2), service, outcome: "ok", ..checkout });
    }
    api.fixture.append(&spans).await;
    api
}

fn numbers(traces: &Value) -> Vec<u64> {
    let number = |trace: &Value| u64::from_str_radix(trace["trace_id"].as_str().unwrap(), 16).unwrap();
    traces.as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn a_span_calls_what_it_reaches_without_leaving_its_service() {
    let api = checkouts(12).await;
    let found = api.ok("/traces?service=shop&operation=checkout&calls=bank").await;
    assert_eq!(numbers(&found), [12, 9, 6, 3], "the refund beside the checkout does not count");
    assert_eq!(found[0]["matched"]["operation"], "checkout");
    let found = api.ok("/traces?service=shop&calls=bank&limit=200").await;
    assert_eq!(numbers(&found).len(), 12);
    assert_eq!(numbers(&api.ok("/traces?operation=price&calls=tax&order=slowest&limit=3").await), [5, 4, 11]);
    let (status, body) = api.get("/traces?calls_operation=pay").await;
    assert_eq!((status, &body["error"]["details"]["parameter"]), (StatusCode::BAD_REQUEST, &json!("calls_operation")));
}

#[tokio::test]
async fn databases_topics_and_linked_consumers_are_called() {
    let api = Api::new().await;
    let work = Span { trace: 1, service: "orders", ..Span::default() };
    let peers = Span { parent: Some(1), kind: "CLIENT", peer: Some("ledger-db"), ..work.clone() };
    let producer = Span { span: 3, parent: Some(1), kind: "PRODUCER", ..work.clone() };
    let consumer =
        Span { trace: 2, span: 9, kind: "CONSUMER", service: "mailer", link: Some((1, 3)), ..Span::default() };
    api.fixture.append(&[Span { span: 1, ..work }, Span { span: 2, ..peers }, producer, consumer]).await;
    assert_eq!(numbers(&api.ok("/traces?service=orders&calls=ledger-db").await), [1]);
    assert_eq!(numbers(&api.ok("/traces?service=orders&calls=mailer").await), [1], "by its link");
    assert_eq!(api.ok("/traces?service=mailer&calls=orders").await, json!([]));
}

#[tokio::test]
async fn pages_show_each_trace_once_and_in_one_order() {
    let api = checkouts(40).await;
    for query in ["order=recent", "order=slowest", "order=errors", "order=slowest&operation=checkout&calls=bank"] {
        let whole = numbers(&api.ok(&format!("/traces?{query}&limit=200")).await);
        let mut paged = Vec::new();
        let mut after = String::new();
        loop {
            let page = api.ok(&format!("/traces?{query}&limit=7{after}")).await;
            let Some(last) = page.as_array().unwrap().last() else { break };
            after = format!("&after={}", last["cursor"].as_str().unwrap());
            paged.extend(numbers(&page));
        }
        assert_eq!(paged, whole, "{query}");
        assert_eq!(whole.len(), if query.contains("calls") { 13 } else { 40 }, "{query}");
    }
    let failing = numbers(&api.ok("/traces?order=errors&limit=8").await);
    assert_eq!(failing, [40, 35, 30, 25, 20, 15, 10, 5]);
    let (status, body) = api.get("/traces?after=nonsense").await;
    assert_eq!((status, &body["error"]["details"]["parameter"]), (StatusCode::BAD_REQUEST, &json!("after")));
    let cursor = api.ok("/traces?limit=1").await[0]["cursor"].as_str().unwrap().to_owned();
    let (status, _) = api.get(&format!("/traces?order=slowest&after={cursor}")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a cursor is of one order");
}
