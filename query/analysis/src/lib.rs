//! What is computed from canonical records: the name of an operation ([`operation`]), latency percentiles that merge
//! exactly ([`sketch`]), and requests, failures and durations ([`red`]). Values and Arrow arrays in, values and Arrow
//! arrays out: no query engine, no I/O, no async runtime, no clock.

pub mod operation;
mod path_template;
pub mod red;
pub mod sketch;

pub use path_template::path_template;
