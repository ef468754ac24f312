//! From lines to batches.

use std::{borrow::Cow, sync::Arc};

use arrow::record_batch::RecordBatch;
use spandrel_proto::model::Table;

use crate::{
    format::{Format, LineContext, LineError, LineReason},
    record::Output,
    rows::{LogRows, RejectRows, Repairs, RequestRows},
};

/// What became of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines offered, blank ones left out.
    pub lines: u64,
    pub requests: u64,
    pub logs: u64,
    /// Lines refused, by [`LineReason::ALL`].
    pub rejected: [u64; LineReason::ALL.len()],
    pub repairs: Repairs,
}

impl LineCounts {
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    pub fn add(&mut self, other: &LineCounts) {
        self.lines += other.lines;
        self.requests += other.requests;
        self.logs += other.logs;
        for (sum, count) in self.rejected.iter_mut().zip(other.rejected) {
            *sum += count;
        }
        self.repairs.not_utf8 += other.repairs.not_utf8;
        self.repairs.values_truncated += other.repairs.values_truncated;
        self.repairs.attributes_dropped += other.repairs.attributes_dropped;
    }
}

/// Batches of the tables that lines became; tables without rows are left out.
#[derive(Debug)]
pub struct Normalized {
    pub tables: Vec<(Table, RecordBatch)>,
    pub counts: LineCounts,
}

/// Collects lines of one source until they are to be stored.
#[derive(Debug)]
pub struct LineBatch {
    format: Arc<dyn Format>,
    /// Names the source in `rejects`.
    source: String,
    max_line_bytes: usize,
    bytes: usize,
    requests: RequestRows,
    logs: LogRows,
    rejects: RejectRows,
    counts: LineCounts,
}

impl LineBatch {
    pub fn new(format: Arc<dyn Format>, source: &str, max_line_bytes: usize) -> Self {
        Self {
            logs: LogRows::new(format.name()),
            format,
            source: source.to_owned(),
            max_line_bytes,
            bytes: 0,
            requests: RequestRows::default(),
            rejects: RejectRows::default(),
            counts: LineCounts::default(),
        }
    }

    /// Bytes of the lines taken so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes one line, without its line end. What cannot be read costs itself only.
    pub fn push(&mut self, line: &[u8], context: &LineContext<'_>) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        self.counts.lines += 1;
        self.bytes += line.len();
        if line.len() > self.max_line_bytes {
            let detail = format!("the line is longer than {} bytes", self.max_line_bytes);
            return self.reject(line, context, LineError::new(LineReason::TooLong, detail));
        }
        if memchr::memchr(0, line).is_some() {
            return self.reject(line, context, LineError::new(LineReason::Binary, "the line has NUL bytes"));
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.counts.repairs.not_utf8 += 1;
                String::from_utf8_lossy(line)
            }
        };
        let mut output = Output::default();
        match self.format.parse(&text, context, &mut output) {
            Ok(()) => self.take(&output, context),
            Err(error) => self.reject(line, context, error),
        }
    }

    /// Counts a line that is lost, because it was too long to be kept for instance; `start` is how it began.
    pub fn reject(&mut self, start: &[u8], context: &LineContext<'_>, error: LineError) {
        self.counts.rejected[error.reason as usize] += 1;
        let (format, reason) = (self.format.name(), error.reason.label());
        self.rejects.push(context.received_at, &self.source, format, reason, error.detail, start);
    }

    pub fn finish(self) -> Normalized {
        let mut counts = self.counts;
        for repairs in [self.requests.repairs, self.logs.repairs] {
            counts.repairs.values_truncated += repairs.values_truncated;
            counts.repairs.attributes_dropped += repairs.attributes_dropped;
        }
        let mut tables = Vec::new();
        if !self.requests.is_empty() {
            tables.push((Table::Requests, self.requests.finish()));
        }
        if !self.logs.is_empty() {
            tables.push((Table::Logs, self.logs.finish()));
        }
        if !self.rejects.is_empty() {
            tables.push((Table::Rejects, self.rejects.finish()));
        }
        Normalized { tables, counts }
    }

    fn take(&mut self, output: &Output<'_>, context: &LineContext<'_>) {
        let gateway = context.service.or(context.program).unwrap_or(self.format.name());
        for request in &output.requests {
            self.requests.push(request, gateway, context.written_at());
            self.counts.requests += 1;
        }
        for log in &output.logs {
            self.logs.push(log, context);
            self.counts.logs += 1;
        }
    }
}
