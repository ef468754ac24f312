//! Traces that are counted, kept in case that more of their spans come.

use std::collections::VecDeque;

use crate::{analysed::Analysis, hash::FastMap, hops::Hop, span::Span};

/// What is counted of a trace.
#[derive(Debug)]
pub(super) struct Held {
    /// As it was counted: what is known of peers and clocks changes, so it could not be made again.
    pub(super) analysis: Analysis,
    size: usize,
}

impl Held {
    /// Keeps of an analysis what is needed to take it away again.
    pub(super) fn new(mut analysis: Analysis) -> Self {
        analysis.shrink();
        let hops = analysis.hops.hops.len() * (size_of::<Hop>() + 64);
        let size = size_of::<Self>() + analysis.trace.size() + analysis.trace.len() * 52 + hops;
        Self { analysis, size }
    }

    pub(super) fn spans(&self) -> &[Span] {
        self.analysis.trace.as_came()
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// Traces in the order in which they were counted.
#[derive(Debug, Default)]
pub(super) struct HeldTraces {
    traces: FastMap<u128, Box<Held>>,
    /// Ids, of which some may have been taken out.
    order: VecDeque<u128>,
    size: usize,
}

impl HeldTraces {
    pub(super) fn insert(&mut self, trace_id: u128, held: Box<Held>) {
        self.size += held.size();
        if let Some(before) = self.traces.insert(trace_id, held) {
            self.size -= before.size();
        }
        self.order.push_back(trace_id);
        // Traces that were taken out leave their ids behind.
        if self.order.len() > 2 * self.traces.len() + 1024 {
            let traces = &self.traces;
            self.order.retain(|trace_id| traces.contains_key(trace_id));
        }
    }

    pub(super) fn take(&mut self, trace_id: u128) -> Option<Box<Held>> {
        let held = self.traces.remove(&trace_id)?;
        self.size -= held.size();
        Some(held)
    }

    #[cfg(test)]
    pub(super) fn get(&self, trace_id: u128) -> Option<&Held> {
        self.traces.get(&trace_id).map(|held| &**held)
    }

    /// Lets go of the trace that was counted first, and tells its id.
    pub(super) fn let_go(&mut self) -> Option<u128> {
        while let Some(trace_id) = self.order.pop_front() {
            if self.take(trace_id).is_some() {
                return Some(trace_id);
            }
        }
        None
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        self.size + self.order.len() * size_of::<u128>()
    }
}
