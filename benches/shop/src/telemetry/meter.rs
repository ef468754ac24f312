//! What a process has measured since it started, or since the last export.

use std::collections::BTreeMap;

use super::exponential::Exponential;
use crate::{
    engine::{BreakerChange, Called, EdgeKind, Handled, Node, Records},
    outcome::{Fault, Outcome},
    topology::OperationId,
};

/// Upper bounds of the duration buckets in seconds, as the semantic conventions advise.
pub(super) const BOUNDS_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The meters of every process, by the process's index.
#[derive(Debug)]
pub(super) struct Meters(Vec<Meter>);

/// The meters of one process.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    /// Since the start, by operation and fault.
    pub(super) durations: BTreeMap<(OperationId, Option<Fault>), Durations>,
    /// Since the start, by operation and outcome.
    pub(super) handled: BTreeMap<(OperationId, Outcome), u64>,
    /// Since the last export, in seconds.
    pub(super) calls: BTreeMap<(EdgeKind, Node), Exponential>,
    /// What the breakers before other nodes did last, except turning calls away.
    pub(super) breakers: BTreeMap<Node, BreakerChange>,
    /// Time spent on requests since the last export, nanoseconds.
    pub(super) busy: i64,
    /// When the last export was.
    pub(super) exported: i64,
}

/// A histogram of durations in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    pub(super) count: u64,
    pub(super) sum: i64,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) buckets: [u64; BOUNDS_SECONDS.len() + 1],
}

impl Meters {
    pub(super) fn new(processes: usize, start: i64) -> Self {
        Self(vec![Meter { exported: start, ..Meter::default() }; processes])
    }

    pub(super) fn observe(&mut self, records: &Records) {
        for handled in &records.handled {
            self.0[handled.instance.index()].handled(handled);
        }
        for called in records.called.iter().filter(|called| called.kind != EdgeKind::Async) {
            self.0[called.instance.index()].called(called);
        }
        for event in records.breakers.iter().filter(|event| event.change != BreakerChange::Rejected) {
            self.0[event.instance.index()].breakers.insert(event.target, event.change);
        }
    }

    /// Whether the process has ever handled anything.
    pub(super) fn is_used(&self, process: usize) -> bool {
        !self.0[process].handled.is_empty()
    }

    pub(super) fn get_mut(&mut self, process: usize) -> &mut Meter {
        &mut self.0[process]
    }
}

impl Meter {
    fn handled(&mut self, handled: &Handled) {
        let duration = handled.end - handled.start;
        self.busy += duration;
        *self.handled.entry((handled.operation, Outcome::of(handled.fault))).or_default() += 1;
        self.durations.entry((handled.operation, handled.fault)).or_default().record(duration);
    }

    fn called(&mut self, called: &Called) {
        let seconds = (called.end - called.start) as f64 / 1e9;
        self.calls.entry((called.kind, called.target)).or_default().record(seconds);
    }
}

impl Durations {
    fn record(&mut self, nanos: i64) {
        let seconds = nanos as f64 / 1e9;
        self.min = if self.count == 0 { nanos } else { self.min.min(nanos) };
        self.max = self.max.max(nanos);
        self.count += 1;
        self.sum += nanos;
        self.buckets[BOUNDS_SECONDS.partition_point(|&bound| bound < seconds)] += 1;
    }
}
