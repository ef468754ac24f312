//! OTLP senders.

use std::io::Write;

use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
    metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
    trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
};
use prost::Message;
use serde_json::Value;
use tonic::{Status, codec::CompressionEncoding, transport::Channel};

use super::{Server, grpc::RpcStatus};

/// A way to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Grpc(Option<CompressionEncoding>),
    /// With this `content-encoding`.
    Protobuf(&'static str),
    Json(&'static str),
}

impl Transport {
    pub(crate) const ALL: [Transport; 11] = [
        Transport::Grpc(None),
        Transport::Grpc(Some(CompressionEncoding::Gzip)),
        Transport::Grpc(Some(CompressionEncoding::Zstd)),
        Transport::Protobuf("identity"),
        Transport::Protobuf("gzip"),
        Transport::Protobuf("zstd"),
        Transport::Protobuf("deflate"),
        Transport::Json("identity"),
        Transport::Json("gzip"),
        Transport::Json("zstd"),
        Transport::Json("deflate"),
    ];
    pub(crate) const PLAIN: [Transport; 3] =
        [Transport::Grpc(None), Transport::Protobuf("identity"), Transport::Json("identity")];
}

/// `partial_success`; nothing in it means that all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Partial {
    pub(crate) rejected: i64,
    pub(crate) message: String,
}

/// A request that was refused whole.
#[derive(Debug)]
pub(crate) enum Refused {
    Grpc(Status),
    Http(HttpRefusal),
    /// No answer at all.
    Connection,
}

/// An answer over HTTP that is no success, with the `google.rpc.Status` in its body.
#[derive(Debug)]
pub(crate) struct HttpRefusal {
    pub(crate) http_status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// One of the three `Export*ServiceRequest`s.
pub(crate) trait Export: Message + Clone + Default + 'static {
    /// As in the path `/v1/traces`.
    const SIGNAL: &'static str;
    /// The name in JSON of the count of records that were not stored.
    const REJECTED: &'static str;
    /// The full name of the gRPC method.
    const METHOD: &'static str;

    fn to_json(&self) -> Vec<u8>;

    async fn call(self, channel: Channel, compression: Option<CompressionEncoding>) -> Result<Partial, Status>;
}

macro_rules! export {
    ($request:ty, $client:ident, $signal:literal, $rejected:ident, $json:literal, $method:literal) => {
        impl Export for $request {
            const SIGNAL: &'static str = $signal;
            const REJECTED: &'static str = $json;
            const METHOD: &'static str = $method;

            fn to_json(&self) -> Vec<u8> {
                serde_json::to_vec(self).unwrap()
            }

            async fn call(self, channel: Channel, compression: Option<CompressionEncoding>) -> Result<Partial, Status> {
                let mut client = $client::new(channel);
                if let Some(compression) = compression {
                    client = client.send_compressed(compression);
                }
                let partial = client.export(self).await?.into_inner().partial_success;
                let partial = partial.map(|part| Partial { rejected: part.$rejected, message: part.error_message });
                Ok(partial.unwrap_or_default())
            }
        }
    };
}

export!(
    ExportTraceServiceRequest,
    TraceServiceClient,
    "traces",
    rejected_spans,
    "rejectedSpans",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
);
export!(
    ExportLogsServiceRequest,
    LogsServiceClient,
    "logs",
    rejected_log_records,
    "rejectedLogRecords",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
);
export!(
    ExportMetricsServiceRequest,
    MetricsServiceClient,
    "metrics",
    rejected_data_points,
    "rejectedDataPoints",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
);

/// `Export*ServiceResponse`, which has the same fields for every signal.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Sends `request` and says what came back.
pub(super) async fn export<R: Export>(server: &Server, transport: Transport, request: R) -> Result<Partial, Refused> {
    match transport {
        Transport::Grpc(compression) => {
            request.call(server.channel(), compression).await.map_err(|status| match status.code() {
                // The client makes this up when the connection breaks.
                tonic::Code::Unknown | tonic::Code::Cancelled => Refused::Connection,
                tonic::Code::Unavailable if status.details().is_empty() => Refused::Connection,
                _ => Refused::Grpc(status),
            })
        }
        Transport::Protobuf(encoding) => {
            let body = compressed(encoding, &request.encode_to_vec());
            post(server, R::SIGNAL, "application/x-protobuf", encoding, body, |body| {
                let partial = ExportResponse::decode(body).unwrap().partial_success.unwrap_or_default();
                Partial { rejected: partial.rejected, message: partial.error_message }
            })
            .await
        }
        Transport::Json(encoding) => {
            let body = compressed(encoding, &request.to_json());
            post(server, R::SIGNAL, "application/json", encoding, body, |body| {
                let answer: Value = serde_json::from_slice(body).unwrap();
                let partial = &answer["partialSuccess"];
                let count = partial[R::REJECTED].as_str().map_or(0, |count| count.parse().unwrap());
                Partial { rejected: count, message: partial["errorMessage"].as_str().unwrap_or_default().to_owned() }
            })
            .await
        }
    }
}

async fn post(
    server: &Server,
    signal: &str,
    content_type: &str,
    encoding: &str,
    body: Vec<u8>,
    read: impl FnOnce(&[u8]) -> Partial,
) -> Result<Partial, Refused> {
    let headers = [("content-type", content_type), ("content-encoding", encoding)];
    let response = server.post_otlp(signal, &headers, body).await.map_err(|_| Refused::Connection)?;
    let http_status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some(content_type), "the answer comes as the request came");
    let retry_after = header("retry-after");
    let body = response.bytes().await.map_err(|_| Refused::Connection)?;
    if http_status == 200 {
        return Ok(read(&body));
    }
    let (code, message) = status_body(content_type, &body);
    Err(Refused::Http(HttpRefusal { http_status, retry_after, code, message }))
}

/// Code and message of the `google.rpc.Status` in an error's body.
fn status_body(content_type: &str, body: &[u8]) -> (i32, String) {
    if content_type == "application/json" {
        let status: Value = serde_json::from_slice(body).unwrap();
        let code = i32::try_from(status["code"].as_i64().unwrap()).unwrap();
        return (code, status["message"].as_str().unwrap().to_owned());
    }
    let status = RpcStatus::decode(body).unwrap();
    (status.code, status.message)
}

/// `body` in a content encoding.
pub(crate) fn compressed(encoding: &str, body: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    match encoding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(body, 1).unwrap(),
        "identity" => body.to_vec(),
        other => panic!("no such encoding: {other}"),
    }
}

/// Sends a body that is no good and reads the refusal, which must be one.
pub(super) async fn refusal(server: &Server, signal: &str, headers: &[(&str, &str)], body: Vec<u8>) -> HttpRefusal {
    let response = server.post_otlp(signal, headers, body).await.unwrap();
    let http_status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, content_type) = (header("retry-after"), header("content-type").unwrap());
    let body = response.bytes().await.unwrap();
    assert_ne!(http_status, 200, "{body:?}");
    let (code, message) = status_body(&content_type, &body);
    HttpRefusal { http_status, retry_after, code, message }
}
