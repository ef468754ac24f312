//! The write path: bytes from a socket to records that are durable, and the acknowledgement that says so.

mod receive;

pub use receive::{
    Admission, CorsOrigins, DeadLetters, FileConfig, FormatFactory, HttpLines, Input, LineSink, LineSinkError,
    Receiver, ReceiverConfig, ReceiverStats, RejectedRecord, RunningSource, SourceConfig, SourceError, SourceRuntime,
    SourceStats, StartAt, StdinConfig, SyslogAddresses, SyslogConfig, TlsListener, Transport, grpc_router,
    grpc_service_name, http_router, lines_router,
};
