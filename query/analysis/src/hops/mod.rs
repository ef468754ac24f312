//! Hops: logical calls between nodes, which is what the service graph counts.
//!
//! A hop holds a client side (none if the caller is not instrumented), any number of server sides, and one or more
//! attempts. Nested client spans of one service are one hop; retries are attempts of one hop.

mod build;
mod calls;
mod loops;
mod messages;
mod retries;
#[cfg(test)]
mod tests;

use std::ops::Range;

use spandrel_proto::model::Outcome;

use crate::{
    context::NodeId,
    span::{Access, Link, Protocol},
    text::Text,
};

/// What a hop goes to, and whether its caller can wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HopKind {
    /// From outside into a root span that serves, or into a fragment of which the caller is not there.
    Entry,
    /// From service to service.
    Request,
    Database,
    Cache,
    /// To somebody who sends no telemetry.
    External,
    /// A message from a service to a topic.
    Publish,
    /// The delivery of a message from a topic to a service.
    Deliver,
}

/// Things that are true of a hop. A set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HopFlags(pub u16);

impl HopFlags {
    /// The caller is another service, but without a client span; its side of the numbers is not known. Not said of
    /// entries.
    pub const CLIENT_MISSING: HopFlags = HopFlags(1);
    /// The callee is known to send spans and sent none for this call.
    pub const SERVER_MISSING: HopFlags = HopFlags(1 << 1);
    /// The attempts were told from sibling spans, not from a span around them or from attributes.
    pub const ATTEMPTS_INFERRED: HopFlags = HopFlags(1 << 2);
    /// One client span has several server spans.
    pub const MULTI_SERVER: HopFlags = HopFlags(1 << 3);
    /// It was sent again, but not because it failed: redirects, authentication.
    pub const RESENT: HopFlags = HopFlags(1 << 4);
    /// Attempts overlap in time: hedged requests.
    pub const HEDGED: HopFlags = HopFlags(1 << 5);
    /// The caller of an entry is not there although its span names one.
    pub const ORPHAN: HopFlags = HopFlags(1 << 6);
    /// The peer was told from other calls to the same address.
    pub const LEARNED: HopFlags = HopFlags(1 << 7);
    /// The address of a database is not known; the node stands for what this caller sees of it.
    pub const ADDRESS_UNKNOWN: HopFlags = HopFlags(1 << 8);
    /// A link leads to a span that is not known.
    pub const DANGLING_LINK: HopFlags = HopFlags(1 << 9);
    /// A message arrived before it was sent, by the clocks of the hosts.
    pub const SKEW_SUSPECT: HopFlags = HopFlags(1 << 10);
    /// The hop is made by an attempt other than the first of some hop above it.
    pub const UNDER_RETRY: HopFlags = HopFlags(1 << 11);

    pub fn contains(self, other: HopFlags) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn insert(&mut self, other: HopFlags) {
        self.0 |= other.0;
    }

    pub fn remove(&mut self, other: HopFlags) {
        self.0 &= !other.0;
    }
}

/// Where a message was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// When the span ended that published it, nanoseconds by the clock of its host.
    pub end: i64,
    /// The node of its service.
    pub service: NodeId,
}

/// One try of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Index of the client span in the trace.
    pub client: Option<u32>,
    /// Index of the (first) server span in the trace.
    pub server: Option<u32>,
    pub start: i64,
    pub end: i64,
    pub outcome: Outcome,
}

/// One logical call, or one delivery of a message.
#[derive(Debug, Clone)]
pub struct Hop {
    pub kind: HopKind,
    pub caller: NodeId,
    pub callee: NodeId,
    pub protocol: Protocol,
    /// What is asked of the callee: the server span's operation, else the client span's.
    pub operation: Text,
    /// `db.namespace` of a database hop.
    pub schema: Text,
    pub access: Access,
    /// Index of the span of the caller that serves, in whose name it calls; `None` for entries and deliveries.
    pub parent: Option<u32>,
    /// The outermost client (or producer) span; `None` for entries and deliveries.
    pub client: Option<u32>,
    /// The innermost client span, which talks to the network. The same as `client` but for nested spans.
    pub wire: Option<u32>,
    servers: Range<u32>,
    attempts: Range<u32>,
    /// Of the client's side; of the server's where there is none.
    pub start: i64,
    pub end: i64,
    /// Of the last attempt, unless the span around the attempts says otherwise.
    pub outcome: Outcome,
    /// In multiples of 1 / [`crate::span::WEIGHT_ONE`].
    pub weight: u64,
    /// Of a delivery whose sending is known: from the end of sending to the start of handling, nanoseconds, by the
    /// clocks of the hosts. Below 0 it is suspect.
    pub queue_delay: Option<i64>,
    /// Of a delivery: the service that published the message, where that is known.
    pub producer: Option<NodeId>,
    pub flags: HopFlags,
}

impl Hop {
    pub fn duration(&self) -> i64 {
        self.end - self.start
    }

    /// How often it was tried, at least once.
    pub fn attempt_count(&self) -> u32 {
        (self.attempts.end - self.attempts.start).max(1)
    }

    /// Whether both sides of the hop are there.
    pub fn is_paired(&self) -> bool {
        self.client.is_some() && !self.servers.is_empty()
    }
}

/// The hops of one trace.
#[derive(Debug, Clone, Default)]
pub struct Hops {
    /// In order of the trace's spans.
    pub hops: Vec<Hop>,
    attempts: Vec<Attempt>,
    servers: Vec<u32>,
    /// Per span, the hop that it is a server side of, or `u32::MAX`.
    into: Vec<u32>,
    /// Where messages came from whose creation is not known, with the index of the hop that delivers them.
    pub links: Vec<(u32, Link)>,
}

impl Hops {
    pub fn attempts(&self, hop: &Hop) -> &[Attempt] {
        &self.attempts[hop.attempts.start as usize..hop.attempts.end as usize]
    }

    /// Indices of the spans that served the hop, in order of start.
    pub fn servers(&self, hop: &Hop) -> &[u32] {
        &self.servers[hop.servers.start as usize..hop.servers.end as usize]
    }

    /// The hop by which a request came to the span `server`. A span that handles messages of several producers has one
    /// of several.
    pub fn into(&self, server: usize) -> Option<&Hop> {
        self.hops.get(*self.into.get(server)? as usize)
    }

    /// Index of [`Hops::into`].
    pub fn index_into(&self, server: usize) -> Option<usize> {
        let hop = *self.into.get(server)?;
        (hop != u32::MAX).then_some(hop as usize)
    }
}
