//! Tries of one call that no span stands around: siblings, each sent because the one before failed. A loop of calls looks
//! the same, but for what its clients and calls say, and for the pause before another try.

use super::{
    HopFlags,
    build::Builder,
    calls::{Said, TOLERANCE, Target, is_another, is_turned_away},
    loops::Loops,
};
use crate::{context::Context, hash::FastMap, peers::PeerMap, span::ServiceId, text::Text, trace::Trace};

/// A call this much later than the one before is a call of its own, nanoseconds.
const MAX_GAP: i64 = 60_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whom {
    Service(ServiceId),
    Said(Said),
}

/// What tries of one call have in common. A call that says it was sent again may be named otherwise (redirects).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    parent: u32,
    operation: Option<Text>,
    whom: Whom,
}

/// A call that may be sent again.
#[derive(Debug, Clone, Copy)]
struct Open {
    hop: u32,
    end: i64,
    target: Target,
    failed: bool,
    /// [`crate::span::Span::parameter`] of its span.
    parameter: u64,
}

/// The calls so far that may be sent again.
#[derive(Debug, Default)]
pub(super) struct Retries {
    open: Vec<Option<Open>>,
    by_key: FastMap<Key, u32>,
    loops: Loops,
}

impl Retries {
    /// Makes the hop `index`, which is the last one and that of `call`, tries of an earlier one if it is.
    pub(super) fn join(&mut self, builder: &mut Builder<'_>, call: usize, index: u32) {
        let hop = &builder.hops[index as usize];
        let (start, end, failed) = (hop.start, hop.end, hop.outcome.is_failure());
        let spans = &builder.trace.spans;
        let again = failed || is_turned_away(&spans[call]) || is_turned_away(&spans[builder.calls.wire(call)]);
        // Hops of mirrored traffic may stand behind it.
        let Some(parent) = builder.trace.parent(call).filter(|_| builder.hops.len() == index as usize + 1) else {
            return;
        };
        if self.by_key.is_empty() && !again {
            return;
        }
        let target = builder.calls.target(call, builder.trace, builder.context);
        let keys = keys(parent as u32, spans[call].operation, &target);
        let parameter = spans[call].parameter;
        let found = if is_another(&spans[call]) {
            keys.iter().flatten().find_map(|key| self.find(key, &target))
        } else if marks(builder, call) {
            None
        } else {
            let same = |(_, before): &(u32, Open)| !before.failed || asks_the_same(before.parameter, parameter);
            keys[..2].iter().flatten().find_map(|key| self.find(key, &target)).filter(same)
        };
        let mut hop = index;
        if let Some((slot, before)) = found {
            self.open[slot as usize] = None;
            let pause = start.saturating_sub(before.end);
            let is_said = !before.failed || is_another(&spans[call]);
            if (-TOLERANCE..=MAX_GAP).contains(&pause)
                && (is_said || self.loops.is_unlike(pause, builder, parent as u32, &keys[..2]))
            {
                hop = before.hop;
                merge(builder, hop, before.failed);
            }
        }
        if again {
            let slot = self.open.len() as u32;
            self.open.push(Some(Open { hop, end, target, failed, parameter }));
            self.by_key.extend(keys.into_iter().flatten().map(|key| (key, slot)));
        }
    }

    fn find(&self, key: &Key, target: &Target) -> Option<(u32, Open)> {
        let slot = *self.by_key.get(key)?;
        let open = self.open[slot as usize].filter(|open| open.target.fits(target))?;
        Some((slot, open))
    }
}

/// Whether the client of `call` would say that it is sent again.
fn marks(builder: &Builder<'_>, call: usize) -> bool {
    let protocol = builder.context.peer(builder.trace.spans[call].peer).protocol;
    builder.peers.marks(builder.service(call), protocol)
}

/// Learns from calls that say they are sent again after a failure. Clients that say so of redirects only are not meant.
pub(super) fn learn_marking(trace: &Trace, context: &Context, peers: &mut PeerMap) {
    if !trace.spans.iter().any(is_another) {
        return;
    }
    // Per span, whether a call directly below it has failed so far.
    let mut has_failed = vec![false; trace.len()];
    for (index, span) in trace.spans.iter().enumerate().filter(|(_, span)| span.kind.calls()) {
        let Some(parent) = trace.parent(index) else { continue };
        if is_another(span) && has_failed[parent] {
            peers.learn_marking(context.resource(span.resource).service, context.peer(span.peer).protocol);
        }
        has_failed[parent] |= span.outcome.is_failure();
    }
}

/// Whether calls with these [`crate::span::Span::parameter`]s can be one, sent again.
pub(super) fn asks_the_same(one: u64, other: u64) -> bool {
    one == other || one == 0 || other == 0
}

/// First the keys with the operation.
pub(super) fn keys(parent: u32, operation: Text, target: &Target) -> [Option<Key>; 4] {
    let service = target.service.map(Whom::Service);
    let said = (!target.said.is_nothing()).then_some(Whom::Said(target.said));
    let key = |operation, whom: Option<Whom>| whom.map(|whom| Key { parent, operation, whom });
    [key(Some(operation), service), key(Some(operation), said), key(None, service), key(None, said)]
}

/// Makes the last hop tries of the hop `into`.
fn merge(builder: &mut Builder<'_>, into: u32, before_failed: bool) {
    let Some(last) = builder.hops.pop() else { return };
    let index = builder.hops.len() as u32;
    let had_server = builder.servers.iter().rev().any(|(hop, _)| *hop == into);
    let mut has_server = false;
    for (hop, _) in builder.attempts.iter_mut().rev().take_while(|(hop, _)| *hop == index) {
        *hop = into;
    }
    for (hop, _) in builder.servers.iter_mut().rev().take_while(|(hop, _)| *hop == index) {
        *hop = into;
        has_server = true;
    }
    let hop = &mut builder.hops[into as usize];
    if has_server && !had_server {
        (hop.callee, hop.kind, hop.operation) = (last.callee, last.kind, last.operation);
        hop.flags = last.flags;
    }
    hop.end = hop.end.max(last.end);
    hop.outcome = last.outcome;
    hop.weight = hop.weight.max(last.weight);
    hop.flags.insert(HopFlags(last.flags.0 & HopFlags::MULTI_SERVER.0));
    hop.flags.insert(HopFlags::ATTEMPTS_INFERRED);
    if !before_failed {
        hop.flags.insert(HopFlags::RESENT);
    }
}
