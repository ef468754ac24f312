//! Answers requests for the page.
//!
//! - a file of the page: its bytes, with an `ETag`; files under `assets/` carry a content hash in their name and are
//!   cached for good, everything else is revalidated
//! - the path of a page (`/traces`, `/trace/<id>`, ...): `index.html`, which routes by itself
//! - any other path: 404; a browser gets `index.html` with it (the page says that there is no such page), a program
//!   and everything under `/api` get the JSON error body
//! - a method other than GET and HEAD: 405

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY as CSP,
    CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::assets::{self, Asset};

/// What the page may load and do: itself and its own origin, no inline script or style, no frame around it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html spandrel-worker";

/// First segments of the paths that `index.html` answers. The client routes (`pages.ts`) name the same ones.
const PAGES: [&str; 14] = [
    "",
    "services",
    "map",
    "service",
    "traces",
    "trace",
    "flow",
    "compare",
    "findings",
    "breakers",
    "logs",
    "sql",
    "dashboards",
    "coverage",
];
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A router that serves the page at every path, to use as a fallback service.
pub fn router<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().fallback(handler)
}

/// Serves the page; to use as the fallback of the router that holds all other routes.
pub async fn handler(request: Request) -> Response {
    respond(assets::find, request.method(), request.uri().path(), request.headers())
}

fn respond(find: impl Fn(&str) -> Option<Asset>, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let mut response = if matches!(*method, Method::GET | Method::HEAD) {
        look_up(find, path, headers)
    } else {
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", path, headers);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    };
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    secure(response.headers_mut());
    response
}

fn look_up(find: impl Fn(&str) -> Option<Asset>, path: &str, headers: &HeaderMap) -> Response {
    let file = path.trim_start_matches('/');
    if let Some(asset) = find(file) {
        let cache = if file.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
        return send(asset, StatusCode::OK, cache, headers);
    }

    let first_segment = file.split('/').next().unwrap_or_default();
    let status = if PAGES.contains(&first_segment) { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let is_page = status == StatusCode::OK || (is_navigation(headers) && !matches!(first_segment, "api" | "assets"));
    match find("index.html") {
        Some(index) if is_page => send(index, status, REVALIDATE, headers),
        _ => error(StatusCode::NOT_FOUND, "not_found", path, headers),
    }
}

fn send(asset: Asset, status: StatusCode, cache: &'static str, headers: &HeaderMap) -> Response {
    let gzip = asset.gzip.filter(|_| accepts_gzip(headers));
    let suffix = if gzip.is_some() { "-gz" } else { "" };
    let etag = format!("\"{}{suffix}\"", asset.hash);
    let is_known = status == StatusCode::OK && names_etag(headers, &etag);

    let mut response = Response::new(Body::empty());
    let response_headers = response.headers_mut();
    response_headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response_headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response_headers.insert(ETAG, etag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    response_headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if gzip.is_some() {
        response_headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let body = gzip.unwrap_or(asset.content);
    response_headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.status_mut() = status;
    *response.body_mut() = Body::from(body);
    response
}

/// The error body every HTTP listener of Spandrel uses.
fn error(status: StatusCode, code: &str, path: &str, headers: &HeaderMap) -> Response {
    let request_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let message = match status {
        StatusCode::METHOD_NOT_ALLOWED => format!("{path} answers GET and HEAD only"),
        _ => format!("there is nothing at {path}"),
    };
    let body = json!({"error": {"code": code, "message": message, "details": null, "request_id": request_id}});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn secure(headers: &mut HeaderMap) {
    headers.insert(CSP, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

fn is_navigation(headers: &HeaderMap) -> bool {
    list_items(headers, &ACCEPT).any(|item| item.starts_with("text/html"))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    list_items(headers, &ACCEPT_ENCODING).any(|item| {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let is_refused = parameters.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        coding.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn names_etag(headers: &HeaderMap, etag: &str) -> bool {
    list_items(headers, &IF_NONE_MATCH).any(|item| item == "*" || item.trim_start_matches("W/") == etag)
}

/// The comma-separated items of a header, over all its lines.
fn list_items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
