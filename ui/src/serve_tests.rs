use super::*;
use axum::http::header::HOST;
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::ServiceExt;

const SCRIPT: &str = "/assets/index-abc123.js";

/// A page of two files.
fn find(path: &str) -> Option<Asset> {
    match path {
        "index.html" => Some(Asset {
            content: Bytes::from_static(b"<html>"),
            gzip: None,
            content_type: "text/html; charset=utf-8",
            hash: "1111".to_owned(),
        }),
        "assets/index-abc123.js" => Some(Asset {
            content: Bytes::from_static(b"script"),
            gzip: Some(Bytes::from_static(b"zipped")),
            content_type: "text/javascript; charset=utf-8",
            hash: "2222".to_owned(),
        }),
        _ => None,
    }
}

fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
    respond(find, &Method::GET, path, &headers)
}

fn header(response: &Response, name: HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn page_paths_get_the_index_and_revalidate_it() {
    let pages = [
        "/",
        "/services",
        "/map",
        "/service/checkout",
        "/traces",
        "/trace/4bf92f3577b34da6a3ce929d0e0e4736",
        "/flow/order-4711",
        "/compare",
        "/findings",
        "/findings/0123456789abcdef",
        "/breakers",
        "/logs",
        "/sql",
        "/dashboards",
        "/dashboards/red",
        "/coverage",
    ];
    for path in pages {
        let response = get(path, &[]);
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(body(response).await, "<html>");
    }
}

#[tokio::test]
async fn hashed_files_are_cached_for_good_and_sent_compressed() {
    let plain = get(SCRIPT, &[]);
    assert_eq!(header(&plain, CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(header(&plain, VARY), "accept-encoding");
    assert_eq!(header(&plain, CONTENT_LENGTH), "6");
    assert_eq!(body(plain).await, "script");

    let compressed = get(SCRIPT, &[(ACCEPT_ENCODING, "br, gzip;q=0.8")]);
    assert_eq!(header(&compressed, CONTENT_ENCODING), "gzip");
    assert_eq!(body(compressed).await, "zipped");

    let refused = get(SCRIPT, &[(ACCEPT_ENCODING, "gzip;q=0")]);
    assert_eq!(header(&refused, CONTENT_ENCODING), "");
}

#[tokio::test]
async fn a_known_etag_is_answered_with_304_and_no_body() {
    let etag = header(&get("/", &[]), ETAG).to_owned();
    assert_eq!(etag, "\"1111\"");

    for sent in ["\"1111\"", "W/\"1111\"", "\"0000\", \"1111\"", "*"] {
        let response = get("/", &[(IF_NONE_MATCH, sent)]);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{sent}");
        assert_eq!(header(&response, ETAG), etag);
        assert!(body(response).await.is_empty());
    }
    assert_eq!(get("/", &[(IF_NONE_MATCH, "\"2222\"")]).status(), StatusCode::OK);
    // The plain and the compressed bytes have different tags.
    let compressed = get(SCRIPT, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, "\"2222\"")]);
    assert_eq!(compressed.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_missing_is_404_in_the_words_of_the_caller() {
    let asset = get("/assets/index-old.js", &[(ACCEPT, "text/html"), (REQUEST_ID, "r-\"1\"")]);
    assert_eq!(asset.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&asset, CONTENT_TYPE), "application/json");
    let error: serde_json::Value = serde_json::from_slice(&body(asset).await).unwrap();
    assert_eq!(error["error"]["code"], "not_found");
    assert_eq!(error["error"]["request_id"], "r-\"1\"");

    assert_eq!(header(&get("/api/v1/nothing", &[(ACCEPT, "text/html")]), CONTENT_TYPE), "application/json");
    assert_eq!(header(&get("/nothing", &[(ACCEPT, "*/*")]), CONTENT_TYPE), "application/json");

    let typed_by_a_person = get("/nothing", &[(ACCEPT, "text/html,application/xhtml+xml")]);
    assert_eq!(typed_by_a_person.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(typed_by_a_person).await, "<html>");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    for path in ["/", SCRIPT, "/api/v1/nothing"] {
        let response = get(path, &[]);
        let policy = header(&response, CSP);
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header(&response, X_FRAME_OPTIONS), "DENY");
    }
}

#[tokio::test]
async fn head_sends_headers_only_and_other_methods_are_refused() {
    let head = respond(find, &Method::HEAD, SCRIPT, &HeaderMap::new());
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(header(&head, CONTENT_LENGTH), "6");
    assert!(body(head).await.is_empty());

    let post = respond(find, &Method::POST, "/", &HeaderMap::new());
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&post, ALLOW), "GET, HEAD");
}

#[tokio::test]
async fn the_embedded_page_is_served_by_the_router() {
    let router: Router = router();
    let request =
        Request::builder().uri("/traces?order=slowest").header(HOST, "127.0.0.1").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let index = String::from_utf8(body(response).await.to_vec()).unwrap();
    assert!(index.contains("Spandrel"));

    // Every file the page names is there. (A build without the page names none.)
    for name in index.split('"').filter(|part| part.starts_with("/assets/")) {
        let request = Request::builder().uri(name).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
    }
}

#[test]
fn compressed_siblings_are_not_files_of_the_page() {
    assert!(assets::find("index.html").is_some());
    assert!(assets::find("index.html.gz").is_none());
}
