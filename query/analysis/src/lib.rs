//! What is computed from canonical records, as values and Arrow arrays in, values and Arrow arrays out: no query engine,
//! no I/O, no async runtime, no clock, no recursion.
//!
//! | module | what |
//! |---|---|
//! | [`operation`] | the name of an operation |
//! | [`sketch`], [`red`] | latency percentiles that merge exactly; requests, failures, durations |
//! | [`text`], [`span`], [`context`] | spans as numbers, and what the numbers stand for |
//! | [`trace`] | the spans of a trace as a forest, repaired |
//! | [`hops`] | logical calls between nodes |
//! | [`paths`] | critical path, slack, clock skew |
//! | [`errors`] | where failures come from |
//! | [`analysed`] | all of that of one trace |
//! | [`rollup`] | counts per minute |
//! | [`findings`] | detectors and findings |
//! | [`flow`] | all records of one request as one tree |

pub mod analysed;
pub mod context;
pub mod errors;
pub mod findings;
pub mod flow;
pub mod hops;
pub mod operation;
mod path_template;
pub mod paths;
pub mod red;
pub mod rollup;
pub mod sketch;
pub mod span;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trace;

pub use path_template::path_template;
