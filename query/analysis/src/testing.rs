//! Traces for tests.

use proptest::prelude::*;
use spandrel_proto::model::Outcome;

use crate::{
    context::Context,
    span::{Kind, Link, MessageStep, Peer, Protocol, Resource, Service, Span, SpanFlags, WEIGHT_ONE},
    text::{Text, Texts},
    trace::Trace,
};

/// Milliseconds in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;

/// Spans of one trace, written down one after the other.
#[derive(Debug, Default)]
pub(crate) struct Fixture {
    pub(crate) context: Context,
    pub(crate) spans: Vec<Span>,
}

impl Fixture {
    /// Adds a span from `start` to `end` milliseconds. A parent of 0 is none. `service` may name an instance after a
    /// slash: `cart/1`; instances are hosts too.
    pub(crate) fn span(
        &mut self,
        (id, parent): (u64, u64),
        kind: Kind,
        service: &str,
        (start, end): (i64, i64),
    ) -> &mut Span {
        let (name, instance) = service.split_once('/').unwrap_or((service, ""));
        let name = self.context.texts.intern(name);
        let instance = self.context.texts.intern(instance);
        let service = self.context.add_service(Service { namespace: Text::NONE, name, environment: Text::NONE });
        let resource = self.context.add_resource(Resource {
            service,
            instance,
            host: instance,
            zone: Text::NONE,
            version: Text::NONE,
            criticality: Text::NONE,
        });
        let operation = self.context.texts.intern("op");
        self.spans.push(Span {
            trace_id: 1,
            span_id: id,
            parent_id: parent,
            start: start * MS,
            end: end * MS,
            weight: WEIGHT_ONE,
            links: None,
            parameter: 0,
            resource,
            operation,
            peer: self.context.add_peer(Peer::default()),
            cause: Text::NONE,
            deadline_ms: 0,
            messages: 0,
            http_status: 0,
            flags: SpanFlags::default(),
            kind,
            outcome: Outcome::Ok,
            resend: 0,
        });
        self.spans.last_mut().expect("a span was pushed above")
    }

    /// Names the operation of the last span.
    pub(crate) fn named(&mut self, operation: &str) -> &mut Span {
        let operation = self.context.texts.intern(operation);
        let span = self.spans.last_mut().expect("a span was added before");
        span.operation = operation;
        span
    }

    /// What the last span says of the other side.
    pub(crate) fn peer(&mut self, change: impl FnOnce(&mut Peer, &mut Texts)) -> &mut Span {
        let span = self.spans.last_mut().expect("a span was added before");
        let mut peer = *self.context.peer(span.peer);
        change(&mut peer, &mut self.context.texts);
        span.peer = self.context.add_peer(peer);
        span
    }

    /// Makes the last span a step of messaging over `topic` of Kafka.
    pub(crate) fn message(&mut self, step: MessageStep, topic: &str) -> &mut Span {
        self.peer(|peer, texts| {
            let (system, collection) = (texts.intern("kafka"), texts.intern(topic));
            *peer = Peer { protocol: Protocol::Messaging, step, system, collection, ..*peer };
        })
    }

    /// Makes the last span a query of `system` at `address`.
    pub(crate) fn query(&mut self, system: &str, address: &str, namespace: &str) -> &mut Span {
        self.peer(|peer, texts| {
            let (system, address, namespace) = (texts.intern(system), texts.intern(address), texts.intern(namespace));
            *peer = Peer { protocol: Protocol::Database, system, address, namespace, ..*peer };
        })
    }

    /// Makes the last span an HTTP call of `address`.
    pub(crate) fn http(&mut self, address: &str, port: u16) -> &mut Span {
        self.peer(|peer, texts| {
            *peer = Peer { protocol: Protocol::Http, address: texts.intern(address), port, ..*peer };
        })
    }

    /// Links the last span to spans, given as trace and span ids.
    pub(crate) fn linked(&mut self, links: &[(u128, u64)]) -> &mut Span {
        let span = self.spans.last_mut().expect("a span was added before");
        let links = links.iter().map(|(trace_id, span_id)| Link { trace_id: *trace_id, span_id: *span_id });
        span.links = Some(links.collect());
        span
    }

    /// The trace of all spans.
    pub(crate) fn trace(&self) -> Trace {
        Trace::build(self.spans.clone(), &self.context)
    }
}

/// Spans of any shape: lost parents, cycles, ids that clash, links to anything, weights, outcomes.
#[derive(Debug, Clone)]
pub(crate) struct AnySpans {
    spans: Vec<AnySpan>,
}

#[derive(Debug, Clone)]
struct AnySpan {
    trace: u128,
    id: u64,
    parent: u64,
    kind: usize,
    service: usize,
    start: i64,
    duration: i64,
    weight: u64,
    outcome: usize,
    link: u64,
}

const KINDS: [Kind; 5] = [Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer];

/// Up to `spans` spans of up to `traces` traces within a few minutes.
pub(crate) fn any_spans(traces: u128, spans: usize) -> impl Strategy<Value = AnySpans> {
    let times = (0_i64..200_000, prop_oneof![0_i64..500, 0_i64..150_000]);
    let shape = (0_usize..5, 0_usize..5, 0_usize..8);
    let numbers = (prop_oneof![Just(WEIGHT_ONE), Just(3 * WEIGHT_ONE), 0..WEIGHT_ONE], 0_u64..20);
    let span = (1..=traces, 1_u64..20, 0_u64..20, shape, times, numbers);
    prop::collection::vec(span, 0..spans).prop_map(|spans| AnySpans {
        spans: (spans.into_iter())
            .map(|(trace, id, parent, (kind, service, outcome), (start, duration), (weight, link))| AnySpan {
                trace,
                id,
                parent: if parent == id { 0 } else { parent },
                kind,
                service,
                start,
                duration,
                weight,
                outcome,
                link,
            })
            .collect(),
    })
}

impl AnySpans {
    pub(crate) fn fixture(&self) -> Fixture {
        let mut fixture = Fixture::default();
        fixture.spans = self.add_to(&mut fixture, 0);
        fixture
    }

    /// The spans by the numbers of a fixture's context, with `base` added to their trace ids.
    pub(crate) fn add_to(&self, fixture: &mut Fixture, base: u128) -> Vec<Span> {
        let before = std::mem::take(&mut fixture.spans);
        let orders = fixture.context.texts.intern("orders");
        let message = Peer { protocol: Protocol::Messaging, collection: orders, ..Peer::default() };
        let message = fixture.context.add_peer(message);
        for span in &self.spans {
            let service = ["shop", "shop/1", "cart", "mail", "stock"][span.service];
            let times = (span.start, span.start + span.duration);
            let made = fixture.span((span.id, span.parent), KINDS[span.kind], service, times);
            made.trace_id = base + span.trace;
            made.weight = span.weight;
            made.outcome = crate::rollup::OUTCOMES[span.outcome];
            if matches!(made.kind, Kind::Producer | Kind::Consumer) {
                made.peer = message;
                made.links = Some(Box::new([Link { trace_id: made.trace_id, span_id: span.link }]));
            }
        }
        std::mem::replace(&mut fixture.spans, before)
    }

    /// The same spans in another order.
    pub(crate) fn shuffled(&self, seed: u64) -> AnySpans {
        let mut spans = self.spans.clone();
        let mut state = seed | 1;
        for index in (1..spans.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            spans.swap(index, (state >> 33) as usize % (index + 1));
        }
        AnySpans { spans }
    }
}

#[test]
fn a_trace_knows_parents_children_and_who_serves() {
    let mut fixture = Fixture::default();
    fixture.span((3, 2), Kind::Server, "cart", (2, 8));
    fixture.span((1, 0), Kind::Server, "shop", (0, 10));
    fixture.span((2, 1), Kind::Client, "shop", (1, 9));
    let trace = fixture.trace();
    assert_eq!(trace.order().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((trace.parent(0), trace.parent(1), trace.parent(2)), (None, Some(0), Some(1)));
    assert_eq!((trace.serving(0), trace.serving(1), trace.serving(2)), (0, 0, 2));
    assert_eq!(trace.children(0).collect::<Vec<_>>(), [1]);
    assert_eq!(trace.roots().collect::<Vec<_>>(), [0]);
}
