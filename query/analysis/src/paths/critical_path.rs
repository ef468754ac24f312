//! The partition of a request's duration among its spans.

use std::ops::Range;

use super::{
    Segment,
    timeline::{MANY_CHILDREN, Timeline},
};

/// Every nanosecond of every root, and whose it is.
#[derive(Debug, Default)]
pub(super) struct Partition {
    pub(super) segments: Vec<Segment>,
    /// Nanoseconds per span.
    pub(super) exclusive: Vec<i64>,
    /// The roots in order, and where in `segments` theirs are.
    pub(super) roots: Vec<(u32, Range<u32>)>,
}

/// Gives each nanosecond of each root to one span: to the child that was waited for, and there to its child in turn.
/// Linear but for sorting siblings; no recursion.
pub(super) fn partition(timeline: Timeline<'_>, overlap_percent: i64) -> Partition {
    let spans = timeline.trace.len();
    let mut partition =
        Partition { segments: Vec::with_capacity(2 * spans), exclusive: vec![0; spans], roots: Vec::new() };
    for root in timeline.trace.roots() {
        let first = partition.segments.len();
        descend(timeline, root, timeline.adjusted[root], overlap_percent, &mut partition.segments);
        let segments = &mut partition.segments[first..];
        segments.sort_unstable_by_key(|segment| segment.start);
        let mut owned = 0;
        for segment in segments {
            partition.exclusive[segment.span as usize] += segment.end - segment.start;
            owned += segment.end - segment.start;
        }
        debug_assert_eq!(owned, timeline.trace.spans[root].duration(), "the time of a root is given away exactly");
        partition.roots.push((root as u32, first as u32..partition.segments.len() as u32));
    }
    partition
}

/// Adds what `top` and the spans below it own of a stretch of time, in no order. Returns how many spans it looked at.
pub(super) fn descend(
    timeline: Timeline<'_>,
    top: usize,
    window: (i64, i64),
    overlap_percent: i64,
    segments: &mut Vec<Segment>,
) -> usize {
    let mut add = |span: u32, start: i64, end: i64| {
        if start < end {
            segments.push(Segment { span, start, end });
        }
    };
    let mut looked_at = 1;
    let mut steps = Vec::with_capacity(MANY_CHILDREN);
    let mut stack = Vec::with_capacity(MANY_CHILDREN);
    stack.push((top as u32, window));
    while let Some((span, (start, end))) = stack.pop() {
        timeline.steps(span as usize, (start, end), overlap_percent, &mut steps);
        looked_at += timeline.trace.children(span as usize).len();
        let mut reached = end;
        for step in &steps {
            add(span, step.end, reached);
            // Most spans have no children.
            if timeline.trace.children(step.child as usize).len() == 0 {
                add(step.child, step.start, step.end);
            } else {
                stack.push((step.child, (step.start, step.end)));
            }
            reached = step.start;
        }
        add(span, start, reached);
    }
    looked_at
}
