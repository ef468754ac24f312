//! OTLP/gRPC with bodies that are encoded already.

use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use super::exporter::{Accepted, Answer, EndpointError};
use crate::telemetry::Signal;

/// Room for a batch of 512 spans without growing.
const ENCODE_BUFFER: usize = 320 * 1024;

/// Connections to one endpoint, used in turn.
#[derive(Debug)]
pub(super) struct GrpcTransport {
    channels: Vec<Channel>,
    turn: AtomicUsize,
}

impl GrpcTransport {
    pub(super) fn new(url: &str, connections: usize) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| EndpointError { endpoint: url.to_owned(), reason: error.to_string() })?;
        let channels = (0..connections.max(1)).map(|_| endpoint.connect_lazy()).collect();
        Ok(Self { channels, turn: AtomicUsize::new(0) })
    }

    pub(super) async fn attempt(&self, signal: Signal, body: Bytes) -> Answer {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.channels.len();
        let mut client = Grpc::new(self.channels[turn].clone());
        if let Err(error) = client.ready().await {
            return Answer::Later { after: None, reason: error.to_string() };
        }
        match client.unary(Request::new(body), path(signal), BytesCodec).await {
            Ok(response) => {
                let rejected = response.get_ref().partial_success.as_ref().map_or(0, |partial| partial.rejected_spans);
                Answer::Accepted(Accepted { rejected: u64::try_from(rejected).unwrap_or(0) })
            }
            Err(status) => answer(&status),
        }
    }
}

/// What the OTLP specification says about each status: which are worth another attempt, and when.
fn answer(status: &Status) -> Answer {
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let reason = format!("{:?}: {}", status.code(), status.message());
    let worth_retrying = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => after.is_some(),
        // A status made by this side, because the connection broke.
        _ => status.source().is_some(),
    };
    if worth_retrying { Answer::Later { after, reason } } else { Answer::Refused(reason) }
}

fn path(signal: Signal) -> PathAndQuery {
    PathAndQuery::from_static(match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    })
}

/// Encoded requests, and responses of all three signals: their fields have the same numbers and types.
#[derive(Debug, Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(body);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(ENCODE_BUFFER, ENCODE_BUFFER)
    }
}

impl Decoder for BytesCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let response = ExportTraceServiceResponse::decode(buffer);
        response.map(Some).map_err(|error| Status::internal(format!("undecodable response: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    fn is_retried(status: &Status) -> bool {
        matches!(answer(status), Answer::Later { .. })
    }

    #[test]
    fn statuses_are_retried_as_the_specification_says() {
        assert!(is_retried(&Status::unavailable("overload")));
        assert!(is_retried(&Status::deadline_exceeded("slow")));
        assert!(!is_retried(&Status::invalid_argument("broken")));
        assert!(!is_retried(&Status::unknown("odd")));
        assert!(!is_retried(&Status::resource_exhausted("too large")));
    }

    #[test]
    fn retry_info_is_honoured() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
        let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
        let Answer::Later { after, .. } = answer(&status) else { panic!("not retried") };
        assert_eq!(after, Some(Duration::from_secs(3)));
    }
}
