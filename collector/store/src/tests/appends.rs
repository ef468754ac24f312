//! What `append` promises.

use std::{path::Path, sync::Arc, time::Duration};

use object_store::ObjectStoreExt as _;
use spandrel_proto::model::Table;

use crate::{
    AppendError, Durability, OpenError, Overload, Store, StoreConfig, Unhealthy, open_read_only,
    testing::{ManualClock, NOW, all_rows, append, batch, copy_directory, eventually, ids, open, quiet_config, spans},
};

#[tokio::test]
async fn appended_rows_are_visible_and_are_the_same_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let batches = Table::ALL.map(|table| batch(table, 0..20));
    for (table, batch) in Table::ALL.into_iter().zip(&batches) {
        store.append(table, batch.clone()).await.unwrap();
        assert_eq!(&store.snapshot().table(table).hot, std::slice::from_ref(batch));
    }
    let crashed = copy_directory(directory.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(reopened.stats().replayed_rows, 20 * Table::ALL.len() as u64);
    for (table, batch) in Table::ALL.into_iter().zip(&batches) {
        assert_eq!(&all_rows(crashed.path(), &reopened.snapshot(), table), batch);
    }
}

#[tokio::test]
async fn sealed_rows_are_sorted_and_equal_to_what_was_appended() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for table in Table::ALL {
        append(&store, table, 0..10).await;
        append(&store, table, 10..20).await;
    }
    store.seal().await.unwrap();
    let snapshot = store.snapshot();
    for table in Table::ALL {
        let view = snapshot.table(table);
        assert!(view.hot.is_empty());
        assert_eq!((view.files.len(), view.files[0].rows, view.files[0].sorted), (1, 20, true));
        assert_eq!((view.files[0].min_time, view.files[0].max_time), (NOW, NOW + 19_000_000_000));
        assert_eq!(view.files[0].hour, "2026-11-20T21");
        let sealed = all_rows(directory.path(), &snapshot, table);
        // Rows repeat their service every three ids, and later ids are later.
        let expected = batch(table, (0..3).flat_map(|service| (0..20).filter(move |id| id % 3 == service)));
        assert_eq!(sealed, expected, "{table}");
    }
    let file = &snapshot.table(Table::Spans).files[0];
    assert_eq!(snapshot.object_store().head(&file.path).await.unwrap().size, file.size_bytes);
}

#[tokio::test]
async fn duplicate_spans_are_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let first = store.append(Table::Spans, batch(Table::Spans, [1, 2, 3, 2])).await.unwrap();
    assert_eq!(first.duplicates, 1);
    let again = store.append(Table::Spans, batch(Table::Spans, [1, 2, 3])).await.unwrap();
    assert_eq!(again.duplicates, 3);
    let partly = store.append(Table::Spans, batch(Table::Spans, [3, 4])).await.unwrap();
    assert_eq!(partly.duplicates, 1);
    append(&store, Table::Logs, [1, 1]).await;
    assert_eq!(store.stats().duplicates, 5);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), [1, 2, 3, 4]);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Logs), [1, 1], "only spans have an identity");

    // A crash after sealing some of them brings back none of the duplicates, and what is known is still known.
    store.seal().await.unwrap();
    store.append(Table::Spans, batch(Table::Spans, [4, 5])).await.unwrap();
    let crashed = copy_directory(directory.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(ids(crashed.path(), &reopened.snapshot(), Table::Spans), [1, 2, 3, 4, 5]);
    assert_eq!(reopened.append(Table::Spans, batch(Table::Spans, [5])).await.unwrap().duplicates, 1);
}

#[tokio::test]
async fn duplicates_in_one_group_are_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let appends = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.append(Table::Spans, spans(1, 5)).await.unwrap().duplicates })
    });
    let mut duplicates = 0;
    for append in appends.collect::<Vec<_>>() {
        duplicates += append.await.unwrap();
    }
    assert_eq!(duplicates, 19 * 5);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans).len(), 5);
    assert_eq!(
        store.stats().wal_group_records,
        1,
        "a batch of duplicates has no record, or is in the first one's group"
    );
}

#[tokio::test]
async fn b1_more_than_the_bound_is_refused_and_nothing_of_it_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = spans(0, 50).get_array_memory_size();
    let config = StoreConfig { hot_max_bytes: bytes * 3, seal_bytes: bytes * 3, ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    // Pressure would seal; a table whose log cannot be written does not.
    fail_seals(&store);
    let mut stored = 0;
    let refused = loop {
        match store.append(Table::Spans, spans(stored, 50)).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Overloaded { reason: Overload::HotBuffer, .. }), "{refused:?}");
    assert!(refused.retry_after().is_some());
    assert!((2..=3).contains(&stored));
    assert_eq!(store.stats().table(Table::Spans).hot_rows, stored * 50);
    assert!(store.stats().held_bytes <= bytes as u64 * 3);
    let crashed = copy_directory(directory.path());
    assert_eq!(open(crashed.path()).await.stats().replayed_rows, stored * 50, "refused before the log");

    let too_large = store.append(Table::Spans, spans(9, 2_000)).await.unwrap_err();
    assert!(matches!(too_large, AppendError::TooLarge { .. }));

    // Once sealing works, nothing was lost and there is room.
    *store.hooks().on_step.lock() = None;
    store.seal().await.unwrap();
    store.append(Table::Spans, spans(10, 50)).await.unwrap();
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans).len() as u64, (stored + 1) * 50);
}

#[tokio::test]
async fn b1_an_append_waits_for_the_room_that_sealing_makes() {
    let directory = tempfile::tempdir().unwrap();
    let (store, stored) = full_store(directory.path()).await;
    let (seal, waiting) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            *store.hooks().on_step.lock() = None;
            store.seal().await
        },
        store.append(Table::Spans, spans(stored, 50)),
    );
    seal.unwrap();
    waiting.unwrap();
    assert_eq!(store.stats().overloaded, 0);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans).len() as u64, (stored + 1) * 50);
}

#[tokio::test]
async fn b1_an_append_does_not_wait_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let (store, stored) = full_store(directory.path()).await;
    let held = store.stats().held_bytes;
    let refused = store.append(Table::Spans, spans(stored, 50)).await.unwrap_err();
    assert!(matches!(refused, AppendError::Overloaded { reason: Overload::HotBuffer, .. }), "{refused:?}");
    assert_eq!((store.stats().overloaded, store.stats().held_bytes), (1, held));
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans).len() as u64, stored * 50);
}

/// A store without room for another 50 spans, though they may wait, and how many times as many it has. It cannot seal.
async fn full_store(directory: &Path) -> (Arc<Store>, u64) {
    let bytes = spans(0, 50).get_array_memory_size();
    let limit = bytes * 9;
    let config = StoreConfig { hot_max_bytes: limit, seal_bytes: limit, ..quiet_config(directory) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    fail_seals(&store);
    let mut stored = 0;
    while store.stats().held_bytes as usize + bytes <= limit {
        store.append(Table::Spans, spans(stored, 50)).await.unwrap();
        stored += 1;
    }
    (store, stored)
}

fn fail_seals(store: &Store) {
    *store.hooks().on_step.lock() = Some(Box::new(|_| Err(crate::SealError::WorkerGone)));
}

#[tokio::test]
async fn b1_the_queue_has_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig { append_queue_bytes: 1_000, ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    let refused = store.append(Table::Spans, spans(0, 50)).await.unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { limit: 1_000, .. }));
    assert_eq!((store.stats().queued_bytes, store.stats().held_bytes), (0, 0));
}

#[tokio::test]
async fn small_batches_do_not_bloat_memory() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for id in 0..200 {
        append(&store, Table::Logs, [id]).await;
    }
    // The last ones may be merged after they were acknowledged.
    eventually("small batches are merged", || store.stats().table(Table::Logs).hot_batches < 40).await;
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Logs), (0..200).collect::<Vec<_>>());
    assert_eq!(store.stats().table(Table::Logs).hot_bytes, store.stats().held_bytes);
}

#[tokio::test]
async fn tables_are_sealed_by_size_and_by_age() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = spans(0, 50).get_array_memory_size();
    let config = StoreConfig { seal_bytes: bytes * 2, ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    for seed in 0..3 {
        store.append(Table::Spans, spans(seed, 50)).await.unwrap();
    }
    eventually("a full table is sealed", || store.stats().table(Table::Spans).file_rows >= 100).await;
    store.close().await.unwrap();

    let config = StoreConfig { seal_age: Duration::from_millis(1), ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    append(&store, Table::Logs, 0..3).await;
    eventually("old rows are sealed", || store.stats().table(Table::Logs).file_rows == 3).await;
    assert_eq!(store.stats().table(Table::Logs).hot_rows, 0);
}

#[tokio::test]
async fn d1_interval_and_memory_modes_store_too() {
    for durability in [Durability::Interval(Duration::from_millis(1)), Durability::Memory] {
        let directory = tempfile::tempdir().unwrap();
        let config = StoreConfig { durability, ..quiet_config(directory.path()) };
        let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
        append(&store, Table::Spans, 0..3).await;
        if durability != Durability::Memory {
            eventually("the interval passes", || store.stats().wal_fsyncs > 0).await;
        }
        let crashed = copy_directory(directory.path());
        assert_eq!(ids(crashed.path(), &open(crashed.path()).await.snapshot(), Table::Spans), [0, 1, 2]);
    }
}

#[tokio::test]
async fn a_closed_store_refuses_and_lets_the_directory_go() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..3).await;
    let locked = Store::open(quiet_config(directory.path()), ManualClock::at(NOW)).await.unwrap_err();
    assert!(matches!(locked, OpenError::Locked { .. }));
    assert!(locked.to_string().contains(&directory.path().display().to_string()));
    assert!(matches!(open_read_only(directory.path()).await, Err(OpenError::Locked { .. })));

    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.append(Table::Spans, spans(1, 1)).await, Err(AppendError::Closed)));
    assert_eq!(store.health(), Err(Unhealthy::Closed));
    assert_eq!(crate::testing::segments(directory.path()).len(), 0, "everything is in files");

    let reopened = open(directory.path()).await;
    assert_eq!(reopened.stats().replayed_rows, 0);
    assert_eq!(ids(directory.path(), &reopened.snapshot(), Table::Spans), [0, 1, 2]);
    assert_eq!(reopened.health(), Ok(()));
}

#[tokio::test]
async fn a_read_only_view_shows_files_and_log_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..3).await;
    store.seal().await.unwrap();
    append(&store, Table::Spans, 3..5).await;
    append(&store, Table::Logs, 7..8).await;
    let crashed = copy_directory(directory.path());
    let before = listing(crashed.path());
    let snapshot = open_read_only(crashed.path()).await.unwrap();
    assert_eq!(ids(crashed.path(), &snapshot, Table::Spans), [0, 1, 2, 3, 4]);
    assert_eq!(ids(crashed.path(), &snapshot, Table::Logs), [7]);
    assert!(snapshot.table(Table::Spans).files[0].may_contain_trace(&crate::testing::trace_id(1)));
    assert_eq!(listing(crashed.path()), before);

    let missing = open_read_only(&crashed.path().join("nowhere")).await;
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
}

fn listing(directory: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for path in crate::files::list(directory).unwrap() {
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.push((path.clone(), std::fs::metadata(&path).unwrap().len()));
        }
    }
    found
}

#[tokio::test]
async fn a_batch_of_another_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let refused = store.append(Table::Logs, spans(0, 1)).await.unwrap_err();
    assert!(matches!(refused, AppendError::Schema { table: Table::Logs }));
    let wrong = StoreConfig { seal_bytes: 2, hot_max_bytes: 1, ..quiet_config(directory.path()) };
    assert!(matches!(
        Store::open(wrong, ManualClock::at(NOW)).await,
        Err(OpenError::Config { setting: "seal_bytes", .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn v1_counts_are_exact_and_monotonic_while_appending_and_sealing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for batch in 0..30 {
                    store.append(Table::Spans, spans(writer * 100 + batch, 7)).await.unwrap();
                }
            })
        })
        .collect();
    let sealer = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..15 {
                store.seal().await.unwrap();
            }
        })
    };
    let mut seen = 0;
    let mut snapshots = 0;
    while !(writers.iter().all(tokio::task::JoinHandle::is_finished) && sealer.is_finished()) {
        let acknowledged = store.stats().table(Table::Spans).appended_rows;
        let count = count_rows(&store);
        assert!(count >= seen && count >= acknowledged && count.is_multiple_of(7), "{seen} then {count}");
        seen = count;
        snapshots += 1;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    sealer.await.unwrap();
    assert!(snapshots > 0);
    assert_eq!(count_rows(&store), 3 * 30 * 7);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans).len(), 3 * 30 * 7);
}

fn count_rows(store: &Arc<Store>) -> u64 {
    let snapshot = store.snapshot();
    let view = snapshot.table(Table::Spans);
    let hot: usize = view.hot.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
    hot as u64 + view.files.iter().map(|file| file.rows).sum::<u64>()
}
