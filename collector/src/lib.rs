//! The write path: bytes from a socket to records that are durable, and the acknowledgement that says so.

mod receive;

pub use receive::{
    Admission, CorsOrigins, DeadLetters, Receiver, ReceiverConfig, ReceiverStats, RejectedRecord, Transport,
    grpc_router, grpc_service_name, http_router,
};
