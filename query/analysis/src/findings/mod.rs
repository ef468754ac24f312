//! What is wrong with the shape of a system: detectors that look at every trace, and what they conclude per minute.
//!
//! A detector keeps what it needs per minute, and at the end of each minute says which of its conditions hold, with
//! their evidence. [`track`] makes findings of that: one over time, not one a minute.

mod candidate;
mod kind;
pub mod load;
pub mod shape;
pub(crate) mod shared;
pub mod track;

pub use candidate::{Candidate, DEGRADED, Evidence, FAILURE, Harm, Method, Subject, Value, magnitude};
pub use kind::{FindingKind, Severity};

use arrow::record_batch::RecordBatch;

use self::shared::Demand;
use crate::{analysed::Analysed, context::Context, rollup::Minutes};

/// How many minutes are kept at most, for what a minute is compared with.
pub const KEPT_MINUTES: i64 = 60;
/// How many are kept even if they do not fit in memory.
pub const LEAST_MINUTES: i64 = 6;

/// All detectors.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    load::detectors().into_iter().chain(shape::detectors()).collect()
}

/// What all detectors share when they evaluate.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    pub context: &'a Context,
    /// The minutes up to the one that has just ended, and as many before it as are kept.
    pub minutes: &'a Minutes,
    /// Requests in those minutes.
    pub(crate) demand: &'a Demand,
    /// First nanosecond of the minute that has just ended.
    pub minute: i64,
}

/// Finds one kind of finding, or a few that share what they look at.
pub trait Detector: std::fmt::Debug + Send {
    /// Looks at a trace. Each trace comes once, in no order.
    fn observe(&mut self, analysed: &Analysed<'_>);

    /// Looks at rows of `breakers`. Each row comes once, in no order.
    fn observe_breakers(&mut self, _batch: &RecordBatch, _context: &mut Context) {}

    /// What holds at the end of a minute, looking back as far as the detector's own horizon.
    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate>;

    /// How many minutes it looks back, with the one that has just ended; [`KEPT_MINUTES`] if as many as there are.
    fn horizon(&self) -> i64;

    /// Forgets what was kept of the minutes before `minute`.
    fn forget_before(&mut self, minute: i64);

    /// Bytes of memory held, roughly. Must have a bound.
    fn size(&self) -> usize;
}
