//! From the forest of a trace to its hops.

use spandrel_proto::model::Outcome;

use super::{
    Attempt, Hop, HopFlags, HopKind, Hops,
    calls::{Calls, Place, TOLERANCE},
    messages::Contexts,
    retries::{Retries, learn_marking},
};
use crate::{
    context::{Context, Evidence, Node, NodeId, NodeKind},
    peers::PeerMap,
    span::{Access, Link, PeerId, Protocol, ServiceId, Span},
    text::Text,
    trace::{NONE, Role, Trace},
};

impl Hops {
    /// The hops of a trace, in time linear in its spans. `peers` learns from calls of both sides, and tells where calls
    /// went that have one.
    pub fn build(trace: &Trace, context: &mut Context, peers: &mut PeerMap) -> Hops {
        learn_marking(trace, context, peers);
        let calls = Calls::of(trace, context);
        let contexts = Contexts::of(trace, &calls, context);
        let is_hop = |span: &usize| {
            calls.place(*span) == Place::Top || trace.is_serving(*span) && calls.client_of(*span).is_none()
        };
        let hops = (0..trace.len()).filter(is_hop).count();
        let mut builder = Builder {
            trace,
            context,
            peers,
            calls,
            contexts,
            hops: Vec::with_capacity(hops),
            attempts: Vec::with_capacity(hops),
            servers: Vec::with_capacity(hops),
            links: Vec::new(),
            tries: Vec::new(),
        };
        let mut retries = Retries::default();
        for span in 0..trace.len() {
            builder.add_incoming(span);
            match (trace.role(span), builder.calls.place(span)) {
                (Role::Publish, Place::Top) if builder.calls.servers(span).is_empty() => builder.add_publish(span),
                (_, Place::Top) => builder.add_call(span, &mut retries),
                _ => {}
            }
        }
        builder.finish()
    }
}

pub(super) struct Builder<'a> {
    pub(super) trace: &'a Trace,
    pub(super) context: &'a mut Context,
    pub(super) peers: &'a mut PeerMap,
    pub(super) calls: Calls,
    pub(super) contexts: Contexts,
    pub(super) hops: Vec<Hop>,
    /// Attempts and servers with the hop they belong to.
    pub(super) attempts: Vec<(u32, Attempt)>,
    pub(super) servers: Vec<(u32, u32)>,
    pub(super) links: Vec<(u32, Link)>,
    /// Scratch space.
    tries: Vec<u32>,
}

impl Builder<'_> {
    pub(super) fn service(&self, span: usize) -> ServiceId {
        self.context.resource(self.trace.spans[span].resource).service
    }

    pub(super) fn service_node(&self, span: usize) -> NodeId {
        self.context.service_node(self.service(span))
    }

    /// A hop from `client`'s side as far as its span tells, which is all but kind and callee.
    fn of_client(&self, client: usize, callee: NodeId, kind: HopKind) -> Hop {
        let span = &self.trace.spans[client];
        Hop {
            kind,
            caller: self.service_node(client),
            callee,
            protocol: Protocol::Unknown,
            operation: span.operation,
            schema: Text::NONE,
            access: Access::Unknown,
            parent: Some(self.trace.serving(client) as u32),
            client: Some(client as u32),
            wire: Some(self.calls.wire(client) as u32),
            servers: 0..0,
            attempts: 0..0,
            start: span.start,
            end: span.end,
            outcome: span.outcome,
            weight: span.weight,
            queue_delay: None,
            producer: None,
            flags: HopFlags::default(),
        }
    }

    /// A hop of which `server` is all there is.
    pub(super) fn of_server(&self, server: usize, caller: NodeId, kind: HopKind) -> Hop {
        let span = &self.trace.spans[server];
        Hop {
            protocol: self.context.peer(span.peer).protocol,
            caller,
            parent: None,
            client: None,
            wire: None,
            ..self.of_client(server, self.service_node(server), kind)
        }
    }

    /// Adds a hop with its first server and what it was tried with.
    pub(super) fn push_served(&mut self, hop: Hop, server: usize) {
        let index = self.hops.len() as u32;
        self.attempts.push((index, self.attempt(None, Some(server as u32))));
        self.servers.push((index, server as u32));
        self.hops.push(hop);
    }

    /// One try: by the client's clock if it has a span.
    pub(super) fn attempt(&self, client: Option<u32>, server: Option<u32>) -> Attempt {
        let span = &self.trace.spans[client.or(server).unwrap_or(0) as usize];
        Attempt { client, server, start: span.start, end: span.end, outcome: span.outcome }
    }

    /// The hop by which a request or message came in with `span`, unless a call holds it.
    fn add_incoming(&mut self, span: usize) {
        if !self.trace.is_serving(span) || self.calls.client_of(span).is_some() {
            return;
        }
        if self.contexts.is_delivery(span) {
            self.add_deliveries(span);
        } else if let Some(parent) = self.trace.parent(span) {
            let mut hop = self.of_server(span, self.service_node(parent), HopKind::Request);
            hop.parent = Some(self.trace.serving(parent) as u32);
            hop.flags.insert(HopFlags::CLIENT_MISSING);
            self.push_served(hop, span);
        } else if self.trace.role(span) == Role::Serve {
            self.add_entry(span);
        }
    }

    fn add_entry(&mut self, span: usize) {
        let orphan = self.trace.is_orphan(span);
        let (name, evidence) = match orphan {
            true => ("unknown", Evidence::Orphan),
            false => (self.context.peer(self.trace.spans[span].peer).visitor.as_str(), Evidence::Attribute),
        };
        let name = self.context.texts.intern(name);
        let environment = self.context.service(self.service(span)).environment;
        let node = Node { kind: NodeKind::Client, name, namespace: Text::NONE, environment };
        let visitor = self.context.add_node(node, evidence);
        let mut hop = self.of_server(span, visitor, HopKind::Entry);
        if orphan {
            hop.flags.insert(HopFlags::ORPHAN);
        }
        self.push_served(hop, span);
    }

    fn add_call(&mut self, call: usize, retries: &mut Retries) {
        let mut tries = std::mem::take(&mut self.tries);
        self.calls.tries(call, &mut tries);
        let index = self.hops.len() as u32;
        let peer = self.calls.peer(call, self.trace, self.context);
        let first_server = tries.iter().find_map(|client| self.calls.servers(*client as usize).first().copied());
        let mut hop = match first_server {
            Some(server) => self.served(call, server as usize, peer),
            None => self.unserved(call, peer),
        };
        let first_attempt = self.attempts.len();
        let first_hop_server = self.servers.len();
        for client in &tries {
            self.push_tries(index, *client, &mut hop);
        }
        let attempts = &self.attempts[first_attempt..];
        if tries.len() > 1 {
            hop.outcome = outcome_of(&self.trace.spans[call], attempts);
            if is_hedged(attempts) {
                hop.flags.insert(HopFlags::HEDGED);
            }
        } else if is_unsaid(&self.trace.spans[call]) {
            hop.outcome = self.trace.spans[tries[0] as usize].outcome;
        }
        self.tries = tries;
        self.hops.push(hop);
        self.split_services(index, first_hop_server);
        retries.join(self, call, index);
    }

    fn served(&mut self, call: usize, server: usize, peer: PeerId) -> Hop {
        let (caller, callee) = (self.service(call), self.service(server));
        let peer = self.context.peer(peer);
        if callee != caller {
            self.peers.learn(caller, peer, callee);
        }
        let served = &self.trace.spans[server];
        Hop {
            protocol: match peer.protocol {
                Protocol::Unknown => self.context.peer(served.peer).protocol,
                said => said,
            },
            access: peer.access,
            operation: served.operation,
            ..self.of_client(call, self.context.service_node(callee), HopKind::Request)
        }
    }

    fn unserved(&mut self, call: usize, peer: PeerId) -> Hop {
        let callee = self.peers.resolve(self.service(call), peer, self.context);
        let peer = self.context.peer(peer);
        let is_query = peer.protocol == Protocol::Database;
        Hop {
            protocol: peer.protocol,
            access: peer.access,
            schema: if is_query { peer.namespace } else { Text::NONE },
            flags: callee.flags,
            ..self.of_client(call, callee.node, callee.kind)
        }
    }

    /// The servers of one client span are one try, but for a mesh that tried them one after the other.
    fn push_tries(&mut self, index: u32, client: u32, hop: &mut Hop) {
        let servers = self.calls.servers(client as usize);
        self.servers.extend(servers.iter().map(|server| (index, *server)));
        if servers.len() > 1 {
            hop.flags.insert(HopFlags::MULTI_SERVER);
        }
        let spans = &self.trace.spans;
        let in_turn = servers.len() > 1
            && servers.windows(2).all(|pair| {
                let (before, after) = (&spans[pair[0] as usize], &spans[pair[1] as usize]);
                before.outcome.is_failure() && after.start >= before.end - TOLERANCE
            });
        if !in_turn {
            let attempt = self.attempt(Some(client), servers.first().copied());
            self.attempts.push((index, attempt));
            return;
        }
        for server in servers {
            let by_server = self.attempt(None, Some(*server));
            self.attempts.push((index, Attempt { client: Some(client), ..by_server }));
        }
    }

    /// Servers of other services than the first (mirrored traffic) have hops of their own, so that each hop has one
    /// callee; the client span is that of the first.
    fn split_services(&mut self, hop: u32, from: usize) {
        let callee = self.hops[hop as usize].callee;
        let mut others = Vec::new();
        let mut kept = from;
        for position in from..self.servers.len() {
            let (_, server) = self.servers[position];
            if self.service_node(server as usize) == callee {
                self.servers[kept] = (hop, server);
                kept += 1;
                continue;
            }
            let caller = self.hops[hop as usize].caller;
            let mut other = self.of_server(server as usize, caller, HopKind::Request);
            other.parent = self.hops[hop as usize].parent;
            other.flags.insert(HopFlags::MULTI_SERVER);
            others.push((other, server));
        }
        self.servers.truncate(kept);
        for (other, server) in others {
            self.push_served(other, server as usize);
        }
    }

    fn add_publish(&mut self, call: usize) {
        let index = self.hops.len() as u32;
        let peer = self.calls.peer(call, self.trace, self.context);
        let peer = *self.context.peer(peer);
        let topic = self.topic(&peer, call);
        let mut hop = self.of_client(call, topic, HopKind::Publish);
        hop.protocol = Protocol::Messaging;
        let mut tries = std::mem::take(&mut self.tries);
        self.calls.tries(call, &mut tries);
        for client in &tries {
            self.push_tries(index, *client, &mut hop);
        }
        self.tries = tries;
        self.hops.push(hop);
    }

    fn finish(self) -> Hops {
        let Builder { trace, calls: _, mut hops, mut attempts, mut servers, links, .. } = self;
        attempts.sort_by_key(|(hop, attempt)| (*hop, attempt.start, attempt.client, attempt.server));
        servers.sort_unstable();
        let mut into = vec![NONE; trace.len()];
        for (hop, server) in &servers {
            let slot = &mut into[*server as usize];
            *slot = (*slot).min(*hop);
        }
        let (mut attempt, mut server) = (0, 0);
        for (index, hop) in (0..).zip(&mut hops) {
            hop.attempts = run_of(index, &mut attempt, &attempts);
            hop.servers = run_of(index, &mut server, &servers);
        }
        // Copies of the right size: what is collected in place is moved to be made smaller.
        let attempts: Vec<Attempt> = attempts.iter().map(|(_, attempt)| *attempt).collect();
        mark_under_retry(trace, &mut hops, &attempts);
        let servers = servers.iter().map(|(_, server)| *server).collect();
        Hops { hops, attempts, servers, into, links }
    }
}

/// The run of `owned` that belongs to `owner`, from `next` on.
fn run_of<T>(owner: u32, next: &mut u32, owned: &[(u32, T)]) -> std::ops::Range<u32> {
    let start = *next;
    while owned.get(*next as usize).is_some_and(|(found, _)| *found == owner) {
        *next += 1;
    }
    start..*next
}

/// Whether the span's outcome is only what follows from its saying nothing.
fn is_unsaid(span: &Span) -> bool {
    span.http_status == 0 && matches!(span.outcome, Outcome::Cancelled | Outcome::Unknown)
}

/// Whether tries, in order of start, were on their way at the same time.
fn is_hedged(attempts: &[(u32, Attempt)]) -> bool {
    attempts.windows(2).any(|pair| pair[1].1.start < pair[0].1.end - TOLERANCE)
}

/// What came of tries: what the span around them says, else of hedged ones the best, else the last.
fn outcome_of(around: &Span, attempts: &[(u32, Attempt)]) -> Outcome {
    if around.outcome.is_failure() || around.http_status != 0 {
        return around.outcome;
    }
    let last = attempts.iter().max_by_key(|(_, attempt)| (attempt.end, attempt.start));
    match is_hedged(attempts) && attempts.iter().any(|(_, attempt)| attempt.outcome == Outcome::Ok) {
        true => Outcome::Ok,
        false => last.map_or(around.outcome, |(_, attempt)| attempt.outcome),
    }
}

/// Marks hops below a try that was not the first.
fn mark_under_retry(trace: &Trace, hops: &mut [Hop], attempts: &[Attempt]) {
    if hops.iter().all(|hop| hop.attempts.len() < 2) {
        return;
    }
    let mut again = vec![false; trace.len()];
    for hop in hops.iter().filter(|hop| hop.attempts.len() > 1) {
        let range = hop.attempts.start as usize..hop.attempts.end as usize;
        let own = &attempts[range];
        for attempt in &own[1..] {
            // Tries by an intermediary have the client span in common.
            let span = if attempt.client == own[0].client { attempt.server } else { attempt.client };
            if let Some(span) = span {
                again[span as usize] = true;
            }
        }
    }
    for span in trace.order() {
        again[span] |= trace.parent(span).is_some_and(|parent| again[parent]);
    }
    for hop in hops {
        let first = hop.client.or_else(|| attempts.get(hop.attempts.start as usize).and_then(|attempt| attempt.server));
        let above = first.and_then(|span| trace.parent(span as usize));
        if above.is_some_and(|above| again[above]) {
            hop.flags.insert(HopFlags::UNDER_RETRY);
        }
    }
}
