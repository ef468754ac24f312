//! `requests`.

use arrow::record_batch::RecordBatch;
use spandrel_proto::{
    columns::{Bytes, Finisher, Int32s, Int64s, Maps, Nesting, finish_struct_lists, finish_text_lists},
    model::Table,
};

use super::{Repairs, assemble, field, finish_map, push_attributes, push_some, push_text};
use crate::{outcome, record::RequestRecord};

/// Collects requests.
#[derive(Debug, Default)]
pub struct RequestRows {
    rows: usize,
    columns: RequestColumns,
    pub repairs: Repairs,
}

#[derive(Debug, Default)]
struct RequestColumns {
    start_time: Int64s,
    end_time: Int64s,
    duration_ns: Int64s,
    source: Bytes,
    side: Bytes,
    gateway: Bytes,
    method: Bytes,
    path: Bytes,
    route: Bytes,
    server_address: Bytes,
    status: Int32s,
    rpc_status: Bytes,
    client_address: Bytes,
    user_agent: Bytes,
    request_bytes: Int64s,
    response_bytes: Int64s,
    upstream_service: Bytes,
    upstream_address: Bytes,
    upstream_status: Int32s,
    upstream_duration_ns: Int64s,
    attempts: AttemptColumns,
    response_flags: Bytes,
    trace_id: Bytes,
    span_id: Bytes,
    parent_span_id: Bytes,
    correlation_id: Bytes,
    correlation_ids: Nesting,
    correlation_ids_values: Bytes,
    outcome: Bytes,
    attributes: Maps,
}

#[derive(Debug, Default)]
struct AttemptColumns {
    nesting: Nesting,
    elements: usize,
    address: Bytes,
    status: Int32s,
    duration_ns: Int64s,
}

/// Start, end and duration of a record, from those that are known; `fallback` stands for a record without any time.
fn interval(record: &RequestRecord<'_>, fallback: i64) -> (i64, i64, Option<i64>) {
    let duration = record.duration_ns.map(|duration| duration.max(0));
    match (record.start_time, record.end_time) {
        (Some(start), Some(end)) => {
            let end = end.max(start);
            (start, end, Some(duration.unwrap_or(end - start)))
        }
        (Some(start), None) => (start, start.saturating_add(duration.unwrap_or(0)), duration),
        (None, end) => {
            let end = end.unwrap_or(fallback);
            (end.saturating_sub(duration.unwrap_or(0)), end, duration)
        }
    }
}

impl RequestRows {
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a record. `gateway` names the gateway where the record does not, `written_at` is the time of a record
    /// without one.
    pub fn push(&mut self, record: &RequestRecord<'_>, gateway: &str, written_at: i64) {
        let (columns, row, repairs) = (&mut self.columns, self.rows, &mut self.repairs);
        let (start, end, duration) = interval(record, written_at);
        columns.start_time.push(row, start);
        columns.end_time.push(row, end);
        push_long(&mut columns.duration_ns, row, duration);
        columns.source.push(row, record.source.as_bytes());
        columns.side.push(row, record.side.as_str().as_bytes());
        push_text(&mut columns.gateway, row, record.gateway.as_deref().unwrap_or(gateway), repairs);
        push_some(&mut columns.method, row, record.method.as_ref(), repairs);
        push_some(&mut columns.path, row, record.path.as_ref(), repairs);
        push_some(&mut columns.route, row, record.route.as_ref(), repairs);
        push_some(&mut columns.server_address, row, record.server_address.as_ref(), repairs);
        push_int(&mut columns.status, row, record.status);
        push_some(&mut columns.rpc_status, row, record.rpc_status.as_ref(), repairs);
        push_some(&mut columns.client_address, row, record.client_address.as_ref(), repairs);
        push_some(&mut columns.user_agent, row, record.user_agent.as_ref(), repairs);
        push_long(&mut columns.request_bytes, row, record.request_bytes);
        push_long(&mut columns.response_bytes, row, record.response_bytes);
        push_some(&mut columns.response_flags, row, record.response_flags.as_ref(), repairs);
        columns.push_upstream(row, record, repairs);
        columns.push_ids(row, record, repairs);
        columns.outcome.push(row, outcome::of_request(record).as_str().as_bytes());
        push_attributes(&mut columns.attributes, row, &record.attributes, repairs);
        self.rows += 1;
    }

    /// The batch, of the table's schema.
    pub fn finish(self) -> RecordBatch {
        let columns = self.columns;
        let mut finisher = Finisher::new(self.rows);
        let finisher = &mut finisher;
        let schema = Table::Requests.schema();
        let correlation_ids = finish_text_lists(
            field(&schema, "correlation_ids"),
            columns.correlation_ids,
            columns.correlation_ids_values,
            finisher,
        );
        let finished = vec![
            ("start_time", columns.start_time.finish(finisher)),
            ("end_time", columns.end_time.finish(finisher)),
            ("duration_ns", columns.duration_ns.finish(finisher)),
            ("source", columns.source.finish_text(finisher)),
            ("side", columns.side.finish_text(finisher)),
            ("gateway", columns.gateway.finish_text(finisher)),
            ("http_request_method", columns.method.finish_text(finisher)),
            ("url_path", columns.path.finish_text(finisher)),
            ("http_route", columns.route.finish_text(finisher)),
            ("server_address", columns.server_address.finish_text(finisher)),
            ("http_response_status_code", columns.status.finish(finisher)),
            ("rpc_status_code", columns.rpc_status.finish_text(finisher)),
            ("client_address", columns.client_address.finish_text(finisher)),
            ("user_agent", columns.user_agent.finish_text(finisher)),
            ("request_bytes", columns.request_bytes.finish(finisher)),
            ("response_bytes", columns.response_bytes.finish(finisher)),
            ("upstream_service", columns.upstream_service.finish_text(finisher)),
            ("upstream_address", columns.upstream_address.finish_text(finisher)),
            ("upstream_status", columns.upstream_status.finish(finisher)),
            ("upstream_duration_ns", columns.upstream_duration_ns.finish(finisher)),
            ("attempts", columns.attempts.finish(field(&schema, "attempts"), finisher)),
            ("response_flags", columns.response_flags.finish_text(finisher)),
            ("trace_id", columns.trace_id.finish_binary(finisher)),
            ("span_id", columns.span_id.finish_binary(finisher)),
            ("parent_span_id", columns.parent_span_id.finish_binary(finisher)),
            ("correlation_id", columns.correlation_id.finish_text(finisher)),
            ("correlation_ids", correlation_ids),
            ("outcome", columns.outcome.finish_text(finisher)),
            ("attributes", finish_map(Table::Requests, "attributes", columns.attributes, finisher)),
        ];
        assemble(Table::Requests, self.rows, finished)
    }
}

impl RequestColumns {
    fn push_upstream(&mut self, row: usize, record: &RequestRecord<'_>, repairs: &mut Repairs) {
        push_some(&mut self.upstream_service, row, record.upstream_service.as_ref(), repairs);
        push_some(&mut self.upstream_address, row, record.upstream_address.as_ref(), repairs);
        push_int(&mut self.upstream_status, row, record.upstream_status);
        push_long(&mut self.upstream_duration_ns, row, record.upstream_duration_ns);
        let attempts = &mut self.attempts;
        for attempt in &record.attempts {
            let element = attempts.elements;
            push_some(&mut attempts.address, element, attempt.address.as_ref(), repairs);
            push_int(&mut attempts.status, element, attempt.status);
            push_long(&mut attempts.duration_ns, element, attempt.duration_ns);
            attempts.elements += 1;
        }
        attempts.nesting.end_row(row, attempts.elements);
    }

    fn push_ids(&mut self, row: usize, record: &RequestRecord<'_>, repairs: &mut Repairs) {
        let ids = &record.ids;
        if let Some(id) = &ids.trace_id {
            self.trace_id.push(row, id);
        }
        if let Some(id) = &ids.span_id {
            self.span_id.push(row, id);
        }
        if let Some(id) = &ids.parent_span_id {
            self.parent_span_id.push(row, id);
        }
        if let Some(key) = ids.join_key() {
            push_text(&mut self.correlation_id, row, &key, repairs);
        }
        for id in &ids.correlation {
            let element = self.correlation_ids_values.len();
            push_text(&mut self.correlation_ids_values, element, id, repairs);
        }
        self.correlation_ids.end_row(row, self.correlation_ids_values.len());
    }
}

impl AttemptColumns {
    fn finish(self, field: &arrow::datatypes::Field, finisher: &mut Finisher) -> arrow::array::ArrayRef {
        let Self { nesting, elements, address, status, duration_ns } = self;
        finish_struct_lists(field, nesting, elements, finisher, |_, finisher| {
            vec![address.finish_text(finisher), status.finish(finisher), duration_ns.finish(finisher)]
        })
    }
}

fn push_int(column: &mut Int32s, row: usize, value: Option<i32>) {
    if let Some(value) = value {
        column.push(row, value);
    }
}

fn push_long(column: &mut Int64s, row: usize, value: Option<i64>) {
    if let Some(value) = value {
        column.push(row, value);
    }
}
