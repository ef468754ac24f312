//! Requests that are wrong, and the id of a request.

use super::*;

#[tokio::test]
async fn requests_that_are_not_right_are_refused() {
    let api = Api::new().await;
    let post = |content_type: &str, body: &str| {
        Request::post("/api/v1/sql").header("content-type", content_type).body(Body::from(body.to_owned())).unwrap()
    };
    for (request, status, code) in [
        (post("text/plain", "SELECT 1"), StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        (post("application/json", "{\"sql\": "), StatusCode::BAD_REQUEST, "invalid_json"),
        (post("application/json", "{\"query\": \"SELECT 1\"}"), StatusCode::BAD_REQUEST, "invalid_json"),
        (post("application/json", &" ".repeat(2 << 20)), StatusCode::PAYLOAD_TOO_LARGE, "unreadable_body"),
        (Request::get("/api/v1/sql").body(Body::empty()).unwrap(), StatusCode::METHOD_NOT_ALLOWED, "unknown_method"),
        (Request::get("/api/v1/nope").body(Body::empty()).unwrap(), StatusCode::NOT_FOUND, "unknown_path"),
        (
            Request::get("/api/v1/traces?form=now-1h").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?limit=1000").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?order=best").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?min_duration=5").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/traces?attribute=x").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/services?from=now&to=now-1h").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
        (
            Request::get("/api/v1/services?from=then").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
        ),
    ] {
        let shown = format!("{} {}", request.method(), request.uri());
        let response = api.send(request).await;
        assert_eq!(response.status(), status, "{shown}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_slice(&bytes(response).await).unwrap();
        assert_eq!(body["error"]["code"], code, "{shown}: {body}");
        assert_eq!(body["error"]["request_id"], id, "{shown}");
        assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{shown}");
    }
    let (_, body) = api.get("/traces?form=now-1h").await;
    assert_eq!(body["error"]["message"], "there is no parameter 'form', did you mean 'from'?");
}

#[tokio::test]
async fn the_id_of_a_request_is_kept() {
    let api = Api::new().await;
    for (given, kept) in [("abc-123", true), ("with space", false), (&"x".repeat(200), false)] {
        let request = Request::get("/api/v1/nope").header("x-request-id", given).body(Body::empty()).unwrap();
        let response = api.send(request).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id == given, kept, "{given}");
    }
}
