//! Receivers: one module per protocol. Each takes bytes within the bounds of [`Admission`], hands them to the
//! [`Receiver`], which decodes and stores them, and answers only when they are durable (D-1).

mod admission;
mod answer;
mod body;
mod compression;
mod config;
mod error;
mod grpc;
mod http;
mod lines;
mod receiver;
mod stats;

pub use admission::Admission;
pub use config::{CorsOrigins, ReceiverConfig};
pub use grpc::{grpc_router, grpc_service_name};
pub use http::http_router;
pub use lines::{
    FileConfig, FormatFactory, HttpLines, Input, LineSink, LineSinkError, RunningSource, SourceConfig, SourceError,
    SourceRuntime, SourceStats, StartAt, StdinConfig, SyslogAddresses, SyslogConfig, TlsListener, lines_router,
};
pub use receiver::Receiver;
pub use stats::{ReceiverStats, Transport};
