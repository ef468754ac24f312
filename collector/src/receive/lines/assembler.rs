//! From the lines of a file to the lines of its format: envelopes are taken off, parts are joined.

use spandrel_normalize::{
    batch::LineBatch,
    envelope::{Envelope, Stream, Unwrapped, Unwrapper},
    format::{LineContext, LineError, LineReason},
};

/// Assembles the lines of one file.
#[derive(Debug)]
pub(super) struct Assembler {
    unwrapper: Unwrapper,
    /// Where the lines begin whose ends are to come, by stream.
    starts: [Option<u64>; 2],
}

impl Assembler {
    pub(super) fn new(envelope: Envelope, max_line_bytes: usize) -> Self {
        Self { unwrapper: Unwrapper::new(envelope, max_line_bytes), starts: [None; 2] }
    }

    /// Takes the line that begins at `start` of the file; what is complete goes to the batch.
    pub(super) fn push(&mut self, line: &[u8], start: u64, batch: &mut LineBatch, context: &LineContext<'_>) {
        if let Some(unwrapped) = self.unwrapper.unwrap(line) {
            emit(&unwrapped, batch, context);
        }
        for stream in Stream::ALL {
            let known = &mut self.starts[stream as usize];
            *known = if self.unwrapper.is_pending_on(stream) { known.or(Some(start)) } else { None };
        }
    }

    /// Gives the batch what is pending, because its end will not come.
    pub(super) fn flush(&mut self, batch: &mut LineBatch, context: &LineContext<'_>) {
        while let Some(unwrapped) = self.unwrapper.take_pending() {
            emit(&unwrapped, batch, context);
        }
        self.starts = [None; 2];
    }

    /// Where the first line begins that is not in a batch.
    pub(super) fn pending_start(&self) -> Option<u64> {
        self.starts.iter().flatten().min().copied()
    }

    pub(super) fn pending_bytes(&self) -> usize {
        self.unwrapper.pending_bytes()
    }
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
