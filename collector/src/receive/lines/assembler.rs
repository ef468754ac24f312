//! From the lines of a file to the lines of its format: envelopes are taken off, parts are joined.

use spandrel_normalize::{
    batch::LineBatch,
    envelope::{Envelope, Stream, Unwrapped, Unwrapper},
    format::{LineContext, LineError, LineReason},
    multiline::{Multiline, Rule},
};

/// Assembles the records of one file.
#[derive(Debug)]
pub(super) struct Assembler {
    unwrapper: Unwrapper,
    /// Where the lines begin whose ends are to come, by stream.
    starts: [Option<u64>; 2],
    multiline: Option<Multiline>,
    /// The first line of the record that further lines may belong to.
    record: Option<FirstLine>,
}

#[derive(Debug)]
struct FirstLine {
    start: u64,
    time: Option<i64>,
    service: Option<String>,
}

impl Assembler {
    pub(super) fn new(envelope: Envelope, multiline: Option<&Rule>, max_line_bytes: usize) -> Self {
        Self {
            unwrapper: Unwrapper::new(envelope, max_line_bytes),
            starts: [None; 2],
            multiline: multiline.cloned().map(Multiline::new),
            record: None,
        }
    }

    /// Takes the line that begins at `start` of the file; what is complete goes to the batch.
    pub(super) fn push(&mut self, line: &[u8], start: u64, batch: &mut LineBatch, context: &LineContext<'_>) {
        if let Some(unwrapped) = self.unwrapper.unwrap(line) {
            match &mut self.multiline {
                Some(multiline) => join(&unwrapped, start, multiline, &mut self.record, batch, context),
                None => emit(&unwrapped, batch, context),
            }
        }
        for stream in Stream::ALL {
            let known = &mut self.starts[stream as usize];
            *known = if self.unwrapper.is_pending_on(stream) { known.or(Some(start)) } else { None };
        }
    }

    /// Gives the batch what is pending, because its end will not come.
    pub(super) fn flush(&mut self, batch: &mut LineBatch, context: &LineContext<'_>) {
        while let Some(unwrapped) = self.unwrapper.take_pending() {
            match &mut self.multiline {
                Some(multiline) => join(&unwrapped, 0, multiline, &mut self.record, batch, context),
                None => emit(&unwrapped, batch, context),
            }
        }
        self.starts = [None; 2];
        if let Some(record) = self.multiline.as_mut().and_then(Multiline::flush) {
            emit_record(record, self.record.take().as_ref(), batch, context);
        }
    }

    /// Where the first line begins that is not in a batch.
    pub(super) fn pending_start(&self) -> Option<u64> {
        let record = self.record.as_ref().map(|first| first.start);
        self.starts.iter().flatten().copied().chain(record).min()
    }

    pub(super) fn pending_bytes(&self) -> usize {
        self.unwrapper.pending_bytes() + self.multiline.as_ref().map_or(0, Multiline::pending_bytes)
    }
}

/// Adds a line to the record it belongs to; a record that is complete goes to the batch.
fn join(
    unwrapped: &Unwrapped<'_>,
    start: u64,
    multiline: &mut Multiline,
    record: &mut Option<FirstLine>,
    batch: &mut LineBatch,
    context: &LineContext<'_>,
) {
    if unwrapped.too_long {
        return emit(unwrapped, batch, context);
    }
    if let Some(complete) = multiline.push(unwrapped.line) {
        emit_record(complete, record.take().as_ref(), batch, context);
    }
    record.get_or_insert_with(|| FirstLine {
        start,
        time: unwrapped.time,
        service: unwrapped.service.map(str::to_owned),
    });
}

fn emit_record(record: &[u8], first: Option<&FirstLine>, batch: &mut LineBatch, context: &LineContext<'_>) {
    let context = LineContext {
        envelope_time: first.and_then(|first| first.time).or(context.envelope_time),
        service: context.service.or(first.and_then(|first| first.service.as_deref())),
        ..context.clone()
    };
    batch.push(record, &context);
}

fn emit(unwrapped: &Unwrapped<'_>, batch: &mut LineBatch, context: &LineContext<'_>) {
    let context = LineContext {
        envelope_time: unwrapped.time.or(context.envelope_time),
        service: context.service.or(unwrapped.service),
        ..context.clone()
    };
    if unwrapped.too_long {
        let error = LineError::new(LineReason::TooLong, "the parts of the line are longer together than the limit");
        return batch.reject(unwrapped.line, &context, error);
    }
    batch.push(unwrapped.line, &context);
}
