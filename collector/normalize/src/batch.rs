//! From lines to batches.

use std::{borrow::Cow, sync::Arc};

use arrow::record_batch::RecordBatch;
use jiff::tz::TimeZone;
use spandrel_proto::model::Table;

use crate::{
    detect::SAMPLE_LINES,
    format::{Format, Found, LineContext, LineError, LineReason},
    record::Output,
    rows::{LogRows, RejectRows, Repairs, RequestRows},
};

/// The format is looked for when this many bytes of lines are held, however few lines they are.
const HELD_BYTES: usize = 256 * 1024;

/// What a row takes besides its texts.
const ROW_BYTES: usize = 400;

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
    /// Name of the format that the lines were read as.
    pub format: &'static str,
}

/// Lines that are held while their format is not found yet.
#[derive(Debug)]
struct Held {
    line: String,
    received_at: i64,
    envelope_time: Option<i64>,
    zone: TimeZone,
    service: Option<String>,
    host: Option<String>,
    program: Option<String>,
    severity_number: Option<i32>,
}

impl Held {
    fn new(line: String, context: &LineContext<'_>) -> Self {
        Self {
            line,
            received_at: context.received_at,
            envelope_time: context.envelope_time,
            zone: context.zone.clone(),
            service: context.service.map(str::to_owned),
            host: context.host.map(str::to_owned),
            program: context.program.map(str::to_owned),
            severity_number: context.severity_number,
        }
    }

    fn context(&self) -> LineContext<'_> {
        LineContext {
            received_at: self.received_at,
            envelope_time: self.envelope_time,
            zone: &self.zone,
            service: self.service.as_deref(),
            host: self.host.as_deref(),
            program: self.program.as_deref(),
            severity_number: self.severity_number,
        }
    }
}

/// Collects lines of one source until they are to be stored.
#[derive(Debug)]
pub struct LineBatch {
    configured: Arc<dyn Format>,
    /// What lines are read as; none while that has to be found from them.
    format: Option<Arc<dyn Format>>,
    held: Vec<Held>,
    held_bytes: usize,
    /// Names the source in `rejects`.
    source: String,
    max_line_bytes: usize,
    bytes: usize,
    requests: RequestRows,
    logs: Option<LogRows>,
    rejects: RejectRows,
    counts: LineCounts,
}

impl LineBatch {
    pub fn new(configured: Arc<dyn Format>, source: &str, max_line_bytes: usize) -> Self {
        let format = match configured.found() {
            Found::Itself => Some(Arc::clone(&configured)),
            Found::Is(format) => Some(format),
            Found::NotYet => None,
        };
        Self {
            configured,
            format,
            held: Vec::new(),
            held_bytes: 0,
            source: source.to_owned(),
            max_line_bytes,
            bytes: 0,
            requests: RequestRows::default(),
            logs: None,
            rejects: RejectRows::default(),
            counts: LineCounts::default(),
        }
    }

    /// Bytes of the lines taken so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the lines become in memory, roughly: a line of a few bytes becomes a row of many columns.
    pub fn expanded_bytes(&self) -> usize {
        let rows = self.requests.len() + self.logs.as_ref().map_or(0, LogRows::len) + self.held.len();
        2 * self.bytes + rows * ROW_BYTES
    }

    /// Name of the format that lines are read as.
    pub fn format(&self) -> &'static str {
        self.format.as_ref().unwrap_or(&self.configured).name()
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
            return self.refuse(line, context, LineError::new(LineReason::TooLong, detail));
        }
        if memchr::memchr(0, line).is_some() {
            return self.refuse(line, context, LineError::new(LineReason::Binary, "the line has NUL bytes"));
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.counts.repairs.not_utf8 += 1;
                String::from_utf8_lossy(line)
            }
        };
        match self.format.clone() {
            Some(format) => self.read(&*format, &text, context),
            None => self.hold(text.into_owned(), context),
        }
    }

    /// Counts a line that is lost, because it was too long to be kept for instance; `start` is how it began.
    pub fn reject(&mut self, start: &[u8], context: &LineContext<'_>, error: LineError) {
        self.counts.lines += 1;
        self.refuse(start, context, error);
    }

    pub fn finish(mut self) -> Normalized {
        self.find_format();
        let mut counts = self.counts;
        for repairs in [Some(self.requests.repairs), self.logs.as_ref().map(|logs| logs.repairs)].into_iter().flatten()
        {
            counts.repairs.values_truncated += repairs.values_truncated;
            counts.repairs.attributes_dropped += repairs.attributes_dropped;
        }
        let format = self.format();
        let mut tables = Vec::new();
        if !self.requests.is_empty() {
            tables.push((Table::Requests, self.requests.finish()));
        }
        if let Some(logs) = self.logs {
            tables.push((Table::Logs, logs.finish()));
        }
        if !self.rejects.is_empty() {
            tables.push((Table::Rejects, self.rejects.finish()));
        }
        Normalized { tables, counts, format }
    }

    fn hold(&mut self, line: String, context: &LineContext<'_>) {
        self.held_bytes += line.len();
        self.held.push(Held::new(line, context));
        if self.held.len() >= SAMPLE_LINES || self.held_bytes >= HELD_BYTES {
            self.find_format();
        }
    }

    /// Finds the format from the lines that are held, and reads them.
    fn find_format(&mut self) {
        let held = std::mem::take(&mut self.held);
        let Some(first) = held.first() else { return };
        let lines: Vec<&str> = held.iter().map(|held| held.line.as_str()).collect();
        let format = self.configured.find(&lines, &first.context()).unwrap_or_else(|| Arc::clone(&self.configured));
        self.format = Some(Arc::clone(&format));
        for held in &held {
            self.read(&*format, &held.line, &held.context());
        }
    }

    fn read(&mut self, format: &dyn Format, line: &str, context: &LineContext<'_>) {
        let mut output = Output::default();
        match format.parse(line, context, &mut output) {
            Ok(()) => self.take(&output, context),
            Err(error) => self.refuse(line.as_bytes(), context, error),
        }
    }

    fn refuse(&mut self, start: &[u8], context: &LineContext<'_>, error: LineError) {
        self.counts.rejected[error.reason as usize] += 1;
        let (format, reason) = (self.format(), error.reason.label());
        self.rejects.push(context.received_at, &self.source, format, reason, error.detail, start);
    }

    fn take(&mut self, output: &Output<'_>, context: &LineContext<'_>) {
        let format = self.format();
        let gateway = context.service.or(context.program).unwrap_or(format);
        for request in &output.requests {
            self.requests.push(request, gateway, context.written_at());
            self.counts.requests += 1;
        }
        for log in &output.logs {
            self.logs.get_or_insert_with(|| LogRows::new(format)).push(log, context);
            self.counts.logs += 1;
        }
    }
}
