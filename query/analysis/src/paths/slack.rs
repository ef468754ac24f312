//! What would change if a span took longer, or no time at all. Both rest on the order that was seen: that one span
//! followed another does not prove that it had to.

use super::{Paths, timeline::Step};
use crate::trace::Trace;

/// How many nanoseconds later `span` could have ended without delaying its parent; 0 if the parent waited for it. `None`
/// for roots, and for spans that nobody waits for.
pub fn slack(trace: &Trace, paths: &Paths, span: usize) -> Option<i64> {
    let steps = steps_beside(trace, paths, span)?;
    if steps.iter().any(|step| step.child as usize == span) {
        return Some(0);
    }
    let (start, end) = paths.adjusted[span];
    let parent_end = paths.adjusted[trace.parent(span)?].1;
    let end = end.min(parent_end);
    if start >= parent_end {
        return None;
    }
    // The parent was waiting for a sibling when the span ended: had it been on its own, it would have been waiting for
    // the span.
    steps.iter().find(|step| step.start < end && end <= step.end).map(|step| step.end - end)
}

/// How many nanoseconds earlier the request would have ended if `span` had taken no time; 0 if nobody waited for it.
pub fn drag(trace: &Trace, paths: &Paths, span: usize) -> i64 {
    let mut drag = i64::MAX;
    let mut span = span;
    while let Some(parent) = trace.parent(span) {
        let Some(steps) = steps_beside(trace, paths, span) else { return 0 };
        let Some(step) = steps.iter().find(|step| step.child as usize == span) else { return 0 };
        drag = drag.min(gain(trace, paths, parent, step));
        span = parent;
    }
    let (start, end) = paths.adjusted[span];
    drag.min(end - start)
}

/// How much earlier `parent` could have gone on without the child of `step`: up to the end of what ran beside it.
fn gain(trace: &Trace, paths: &Paths, parent: usize, step: &Step) -> i64 {
    let beside = trace.children(parent).filter(|sibling| *sibling != step.child as usize && paths.blocks[*sibling]);
    let others = beside
        .map(|sibling| paths.adjusted[sibling])
        .filter(|(start, end)| *start < step.end && *end > step.start)
        .map(|(_, end)| end);
    let next = others.max().unwrap_or(step.start);
    (step.end - next.max(step.start)).max(0)
}

/// What the parent of `span` waited for in all its time.
fn steps_beside(trace: &Trace, paths: &Paths, span: usize) -> Option<Vec<Step>> {
    let parent = trace.parent(span).filter(|_| paths.blocks[span])?;
    let mut steps = Vec::new();
    paths.timeline(trace).steps(parent, paths.adjusted[parent], 0, &mut steps);
    Some(steps)
}
