//! Counts, durations and latency of a group of calls.

use spandrel_proto::model::Outcome;

use crate::sketch::Sketch;

/// The outcomes in the order of their counts.
pub const OUTCOMES: [Outcome; 8] = [
    Outcome::Ok,
    Outcome::ClientFault,
    Outcome::Rejected,
    Outcome::ServerFault,
    Outcome::Timeout,
    Outcome::Cancelled,
    Outcome::Unreachable,
    Outcome::Unknown,
];

/// Calls by outcome. Weights are fixed-point ([`crate::span::WEIGHT_ONE`]), durations are weighted the same way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// Spans or records counted, each as one.
    pub records: u64,
    /// Per outcome, in the order of [`OUTCOMES`].
    pub by_outcome: [u64; 8],
    /// Sum of the squares of the weights, in multiples of 2^-32.
    pub weight_squares: u128,
    pub duration: i128,
    /// Weighted nanoseconds of the bucket in which a call was in progress.
    pub busy: i128,
    /// Of calls that ended `ok`.
    pub latency: Sketch,
    /// Of calls that failed. Kept apart, because fast failures would make an incident look fast.
    pub failure_latency: Sketch,
    /// Of all others.
    pub other_latency: Sketch,
}

impl Calls {
    /// Fixed-point weight of all calls.
    pub fn weight(&self) -> u64 {
        self.by_outcome.iter().fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// Fixed-point weight of the calls that failed.
    pub fn failed(&self) -> u64 {
        OUTCOMES
            .iter()
            .zip(self.by_outcome)
            .filter(|(outcome, _)| outcome.is_failure())
            .fold(0, |sum, (_, weight)| sum.saturating_add(weight))
    }
}
