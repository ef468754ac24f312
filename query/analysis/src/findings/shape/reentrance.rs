//! Services that a request comes back to.

use std::collections::BTreeSet;

use crate::{
    analysed::Analysed,
    findings::shared::roles::{is_gateway, is_probe},
    paths::Waiting,
    span::{Kind, ServiceId},
};

/// Services between a service and itself further up; longer ways round are not looked for.
const MAX_LENGTH: usize = 16;
/// Rounds of messages that are a loop.
const LOOP_ROUNDS: u32 = 4;

/// How a request comes back to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Return {
    /// The service waits for itself.
    Waiting,
    /// Messages go round again and again.
    Loop,
}

/// The ways round in a trace, each once per entry: index of the entry, and the services from the first one on. No service
/// is twice in a way.
pub(super) fn ways_round(analysed: &Analysed<'_>) -> BTreeSet<(u32, Return, Vec<ServiceId>)> {
    let mut found = BTreeSet::new();
    let mut rounds = vec![0_u32; analysed.trace.len()];
    let serving = analysed.trace.order().filter(|span| analysed.trace.is_serving(*span));
    for span in serving {
        if is_probe(analysed.context, analysed.trace.spans[span].operation) {
            continue;
        }
        let entry = analysed.entry_of[span];
        if let Some((_, services)) = way_up(analysed, span, true) {
            found.insert((entry, Return::Waiting, services));
        }
        if analysed.trace.kind(span) == Kind::Consumer
            && let Some((before, services)) = way_up(analysed, span, false)
        {
            rounds[span] = rounds[before].max(1) + 1;
            if rounds[span] >= LOOP_ROUNDS {
                found.insert((entry, Return::Loop, services));
            }
        }
    }
    found
}

/// The nearest span above `span` of the same service (and operation, if it need not be waited for all the way) with
/// another service between them, and the services from it down. Gateways are looked through.
fn way_up(analysed: &Analysed<'_>, span: usize, is_waiting: bool) -> Option<(usize, Vec<ServiceId>)> {
    let (service, operation) = (analysed.service(span as u32), analysed.trace.spans[span].operation);
    if is_gateway(analysed.context, service) {
        return None;
    }
    let (mut between, mut count) = ([service; MAX_LENGTH], 0);
    let mut at = span;
    for _ in 0..MAX_LENGTH {
        if is_waiting && !is_waited_for(analysed, at) {
            return None;
        }
        at = analysed.trace.serving(analysed.trace.parent(at)?);
        let above = analysed.service(at as u32);
        let is_same = above == service && (is_waiting || analysed.trace.spans[at].operation == operation);
        if is_same && count > 0 {
            let down = between[..count].iter().rev().copied();
            return Some((at, shortened(std::iter::once(service).chain(down))));
        }
        if above != service && !is_gateway(analysed.context, above) {
            between[count] = above;
            count += 1;
        }
    }
    None
}

/// Whether the caller of a request waited for it. Spans without a hop of their own are part of their caller.
fn is_waited_for(analysed: &Analysed<'_>, span: usize) -> bool {
    let waiting = analysed.hops.index_into(span).and_then(|hop| analysed.paths.waiting.get(hop));
    waiting.is_none_or(|waiting| *waiting != Waiting::Async)
}

/// The way without the detours that lead back to a service on it.
fn shortened(services: impl Iterator<Item = ServiceId>) -> Vec<ServiceId> {
    let mut way: Vec<ServiceId> = Vec::new();
    for service in services {
        match way.iter().position(|known| *known == service) {
            Some(place) => way.truncate(place + 1),
            None => way.push(service),
        }
    }
    way
}
