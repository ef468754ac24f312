//! Calls that one request makes to one callee, as groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    analysed::{Analysed, Call},
    context::NodeId,
    findings::shared::roles::{is_cursor, is_probe},
    hops::{Hop, HopFlags},
    span::Kind,
    text::Text,
};

/// Calls of one kind to one callee within one request, in order of start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Index of the span that serves the request.
    pub(super) serving: u32,
    pub(super) callee: NodeId,
    /// Indices of [`crate::hops::Hops`]. Attempts of one call are one.
    pub(super) hops: Vec<u32>,
}

/// The calls that somebody waits for an answer of, with their hops.
pub(super) fn calls<'a>(analysed: &'a Analysed<'_>) -> impl Iterator<Item = (&'a Call, &'a Hop)> {
    analysed.calls.iter().map(|call| (call, &analysed.hops.hops[call.hop as usize]))
}

/// Whether a span works for a request whose own span is not there: it shows a part of what the request does, and how many
/// of its kind there would be cannot be told.
pub(super) fn is_cut_off(analysed: &Analysed<'_>, serving: u32) -> bool {
    analysed.trace.is_orphan(serving as usize) && !analysed.trace.kind(serving as usize).serves()
}

/// Calls made under one span: to the same callee, and for the same operation if `by_operation`.
pub(super) fn groups(analysed: &Analysed<'_>, at_least: usize, scope: Scope, by_operation: bool) -> Vec<(Text, Group)> {
    let mut groups: BTreeMap<(u32, u32, NodeId, Text), Vec<u32>> = BTreeMap::new();
    for (call, hop) in calls(analysed) {
        let under = match scope {
            Scope::Parent => parent_scope(analysed, call.serving, hop),
            Scope::Request => call.serving,
        };
        let operation = if by_operation { hop.operation } else { Text::NONE };
        groups.entry((call.serving, under, call.callee, operation)).or_default().push(call.hop);
    }
    let enough = groups.into_iter().filter(|(_, hops)| hops.len() >= at_least);
    enough
        .map(|((serving, _, callee, operation), mut hops)| {
            hops.sort_by_key(|hop| {
                let found = &analysed.hops.hops[*hop as usize];
                (found.start, found.end, *hop)
            });
            (operation, Group { serving, callee, hops })
        })
        .collect()
}

/// Whether some request makes so many calls to one callee: without that, there are no groups of so many.
fn has_many_calls(analysed: &Analysed<'_>, at_least: usize) -> bool {
    let whose = |call: &Call| (call.serving, call.callee);
    analysed.calls.windows(at_least).any(|run| run.first().map(whose) == run.last().map(whose))
}

/// What calls are made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The parent span, above spans that wrap a single call.
    Parent,
    /// The span that serves the request.
    Request,
}

/// The span that a call is made under. A span of the caller's own with a single child is part of the call, as where
/// every query has a span of the mapper around it. Each such span is climbed for one call only.
fn parent_scope(analysed: &Analysed<'_>, serving: u32, hop: &Hop) -> u32 {
    let Some(client) = hop.client else { return serving };
    let mut scope = client;
    while scope != serving {
        let Some(parent) = analysed.trace.parent(scope as usize) else { break };
        scope = parent as u32;
        let wraps = analysed.trace.kind(parent) == Kind::Internal && analysed.trace.children(parent).len() == 1;
        if !wraps {
            break;
        }
    }
    scope
}

/// Nanoseconds of the critical path that belong to each span and what is below it.
pub(super) fn critical_time(analysed: &Analysed<'_>) -> Vec<i64> {
    let mut times = analysed.paths.exclusive.clone();
    for span in analysed.trace.order().rev() {
        if let Some(parent) = analysed.trace.parent(span) {
            times[parent] += times[span];
        }
    }
    times
}

/// Of [`critical_time`], what belongs to a call with all its attempts.
pub(super) fn critical_time_of(analysed: &Analysed<'_>, times: &[i64], hop: &Hop) -> i64 {
    let of = |span: u32| times[span as usize];
    if hop.flags.contains(HopFlags::ATTEMPTS_INFERRED) {
        return analysed.hops.attempts(hop).iter().filter_map(|attempt| attempt.client).map(of).sum();
    }
    hop.client.map_or_else(|| analysed.hops.servers(hop).iter().map(|server| of(*server)).sum(), of)
}

/// Per span that serves, nanoseconds in which its service worked on it rather than waited for others.
pub(super) fn own_times(analysed: &Analysed<'_>) -> Vec<i64> {
    let mut times = vec![0; analysed.trace.len()];
    for (index, self_time) in analysed.paths.self_time.iter().enumerate() {
        let serving = analysed.trace.serving(index);
        let is_own = analysed.service(index as u32) == analysed.service(serving as u32);
        if is_own && !analysed.trace.kind(index).calls() {
            times[serving] += self_time;
        }
    }
    times
}

/// What a group of calls looks like in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    /// Of the calls after the first, the share that starts when all before have ended.
    pub(super) sequential: f64,
    /// Nanoseconds in which at least one was in progress.
    pub(super) busy: i64,
    /// The most calls in progress at one time.
    pub(super) peak: usize,
}

impl Timing {
    pub(super) fn of(analysed: &Analysed<'_>, group: &Group) -> Self {
        let hops = || group.hops.iter().map(|hop| &analysed.hops.hops[*hop as usize]);
        let (mut sequential, mut busy, mut end) = (0_usize, 0, i64::MIN);
        for hop in hops() {
            sequential += usize::from(end != i64::MIN && hop.start >= end);
            busy += (hop.end - hop.start.max(end)).max(0);
            end = end.max(hop.end);
        }
        let rest = group.hops.len().saturating_sub(1).max(1);
        Self { sequential: sequential as f64 / rest as f64, busy, peak: peak(hops()) }
    }
}

fn peak<'a>(hops: impl Iterator<Item = &'a Hop>) -> usize {
    let mut changes: Vec<(i64, i32)> = hops.flat_map(|hop| [(hop.start, 1), (hop.end, -1)]).collect();
    // At one time, ends come before starts: what ends as another starts does not overlap it.
    changes.sort_unstable();
    let (mut current, mut peak) = (0_i32, 0);
    for (_, change) in changes {
        current += change;
        peak = peak.max(current);
    }
    peak as usize
}

/// What the calls of a group say of their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameters {
    /// They say nothing: the same call again cannot be told from another.
    Hidden,
    /// All are the same.
    Same,
    Different,
}

impl Parameters {
    fn of(analysed: &Analysed<'_>, group: &Group) -> Self {
        let of_span = |span: Option<u32>| span.map_or(0, |span| analysed.span(span).parameter);
        let hops = group.hops.iter().map(|hop| &analysed.hops.hops[*hop as usize]);
        let parameters: Vec<u64> = hops
            .map(|hop| match of_span(hop.client) {
                0 => of_span(hop.wire),
                parameter => parameter,
            })
            .collect();
        let distinct: BTreeSet<u64> = parameters.iter().copied().filter(|parameter| *parameter != 0).collect();
        match distinct.len() {
            0 => Parameters::Hidden,
            1 if parameters.contains(&0) => Parameters::Hidden,
            1 => Parameters::Same,
            _ => Parameters::Different,
        }
    }
}

/// One call repeated within one request.
#[derive(Debug, Clone)]
pub(super) struct Repeat {
    pub(super) call: Text,
    pub(super) group: Group,
    pub(super) parameters: Parameters,
    /// It goes on where the one before it stopped: a cursor.
    pub(super) is_pagination: bool,
}

/// Calls of a group before it counts as repeated.
pub(super) const MIN_REPEATS: usize = 5;
const MIN_SEQUENTIAL: f64 = 0.8;
const MIN_BUSY: i64 = 50_000_000;
const MIN_BUSY_SHARE: f64 = 0.1;

/// Calls that are repeated one after the other and take a good part of their request.
pub(super) fn repeats(analysed: &Analysed<'_>) -> Vec<Repeat> {
    if !has_many_calls(analysed, MIN_REPEATS) {
        return Vec::new();
    }
    let of_scope = |scope| {
        groups(analysed, MIN_REPEATS, scope, true).into_iter().filter(|(call, group)| is_repeat(analysed, *call, group))
    };
    let mut found: Vec<(Text, Group)> = of_scope(Scope::Parent).collect();
    let known: BTreeSet<(u32, NodeId, Text)> =
        found.iter().map(|(call, group)| (group.serving, group.callee, *call)).collect();
    found.extend(
        of_scope(Scope::Request).filter(|(call, group)| !known.contains(&(group.serving, group.callee, *call))),
    );
    let repeat = |(call, group): (Text, Group)| {
        let is_pagination = is_cursor(analysed.context, call);
        Repeat { call, parameters: Parameters::of(analysed, &group), group, is_pagination }
    };
    found.into_iter().map(repeat).collect()
}

fn is_repeat(analysed: &Analysed<'_>, call: Text, group: &Group) -> bool {
    let timing = Timing::of(analysed, group);
    let request = analysed.span(group.serving);
    timing.sequential >= MIN_SEQUENTIAL
        && timing.busy >= MIN_BUSY
        && timing.busy as f64 >= MIN_BUSY_SHARE * request.duration() as f64
        && !is_probe(analysed.context, call)
        && !is_probe(analysed.context, request.operation)
}

/// Many calls of one request to one callee at the same time.
#[derive(Debug, Clone)]
pub(super) struct Burst {
    pub(super) group: Group,
    pub(super) peak: usize,
}

/// Calls of a group before it counts as a burst, and how many of them at one time.
pub(super) const MIN_BURST: usize = 20;
pub(super) const MIN_PEAK: usize = 10;

/// Bursts of calls. Work that nobody waits for may take as many as it likes, and a callee of which every instance is
/// asked (a search over its shards) is asked that way by design.
pub(super) fn bursts(analysed: &Analysed<'_>) -> Vec<Burst> {
    if !has_many_calls(analysed, MIN_BURST) {
        return Vec::new();
    }
    let all = groups(analysed, MIN_BURST, Scope::Parent, false).into_iter();
    all.map(|(_, group)| Burst { peak: Timing::of(analysed, &group).peak, group })
        .filter(|burst| burst.peak >= MIN_PEAK)
        .filter(|burst| analysed.trace.kind(burst.group.serving as usize).serves())
        .filter(|burst| !is_scatter(analysed, &burst.group))
        .collect()
}

fn is_scatter(analysed: &Analysed<'_>, group: &Group) -> bool {
    let servers = group.hops.iter().filter_map(|hop| {
        let hop = &analysed.hops.hops[*hop as usize];
        analysed.hops.servers(hop).first()
    });
    let instances: BTreeSet<Text> =
        servers.map(|server| analysed.resource(*server).instance).filter(|instance| !instance.is_none()).collect();
    instances.len() * 2 >= group.hops.len()
}
