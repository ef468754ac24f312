//! A crash at any moment loses and duplicates nothing.

use std::sync::{Arc, Mutex};

use spandrel_proto::model::Table;

use crate::{
    SealError, Store,
    seal::SealStep,
    testing::{append, batch, copy_directory, ids, open, segments},
};

const STEPS: [SealStep; 5] =
    [SealStep::Taken, SealStep::FilesWritten, SealStep::Committed, SealStep::Published, SealStep::Trimmed];

#[tokio::test]
async fn a_crash_between_any_two_steps_of_a_seal_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..5).await;
    append(&store, Table::Logs, 0..5).await;
    let copies = Arc::new(Mutex::new(Vec::new()));
    on_step(&store, {
        let (copies, path) = (copies.clone(), directory.path().to_owned());
        move |step| {
            copies.lock().unwrap().push((step, copy_directory(&path)));
            Ok(())
        }
    });
    store.seal().await.unwrap();

    let copies = std::mem::take(&mut *copies.lock().unwrap());
    assert_eq!(copies.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [STEPS, STEPS].concat());
    for (step, copy) in copies {
        for _ in 0..2 {
            let reopened = open(copy.path()).await;
            for table in [Table::Spans, Table::Logs] {
                assert_eq!(ids(copy.path(), &reopened.snapshot(), table), [0, 1, 2, 3, 4], "{table} at {step:?}");
            }
            assert_eq!(
                parquet_files(copy.path(), Table::Spans),
                reopened.stats().table(Table::Spans).files,
                "no orphans at {step:?}"
            );
            reopened.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_seal_that_fails_at_any_step_is_made_good_by_the_next() {
    for failing in STEPS {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        append(&store, Table::Spans, 0..5).await;
        on_step(&store, move |step| if step == failing { Err(SealError::WorkerGone) } else { Ok(()) });
        store.seal().await.unwrap_err();
        assert_eq!(store.stats().seal_failures, 1);
        assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), [0, 1, 2, 3, 4], "{failing:?}");

        append(&store, Table::Spans, 5..8).await;
        *store.hooks().on_step.lock() = None;
        store.seal().await.unwrap();
        assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), (0..8).collect::<Vec<_>>(), "{failing:?}");
        assert_eq!(store.stats().table(Table::Spans).hot_rows, 0);
        let crashed = copy_directory(directory.path());
        assert_eq!(ids(crashed.path(), &open(crashed.path()).await.snapshot(), Table::Spans).len(), 8, "{failing:?}");
    }
}

#[tokio::test]
async fn d2_rows_that_are_in_files_are_not_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..5).await;
    append(&store, Table::Logs, 0..2).await;
    store.seal().await.unwrap();
    assert_eq!(segments(directory.path()).len(), 1, "the active segment still has the sealed records");
    append(&store, Table::Spans, 5..7).await;
    let crashed = copy_directory(directory.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(reopened.stats().replayed_rows, 2);
    assert_eq!(ids(crashed.path(), &reopened.snapshot(), Table::Spans), (0..7).collect::<Vec<_>>());
    assert_eq!(ids(crashed.path(), &reopened.snapshot(), Table::Logs), [0, 1]);
}

#[tokio::test]
async fn d2_a_segment_is_deleted_when_all_of_it_is_in_files() {
    let directory = tempfile::tempdir().unwrap();
    let config = crate::StoreConfig { wal_segment_bytes: 1, ..crate::testing::quiet_config(directory.path()) };
    let store = Store::open(config, crate::testing::ManualClock::at(crate::testing::NOW)).await.unwrap();
    append(&store, Table::Spans, 0..1).await;
    append(&store, Table::Logs, 0..1).await;
    append(&store, Table::Spans, 1..2).await;
    assert_eq!((segments(directory.path()).len(), store.stats().wal_segments), (3, 3));
    let context = store.context();
    crate::seal::seal_next(&context, Table::Spans).unwrap();
    assert_eq!(segments(directory.path()).len(), 2, "that of the logs, and the active one");
    store.seal().await.unwrap();
    assert_eq!(segments(directory.path()).len(), 1);
    assert!(store.stats().wal_bytes > 0);
}

#[tokio::test]
async fn replay_stays_in_the_memory_budget() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for seed in 0..12 {
        append(&store, Table::Spans, seed * 50..(seed + 1) * 50).await;
    }
    let crashed = copy_directory(directory.path());
    let bytes = batch(Table::Spans, 0..50).get_array_memory_size();
    let config = crate::StoreConfig {
        hot_max_bytes: bytes * 4,
        seal_bytes: bytes * 2,
        ..crate::testing::quiet_config(crashed.path())
    };
    let reopened = Store::open(config, crate::testing::ManualClock::at(crate::testing::NOW)).await.unwrap();
    assert_eq!(reopened.stats().replayed_rows, 600);
    assert!(reopened.stats().seals >= 3);
    assert!(reopened.stats().held_bytes <= bytes as u64 * 4);
    assert_eq!(ids(crashed.path(), &reopened.snapshot(), Table::Spans), (0..600).collect::<Vec<_>>());
}

#[tokio::test]
async fn dropping_a_store_is_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    append(&store, Table::Spans, 0..3).await;
    drop(store);
    let mut reopened = None;
    for _ in 0..2_000 {
        let config = crate::testing::quiet_config(directory.path());
        match Store::open(config, crate::testing::ManualClock::at(crate::testing::NOW)).await {
            Ok(store) => {
                reopened = Some(store);
                break;
            }
            Err(error) => assert!(matches!(error, crate::OpenError::Locked { .. })),
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let reopened = reopened.unwrap();
    assert_eq!(ids(directory.path(), &reopened.snapshot(), Table::Spans), [0, 1, 2]);
}

fn on_step(store: &Store, hook: impl FnMut(SealStep) -> Result<(), SealError> + Send + 'static) {
    *store.hooks().on_step.lock() = Some(Box::new(hook));
}

fn parquet_files(data_dir: &std::path::Path, table: Table) -> u64 {
    let mut count = 0;
    for partition in crate::files::list(&data_dir.join(table.name())).unwrap() {
        if partition.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hour=")) {
            count += crate::files::list(&partition).unwrap().len() as u64;
        }
    }
    count
}
