//! gRPC below the level of generated clients, to send what those never would.

use axum::body::HttpBody;
use prost::Message;
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::ServiceExt;

/// What a server said to a call, whatever it was.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) http_status: u16,
    pub(crate) headers: http::HeaderMap,
    /// From the trailers, or from the headers where nothing else came.
    pub(crate) status: Status,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    pub(crate) fn code(&self) -> Code {
        self.status.code()
    }
}

/// Posts `body` as it is.
pub(crate) async fn call(channel: Channel, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> RawAnswer {
    let mut request = http::Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::new(axum::body::Body::from(body))).unwrap();
    let response = channel.oneshot(request).await.unwrap();
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut trailers = None;
    while let Some(part) = std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await {
        match part.unwrap().into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(last) => trailers = last.into_trailers().ok(),
        }
    }
    let said = trailers.as_ref().and_then(Status::from_header_map).or_else(|| Status::from_header_map(&parts.headers));
    let status = said.unwrap_or_else(|| Status::unknown("the answer has no grpc-status"));
    RawAnswer { http_status: parts.status.as_u16(), headers: parts.headers, status, body: bytes }
}

/// One length-prefixed message.
pub(crate) fn frame(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![u8::from(compressed)];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// The message of a frame.
pub(crate) fn message_of<M: Message + Default>(frame: &[u8]) -> M {
    M::decode(&frame[5..]).unwrap()
}

/// The `google.rpc.RetryInfo` of a status, in nanoseconds.
pub(crate) fn retry_delay(status: &Status) -> Option<i64> {
    let details = RpcStatus::decode(status.details()).unwrap();
    let info = details.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).unwrap().retry_delay.unwrap();
    Some(delay.seconds * 1_000_000_000 + i64::from(delay.nanos))
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}
