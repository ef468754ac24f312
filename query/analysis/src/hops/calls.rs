//! Which client spans are one call: nested ones, and the tries of one that stands around them.

use crate::{
    context::Context,
    span::{Kind, Link, MessageStep, Peer, PeerId, Protocol, ServiceId, Span, SpanFlags},
    text::Text,
    trace::{Groups, NONE, Role, Trace},
};

/// Clocks of one process do not run backwards by more, nanoseconds.
pub(super) const TOLERANCE: i64 = 1_000_000;

/// What became of a span that calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Not a call.
    None,
    /// A call of its own.
    Top,
    /// Part of the call around it.
    Folded,
    /// Stands around several calls and is none itself.
    Around,
}

/// The calls of a trace.
#[derive(Debug)]
pub(super) struct Calls {
    places: Vec<Place>,
    /// Per call, the (first) innermost of the calls folded into it.
    wires: Vec<u32>,
    /// Per call, the calls that stand directly in it.
    nested: Groups,
    /// Per call, the spans that serve it.
    servers: Groups,
    /// Per span that serves, the call that it serves.
    clients: Vec<u32>,
    /// Per span, the nearest span at or above it in its process that calls.
    calling: Vec<u32>,
}

impl Calls {
    pub(super) fn of(trace: &Trace, context: &Context) -> Calls {
        let mut calling = vec![NONE; trace.len()];
        let mut outer = vec![NONE; trace.len()];
        let mut clients = vec![NONE; trace.len()];
        for span in trace.order() {
            let above = trace.parent(span).map_or(NONE, |parent| calling[parent]);
            let came_in = trace.is_serving(span);
            let around = if came_in { NONE } else { above };
            if is_call(trace, span) {
                calling[span] = span as u32;
                outer[span] = around;
            } else if trace.role(span) == Role::Local {
                calling[span] = around;
            }
            if came_in && above != NONE && is_request(trace, context, span, above as usize) {
                clients[span] = above;
            }
        }
        let mut calls = Calls {
            places: vec![Place::None; trace.len()],
            wires: (0..trace.len() as u32).collect(),
            nested: Groups::by_owner(&outer),
            servers: Groups::by_owner(&clients),
            clients,
            calling,
        };
        for span in trace.order().rev().filter(|span| is_call(trace, *span)) {
            calls.fold(span, trace, context);
        }
        calls
    }

    pub(super) fn place(&self, span: usize) -> Place {
        self.places[span]
    }

    /// The call that `server` serves.
    pub(super) fn client_of(&self, server: usize) -> Option<usize> {
        let client = self.clients[server];
        (client != NONE).then_some(client as usize)
    }

    /// The nearest span at or above `span` in its process that calls or publishes.
    pub(super) fn calling(&self, span: usize) -> Option<usize> {
        let call = self.calling[span];
        (call != NONE).then_some(call as usize)
    }

    pub(super) fn wire(&self, call: usize) -> usize {
        self.wires[call] as usize
    }

    pub(super) fn servers(&self, call: usize) -> &[u32] {
        self.servers.of(call)
    }

    /// Sets `tries` to the calls on the network that `call` consists of, in order of start; `call` if none stands in it.
    pub(super) fn tries(&self, call: usize, tries: &mut Vec<u32>) {
        tries.clear();
        if self.wire(call) == call {
            tries.push(call as u32);
            return;
        }
        let mut rest = vec![call as u32];
        while let Some(span) = rest.pop() {
            let before = rest.len();
            rest.extend(self.folded(span as usize).rev());
            if rest.len() == before {
                tries.push(span);
            }
        }
    }

    /// What the spans of a call say of its peer: what it is, the outer ones know; where it went, the inner ones.
    pub(super) fn peer(&self, call: usize, trace: &Trace, context: &mut Context) -> PeerId {
        let own = trace.spans[call].peer;
        if self.wire(call) == call {
            return own;
        }
        let mut peer = *context.peer(own);
        let mut span = call;
        while let Some(inner) = self.folded(span).next() {
            span = inner as usize;
            peer = merged(&peer, context.peer(trace.spans[span].peer));
        }
        context.add_peer(peer)
    }

    fn folded(&self, span: usize) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.nested.of(span).iter().copied().filter(|inner| self.places[*inner as usize] == Place::Folded)
    }

    /// Decides about `call` when all calls in it are decided.
    fn fold(&mut self, call: usize, trace: &Trace, context: &Context) {
        let role = trace.role(call);
        self.places[call] = match role {
            Role::Receive | Role::Settle => Place::Around,
            _ => Place::Top,
        };
        if !self.servers.of(call).is_empty() {
            return;
        }
        let outer = context.peer(trace.spans[call].peer);
        if role == Role::Publish && sends_created(call, trace, context, self.nested.of(call)) {
            self.places[call] = Place::Around;
            return;
        }
        let inner: Vec<u32> = (self.nested.of(call).iter().copied())
            .filter(|inner| self.places[*inner as usize] == Place::Top)
            .filter(|inner| holds(outer, context.peer(trace.spans[*inner as usize].peer)))
            .filter(|inner| role == Role::Call || self.servers.of(self.wire(*inner as usize)).is_empty())
            .collect();
        match inner.as_slice() {
            [] => {}
            [first, rest @ ..] if rest.is_empty() || self.are_tries(&inner, trace, context) => {
                self.wires[call] = self.wires[*first as usize];
                inner.iter().for_each(|inner| self.places[*inner as usize] = Place::Folded);
            }
            _ if role == Role::Call => self.places[call] = Place::Around,
            _ => {}
        }
    }

    /// Whether these calls, in order of start, are tries of one: to the same target, and each because of the one before
    /// it. Pages of a list are calls to the same target too.
    fn are_tries(&self, calls: &[u32], trace: &Trace, context: &Context) -> bool {
        let first = self.target(calls[0] as usize, trace, context);
        calls.iter().all(|call| first.fits(&self.target(*call as usize, trace, context)))
            && calls.windows(2).all(|pair| {
                let (before, after) = (&trace.spans[pair[0] as usize], &trace.spans[pair[1] as usize]);
                needs_another(before) || is_another(after) || after.start < before.end - TOLERANCE
            })
    }

    pub(super) fn target(&self, call: usize, trace: &Trace, context: &Context) -> Target {
        let wire = self.wire(call);
        let server = self.servers.of(wire).first();
        let peer = context.peer(trace.spans[wire].peer);
        let peer = if peer.address.is_none() { context.peer(trace.spans[call].peer) } else { peer };
        Target {
            service: server.map(|server| context.resource(trace.spans[*server as usize].resource).service),
            said: Said { service: peer.service, address: peer.address, port: peer.port },
        }
    }
}

/// What a caller says of whom it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Said {
    service: Text,
    address: Text,
    port: u16,
}

impl Said {
    pub(super) fn is_nothing(&self) -> bool {
        self.service.is_none() && self.address.is_none()
    }
}

/// Whom a call goes to, before that is resolved: tries that did not get through have no server span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) service: Option<ServiceId>,
    pub(super) said: Said,
}

impl Target {
    pub(super) fn fits(&self, other: &Target) -> bool {
        match (self.service, other.service) {
            (Some(one), Some(other)) => one == other,
            _ => self.said == other.said || self.said.is_nothing() || other.said.is_nothing(),
        }
    }
}

/// Whether a call that ended so is sent again.
pub(super) fn needs_another(span: &Span) -> bool {
    span.outcome.is_failure() || is_turned_away(span)
}

/// Redirects and requests to authenticate: sent again, though it did not fail.
pub(super) fn is_turned_away(span: &Span) -> bool {
    matches!(span.http_status, 300..=399 | 401 | 407)
}

/// Whether a call says that it was sent before.
pub(super) fn is_another(span: &Span) -> bool {
    span.resend > 0 || span.flags.contains(SpanFlags::RESEND)
}

fn is_call(trace: &Trace, span: usize) -> bool {
    match trace.role(span) {
        Role::Call | Role::Publish => true,
        Role::Receive | Role::Settle => trace.kind(span) == Kind::Client,
        _ => false,
    }
}

/// Whether `call` sends messages that spans of their own created, so that those are counted.
fn sends_created(call: usize, trace: &Trace, context: &Context, nested: &[u32]) -> bool {
    let step = |span: usize| context.peer(trace.spans[span].peer).step;
    let created = |span: usize| step(span) == MessageStep::Create;
    let linked = |link: &Link| link.trace_id == trace.id && trace.find(link.span_id).is_some_and(created);
    step(call) == MessageStep::Send
        && (nested.iter().any(|inner| created(*inner as usize)) || trace.spans[call].links.iter().flatten().any(linked))
}

/// Whether `span`, which came in below the call `above`, is a request of it; else it handles a message.
fn is_request(trace: &Trace, context: &Context, span: usize, above: usize) -> bool {
    match (trace.role(above), trace.role(span)) {
        (Role::Call, Role::Handle) => trace.spans[span].links.is_none(),
        (Role::Call, _) => true,
        (Role::Publish, Role::Handle) => false,
        (Role::Publish, _) => context.peer(trace.spans[above].peer).protocol != Protocol::Messaging,
        _ => false,
    }
}

/// Whether a call by `inner` can be how a call by `outer` is made: queries and messages travel by RPC or HTTP, RPC by
/// HTTP, and not the other way round.
fn holds(outer: &Peer, inner: &Peer) -> bool {
    let rank = |peer: &Peer| match peer.protocol {
        Protocol::Unknown => 0,
        Protocol::Http => 1,
        Protocol::Rpc => 2,
        Protocol::Database | Protocol::Messaging => 3,
    };
    outer.protocol == Protocol::Unknown || outer.protocol == inner.protocol || rank(inner) < rank(outer)
}

fn merged(outer: &Peer, inner: &Peer) -> Peer {
    let mut peer = *outer;
    if peer.protocol == Protocol::Unknown {
        peer.protocol = inner.protocol;
    }
    peer.access = peer.access.max(inner.access);
    peer.service = outer.service.or(inner.service);
    peer.service_namespace = outer.service_namespace.or(inner.service_namespace);
    if !inner.address.is_none() {
        (peer.address, peer.port) = (inner.address, inner.port);
    }
    if !inner.network_address.is_none() {
        (peer.network_address, peer.network_port) = (inner.network_address, inner.network_port);
    }
    peer.scope = outer.scope.or(inner.scope);
    peer.system = outer.system.or(inner.system);
    peer.namespace = outer.namespace.or(inner.namespace);
    peer.collection = outer.collection.or(inner.collection);
    peer
}
