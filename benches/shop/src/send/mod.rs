//! Sending OTLP requests: encoded bodies in, an answer out.

mod exporter;
mod grpc;
mod http;
mod retry;

pub use exporter::{Accepted, Delivery, EndpointError, Exporter, Failure, Protocol};
pub use retry::RetryPolicy;
