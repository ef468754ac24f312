//! Spans that published messages, for traces that handle those and are traces of their own.

use std::collections::VecDeque;

use crate::{
    analysed::Analysis,
    context::Context,
    hash::FastMap,
    hops::Published,
    span::{Link, Span},
    trace::Role,
};

/// How many spans are known, the newest.
const MAX_SPANS: usize = 1 << 17;
/// How many traces may wait for one span: the consumer groups of a topic.
const MAX_TRACES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct PublishedSpans {
    spans: FastMap<Link, Published>,
    /// In the order in which they came.
    order: VecDeque<Link>,
    /// Traces that handle messages of spans which have not come, by those spans.
    awaited: FastMap<Link, Vec<u128>>,
    /// In the order in which they were counted.
    awaited_order: VecDeque<Link>,
}

impl PublishedSpans {
    /// Takes note of a span if it published, and tells which traces were counted without it. Of several with one id the
    /// first to end stays, in whichever order they come.
    pub(super) fn add(&mut self, span: &Span, context: &Context) -> Vec<u128> {
        if Role::of(span, context.peer(span.peer)) != Role::Publish {
            return Vec::new();
        }
        let service = context.resource(span.resource).service;
        let published = Published { end: span.end, service: context.service_node(service) };
        let link = Link { trace_id: span.trace_id, span_id: span.span_id };
        if let Some(known) = self.spans.get_mut(&link) {
            *known = published.min(*known);
            return Vec::new();
        }
        if self.order.len() >= MAX_SPANS
            && let Some(oldest) = self.order.pop_front()
        {
            self.spans.remove(&oldest);
        }
        self.spans.insert(link, published);
        self.order.push_back(link);
        self.awaited.remove(&link).unwrap_or_default()
    }

    /// Says of deliveries who published their messages in other traces. What the trace itself lacks is not there.
    pub(super) fn complete(&self, analysis: &mut Analysis) {
        let own = analysis.trace.id;
        analysis.hops.complete(|link| self.spans.get(&link).filter(|_| link.trace_id != own).copied());
    }

    /// Remembers what is still missing of a trace that is counted.
    pub(super) fn wait_for(&mut self, analysis: &Analysis) {
        let own = analysis.trace.id;
        for (_, link) in analysis.hops.links.iter().filter(|(_, link)| link.trace_id != own) {
            if self.awaited_order.len() >= MAX_SPANS
                && let Some(oldest) = self.awaited_order.pop_front()
            {
                self.awaited.remove(&oldest);
            }
            let traces = self.awaited.entry(*link).or_default();
            if !traces.contains(&own) && traces.len() < MAX_TRACES {
                traces.push(own);
                self.awaited_order.push_back(*link);
            }
        }
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        let known = self.spans.capacity() * (size_of::<(Link, Published)>() + 1);
        let awaited = self.awaited.capacity() * (size_of::<(Link, Vec<u128>)>() + 1);
        let traces = self.awaited_order.len() * 4 * size_of::<u128>();
        known + awaited + traces + (self.order.capacity() + self.awaited_order.capacity()) * size_of::<Link>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{span::Kind, testing::Fixture};

    #[test]
    fn only_what_publishes_is_known_and_of_that_the_newest() {
        let mut fixture = Fixture::default();
        fixture.span((1, 0), Kind::Server, "shop", (0, 100));
        fixture.span((2, 1), Kind::Producer, "shop", (10, 30));
        let mut published = PublishedSpans::default();
        published.add(&fixture.spans[0], &fixture.context);
        assert!(published.spans.is_empty());
        let mut span = fixture.spans[1].clone();
        for trace_id in 0..MAX_SPANS as u128 + 3 {
            span.trace_id = trace_id;
            published.add(&span, &fixture.context);
        }
        let is_known = |trace_id: u128| published.spans.contains_key(&Link { trace_id, span_id: 2 });
        assert_eq!([2, 3, MAX_SPANS as u128 + 2].map(is_known), [false, true, true]);
        assert_eq!((published.spans.len(), published.order.len()), (MAX_SPANS, MAX_SPANS));
        assert!(published.size() < 32 << 20);
    }

    #[test]
    fn of_spans_with_one_id_the_first_to_end_is_known() {
        let mut fixture = Fixture::default();
        for end in [30, 20, 40] {
            fixture.span((2, 1), Kind::Producer, "shop", (10, end));
        }
        let link = Link { trace_id: 1, span_id: 2 };
        for _ in 0..3 {
            fixture.spans.rotate_left(1);
            let mut published = PublishedSpans::default();
            for span in &fixture.spans {
                assert!(published.add(span, &fixture.context).is_empty());
            }
            assert_eq!((published.spans[&link].end, published.order.len()), (20_000_000, 1));
        }
    }
}
