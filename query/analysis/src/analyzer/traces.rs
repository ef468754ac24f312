//! Where the spans of traces are: waiting, counted, or let go.

use super::{
    held::HeldTraces,
    late::LateTraces,
    open::{Open, OpenTraces},
    published::PublishedSpans,
};
use crate::{analysed::minute_of, context::Context, span::Span};

/// The most spans that there is room for in a trace from the start.
const MAX_ROOM: usize = 64;

/// All traces, and the messages between them.
#[derive(Debug, Default)]
pub(super) struct Traces {
    pub(super) open: OpenTraces,
    pub(super) held: HeldTraces,
    pub(super) late: LateTraces,
    pub(super) published: PublishedSpans,
}

impl Traces {
    /// Adds a span to its trace. If there is no room for it, its minute is what is not whole.
    #[inline]
    pub(super) fn add(&mut self, span: Span, context: &Context, now: i64) -> Result<(), i64> {
        for waiting in self.published.add(&span, context) {
            // It is counted again, with who published what it handled.
            if let Some(held) = self.held.take(waiting) {
                self.open.insert(Open::new(waiting, Vec::new(), Some(held), now));
            }
        }
        let Some(span) = self.open.push(span, now) else { return Ok(()) };
        let trace_id = span.trace_id;
        if let Some(held) = self.held.take(trace_id) {
            self.open.insert(Open::new(trace_id, vec![span], Some(held), now));
        } else if !self.late.is_remembered(trace_id) {
            let mut spans = Vec::with_capacity(self.open.mean_spans().clamp(1, MAX_ROOM).next_multiple_of(8));
            spans.push(span);
            self.open.insert(Open::new(trace_id, spans, None, now));
        } else if !self.late.add(&span) {
            return Err(minute_of(span.start));
        }
        Ok(())
    }

    /// Bytes that spans take.
    pub(super) fn spans_size(&self) -> usize {
        self.open.size() + self.held.size()
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        self.spans_size() + self.late.size() + self.published.size()
    }
}
