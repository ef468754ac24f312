//! Requests, failures and durations, as they are shown.

use crate::{
    rollup::{Calls, nanoseconds},
    sketch::Sketch,
    span::WEIGHT_ONE,
    statistics::wilson,
};

/// Percentiles in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
    /// How many durations they are of.
    pub samples: u64,
}

impl Latency {
    /// `None` without durations.
    pub fn of(sketch: &Sketch) -> Option<Latency> {
        Some(Latency {
            p50: sketch.quantile(0.5)?,
            p95: sketch.quantile(0.95)?,
            p99: sketch.quantile(0.99)?,
            samples: sketch.count(),
        })
    }
}

/// Calls of one view.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// Spans or records counted, each as one.
    pub records: u64,
    /// Weights of calls, of those that failed, and by outcome in the order of [`crate::rollup::OUTCOMES`].
    pub requests: f64,
    pub failures: f64,
    pub by_outcome: [f64; 8],
    /// Share of calls that failed, and the range that it lies in with 95 %.
    pub error_rate: f64,
    pub error_interval: (f64, f64),
    pub duration_sum_ns: i64,
    /// How many calls were in progress on average.
    pub concurrency: f64,
    /// Of calls that ended `ok`, and of those that failed.
    pub latency: Option<Latency>,
    pub failure_latency: Option<Latency>,
}

impl Default for Measures {
    fn default() -> Self {
        Measures::of(&Calls::default(), 0)
    }
}

impl Measures {
    /// The calls of a stretch of `length` nanoseconds.
    pub fn of(calls: &Calls, length: i64) -> Measures {
        let (requests, failures) = (weight(calls.weight()), weight(calls.failed()));
        let error_rate = if requests > 0.0 { failures / requests } else { 0.0 };
        let effective = calls.effective();
        let busy = nanoseconds(calls.busy);
        Measures {
            records: calls.records,
            requests,
            failures,
            by_outcome: calls.by_outcome.map(weight),
            error_rate,
            error_interval: wilson(error_rate * effective, effective),
            duration_sum_ns: nanoseconds(calls.duration),
            concurrency: if length > 0 { busy as f64 / length as f64 } else { 0.0 },
            latency: Latency::of(&calls.latency),
            failure_latency: Latency::of(&calls.failure_latency),
        }
    }
}

/// A fixed-point weight as a number of calls.
pub(super) fn weight(fixed: u64) -> f64 {
    fixed as f64 / WEIGHT_ONE as f64
}
