//! Who waited for whom: what the time of a request was spent on, and where its failure began.

use std::collections::BTreeMap;

use super::{
    core::{Engine, FrameKey},
    record::{Node, Origin, Work},
};
use crate::{
    outcome::{Fault, Outcome},
    topology::ServiceId,
};

/// How the time of a request, or of a part of it, was spent.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Vec<Share>);

/// Time spent in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Whose time it is.
    pub(super) work: Work,
    /// Who else it was spent waiting for: a database, an outsider, or the network to a service.
    pub(super) peer: Option<Node>,
    /// Remote hops below the request.
    pub(super) depth: u32,
    pub(super) nanos: i64,
}

impl Shares {
    pub(super) fn add(&mut self, share: Share) {
        if share.nanos == 0 {
            return;
        }
        let place = |other: &Share| (other.work, other.peer, other.depth);
        match self.0.iter_mut().find(|other| place(other) == place(&share)) {
            Some(known) => known.nanos += share.nanos,
            None => self.0.push(share),
        }
    }

    /// Adds what was spent by somebody so many hops below.
    pub(super) fn add_below(&mut self, below: &Self, hops: u32) {
        for share in &below.0 {
            self.add(Share { depth: share.depth + hops, ..*share });
        }
    }

    pub(super) fn total(&self) -> i64 {
        self.0.iter().map(|share| share.nanos).sum()
    }

    /// The time by whose it is.
    pub(super) fn by_service(&self) -> Vec<(ServiceId, i64)> {
        let mut shares: BTreeMap<ServiceId, i64> = BTreeMap::new();
        for share in &self.0 {
            if let Node::Service(service) = share.work.node() {
                *shares.entry(service).or_default() += share.nanos;
            }
        }
        shares.into_iter().collect()
    }

    /// Where most of the time went, as the origin of a timeout; the deepest of several.
    fn slowest(&self) -> Option<Origin> {
        let slowest = self.0.iter().max_by_key(|share| (share.nanos, share.depth))?;
        // Waiting for the network to a service is not that service's work.
        let (node, asked, further) = match slowest.peer {
            Some(peer @ (Node::Store(_) | Node::External(_))) => (peer, Work::Peer(peer), 1),
            Some(Node::Service(_)) | None => (slowest.work.node(), slowest.work, 0),
        };
        let hops = slowest.depth + further;
        Some(Origin { node, asked, outcome: Outcome::Timeout, is_slow: true, hops })
    }
}

impl Origin {
    /// A failure that began with somebody who was called and did not answer for himself.
    pub(super) fn at_peer(node: Node, fault: Fault) -> Self {
        let is_slow = fault == Fault::Timeout;
        Self { node, asked: Work::Peer(node), outcome: fault.outcome(), is_slow, hops: 1 }
    }

    /// The same failure seen from one hop further up.
    pub(super) fn one_hop_up(self) -> Self {
        Self { hops: self.hops + 1, ..self }
    }
}

impl Engine {
    /// How a request that is not over has spent its time so far.
    pub(super) fn shares_so_far(&self, key: FrameKey) -> Shares {
        let mut shares = Shares::default();
        let (mut key, mut depth) = (key, 0);
        while let Some(frame) = self.frames.get(&key) {
            shares.add_below(&frame.shares, depth);
            let mut own = self.now - frame.since;
            // Of several calls under way any one holds the request up; the first is as good as another.
            let call = frame.calls.first().and_then(|call| self.calls.get(call));
            let mut next = None;
            let mut peer = frame.peer;
            if let Some(call) = call {
                peer = Some(self.node(call.call.target));
                let ended = call.ended_shares(self.now);
                own -= ended.total();
                shares.add_below(&ended, depth + 1);
                if let Some(attempt) = call.open.first() {
                    if let Some(answer) = &attempt.answer {
                        own -= answer.shares.total();
                        shares.add_below(&answer.shares, depth + 1);
                    } else if let Some(callee) = attempt.frame
                        && let Some(started) = self.frames.get(&callee).map(|frame| frame.start)
                    {
                        own -= self.now - started;
                        next = Some(callee);
                    }
                }
            }
            shares.add(Share { work: frame.work(), peer, depth, nanos: own });
            let Some(callee) = next else { break };
            (key, depth) = (callee, depth + 1);
        }
        shares
    }

    /// Where a timeout began that lost packets have a part in: with whom the network led to, if that took longest.
    pub(super) fn origin_of_delay(&self, node: Node, below: &Shares, waited: i64) -> Origin {
        let longest = below.0.iter().map(|share| share.nanos).max().unwrap_or_default();
        let is_network = waited - below.total() > longest;
        if is_network { Origin::at_peer(node, Fault::Timeout) } else { self.origin_of_timeout(node, below) }
    }

    /// Where a timeout began: with what took most of the time that somebody waited.
    pub(super) fn origin_of_timeout(&self, node: Node, waited: &Shares) -> Origin {
        waited.slowest().map_or(Origin::at_peer(node, Fault::Timeout), Origin::one_hop_up)
    }
}
