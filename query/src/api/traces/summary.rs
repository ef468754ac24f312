//! What the list of traces shows of one trace, from its spans.

use std::collections::{BTreeSet, HashMap};

use arrow::{
    array::{Array, AsArray, StringArray},
    datatypes::{Int64Type, TimestampNanosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use serde::Serialize;
use spandrel_analysis::red::is_failure;

use crate::time::format_time;

/// The columns that [`Summaries::add`] reads.
pub(super) const COLUMNS: [&str; 7] =
    ["trace_id", "parent_span_id", "service_name", "operation", "start_time", "duration_ns", "outcome"];

/// A trace in a list.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct TraceSummary {
    trace_id: String,
    /// The service of the span without a parent, or of the first span where that is missing.
    root_service: Option<String>,
    root_operation: Option<String>,
    /// When the first span starts.
    #[schema(format = DateTime)]
    start_time: String,
    /// From the start of the first span to the end of the last.
    duration_ms: f64,
    spans: u64,
    /// Different services with a span.
    services: u64,
    /// Spans that failed.
    errors: u64,
    /// The span by which the trace was found: the first of those that match, in the order asked for.
    matched: MatchedSpan,
    /// What `after` takes, to go on behind this trace.
    cursor: String,
}

/// The span by which a trace was found.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct MatchedSpan {
    pub(super) span_id: String,
    pub(super) service: String,
    pub(super) operation: String,
    #[schema(format = DateTime)]
    pub(super) start_time: String,
    pub(super) duration_ms: f64,
    pub(super) outcome: String,
}

/// Traces of which spans have been seen.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    traces: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    start_ns: i64,
    end_ns: i64,
    /// Whether the root so far has a parent, and its start: the least of them is the root.
    root: (bool, i64),
    root_service: String,
    root_operation: String,
    spans: u64,
    services: BTreeSet<String>,
    errors: u64,
}

impl Summaries {
    /// Adds the spans of `batch`, which has [`COLUMNS`].
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let texts = |name: &str| -> Result<&StringArray, ArrowError> { Ok(column(batch, name)?.as_string::<i32>()) };
        let trace_ids = texts("trace_id")?;
        let parents = texts("parent_span_id")?;
        let services = texts("service_name")?;
        let operations = texts("operation")?;
        let outcomes = texts("outcome")?;
        let starts = column(batch, "start_time")?.as_primitive::<TimestampNanosecondType>();
        let durations = column(batch, "duration_ns")?.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let start_ns = starts.value(row);
            let span = Span {
                service: services.value(row),
                operation: operations.value(row),
                root: (parents.is_valid(row), start_ns),
                end_ns: start_ns.saturating_add(durations.value(row)),
                failed: is_failure(outcomes.value(row)),
            };
            match self.traces.get_mut(trace_ids.value(row)) {
                Some(seen) => seen.add(&span),
                None => {
                    self.traces.insert(trace_ids.value(row).to_owned(), Seen::new(&span));
                }
            }
        }
        Ok(())
    }

    /// The trace `trace_id` with how it was found; `None` if no span of it was seen.
    pub(super) fn take(&mut self, trace_id: &str, matched: MatchedSpan, cursor: String) -> Option<TraceSummary> {
        let (trace_id, seen) = self.traces.remove_entry(trace_id)?;
        Some(seen.summary(trace_id, matched, cursor))
    }
}

struct Span<'a> {
    service: &'a str,
    operation: &'a str,
    root: (bool, i64),
    end_ns: i64,
    failed: bool,
}

impl Seen {
    fn new(span: &Span<'_>) -> Self {
        Self {
            start_ns: span.root.1,
            end_ns: span.end_ns,
            root: span.root,
            root_service: span.service.to_owned(),
            root_operation: span.operation.to_owned(),
            spans: 1,
            services: BTreeSet::from([span.service.to_owned()]),
            errors: u64::from(span.failed),
        }
    }

    fn add(&mut self, span: &Span<'_>) {
        self.start_ns = self.start_ns.min(span.root.1);
        self.end_ns = self.end_ns.max(span.end_ns);
        self.spans += 1;
        self.errors += u64::from(span.failed);
        if !self.services.contains(span.service) {
            self.services.insert(span.service.to_owned());
        }
        // Of two that start together, the one that reads first, so that the answer does not depend on their order.
        let known = (self.root, self.root_service.as_str(), self.root_operation.as_str());
        if (span.root, span.service, span.operation) < known {
            self.root = span.root;
            self.root_service = span.service.to_owned();
            self.root_operation = span.operation.to_owned();
        }
    }

    fn summary(self, trace_id: String, matched: MatchedSpan, cursor: String) -> TraceSummary {
        TraceSummary {
            trace_id,
            root_service: Some(self.root_service),
            root_operation: Some(self.root_operation),
            start_time: format_time(self.start_ns),
            duration_ms: self.end_ns.saturating_sub(self.start_ns) as f64 / 1e6,
            spans: self.spans,
            services: self.services.len() as u64,
            errors: self.errors,
            matched,
            cursor,
        }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, ArrowError> {
    match batch.column_by_name(name) {
        Some(column) => Ok(column.as_ref()),
        None => Err(ArrowError::SchemaError(format!("the result has no column {name}"))),
    }
}
