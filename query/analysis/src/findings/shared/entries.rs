//! Requests from outside, per minute.

use super::{Additive, PerMinute, Weighted, Window};
use crate::{
    analysed::{Analysed, Entry, minute_of},
    findings::Evaluation,
    span::ServiceId,
    text::Text,
};

/// The most entry operations a minute.
const MAX_KEYS: usize = 8192;

/// An operation that is called from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryKey {
    pub(crate) service: ServiceId,
    pub(crate) operation: Text,
}

impl EntryKey {
    pub(crate) fn of(entry: &Entry) -> EntryKey {
        EntryKey { service: entry.service, operation: entry.operation }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EntryStats {
    pub(crate) requests: Weighted,
    /// Fixed-point weights of those that failed, and of those that ended `ok`.
    pub(crate) failed: u64,
    pub(crate) ok: u64,
    /// Weighted nanoseconds.
    pub(crate) duration: i128,
}

impl Additive for EntryStats {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.ok = self.ok.saturating_add(other.ok);
        self.duration += other.duration;
    }
}

/// Requests from outside by operation.
#[derive(Debug, Clone)]
pub(crate) struct Entries(PerMinute<EntryKey, EntryStats>);

impl Default for Entries {
    fn default() -> Self {
        Self(PerMinute::new(MAX_KEYS))
    }
}

impl Entries {
    pub(crate) fn observe(&mut self, analysed: &Analysed<'_>) {
        for entry in requests(analysed) {
            let span = analysed.span(entry.span);
            let Some(stats) = self.0.at(minute_of(span.start), EntryKey::of(entry)) else { continue };
            stats.requests.count(span.weight);
            if span.outcome.is_failure() {
                stats.failed = stats.failed.saturating_add(span.weight);
            }
            if span.outcome == spandrel_proto::model::Outcome::Ok {
                stats.ok = stats.ok.saturating_add(span.weight);
            }
            stats.duration += i128::from(span.duration()) * i128::from(span.weight);
        }
    }

    /// Requests of one operation in a window.
    pub(crate) fn of(&self, window: Window, key: &EntryKey) -> EntryStats {
        self.0.sum(window, key)
    }

    /// Requests of each operation in a window.
    pub(crate) fn by_operation(&self, window: Window) -> std::collections::BTreeMap<EntryKey, EntryStats> {
        self.0.sums(window)
    }

    /// All requests in a window to the services of an environment, given as the environment of one of them.
    pub(crate) fn total(&self, window: Window, evaluation: &Evaluation<'_>, environment: Text) -> EntryStats {
        let mut total = EntryStats::default();
        for (_, key, stats) in self.0.each(window) {
            if evaluation.context.service(key.service).environment == environment {
                total.add(stats);
            }
        }
        total
    }

    /// Requests of one operation in one minute.
    pub(crate) fn at(&self, minute: i64, key: &EntryKey) -> Option<&EntryStats> {
        self.0.get(minute, key)
    }

    pub(crate) fn forget_before(&mut self, minute: i64) {
        self.0.forget_before(minute);
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }
}

/// The entries of a trace that are requests from outside: not fragments of requests, not messages.
pub(crate) fn requests<'a>(analysed: &'a Analysed<'_>) -> impl Iterator<Item = &'a Entry> {
    analysed.entries.iter().filter(|entry| !entry.is_fragment && !entry.is_message)
}
