//! From rows of the `spans` table to [`Span`]s.

mod attributes;
mod call;
mod columns;
mod resources;
mod shapes;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use arrow::{datatypes::DataType, record_batch::RecordBatch};
use spandrel_proto::model::Outcome;

use self::{
    call::Call,
    columns::Columns,
    resources::{Last, Resources},
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
    resources: Resources,
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
        let columns = Columns::of(batch)?;
        let mut last = None;
        spans.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            match self.span(&columns, row, &mut last, context) {
                Some(span) => spans.push(span),
                None => self.skipped += 1,
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

    fn span<'a>(
        &mut self,
        columns: &Columns<'a>,
        row: usize,
        last: &mut Option<Last<'a>>,
        context: &mut Context,
    ) -> Option<Span> {
        let trace_id = u128::from_be_bytes(columns.trace_id.value(row).try_into().ok()?);
        let span_id = columns::span_id(columns.span_id, row)?;
        let parent_id = columns::span_id(columns.parent_span_id, row).unwrap_or(0);
        let kind = values::kind(columns.kind.at(row));
        let call = Call::read(columns, row, kind, parent_id == 0);
        let resource = self.resources.read(columns, row, last, context);
        let shape = self.shapes.read(&call, context.resource(resource).service, context);
        let start = columns.start_time.value(row).max(0);
        let end = columns.end_time.value(row);
        let outcome = values::outcome(columns.outcome.at(row));
        let mut span = Span {
            trace_id,
            span_id,
            parent_id,
            start,
            end: end.max(start),
            weight: (columns.weight.value(row) * WEIGHT_ONE as f64).round() as u64,
            links: columns.links(row),
            parameter: parameter(&call),
            resource,
            operation: shape.operation,
            peer: shape.peer,
            cause: context.texts.intern(columns.error_type.at(row)),
            deadline_ms: call.attributes.deadline_ms(),
            messages: values::number(call.attributes.message_count).unwrap_or(0),
            http_status: call.http_status.and_then(|status| status.try_into().ok()).unwrap_or(0),
            flags: SpanFlags::default(),
            kind,
            outcome,
            resend: call.attributes.resend(),
        };
        flag(&mut span, columns, row, &call, end < start);
        Some(span)
    }
}

fn flag(span: &mut Span, columns: &Columns<'_>, row: usize, call: &Call<'_>, negative: bool) {
    let short_circuited = span.outcome == Outcome::Rejected
        && [columns.error_type, columns.status_message]
            .iter()
            .any(|column| spandrel_proto::model::is_refusal(column.at(row).as_bytes()));
    let flags = [
        (negative, SpanFlags::NEGATIVE_DURATION),
        (span.duration() > LONG, SpanFlags::LONG),
        (columns.status_code.at(row) == "ERROR", SpanFlags::STATUS_ERROR),
        (columns.service_name.at(row).starts_with("unknown_service"), SpanFlags::UNKNOWN_SERVICE),
        (call.attributes.conflict, SpanFlags::ALIAS_CONFLICT),
        (values::is_inconsistent(columns.trace_state.at(row), span.trace_id), SpanFlags::INCONSISTENT_SAMPLING),
        (call.attributes.is_resend(), SpanFlags::RESEND),
        (short_circuited, SpanFlags::SHORT_CIRCUITED),
    ];
    for (_, flag) in flags.iter().filter(|(holds, _)| *holds) {
        span.flags.insert(*flag);
    }
}

/// Hash of what differs between calls of one operation; the same in every process.
fn parameter(call: &Call<'_>) -> u64 {
    let attributes = &call.attributes;
    let message = [attributes.message_id, attributes.partition, attributes.offset];
    let query = [call.query.text, "", ""];
    let url = [call.path, attributes.url_query, ""];
    let is_message = !call.message.system.is_empty();
    // A message's place in a partition takes both.
    let message = if message[0].is_empty() && message[2].is_empty() { [""; 3] } else { message };
    let candidates = if is_message { [message, query, url] } else { [query, url, message] };
    let Some(texts) = candidates.iter().find(|texts| texts.iter().any(|text| !text.is_empty())) else { return 0 };
    stable_hash(texts).max(1)
}
