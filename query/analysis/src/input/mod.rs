//! From rows of the `spans` table to [`Span`]s.

mod attributes;
mod call;
mod columns;
mod layouts;
mod resources;
mod shapes;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use arrow::{datatypes::DataType, record_batch::RecordBatch};
use spandrel_proto::model::Outcome;

use self::{
    attributes::{Attribute, Attributes},
    call::Call,
    columns::{Columns, Texts},
    layouts::Layouts,
    resources::{Process, Processes, Runs},
    shapes::Shapes,
};
use crate::{
    context::Context,
    hash::stable_hash,
    span::{Span, SpanFlags, WEIGHT_ONE},
};

/// A batch that does not hold what is to be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("spans have no column {0}")]
    Missing(&'static str),
    #[error("column {name} of spans is {found}")]
    Type { name: &'static str, found: DataType },
}

/// Longer spans are not part of percentiles, nanoseconds.
const LONG: i64 = 24 * 3600 * 1_000_000_000;

/// Bytes of an entry of a map of byte strings, beyond those of the string.
const ENTRY_BYTES: usize = 64;

/// Reads rows of the `spans` table. What consecutive rows have in common is looked up once, so it is to be kept between
/// batches, together with the context it fills.
#[derive(Debug, Default)]
pub struct SpanReader {
    processes: Processes,
    layouts: Layouts,
    shapes: Shapes,
    skipped: u64,
}

impl SpanReader {
    /// The columns that are read, in the order of the table.
    pub const COLUMNS: &[&str] = &columns::NAMES;

    /// Appends a span for each row.
    ///
    /// # Errors
    /// When a column is missing or of another type than stored; nothing is appended then.
    pub fn read(
        &mut self,
        batch: &RecordBatch,
        context: &mut Context,
        spans: &mut Vec<Span>,
    ) -> Result<(), InputError> {
        spans.reserve(batch.num_rows());
        self.each(batch, context, |_, span| spans.push(span))
    }

    /// Gives a span for each row to `take`.
    ///
    /// # Errors
    /// When a column is missing or of another type than stored; there are none then.
    pub(crate) fn each(
        &mut self,
        batch: &RecordBatch,
        context: &mut Context,
        mut take: impl FnMut(&Context, Span),
    ) -> Result<(), InputError> {
        let columns = Columns::of(batch)?;
        let processes = Runs::of(&columns, batch.num_rows());
        let mut attributes = Attributes::default();
        for row in 0..batch.num_rows() {
            let process = self.processes.read(&columns, &processes, row, context);
            if self.span(&columns, row, process, &mut attributes, context, &mut take).is_none() {
                self.skipped += 1;
            }
        }
        Ok(())
    }

    /// Rows left out because their ids are not ids.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Operations counted as `_other` because their service has too many; one that was forgotten since counts again.
    pub fn operations_overflowed(&self) -> u64 {
        self.shapes.overflowed()
    }

    /// Gives the span of `row` to `take`, if its ids are ids.
    #[inline]
    fn span<'a>(
        &mut self,
        columns: &Columns<'a>,
        row: usize,
        process: Process,
        attributes: &mut Attributes<'a>,
        context: &mut Context,
        take: &mut impl FnMut(&Context, Span),
    ) -> Option<()> {
        let trace_id = u128::from_be_bytes(columns.trace_id.value(row).try_into().ok()?);
        let span_id = columns::span_id(columns.span_id, row)?;
        let parent_id = columns::span_id(columns.parent_span_id, row).unwrap_or(0);
        let kind = values::kind(columns.kind.at(row));
        attributes.read(columns.attributes, row, kind.serves(), &mut self.layouts);
        let call = Call::read(columns, row, kind, parent_id == 0, attributes);
        let shape = self.shapes.read(&call, process.service, context);
        let start = columns.start_time.value(row).max(0);
        let end = columns.end_time.value(row);
        let outcome = values::outcome(columns.outcome.at(row));
        let span = Span {
            trace_id,
            span_id,
            parent_id,
            start,
            end: end.max(start),
            weight: weight(columns.weight.value(row)),
            links: columns.links(row),
            parameter: parameter(&call),
            resource: process.resource,
            operation: shape.operation,
            peer: shape.peer,
            cause: context.texts.intern(columns.error_type.at(row)),
            deadline_ms: call.attributes.deadline_ms(),
            messages: values::number(call.attributes.text(Attribute::MessageCount)).unwrap_or(0),
            http_status: call.http_status.and_then(|status| status.try_into().ok()).unwrap_or(0),
            flags: flags(columns, row, process, &call, (trace_id, end.saturating_sub(start), outcome)),
            kind,
            outcome,
            resend: call.attributes.resend(),
        };
        take(context, span);
        Some(())
    }
}

/// In fixed point.
fn weight(weight: f64) -> u64 {
    if weight == 1.0 { WEIGHT_ONE } else { (weight * WEIGHT_ONE as f64).round() as u64 }
}

fn flags(
    columns: &Columns<'_>,
    row: usize,
    process: Process,
    call: &Call<'_, '_>,
    (trace_id, duration, outcome): (u128, i64, Outcome),
) -> SpanFlags {
    let is_refusal = |column: Texts<'_>| spandrel_proto::model::is_refusal(column.at(row).as_bytes());
    let mut flags = SpanFlags::default();
    let mut set = |holds: bool, flag| {
        if holds {
            flags.insert(flag);
        }
    };
    set(duration < 0, SpanFlags::NEGATIVE_DURATION);
    set(columns.status_code.at(row) == "ERROR", SpanFlags::STATUS_ERROR);
    set(process.is_unknown, SpanFlags::UNKNOWN_SERVICE);
    set(call.attributes.conflict, SpanFlags::ALIAS_CONFLICT);
    set(values::is_inconsistent(columns.trace_state.at(row), trace_id), SpanFlags::INCONSISTENT_SAMPLING);
    set(call.attributes.is_resend(), SpanFlags::RESEND);
    set(duration > LONG, SpanFlags::LONG);
    let is_refused =
        outcome == Outcome::Rejected && (is_refusal(columns.error_type) || is_refusal(columns.status_message));
    set(is_refused, SpanFlags::SHORT_CIRCUITED);
    flags
}

/// Hash of what differs between calls of one operation; the same in every process.
fn parameter(call: &Call<'_, '_>) -> u64 {
    let attribute = |attribute| call.attributes.text(attribute);
    let message = || {
        let id = attribute(Attribute::MessageId);
        let offset = attribute(Attribute::Offset);
        // A message's place in a partition takes both.
        let is_said = !id.is_empty() || !offset.is_empty();
        is_said.then(|| [id, attribute(Attribute::Partition), offset])
    };
    let query = || (!call.query.text.is_empty()).then_some([call.query.text, "", ""]);
    let url = || {
        let query = attribute(Attribute::UrlQuery);
        let is_said = !call.path.is_empty() || !query.is_empty();
        is_said.then_some([call.path, query, ""])
    };
    let is_message = !call.message.system.is_empty();
    let said = if is_message { message().or_else(query).or_else(url) } else { query().or_else(url).or_else(message) };
    said.map_or(0, |texts| stable_hash(&texts).max(1))
}
