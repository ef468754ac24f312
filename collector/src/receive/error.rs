//! Why a request was not taken.

use std::time::Duration;

use spandrel_proto::wire::{WireError, otlp::JsonError};
use spandrel_store::AppendError;
use thiserror::Error;

/// Why a request was refused whole. Nothing of it is stored.
#[derive(Debug, Error)]
pub(super) enum ReceiveError {
    #[error("unsupported content type {given:?}; send {expected}")]
    ContentType { given: String, expected: &'static str },
    #[error("unsupported compression {given:?}; send one of {supported}")]
    Compression { given: String, supported: &'static str },
    #[error("the request is larger than {limit} bytes; send smaller batches")]
    TooLarge { limit: usize },
    #[error("the request is larger than {limit} bytes when decompressed; send smaller batches")]
    TooLargeDecompressed { limit: usize },
    #[error("the body is not valid {encoding}")]
    Decompress {
        encoding: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the body could not be read to its end")]
    Body(#[source] axum::Error),
    #[error("the body is not one gRPC message: {problem}")]
    Framing { problem: &'static str },
    #[error("the request cannot be decoded")]
    Protobuf(#[from] WireError),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("too many bytes of requests are being worked on")]
    Busy,
    #[error("the records cannot be stored")]
    Store(#[from] AppendError),
}

/// What a sender can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the request will never be taken.
    Invalid,
    UnsupportedMediaType,
    UnsupportedCompression,
    TooLarge,
    /// Send the same again, after this time.
    Retry(Duration),
    Defect,
}

impl ReceiveError {
    pub(super) fn kind(&self) -> Kind {
        match self {
            ReceiveError::ContentType { .. } => Kind::UnsupportedMediaType,
            ReceiveError::Compression { .. } => Kind::UnsupportedCompression,
            ReceiveError::TooLarge { .. }
            | ReceiveError::TooLargeDecompressed { .. }
            | ReceiveError::Protobuf(WireError::Expansion { .. })
            | ReceiveError::Store(AppendError::TooLarge { .. }) => Kind::TooLarge,
            ReceiveError::Decompress { .. }
            | ReceiveError::Body(_)
            | ReceiveError::Framing { .. }
            | ReceiveError::Protobuf(_)
            | ReceiveError::Json(_) => Kind::Invalid,
            ReceiveError::Busy => Kind::Retry(Duration::from_secs(1)),
            ReceiveError::Store(error) => error.retry_after().map_or(Kind::Defect, Kind::Retry),
        }
    }

    /// The error and its sources in one line.
    pub(super) fn full_message(&self) -> String {
        let mut message = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        message
    }

    /// The value of the `reason` label in metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            ReceiveError::ContentType { .. } => "content_type",
            ReceiveError::Compression { .. } => "compression",
            ReceiveError::TooLarge { .. } | ReceiveError::TooLargeDecompressed { .. } => "too_large",
            ReceiveError::Decompress { .. } => "decompress",
            ReceiveError::Body(_) => "body",
            ReceiveError::Framing { .. } => "framing",
            ReceiveError::Protobuf(_) => "protobuf",
            ReceiveError::Json(_) => "json",
            ReceiveError::Busy => "busy",
            ReceiveError::Store(_) => "store",
        }
    }
}
