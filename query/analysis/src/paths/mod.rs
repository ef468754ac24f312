//! What the time of a request was spent on: the critical path, as an exact partition of its duration.

mod critical_path;
mod flame;
mod slack;
#[cfg(test)]
mod tests;
mod timeline;
mod waiting;
#[cfg(test)]
mod waiting_tests;

use std::ops::Range;

pub use flame::Frame;
pub use slack::{drag, slack};

use self::{critical_path::Partition, timeline::Timeline};
use crate::{
    context::Context,
    hash::FastMap,
    hops::Hops,
    skew::Skew,
    span::{ResourceId, ServiceId},
    text::Text,
    trace::Trace,
};

/// A stretch of time that an entry waited for one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Index of the span in the trace.
    pub span: u32,
    /// By the clock of the root's host.
    pub start: i64,
    pub end: i64,
}

/// How a caller waited for a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It did not wait: a message, or work that went on after the caller's answer.
    Async,
    /// It waited, while something else took longer. Entries too: who waits for them is not part of the trace.
    Sync,
    /// It waited, and most of that time is on the caller's critical path.
    Blocking,
}

/// The critical paths of a trace, one below each root.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// In order of time within each root, roots in order of start.
    pub segments: Vec<Segment>,
    /// Per span, nanoseconds of its root's duration that are its own.
    pub exclusive: Vec<i64>,
    /// Per span, nanoseconds in which none of its children ran, on the critical path or not.
    pub self_time: Vec<i64>,
    /// Per span, its start and end by the clock of its root's host.
    pub adjusted: Vec<(i64, i64)>,
    /// Per hop of [`crate::hops::Hops`].
    pub waiting: Vec<Waiting>,
    /// Per span, whether its parent may have waited for it.
    blocks: Vec<bool>,
    /// The roots in order, and where in `segments` theirs are.
    roots: Vec<(u32, Range<u32>)>,
}

/// How much time a service and operation own of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub service: ServiceId,
    pub operation: Text,
    pub exclusive_ns: i64,
}

impl Paths {
    /// The critical paths of `trace`. `skew` says how far the clocks of its hosts are apart.
    pub fn build(trace: &Trace, hops: &Hops, context: &Context, skew: &Skew) -> Paths {
        let adjusted = adjusted(trace, context, skew);
        let blocks = timeline::blocks(trace, context, &adjusted);
        let timeline = Timeline { trace, adjusted: &adjusted, blocks: &blocks };
        let Partition { segments, exclusive, roots } = critical_path::partition(timeline, 0);
        let self_time = timeline.self_times();
        let waiting = waiting::of_hops(timeline, hops, context, skew);
        Paths { segments, exclusive, self_time, adjusted, waiting, blocks, roots }
    }

    /// The critical path of the request that begins with `root`.
    pub fn segments_of(&self, root: usize) -> &[Segment] {
        match self.roots.binary_search_by_key(&root, |(root, _)| *root as usize) {
            Ok(found) => {
                let Range { start, end } = self.roots[found].1;
                &self.segments[start as usize..end as usize]
            }
            Err(_) => &[],
        }
    }

    /// The time of the request that begins with `root`, by the services and operations of the spans that own it, in their
    /// order. A client span owns the time in which no span of its callee ran.
    pub fn shares(&self, trace: &Trace, context: &Context, root: usize) -> Vec<Share> {
        let mut owned: FastMap<(ServiceId, Text), i64> = FastMap::default();
        for segment in self.segments_of(root) {
            let span = &trace.spans[segment.span as usize];
            let key = (context.resource(span.resource).service, span.operation);
            *owned.entry(key).or_default() += segment.end - segment.start;
        }
        let mut shares: Vec<Share> = owned
            .into_iter()
            .map(|((service, operation), exclusive_ns)| Share { service, operation, exclusive_ns })
            .collect();
        shares.sort_unstable_by_key(|share| (share.service, share.operation));
        shares
    }

    /// What `top` and the spans below it own of a stretch of time, in no order, and how many spans were looked at.
    pub(crate) fn owned_below(&self, trace: &Trace, top: usize, window: (i64, i64)) -> (FastMap<u32, i64>, usize) {
        let mut segments = Vec::new();
        let looked_at = critical_path::descend(self.timeline(trace), top, window, 0, &mut segments);
        let mut owned: FastMap<u32, i64> = FastMap::default();
        for segment in segments {
            *owned.entry(segment.span).or_default() += segment.end - segment.start;
        }
        (owned, looked_at)
    }

    fn timeline<'a>(&'a self, trace: &'a Trace) -> Timeline<'a> {
        Timeline { trace, adjusted: &self.adjusted, blocks: &self.blocks }
    }
}

/// Start and end of each span by the clock of its root's host. Durations stay what they are.
fn adjusted(trace: &Trace, context: &Context, skew: &Skew) -> Vec<(i64, i64)> {
    let mut adjusted: Vec<(i64, i64)> = trace.spans.iter().map(|span| (span.start, span.end)).collect();
    if skew.is_empty() {
        return adjusted;
    }
    let host = |resource: ResourceId| context.resource(resource).host;
    let mut roots = vec![0; trace.len()];
    let mut clocks = skew.at(0);
    for span in trace.order() {
        roots[span] = trace.parent(span).map_or(span, |parent| roots[parent]);
        let (found, root) = (&trace.spans[span], &trace.spans[roots[span]]);
        if found.resource != root.resource {
            if !clocks.hold_at(found.start) {
                clocks = skew.at(found.start);
            }
            let ahead = clocks.between(host(root.resource), host(found.resource)).ahead;
            adjusted[span] = (found.start.saturating_sub(ahead), found.end.saturating_sub(ahead));
        }
    }
    adjusted
}
