//! The read path: SQL over one snapshot of hot and stored rows, the SQL functions of Spandrel, limits on what a query
//! may use, and the HTTP API.
//!
//! Start reading at [`Engine`].

mod admission;
mod analysis;
mod analyst;
pub mod api;
mod classify;
mod computed;
mod cooperative;
mod engine;
mod error;
mod functions;
mod limits;
mod memory;
pub mod output;
mod registry;
mod session;
mod stale;
mod statement;
mod stream;
mod suggest;
mod table;
mod time;
mod workers;

pub use analyst::{Analyst, AnalystStats};
pub use engine::Engine;
pub use error::{EngineError, QueryError};
pub use limits::{Limits, Spill};
pub use stream::{QueryStats, QueryStream};
pub use suggest::Suggestion;
pub use table::exposed_schema;
pub use time::{TimeError, parse_duration, parse_time};

#[cfg(test)]
mod tests;
