//! An id for every request, so that an error that a user reports can be found.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

use super::error::ApiError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LEN: usize = 128;

/// Gives the request the id it came with or one of its own, answers it in `x-request-id`, and writes it into errors.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(usable).unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        tracing::debug!(request_id = %id, ?error, "request refused");
        response = error.respond(&id);
    }
    let value = HeaderValue::from_str(&id).expect("the id is visible ASCII");
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

fn usable(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    (!text.is_empty() && text.len() <= MAX_LEN && printable).then(|| text.to_owned())
}
