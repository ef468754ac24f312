//! How callers waited for their hops.

use spandrel_proto::model::Outcome;

use super::{
    Waiting,
    timeline::{MANY_CHILDREN, Timeline},
};
use crate::{
    context::Context,
    hops::{Hop, HopKind, Hops},
    skew::{CLOCK_TOLERANCE, Skew},
    text::Text,
};

/// What is needed to judge a hop.
struct Judge<'a> {
    timeline: Timeline<'a>,
    hops: &'a Hops,
    context: &'a Context,
    skew: &'a Skew,
    /// Per span, nanoseconds that it is on the critical path of whoever called it.
    waited: Vec<i64>,
}

/// Per hop, how its caller waited for it.
pub(super) fn of_hops(timeline: Timeline<'_>, hops: &Hops, context: &Context, skew: &Skew) -> Vec<Waiting> {
    let judge = Judge { timeline, hops, context, skew, waited: waited(timeline) };
    hops.hops.iter().map(|hop| judge.waiting(hop)).collect()
}

/// Per span, nanoseconds that the nearest serving span above it waited for it. Serving spans are looked at each by
/// itself, so that a call that a caller waited for counts even if nobody waited for that caller.
fn waited(timeline: Timeline<'_>) -> Vec<i64> {
    let mut waited = vec![0; timeline.trace.len()];
    let (mut stack, mut steps) = (Vec::new(), Vec::with_capacity(MANY_CHILDREN));
    for top in (0..timeline.trace.len()).filter(|span| timeline.trace.is_serving(*span)) {
        stack.push((top, timeline.adjusted[top]));
        while let Some((span, window)) = stack.pop() {
            timeline.steps(span, window, 0, &mut steps);
            for step in &steps {
                let child = step.child as usize;
                waited[child] = step.end - step.start;
                if !timeline.trace.is_serving(child) && timeline.trace.children(child).len() > 0 {
                    stack.push((child, (step.start, step.end)));
                }
            }
        }
    }
    waited
}

impl Judge<'_> {
    fn waiting(&self, hop: &Hop) -> Waiting {
        match hop.kind {
            HopKind::Publish | HopKind::Deliver => return Waiting::Async,
            HopKind::Entry => return Waiting::Sync,
            HopKind::Request | HopKind::Database | HopKind::Cache | HopKind::External => {}
        }
        if !self.callee_fits(hop) || !self.caller_stays(hop) {
            return Waiting::Async;
        }
        let (waited, duration) = self.waited_for(hop);
        if waited > 0 && waited >= duration - waited { Waiting::Blocking } else { Waiting::Sync }
    }

    /// Whether a callee worked only while the caller's side was there, or the caller gave up.
    fn callee_fits(&self, hop: &Hop) -> bool {
        let servers = self.hops.servers(hop);
        let gave_up = hop.outcome.is_failure() || hop.outcome == Outcome::Cancelled;
        let Some(client) = hop.client.map(|client| client as usize) else { return true };
        if servers.is_empty() || gave_up {
            return true;
        }
        let (start, end) = self.window(hop, client);
        servers.iter().any(|server| {
            let server = *server as usize;
            let tolerance = self.tolerance(client, server);
            let (served_from, served_to) = self.timeline.adjusted[server];
            // Whatever the clocks: what took longer went on after its answer.
            let doubt = CLOCK_TOLERANCE + 2 * self.coarseness(client, server);
            let is_longer = served_to - served_from > (end - start).saturating_add(doubt);
            !is_longer && served_from >= start.saturating_sub(tolerance) && served_to <= end.saturating_add(tolerance)
        })
    }

    /// Whether the caller's serving span lasted at least as long as the hop.
    fn caller_stays(&self, hop: &Hop) -> bool {
        let Some(caller) = hop.parent.map(|parent| parent as usize) else { return true };
        let Some(side) = hop.client.or_else(|| self.hops.servers(hop).first().copied()) else { return true };
        let (_, end) = self.window(hop, side as usize);
        self.timeline.adjusted[caller].1.saturating_add(self.tolerance(caller, side as usize)) >= end
    }

    /// Nanoseconds that the caller waited for the hop, and those that it lasted: of its attempts, or of its one span on
    /// the caller's side.
    fn waited_for(&self, hop: &Hop) -> (i64, i64) {
        let own = |span: u32| (self.waited[span as usize], self.timeline.trace.spans[span as usize].duration());
        let attempts = self.hops.attempts(hop);
        let is_around = hop.client.is_some_and(|client| {
            let span = &self.timeline.trace.spans[client as usize];
            (span.start, span.end) == (hop.start, hop.end)
        });
        if is_around || attempts.is_empty() {
            return hop.client.or_else(|| self.hops.servers(hop).first().copied()).map_or((0, 0), own);
        }
        let sides = attempts.iter().filter_map(|attempt| attempt.client.or(attempt.server));
        sides.map(own).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Start and end of the hop by the clock of its root's host; `side` is a span of the host that they were taken from.
    fn window(&self, hop: &Hop, side: usize) -> (i64, i64) {
        let shift = self.timeline.adjusted[side].0.saturating_sub(self.timeline.trace.spans[side].start);
        (hop.start.saturating_add(shift), hop.end.saturating_add(shift))
    }

    /// Nanoseconds that times of two spans may differ by although they are the same.
    fn tolerance(&self, one: usize, other: usize) -> i64 {
        let offset = self.skew.between(self.host(one), self.host(other), self.timeline.trace.spans[one].start);
        offset.tolerance() + self.coarseness(one, other)
    }

    /// Nanoseconds that two clocks may show different times for the same moment since they count milliseconds. One clock
    /// keeps its times in order.
    fn coarseness(&self, one: usize, other: usize) -> i64 {
        let coarseness = |span: usize| self.timeline.trace.spans[span].coarseness();
        let is_one_clock = self.host(one).is_none() || self.host(one) == self.host(other);
        if is_one_clock { 0 } else { coarseness(one).max(coarseness(other)) }
    }

    fn host(&self, span: usize) -> Text {
        self.context.resource(self.timeline.trace.spans[span].resource).host
    }
}
