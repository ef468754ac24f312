//! A store in a temporary directory, and batches of a few columns with nulls for the others.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BinaryArray, BinaryBuilder, BooleanArray, Float64Array, Int32Array, Int64Array,
        Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringArray, StringBuilder, StructBuilder, make_builder,
        new_null_array,
    },
    datatypes::{DataType, Field},
    record_batch::RecordBatch,
};
use datafusion::common::HashMap;
use futures::TryStreamExt;
use spandrel_proto::model::{Clock, Table};
use spandrel_store::{Store, StoreConfig};
use tempfile::TempDir;

use crate::{Engine, Limits, QueryError, QueryStats, output::Format, output::Writer};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// 2026-11-20T10:00:00Z.
pub(crate) const TEN: i64 = 1_795_168_800 * SECOND;

/// Stands still at [`TEN`] plus one hour.
#[derive(Debug)]
pub(crate) struct Eleven;

impl Clock for Eleven {
    fn now_unix_nano(&self) -> i64 {
        TEN + HOUR
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) service: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) weight: f64,
    pub(crate) route: Option<&'static str>,
    pub(crate) attributes: Vec<(&'static str, &'static str)>,
    pub(crate) correlation: Option<&'static str>,
    /// `service_peer_name`.
    pub(crate) peer: Option<&'static str>,
    /// Trace and span that it links to.
    pub(crate) link: Option<(u128, u64)>,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            trace: 1,
            span: 1,
            parent: None,
            name: "work",
            kind: "SERVER",
            start: TEN,
            duration: 5_000_000,
            service: "cart",
            outcome: "ok",
            weight: 1.0,
            route: None,
            attributes: Vec::new(),
            correlation: None,
            peer: None,
            link: None,
        }
    }
}

/// Hex text of the trace id that [`Span::trace`] stands for.
pub(crate) fn trace_hex(trace: u128) -> String {
    format!("{trace:032x}")
}

pub(crate) fn span_batch(spans: &[Span]) -> RecordBatch {
    let texts = |value: &dyn Fn(&Span) -> Option<&'static str>| -> ArrayRef {
        Arc::new(spans.iter().map(value).collect::<StringArray>())
    };
    let longs =
        |value: &dyn Fn(&Span) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(spans.iter().map(value))) };
    let mut columns: HashMap<&str, ArrayRef> = HashMap::new();
    columns.insert("trace_id", Arc::new(BinaryArray::from_iter_values(spans.iter().map(|s| s.trace.to_be_bytes()))));
    columns.insert("span_id", Arc::new(BinaryArray::from_iter_values(spans.iter().map(|s| s.span.to_be_bytes()))));
    let parents = spans.iter().map(|span| span.parent.map(u64::to_be_bytes));
    columns.insert("parent_span_id", Arc::new(parents.collect::<BinaryArray>()));
    columns.insert("name", texts(&|span| Some(span.name)));
    columns.insert("kind", texts(&|span| Some(span.kind)));
    columns.insert("start_time", longs(&|span| span.start));
    columns.insert("end_time", longs(&|span| span.start + span.duration));
    columns.insert("duration_ns", longs(&|span| span.duration));
    columns.insert("status_code", texts(&|span| Some(if span.outcome == "ok" { "UNSET" } else { "ERROR" })));
    columns.insert("service_name", texts(&|span| Some(span.service)));
    columns.insert("http_request_method", texts(&|span| span.route.map(|_| "GET")));
    columns.insert("http_route", texts(&|span| span.route));
    columns.insert("outcome", texts(&|span| Some(span.outcome)));
    columns.insert("weight", Arc::new(Float64Array::from_iter_values(spans.iter().map(|span| span.weight))));
    columns.insert("correlation_id", texts(&|span| span.correlation));
    columns.insert("attributes", attributes(spans));
    columns.insert("service_peer_name", texts(&|span| span.peer));
    columns.insert("events", events(spans));
    columns.insert("links", links(spans));
    columns.insert("source", texts(&|_| Some("otlp")));
    batch(Table::Spans, columns, spans.len())
}

pub(crate) fn log_batch(times: &[i64], bodies: &[&'static str], trace: Option<u128>) -> RecordBatch {
    let mut columns: HashMap<&str, ArrayRef> = HashMap::new();
    columns.insert("time", Arc::new(Int64Array::from(times.to_vec())));
    columns.insert("body", Arc::new(StringArray::from(bodies.to_vec())));
    columns.insert("service_name", Arc::new(StringArray::from(vec!["cart"; times.len()])));
    let traces = times.iter().map(|_| trace.map(u128::to_be_bytes));
    columns.insert("trace_id", Arc::new(traces.collect::<BinaryArray>()));
    columns.insert("source", Arc::new(StringArray::from(vec!["otlp"; times.len()])));
    batch(Table::Logs, columns, times.len())
}

/// A request of `gateway`, from and for so many nanoseconds, with these correlation ids.
pub(crate) fn request_batch(gateway: &str, start: i64, duration: i64, ids: &[&str]) -> RecordBatch {
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let long = |long: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![long])) };
    let item = match Table::Requests.schema().field_with_name("correlation_ids").unwrap().data_type() {
        DataType::List(item) => item.clone(),
        other => unreachable!("{other}"),
    };
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
    lists.append_value(ids.iter().map(Some));
    let mut columns: HashMap<&str, ArrayRef> = HashMap::new();
    columns.insert("gateway", text(gateway));
    columns.insert("side", text("edge"));
    columns.insert("source", text("nginx"));
    columns.insert("outcome", text("ok"));
    columns.insert("http_request_method", text("GET"));
    columns.insert("url_path", text("/cart"));
    columns.insert("start_time", long(start));
    columns.insert("end_time", long(start + duration));
    columns.insert("duration_ns", long(duration));
    columns.insert("correlation_id", text(&spandrel_proto::model::correlation_key(ids[0])));
    columns.insert("correlation_ids", Arc::new(lists.finish()));
    batch(Table::Requests, columns, 1)
}

/// Counts of one bucket of `table`, which has services: each has so many requests.
pub(crate) fn rollup_batch(table: Table, time: i64, revision: i64, services: &[(&'static str, f64)]) -> RecordBatch {
    let rows = services.len();
    let texts = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
    let mut columns: HashMap<&str, ArrayRef> = HashMap::new();
    columns.insert("time", Arc::new(Int64Array::from(vec![time; rows])));
    columns.insert("revision", Arc::new(Int64Array::from(vec![revision; rows])));
    columns.insert("service_name", texts(services.iter().map(|(service, _)| *service).collect()));
    columns
        .insert("requests", Arc::new(Float64Array::from_iter_values(services.iter().map(|(_, requests)| *requests))));
    batch(table, columns, rows)
}

fn batch(table: Table, mut columns: HashMap<&str, ArrayRef>, rows: usize) -> RecordBatch {
    let schema = table.schema();
    let arrays = schema.fields().iter().map(|field| match columns.remove(field.name().as_str()) {
        Some(column) => column,
        None if field.is_nullable() => new_null_array(field.data_type(), rows),
        None => filler(field, rows),
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

fn filler(field: &Field, rows: usize) -> ArrayRef {
    match field.data_type() {
        DataType::Int64 => Arc::new(Int64Array::from(vec![0; rows])),
        DataType::Int32 => Arc::new(Int32Array::from(vec![0; rows])),
        DataType::Boolean => Arc::new(BooleanArray::from(vec![false; rows])),
        DataType::Float64 => Arc::new(Float64Array::from(vec![0.0; rows])),
        DataType::Utf8 => Arc::new(StringArray::from(vec![""; rows])),
        other => unreachable!("no filler for {other}"),
    }
}

fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

fn attributes(spans: &[Span]) -> ArrayRef {
    let mut maps = map_builder();
    for span in spans {
        for (key, value) in &span.attributes {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(!span.attributes.is_empty()).unwrap();
    }
    Arc::new(maps.finish())
}

/// One event at the start of each span.
fn events(spans: &[Span]) -> ArrayRef {
    let item = spandrel_proto::model::events_item();
    let DataType::Struct(fields) = item.data_type() else { unreachable!() };
    let builders: Vec<Box<dyn arrow::array::ArrayBuilder>> = vec![
        Box::new(Int64Array::builder(1)),
        Box::new(StringBuilder::new()),
        Box::new(map_builder()),
        Box::new(Int64Array::builder(1)),
    ];
    let mut list = ListBuilder::new(StructBuilder::new(fields.clone(), builders)).with_field(item.clone());
    for span in spans {
        let event = list.values();
        event.field_builder::<arrow::array::Int64Builder>(0).unwrap().append_value(span.start);
        event.field_builder::<StringBuilder>(1).unwrap().append_value("begun");
        event.field_builder::<MapBuilder<StringBuilder, StringBuilder>>(2).unwrap().append(false).unwrap();
        event.field_builder::<arrow::array::Int64Builder>(3).unwrap().append_value(0);
        event.append(true);
        list.append(true);
    }
    Arc::new(list.finish())
}

fn links(spans: &[Span]) -> ArrayRef {
    let item = spandrel_proto::model::links_item();
    let DataType::Struct(fields) = item.data_type() else { unreachable!() };
    let builders = fields.iter().map(|field| -> Box<dyn ArrayBuilder> {
        match field.data_type() {
            DataType::Map(_, _) => Box::new(map_builder()),
            other => make_builder(other, 1),
        }
    });
    let mut list = ListBuilder::new(StructBuilder::new(fields.clone(), builders.collect())).with_field(item.clone());
    for span in spans {
        if let Some((trace, id)) = span.link {
            let link = list.values();
            link.field_builder::<BinaryBuilder>(0).unwrap().append_value(trace.to_be_bytes());
            link.field_builder::<BinaryBuilder>(1).unwrap().append_value(id.to_be_bytes());
            for field in 2..fields.len() {
                match fields[field].data_type() {
                    DataType::Map(_, _) => {
                        link.field_builder::<MapBuilder<StringBuilder, StringBuilder>>(field)
                            .unwrap()
                            .append(false)
                            .unwrap();
                    }
                    DataType::Int64 => link.field_builder::<Int64Builder>(field).unwrap().append_value(0),
                    _ => link.field_builder::<StringBuilder>(field).unwrap().append_null(),
                }
            }
            link.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A store, and an engine over it.
pub(crate) struct Fixture {
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Arc<Engine>,
    directory: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Fixture {
        Fixture::with_limits(Limits { threads: 2, ..Limits::default() }).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Fixture {
        Fixture::over(tempfile::tempdir().unwrap(), limits).await
    }

    /// The same directory with another store, which replays the log of this one.
    pub(crate) async fn reopened(self) -> Fixture {
        let copy = tempfile::tempdir().unwrap();
        copy_files(self.directory.path(), copy.path());
        Fixture::over(copy, self.engine.limits().clone()).await
    }

    async fn over(directory: TempDir, limits: Limits) -> Fixture {
        let config =
            StoreConfig { data_dir: directory.path().to_owned(), min_free_disk_bytes: 0, ..StoreConfig::default() };
        let store = Store::open(config, Arc::new(Eleven)).await.unwrap();
        let engine = Engine::new(store.clone(), limits, Arc::new(Eleven)).unwrap();
        Fixture { store, engine, directory }
    }

    pub(crate) async fn append(&self, spans: &[Span]) {
        self.store.append(Table::Spans, span_batch(spans)).await.unwrap();
    }

    pub(crate) async fn seal(&self) {
        self.store.seal().await.unwrap();
    }

    /// The rows of the result as JSON.
    pub(crate) async fn rows(&self, sql: &str) -> serde_json::Value {
        self.result(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")).0
    }

    pub(crate) async fn error(&self, sql: &str) -> QueryError {
        match self.result(sql).await {
            Ok((rows, _)) => panic!("{sql} gave {rows}"),
            Err(error) => error,
        }
    }

    pub(crate) async fn result(&self, sql: &str) -> Result<(serde_json::Value, QueryStats), QueryError> {
        let mut stream = self.engine.sql(sql).await?;
        let schema = stream.schema();
        let mut out = Vec::new();
        let mut writer = Writer::begin(Format::Json, &schema, &mut out).unwrap();
        while let Some(batch) = stream.try_next().await? {
            assert_eq!(batch.schema().fields(), schema.fields(), "{sql}");
            writer.batch(&batch, &mut out).unwrap();
        }
        let stats = stream.stats();
        writer.end(&stats, &mut out).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        Ok((document["rows"].take(), stats))
    }

    /// The text of a result of one column, as `EXPLAIN` gives it.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.rows(sql).await.to_string()
    }
}
