//! `GET /flows/{id}`.

use spandrel_proto::model::Table;

use super::*;
use crate::tests::support::request_batch;

#[tokio::test]
async fn a_flow_is_its_records_and_what_is_missing() {
    let api = shop().await;
    let request = request_batch("edge", TEN - SECOND / 100, SECOND, &["order-4711"]);
    api.fixture.store.append(Table::Requests, request).await.unwrap();
    let log = crate::tests::support::log_batch(&[TEN + SECOND / 4], &["it's done"], Some(0xc0));
    api.fixture.store.append(Table::Logs, log).await.unwrap();

    let flow = api.ok(&format!("/flows/{}", trace_hex(0xc0))).await;
    assert_eq!(flow["id"], trace_hex(0xc0));
    assert_eq!((&flow["start_time"], &flow["duration_ms"]), (&json!("2026-11-20T10:00:00.000000000Z"), &json!(900.0)));
    assert_eq!((&flow["services"], &flow["completeness"]), (&json!(["cart", "gateway", "payment"]), &json!(1.0)));
    assert_eq!(flow["counts"], json!({"spans": 3, "requests": 0, "logs": 1, "breakers": 0}));
    assert_eq!(flow["joins"], json!({"T0": 3, "T1": 1, "T2": 0}));
    assert_eq!((&flow["gaps"], &flow["linked_flows"]), (&json!([]), &json!([])));
    let records = flow["records"].as_array().unwrap();
    let places: Vec<_> = records
        .iter()
        .map(|record| (&record["type"], &record["parent"], &record["depth"]))
        .map(|place| json!(place))
        .collect();
    assert_eq!(json!(places), json!([["span", null, 0], ["span", 0, 1], ["span", 1, 2], ["log", 0, 1]]));
    assert_eq!(
        records[1],
        json!({"type": "span", "time": "2026-11-20T10:00:00.100000000Z", "duration_ms": 800.0, "service": "gateway",
               "name": "pay", "kind": "CLIENT", "trace_id": trace_hex(0xc0), "span_id": "0000000000000002",
               "parent_id": "0000000000000001", "correlation_id": null, "parent": 0, "depth": 1,
               "join": {"tier": "T0", "confidence": 1.0}, "gap": null, "outcome": "timeout", "body": null,
               "source": "otlp", "attempts": [], "attributes": {"card": "visa", "note": "it's"}})
    );
    assert_eq!(
        (&records[3]["body"], &records[3]["join"]),
        (&json!("it's done"), &json!({"tier": "T1", "confidence": 0.95}))
    );

    let unsampled = api.ok("/flows/order-4711").await;
    assert_eq!(unsampled["completeness"], 0.0);
    assert_eq!(unsampled["gaps"], json!([{"kind": "no_logs", "detail": "no log line of it is stored"}]));
    assert_eq!(unsampled["records"][0]["gap"], "not_sampled: no span of the request is stored");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_was_searched() {
    let api = shop().await;
    let (status, body) = api.get("/flows/it's%20nowhere%2F1").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("unknown_flow")), "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("correlation_id it's nowhere/1"), "{body}");
    let (_, body) = api.get(&format!("/flows/{}", trace_hex(0xabc))).await;
    let searched = json!({"trace_id": trace_hex(0xabc), "correlation_id": trace_hex(0xabc),
                          "tables": ["spans", "requests", "logs", "breakers"]});
    assert_eq!(body["error"]["details"]["searched"], searched, "{body}");
    for id in ["-", "1234567", "00000000-0000-0000-0000-000000000000"] {
        let (status, body) = api.get(&format!("/flows/{id}")).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_parameter")), "{id}");
    }
}

#[tokio::test]
async fn records_come_without_attributes_and_one_by_one() {
    let api = shop().await;
    let log = crate::tests::support::log_batch(&[TEN + SECOND / 4; 2], &["it's done", "it's"], Some(0xc0));
    api.fixture.store.append(Table::Logs, log).await.unwrap();
    let request = request_batch("edge", TEN - SECOND / 100, SECOND, &[&trace_hex(0xc0)]);
    api.fixture.store.append(Table::Requests, request).await.unwrap();
    let id = trace_hex(0xc0);
    let whole = api.ok(&format!("/flows/{id}")).await;
    let mut structure = api.ok(&format!("/flows/{id}?attributes=false")).await;
    for (index, record) in structure["records"].as_array_mut().unwrap().iter_mut().enumerate() {
        assert!(record.get("attributes").is_none(), "{record}");
        let mut one = api.ok(&format!("/flows/{id}/records/{index}")).await;
        let span = one.as_object_mut().unwrap().remove("span");
        assert_eq!(one, whole["records"][index]);
        assert_eq!(span.map(|span| span["span_id"].clone()).unwrap_or_default(), one["span_id"]);
        record["attributes"] = one["attributes"].clone();
    }
    assert_eq!(structure, whole);
    assert_eq!(whole["records"].as_array().unwrap().len(), 6, "{whole:#}");
    let of_span = api.ok(&format!("/flows/{id}/records/2")).await;
    assert_eq!(of_span["span"]["attributes"], json!({"card": "visa", "note": "it's"}), "{of_span}");
    assert_eq!(of_span["span"]["resource_attributes"], json!({"service.name": "gateway"}));
    for (path, status, code) in [
        (format!("/flows/{id}/records/6"), StatusCode::NOT_FOUND, "unknown_record"),
        (format!("/flows/{id}/records/-1"), StatusCode::BAD_REQUEST, "invalid_parameter"),
        (format!("/flows/{id}?attributes=some"), StatusCode::BAD_REQUEST, "invalid_parameter"),
        ("/flows/order-4712/records/0".to_owned(), StatusCode::NOT_FOUND, "unknown_flow"),
    ] {
        let (answered, body) = api.get(&path).await;
        assert_eq!((answered, &body["error"]["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn a_flow_of_many_spans_fits() {
    let api = Api::new().await;
    let span = |number: u64| Span {
        span: number + 1,
        parent: (number > 0).then_some(number / 10 + 1),
        start: TEN + number as i64 * 1000,
        attributes: vec![("http.request.header.user-agent", "a browser with a long name"), ("thread.name", "main")],
        ..Span::default()
    };
    api.fixture.append(&(0..20_000).map(span).collect::<Vec<_>>()).await;
    let flow = api.ok(&format!("/flows/{}?attributes=false", trace_hex(1))).await;
    let records = flow["records"].as_array().unwrap();
    assert_eq!((records.len(), &flow["completeness"]), (20_000, &json!(1.0)));
    let last = api.ok(&format!("/flows/{}/records/19999", trace_hex(1))).await;
    assert_eq!(last["span_id"], records[19_999]["span_id"]);
}
