//! OTLP/HTTP with protobuf bodies.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::exporter::{Accepted, Answer, EndpointError};
use crate::telemetry::Signal;

const MAX_RESPONSE_BYTES: usize = 64 * 1024;
const MAX_REASON_CHARS: usize = 200;

/// A pool of connections to one endpoint.
#[derive(Debug)]
pub(super) struct HttpTransport {
    client: Client<HttpConnector, Full<Bytes>>,
    traces: Uri,
    logs: Uri,
    metrics: Uri,
}

impl HttpTransport {
    pub(super) fn new(url: &str) -> Result<Self, EndpointError> {
        let base = url.trim_end_matches('/');
        let uri = |path: &str| {
            let unusable =
                |error: http::uri::InvalidUri| EndpointError { endpoint: url.to_owned(), reason: error.to_string() };
            format!("{base}{path}").parse().map_err(unusable)
        };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            traces: uri("/v1/traces")?,
            logs: uri("/v1/logs")?,
            metrics: uri("/v1/metrics")?,
        })
    }

    pub(super) async fn attempt(&self, signal: Signal, body: Bytes) -> Answer {
        let uri = match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
        };
        let request = Request::post(uri).header(CONTENT_TYPE, "application/x-protobuf").body(Full::new(body));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return later(error.to_string()),
        };
        let (head, body) = response.into_parts();
        match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
            Ok(body) => answer(head.status, &head.headers, &body.to_bytes()),
            Err(error) => later(format!("response broke off: {error}")),
        }
    }
}

fn later(reason: String) -> Answer {
    Answer::Later { after: None, reason }
}

/// What the OTLP specification says about each status: which are worth another attempt, and when.
fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    if status == StatusCode::OK {
        let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|response| response.partial_success);
        let rejected = partial.map_or(0, |partial| partial.rejected_spans);
        return Answer::Accepted(Accepted { rejected: u64::try_from(rejected).unwrap_or(0) });
    }
    let text: String = String::from_utf8_lossy(body).chars().take(MAX_REASON_CHARS).collect();
    let reason = format!("{status}: {text}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Answer::Later { after: seconds.map(Duration::from_secs), reason }
        }
        _ => Answer::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_honoured() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static("7"))]);
        let Answer::Later { after, .. } = answer(StatusCode::SERVICE_UNAVAILABLE, &headers, b"busy") else {
            panic!("not retried")
        };
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert!(matches!(answer(StatusCode::BAD_REQUEST, &headers, b"broken"), Answer::Refused(_)));
        assert!(matches!(answer(StatusCode::INTERNAL_SERVER_ERROR, &headers, b""), Answer::Refused(_)));
    }
}
