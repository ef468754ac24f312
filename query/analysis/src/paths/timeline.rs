//! Spans by one clock, and which of them their parents wait for.

use std::cmp::Reverse;

use crate::{
    context::Context,
    skew::CLOCK_TOLERANCE,
    span::Kind,
    trace::{Role, Trace},
};

/// The spans of a trace by the clocks of their roots' hosts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline<'a> {
    pub(super) trace: &'a Trace,
    /// Per span, start and end.
    pub(super) adjusted: &'a [(i64, i64)],
    /// Per span, whether its parent may have waited for it.
    pub(super) blocks: &'a [bool],
}

/// A stretch of a span's time in which it waited for a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) child: u32,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Most spans have fewer children.
pub(super) const MANY_CHILDREN: usize = 8;

/// The longest overlap of two steps that passes for none, nanoseconds.
const MAX_OVERLAP: i64 = 1_000_000;

impl Timeline<'_> {
    /// What `parent` waited for between `start` and `end`, the last first: from the end backwards, always the child that
    /// ended last. The rest of the time is the parent's own. Children that overlap by less than `overlap_percent` of
    /// the time pass for consecutive.
    pub(super) fn steps(self, parent: usize, (start, end): (i64, i64), overlap_percent: i64, steps: &mut Vec<Step>) {
        steps.clear();
        for child in self.trace.children(parent).filter(|child| self.blocks[*child]) {
            let (child_start, child_end) = self.adjusted[child];
            let step = Step { child: child as u32, start: child_start.max(start), end: child_end.min(end) };
            if step.start < step.end {
                steps.push(step);
            }
        }
        let span_id = |step: &Step| self.trace.spans[step.child as usize].span_id;
        steps.sort_unstable_by_key(|step| (Reverse(step.end), step.start, span_id(step)));
        let tolerated = ((end - start) / 100).saturating_mul(overlap_percent).min(MAX_OVERLAP);
        let mut reached = end;
        steps.retain_mut(|step| {
            let overlap = step.end - reached;
            if overlap > 0 && (overlap >= tolerated || step.start >= reached || reached == end) {
                return false;
            }
            step.end = step.end.min(reached);
            reached = step.start;
            true
        });
    }

    /// Per span, nanoseconds in which none of its children ran.
    pub(super) fn self_times(self) -> Vec<i64> {
        let mut children = Vec::with_capacity(MANY_CHILDREN);
        (0..self.trace.len())
            .map(|span| {
                children.clear();
                children.extend(self.trace.children(span).map(|child| self.adjusted[child]));
                children.sort_unstable();
                let (start, end) = self.adjusted[span];
                end - start - covered(&children, start, end)
            })
            .collect()
    }
}

/// Nanoseconds between `start` and `end` that at least one of `intervals` covers. They are in order of start.
fn covered(intervals: &[(i64, i64)], start: i64, end: i64) -> i64 {
    let mut covered = 0;
    let mut reached = start;
    for (from, to) in intervals {
        let (from, to) = ((*from).max(reached), (*to).min(end));
        if from < to {
            covered += to - from;
            reached = to;
        }
    }
    covered
}

/// Per span, whether its parent may have waited for it. It did not wait for messages, nor for what went on in its own
/// process after it had ended.
pub(super) fn blocks(trace: &Trace, context: &Context, adjusted: &[(i64, i64)]) -> Vec<bool> {
    let process = |span: usize| {
        let resource = context.resource(trace.spans[span].resource);
        (resource.service, resource.instance)
    };
    let blocks = |child: usize| {
        let Some(parent) = trace.parent(child) else { return false };
        let span = &trace.spans[child];
        let is_message = matches!(span.kind, Kind::Producer | Kind::Consumer) || trace.role(child) == Role::Handle;
        let overruns = adjusted[child].1 > adjusted[parent].1.saturating_add(CLOCK_TOLERANCE);
        let is_detached = overruns && span.kind != Kind::Server && process(child) == process(parent);
        !is_message && !is_detached
    };
    (0..trace.len()).map(blocks).collect()
}
