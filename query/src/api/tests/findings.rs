//! Findings, their history, and acknowledgements.

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, new_null_array};

use super::*;
use crate::tests::support::{HOUR, MINUTE};

const ID: &str = "00c0ffee00c0ffee";

/// A state of the finding [`ID`].
async fn tell(api: &Api, time: i64, state: &str, score: i32, opened: i64, closed: Option<i64>) {
    let schema = Table::Findings.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "time" => Arc::new(Int64Array::from(vec![time])),
            "opened" => Arc::new(Int64Array::from(vec![opened])),
            "closed" => Arc::new(Int64Array::from(vec![closed])),
            "score" => Arc::new(Int32Array::from(vec![score])),
            "id" => Arc::new(StringArray::from(vec![ID])),
            "state" => Arc::new(StringArray::from(vec![state])),
            "evidence" => Arc::new(StringArray::from(vec!["{}"])),
            _ if field.is_nullable() => new_null_array(field.data_type(), 1),
            name => Arc::new(StringArray::from(vec![name])),
        }
    });
    let row = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
    api.fixture.store.append(Table::Findings, row).await.unwrap();
}

/// It was open from 10:10 to 10:20, and is since 10:40.
async fn twice_open() -> Api {
    let api = Api::new().await;
    let (first, second) = (TEN + 10 * MINUTE, TEN + 40 * MINUTE);
    tell(&api, first + MINUTE, "opened", 40, first, None).await;
    tell(&api, first + 9 * MINUTE, "updated", 70, first, None).await;
    api.fixture.seal().await;
    tell(&api, first + 13 * MINUTE, "closed", 70, first, Some(first + 10 * MINUTE)).await;
    tell(&api, second + MINUTE, "opened", 50, second, None).await;
    api
}

async fn acknowledge(api: &Api, body: &Value) -> (StatusCode, Value) {
    let request = Request::put(format!("/api/v1/findings/{ID}/acknowledgement"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = api.send(request).await;
    (response.status(), serde_json::from_slice(&bytes(response).await).unwrap())
}

async fn withdraw(api: &Api, id: &str) -> StatusCode {
    let request = Request::delete(format!("/api/v1/findings/{id}/acknowledgement")).body(Body::empty()).unwrap();
    api.send(request).await.status()
}

/// What each occurrence in the list is acknowledged with, open ones first.
async fn reasons(api: &Api) -> Vec<Value> {
    let findings = api.ok("/findings").await;
    findings.as_array().unwrap().iter().map(|finding| finding["acknowledgement"]["reason"].clone()).collect()
}

#[tokio::test]
async fn a_finding_is_told_with_all_its_occurrences() {
    let api = twice_open().await;
    let finding = api.ok(&format!("/findings/{ID}")).await;
    assert_eq!((&finding["score"], &finding["closed"]), (&json!(50), &Value::Null));
    assert_eq!(
        finding["occurrences"],
        json!([
            {"opened": "2026-11-20T10:40:00.000000000Z", "closed": null, "states": [
                {"time": "2026-11-20T10:41:00.000000000Z", "state": "opened", "severity": "severity", "score": 50}]},
            {"opened": "2026-11-20T10:10:00.000000000Z", "closed": "2026-11-20T10:20:00.000000000Z", "states": [
                {"time": "2026-11-20T10:11:00.000000000Z", "state": "opened", "severity": "severity", "score": 40},
                {"time": "2026-11-20T10:19:00.000000000Z", "state": "updated", "severity": "severity", "score": 70},
                {"time": "2026-11-20T10:23:00.000000000Z", "state": "closed", "severity": "severity", "score": 70}]},
        ])
    );
    assert_eq!(finding["is_cut"], false);
    let (status, body) = api.get("/findings/nothing").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("unknown_finding")));
    let rows = api.fixture.rows(&format!("SELECT count(*) FROM finding_history('{ID}')")).await;
    assert_eq!(rows, json!([[4]]));
}

#[tokio::test]
async fn an_acknowledgement_is_of_one_occurrence_and_the_last_one_counts() {
    let api = twice_open().await;
    assert_eq!(reasons(&api).await, [Value::Null, Value::Null]);
    let (status, body) = acknowledge(&api, &json!({"reason": "known", "by": "ada"})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body, json!({"reason": "known", "by": "ada", "time": "2026-11-20T11:00:00.000000000Z", "until": null}));
    assert_eq!(reasons(&api).await, [json!("known"), Value::Null], "the first occurrence is another matter");
    assert_eq!(api.ok("/findings?acknowledged=true").await.as_array().unwrap().len(), 1);
    assert_eq!(api.ok("/findings?acknowledged=false").await.as_array().unwrap().len(), 1);
    assert_eq!(api.ok(&format!("/findings/{ID}")).await["acknowledgement"], body);

    acknowledge(&api, &json!({"reason": "fixed on Monday"})).await;
    api.fixture.seal().await;
    assert_eq!(reasons(&api).await, [json!("fixed on Monday"), Value::Null]);
    let rows = api.fixture.rows("SELECT finding_id, state, reason, acknowledged_by FROM acknowledgements").await;
    assert_eq!(rows, json!([[ID, "acknowledged", "fixed on Monday", null]]));

    assert_eq!(withdraw(&api, ID).await, StatusCode::NO_CONTENT);
    assert_eq!(reasons(&api).await, [Value::Null, Value::Null]);
    assert_eq!(withdraw(&api, ID).await, StatusCode::NO_CONTENT);
    acknowledge(&api, &json!({"reason": "known"})).await;
    assert_eq!(reasons(&api).await, [json!("known"), Value::Null]);

    let later = TEN + HOUR + 5 * MINUTE;
    tell(&api, TEN + HOUR + 2 * MINUTE, "closed", 50, TEN + 40 * MINUTE, Some(TEN + HOUR + MINUTE)).await;
    tell(&api, later + MINUTE, "opened", 60, later, None).await;
    assert_eq!(reasons(&api).await, [Value::Null, Value::Null, json!("known")], "it came back");
}

#[tokio::test]
async fn an_acknowledgement_with_an_end_is_of_later_occurrences_too() {
    let api = twice_open().await;
    let (_, body) = acknowledge(&api, &json!({"reason": "release", "until": "now+1d"})).await;
    assert_eq!(body["until"], "2026-11-21T11:00:00.000000000Z");
    let later = TEN + HOUR + 5 * MINUTE;
    tell(&api, later + MINUTE, "opened", 90, later, None).await;
    assert_eq!(reasons(&api).await, [json!("release"), json!("release"), Value::Null]);
}

#[tokio::test]
async fn acknowledgements_survive_the_store() {
    let api = twice_open().await;
    acknowledge(&api, &json!({"reason": "known"})).await;
    let reopened = api.reopened().await;
    assert_eq!(reasons(&reopened).await, [json!("known"), Value::Null]);
}

#[tokio::test]
async fn what_is_no_acknowledgement_is_refused() {
    let api = twice_open().await;
    for (body, parameter) in [
        (json!({"reason": " "}), json!("reason")),
        (json!({"reason": "x".repeat(2001)}), json!("reason")),
        (json!({"reason": "x", "by": "y".repeat(201)}), json!("by")),
        (json!({"reason": "x", "until": "now-1h"}), json!("until")),
        (json!({"reason": "x", "until": "soon"}), json!("until")),
        (json!({"because": "x"}), Value::Null),
    ] {
        let (status, answer) = acknowledge(&api, &body).await;
        assert_eq!((status, &answer["error"]["details"]["parameter"]), (StatusCode::BAD_REQUEST, &parameter), "{body}");
    }
    assert_eq!(withdraw(&api, "0000000000000000").await, StatusCode::NOT_FOUND);
    let fixed = router(
        crate::Engine::over_snapshot(api.fixture.store.snapshot(), Limits::default(), Arc::new(Eleven)).unwrap(),
        ApiConfig::default(),
    );
    let request = Request::delete(format!("/api/v1/findings/{ID}/acknowledgement")).body(Body::empty()).unwrap();
    assert_eq!(fixed.oneshot(request).await.unwrap().status(), StatusCode::CONFLICT);
}
