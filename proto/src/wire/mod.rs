//! Readers over wire formats: bytes in, canonical Arrow batches out.

pub mod otlp;
mod protobuf;
mod report;

pub use protobuf::WireError;
pub use report::{DecodeLimits, Decoded, Reject, RejectReason, Repair, Report};
