//! OTLP/HTTP: `POST /v1/traces`, `/v1/logs` and `/v1/metrics` in protobuf or JSON.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use spandrel_proto::wire::otlp::Signal;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::{
    body::read_body,
    compression::Compression,
    config::CorsOrigins,
    error::ReceiveError,
    receiver::{Accepted, Encoding, Receiver, Request},
    stats::Transport,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The routes of an OTLP/HTTP listener.
pub fn http_router(receiver: Arc<Receiver>) -> Router {
    let cors = cors_layer(&receiver.config().cors);
    let mut router = Router::new();
    for signal in Signal::ALL {
        let handler =
            move |State(receiver): State<Arc<Receiver>>, request: HttpRequest| export(receiver, signal, request);
        router = router.route(&format!("/v1/{}", signal.name()), post(handler));
    }
    let router = router.with_state(receiver);
    match cors {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

async fn export(receiver: Arc<Receiver>, signal: Signal, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let encoding = encoding_of(&parts.headers);
    let answer_encoding = encoding.as_ref().copied().unwrap_or(Encoding::Protobuf);
    let result = match encoding {
        Ok(encoding) => take(&receiver, signal, encoding, &parts.headers, body).await,
        Err(error) => receiver.counted(Transport::Http, Err(error)),
    };
    match result {
        Ok(accepted) => success(signal, answer_encoding, &accepted),
        Err(error) => failure(answer_encoding, &error),
    }
}

async fn take(
    receiver: &Arc<Receiver>,
    signal: Signal,
    encoding: Encoding,
    headers: &HeaderMap,
    body: Body,
) -> Result<Accepted, ReceiveError> {
    let mut charge = receiver.admission().begin();
    let read = match compression_of(headers) {
        Ok(compression) => read_body(headers, body, receiver.config().max_request_bytes, &mut charge)
            .await
            .map(|body| (compression, body)),
        Err(error) => Err(error),
    };
    let (compression, body) = receiver.counted(Transport::Http, read)?;
    receiver.receive(Request { transport: Transport::Http, signal, encoding, compression, body, charge }).await
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, ReceiveError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        PROTOBUF | "application/protobuf" => Ok(Encoding::Protobuf),
        JSON => Ok(Encoding::Json),
        _ => Err(ReceiveError::ContentType {
            given: given.to_owned(),
            expected: "application/x-protobuf or application/json",
        }),
    }
}

fn compression_of(headers: &HeaderMap) -> Result<Compression, ReceiveError> {
    let given = headers.get(CONTENT_ENCODING).map_or(Ok(""), HeaderValue::to_str).unwrap_or("?");
    Compression::parse(given).ok_or_else(|| ReceiveError::Compression {
        given: given.to_owned(),
        supported: "gzip, zstd, deflate, identity",
    })
}

fn success(signal: Signal, encoding: Encoding, accepted: &Accepted) -> Response {
    let body = match encoding {
        Encoding::Protobuf => accepted.to_protobuf(),
        Encoding::Json => accepted.to_json(signal),
    };
    respond(StatusCode::OK, encoding, body)
}

fn failure(encoding: Encoding, error: &ReceiveError) -> Response {
    let body = match encoding {
        Encoding::Protobuf => error.status_protobuf(),
        Encoding::Json => error.status_json(),
    };
    let mut response = respond(error.http_status(), encoding, body);
    if let Some(after) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

fn respond(status: StatusCode, encoding: Encoding, body: Bytes) -> Response {
    let content_type = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn cors_layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let layer =
        CorsLayer::new().allow_methods([Method::POST]).allow_headers(Any).max_age(std::time::Duration::from_secs(3600));
    match origins {
        CorsOrigins::None => None,
        CorsOrigins::Any => Some(layer.allow_origin(Any)),
        CorsOrigins::List(origins) => {
            let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
            Some(layer.allow_origin(AllowOrigin::list(origins)))
        }
    }
}
