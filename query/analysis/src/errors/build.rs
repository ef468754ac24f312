//! From failed hops to the origin of each failure.

use std::cmp::Reverse;

use spandrel_proto::model::Outcome;

use super::{Errors, Origin, slow::SlowSearch};
use crate::{
    context::Context,
    hops::{Attempt, Hop, Hops},
    paths::{Paths, Waiting},
    skew::CLOCK_TOLERANCE,
    text::Text,
    trace::Trace,
};

impl Errors {
    /// The failures of `trace`. A span that serves and fails has its failure from the last call that it waited for and that
    /// failed for good; without one, from itself.
    pub fn build(trace: &Trace, hops: &Hops, paths: &Paths, context: &Context) -> Errors {
        let mut errors = Errors { origins: vec![None; trace.len()], ..Errors::default() };
        let mut builder = Builder {
            trace,
            hops,
            paths,
            context,
            failed: failed_by_caller(hops, paths),
            slow: SlowSearch::new(trace, hops, paths, context),
            passed_on: vec![None; trace.len()],
        };
        if builder.failed.is_empty() && !trace.spans.iter().any(|span| span.outcome.is_failure()) {
            return errors;
        }
        for span in trace.order().rev().filter(|span| trace.is_serving(*span)) {
            builder.judge(span, &mut errors);
        }
        errors.absorbed.sort_unstable();
        errors.not_searched = builder.slow.not_searched;
        builder.extend_to_the_highest(&mut errors.origins);
        errors
    }
}

/// Hops that failed for good while their caller waited, by the span in whose name they were called.
fn failed_by_caller(hops: &Hops, paths: &Paths) -> Vec<(u32, u32)> {
    let mut failed: Vec<(u32, u32)> = hops
        .hops
        .iter()
        .zip(&paths.waiting)
        .zip(0..)
        .filter(|((hop, waiting), _)| hop.outcome.is_failure() && **waiting != Waiting::Async)
        .filter_map(|((hop, _), index)| Some((hop.parent?, index)))
        .collect();
    failed.sort_unstable();
    failed
}

struct Builder<'a> {
    trace: &'a Trace,
    hops: &'a Hops,
    paths: &'a Paths,
    context: &'a Context,
    /// [`failed_by_caller`].
    failed: Vec<(u32, u32)>,
    slow: SlowSearch<'a>,
    /// Per span, the span that its failure came from.
    passed_on: Vec<Option<u32>>,
}

impl Builder<'_> {
    /// Finds the origin of `span`, once those of all spans below are found.
    fn judge(&mut self, span: usize, errors: &mut Errors) {
        let from = self.failed.partition_point(|(caller, _)| (*caller as usize) < span);
        let to = self.failed.partition_point(|(caller, _)| *caller as usize <= span);
        let outcome = self.trace.spans[span].outcome;
        if !outcome.is_failure() {
            if outcome == Outcome::Ok {
                errors.absorbed.extend(self.failed[from..to].iter().map(|(_, hop)| *hop));
            }
            return;
        }
        let last = self.failed[from..to].iter().map(|(_, hop)| *hop).max_by_key(|hop| self.lateness(*hop));
        let (origin, passed_on) = match last {
            Some(hop) => self.origin_of_hop(&self.hops.hops[hop as usize], &errors.origins),
            None => (self.origin_at(span), None),
        };
        errors.origins[span] = Some(origin);
        self.passed_on[span] = passed_on;
    }

    /// The greatest is the one after which the caller gave up.
    fn lateness(&self, hop: u32) -> (i64, bool, Reverse<u32>) {
        let is_blocking = self.paths.waiting[hop as usize] == Waiting::Blocking;
        (self.hops.hops[hop as usize].end, is_blocking, Reverse(hop))
    }

    /// The span that `hop` failed with, if there is one, and where that began.
    fn origin_of_hop(&mut self, hop: &Hop, origins: &[Option<Origin>]) -> (Origin, Option<u32>) {
        let attempts = self.hops.attempts(hop);
        let client = attempts.last().and_then(|last| last.client).or(hop.client);
        let until = client.map_or(i64::MAX, |client| self.paths.adjusted[client as usize].1);
        let server = self.last_server(hop, attempts);
        if let Some(server) = server {
            let outlasted = self.paths.adjusted[server as usize].1 > until.saturating_add(CLOCK_TOLERANCE);
            match origins[server as usize] {
                Some(origin) if !(outlasted && hop.outcome == Outcome::Timeout) => {
                    return (Origin { hops: origin.hops + 1, ..origin }, Some(server));
                }
                _ if hop.outcome == Outcome::Timeout => {
                    let cause = self.cause(client);
                    return (self.slow.origin(server, until, cause), None);
                }
                _ => {}
            }
        }
        let origin = Origin {
            node: hop.callee,
            operation: hop.operation,
            span: None,
            outcome: hop.outcome,
            cause: self.cause(client),
            is_slow: false,
            hops: 1,
        };
        (origin, None)
    }

    /// The server side of the last attempt; of several servers of one attempt, the last that failed.
    fn last_server(&self, hop: &Hop, attempts: &[Attempt]) -> Option<u32> {
        if attempts.len() > 1 {
            return attempts.last().and_then(|last| last.server);
        }
        let servers = self.hops.servers(hop);
        let failed = |server: &&u32| self.trace.spans[**server as usize].outcome.is_failure();
        servers.iter().rev().find(failed).or(servers.first()).copied()
    }

    fn cause(&self, client: Option<u32>) -> Text {
        client.map_or(Text::NONE, |client| self.trace.spans[client as usize].cause)
    }

    /// A failure that began with `span`.
    fn origin_at(&self, span: usize) -> Origin {
        let found = &self.trace.spans[span];
        Origin {
            node: self.context.service_node(self.context.resource(found.resource).service),
            operation: found.operation,
            span: Some(span as u32),
            outcome: found.outcome,
            cause: found.cause,
            is_slow: false,
            hops: 0,
        }
    }

    /// Gives each failure the length of the whole way that it went, up to the highest span that failed with it.
    fn extend_to_the_highest(&self, origins: &mut [Option<Origin>]) {
        for span in self.trace.order() {
            let Some(below) = self.passed_on[span] else { continue };
            let hops = origins[span].map(|origin| origin.hops);
            if let (Some(hops), Some(origin)) = (hops, &mut origins[below as usize]) {
                origin.hops = hops;
            }
        }
    }
}
