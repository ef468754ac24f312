//! The tables as other engines find them on disk, and their maintenance.

use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use spandrel_proto::model::Table;

use crate::{
    OpenError, Store, StoreConfig,
    delta::{Add, Catalog, Commit, DeltaCatalog},
    retention::{self, RetentionPolicy},
    testing::{
        HOUR, ManualClock, NOW, append, batch_of, copy_directory, ids, object, open, quiet_config, row, trace_id,
    },
};

fn entry(data_dir: &Path, table: Table, version: u64) -> Vec<Value> {
    let path = data_dir.join(table.name()).join(format!("_delta_log/{version:020}.json"));
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn action<'a>(entry: &'a [Value], name: &str) -> &'a Value {
    entry.iter().find_map(|action| action.get(name)).unwrap()
}

#[tokio::test]
async fn the_log_entries_say_what_the_protocol_asks_for() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..4).await;
    append(&store, Table::Spans, 4..6).await;
    store.seal().await.unwrap();

    let created = entry(directory.path(), Table::Spans, 0);
    assert_eq!(action(&created, "protocol"), &json!({"minReaderVersion": 1, "minWriterVersion": 2}));
    let metadata = action(&created, "metaData");
    assert_eq!(metadata["partitionColumns"], json!(["hour"]));
    assert_eq!(metadata["format"]["provider"], "parquet");
    assert_eq!(metadata["id"].as_str().unwrap().len(), 36);

    let sealed = entry(directory.path(), Table::Spans, 1);
    assert_eq!(action(&sealed, "commitInfo")["timestamp"], json!(NOW / 1_000_000));
    let txn = action(&sealed, "txn");
    assert_eq!((&txn["appId"], &txn["version"]), (&json!("spandrel-wal"), &json!(2)));
    let add = action(&sealed, "add");
    let path = directory.path().join("spans").join(add["path"].as_str().unwrap());
    assert_eq!(add["size"], json!(fs::metadata(&path).unwrap().len()));
    assert_eq!(add["partitionValues"], json!({"hour": "2026-11-20T21"}));
    assert_eq!(add["tags"], json!({"spandrel.sorted": "true"}));
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    assert_eq!(stats["numRecords"], 6);
    assert_eq!(stats["minValues"]["start_time"], json!(NOW));
    assert_eq!(stats["maxValues"]["start_time"], json!(NOW + 5_000_000_000));
    assert_eq!(stats["minValues"]["service_name"], "service-0");
    assert_eq!(object(&stats["nullCount"])["http_response_status_code"], 3);

    let footer = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let sorting = footer.metadata().row_group(0).sorting_columns().unwrap();
    let root = footer.metadata().file_metadata().schema_descr();
    let names: Vec<_> =
        sorting.iter().map(|column| root.column(column.column_idx as usize).name().to_owned()).collect();
    assert_eq!(names, Table::Spans.sort_columns());
    assert!(
        footer.metadata().offset_index().is_some()
            || footer.metadata().row_group(0).column(0).offset_index_offset().is_some()
    );
}

#[tokio::test]
async fn rows_of_every_representable_time_are_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let times = [i64::MIN, -1, 0, NOW, NOW + HOUR, i64::MAX];
    for table in Table::ALL {
        let rows: Vec<Value> = times.iter().enumerate().map(|(id, time)| row(table, id as u64, *time)).collect();
        store.append(table, batch_of(table, &rows)).await.unwrap();
    }
    store.seal().await.unwrap();
    let hours = ["1677-09-21T00", "1969-12-31T23", "1970-01-01T00", "2026-11-20T21", "2026-11-20T22", "2262-04-11T23"];
    let crashed = copy_directory(directory.path());
    let reopened = open(crashed.path()).await;
    for table in Table::ALL {
        for (data_dir, snapshot) in [(directory.path(), store.snapshot()), (crashed.path(), reopened.snapshot())] {
            let files = &snapshot.table(table).files;
            assert_eq!(files.iter().map(|file| file.hour.as_str()).collect::<Vec<_>>(), hours);
            assert_eq!(files.iter().map(|file| file.min_time).collect::<Vec<_>>(), times);
            assert_eq!(ids(data_dir, &snapshot, table), [0, 1, 2, 3, 4, 5]);
        }
    }
}

#[tokio::test]
async fn files_know_which_traces_they_may_have_also_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..50).await;
    store.seal().await.unwrap();
    append(&store, Table::Spans, 50..100).await;
    append(&store, Table::Metrics, 0..1).await;
    store.seal().await.unwrap();
    let check = |snapshot: &crate::Snapshot| {
        let files = &snapshot.table(Table::Spans).files;
        for (file, own, other) in [(&files[0], 0..50, 50..100), (&files[1], 50..100, 0..50)] {
            assert!(own.map(trace_id).all(|id| file.may_contain_trace(&id)));
            assert!(other.map(trace_id).filter(|id| file.may_contain_trace(id)).count() < 10);
        }
        assert!(snapshot.table(Table::Metrics).files[0].may_contain_trace(&trace_id(1)), "has no trace ids to go by");
    };
    check(&store.snapshot());
    assert!(store.stats().trace_filter_bytes > 0);

    let crashed = copy_directory(directory.path());
    check(&open(crashed.path()).await.snapshot());
    let damaged = copy_directory(directory.path());
    let sidecars = crate::files::list(&damaged.path().join("spans/_filters")).unwrap();
    fs::remove_file(&sidecars[0]).unwrap();
    fs::write(&sidecars[1], b"not a filter").unwrap();
    check(&open(damaged.path()).await.snapshot());
    check(&crate::open_read_only(damaged.path()).await.unwrap_or_else(|_| store.snapshot()));

    let config = StoreConfig { trace_filter_bytes: 1, ..quiet_config(crashed.path()) };
    let copy = copy_directory(directory.path());
    let bounded = Store::open(StoreConfig { data_dir: copy.path().to_owned(), ..config }, ManualClock::at(NOW)).await;
    let bounded = bounded.unwrap();
    assert_eq!(bounded.stats().trace_filter_bytes, 0, "B-1");
    assert!(bounded.snapshot().table(Table::Spans).files[0].may_contain_trace(&trace_id(99)));
}

#[tokio::test]
async fn hours_past_retention_are_dropped_and_their_files_deleted_later() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW);
    let store = Store::open(quiet_config(directory.path()), clock.clone()).await.unwrap();
    let at = |hours: i64, id| row(Table::Logs, id, NOW - hours * HOUR);
    store.append(Table::Logs, batch_of(Table::Logs, &[at(5, 0), at(3, 1), at(0, 2)])).await.unwrap();
    store.seal().await.unwrap();
    let before = store.snapshot();
    let policy = RetentionPolicy { retention: Some(Duration::from_secs(4 * 3_600)), grace: Duration::from_secs(60) };
    retention::run(&store.context(), Table::Logs, policy).unwrap();

    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Logs), [1, 2]);
    assert_eq!(store.stats().expired_files, 1);
    assert_eq!(ids(directory.path(), &before, Table::Logs), [0, 1, 2], "a running query still reads the file");
    let removed = directory.path().join(before.table(Table::Logs).files[0].path.as_ref());
    retention::run(&store.context(), Table::Logs, policy).unwrap();
    assert!(removed.exists());
    assert_eq!(action(&entry(directory.path(), Table::Logs, 2), "remove")["deletionTimestamp"], json!(NOW / 1_000_000));

    let reopened = copy_directory(directory.path());
    assert_eq!(ids(reopened.path(), &open(reopened.path()).await.snapshot(), Table::Logs), [1, 2]);

    clock.0.store(NOW + 61_000_000_000, Ordering::Relaxed);
    retention::run(&store.context(), Table::Logs, policy).unwrap();
    assert!(!removed.exists());

    let acknowledged = batch_of(Table::Acknowledgements, &[row(Table::Acknowledgements, 7, NOW - 50 * HOUR)]);
    store.append(Table::Acknowledgements, acknowledged).await.unwrap();
    store.seal().await.unwrap();
    retention::run(&store.context(), Table::Acknowledgements, policy).unwrap();
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Acknowledgements), [7], "what people decided stays");
}

fn add(number: u64) -> Add {
    Add {
        path: format!("hour=2026-11-20T21/{number:020}.parquet"),
        partition_values: [("hour".to_owned(), Some("2026-11-20T21".to_owned()))].into(),
        size: 1,
        modification_time: number as i64,
        data_change: true,
        stats: Some(json!({"numRecords": number}).to_string()),
        tags: Some([("spandrel.sorted".to_owned(), Some("true".to_owned()))].into()),
    }
}

#[test]
fn a_checkpoint_has_the_whole_state_and_lets_old_entries_go() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW);
    let mut catalog = DeltaCatalog::open(Table::Spans, directory.path(), clock.clone()).unwrap();
    for number in 1..=230 {
        let removed = if number == 50 { vec![remove(&add(7))] } else { Vec::new() };
        let commit = Commit { operation: "WRITE", position: Some(number), added: vec![add(number)], removed };
        catalog.commit(commit).unwrap();
    }
    let log = directory.path().join("_delta_log");
    let pointer: Value = serde_json::from_str(&fs::read_to_string(log.join("_last_checkpoint")).unwrap()).unwrap();
    assert_eq!(pointer["version"], 200);
    let names: Vec<_> = crate::files::list(&log).unwrap();
    assert!(names.iter().all(|path| !path.ends_with("00000000000000000099.json")));

    let read = DeltaCatalog::read(directory.path(), clock.clone()).unwrap();
    assert_eq!(read.position(), 230);
    assert_eq!(read.files(), catalog.files());
    assert_eq!(read.files().len(), 229);
    assert_eq!(read.removed(), catalog.removed());
    assert!(read.files().contains(&&add(3)));

    fs::write(log.join("00000000000000000200.checkpoint.parquet"), b"damaged").unwrap();
    assert_eq!(DeltaCatalog::read(directory.path(), clock.clone()).unwrap().files(), catalog.files());
    fs::remove_file(log.join("00000000000000000210.json")).unwrap();
    let gap = DeltaCatalog::read(directory.path(), clock).unwrap_err();
    assert!(matches!(gap, crate::delta::CatalogError::Gap { version: 210 }), "{gap}");
}

fn remove(add: &Add) -> crate::delta::Remove {
    crate::delta::Remove {
        path: add.path.clone(),
        deletion_timestamp: Some(1),
        data_change: true,
        extended_file_metadata: None,
        partition_values: Some(add.partition_values.clone()),
        size: Some(add.size),
    }
}

#[tokio::test]
async fn what_others_commit_is_folded_in() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Logs, 0..2).await;
    store.seal().await.unwrap();
    let file = store.snapshot().table(Table::Logs).files[0].path.clone();
    let path = file.as_ref().trim_start_matches("logs/");
    let theirs = json!({"remove": {"path": path, "dataChange": true, "deletionTimestamp": 1}});
    fs::write(directory.path().join("logs/_delta_log/00000000000000000002.json"), theirs.to_string()).unwrap();
    append(&store, Table::Logs, 2..4).await;
    store.seal().await.unwrap();
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Logs), [2, 3]);
    assert_eq!(entry(directory.path(), Table::Logs, 3).len(), 3);
}

#[tokio::test]
async fn columns_that_a_table_lacks_are_added_and_later_protocols_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).await.close().await.unwrap();
    let first = directory.path().join("logs/_delta_log/00000000000000000000.json");
    let text = fs::read_to_string(&first).unwrap();
    let older = text.replace(r#"\"name\":\"body\""#, r#"\"name\":\"text\""#);
    assert_ne!(older, text);
    fs::write(&first, older).unwrap();
    open(directory.path()).await.close().await.unwrap();
    let grown = entry(directory.path(), Table::Logs, 1);
    let schema = action(&grown, "metaData")["schemaString"].as_str().unwrap().to_owned();
    assert!(schema.contains(r#""name":"text""#) && schema.contains(r#""name":"body""#));
    open(directory.path()).await.close().await.unwrap();
    assert!(!directory.path().join("logs/_delta_log/00000000000000000002.json").exists(), "only once");

    fs::write(&first, text.replace(r#""minReaderVersion":1"#, r#""minReaderVersion":3"#)).unwrap();
    let refused = Store::open(quiet_config(directory.path()), ManualClock::at(NOW)).await.unwrap_err();
    assert!(matches!(refused, OpenError::TableLog { table: Table::Logs, .. }));
}

/// Run with `--ignored` and `SPANDREL_TABLES` set to a directory to write tables that other engines can be pointed at.
#[tokio::test]
#[ignore = "for trying other engines by hand"]
async fn write_tables_for_other_engines() {
    let Some(data_dir) = std::env::var_os("SPANDREL_TABLES") else { return };
    let store = open(Path::new(&data_dir)).await;
    for round in 0..205 {
        for table in Table::ALL {
            append(&store, table, round * 10..round * 10 + 10).await;
        }
        store.seal().await.unwrap();
    }
    store.close().await.unwrap();
}
