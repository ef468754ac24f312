//! What is derived from batches of records whatever their origin: breaker events, services of addresses, correlation
//! ids, redaction.

pub mod access;
pub mod breakers;
pub mod correlation;
mod enricher;
mod error;
pub mod redact;
mod searcher;
pub mod services;
#[cfg(test)]
pub(crate) mod testing;
mod view;

pub use enricher::{EnrichConfig, EnrichCounts, Enriched, Enricher};
pub use error::EnrichError;
