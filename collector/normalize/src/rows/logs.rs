//! `logs`.

use arrow::record_batch::RecordBatch;
use spandrel_proto::{
    columns::{Bytes, Finisher, Int32s, Int64s, Maps},
    model::Table,
};

use super::{Repairs, assemble, finish_map, push_attributes, push_some, push_text, repeated};
use crate::{format::LineContext, record::LogRecord};

/// Stands for the service of a log that names none, as OpenTelemetry has it.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Collects log records of one format.
#[derive(Debug)]
pub struct LogRows {
    rows: usize,
    source: &'static str,
    columns: LogColumns,
    pub repairs: Repairs,
}

#[derive(Debug, Default)]
struct LogColumns {
    time: Int64s,
    observed_time: Int64s,
    severity_number: Int32s,
    severity_text: Bytes,
    body: Bytes,
    event_name: Bytes,
    service_name: Bytes,
    service_namespace: Bytes,
    service_version: Bytes,
    service_instance_id: Bytes,
    deployment_environment_name: Bytes,
    host_name: Bytes,
    trace_id: Bytes,
    span_id: Bytes,
    correlation_id: Bytes,
    scope_name: Bytes,
    flags: Int64s,
    dropped_attributes_count: Int64s,
    attributes: Maps,
}

impl LogRows {
    /// `source` is the text of the column of that name.
    pub fn new(source: &'static str) -> Self {
        Self { rows: 0, source, columns: LogColumns::default(), repairs: Repairs::default() }
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a record; what it leaves out is taken from the context of its line.
    pub fn push(&mut self, record: &LogRecord<'_>, context: &LineContext<'_>) {
        let (columns, row, repairs) = (&mut self.columns, self.rows, &mut self.repairs);
        columns.time.push(row, record.time.unwrap_or_else(|| context.written_at()));
        columns.observed_time.push(row, context.received_at);
        if let Some(severity) = record.severity_number.or(context.severity_number) {
            columns.severity_number.push(row, severity);
        }
        push_some(&mut columns.severity_text, row, record.severity_text.as_ref(), repairs);
        push_some(&mut columns.body, row, record.body.as_ref(), repairs);
        push_some(&mut columns.event_name, row, record.event_name.as_ref(), repairs);
        let service = record.service_name.as_deref().or(context.service).or(context.program);
        push_text(&mut columns.service_name, row, service.unwrap_or(UNKNOWN_SERVICE), repairs);
        push_some(&mut columns.service_namespace, row, record.service_namespace.as_ref(), repairs);
        push_some(&mut columns.service_version, row, record.service_version.as_ref(), repairs);
        push_some(&mut columns.service_instance_id, row, record.service_instance_id.as_ref(), repairs);
        push_some(&mut columns.deployment_environment_name, row, record.deployment_environment_name.as_ref(), repairs);
        if let Some(host) = record.host_name.as_deref().or(context.host) {
            push_text(&mut columns.host_name, row, host, repairs);
        }
        push_some(&mut columns.scope_name, row, record.scope_name.as_ref(), repairs);
        if let Some(id) = &record.ids.trace_id {
            columns.trace_id.push(row, id);
        }
        if let Some(id) = &record.ids.span_id {
            columns.span_id.push(row, id);
        }
        if let Some(key) = record.ids.join_key() {
            push_text(&mut columns.correlation_id, row, &key, repairs);
        }
        columns.flags.push(row, 0);
        let before = repairs.attributes_dropped;
        push_attributes(&mut columns.attributes, row, &record.attributes, repairs);
        columns.dropped_attributes_count.push(row, (repairs.attributes_dropped - before).cast_signed());
        self.rows += 1;
    }

    /// The batch, of the table's schema.
    pub fn finish(self) -> RecordBatch {
        let columns = self.columns;
        let mut finisher = Finisher::new(self.rows);
        let finisher = &mut finisher;
        let finished = vec![
            ("time", columns.time.finish(finisher)),
            ("observed_time", columns.observed_time.finish(finisher)),
            ("severity_number", columns.severity_number.finish(finisher)),
            ("severity_text", columns.severity_text.finish_text(finisher)),
            ("body", columns.body.finish_text(finisher)),
            ("event_name", columns.event_name.finish_text(finisher)),
            ("service_name", columns.service_name.finish_text(finisher)),
            ("service_namespace", columns.service_namespace.finish_text(finisher)),
            ("service_version", columns.service_version.finish_text(finisher)),
            ("service_instance_id", columns.service_instance_id.finish_text(finisher)),
            ("deployment_environment_name", columns.deployment_environment_name.finish_text(finisher)),
            ("host_name", columns.host_name.finish_text(finisher)),
            ("trace_id", columns.trace_id.finish_binary(finisher)),
            ("span_id", columns.span_id.finish_binary(finisher)),
            ("correlation_id", columns.correlation_id.finish_text(finisher)),
            ("scope_name", columns.scope_name.finish_text(finisher)),
            ("flags", columns.flags.finish(finisher)),
            ("dropped_attributes_count", columns.dropped_attributes_count.finish(finisher)),
            ("attributes", finish_map(Table::Logs, "attributes", columns.attributes, finisher)),
            ("source", repeated(self.source, self.rows)),
        ];
        assemble(Table::Logs, self.rows, finished)
    }
}
