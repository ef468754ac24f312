//! Spans of traces that are counted and were let go.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    hash::{FastMap, FastSet},
    rollup::hash,
    span::{Kind, Span},
};

/// How many traces are remembered, by a hash of their ids.
const MAX_REMEMBERED: usize = 1 << 20;
/// How many late spans are remembered until their traces are corrected.
const MAX_LATE: usize = 1 << 19;

/// By what a late span is found among all of its trace.
type Mark = (u64, i64, Kind);

fn mark(span: &Span) -> Mark {
    (span.span_id, span.start, span.kind)
}

#[derive(Debug, Default)]
pub(super) struct LateTraces {
    remembered: FastSet<u64>,
    order: VecDeque<u64>,
    late: BTreeMap<u128, Vec<Mark>>,
    spans: usize,
}

impl LateTraces {
    /// Remembers that a trace is counted.
    pub(super) fn remember(&mut self, trace_id: u128) {
        let hash = hash(trace_id);
        if self.remembered.insert(hash) {
            self.order.push_back(hash);
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }

    pub(super) fn is_remembered(&self, trace_id: u128) -> bool {
        self.remembered.contains(&hash(trace_id))
    }

    /// Takes note of a span of a remembered trace, if there is room.
    pub(super) fn add(&mut self, span: &Span) -> bool {
        if self.spans >= MAX_LATE {
            return false;
        }
        self.late.entry(span.trace_id).or_default().push(mark(span));
        self.spans += 1;
        true
    }

    /// The traces that late spans came of, in order.
    pub(super) fn ids(&self) -> Vec<u128> {
        self.late.keys().copied().collect()
    }

    /// Parts all spans of a trace into those that were there before and those that came late. Forgets the latter.
    /// `None` if none came late.
    pub(super) fn part(&mut self, trace_id: u128, spans: Vec<Span>) -> Option<(Vec<Span>, Vec<Span>)> {
        let marks = self.late.remove(&trace_id)?;
        self.spans -= marks.len();
        let mut counts: FastMap<Mark, usize> = FastMap::default();
        for mark in marks {
            *counts.entry(mark).or_default() += 1;
        }
        let is_late = |span: &Span| match counts.get_mut(&mark(span)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        };
        let (late, before) = spans.into_iter().partition(is_late);
        Some((before, late))
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        self.remembered.capacity() * 9
            + self.order.capacity() * 8
            + self.late.len() * 96
            + self.spans * 2 * size_of::<Mark>()
    }
}
