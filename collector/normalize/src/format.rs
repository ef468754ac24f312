//! What a format is, and which there are.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use thiserror::Error;

use crate::record::Output;

/// What is known of a line besides its text: what its envelope (container runtime, syslog) and its source say.
#[derive(Debug, Clone)]
pub struct LineContext<'a> {
    /// When it was read, nanoseconds since the Unix epoch.
    pub received_at: i64,
    /// Time of the envelope.
    pub envelope_time: Option<i64>,
    /// Zone of times that name none.
    pub zone: &'a TimeZone,
    /// Service that the source is configured or named for.
    pub service: Option<&'a str>,
    /// Host of the envelope.
    pub host: Option<&'a str>,
    /// Program of the envelope (syslog's tag or app-name).
    pub program: Option<&'a str>,
    /// OpenTelemetry severity of the envelope.
    pub severity_number: Option<i32>,
}

impl LineContext<'_> {
    /// The best guess at when the line was written, for what it leaves out (the year, the date, all of it).
    pub fn written_at(&self) -> i64 {
        self.envelope_time.unwrap_or(self.received_at)
    }
}

/// Why a line is not stored as the record it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineReason {
    /// It is not in the format.
    Format,
    /// It is JSON that ends too early or is broken.
    Json,
    /// Its time is missing or cannot be read.
    Time,
    /// A field that should be a number, a status or the like is not.
    Field,
    /// It is longer than the limit.
    TooLong,
    /// It is not text.
    Binary,
}

impl LineReason {
    pub const ALL: [LineReason; 6] = [
        LineReason::Format,
        LineReason::Json,
        LineReason::Time,
        LineReason::Field,
        LineReason::TooLong,
        LineReason::Binary,
    ];

    /// The text in the `reason` column of `rejects`, and the label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            LineReason::Format => "format",
            LineReason::Json => "json",
            LineReason::Time => "time",
            LineReason::Field => "field",
            LineReason::TooLong => "too_long",
            LineReason::Binary => "binary",
        }
    }
}

/// Why a line was refused, for whoever looks after its source.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{detail}")]
pub struct LineError {
    pub reason: LineReason,
    /// What was expected and what was found where.
    pub detail: Cow<'static, str>,
}

impl LineError {
    pub fn new(reason: LineReason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Reads lines of one format.
pub trait Format: Send + Sync + std::fmt::Debug {
    /// Its name in configuration.
    fn name(&self) -> &'static str;

    /// Reads one line, without its line end. Blank lines are not offered.
    ///
    /// # Errors
    /// When the line gives no record; `output` is then ignored. A line of another format gives
    /// [`LineReason::Format`], quickly: detection tries formats one by one.
    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError>;

    /// For a format that is found from lines: the one that is found, if it is found already.
    fn found(&self) -> Found {
        Found::Itself
    }

    /// Finds the format from the first lines of a source.
    fn find(&self, _lines: &[&str], _context: &LineContext<'_>) -> Option<Arc<dyn Format>> {
        None
    }
}

/// Whether the format of lines is known.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is what it is.
    Itself,
    /// It was found to be this.
    Is(Arc<dyn Format>),
    /// It has to be found, from lines.
    NotYet,
}

/// What configuration says of a format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// The server's own format string: `log_format` of nginx, `LogFormat` of Apache, `format` of Envoy, the template
    /// of AWS API Gateway.
    pub log_format: Option<String>,
    /// Escaping of nginx: `default`, `json` or `none`.
    pub escape: Option<String>,
    /// For JSON: canonical column or attribute by key of the log, as in `{"lvl": "severity_text"}`.
    pub keys: BTreeMap<String, String>,
}

/// Why a format cannot be used as configured.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct FormatError(pub String);
