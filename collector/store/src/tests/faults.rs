//! Disks that fail, and power that does.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use spandrel_proto::model::Table;

use crate::{
    AppendError, Store, StoreConfig, Unhealthy,
    testing::{ManualClock, NOW, append, batch, copy_directory, ids, open, quiet_config, segments, spans},
    wal::segment::{CreateFile, SegmentFile, real_files},
};

/// What the files of a store do next, and what of them is synced.
#[derive(Default)]
struct Disk {
    fail_append: bool,
    fail_sync: bool,
    fail_truncate: bool,
    written: HashMap<PathBuf, u64>,
    synced: HashMap<PathBuf, u64>,
}

struct FaultyFile {
    inner: Box<dyn SegmentFile>,
    path: PathBuf,
    disk: Arc<Mutex<Disk>>,
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        if disk.fail_append {
            let part = slices[0].to_vec();
            self.inner.append(&mut [IoSlice::new(&part)])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        *disk.written.entry(self.path.clone()).or_default() += len as u64;
        self.inner.append(slices)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        if disk.fail_sync {
            return Err(io::Error::other("input/output error"));
        }
        let written = disk.written[&self.path];
        disk.synced.insert(self.path.clone(), written);
        self.inner.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.disk.lock().fail_truncate {
            return Err(io::Error::other("input/output error"));
        }
        self.inner.truncate(len)
    }
}

fn faulty_files(disk: &Arc<Mutex<Disk>>) -> CreateFile {
    let (disk, real) = (disk.clone(), real_files());
    Box::new(move |path| Ok(Box::new(FaultyFile { inner: real(path)?, path: path.to_owned(), disk: disk.clone() })))
}

async fn open_faulty(config: StoreConfig) -> (Arc<Store>, Arc<Mutex<Disk>>) {
    let disk = Arc::default();
    let store = Store::open_with_files(config, ManualClock::at(NOW), faulty_files(&disk)).await.unwrap();
    (store, disk)
}

#[tokio::test]
async fn a_failed_write_is_taken_back_and_may_be_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, disk) = open_faulty(quiet_config(directory.path())).await;
    append(&store, Table::Spans, 0..3).await;
    let len = fs::metadata(&segments(directory.path())[0]).unwrap().len();

    disk.lock().fail_append = true;
    let failed = store.append(Table::Spans, batch(Table::Spans, 3..6)).await.unwrap_err();
    assert!(matches!(failed, AppendError::Failed(_)));
    assert!(failed.retry_after().is_some());
    assert_eq!(fs::metadata(&segments(directory.path())[0]).unwrap().len(), len);
    assert_eq!(store.stats().wal_write_failures, 1);
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), [0, 1, 2]);
    assert_eq!(store.health(), Ok(()));

    disk.lock().fail_append = false;
    let again = store.append(Table::Spans, batch(Table::Spans, 3..6)).await.unwrap();
    assert_eq!(again.duplicates, 0, "a batch that was not acknowledged marks nothing");
    let crashed = copy_directory(directory.path());
    assert_eq!(ids(crashed.path(), &open(crashed.path()).await.snapshot(), Table::Spans), [0, 1, 2, 3, 4, 5]);
    assert_eq!(store.stats().held_bytes, store.stats().table(Table::Spans).hot_bytes);
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (store, disk) = open_faulty(quiet_config(directory.path())).await;
    append(&store, Table::Spans, 0..3).await;
    disk.lock().fail_sync = true;
    assert!(matches!(store.append(Table::Spans, spans(1, 1)).await, Err(AppendError::Poisoned)));
    disk.lock().fail_sync = false;
    assert!(matches!(store.append(Table::Spans, spans(1, 1)).await, Err(AppendError::Poisoned)));
    assert_eq!(store.health(), Err(Unhealthy::Poisoned));
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), [0, 1, 2], "not visible either");
}

#[tokio::test]
async fn a_write_that_cannot_be_taken_back_ends_writing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, disk) = open_faulty(quiet_config(directory.path())).await;
    append(&store, Table::Spans, 0..3).await;
    disk.lock().fail_append = true;
    disk.lock().fail_truncate = true;
    store.append(Table::Spans, spans(1, 1)).await.unwrap_err();
    assert_eq!(store.health(), Err(Unhealthy::Poisoned));
    let crashed = copy_directory(directory.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(ids(crashed.path(), &reopened.snapshot(), Table::Spans), [0, 1, 2]);
    assert_eq!(reopened.stats().wal_corrupt_segments, 0);
}

#[tokio::test]
async fn d1_what_was_acknowledged_survives_power_loss() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig { wal_segment_bytes: 20_000, ..quiet_config(directory.path()) };
    let (store, disk) = open_faulty(config).await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let senders: Vec<_> = (0..4_u64)
        .map(|sender| {
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            tokio::spawn(async move {
                for seed in 0..12 {
                    let seed = sender * 100 + seed;
                    store.append(Table::Spans, spans(seed, 2)).await.unwrap();
                    acknowledged.lock().extend([seed * 1_000, seed * 1_000 + 1]);
                }
            })
        })
        .collect();
    let mut looked = 0;
    while looked < 8 || !senders.iter().all(tokio::task::JoinHandle::is_finished) {
        let expected = acknowledged.lock().clone();
        let after_power_loss = copy_without_unsynced(directory.path(), &disk);
        let reopened = open(after_power_loss.path()).await;
        let found = ids(after_power_loss.path(), &reopened.snapshot(), Table::Spans);
        for id in expected {
            assert!(found.binary_search(&id).is_ok(), "{id} was acknowledged");
        }
        looked += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(acknowledged.lock().len(), 4 * 12 * 2);
}

/// The log as a power loss leaves it: without what was not synced.
fn copy_without_unsynced(data_dir: &Path, disk: &Mutex<Disk>) -> tempfile::TempDir {
    let synced = disk.lock().synced.clone();
    let copy = copy_directory(data_dir);
    for segment in segments(copy.path()) {
        let original = data_dir.join(crate::wal::DIRECTORY).join(segment.file_name().unwrap());
        let kept = synced.get(&original).copied().unwrap_or(0);
        let file = File::options().write(true).open(&segment).unwrap();
        file.set_len(kept.min(file.metadata().unwrap().len())).unwrap();
    }
    copy
}

#[tokio::test]
async fn h1_a_full_disk_refuses_before_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig { min_free_disk_bytes: u64::MAX, ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    assert!(matches!(store.append(Table::Spans, spans(0, 1)).await, Err(AppendError::DiskFull { .. })));
    assert!(matches!(store.health(), Err(Unhealthy::DiskFull { .. })));
    assert!(store.stats().free_disk_bytes.is_some());
}

#[tokio::test]
async fn h1_a_store_whose_worker_is_gone_is_not_healthy() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    assert_eq!(store.health(), Ok(()));
    store.abort_worker();
    crate::testing::eventually("health fails", || store.health() == Err(Unhealthy::SealerGone)).await;
}

#[tokio::test]
async fn h1_seals_that_keep_failing_fail_health_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig { seal_age: std::time::Duration::ZERO, ..quiet_config(directory.path()) };
    let store = Store::open(config, ManualClock::at(NOW)).await.unwrap();
    *store.hooks().on_step.lock() = Some(Box::new(|_| Err(crate::SealError::WorkerGone)));
    append(&store, Table::Spans, 0..3).await;
    crate::testing::eventually("health fails", || matches!(store.health(), Err(Unhealthy::SealFailing { .. }))).await;
    assert_eq!(ids(directory.path(), &store.snapshot(), Table::Spans), [0, 1, 2]);
    *store.hooks().on_step.lock() = None;
    store.seal().await.unwrap();
    assert_eq!(store.stats().table(Table::Spans).hot_rows, 0);
}
