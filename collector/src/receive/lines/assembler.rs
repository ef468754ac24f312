//! From the lines of a file to the records of its format: envelopes are taken off, parts and lines of one record joined.

use spandrel_normalize::{
    batch::LineBatch,
    envelope::{Envelope, Stream, Unwrapped, Unwrapper},
    format::{LineContext, LineError, LineReason},
    multiline::{Multiline, Rule},
};

/// Assembles the lines of one file.
#[derive(Debug)]
pub(super) struct Assembler {
    unwrapper: Unwrapper,
    /// Where the lines begin whose ends are to come, by stream.
    starts: [Option<u64>; 2],
    /// The records that further lines may belong to, by stream; none where every line is a record.
    records: Option<[Record; 2]>,
}

#[derive(Debug)]
struct Record {
    lines: Multiline,
    first: Option<FirstLine>,
}

/// What is known of the first line of a record.
#[derive(Debug)]
struct FirstLine {
    start: u64,
    time: Option<i64>,
    service: Option<String>,
}

impl Assembler {
    pub(super) fn new(envelope: Envelope, multiline: Option<&Rule>, max_line_bytes: usize) -> Self {
        let record = |rule: &Rule| Record { lines: Multiline::new(rule.clone()), first: None };
        Self {
            unwrapper: Unwrapper::new(envelope, max_line_bytes),
            starts: [None; 2],
            records: multiline.map(|rule| [record(rule), record(rule)]),
        }
    }

    /// Takes the line that begins at `start` of the file; what is complete goes to the batch.
    pub(super) fn push(&mut self, line: &[u8], start: u64, batch: &mut LineBatch, context: &LineContext<'_>) {
        if let Some(unwrapped) = self.unwrapper.unwrap(line) {
            let start = self.starts[unwrapped.stream as usize].unwrap_or(start);
            take(self.records.as_mut(), &unwrapped, start, batch, context);
        }
        for stream in Stream::ALL {
            let known = &mut self.starts[stream as usize];
            *known = if self.unwrapper.is_pending_on(stream) { known.or(Some(start)) } else { None };
        }
    }

    /// Gives the batch what is pending, because its end will not come.
    pub(super) fn flush(&mut self, batch: &mut LineBatch, context: &LineContext<'_>) {
        while let Some(unwrapped) = self.unwrapper.take_pending() {
            let start = self.starts[unwrapped.stream as usize].unwrap_or_default();
            take(self.records.as_mut(), &unwrapped, start, batch, context);
        }
        self.starts = [None; 2];
        for record in self.records.iter_mut().flatten() {
            let first = record.first.take();
            if let Some(lines) = record.lines.flush() {
                emit(lines, first.as_ref(), batch, context);
            }
        }
    }

    /// Where the first line begins that is not in a batch.
    pub(super) fn pending_start(&self) -> Option<u64> {
        let records = self.records.iter().flatten().filter_map(|record| record.first.as_ref());
        self.starts.iter().flatten().copied().chain(records.map(|first| first.start)).min()
    }

    /// Whether nothing is pending but records that may be complete already.
    pub(super) fn has_whole_lines(&self) -> bool {
        !self.unwrapper.is_pending()
    }

    pub(super) fn pending_bytes(&self) -> usize {
        let records = self.records.iter().flatten().map(|record| record.lines.pending_bytes());
        self.unwrapper.pending_bytes() + records.sum::<usize>()
    }
}

fn take(
    records: Option<&mut [Record; 2]>,
    unwrapped: &Unwrapped<'_>,
    start: u64,
    batch: &mut LineBatch,
    context: &LineContext<'_>,
) {
    let first = FirstLine { start, time: unwrapped.time, service: unwrapped.service.map(str::to_owned) };
    if unwrapped.too_long {
        let error = LineError::new(LineReason::TooLong, "the parts of the line are longer together than the limit");
        return batch.reject(unwrapped.line, context, error);
    }
    let Some(records) = records else { return emit(unwrapped.line, Some(&first), batch, context) };
    let record = &mut records[unwrapped.stream as usize];
    if let Some(complete) = record.lines.push(unwrapped.line) {
        emit(complete, record.first.as_ref(), batch, context);
        record.first = None;
    }
    record.first.get_or_insert(first);
}

fn emit(record: &[u8], first: Option<&FirstLine>, batch: &mut LineBatch, context: &LineContext<'_>) {
    let context = LineContext {
        envelope_time: first.and_then(|first| first.time).or(context.envelope_time),
        service: context.service.or(first.and_then(|first| first.service.as_deref())),
        ..context.clone()
    };
    batch.push(record, &context);
}
