//! Records for tests, found by a search over them.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{ArrayRef, BinaryArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder, new_null_array},
    compute::filter_record_batch,
    datatypes::{DataType, Field},
    record_batch::RecordBatch,
};
use spandrel_proto::model::{Table, correlation_key};

use crate::flow::{Flow, FlowId, Found, Ids, Placed, RecordType, Search, columns::Columns};

pub(super) const MS: i64 = 1_000_000;
/// A moment to which times in milliseconds are added.
pub(super) const T0: i64 = 1_795_168_800_000_000_000;

/// Values of one row by column; what is not named is null, or empty where null is not allowed.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    texts: Vec<(&'static str, String)>,
    ids: Vec<(&'static str, Vec<u8>)>,
    times: Vec<(&'static str, i64)>,
    status: Option<i32>,
    correlations: Vec<String>,
}

impl Row {
    pub(super) fn text(mut self, column: &'static str, text: &str) -> Self {
        self.texts.push((column, text.to_owned()));
        self
    }

    pub(super) fn trace(mut self, trace: u128) -> Self {
        self.ids.push(("trace_id", trace.to_be_bytes().to_vec()));
        self
    }

    /// The span's id and its parent's; 0 for none.
    pub(super) fn ids(mut self, span: u64, parent: u64) -> Self {
        let mut add = |column, id: u64| {
            if id != 0 {
                self.ids.push((column, id.to_be_bytes().to_vec()));
            }
        };
        add("span_id", span);
        add("parent_span_id", parent);
        self
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.text("correlation_id", &correlation_key(key))
    }

    pub(super) fn keys(mut self, keys: &[&str]) -> Self {
        self.correlations = keys.iter().map(|key| (*key).to_owned()).collect();
        self.key(keys[0])
    }
}

/// A span from `start` to `end` milliseconds.
pub(super) fn span(trace: u128, (id, parent): (u64, u64), kind: &str, service: &str, (start, end): (i64, i64)) -> Row {
    Row { times: vec![("start_time", T0 + start * MS), ("end_time", T0 + end * MS)], ..Row::default() }
        .trace(trace)
        .ids(id, parent)
        .text("kind", kind)
        .text("service_name", service)
        .text("name", &format!("{service} work"))
        .text("outcome", "ok")
}

/// An access record from `start` to `end` milliseconds.
pub(super) fn request(gateway: &str, side: &str, (start, end): (i64, i64)) -> Row {
    Row {
        times: vec![("start_time", T0 + start * MS), ("end_time", T0 + end * MS)],
        status: Some(200),
        ..Row::default()
    }
    .text("gateway", gateway)
    .text("side", side)
    .text("source", "nginx")
    .text("http_request_method", "GET")
    .text("url_path", "/cart")
    .text("outcome", "ok")
}

pub(super) fn log(service: &str, time: i64, body: &str) -> Row {
    Row { times: vec![("time", T0 + time * MS)], ..Row::default() }.text("service_name", service).text("body", body)
}

pub(super) fn breaker(service: &str, time: i64, event: &str) -> Row {
    Row { times: vec![("time", T0 + time * MS)], ..Row::default() }.text("service_name", service).text("event", event)
}

/// What is stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    rows: Vec<(Table, Row)>,
}

impl Store {
    pub(super) fn spans(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows.into_iter().map(|row| (Table::Spans, row)));
        self
    }

    pub(super) fn requests(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows.into_iter().map(|row| (Table::Requests, row)));
        self
    }

    pub(super) fn logs(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows.into_iter().map(|row| (Table::Logs, row)));
        self
    }

    pub(super) fn breakers(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows.into_iter().map(|row| (Table::Breakers, row)));
        self
    }

    pub(super) fn shuffled(mut self, step: usize) -> Self {
        let count = self.rows.len();
        self.rows = (0..count).map(|index| self.rows[index * step % count].clone()).collect();
        self
    }

    pub(super) fn search(&self, id: &str) -> Found {
        let mut search = Search::new(FlowId::parse(id).unwrap());
        let batches: Vec<(Table, RecordBatch)> =
            [Table::Spans, Table::Requests, Table::Logs].map(|table| (table, self.batch(table))).into();
        while let Some(wanted) = search.wanted().cloned() {
            let window = search.window();
            for (table, batch) in &batches {
                if search.takes(*table) {
                    search.take(*table, &matching(*table, batch, &wanted, window)).unwrap();
                }
            }
            search.end_round().unwrap();
        }
        let followed = search.followed().clone();
        let breakers = matching(Table::Breakers, &self.batch(Table::Breakers), &followed, search.window());
        search.take(Table::Breakers, &breakers).unwrap();
        search.finish().unwrap()
    }

    pub(super) fn flow(&self, id: &str) -> Shown {
        self.flow_with(id, &[])
    }

    pub(super) fn flow_with(&self, id: &str, senders: &[&str]) -> Shown {
        let found = self.search(id);
        let senders: BTreeSet<String> = senders.iter().map(|sender| (*sender).to_owned()).collect();
        let flow = Flow::assemble(&found, &senders);
        check(&flow, &found);
        Shown { flow, found }
    }

    fn batch(&self, table: Table) -> RecordBatch {
        let rows: Vec<&Row> = self.rows.iter().filter(|(of, _)| *of == table).map(|(_, row)| row).collect();
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| column(field, &rows)).collect();
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    }
}

fn column(field: &Field, rows: &[&Row]) -> ArrayRef {
    fn of<T: Clone>(values: &[(&'static str, T)], name: &str) -> Option<T> {
        values.iter().find(|(column, _)| *column == name).map(|(_, value)| value.clone())
    }
    let name = field.name().as_str();
    match field.data_type() {
        DataType::Utf8 => {
            let text = |row: &&Row| of(&row.texts, name).or_else(|| (!field.is_nullable()).then(String::new));
            Arc::new(rows.iter().map(text).collect::<StringArray>())
        }
        DataType::Binary => {
            let id = |row: &&Row| of(&row.ids, name).or_else(|| (!field.is_nullable()).then(Vec::new));
            Arc::new(rows.iter().map(id).collect::<BinaryArray>())
        }
        DataType::Int64 => {
            let long = |row: &&Row| of(&row.times, name).or_else(|| (!field.is_nullable()).then_some(0));
            Arc::new(rows.iter().map(long).collect::<Int64Array>())
        }
        DataType::Int32 if name == "http_response_status_code" => {
            Arc::new(rows.iter().map(|row| row.status).collect::<Int32Array>())
        }
        DataType::Float64 => Arc::new(arrow::array::Float64Array::from(vec![1.0; rows.len()])),
        DataType::List(item) if name == "correlation_ids" => {
            let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item.clone());
            for row in rows {
                lists.append_value(row.correlations.iter().map(Some));
            }
            Arc::new(lists.finish())
        }
        other => new_null_array(other, rows.len()),
    }
}

fn matching(table: Table, batch: &RecordBatch, wanted: &Ids, window: Option<(i64, i64)>) -> RecordBatch {
    let columns = Columns(batch);
    let matches = |row: usize| {
        let time = columns.time(table.time_column()).get(row);
        let key = columns.text("correlation_id").or_empty(row);
        let among = columns.list("correlation_ids").is_some_and(|lists| {
            let ids = lists.value(row);
            let ids: &StringArray = ids.as_any().downcast_ref().unwrap();
            ids.iter().flatten().any(|id| wanted.correlations.contains(&*correlation_key(id)))
        });
        let has_id = wanted.traces.contains(&columns.id("trace_id").trace(row)) || wanted.correlations.contains(key);
        (has_id || among) && window.is_none_or(|(first, last)| first <= time && time <= last)
    };
    let matches: arrow::array::BooleanArray = (0..batch.num_rows()).map(|row| Some(matches(row))).collect();
    filter_record_batch(batch, &matches).unwrap()
}

/// What holds of every flow.
fn check(flow: &Flow, found: &Found) {
    let mut seen = BTreeSet::new();
    for (position, record) in flow.records.iter().enumerate() {
        assert!(seen.insert((record.record_type, record.row)), "a record stands twice");
        match record.parent {
            Some(parent) => {
                assert!((parent as usize) < position, "what is above comes first");
                assert_eq!(flow.records[parent as usize].depth + 1, record.depth);
            }
            None => assert_eq!(record.depth, 0),
        }
    }
    let summary = &flow.summary;
    assert!((0.0..=1.0).contains(&summary.completeness));
    assert_eq!(summary.records.values().sum::<u64>(), flow.records.len() as u64);
    assert_eq!(summary.tiers.values().sum::<u64>(), flow.records.len() as u64);
    assert!(flow.records.len() <= found.len() && summary.start <= summary.end);
}

/// A flow and what it is made of.
pub(super) struct Shown {
    pub(super) flow: Flow,
    pub(super) found: Found,
}

impl Shown {
    /// A line for each record: indentation, type, who, and the tier.
    pub(super) fn lines(&self) -> Vec<String> {
        self.flow.records.iter().map(|record| self.line(record)).collect()
    }

    pub(super) fn gaps(&self) -> Vec<String> {
        let of_records = self
            .flow
            .records
            .iter()
            .enumerate()
            .flat_map(|(position, record)| record.gaps.iter().map(move |gap| format!("{position} {gap}")));
        let of_flow = self.flow.summary.gaps.iter().map(ToString::to_string);
        of_records.chain(of_flow).collect()
    }

    fn line(&self, record: &Placed) -> String {
        let row = record.row as usize;
        let (batch, columns) = match record.record_type {
            RecordType::Span => (&self.found.spans, ["service_name", "kind"]),
            RecordType::Request => (&self.found.requests, ["gateway", "side"]),
            RecordType::Log => (&self.found.logs, ["service_name", "body"]),
            RecordType::Breaker => (&self.found.breakers, ["service_name", "event"]),
        };
        let [who, what] = columns.map(|column| Columns(batch).text(column).or_empty(row));
        let indent = "  ".repeat(record.depth as usize);
        format!("{indent}{} {who} {what} {}", record.record_type.as_str(), record.tier.as_str())
    }
}
