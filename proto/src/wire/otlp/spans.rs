//! `ExportTraceServiceRequest` to `spans`.

use super::{
    Budget, Group,
    any_value::{AnyValue, read_key_value},
    assemble,
    attributes::{Kept, push_attributes, push_some_text, push_text},
    clamped_nanos, nanos,
    resource::{Resource, Scope},
    span_attributes::SpanAttributes,
    spans_columns::SpanColumns,
};
use crate::{
    columns::Finisher,
    model::{
        self, Signals, Table,
        alias::Target,
        id::{SPAN_ID_LEN, TRACE_ID_LEN},
    },
    wire::{DecodeLimits, Decoded, RejectReason, Repair, Report, WireError, protobuf::Reader},
};

pub(super) fn decode(request: &[u8], limits: &DecodeLimits) -> Result<Decoded, WireError> {
    let mut rows = SpanRows {
        limits,
        columns: SpanColumns::default(),
        rows: 0,
        report: Report::default(),
        budget: Budget::new(limits),
    };
    let mut span = Span::default();
    let mut attributes = SpanAttributes::default();
    let mut reader = Reader::new("ExportTraceServiceRequest", request);
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        let resource_spans = Group::read("ResourceSpans", field.bytes()?)?;
        let resource = Resource::read(resource_spans.subject(), limits, &mut rows.report)?;
        let mut scopes = resource_spans.content();
        while let Some(scope_bytes) = scopes.next()? {
            let scope_spans = Group::read("ScopeSpans", scope_bytes)?;
            let schema_urls = [scope_spans.schema_url, resource_spans.schema_url];
            let scope = Scope::read(scope_spans.subject(), schema_urls, limits, &mut rows.report)?;
            let shared_bytes = resource.byte_len() + scope.byte_len();
            let first_row = rows.rows;
            let mut spans = scope_spans.content();
            while let Some(span_bytes) = spans.next()? {
                rows.budget.charge_record(span_bytes.len(), shared_bytes)?;
                span.read(span_bytes, limits)?;
                rows.budget.charge_items(span.events.items.len() + span.links.items.len())?;
                rows.push(span_bytes, &span, &mut attributes)?;
            }
            rows.columns.origin.push(first_row..rows.rows, &resource, &scope);
        }
    }
    let SpanRows { columns, rows, mut report, .. } = rows;
    let mut finisher = Finisher::new(rows);
    let columns = columns.finish(&mut finisher);
    report.repair_many(Repair::NotUtf8, finisher.texts_repaired);
    Ok(assemble(Table::Spans, rows, columns, report))
}

/// The fields of one span, in place. Reused between spans.
#[derive(Debug, Default)]
struct Span<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    kind: i32,
    start_time: u64,
    end_time: u64,
    attributes: Kept<'a>,
    dropped_attributes_count: u32,
    events: Kept<'a>,
    dropped_events_count: u32,
    links: Kept<'a>,
    dropped_links_count: u32,
    status_code: i32,
    status_message: &'a [u8],
    flags: u32,
}

impl<'a> Span<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &DecodeLimits) -> Result<(), WireError> {
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        *self = Self {
            attributes: std::mem::take(&mut self.attributes),
            events: std::mem::take(&mut self.events),
            links: std::mem::take(&mut self.links),
            ..Self::default()
        };
        let mut reader = Reader::new("Span", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => self.trace_id = field.bytes()?,
                2 => self.span_id = field.bytes()?,
                3 => self.trace_state = field.bytes()?,
                4 => self.parent_span_id = field.bytes()?,
                5 => self.name = field.bytes()?,
                6 => self.kind = field.int32()?,
                7 => self.start_time = field.fixed64()?,
                8 => self.end_time = field.fixed64()?,
                9 => self.attributes.push(field.bytes()?, limits.attributes),
                10 => self.dropped_attributes_count = field.uint32()?,
                11 => self.events.push(field.bytes()?, limits.list_items),
                12 => self.dropped_events_count = field.uint32()?,
                13 => self.links.push(field.bytes()?, limits.list_items),
                14 => self.dropped_links_count = field.uint32()?,
                15 => self.read_status(field.bytes()?)?,
                16 => self.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_status(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new("Status", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                2 => self.status_message = field.bytes()?,
                3 => self.status_code = field.int32()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Why the span cannot be stored.
    fn fault(&self) -> Result<Option<RejectReason>, WireError> {
        let reason = if !is_id(self.trace_id, TRACE_ID_LEN) {
            RejectReason::TraceId
        } else if !is_id(self.span_id, SPAN_ID_LEN) {
            RejectReason::SpanId
        } else if !matches!(self.parent_span_id.len(), 0 | SPAN_ID_LEN) {
            RejectReason::ParentSpanId
        } else if self.start_time == 0 {
            RejectReason::TimeMissing
        } else if nanos(self.start_time).is_none() || nanos(self.end_time).is_none() {
            RejectReason::TimeOutOfRange
        } else {
            for link in &self.links.items {
                if !has_ids(link)? {
                    return Ok(Some(RejectReason::LinkId));
                }
            }
            return Ok(None);
        };
        Ok(Some(reason))
    }

    fn serves(&self) -> bool {
        matches!(self.kind, KIND_SERVER | KIND_CONSUMER)
    }
}

const KIND_SERVER: i32 = 2;
const KIND_CLIENT: i32 = 3;
const KIND_CONSUMER: i32 = 5;
const STATUS_ERROR: i32 = 2;

fn kind_name(kind: i32) -> &'static [u8] {
    match kind {
        1 => b"INTERNAL",
        KIND_SERVER => b"SERVER",
        KIND_CLIENT => b"CLIENT",
        4 => b"PRODUCER",
        KIND_CONSUMER => b"CONSUMER",
        _ => b"UNSPECIFIED",
    }
}

fn status_name(status: i32) -> &'static [u8] {
    match status {
        1 => b"OK",
        STATUS_ERROR => b"ERROR",
        _ => b"UNSET",
    }
}

fn is_id(bytes: &[u8], len: usize) -> bool {
    bytes.len() == len && bytes.iter().any(|byte| *byte != 0)
}

/// Whether the ids of a link, given as its bytes, have their lengths.
fn has_ids(link: &[u8]) -> Result<bool, WireError> {
    let mut reader = Reader::new("Span.Link", link);
    let mut lengths = (0, 0);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => lengths.0 = field.bytes()?.len(),
            2 => lengths.1 = field.bytes()?.len(),
            _ => {}
        }
    }
    Ok(lengths == (TRACE_ID_LEN, SPAN_ID_LEN))
}

/// The fields of one link, in place. Reused between links.
#[derive(Debug, Default)]
struct Link<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    trace_state: &'a [u8],
    attributes: Kept<'a>,
    dropped_attributes_count: u32,
    flags: u32,
}

impl<'a> Link<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &DecodeLimits) -> Result<(), WireError> {
        self.attributes.clear();
        *self = Self { attributes: std::mem::take(&mut self.attributes), ..Self::default() };
        let mut reader = Reader::new("Span.Link", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => self.trace_id = field.bytes()?,
                2 => self.span_id = field.bytes()?,
                3 => self.trace_state = field.bytes()?,
                4 => self.attributes.push(field.bytes()?, limits.attributes),
                5 => self.dropped_attributes_count = field.uint32()?,
                6 => self.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The fields of one event, in place. Reused between events.
#[derive(Debug, Default)]
struct Event<'a> {
    time: u64,
    name: &'a [u8],
    attributes: Kept<'a>,
    dropped_attributes_count: u32,
}

impl<'a> Event<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &DecodeLimits) -> Result<(), WireError> {
        self.attributes.clear();
        *self = Self { attributes: std::mem::take(&mut self.attributes), ..Self::default() };
        let mut reader = Reader::new("Span.Event", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => self.time = field.fixed64()?,
                2 => self.name = field.bytes()?,
                3 => self.attributes.push(field.bytes()?, limits.attributes),
                4 => self.dropped_attributes_count = field.uint32()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The class of the exception that the event records.
    fn exception_type(&self) -> Result<Option<&'a [u8]>, WireError> {
        if self.name != b"exception" {
            return Ok(None);
        }
        for attribute in &self.attributes.items {
            let (key, value) = read_key_value(attribute)?;
            if key == b"exception.type"
                && let AnyValue::Text(class) = AnyValue::read(value)?
            {
                return Ok(Some(class));
            }
        }
        Ok(None)
    }
}

struct SpanRows<'l> {
    limits: &'l DecodeLimits,
    columns: SpanColumns,
    rows: usize,
    report: Report,
    budget: Budget,
}

impl SpanRows<'_> {
    fn push<'a>(
        &mut self,
        bytes: &[u8],
        span: &Span<'a>,
        attributes: &mut SpanAttributes<'a>,
    ) -> Result<(), WireError> {
        if let Some(reason) = span.fault()? {
            self.report.reject(reason, 1, bytes);
            return Ok(());
        }
        attributes.read(&span.attributes, span.serves(), &mut self.report)?;
        self.push_fields(span);
        self.push_outcome(span, attributes)?;
        attributes.write(&mut self.columns, self.rows, self.limits, &mut self.report)?;
        self.push_events(&span.events)?;
        self.push_links(&span.links)?;
        self.push_dropped_counts(span);
        self.rows += 1;
        Ok(())
    }

    fn push_fields(&mut self, span: &Span<'_>) {
        let (columns, row, limits, report) = (&mut self.columns, self.rows, self.limits, &mut self.report);
        let start = nanos(span.start_time).unwrap_or_default();
        let end = nanos(span.end_time).unwrap_or_default();
        if end < start {
            report.repair(Repair::NegativeDuration);
        }
        columns.trace_id.push(row, span.trace_id);
        columns.span_id.push(row, span.span_id);
        if is_id(span.parent_span_id, SPAN_ID_LEN) {
            columns.parent_span_id.push(row, span.parent_span_id);
        }
        push_some_text(&mut columns.trace_state, row, span.trace_state, limits, report);
        push_text(&mut columns.name, row, span.name, limits, report);
        columns.kind.push(row, kind_name(span.kind));
        columns.start_time.push(row, start);
        columns.end_time.push(row, end);
        columns.duration_ns.push(row, (end - start).max(0));
        columns.status_code.push(row, status_name(span.status_code));
        push_some_text(&mut columns.status_message, row, span.status_message, limits, report);
        columns.weight.push(row, model::weight(span.trace_state));
        columns.flags.push(row, i64::from(span.flags));
    }

    fn push_dropped_counts(&mut self, span: &Span<'_>) {
        let total = |count: u32, kept: &Kept<'_>| i64::from(count) + kept.dropped.cast_signed();
        let (columns, row) = (&mut self.columns, self.rows);
        columns.dropped_attributes_count.push(row, total(span.dropped_attributes_count, &span.attributes));
        columns.dropped_events_count.push(row, total(span.dropped_events_count, &span.events));
        columns.dropped_links_count.push(row, total(span.dropped_links_count, &span.links));
    }

    fn push_outcome(&mut self, span: &Span<'_>, attributes: &SpanAttributes<'_>) -> Result<(), WireError> {
        let error = span.status_code == STATUS_ERROR || attributes.error;
        let mut error_type = attributes.text(Target::ErrorType);
        if error && !attributes.has(Target::ErrorType) {
            let mut event = Event::default();
            for bytes in &span.events.items {
                event.read(bytes, self.limits)?;
                error_type = event.exception_type()?.unwrap_or(error_type);
            }
            if !error_type.is_empty() {
                let column = self.columns.text(Target::ErrorType);
                push_text(column, self.rows, error_type, self.limits, &mut self.report);
            }
        }
        let outcome = model::outcome(&Signals {
            serves: span.serves(),
            calls: span.kind == KIND_CLIENT,
            error,
            status_message: span.status_message,
            error_type,
            is_http: attributes.has(Target::HttpRequestMethod),
            http_status: attributes.number(Target::HttpResponseStatusCode),
            retry_after: attributes.retry_after,
            rpc_status: attributes.text(Target::RpcStatusCode),
        });
        self.columns.outcome.push(self.rows, outcome.as_str().as_bytes());
        Ok(())
    }

    fn push_events(&mut self, events: &Kept<'_>) -> Result<(), WireError> {
        let (limits, report) = (self.limits, &mut self.report);
        let columns = &mut self.columns.events;
        let mut event = Event::default();
        for bytes in &events.items {
            event.read(bytes, limits)?;
            let element = columns.time.len();
            columns.time.push(element, clamped_nanos(event.time, report));
            push_text(&mut columns.name, element, event.name, limits, report);
            push_attributes(&mut columns.attributes, element, &event.attributes, limits, report)?;
            let dropped = i64::from(event.dropped_attributes_count) + event.attributes.dropped.cast_signed();
            columns.dropped_attributes_count.push(element, dropped);
        }
        columns.nesting.end_row(self.rows, columns.time.len());
        report.repair_many(Repair::ListItemsDropped, events.dropped);
        Ok(())
    }

    fn push_links(&mut self, links: &Kept<'_>) -> Result<(), WireError> {
        let (limits, report) = (self.limits, &mut self.report);
        let columns = &mut self.columns.links;
        let mut link = Link::default();
        for bytes in &links.items {
            link.read(bytes, limits)?;
            let element = columns.trace_id.len();
            columns.trace_id.push(element, link.trace_id);
            columns.span_id.push(element, link.span_id);
            push_some_text(&mut columns.trace_state, element, link.trace_state, limits, report);
            push_attributes(&mut columns.attributes, element, &link.attributes, limits, report)?;
            let dropped = i64::from(link.dropped_attributes_count) + link.attributes.dropped.cast_signed();
            columns.dropped_attributes_count.push(element, dropped);
            columns.flags.push(element, i64::from(link.flags));
        }
        columns.nesting.end_row(self.rows, columns.trace_id.len());
        report.repair_many(Repair::ListItemsDropped, links.dropped);
        Ok(())
    }
}
