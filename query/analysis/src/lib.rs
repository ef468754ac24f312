//! What is computed from canonical records, as values and Arrow arrays in, values and Arrow arrays out: no query engine,
//! no I/O, no async runtime, no clock, no recursion.
//!
//! | module | what |
//! |---|---|
//! | [`operation`] | the name of an operation |
//! | [`sketch`], [`red`] | latency percentiles that merge exactly; requests, failures, durations |
//! | [`text`], [`words`], [`span`], [`context`] | spans as numbers, and what the numbers stand for |
//! | [`input`] | spans from Arrow batches |
//! | [`trace`] | the spans of a trace as a forest, repaired |
//! | [`hops`], [`peers`] | logical calls between nodes, and who a call without a server span went to |
//! | [`skew`] | how far the clocks of hosts are apart |
//! | [`paths`] | critical path, slack, who waits for whom |
//! | [`errors`] | where failures come from |
//! | [`analysed`] | all of that of one trace |
//! | [`rollup`] | counts per minute |
//! | [`hash`] | a hash for tables of numbers |
//! | [`graph`], [`statistics`] | the service graph of a range, and how two differ |
//! | [`findings`] | detectors and findings |
//! | [`analyzer`] | spans in any order and at any time in, counts and conditions out |
//! | [`flow`] | all records of one request as a tree |

pub mod analysed;
pub mod analyzer;
pub mod context;
pub mod errors;
pub mod findings;
pub mod flow;
pub mod graph;
pub mod hash;
pub mod hops;
pub mod input;
pub mod operation;
mod path_template;
pub mod paths;
pub mod peers;
pub mod red;
pub mod rollup;
pub mod sketch;
pub mod skew;
pub mod span;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trace;
pub mod words;

pub use path_template::path_template;
