//! Messages: from a service to a topic, and from the topic to each service that handles them. Each context that a
//! message was created in is one delivery.

use super::{Hop, HopFlags, HopKind, Hops, Published, build::Builder, calls::Calls};
use crate::{
    context::{Context, Evidence, Node, NodeId, NodeKind},
    hash::{FastMap, FastSet},
    span::{Link, MessageStep, Peer, Protocol, ServiceId},
    text::Text,
    trace::{Role, Trace},
};

/// What is one delivery, however often it is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Delivery {
    service: ServiceId,
    group: Text,
    context: Link,
    /// Hash of the message's id or place in its partition.
    message: u64,
}

/// Where messages come in, and those that have.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    deliveries: Vec<bool>,
    delivered: FastMap<Delivery, u32>,
}

impl Contexts {
    pub(super) fn of(trace: &Trace, calls: &Calls, context: &Context) -> Contexts {
        let published =
            |span| trace.parent(span).and_then(|parent| calls.calling(parent)).map(|above| trace.role(above));
        let mut deliveries: Vec<bool> = (0..trace.len())
            .map(|span| {
                let handles = trace.role(span) == Role::Handle || published(span) == Some(Role::Publish);
                handles && trace.is_serving(span) && calls.client_of(span).is_none()
            })
            .collect();
        leave_out_fetched(trace, context, &mut deliveries);
        Contexts { deliveries, delivered: FastMap::default() }
    }

    pub(super) fn is_delivery(&self, span: usize) -> bool {
        self.deliveries[span]
    }
}

/// Messages that a span fetched and others of its service handle are delivered to those.
fn leave_out_fetched(trace: &Trace, context: &Context, deliveries: &mut [bool]) {
    let fetches = |span: usize| context.peer(trace.spans[span].peer).step == MessageStep::Receive;
    let service = |span: usize| context.resource(trace.spans[span].resource).service;
    let links = |span: usize| trace.spans[span].links.iter().flatten();
    if !(0..trace.len()).any(|span| deliveries[span] && fetches(span)) {
        return;
    }
    let handled: FastSet<(ServiceId, Link)> = (0..trace.len())
        .filter(|span| deliveries[*span] && !fetches(*span))
        .flat_map(|span| links(span).map(move |link| (service(span), *link)))
        .collect();
    for (span, delivery) in deliveries.iter_mut().enumerate() {
        *delivery &= !fetches(span) || !links(span).any(|link| handled.contains(&(service(span), *link)));
    }
}

impl Hop {
    /// Says of a delivery where its message was published.
    fn set_producer(&mut self, published: Published) {
        let delay = self.start.saturating_sub(published.end);
        self.producer = Some(published.service);
        self.queue_delay = Some(delay);
        if delay < 0 {
            self.flags.insert(HopFlags::SKEW_SUSPECT);
        }
    }
}

impl Hops {
    /// Says of deliveries whose messages were published in other traces by whom and when, where `find` knows.
    pub fn complete(&mut self, find: impl Fn(Link) -> Option<Published>) {
        let hops = &mut self.hops;
        self.links.retain(|(hop, link)| {
            let Some(published) = find(*link) else { return true };
            let hop = &mut hops[*hop as usize];
            hop.set_producer(published);
            hop.flags.remove(HopFlags::DANGLING_LINK);
            false
        });
    }
}

impl Builder<'_> {
    /// The node of the topic or queue that `span` speaks of. Its broker's address is not part of it: clusters have
    /// many, and producers and consumers are told different ones. A temporary destination goes by what the span does.
    pub(super) fn topic(&mut self, peer: &Peer, span: usize) -> NodeId {
        let name = peer.collection.or(self.trace.spans[span].operation);
        let environment = self.context.service(self.service(span)).environment;
        let node = Node { kind: NodeKind::Topic, name, namespace: peer.namespace.or(peer.system), environment };
        self.context.add_node(node, Evidence::Attribute)
    }

    /// One hop for each context that the messages which `span` handles were created in.
    pub(super) fn add_deliveries(&mut self, span: usize) {
        let contexts = self.contexts_of(span);
        let known = contexts.len();
        for context in contexts {
            self.add_delivery(span, context);
        }
        if known == 0 {
            self.add_plain_delivery(span);
        }
    }

    /// Links and the parent, if it published; each once, without links to spans that did not publish.
    fn contexts_of(&self, span: usize) -> Vec<Link> {
        let trace = self.trace;
        let found = &trace.spans[span];
        let mut contexts: Vec<Link> = found.links.iter().flatten().copied().collect();
        let above = trace.parent(span).and_then(|parent| self.calls.calling(parent));
        if let Some(above) = above.filter(|above| trace.role(*above) == Role::Publish) {
            contexts.push(Link { trace_id: trace.id, span_id: trace.spans[above].span_id });
        } else if trace.is_orphan(span) {
            contexts.push(Link { trace_id: trace.id, span_id: found.parent_id });
        }
        contexts.sort_unstable();
        contexts.dedup();
        contexts.retain(|context| self.find(*context).is_none_or(|producer| trace.role(producer) == Role::Publish));
        contexts
    }

    fn find(&self, context: Link) -> Option<usize> {
        (context.trace_id == self.trace.id).then(|| self.trace.find(context.span_id))?
    }

    fn add_delivery(&mut self, span: usize, context: Link) {
        let handled = &self.trace.spans[span];
        let delivery = Delivery {
            service: self.service(span),
            group: self.context.peer(handled.peer).group,
            context,
            message: handled.parameter,
        };
        if handled.parameter != 0 {
            if let Some(hop) = self.contexts.delivered.get(&delivery) {
                return self.add_redelivery(*hop, span);
            }
            self.contexts.delivered.insert(delivery, self.hops.len() as u32);
        }
        let producer = self.find(context);
        let mut hop = self.delivery(span, producer);
        match producer {
            Some(producer) => {
                let end = self.trace.spans[producer].end;
                hop.set_producer(Published { end, service: self.service_node(producer) });
            }
            None => {
                hop.flags.insert(HopFlags::DANGLING_LINK);
                self.links.push((self.hops.len() as u32, context));
            }
        }
        self.push_served(hop, span);
    }

    /// A message of which nothing tells where it was created but, perhaps, the service of the parent.
    fn add_plain_delivery(&mut self, span: usize) {
        let mut hop = self.delivery(span, None);
        let parent = self.trace.parent(span).filter(|parent| self.service(*parent) != self.service(span));
        if let Some(parent) = parent {
            hop.producer = Some(self.service_node(parent));
            hop.flags.insert(HopFlags::CLIENT_MISSING);
        }
        self.push_served(hop, span);
    }

    fn delivery(&mut self, span: usize, producer: Option<usize>) -> Hop {
        let own = *self.context.peer(self.trace.spans[span].peer);
        let published = producer.map(|producer| {
            let peer = self.calls.peer(producer, self.trace, self.context);
            (producer, *self.context.peer(peer))
        });
        let topic = match published {
            Some((producer, sent)) if own.collection.is_none() || own.collection == sent.collection => {
                self.topic(&sent, producer)
            }
            _ => self.topic(&own, span),
        };
        let mut hop = self.of_server(span, topic, HopKind::Deliver);
        hop.protocol = Protocol::Messaging;
        hop
    }

    fn add_redelivery(&mut self, index: u32, span: usize) {
        let again = self.attempt(None, Some(span as u32));
        let hop = &mut self.hops[index as usize];
        hop.end = hop.end.max(again.end);
        hop.outcome = again.outcome;
        self.attempts.push((index, again));
        self.servers.push((index, span as u32));
    }
}
