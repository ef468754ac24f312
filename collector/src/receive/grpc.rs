//! OTLP/gRPC: the three `Export` methods, with health checking and reflection beside them.
//!
//! The methods are unary, so their protocol (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>) is one
//! length-prefixed message each way and trailers. It is spoken here directly rather than through a generated service, so
//! that a request is admitted before its body is read and its message stays the bytes that arrived.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    response::Response,
    routing::post,
};
use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full};
use spandrel_proto::wire::otlp::Signal;
use tonic::{Status, service::Routes};
use tonic_health::pb::health_server::{Health, HealthServer};

use super::{
    body::read_body,
    compression::Compression,
    error::ReceiveError,
    receiver::{Encoding, Receiver, Request},
    stats::Transport,
};

/// Descriptors of OTLP's services, for reflection. Made from the `.proto` files of OpenTelemetry.
const FILE_DESCRIPTORS: &[u8] = include_bytes!("otlp.binpb");

const GRPC: &str = "application/grpc";
const ACCEPTED_ENCODINGS: &str = "identity,gzip,zstd,deflate";
/// Flag and length before a message.
const PREFIX_BYTES: usize = 5;

/// The full name of the service that exports `signal`.
pub fn grpc_service_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.TraceService",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.LogsService",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService",
    }
}

/// The routes of an OTLP/gRPC listener. `health` answers `grpc.health.v1.Health`.
///
/// # Errors
/// When the descriptors for reflection cannot be read.
pub fn grpc_router<H: Health>(
    receiver: Arc<Receiver>,
    health: HealthServer<H>,
) -> Result<Router, tonic_reflection::server::Error> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    let mut router = Router::new();
    for signal in Signal::ALL {
        let handler =
            move |State(receiver): State<Arc<Receiver>>, request: HttpRequest| export(receiver, signal, request);
        router = router.route(&format!("/{}/Export", grpc_service_name(signal)), post(handler));
    }
    Ok(router.with_state(receiver).merge(routes.into_axum_router()))
}

async fn export(receiver: Arc<Receiver>, signal: Signal, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let mut charge = receiver.admission().begin();
    let read = read_message(&receiver, &parts.headers, body, &mut charge).await;
    let result = match receiver.counted(Transport::Grpc, read) {
        Ok((compression, body)) => {
            let encoding = Encoding::Protobuf;
            receiver.receive(Request { transport: Transport::Grpc, signal, encoding, compression, body, charge }).await
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(accepted) => success(&accepted.to_protobuf()),
        Err(error) => failure(&error),
    }
}

/// The one message of a unary request, still compressed.
async fn read_message(
    receiver: &Receiver,
    headers: &HeaderMap,
    body: Body,
    charge: &mut super::admission::Charge,
) -> Result<(Compression, Bytes), ReceiveError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type != GRPC && content_type != "application/grpc+proto" {
        return Err(ReceiveError::ContentType { given: content_type.to_owned(), expected: GRPC });
    }
    let encoding = headers.get("grpc-encoding").map_or(Ok(""), HeaderValue::to_str).unwrap_or("?");
    let compression = Compression::parse(encoding)
        .ok_or_else(|| ReceiveError::Compression { given: encoding.to_owned(), supported: ACCEPTED_ENCODINGS })?;
    let limit = receiver.config().max_request_bytes;
    let mut frame = read_body(headers, body, limit + PREFIX_BYTES, charge).await.map_err(|error| match error {
        ReceiveError::TooLarge { .. } => ReceiveError::TooLarge { limit },
        other => other,
    })?;
    if frame.len() < PREFIX_BYTES {
        return Err(ReceiveError::Framing { problem: "it ends before the length of its message" });
    }
    let prefix = frame.split_to(PREFIX_BYTES);
    let declared = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if declared > frame.len() {
        return Err(ReceiveError::Framing { problem: "it ends before its message does" });
    }
    if declared < frame.len() {
        return Err(ReceiveError::Framing { problem: "it goes on after its message" });
    }
    match prefix[0] {
        0 => Ok((Compression::Identity, frame)),
        1 if compression != Compression::Identity => Ok((compression, frame)),
        1 => Err(ReceiveError::Framing { problem: "its message is compressed but no grpc-encoding says how" }),
        _ => Err(ReceiveError::Framing { problem: "its first byte is neither 0 nor 1" }),
    }
}

fn success(message: &[u8]) -> Response {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    // A response is a count and a bounded message.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPTED_ENCODINGS));
    response
}

/// A response of trailers only.
fn failure(error: &ReceiveError) -> Response {
    let mut response: Response = error.grpc_status().into_http();
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPTED_ENCODINGS));
    if let Some(after) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.max(Duration::from_secs(1)).as_secs()));
    }
    response
}
