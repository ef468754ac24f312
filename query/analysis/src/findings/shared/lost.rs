//! What requests from outside lose by a condition.

use super::{Additive, Weighted};
use crate::{
    analysed::{Analysed, Entry},
    findings::{FAILURE, Harm},
};

/// Calls of one trace of which it is told how long they were waited for: that takes a look at all calls beside each.
pub(crate) const MAX_DRAGS: usize = 64;

/// Nanoseconds that requests lost, times their priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost(i128);

impl Lost {
    /// Counts a request that took `nanos` longer.
    pub(crate) fn slower(&mut self, entry: &Entry, nanos: i64) {
        self.0 += i128::from(nanos) * i128::from(entry.priority);
    }

    /// Counts a request that failed for it, or else took `nanos` longer.
    pub(crate) fn failed_or_slower(&mut self, analysed: &Analysed<'_>, entry: &Entry, nanos: i64) {
        let has_failed = analysed.span(entry.span).outcome.is_failure();
        self.slower(entry, if has_failed { FAILURE } else { nanos });
    }

    /// Counts a request that made calls which took `nanos` of its time: the more calls, the more of them fail.
    pub(crate) fn calls(&mut self, analysed: &Analysed<'_>, entry: &Entry, nanos: i64, one_failed: bool) {
        if one_failed {
            self.failed_or_slower(analysed, entry, nanos);
        } else {
            self.slower(entry, nanos);
        }
    }

    /// What each of `all` requests lost, on average, nanoseconds.
    pub(crate) fn per_request(self, all: &Weighted) -> f64 {
        self.0 as f64 / all.weight.max(1) as f64
    }

    pub(crate) fn harm(self, all: &Weighted) -> Harm {
        Harm::Lost(self.per_request(all))
    }
}

impl Additive for Lost {
    fn add(&mut self, other: &Self) {
        self.0 += other.0;
    }
}
