//! The places of breaker events and logs.

use std::collections::{BTreeMap, HashMap};

use super::{Traces, span_depths};
use crate::{
    flow::{
        Tier,
        holders::{Interval, holders},
        records::{NONE, Records},
        spans::SpanIds,
    },
    text::Text,
};

/// The trace that something is part of, and the service it is about.
type Place = (Option<u32>, Text);

/// Puts events under the span they name, else under the innermost span of their service that was serving, or the gateway
/// record of their service, else under the root of their trace. `of_trace` is what gateway records are part of.
pub(in crate::flow) fn place_events(
    records: &mut Records,
    ids: &SpanIds,
    traces: &Traces,
    of_trace: &[Option<(u32, Tier)>],
) {
    let requests_by_span: HashMap<(u128, u64), u32> = records
        .requests()
        .map(|request| (request, &records.all[request]))
        .filter(|(_, record)| record.span != 0)
        .map(|(request, record)| ((record.trace, record.span), request as u32))
        .collect();
    let mut by_time: BTreeMap<Place, Vec<(u32, Tier)>> = BTreeMap::new();
    for event in records.events() {
        let record = &records.all[event];
        let named = ids
            .find(records, record.trace, record.span, record.service)
            .or_else(|| requests_by_span.get(&(record.trace, record.span)).copied());
        if let Some(span) = named {
            (records.all[event].parent, records.all[event].tier) = (span, Tier::Span);
            continue;
        }
        let (number, tier) = match traces.trace_of(records, event) {
            Some((number, tier)) => (Some(number), tier),
            None if traces.is_one_request => (None, Tier::Correlation),
            None => continue,
        };
        by_time.entry((number, record.service)).or_default().push((event as u32, tier));
    }
    if by_time.is_empty() {
        return;
    }
    let serving = serving(records, traces, of_trace);
    let mut fallback = Fallback::new(records, traces);
    for (place, events) in by_time {
        for (event, tier) in &events {
            records.all[*event as usize].tier = *tier;
        }
        let events: Vec<u32> = events.into_iter().map(|(event, _)| event).collect();
        let mut moments: Vec<(i64, u32)> =
            events.iter().map(|event| (records.all[*event as usize].start, *event)).collect();
        let mut intervals = serving.get(&place).cloned().unwrap_or_default();
        holders(&mut intervals, &mut moments, |event, holder| records.all[event as usize].parent = holder);
        let rest = events.into_iter().filter(|event| records.all[*event as usize].parent == NONE).collect();
        fallback.place(records, place.0, rest);
    }
    share_trace_ids(records);
}

/// When each service was serving: its serving spans, and the records of the gateway that it is.
fn serving(records: &Records, traces: &Traces, of_trace: &[Option<(u32, Tier)>]) -> HashMap<Place, Vec<Interval>> {
    let mut serving: HashMap<Place, Vec<Interval>> = HashMap::new();
    let depths = span_depths(records);
    for (index, _) in records.spans.iter().enumerate().filter(|(_, part)| part.kind.serves()) {
        let record = &records.all[index];
        let rank = i64::from(depths[index]) + 1;
        let interval = Interval { start: record.start, end: record.end, rank, record: index as u32 };
        serving.entry((Some(traces.numbers[&record.trace]), record.service)).or_default().push(interval);
    }
    for (request, of_trace) in records.requests().zip(of_trace) {
        let record = &records.all[request];
        let interval = Interval { start: record.start, end: record.end, rank: 0, record: request as u32 };
        serving.entry((of_trace.map(|(number, _)| number), record.service)).or_default().push(interval);
    }
    serving
}

/// Where events go whose service did nothing at the time.
struct Fallback<'a> {
    traces: &'a Traces,
    /// Gateway records of requests without spans.
    requests: Vec<Interval>,
}

impl<'a> Fallback<'a> {
    fn new(records: &Records, traces: &'a Traces) -> Self {
        let is_one = traces.is_one_request && traces.stretches.is_empty();
        let requests = records.requests().filter(|_| is_one).map(|request| {
            let record = &records.all[request];
            Interval { start: record.start, end: record.end, rank: record.start, record: request as u32 }
        });
        Self { traces, requests: requests.collect() }
    }

    fn place(&mut self, records: &mut Records, number: Option<u32>, events: Vec<u32>) {
        let mut moments: Vec<(i64, u32)> =
            events.iter().map(|event| (records.all[*event as usize].start, *event)).collect();
        let first = match number {
            Some(number) => self.traces.head(number),
            None => {
                holders(&mut self.requests, &mut moments, |event, request| {
                    records.all[event as usize].parent = request;
                });
                self.requests.first().map_or(NONE, |request| request.record)
            }
        };
        for event in events {
            let record = &mut records.all[event as usize];
            if record.parent == NONE {
                record.parent = first;
            }
        }
    }
}

/// Of a request without spans, what has the trace id of the gateway record is joined by it.
fn share_trace_ids(records: &mut Records) {
    for event in records.events() {
        let record = &records.all[event];
        if record.parent != NONE && record.tier == Tier::Correlation && record.trace != 0 {
            let parent = &records.all[record.parent as usize];
            if parent.trace == record.trace {
                records.all[event].tier = Tier::Trace;
            }
        }
    }
}
