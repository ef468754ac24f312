//! A flow as rows.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, StringBuilder, TimestampNanosecondArray,
        new_null_array,
    },
    compute::interleave,
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
    record_batch::RecordBatch,
};
use spandrel_proto::model::{attempts_item, attributes_field};

use super::{Flow, Placed, RecordType, columns::Columns, search::Found};

const UTC: &str = "UTC";

/// Columns that are taken over from the tables: name, then the column of spans, requests, breakers and logs, if there is
/// one.
const TAKEN: [(&str, [Option<&str>; 4]); 8] = [
    ("service_name", [Some("service_name"), Some("gateway"), Some("service_name"), Some("service_name")]),
    ("kind", [Some("kind"), Some("side"), Some("basis"), Some("severity_text")]),
    ("trace_id", [Some("trace_id"); 4]),
    ("span_id", [Some("span_id"); 4]),
    ("parent_span_id", [Some("parent_span_id"), Some("parent_span_id"), None, None]),
    ("correlation_id", [Some("correlation_id"); 4]),
    ("outcome", [Some("outcome"), Some("outcome"), None, None]),
    ("source", [Some("source"), Some("source"), Some("system"), Some("source")]),
];

/// The columns of each table that a flow is made of, but for ids and times in the order of the table.
pub fn columns_of(record_type: RecordType) -> &'static [&'static str] {
    match record_type {
        RecordType::Span => &[
            "trace_id",
            "span_id",
            "parent_span_id",
            "name",
            "kind",
            "start_time",
            "end_time",
            "status_message",
            "service_name",
            "service_peer_name",
            "server_address",
            "db_system_name",
            "messaging_system",
            "error_type",
            "correlation_id",
            "outcome",
            "attributes",
            "links",
            "source",
        ],
        RecordType::Request => &[
            "start_time",
            "end_time",
            "source",
            "side",
            "gateway",
            "http_request_method",
            "url_path",
            "http_route",
            "server_address",
            "http_response_status_code",
            "upstream_service",
            "upstream_address",
            "attempts",
            "response_flags",
            "trace_id",
            "span_id",
            "parent_span_id",
            "correlation_id",
            "correlation_ids",
            "outcome",
            "attributes",
        ],
        RecordType::Log => &[
            "time",
            "severity_text",
            "body",
            "event_name",
            "service_name",
            "trace_id",
            "span_id",
            "correlation_id",
            "attributes",
            "source",
        ],
        RecordType::Breaker => &[
            "time",
            "system",
            "breaker",
            "service_name",
            "peer_service",
            "event",
            "basis",
            "signal",
            "detail",
            "trace_id",
            "span_id",
            "correlation_id",
        ],
    }
}

/// The columns of a flow.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
        let mut fields = vec![
            Field::new("position", DataType::Int64, false),
            Field::new("parent", DataType::Int64, true),
            Field::new("depth", DataType::Int64, false),
            Field::new("type", DataType::Utf8, false),
            Field::new("time", time, false),
            Field::new("duration_ns", DataType::Int64, true),
            text("name"),
            text("body"),
            Field::new("join_tier", DataType::Utf8, false),
            Field::new("confidence", DataType::Float64, false),
            text("gap"),
        ];
        fields.extend(TAKEN.iter().map(|(name, _)| text(name)));
        fields.push(Field::new("attempts", DataType::List(attempts_item()), true));
        fields.push(attributes_field("attributes"));
        Arc::new(Schema::new(fields))
    });
    SCHEMA.clone()
}

/// Rows `range` of the flow of `found`, as [`schema`] says. Ids of `found` are in hex, as SQL shows them.
pub fn batch(flow: &Flow, found: &Found, range: std::ops::Range<usize>) -> Result<RecordBatch, ArrowError> {
    let rows = Rows { flow, found, start: range.start, placed: &flow.records[range] };
    let placed = rows.placed;
    let texts = |text: fn(&Placed) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(placed.iter().map(text)))
    };
    let longs = |long: &dyn Fn(usize, &Placed) -> Option<i64>| -> ArrayRef {
        Arc::new(placed.iter().enumerate().map(|(row, placed)| long(row, placed)).collect::<Int64Array>())
    };
    let times = TimestampNanosecondArray::from_iter_values(placed.iter().map(|placed| placed.time));
    let mut columns: Vec<ArrayRef> = vec![
        longs(&|row, _| Some((rows.start + row) as i64)),
        longs(&|_, placed| placed.parent.map(i64::from)),
        longs(&|_, placed| Some(i64::from(placed.depth))),
        texts(|placed| placed.record_type.as_str()),
        Arc::new(times.with_timezone(UTC)),
        rows.durations(),
        rows.written(Rows::name),
        rows.written(Rows::body),
        texts(|placed| placed.tier.as_str()),
        Arc::new(Float64Array::from_iter_values(placed.iter().map(|placed| placed.tier.confidence()))),
        rows.gaps(),
    ];
    for (_, names) in TAKEN {
        columns.push(rows.taken(names, &DataType::Utf8)?);
    }
    let attempts = DataType::List(attempts_item());
    columns.push(rows.taken([None, Some("attempts"), None, None], &attempts)?);
    let attributes = [Some("attributes"), Some("attributes"), None, Some("attributes")];
    columns.push(rows.taken(attributes, attributes_field("attributes").data_type())?);
    RecordBatch::try_new(schema(), columns)
}

struct Rows<'a> {
    flow: &'a Flow,
    found: &'a Found,
    start: usize,
    placed: &'a [Placed],
}

impl<'a> Rows<'a> {
    /// In the order of [`TAKEN`].
    fn tables(&self) -> [&'a RecordBatch; 4] {
        [&self.found.spans, &self.found.requests, &self.found.breakers, &self.found.logs]
    }

    fn taken(&self, names: [Option<&str>; 4], data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let nothing = new_null_array(data_type, 1);
        let tables = self.tables();
        let column = |table: usize| names[table].and_then(|name| tables[table].column_by_name(name));
        let columns: [Option<&ArrayRef>; 4] = std::array::from_fn(column);
        let mut sources: Vec<&dyn Array> = vec![&nothing];
        sources.extend(columns.map(|column| column.map_or(&*nothing as &dyn Array, |column| column.as_ref())));
        let rows: Vec<(usize, usize)> = self
            .placed
            .iter()
            .map(|placed| {
                let table = table_index(placed.record_type);
                if columns[table].is_some() { (table + 1, placed.row as usize) } else { (0, 0) }
            })
            .collect();
        interleave(&sources, &rows)
    }

    fn durations(&self) -> ArrayRef {
        let [spans, requests, ..] = self.tables().map(|batch| Columns(batch).time("end_time"));
        let duration = |placed: &Placed| {
            let end = match placed.record_type {
                RecordType::Span => spans.get(placed.row as usize),
                RecordType::Request => requests.get(placed.row as usize),
                RecordType::Log | RecordType::Breaker => return None,
            };
            Some(end.saturating_sub(placed.time).max(0))
        };
        Arc::new(self.placed.iter().map(duration).collect::<Int64Array>())
    }

    /// What is missing at each record, and in the first row also what is missing in the flow.
    fn gaps(&self) -> ArrayRef {
        let mut texts = StringBuilder::new();
        for (row, placed) in self.placed.iter().enumerate() {
            let of_flow = if self.start + row == 0 { &self.flow.summary.gaps[..] } else { &[] };
            let gaps: Vec<String> = placed.gaps.iter().chain(of_flow).map(ToString::to_string).collect();
            texts.append_option((!gaps.is_empty()).then(|| gaps.join("; ")));
        }
        Arc::new(texts.finish())
    }

    fn written(&self, write: fn(&Self, &Placed, &mut String)) -> ArrayRef {
        let mut texts = StringBuilder::new();
        let mut text = String::new();
        for placed in self.placed {
            text.clear();
            write(self, placed, &mut text);
            texts.append_option((!text.is_empty()).then_some(&text));
        }
        Arc::new(texts.finish())
    }

    fn name(&self, placed: &Placed, text: &mut String) {
        match placed.record_type {
            RecordType::Span => self.words(placed, &["name"], text),
            RecordType::Request => {
                self.words(placed, &["http_request_method", "http_route"], text);
                let columns = Columns(&self.found.requests);
                if columns.text("http_route").get(placed.row as usize).is_none() {
                    self.words(placed, &["url_path"], text);
                }
            }
            RecordType::Breaker => self.words(placed, &["event", "breaker"], text),
            RecordType::Log => self.words(placed, &["event_name"], text),
        }
    }

    fn body(&self, placed: &Placed, text: &mut String) {
        match placed.record_type {
            RecordType::Span => self.words(placed, &["error_type", "status_message"], text),
            RecordType::Request => {
                let column = self.found.requests.column_by_name("http_response_status_code");
                let statuses = column.and_then(|column| column.as_primitive_opt::<arrow::datatypes::Int32Type>());
                if let Some(statuses) = statuses.filter(|statuses| statuses.is_valid(placed.row as usize)) {
                    text.push_str(&statuses.value(placed.row as usize).to_string());
                }
                self.words(placed, &["response_flags", "upstream_service", "upstream_address"], text);
            }
            RecordType::Breaker => self.words(placed, &["peer_service", "signal", "detail"], text),
            RecordType::Log => self.words(placed, &["body"], text),
        }
    }

    fn words(&self, placed: &Placed, columns: &[&str], text: &mut String) {
        let table = Columns(self.tables()[table_index(placed.record_type)]);
        for name in columns {
            if let Some(word) = table.text(name).get(placed.row as usize) {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
    }
}

fn table_index(record_type: RecordType) -> usize {
    match record_type {
        RecordType::Span => 0,
        RecordType::Request => 1,
        RecordType::Breaker => 2,
        RecordType::Log => 3,
    }
}
