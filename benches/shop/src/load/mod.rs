//! A load generator for OTLP endpoints: an open loop of pre-encoded requests.
//!
//! Requests are sent when the schedule says so, whether or not earlier ones are answered, and latency is measured from
//! the scheduled time to the final answer: a server that stalls is charged for everything that waits meanwhile.

mod acked;
mod options;
mod patch;
mod progress;
mod report;
mod run;
mod template;
mod wire;

pub use options::{LoadError, LoadOptions};
pub use patch::IdSource;
pub use report::{Latencies, LoadReport};
pub use run::run_load;
pub use template::{Template, build_templates};
