//! `ExportLogsServiceRequest` to `logs`.

use arrow::array::ArrayRef;

use super::{
    Budget, Group,
    any_value::{AnyValue, read_key_value},
    assemble,
    attributes::{Correlation, Kept, push_entry, push_some_text, push_value},
    nanos,
    resource::{OriginColumns, Resource, Scope, finish_map, finish_source},
};
use crate::{
    columns::{Bytes, Finisher, Int32s, Int64s, Maps},
    model::{
        Table,
        id::{SPAN_ID_LEN, TRACE_ID_LEN},
    },
    wire::{DecodeLimits, Decoded, RejectReason, Repair, Report, WireError, protobuf::Reader},
};

pub(super) fn decode(request: &[u8], received_at: i64, limits: &DecodeLimits) -> Result<Decoded, WireError> {
    let mut rows = LogRows {
        limits,
        received_at,
        columns: LogColumns::default(),
        rows: 0,
        report: Report::default(),
        budget: Budget::new(limits),
    };
    let mut log = LogRecord::default();
    let mut reader = Reader::new("ExportLogsServiceRequest", request);
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        let resource_logs = Group::read("ResourceLogs", field.bytes()?)?;
        let resource = Resource::read(resource_logs.subject(), limits, &mut rows.report)?;
        let mut scopes = resource_logs.content();
        while let Some(scope_bytes) = scopes.next()? {
            let scope_logs = Group::read("ScopeLogs", scope_bytes)?;
            let schema_urls = [scope_logs.schema_url, resource_logs.schema_url];
            let scope = Scope::read(scope_logs.subject(), schema_urls, limits, &mut rows.report)?;
            let shared_bytes = resource.byte_len() + scope.byte_len();
            let first_row = rows.rows;
            let mut logs = scope_logs.content();
            while let Some(log_bytes) = logs.next()? {
                rows.budget.charge_record(log_bytes.len(), shared_bytes)?;
                log.read(log_bytes, limits)?;
                rows.push(log_bytes, &log)?;
            }
            rows.columns.origin.push(first_row..rows.rows, &resource, &scope);
        }
    }
    let LogRows { columns, rows, mut report, .. } = rows;
    let mut finisher = Finisher::new(rows);
    let columns = columns.finish(&mut finisher);
    report.repair_many(Repair::NotUtf8, finisher.texts_repaired);
    Ok(assemble(Table::Logs, rows, columns, report))
}

/// The fields of one record, in place. Reused between records.
#[derive(Debug, Default)]
struct LogRecord<'a> {
    time: u64,
    observed_time: u64,
    severity_number: i32,
    severity_text: &'a [u8],
    body: Option<&'a [u8]>,
    attributes: Kept<'a>,
    dropped_attributes_count: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a [u8],
}

impl<'a> LogRecord<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &DecodeLimits) -> Result<(), WireError> {
        self.attributes.clear();
        *self = Self { attributes: std::mem::take(&mut self.attributes), ..Self::default() };
        let mut reader = Reader::new("LogRecord", bytes);
        while let Some(field) = reader.next()? {
            match field.number {
                1 => self.time = field.fixed64()?,
                2 => self.severity_number = field.int32()?,
                3 => self.severity_text = field.bytes()?,
                5 => self.body = Some(field.bytes()?),
                6 => self.attributes.push(field.bytes()?, limits.attributes),
                7 => self.dropped_attributes_count = field.uint32()?,
                8 => self.flags = field.fixed32()?,
                9 => self.trace_id = field.bytes()?,
                10 => self.span_id = field.bytes()?,
                11 => self.observed_time = field.fixed64()?,
                12 => self.event_name = field.bytes()?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct LogColumns {
    time: Int64s,
    observed_time: Int64s,
    severity_number: Int32s,
    severity_text: Bytes,
    body: Bytes,
    event_name: Bytes,
    trace_id: Bytes,
    span_id: Bytes,
    correlation_id: Bytes,
    flags: Int64s,
    dropped_attributes_count: Int64s,
    attributes: Maps,
    origin: OriginColumns,
}

impl LogColumns {
    fn finish(self, finisher: &mut Finisher) -> Vec<(&'static str, ArrayRef)> {
        let mut columns = vec![
            ("time", self.time.finish(finisher)),
            ("observed_time", self.observed_time.finish(finisher)),
            ("severity_number", self.severity_number.finish(finisher)),
            ("severity_text", self.severity_text.finish_text(finisher)),
            ("body", self.body.finish_text(finisher)),
            ("event_name", self.event_name.finish_text(finisher)),
            ("trace_id", self.trace_id.finish_binary(finisher)),
            ("span_id", self.span_id.finish_binary(finisher)),
            ("correlation_id", self.correlation_id.finish_text(finisher)),
            ("flags", self.flags.finish(finisher)),
            ("dropped_attributes_count", self.dropped_attributes_count.finish(finisher)),
            ("attributes", finish_map(Table::Logs, "attributes", self.attributes, finisher)),
            ("source", finish_source(finisher.rows)),
        ];
        self.origin.finish(Table::Logs, finisher, &mut columns);
        columns
    }
}

struct LogRows<'l> {
    limits: &'l DecodeLimits,
    received_at: i64,
    columns: LogColumns,
    rows: usize,
    report: Report,
    budget: Budget,
}

impl LogRows<'_> {
    fn push(&mut self, bytes: &[u8], log: &LogRecord<'_>) -> Result<(), WireError> {
        let (Some(time), Some(observed_time)) = (nanos(log.time), nanos(log.observed_time)) else {
            self.report.reject(RejectReason::TimeOutOfRange, 1, bytes);
            return Ok(());
        };
        let (columns, row, limits, report) = (&mut self.columns, self.rows, self.limits, &mut self.report);
        // A record without a time of its own happened, as far as anyone knows, when it was observed.
        let known = [time, observed_time, self.received_at];
        columns.time.push(row, known.into_iter().find(|time| *time != 0).unwrap_or_default());
        if observed_time != 0 {
            columns.observed_time.push(row, observed_time);
        }
        if log.severity_number != 0 {
            columns.severity_number.push(row, log.severity_number);
        }
        push_some_text(&mut columns.severity_text, row, log.severity_text, limits, report);
        push_some_text(&mut columns.event_name, row, log.event_name, limits, report);
        if let Some(body) = log.body {
            push_value(&mut columns.body, row, AnyValue::read(body)?, limits, report)?;
        }
        push_id(&mut columns.trace_id, row, log.trace_id, TRACE_ID_LEN, report);
        push_id(&mut columns.span_id, row, log.span_id, SPAN_ID_LEN, report);
        columns.flags.push(row, i64::from(log.flags));
        self.push_attributes(&log.attributes)?;
        let dropped = i64::from(log.dropped_attributes_count) + log.attributes.dropped.cast_signed();
        self.columns.dropped_attributes_count.push(row, dropped);
        self.rows += 1;
        Ok(())
    }

    fn push_attributes(&mut self, attributes: &Kept<'_>) -> Result<(), WireError> {
        let (columns, row, limits, report) = (&mut self.columns, self.rows, self.limits, &mut self.report);
        let mut correlation = Correlation::default();
        for bytes in &attributes.items {
            let (key, value) = read_key_value(bytes)?;
            let value = AnyValue::read(value)?;
            correlation.offer(key, value)?;
            push_entry(&mut columns.attributes, key, value, limits, report)?;
        }
        columns.attributes.end_row(row);
        report.repair_many(Repair::AttributesDropped, attributes.dropped);
        correlation.push(&mut columns.correlation_id, row, limits, report)
    }
}

/// Sets `row` to an id; one of a wrong length is no id and is left out, all zeros mean that there is none.
pub(super) fn push_id(column: &mut Bytes, row: usize, id: &[u8], len: usize, report: &mut Report) {
    if id.len() == len && id.iter().any(|byte| *byte != 0) {
        column.push(row, id);
    } else if !id.is_empty() && id.len() != len {
        report.repair(Repair::IdLeftOut);
    }
}
