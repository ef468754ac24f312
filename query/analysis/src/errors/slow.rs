//! Who was slow when a caller did not wait any longer.

use spandrel_proto::model::Outcome;

use super::Origin;
use crate::{context::Context, hash::FastMap, hops::Hops, paths::Paths, text::Text, trace::Trace};

/// Looks for slow spans below callees. The work is bounded: timeouts that nest would each look at all below them.
pub(super) struct SlowSearch<'a> {
    trace: &'a Trace,
    hops: &'a Hops,
    paths: &'a Paths,
    context: &'a Context,
    /// Per client span, its hop. Filled when first needed.
    hop_of_client: Option<FastMap<u32, u32>>,
    /// Spans that may yet be looked at.
    budget: usize,
    pub(super) not_searched: u32,
}

/// Spans looked at for each span of the trace, before the search is given up.
const SEARCHES: usize = 8;

impl<'a> SlowSearch<'a> {
    pub(super) fn new(trace: &'a Trace, hops: &'a Hops, paths: &'a Paths, context: &'a Context) -> Self {
        let budget = trace.len() * SEARCHES;
        Self { trace, hops, paths, context, hop_of_client: None, budget, not_searched: 0 }
    }

    /// The span that owns most of the time up to `until` in which the caller of `server` waited; `cause` is what the caller
    /// says.
    pub(super) fn origin(&mut self, server: u32, until: i64, cause: Text) -> Origin {
        let slowest = self.slowest(server, until);
        let mut hops = 1;
        let mut span = slowest;
        while span != server {
            hops += u32::from(self.trace.is_serving(span as usize));
            let Some(parent) = self.trace.parent(span as usize) else { break };
            self.budget = self.budget.saturating_sub(1);
            span = parent as u32;
        }
        let outcome = Outcome::Timeout;
        if let Some(hop) = self.hop_of_client(slowest) {
            // The caller was waiting, and not for any span of the callee.
            let hop = &self.hops.hops[hop as usize];
            let (node, operation) = (hop.callee, hop.operation);
            return Origin { node, operation, span: None, outcome, cause, is_slow: true, hops: hops + 1 };
        }
        let found = &self.trace.spans[slowest as usize];
        Origin {
            node: self.context.service_node(self.context.resource(found.resource).service),
            operation: self.trace.spans[self.trace.serving(slowest as usize)].operation,
            span: Some(slowest),
            outcome,
            cause,
            is_slow: true,
            hops,
        }
    }

    /// The first of the spans that own most; `server` itself if it began too late.
    fn slowest(&mut self, server: u32, until: i64) -> u32 {
        if self.budget == 0 {
            self.not_searched += 1;
            return server;
        }
        let (start, end) = self.paths.adjusted[server as usize];
        if until <= start {
            return server;
        }
        let (owned, looked_at) = self.paths.owned_below(self.trace, server as usize, (start, end.min(until)));
        self.budget = self.budget.saturating_sub(looked_at);
        let most = owned.iter().max_by_key(|(span, nanos)| (*nanos, std::cmp::Reverse(*span)));
        most.map_or(server, |(span, _)| *span)
    }

    fn hop_of_client(&mut self, span: u32) -> Option<u32> {
        let hops = self.hops;
        let by_client = self.hop_of_client.get_or_insert_with(|| {
            let mut by_client = FastMap::default();
            for (index, hop) in (0..).zip(&hops.hops) {
                let clients = hops.attempts(hop).iter().filter_map(|attempt| attempt.client);
                by_client.extend(clients.chain(hop.client).chain(hop.wire).map(|client| (client, index)));
            }
            by_client
        });
        by_client.get(&span).copied()
    }
}
