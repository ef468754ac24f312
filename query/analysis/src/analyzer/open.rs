//! Traces of which spans may yet come.

use std::{
    collections::{BTreeMap, VecDeque, hash_map::Entry},
    mem::take,
};

use super::{held::Held, place::busy_until};
use crate::{hash::FastMap, span::Span};

/// A trace that waits for the rest of its spans.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) trace_id: u128,
    /// Spans that are not counted. What there is room for counts as memory.
    pub(super) spans: Vec<Span>,
    /// What is counted of it.
    pub(super) counted: Option<Box<Held>>,
    /// Whether detectors have seen it.
    pub(super) was_shown: bool,
    /// When a span of it came last, nanoseconds.
    pub(super) last: i64,
    /// When the first of all its spans began, and when the last of them was over as far as that counts.
    pub(super) first: i64,
    pub(super) until: i64,
    size: usize,
}

impl Open {
    pub(super) fn new(trace_id: u128, spans: Vec<Span>, counted: Option<Box<Held>>, last: i64) -> Self {
        let size = OVERHEAD
            + spans.capacity() * size_of::<Span>()
            + spans.iter().map(extra_size).sum::<usize>()
            + counted.as_ref().map_or(0, |counted| counted.size());
        let was_shown = counted.is_some();
        let mut open = Self { trace_id, spans, counted, was_shown, last, first: i64::MAX, until: i64::MIN, size };
        (open.first, open.until) = open.all_spans().fold((i64::MAX, i64::MIN), reach);
        open
    }

    #[inline]
    fn push(&mut self, span: Span) {
        (self.first, self.until) = reach((self.first, self.until), &span);
        let room = self.spans.capacity();
        self.size += extra_size(&span);
        self.spans.push(span);
        self.size += (self.spans.capacity() - room) * size_of::<Span>();
    }

    /// Takes out all spans, counted or not. What is counted stays there.
    pub(super) fn take_spans(&mut self) -> Vec<Span> {
        let mut spans = take(&mut self.spans);
        spans.extend(self.counted.iter().flat_map(|counted| counted.spans()).cloned());
        spans
    }

    /// All spans, counted or not.
    pub(super) fn all_spans(&self) -> impl Iterator<Item = &Span> {
        self.counted.iter().flat_map(|counted| counted.spans()).chain(&self.spans)
    }
}

/// Bytes that a span takes beside its own.
fn extra_size(span: &Span) -> usize {
    span.size() - size_of::<Span>()
}

fn reach((first, until): (i64, i64), span: &Span) -> (i64, i64) {
    (first.min(span.start), until.max(busy_until(span)))
}

/// Bytes of an open trace beside its spans; the most that it takes by its time is when no other came with it.
const OVERHEAD: usize = size_of::<Open>() + 128;

/// Traces by their id, and by when a span came last.
#[derive(Debug, Default)]
pub(super) struct OpenTraces {
    /// Where in `traces` they are.
    places: FastMap<u128, u32>,
    traces: Vec<Option<Open>>,
    /// Places of `traces` that are empty.
    free: Vec<u32>,
    /// Where the trace is that a span was added to last: the next one often is of the same.
    last: u32,
    /// Each trace once, by a time since which a span of it may have come. It moves on when that is looked at, so that
    /// spans cost nothing here.
    by_last: BTreeMap<i64, VecDeque<u128>>,
    size: usize,
    /// Mean number of spans of the last traces that were taken out, in 256ths.
    mean_spans: usize,
}

impl OpenTraces {
    /// Adds a span to its trace, if that is open. Gives it back if not.
    #[inline]
    pub(super) fn push(&mut self, span: Span, now: i64) -> Option<Span> {
        let Some(place) = self.place(span.trace_id) else { return Some(span) };
        let Some(open) = &mut self.traces[place as usize] else { return Some(span) };
        self.last = place;
        let before = open.size;
        open.last = open.last.max(now);
        open.push(span);
        self.size += open.size - before;
        None
    }

    pub(super) fn insert(&mut self, open: Open) {
        self.size += open.size;
        self.by_last.entry(open.last).or_default().push_back(open.trace_id);
        let known = self.place(open.trace_id).or_else(|| self.free.pop());
        self.last = known.unwrap_or_else(|| {
            self.traces.push(None);
            self.traces.len() as u32 - 1
        });
        self.places.insert(open.trace_id, self.last);
        let before = self.traces[self.last as usize].replace(open);
        self.size -= before.map_or(0, |before| before.size);
    }

    fn place(&self, trace_id: u128) -> Option<u32> {
        let last = self.traces.get(self.last as usize).and_then(Option::as_ref);
        match last {
            Some(last) if last.trace_id == trace_id => Some(self.last),
            _ => self.places.get(&trace_id).copied(),
        }
    }

    /// Takes out the traces of which no span came after `limit`, up to the first with which they have `spans` spans.
    pub(super) fn take_until(&mut self, limit: i64, spans: usize) -> Vec<Open> {
        let (mut taken, mut left) = (Vec::new(), spans);
        while left > 0
            && let Some(open) = self.take_oldest(limit)
        {
            left = left.saturating_sub(open.spans.len());
            taken.push(open);
        }
        taken
    }

    /// Takes out the trace that has had no span for longest, if none came after `limit`.
    pub(super) fn take_oldest(&mut self, limit: i64) -> Option<Open> {
        loop {
            let mut first = self.by_last.first_entry().filter(|first| *first.key() <= limit)?;
            let time = *first.key();
            let Some(trace_id) = first.get_mut().pop_front() else {
                first.remove();
                continue;
            };
            let Entry::Occupied(place) = self.places.entry(trace_id) else { continue };
            let slot = &mut self.traces[*place.get() as usize];
            if let Some(open) = slot.as_ref().filter(|open| open.last > time) {
                self.by_last.entry(open.last).or_default().push_back(trace_id);
                continue;
            }
            let open = slot.take();
            self.free.push(place.remove());
            let Some(open) = open else { continue };
            self.size -= open.size;
            self.mean_spans = self.mean_spans - self.mean_spans / 256 + open.spans.len();
            return Some(open);
        }
    }

    /// How many spans a trace has, by those that were taken out last.
    pub(super) fn mean_spans(&self) -> usize {
        self.mean_spans.div_ceil(256)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of memory held.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}
