use std::io::Write;

use ::http::{Request, StatusCode};
use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    super::{
        super::admission::Admission,
        http::{HttpLines, lines_router},
    },
    *,
};

fn endpoint(sink: &Arc<Sink>) -> Arc<HttpLines> {
    Arc::new(HttpLines {
        formats: Arc::new(formats),
        sink: Arc::clone(sink) as Arc<dyn LineSink>,
        clock: Arc::new(SystemClock),
        admission: Admission::new(1024 * 1024),
        max_request_bytes: 100_000,
        max_decompressed_bytes: 200_000,
        max_line_bytes: 64 * 1024,
        stats: Arc::default(),
    })
}

async fn post(
    endpoint: &Arc<HttpLines>,
    path: &str,
    encoding: &str,
    body: Vec<u8>,
) -> (StatusCode, Option<String>, Value) {
    let request = Request::post(path).header("content-encoding", encoding).body(Body::from(body)).unwrap();
    let response = lines_router(Arc::clone(endpoint)).oneshot(request).await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, retry_after, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn lines_arrays_and_objects_are_stored_before_the_answer() {
    for (body, expected) in [
        ("one\n\ntwo\r\nthree", vec!["one", "two", "three"]),
        ("{\"a\":1}\n{\"a\":2}\n", vec!["{\"a\":1}", "{\"a\":2}"]),
        ("[{\"a\":\n1} , {\"a\":2}]", vec!["{\"a\":\n1}", "{\"a\":2}"]),
        ("{\n\"a\":1\n}\n", vec!["{\n\"a\":1\n}"]),
        ("[2026-01-01T00:00:00Z] \"GET /\"", vec!["[2026-01-01T00:00:00Z] \"GET /\""]),
        ("2026-01-01T00:00:00Z stdout F wrapped", vec!["wrapped"]),
        ("[]", vec![]),
        ("", vec![]),
    ] {
        let sink = Arc::new(Sink::default());
        let endpoint = endpoint(&sink);
        let (status, _, answer) = post(&endpoint, "/api/v1/logs/text?service=shop", "identity", body.into()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let count = expected.len();
        let counts = json!({
            "lines": count, "requests": 0, "logs": count, "rejected": 0, "reasons": {}, "format": "text",
        });
        assert_eq!(answer, counts, "{body}");
        assert_eq!(sink.bodies(), expected, "{body}");
        assert!(sink.logs().iter().all(|log| log.service == "shop"));
        assert_eq!(endpoint.admission.used(), 0);
    }
}

#[tokio::test]
async fn bad_lines_cost_themselves_and_are_named() {
    let sink = Arc::new(Sink::default());
    let body = [b"good\n\x00\n".to_vec(), vec![b'x'; 70_000], b"\nend".to_vec()].concat();
    let (status, _, answer) = post(&endpoint(&sink), "/api/v1/logs/text", "identity", body).await;
    assert_eq!((status, &answer["reasons"]), (StatusCode::OK, &json!({"binary": 1, "too_long": 1})));
    assert_eq!(sink.bodies(), ["good", "end"]);
    let (_, _, answer) = post(&endpoint(&sink), "/api/v1/logs/text", "", b"[{\"a\":1},{\"a\":".to_vec()).await;
    assert_eq!((&answer["logs"], &answer["reasons"]), (&json!(1), &json!({"json": 1})));
}

#[tokio::test]
async fn bodies_may_be_compressed_within_bounds() {
    let sink = Arc::new(Sink::default());
    let endpoint = endpoint(&sink);
    let gzip = |body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let (status, _, _) = post(&endpoint, "/api/v1/logs/text", "gzip", gzip(b"zipped\n")).await;
    assert_eq!((status, sink.bodies()), (StatusCode::OK, vec!["zipped".to_owned()]));
    let (status, _, answer) = post(&endpoint, "/api/v1/logs/text", "gzip", gzip(&vec![b'x'; 300_000])).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
    let (status, _, _) = post(&endpoint, "/api/v1/logs/text", "", vec![b'x'; 100_001]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn refusals_say_what_is_wrong_and_when_to_try_again() {
    let sink = Arc::new(Sink::default());
    let endpoint = endpoint(&sink);
    for (path, code) in [
        ("/api/v1/logs/nosuch", "invalid_format"),
        ("/api/v1/logs/text?timezone=Mars/Olympus", "invalid_timezone"),
        ("/api/v1/logs/text?unknown=1", "invalid_parameter"),
    ] {
        let (status, _, answer) = post(&endpoint, path, "", b"line".to_vec()).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
    sink.refuse(true);
    let (status, retry_after, answer) = post(&endpoint, "/api/v1/logs/text", "", b"line".to_vec()).await;
    assert_eq!((status, retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("1")), "{answer}");
    sink.refuse(false);
    let busy = Arc::new(HttpLines { admission: Admission::new(2), ..Arc::into_inner(endpoint).unwrap() });
    let (status, retry_after, _) = post(&busy, "/api/v1/logs/text", "", b"line".to_vec()).await;
    assert_eq!((status, retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    assert_eq!((sink.count(), busy.stats.lines()), (0, 0));
}
