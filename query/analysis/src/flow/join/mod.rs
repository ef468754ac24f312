//! Where gateway records, breaker events and logs belong.

mod events;
mod requests;

use std::collections::HashMap;

use super::{
    REQUEST_TRACES, TOLERANCE, Tier,
    records::{NONE, Records},
};
use crate::text::Text;

pub(super) use events::place_events;
pub(super) use requests::place_requests;

/// The spans of one trace.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    trace: u128,
    start: i64,
    end: i64,
    /// Its first span that no span is above.
    head: u32,
}

/// The traces of which spans are stored, and which correlation ids lead to them.
#[derive(Debug)]
pub(super) struct Traces {
    stretches: Vec<Stretch>,
    numbers: HashMap<u128, u32>,
    by_key: HashMap<Text, Vec<u32>>,
    /// Everything in the flow belongs together; not so in a session.
    is_one_request: bool,
}

impl Traces {
    /// `session` is the correlation id of a session, if that is what the records have in common.
    pub(super) fn of(records: &Records, session: Option<Text>) -> Traces {
        let mut traces = Traces {
            stretches: Vec::new(),
            numbers: HashMap::new(),
            by_key: HashMap::new(),
            is_one_request: session.is_none(),
        };
        for (index, span) in records.all[..records.spans.len()].iter().enumerate() {
            match traces.stretches.last_mut().filter(|stretch| stretch.trace == span.trace) {
                Some(stretch) => {
                    stretch.end = stretch.end.max(span.end);
                    if stretch.head == NONE && span.parent == NONE {
                        stretch.head = index as u32;
                    }
                }
                None => {
                    let head = if span.parent == NONE { index as u32 } else { NONE };
                    traces.numbers.insert(span.trace, traces.stretches.len() as u32);
                    traces.stretches.push(Stretch { trace: span.trace, start: span.start, end: span.end, head });
                }
            }
        }
        for record in &records.all {
            traces.lead(record.key, record.trace, session);
        }
        for (request, keys) in records.requests().zip(&records.request_keys) {
            for key in keys {
                traces.lead(*key, records.all[request].trace, session);
            }
        }
        for numbers in traces.by_key.values_mut() {
            numbers.sort_unstable_by_key(|number| traces.stretches[*number as usize].start);
        }
        traces
    }

    /// Whether spans of this trace are stored.
    pub(super) fn has(&self, trace: u128) -> bool {
        self.numbers.contains_key(&trace)
    }

    fn lead(&mut self, key: Text, trace: u128, session: Option<Text>) {
        let Some(number) = self.numbers.get(&trace).filter(|_| !key.is_none() && Some(key) != session) else { return };
        let numbers = self.by_key.entry(key).or_default();
        if numbers.len() < REQUEST_TRACES && !numbers.contains(number) {
            numbers.push(*number);
        }
    }

    /// The trace that a record is part of: by its own trace id, else by its correlation ids and the time, else by what
    /// the flow's ids have in common.
    fn trace_of(&self, records: &Records, index: usize) -> Option<(u32, Tier)> {
        let record = &records.all[index];
        if let Some(number) = self.numbers.get(&record.trace) {
            return Some((*number, Tier::Trace));
        }
        let request = index.checked_sub(records.spans.len()).and_then(|request| records.request_keys.get(request));
        let keys = request.map_or(std::slice::from_ref(&record.key), Vec::as_slice);
        let led = keys.iter().find_map(|key| self.by_key.get(key));
        let number = match led {
            Some(numbers) => self.nearest(numbers.iter().copied(), record.start),
            None if self.is_one_request => self.nearest(0..self.stretches.len() as u32, record.start),
            None => None,
        };
        number.map(|number| (number, Tier::Correlation))
    }

    /// The first trace that goes on at `time`, else the first.
    fn nearest(&self, mut numbers: impl Iterator<Item = u32>, time: i64) -> Option<u32> {
        let goes_on = |number: &u32| {
            let stretch = &self.stretches[*number as usize];
            stretch.start.saturating_sub(TOLERANCE) <= time && time <= stretch.end.saturating_add(TOLERANCE)
        };
        let first = numbers.next()?;
        let found = std::iter::once(first).chain(numbers.take(super::MAX_IDS)).find(goes_on);
        Some(found.unwrap_or(first))
    }

    fn head(&self, number: u32) -> u32 {
        self.stretches[number as usize].head
    }
}

/// How many spans are above each span.
fn span_depths(records: &Records) -> Vec<u32> {
    const UNKNOWN: u32 = u32::MAX;
    let count = records.spans.len();
    let mut depths = vec![UNKNOWN; count];
    let mut path = Vec::new();
    for start in 0..count {
        let mut current = start;
        while depths[current] == UNKNOWN {
            path.push(current);
            match records.all[current].parent as usize {
                parent if parent < count => current = parent,
                _ => break,
            }
        }
        let mut depth = if depths[current] == UNKNOWN { 0 } else { depths[current] + 1 };
        while let Some(span) = path.pop() {
            depths[span] = depth;
            depth += 1;
        }
    }
    depths
}
