//! OTLP (<https://opentelemetry.io/docs/specs/otlp/>): `Export*ServiceRequest` messages, protobuf or JSON, to canonical
//! batches. Protobuf bytes are walked in place and pushed into columns, with no structs in between.

mod any_value;
mod attributes;
mod exemplars;
mod json;
mod logs;
mod messages;
mod metrics;
mod metrics_columns;
mod resource;
mod span_attributes;
mod spans;
mod spans_columns;
mod walk;

use std::sync::Arc;

use arrow::{array::ArrayRef, record_batch::RecordBatch};

pub use json::{JsonError, json_to_protobuf};
pub use walk::walk;

use crate::{
    model::Table,
    wire::{DecodeLimits, Decoded, Repair, Report, WireError, protobuf::Reader},
};

/// The kinds of telemetry OTLP carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];

    /// The table its records go to.
    pub fn table(self) -> Table {
        match self {
            Signal::Traces => Table::Spans,
            Signal::Logs => Table::Logs,
            Signal::Metrics => Table::Metrics,
        }
    }

    /// Its name, as in the path `/v1/traces`.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        }
    }
}

/// Reads one `Export*ServiceRequest`.
///
/// `received_at` (nanoseconds since the epoch) stands in for the time of a log record that has none.
///
/// # Errors
/// When the bytes are not the message, or become more than `limits` allows; nothing of the request is to be stored.
pub fn decode(signal: Signal, request: &[u8], received_at: i64, limits: &DecodeLimits) -> Result<Decoded, WireError> {
    match signal {
        Signal::Traces => spans::decode(request, limits),
        Signal::Logs => logs::decode(request, received_at, limits),
        Signal::Metrics => metrics::decode(request, limits),
    }
}

/// A group of a request: the scopes of a resource, or the records of a scope.
struct Group<'a> {
    fields: Reader<'a>,
    schema_url: &'a [u8],
}

impl<'a> Group<'a> {
    /// Looks through a `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`, or in one of those a `Scope*`: all have their
    /// subject in field 1, their content in field 2 and a schema URL in field 3. The subject may follow the content, so
    /// the group is walked once for each of them, rather than its parts kept.
    fn read(message: &'static str, bytes: &'a [u8]) -> Result<Self, WireError> {
        let fields = Reader::new(message, bytes);
        let mut schema_url = &[][..];
        let mut reader = fields.clone();
        while let Some(field) = reader.next()? {
            match field.number {
                1 | 2 => {
                    field.bytes()?;
                }
                3 => schema_url = field.bytes()?,
                _ => {}
            }
        }
        Ok(Self { fields, schema_url })
    }

    /// The resource or scope; where it comes in several parts, they are one, as protobuf merges them.
    fn subject(&self) -> Parts<'a> {
        Parts { fields: self.fields.clone(), number: 1 }
    }

    /// The scopes of a resource, or the records of a scope.
    fn content(&self) -> Parts<'a> {
        Parts { fields: self.fields.clone(), number: 2 }
    }
}

/// The fields of one number in a group.
struct Parts<'a> {
    fields: Reader<'a>,
    number: u32,
}

impl<'a> Parts<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        self.fields.next_bytes(self.number)
    }
}

/// Bytes that the records of a request may become.
struct Budget {
    used: usize,
    limit: usize,
}

impl Budget {
    /// What a record's own columns cost besides its text.
    const ROW_BYTES: usize = 400;
    /// What an event, link or exemplar costs besides its text.
    const ITEM_BYTES: usize = 40;

    fn new(limits: &DecodeLimits) -> Self {
        Self { used: 0, limit: limits.expanded_bytes.min(DecodeLimits::MAX_EXPANDED_BYTES) }
    }

    /// Charges one record of `wire_bytes` that also repeats `shared_bytes` of its resource and scope.
    fn charge_record(&mut self, wire_bytes: usize, shared_bytes: usize) -> Result<(), WireError> {
        self.charge(Self::ROW_BYTES + 2 * wire_bytes + shared_bytes)
    }

    /// Refuses `records` that could not be paid for, before they are collected.
    fn check_records(&self, records: usize) -> Result<(), WireError> {
        if self.used.saturating_add(records.saturating_mul(Self::ROW_BYTES)) > self.limit {
            return Err(WireError::Expansion { limit: self.limit });
        }
        Ok(())
    }

    /// Charges the events, links or exemplars of a record.
    fn charge_items(&mut self, items: usize) -> Result<(), WireError> {
        self.charge(items * Self::ITEM_BYTES)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), WireError> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit { Err(WireError::Expansion { limit: self.limit }) } else { Ok(()) }
    }
}

/// Puts finished columns in the order of the table's schema.
fn assemble(table: Table, rows: usize, mut columns: Vec<(&'static str, ArrayRef)>, report: Report) -> Decoded {
    let schema = table.schema();
    let mut ordered = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let position = columns
            .iter()
            .position(|(name, _)| *name == field.name())
            .unwrap_or_else(|| unreachable!("no column is built for {table}.{}", field.name()));
        ordered.push(columns.swap_remove(position).1);
    }
    debug_assert!(columns.is_empty(), "columns that {table} does not have: {columns:?}");
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), ordered, &options)
        .expect("each required column is written for each row, by the types of the schema");
    Decoded { batch, report }
}

/// The time of an event or exemplar, which past the year 2262 is the last there is.
fn clamped_nanos(value: u64, report: &mut Report) -> i64 {
    nanos(value).unwrap_or_else(|| {
        report.repair(Repair::TimeClamped);
        i64::MAX
    })
}

/// `value` as nanoseconds in 64 signed bits; past the year 2262 there are none.
fn nanos(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}
