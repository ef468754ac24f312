//! What the tests of this crate share: rows, a store in a directory of its own, and ways to look at it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::cast::AsArray,
    compute::concat_batches,
    datatypes::{DataType, Int64Type},
    json::ReaderBuilder,
    record_batch::RecordBatch,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use spandrel_proto::model::{Clock, Table, id::to_hex};

use crate::{Snapshot, Store, StoreConfig};

/// 2026-11-20T21:30:00Z.
pub(crate) const NOW: i64 = 1_795_210_200_000_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000_000;

/// A clock that stands where it is put.
#[derive(Debug)]
pub(crate) struct ManualClock(pub(crate) AtomicI64);

impl ManualClock {
    pub(crate) fn at(time: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(time)))
    }
}

impl Clock for ManualClock {
    fn now_unix_nano(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A row of `table` that says which one it is: `id` is where [`ids_of`] finds it, and in everything else that makes rows
/// differ.
pub(crate) fn row(table: Table, id: u64, time: i64) -> Value {
    let service = format!("service-{}", id % 3);
    let mut row = json!({"flags": id, "service_name": service.as_str(), "source": "otlp"});
    let more = match table {
        Table::Spans => json!({
            "trace_id": trace_id_text(id), "span_id": format!("{id:016x}"), "name": "GET /", "kind": "SERVER",
            "start_time": time, "end_time": time.saturating_add(1_000), "duration_ns": 1_000, "status_code": "UNSET",
            "outcome": "ok", "weight": 1.0, "dropped_attributes_count": 0, "dropped_events_count": 0,
            "dropped_links_count": 0, "attributes": {"user.id": id.to_string(), "empty": ""},
            "http_response_status_code": if id.is_multiple_of(2) { Value::from(200) } else { Value::Null },
            "events": if id.is_multiple_of(5) { json!([{"time": time, "name": "event", "attributes": {"a": "b"}}]) } else { Value::Null },
        }),
        Table::Logs => json!({
            "time": time, "body": format!("line {id}"), "dropped_attributes_count": 0, "trace_id": trace_id_text(id),
            "severity_number": 9,
        }),
        Table::Metrics => json!({
            "time": time, "name": "requests", "kind": "gauge", "value": 0.5, "bucket_counts": [1, 2, id],
        }),
        Table::Requests => json!({
            "start_time": time, "end_time": time.saturating_add(1_000), "duration_ns": 1_000, "side": "edge",
            "gateway": service, "outcome": "ok", "request_bytes": id, "trace_id": trace_id_text(id),
            "attempts": [{"address": "10.0.0.1:80", "status": 200, "duration_ns": id}], "correlation_ids": ["a", "b"],
        }),
        Table::Breakers => json!({
            "time": time, "system": "opossum", "event": "trip", "basis": "explicit", "signal": "log",
            "source_table": "logs", "detail": id.to_string(),
        }),
        Table::Rejects => json!({
            "time": time, "source": service, "format": "nginx", "reason": "format", "record": format!("line {id}"), "records": id,
        }),
        Table::Operations
        | Table::Edges
        | Table::CriticalPaths
        | Table::Coverage
        | Table::OperationsHourly
        | Table::EdgesHourly
        | Table::Findings
        | Table::Acknowledgements => computed(table, id, time),
    };
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// A row of a table that is computed from others: every column that must be there has a value.
fn computed(table: Table, id: u64, time: i64) -> Value {
    let fields = table.schema();
    let required = fields.fields().iter().filter(|field| !field.is_nullable() && field.name() != "service_name");
    let values = required.map(|field| {
        let value = match field.data_type() {
            DataType::Utf8 => Value::from(format!("{}-{}", field.name(), id % 3)),
            DataType::Float64 => Value::from(id as f64),
            _ if field.name() == table.time_column() => Value::from(time),
            _ => Value::from(id),
        };
        (field.name().clone(), value)
    });
    Value::Object(values.collect())
}

pub(crate) fn trace_id(id: u64) -> [u8; 16] {
    (u128::from(id) << 64 | 0xfeed).to_be_bytes()
}

fn trace_id_text(id: u64) -> String {
    to_hex(&trace_id(id))
}

pub(crate) fn batch_of(table: Table, rows: &[Value]) -> RecordBatch {
    let mut decoder = ReaderBuilder::new(table.schema()).with_batch_size(rows.len().max(1)).build_decoder().unwrap();
    decoder.serialize(rows).unwrap();
    decoder.flush().unwrap().unwrap_or_else(|| RecordBatch::new_empty(table.schema()))
}

/// Rows with these ids, one second apart.
pub(crate) fn batch(table: Table, ids: impl IntoIterator<Item = u64>) -> RecordBatch {
    let rows: Vec<Value> = ids.into_iter().map(|id| row(table, id, NOW + id as i64 * 1_000_000_000)).collect();
    batch_of(table, &rows)
}

/// `rows` spans that no other `seed` has.
pub(crate) fn spans(seed: u64, rows: usize) -> RecordBatch {
    batch(Table::Spans, (0..rows as u64).map(|row| seed * 1_000 + row))
}

/// Spans of these services at these times.
pub(crate) fn spans_at(rows: &[(&str, i64)]) -> RecordBatch {
    let rows: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(id, (service, time))| {
            let mut row = row(Table::Spans, id as u64, *time);
            row["service_name"] = json!(service);
            row["http_response_status_code"] = Value::Null;
            row
        })
        .collect();
    batch_of(Table::Spans, &rows)
}

/// Settings under which nothing happens by itself.
pub(crate) fn quiet_config(data_dir: &Path) -> StoreConfig {
    StoreConfig {
        data_dir: data_dir.to_owned(),
        seal_age: Duration::from_secs(3_600),
        min_free_disk_bytes: 0,
        ..StoreConfig::default()
    }
}

pub(crate) async fn open(data_dir: &Path) -> Arc<Store> {
    Store::open(quiet_config(data_dir), ManualClock::at(NOW)).await.unwrap()
}

pub(crate) async fn append(store: &Store, table: Table, ids: impl IntoIterator<Item = u64>) {
    store.append(table, batch(table, ids)).await.unwrap();
}

/// Every row of a table in a snapshot, hot ones first, as one batch.
pub(crate) fn all_rows(data_dir: &Path, snapshot: &Snapshot, table: Table) -> RecordBatch {
    let view = snapshot.table(table);
    let mut batches = view.hot.clone();
    for file in view.files.iter() {
        let read = read_parquet(&data_dir.join(file.path.as_ref()));
        assert_eq!(read.num_rows() as u64, file.rows);
        batches.push(RecordBatch::try_new(table.schema(), read.columns().to_vec()).unwrap());
    }
    concat_batches(&table.schema(), &batches).unwrap()
}

pub(crate) fn read_parquet(path: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().collect::<Result<_, _>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

/// The ids of every row of a table, in order; an id stands as often as its row is visible.
pub(crate) fn ids(data_dir: &Path, snapshot: &Snapshot, table: Table) -> Vec<u64> {
    let mut ids = ids_of(&all_rows(data_dir, snapshot, table));
    ids.sort_unstable();
    ids
}

pub(crate) fn ids_of(batch: &RecordBatch) -> Vec<u64> {
    let numbers = ["flags", "request_bytes", "revision", "opened", "records"]
        .into_iter()
        .find_map(|name| batch.column_by_name(name));
    match numbers {
        Some(numbers) => numbers.as_primitive::<Int64Type>().values().iter().map(|id| *id as u64).collect(),
        None => {
            let details = batch.column_by_name("detail").unwrap().as_string::<i32>();
            details.iter().map(|id| id.unwrap().parse().unwrap()).collect()
        }
    }
}

/// The directory as a crash at this moment would leave it, elsewhere and unlocked.
pub(crate) fn copy_directory(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(from, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The write-ahead log segments of a data directory, oldest first.
pub(crate) fn segments(data_dir: &Path) -> Vec<PathBuf> {
    let mut paths = crate::files::list(&data_dir.join(crate::wal::DIRECTORY)).unwrap();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wal"));
    paths
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// The columns of a JSON object, for assertions on log entries.
pub(crate) fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
