//! Where in a template ids and times stand, and what is put there for each request.

use std::{collections::HashMap, ops::Range};

use super::wire::{Value, children, fields};
use crate::random::mix;

/// Makes trace and span ids that never repeat within a run: bijections of (request, number within the request).
#[derive(Debug, Clone, Copy)]
pub struct IdSource {
    trace_key: u64,
    span_key: u64,
}

impl IdSource {
    /// Different runs need different keys.
    pub fn new(key: u64) -> Self {
        const TOP_BIT: u64 = 1 << 63;
        // With the top bit set, which no number of a trace or span has, the input of `mix` is never 0, nor is an id.
        Self { trace_key: mix(key) | TOP_BIT, span_key: mix(!key) | TOP_BIT }
    }

    /// Id of a trace of a request.
    pub fn trace_id(&self, request: u64, number: u16) -> [u8; 16] {
        let input = self.trace_key ^ combine(request, number);
        (u128::from(mix(input)) << 64 | u128::from(mix(!input))).to_be_bytes()
    }

    /// Id of a span of a request.
    pub fn span_id(&self, request: u64, number: u16) -> [u8; 8] {
        mix(self.span_key ^ combine(request, number)).to_be_bytes()
    }
}

fn combine(request: u64, number: u16) -> u64 {
    (request << 16 | u64::from(number)) & (u64::MAX >> 1)
}

/// A place in a template and what belongs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patch {
    at: u32,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    TraceId(u16),
    SpanId(u16),
    /// Time relative to the sending of the request, nanoseconds.
    Time(i64),
}

/// What the ids and times of an encoded request mean.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Number of each trace.
    pub(super) traces: HashMap<Vec<u8>, u16>,
    /// Number of each span.
    pub(super) spans: HashMap<Vec<u8>, u16>,
    /// What to add to the times of each trace, so that 0 is when the request is sent.
    pub(super) shifts: Vec<i64>,
}

/// All places in `bytes`, an encoded request, that differ from sending to sending.
pub(super) fn locate(bytes: &[u8], meaning: &Meaning) -> Vec<Patch> {
    let mut finder = Finder { bytes, meaning, found: Vec::new() };
    for resource_spans in children(bytes, 0..bytes.len(), 1) {
        for scope_spans in children(bytes, resource_spans, 2) {
            for span in children(bytes, scope_spans, 2) {
                finder.span(span);
            }
        }
    }
    finder.found
}

/// Puts the ids of request number `request`, sent at `now`, into `bytes`.
pub(super) fn apply(patches: &[Patch], bytes: &mut [u8], ids: &IdSource, request: u64, now: i64) {
    for patch in patches {
        let at = patch.at as usize;
        match patch.what {
            What::TraceId(number) => bytes[at..at + 16].copy_from_slice(&ids.trace_id(request, number)),
            What::SpanId(number) => bytes[at..at + 8].copy_from_slice(&ids.span_id(request, number)),
            What::Time(shift) => bytes[at..at + 8].copy_from_slice(&now.saturating_add(shift).to_le_bytes()),
        }
    }
}

struct Finder<'a> {
    bytes: &'a [u8],
    meaning: &'a Meaning,
    found: Vec<Patch>,
}

impl Finder<'_> {
    fn span(&mut self, range: Range<usize>) {
        let trace = children(self.bytes, range.clone(), 1).next();
        let trace = trace.and_then(|id| self.meaning.traces.get(&self.bytes[id])).copied();
        let shift = trace.and_then(|trace| self.meaning.shifts.get(usize::from(trace))).copied().unwrap_or(0);
        for field in fields(self.bytes, range) {
            match (field.number, field.value) {
                (1, Value::Bytes(id)) => self.trace_id(id),
                (2 | 4, Value::Bytes(id)) => self.span_id(id),
                (7 | 8, Value::Fixed64(at)) => self.time(at, shift),
                (11, Value::Bytes(event)) => self.event(event, shift),
                (13, Value::Bytes(link)) => self.link(link),
                _ => {}
            }
        }
    }

    fn event(&mut self, range: Range<usize>, shift: i64) {
        for field in fields(self.bytes, range) {
            if let (1, Value::Fixed64(at)) = (field.number, field.value) {
                self.time(at, shift);
            }
        }
    }

    fn link(&mut self, range: Range<usize>) {
        for id in children(self.bytes, range.clone(), 1) {
            self.trace_id(id);
        }
        for id in children(self.bytes, range, 2) {
            self.span_id(id);
        }
    }

    fn trace_id(&mut self, id: Range<usize>) {
        if let Some(&number) = self.meaning.traces.get(&self.bytes[id.clone()]) {
            self.found.push(Patch { at: id.start as u32, what: What::TraceId(number) });
        }
    }

    fn span_id(&mut self, id: Range<usize>) {
        if let Some(&number) = self.meaning.spans.get(&self.bytes[id.clone()]) {
            self.found.push(Patch { at: id.start as u32, what: What::SpanId(number) });
        }
    }

    fn time(&mut self, at: usize, shift: i64) {
        let mut time = [0; 8];
        time.copy_from_slice(&self.bytes[at..at + 8]);
        let shifted = i64::from_le_bytes(time).saturating_add(shift);
        self.found.push(Patch { at: at as u32, what: What::Time(shifted) });
    }
}
