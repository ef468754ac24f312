//! Traces of which spans may yet come.

use std::{collections::BTreeSet, mem::take};

use super::held::Held;
use crate::{hash::FastMap, span::Span};

/// A trace that waits for the rest of its spans.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) trace_id: u128,
    /// Spans that are not counted.
    pub(super) spans: Vec<Span>,
    /// What is counted of it.
    pub(super) counted: Option<Box<Held>>,
    /// Whether detectors have seen it.
    pub(super) was_shown: bool,
    /// When a span of it came last, nanoseconds.
    pub(super) last: i64,
    size: usize,
}

impl Open {
    pub(super) fn new(trace_id: u128, spans: Vec<Span>, counted: Option<Box<Held>>, last: i64) -> Self {
        let size = OVERHEAD
            + spans.iter().map(Span::size).sum::<usize>()
            + counted.as_ref().map_or(0, |counted| counted.size());
        let was_shown = counted.is_some();
        Self { trace_id, spans, counted, was_shown, last, size }
    }

    /// Takes out all spans, counted or not. What is counted stays there.
    pub(super) fn take_spans(&mut self) -> Vec<Span> {
        let mut spans = take(&mut self.spans);
        spans.extend(self.counted.iter().flat_map(|counted| counted.spans()).cloned());
        spans
    }

    /// All spans, counted or not.
    pub(super) fn all_spans(&self) -> impl Iterator<Item = &Span> {
        self.counted.iter().flat_map(|counted| counted.spans()).chain(&self.spans)
    }
}

/// Bytes of an open trace beside its spans.
const OVERHEAD: usize = size_of::<Open>() + 64;

/// Traces by their id, and by when a span came last.
#[derive(Debug, Default)]
pub(super) struct OpenTraces {
    traces: FastMap<u128, Open>,
    by_last: BTreeSet<(i64, u128)>,
    size: usize,
}

impl OpenTraces {
    /// Adds a span to its trace, if that is open. Gives it back if not.
    pub(super) fn push(&mut self, span: Span, now: i64) -> Option<Span> {
        let Some(open) = self.traces.get_mut(&span.trace_id) else { return Some(span) };
        let size = span.size();
        open.size += size;
        self.size += size;
        if now > open.last {
            self.by_last.remove(&(open.last, open.trace_id));
            self.by_last.insert((now, open.trace_id));
            open.last = now;
        }
        open.spans.push(span);
        None
    }

    pub(super) fn insert(&mut self, open: Open) {
        self.size += open.size;
        self.by_last.insert((open.last, open.trace_id));
        self.traces.insert(open.trace_id, open);
    }

    /// Takes out the traces of which no span came after `limit`, up to the first with which they have `spans` spans.
    pub(super) fn take_until(&mut self, limit: i64, spans: usize) -> Vec<Open> {
        let (mut taken, mut left) = (Vec::new(), spans);
        while left > 0
            && let Some((last, _)) = self.by_last.first()
            && *last <= limit
        {
            let Some(open) = self.take_oldest() else { break };
            left = left.saturating_sub(open.spans.len());
            taken.push(open);
        }
        taken
    }

    /// Takes out the trace that has had no span for longest.
    pub(super) fn take_oldest(&mut self) -> Option<Open> {
        let (_, trace_id) = self.by_last.pop_first()?;
        let open = self.traces.remove(&trace_id)?;
        self.size -= open.size;
        Some(open)
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    /// Bytes of memory held.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}
