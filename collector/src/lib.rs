//! The write path: bytes from a socket to records that are durable, and the acknowledgement that says so.

mod pipeline;
mod receive;

pub use pipeline::Pipeline;
pub use receive::{
    Admission, CorsOrigins, FileConfig, FormatFactory, HttpLines, Input, LineSink, LineSinkError, Receiver,
    ReceiverConfig, ReceiverStats, RunningSource, SourceConfig, SourceError, SourceRuntime, SourceStats, StartAt,
    StdinConfig, SyslogAddresses, SyslogConfig, TlsListener, Transport, grpc_router, grpc_service_name, http_router,
    lines_router,
};
