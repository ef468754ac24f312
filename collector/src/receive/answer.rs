//! Answers in OTLP's forms, and the one place where an error becomes a status.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use prost::Message;
use spandrel_proto::wire::otlp::Signal;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{
    error::{Kind, ReceiveError},
    receiver::Accepted,
};

/// `Export*ServiceResponse`: all three have one field, and their partial successes the same two.
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

/// `google.rpc.Status` without details, for errors over HTTP.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Accepted {
    fn partial_success(&self) -> Option<PartialSuccess> {
        if self.rejected == 0 && self.message.is_none() {
            return None;
        }
        let rejected = i64::try_from(self.rejected).unwrap_or(i64::MAX);
        Some(PartialSuccess { rejected, error_message: self.message.clone().unwrap_or_default() })
    }

    /// The response message in protobuf.
    pub(super) fn to_protobuf(&self) -> Bytes {
        Bytes::from(ExportResponse { partial_success: self.partial_success() }.encode_to_vec())
    }

    /// The response message in JSON.
    pub(super) fn to_json(&self, signal: Signal) -> Bytes {
        let response = match self.partial_success() {
            None => serde_json::json!({}),
            Some(PartialSuccess { rejected, error_message }) => {
                let rejected_name = match signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Logs => "rejectedLogRecords",
                    Signal::Metrics => "rejectedDataPoints",
                };
                // 64-bit integers are text in protobuf's JSON mapping.
                serde_json::json!({"partialSuccess": {rejected_name: rejected.to_string(), "errorMessage": error_message}})
            }
        };
        Bytes::from(response.to_string())
    }
}

impl ReceiveError {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            Kind::Retry(after) => Some(after),
            _ => None,
        }
    }

    pub(super) fn http_status(&self) -> StatusCode {
        match self.kind() {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::UnsupportedMediaType | Kind::UnsupportedCompression => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Retry(_) => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC code. Senders give up on all but `UNAVAILABLE`; `RESOURCE_EXHAUSTED` is not used, since without
    /// `RetryInfo` it means "drop", and a batch that is too large is simply invalid.
    pub(super) fn grpc_code(&self) -> Code {
        match self.kind() {
            Kind::Invalid | Kind::TooLarge => Code::InvalidArgument,
            Kind::UnsupportedMediaType | Kind::UnsupportedCompression => Code::Unimplemented,
            Kind::Retry(_) => Code::Unavailable,
            Kind::Defect => Code::Internal,
        }
    }

    /// The whole gRPC status, with `RetryInfo` where trying again helps.
    pub(super) fn grpc_status(&self) -> Status {
        let message = self.full_message();
        match self.retry_after() {
            Some(after) => {
                Status::with_error_details(self.grpc_code(), message, ErrorDetails::with_retry_info(Some(after)))
            }
            None => Status::new(self.grpc_code(), message),
        }
    }

    /// `google.rpc.Status` in protobuf.
    pub(super) fn status_protobuf(&self) -> Bytes {
        Bytes::from(RpcStatus { code: self.grpc_code() as i32, message: self.full_message() }.encode_to_vec())
    }

    /// `google.rpc.Status` in JSON.
    pub(super) fn status_json(&self) -> Bytes {
        let status = serde_json::json!({"code": self.grpc_code() as i32, "message": self.full_message()});
        Bytes::from(status.to_string())
    }
}
