//! The places of gateway records.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Traces, span_depths};
use crate::{
    flow::{
        TOLERANCE, Tier,
        holders::{Interval, holders},
        records::{NONE, Record, Records},
        spans::SpanIds,
    },
    text::Text,
};

/// Gateways write durations in whole milliseconds.
const ROUNDING: i64 = 1_000_000;
/// How many gateway records around each other are looked at for the one around a span.
const NESTING: usize = 16;

/// Puts gateway records above and below spans. Of the ids that a record carries, its own span's puts it under that span,
/// of which it tells more, or above the spans that name it as their parent; its caller's span's puts it between caller
/// and callee. A trace id alone, or a correlation id, puts it around the roots of the trace that it took the time of, else
/// under the innermost span that was at work. Returns, per gateway record, the trace it is part of.
pub(in crate::flow) fn place_requests(
    records: &mut Records,
    ids: &SpanIds,
    traces: &Traces,
) -> Vec<Option<(u32, Tier)>> {
    let of_trace: Vec<Option<(u32, Tier)>> =
        records.requests().map(|request| traces.trace_of(records, request)).collect();
    by_span_ids(records, ids);
    between_caller_and_callee(records);
    by_time(records, traces, &of_trace);
    of_trace
}

fn by_span_ids(records: &mut Records, ids: &SpanIds) {
    let requests = records.requests();
    let mut own: HashMap<(u128, u64), u32> = HashMap::new();
    for request in requests.clone() {
        let record = &records.all[request];
        match ids.find(records, record.trace, record.span, record.service) {
            Some(span) => join(&mut records.all[request], span, Tier::Span),
            None if record.span != 0 => {
                own.entry((record.trace, record.span)).or_insert(request as u32);
            }
            None => {}
        }
    }
    for request in requests {
        let record = &records.all[request];
        if record.parent == NONE
            && let Some(span) = ids.find(records, record.trace, record.parent_span, Text::NONE)
        {
            join(&mut records.all[request], span, Tier::Span);
        }
    }
    if own.is_empty() {
        return;
    }
    for index in 0..records.requests().end {
        let record = &mut records.all[index];
        if record.parent == NONE
            && record.parent_span != 0
            && let Some(request) = own.get(&(record.trace, record.parent_span))
            && *request != index as u32
        {
            join(record, *request, Tier::Span);
        }
    }
}

/// Records of the header that a caller sent name the caller's span, as the callee's span does.
fn between_caller_and_callee(records: &mut Records) {
    let mut groups: BTreeMap<(u128, u64), (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for request in records.requests() {
        let record = &records.all[request];
        if record.span == 0 && record.parent_span != 0 {
            groups.entry((record.trace, record.parent_span)).or_default().0.push(request as u32);
        }
    }
    if groups.is_empty() {
        return;
    }
    for span in 0..records.spans.len() {
        let record = &records.all[span];
        if records.spans[span].kind.serves()
            && let Some(group) = groups.get_mut(&(record.trace, record.parent_span))
        {
            group.1.push(span as u32);
        }
    }
    for (requests, spans) in groups.values() {
        for (request, outer) in nested(records, requests) {
            join(&mut records.all[request as usize], outer, Tier::Span);
        }
        let mut around: Vec<Interval> = requests.iter().map(|request| interval(records, *request)).collect();
        let mut starts = starts(records, spans);
        holders(&mut around, &mut starts, |span, request| {
            join(&mut records.all[span as usize], request, Tier::Span);
        });
    }
}

fn by_time(records: &mut Records, traces: &Traces, of_trace: &[Option<(u32, Tier)>]) {
    let first = records.spans.len();
    let mut groups: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
    for (request, of_trace) in records.requests().zip(of_trace) {
        groups.entry(of_trace.map(|(number, _)| number)).or_default().push(request as u32);
    }
    let tier_of = |request: u32| of_trace[request as usize - first].map_or(Tier::Correlation, |(_, tier)| tier);
    let mut spans: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if groups.keys().any(Option::is_some) {
        for span in 0..first {
            let number = traces.numbers[&records.all[span].trace];
            if groups.contains_key(&Some(number)) {
                spans.entry(number).or_default().push(span as u32);
            }
        }
    }
    let depths = span_depths(records);
    let named: HashSet<u32> = records.all[..first].iter().map(|span| span.parent).collect();
    for (number, requests) in groups {
        // Those that are part of the tree already are around nothing that is not below them.
        let loose: Vec<u32> =
            requests.iter().copied().filter(|request| records.all[*request as usize].parent == NONE).collect();
        let outer: HashMap<u32, u32> = match number {
            None if !traces.is_one_request => HashMap::new(),
            _ => nested(records, &loose).into_iter().collect(),
        };
        let Some(number) = number else {
            for (request, outer) in outer {
                let tier = shared(records, request, outer);
                join(&mut records.all[request as usize], outer, tier);
            }
            continue;
        };
        let group = Group { loose: &loose, outer: &outer, spans: &spans[&number], depths: &depths };
        let mut around = group.around_roots(records, tier_of);
        around.extend(loose.iter().filter(|request| named.contains(request)));
        group.under_spans(records, &around, traces.head(number), tier_of);
    }
}

/// The gateway records of a trace that no span id gives a place, and the trace's spans.
struct Group<'a> {
    loose: &'a [u32],
    /// The record around each, if there is one.
    outer: &'a HashMap<u32, u32>,
    spans: &'a [u32],
    depths: &'a [u32],
}

impl Group<'_> {
    /// Puts roots under the innermost record that they took place in. Returns the records around roots.
    fn around_roots(&self, records: &mut Records, tier_of: impl Fn(u32) -> Tier) -> HashSet<u32> {
        let is_root = |span: &&u32| records.all[**span as usize].parent == NONE;
        let roots: Vec<u32> = self.spans.iter().filter(is_root).copied().collect();
        let mut intervals: Vec<Interval> = self.loose.iter().map(|request| interval(records, *request)).collect();
        let mut around = HashSet::new();
        holders(&mut intervals, &mut starts(records, &roots), |root, request| {
            let mut outwards = std::iter::successors(Some(request), |request| self.outer.get(request).copied());
            let found = outwards.by_ref().take(NESTING).find(|request| lasts_as_long(records, *request, root));
            if let Some(request) = found {
                join(&mut records.all[root as usize], request, tier_of(request));
                around.insert(request);
                around.extend(outwards.take(NESTING));
            }
        });
        around
    }

    fn under_spans(&self, records: &mut Records, around: &HashSet<u32>, head: u32, tier_of: impl Fn(u32) -> Tier) {
        let mut below: HashMap<u32, u32> = HashMap::new();
        let rank = |span: &u32| Interval { rank: i64::from(self.depths[*span as usize]), ..interval(records, *span) };
        let mut intervals: Vec<Interval> = self.spans.iter().map(rank).collect();
        let inner: Vec<u32> = self.loose.iter().copied().filter(|request| !around.contains(request)).collect();
        holders(&mut intervals, &mut starts(records, &inner), |request, span| {
            let outwards = std::iter::successors(Some(span), |span| {
                Some(records.all[*span as usize].parent).filter(|parent| (*parent as usize) < records.spans.len())
            });
            let found = outwards.take(NESTING).find(|span| fits(records, request, *span));
            below.extend(found.map(|span| (request, span)));
        });
        for request in self.loose.iter().copied() {
            let start = |index: u32| records.all[index as usize].start;
            match (self.outer.get(&request).copied(), below.get(&request).copied()) {
                (Some(outer), Some(span)) if start(outer) > start(span) => {
                    let tier = shared(records, request, outer);
                    join(&mut records.all[request as usize], outer, tier);
                }
                (_, Some(span)) => join(&mut records.all[request as usize], span, tier_of(request)),
                (Some(outer), None) => {
                    let tier = shared(records, request, outer);
                    join(&mut records.all[request as usize], outer, tier);
                }
                (None, None) if !around.contains(&request) && head != NONE => {
                    // Clocks do not agree.
                    if lasts_as_long(records, request, head) && records.all[head as usize].parent == NONE {
                        join(&mut records.all[head as usize], request, tier_of(request));
                    } else {
                        join(&mut records.all[request as usize], head, tier_of(request));
                    }
                }
                (None, None) => {}
            }
        }
    }
}

fn join(record: &mut Record, parent: u32, tier: Tier) {
    record.parent = parent;
    record.tier = tier;
}

/// Whether `outer` took at least the time that `inner` took.
fn lasts_as_long(records: &Records, outer: u32, inner: u32) -> bool {
    let duration = |index: u32| records.all[index as usize].end.saturating_sub(records.all[index as usize].start);
    duration(outer).saturating_add(ROUNDING) >= duration(inner)
}

/// Whether `span`, in which `request` starts, can be around it.
fn fits(records: &Records, request: u32, span: u32) -> bool {
    let ends_in = records.all[request as usize].end <= records.all[span as usize].end.saturating_add(TOLERANCE);
    ends_in && lasts_as_long(records, span, request)
}

/// What two gateway records have in common.
fn shared(records: &Records, a: u32, b: u32) -> Tier {
    let (a, b) = (&records.all[a as usize], &records.all[b as usize]);
    if a.trace != 0 && a.trace == b.trace { Tier::Trace } else { Tier::Correlation }
}

/// The innermost record around each that has one. `requests` are in order of start, the longer first.
fn nested(records: &Records, requests: &[u32]) -> Vec<(u32, u32)> {
    let mut outwards: Vec<u32> = Vec::new();
    let mut nested = Vec::new();
    for request in requests {
        let ends_after = |outer: &u32| {
            let (outer, inner) = (&records.all[*outer as usize], &records.all[*request as usize]);
            outer.end.saturating_add(TOLERANCE) >= inner.end && outer.end.saturating_add(TOLERANCE) >= inner.start
        };
        while outwards.last().is_some_and(|outer| !ends_after(outer) || follows(records, *outer, *request)) {
            outwards.pop();
        }
        if let Some(outer) = outwards.last() {
            nested.push((*request, *outer));
        }
        outwards.push(*request);
    }
    nested
}

/// Whether `later` begins when `earlier` is over, within the tolerance that hides it.
fn follows(records: &Records, earlier: u32, later: u32) -> bool {
    let (earlier, later) = (&records.all[earlier as usize], &records.all[later as usize]);
    later.start >= earlier.end && later.start > earlier.start
}

fn interval(records: &Records, index: u32) -> Interval {
    let record = &records.all[index as usize];
    Interval { start: record.start, end: record.end, rank: record.start, record: index }
}

fn starts(records: &Records, indices: &[u32]) -> Vec<(i64, u32)> {
    indices.iter().map(|index| (records.all[*index as usize].start, *index)).collect()
}
