//! Whose child each span is, whatever ids the spans have: copies, ids that two spans share, and cycles.

use std::{
    cmp::{Ordering, Reverse},
    hash::{DefaultHasher, Hasher},
    mem::take,
    ops::Range,
};

use super::{NONE, Repairs};
use crate::{
    context::Context,
    span::{Kind, ServiceId, Span},
};

/// What repairing a trace gave. Parents may yet be below their children: see [`cut_cycles`].
pub(super) struct Repaired {
    /// Per span.
    pub(super) parents: Vec<u32>,
    /// Indices of the spans in the order of their ids.
    pub(super) by_id: Vec<u32>,
    pub(super) repairs: Repairs,
    /// The spans before it, if some were changed or left out.
    pub(super) as_came: Option<Vec<Span>>,
}

/// Puts `spans` in order, leaves out copies, gives spans that share an id one of their own, and finds their parents.
pub(super) fn repair(spans: &mut Vec<Span>, context: &Context) -> Repaired {
    let mut repairs = Repairs::default();
    let mut as_came = None;
    *spans = sorted(take(spans), context);
    let mut holders = Holders::of(spans, context);
    if !holders.shared.is_empty() {
        as_came = Some(spans.clone());
        let copies = holders.copies(spans, context);
        if !copies.is_empty() {
            repairs.duplicates = copies.len() as u32;
            leave_out(spans, &copies);
            holders = Holders::of(spans, context);
        }
    }
    let mut parents: Vec<u32> = spans.iter().map(|span| holders.parent(span, spans, context)).collect();
    holders.tell_apart(spans, &mut parents, &mut repairs);
    Repaired { parents, by_id: holders.by_id(spans), repairs, as_came }
}

/// The spans in order. They are large, so places are sorted, and each span moves once.
fn sorted(spans: Vec<Span>, context: &Context) -> Vec<Span> {
    let mut order: Vec<(i64, u32)> = (0..).zip(&spans).map(|(place, span)| (span.start, place)).collect();
    order.sort_by(|(start, place), (other_start, other)| {
        let in_order = || in_order(&spans[*place as usize], &spans[*other as usize], context);
        start.cmp(other_start).then_with(in_order)
    });
    let mut spans: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
    let mut sorted = Vec::with_capacity(spans.len());
    sorted.extend(order.into_iter().filter_map(|(_, place)| spans[place as usize].take()));
    sorted
}

/// By start, then end (the later first), then id; and what is alike in that by all else that tells two spans apart, so
/// that the order they came in does not matter.
fn in_order(a: &Span, b: &Span, context: &Context) -> Ordering {
    (a.start, Reverse(a.end), a.span_id)
        .cmp(&(b.start, Reverse(b.end), b.span_id))
        .then_with(|| said(b).cmp(&said(a)))
        .then_with(|| numbers(a).cmp(&numbers(b)))
        .then_with(|| texts(a, context).cmp(&texts(b, context)))
        .then_with(|| a.links.cmp(&b.links))
}

/// How much a span says. Of copies, the one that says more is kept.
fn said(span: &Span) -> usize {
    let texts = [span.cause, span.operation].iter().filter(|text| !text.is_none()).count();
    let numbers = [u32::from(span.http_status), span.messages, span.deadline_ms, span.peer.0];
    texts + numbers.iter().filter(|number| **number != 0).count() + span.links.as_ref().map_or(0, |links| links.len())
}

fn numbers(span: &Span) -> impl Ord {
    let small = [span.http_status, span.flags.0, u16::from(span.resend)];
    (
        span.kind,
        span.parent_id,
        small,
        span.messages,
        span.deadline_ms,
        span.parameter,
        span.weight,
        span.outcome.as_str(),
    )
}

fn texts<'a>(span: &Span, context: &'a Context) -> impl Ord + use<'a> {
    let resource = context.resource(span.resource);
    let service = context.service(resource.service);
    let peer = context.peer(span.peer);
    let process = [service.name, service.namespace, service.environment, resource.instance, resource.host];
    let work = [span.operation, span.cause, peer.service, peer.address, peer.collection];
    [process, work].map(|texts| texts.map(|text| context.texts.get(text)))
}

fn leave_out(spans: &mut Vec<Span>, positions: &[u32]) {
    let mut left_out = positions.iter().peekable();
    let mut position = 0;
    spans.retain(|_| {
        let out = left_out.next_if(|next| **next == position).is_some();
        position += 1;
        !out
    });
}

/// A span under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    id: u64,
    position: u32,
}

impl Holder {
    fn service(&self, spans: &[Span], context: &Context) -> ServiceId {
        context.resource(spans[self.position as usize].resource).service
    }
}

/// An id that several spans have.
#[derive(Debug)]
struct Shared {
    /// Where they stand among all.
    run: Range<usize>,
    /// The span that keeps the id: a client span that gave it to its server, else the earliest.
    keeper: u32,
    /// Client and server span of a call have one id by intention (Zipkin).
    by_intention: bool,
}

/// The spans by their ids.
struct Holders {
    /// By id. Those that share one are by service; of two spans of one service the server goes first, because the
    /// children are the server's (Zipkin).
    sorted: Vec<Holder>,
    shared: Vec<Shared>,
}

impl Holders {
    fn of(spans: &[Span], context: &Context) -> Holders {
        let mut sorted: Vec<Holder> =
            (0..).zip(spans).map(|(position, span)| Holder { id: span.span_id, position }).collect();
        sorted.sort_unstable();
        let mut shared = Vec::new();
        let mut start = 0;
        for end in 1..=sorted.len() {
            if sorted.get(end).is_none_or(|holder| holder.id != sorted[start].id) {
                if end - start > 1 {
                    let run = &mut sorted[start..end];
                    run.sort_unstable_by_key(|holder| {
                        let Span { kind, .. } = spans[holder.position as usize];
                        (holder.service(spans, context), kind != Kind::Server, kind, holder.position)
                    });
                    shared.push(Shared::of(start..end, run, spans));
                }
                start = end;
            }
        }
        Holders { sorted, shared }
    }

    /// Positions of spans that are the same as one before them but for their end or attributes, in order.
    fn copies(&self, spans: &[Span], context: &Context) -> Vec<u32> {
        let what = |holder: &Holder| {
            let Span { kind, start, .. } = spans[holder.position as usize];
            (holder.id, holder.service(spans, context), kind, start)
        };
        let mut copies: Vec<u32> = (self.sorted.windows(2))
            .filter(|pair| what(&pair[0]) == what(&pair[1]))
            .map(|pair| pair[1].position)
            .collect();
        copies.sort_unstable();
        copies
    }

    /// The span that `span` names as its parent: of several, one of its own service, else the one that keeps the id.
    fn parent(&self, span: &Span, spans: &[Span], context: &Context) -> u32 {
        if span.parent_id == 0 {
            return NONE;
        }
        let first = self.sorted.partition_point(|holder| holder.id < span.parent_id);
        let Some(holder) = self.sorted.get(first).filter(|holder| holder.id == span.parent_id) else { return NONE };
        let Ok(shared) = self.shared.binary_search_by_key(&first, |shared| shared.run.start) else {
            return holder.position;
        };
        let shared = &self.shared[shared];
        let service = context.resource(span.resource).service;
        let run = &self.sorted[shared.run.clone()];
        let own = run.partition_point(|holder| holder.service(spans, context) < service);
        let own = run.get(own).filter(|holder| holder.service(spans, context) == service);
        own.map_or(shared.keeper, |holder| holder.position)
    }

    /// Indices of the spans in the order of the ids that they have after [`Holders::tell_apart`].
    fn by_id(&self, spans: &[Span]) -> Vec<u32> {
        let mut by_id: Vec<u32> = self.sorted.iter().map(|holder| holder.position).collect();
        if !self.shared.is_empty() {
            by_id.sort_unstable_by_key(|span| (spans[*span as usize].span_id, *span));
        }
        by_id
    }

    /// Gives all but one span of each shared id an id of their own.
    fn tell_apart(&self, spans: &mut [Span], parents: &mut [u32], repairs: &mut Repairs) {
        for Shared { run, keeper, by_intention } in &self.shared {
            let mut others: Vec<u32> = self.sorted[run.clone()].iter().map(|holder| holder.position).collect();
            others.sort_unstable();
            for (number, position) in (0..).zip(others).filter(|(_, position)| position != keeper) {
                let span = &mut spans[position as usize];
                let id = span.span_id;
                span.span_id = derived(id, number);
                if *by_intention && span.kind == Kind::Server {
                    span.parent_id = id;
                    parents[position as usize] = *keeper;
                    repairs.shared_ids += 1;
                } else {
                    repairs.id_clashes += 1;
                }
            }
        }
    }
}

impl Shared {
    fn of(run: Range<usize>, holders: &[Holder], spans: &[Span]) -> Shared {
        let positions = || holders.iter().map(|holder| holder.position);
        let first = |kind| positions().filter(|position| spans[*position as usize].kind == kind).min();
        let earliest = positions().min().unwrap_or(NONE);
        match (first(Kind::Client), first(Kind::Server)) {
            (Some(client), Some(_)) => Shared { run, keeper: client, by_intention: true },
            _ => Shared { run, keeper: earliest, by_intention: false },
        }
    }
}

/// An id made of another, never 0.
fn derived(id: u64, number: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(id);
    hasher.write_u32(number);
    hasher.finish().max(1)
}

/// Makes the earliest span of each cycle a root. Returns how many there were.
pub(super) fn cut_cycles(spans: &[Span], parents: &mut [u32]) -> u32 {
    let mut cycles = 0;
    // Per span, the walk that came by it first.
    let mut walks = vec![NONE; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while walks[at] == NONE && parents[at] != NONE {
            walks[at] = start as u32;
            at = parents[at] as usize;
        }
        if walks[at] != start as u32 {
            continue;
        }
        let mut earliest = at;
        let mut next = parents[at] as usize;
        while next != at {
            let age = |span: usize| (spans[span].start, spans[span].span_id);
            if age(next) < age(earliest) {
                earliest = next;
            }
            next = parents[next] as usize;
        }
        parents[earliest] = NONE;
        cycles += 1;
    }
    cycles
}
