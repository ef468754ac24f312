//! What is derived from batches of records whatever their origin: breaker events, services of addresses, correlation
//! ids, redaction.

pub mod breakers;
mod error;
pub mod redact;
#[cfg(test)]
pub(crate) mod testing;
mod view;

pub use error::EnrichError;
