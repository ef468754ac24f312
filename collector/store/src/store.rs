//! The store itself.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use arrow::record_batch::RecordBatch;
use object_store::ObjectStore;
use parking_lot::{Mutex, RwLock};
use spandrel_proto::model::{Clock, Table};
use tokio::{
    sync::{Notify, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    config::StoreConfig,
    disk::DiskGuard,
    error::{AppendError, CloseError, OpenError, Overload, SealError, Unhealthy},
    follow::Follower,
    meter::{ByteMeter, Reservation},
    open::{self, Opened},
    per_table::PerTable,
    retention::RetentionPolicy,
    seal::{GoneOnDrop, SealContext, SealPolicy, Worker, WorkerStatus, seal_next},
    snapshot::Snapshot,
    stats::{Counters, StoreStats, TableStats, add, read},
    wal::{
        duplicates::row_keys,
        group::PendingAppend,
        payload,
        segment::{CreateFile, real_files},
        writer::WriterStatus,
    },
};

/// Appends that may wait for the log writer, beside the bound on their bytes.
const QUEUE_APPENDS: usize = 4096;
const DISK_SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Seals that fail in a row before health does.
const TOLERATED_SEAL_FAILURES: u64 = 3;
/// How long one group may take to write before health fails: the disk does not answer.
const TOLERATED_WRITE_TIME: Duration = Duration::from_secs(30);
/// Appends may wait for room in memory, as this part of what fits there, and so long: sealing that keeps up makes some
/// sooner.
const WAITING_PART: usize = 8;
const WAITING_TIME: Duration = Duration::from_secs(2);
const RETRY_AFTER_HOT: Duration = Duration::from_secs(2);
const RETRY_AFTER_QUEUE: Duration = Duration::from_millis(500);

/// What became of an appended batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Rows identical to spans stored before, which were not stored again.
    pub duplicates: u64,
}

/// The tables of one data directory, open for writing.
///
/// Dropping it without [`close`](Store::close) loses nothing that was acknowledged: rows in memory are in the
/// write-ahead log.
#[derive(Debug)]
pub struct Store {
    context: Arc<SealContext>,
    counters: Arc<Counters>,
    queue: RwLock<Option<SyncSender<PendingAppend>>>,
    queue_meter: Arc<ByteMeter>,
    /// What waits for room in memory.
    waiting_meter: Arc<ByteMeter>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
    writer_status: Arc<WriterStatus>,
    worker_status: Arc<WorkerStatus>,
    disk: Arc<DiskGuard>,
    object_store: Arc<dyn ObjectStore>,
    closed: AtomicBool,
    stop: watch::Sender<bool>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the data directory, which no other process may have open, and reads back what was acknowledged and is in
    /// no file yet. Must be called in a tokio runtime, which runs the background work.
    pub async fn open(config: StoreConfig, clock: Arc<dyn Clock>) -> Result<Arc<Store>, OpenError> {
        Self::open_with_files(config, clock, real_files()).await
    }

    /// [`open`](Store::open) with the files that the write-ahead log writes to.
    pub(crate) async fn open_with_files(
        config: StoreConfig,
        clock: Arc<dyn Clock>,
        create_file: CreateFile,
    ) -> Result<Arc<Store>, OpenError> {
        config.validate()?;
        let wake = Arc::new(Notify::new());
        let opened = {
            let (config, wake) = (config.clone(), wake.clone());
            blocking(&config.data_dir.clone(), move || open::open(&config, clock, create_file, wake)).await?
        };
        Self::start(&config, opened, wake)
    }

    /// Stores a batch of exactly `table.schema()`. Resolves only when the batch is durable (D-1) and visible to
    /// snapshots. A batch whose sender stopped waiting may be stored or not; sending it again stores its spans once.
    pub async fn append(&self, table: Table, batch: RecordBatch) -> Result<Appended, AppendError> {
        self.append_all(vec![(table, batch)]).await
    }

    /// [`append`](Store::append) of batches that belong together: room is found for all of them before the first is
    /// written, so that a store which is full takes none. Waits for room, but not for long.
    pub async fn append_all(&self, mut batches: Vec<(Table, RecordBatch)>) -> Result<Appended, AppendError> {
        self.admit()?;
        if let Some((table, _)) = batches.iter().find(|(table, batch)| !has_schema_of(*table, batch)) {
            return Err(AppendError::Schema { table: *table });
        }
        batches.retain(|(_, batch)| batch.num_rows() > 0);
        let mut room = self.room(batches.iter().map(|(_, batch)| batch.get_array_memory_size()).sum()).await?;
        let mut pending = Vec::with_capacity(batches.len());
        let mut answers = Vec::with_capacity(batches.len());
        for (table, batch) in batches {
            let (reply, answer) = oneshot::channel();
            answers.push((table, batch.num_rows(), batch.get_array_memory_size(), answer));
            pending.push(self.prepare(table, batch, &mut room, reply)?);
        }
        for append in pending {
            self.enqueue(append)?;
        }
        let mut appended = Appended { duplicates: 0 };
        for (table, rows, bytes, answer) in answers {
            // The writer answers every append it takes; it is gone without an answer only if it panicked.
            let answered = answer.await.map_err(|_| AppendError::Closed)??;
            if table == Table::Spans {
                appended.duplicates += answered.duplicates;
            }
            let counters = &self.counters.tables[table];
            add(&counters.appended_rows, rows as u64);
            add(&counters.appended_batches, 1);
            add(&counters.appended_bytes, bytes as u64);
        }
        Ok(appended)
    }

    fn prepare(
        &self,
        table: Table,
        batch: RecordBatch,
        room: &mut Reservation,
        reply: oneshot::Sender<Result<Appended, AppendError>>,
    ) -> Result<PendingAppend, AppendError> {
        let bytes = batch.get_array_memory_size();
        let held = room.split(bytes);
        let payload = payload::encode(table, &batch).map_err(|error| AppendError::Encode(Arc::new(error)))?;
        let queued = self.queue_room(payload.len())?;
        let keys = row_keys(table, &batch);
        let payload_checksum = crc32c::crc32c(&payload);
        Ok(PendingAppend { table, batch, bytes, payload, payload_checksum, keys, held, queued, reply })
    }

    /// Sees what is appended to these tables from here on, up to `max_bytes` ahead of being taken.
    pub fn follow(&self, tables: &[Table], max_bytes: usize) -> Follower {
        self.context.tables.followers.add(tables, max_bytes)
    }

    /// One instant over all tables (V-1). Cheap.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.context.tables.view(), self.object_store.clone())
    }

    /// Moves everything that is in memory when this is called into files.
    pub async fn seal(&self) -> Result<(), SealError> {
        for table in Table::ALL {
            let Some(target) = self.context.tables.sizes(table).last_sequence else { continue };
            while self.context.positions()[table] < target {
                let context = self.context.clone();
                let sealed = spawn_blocking(move || seal_next(&context, table)).await;
                if !sealed.unwrap_or(Err(SealError::WorkerGone))? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Stops appends, seals everything and releases the data directory. Safe to call more than once.
    pub async fn close(&self) -> Result<(), CloseError> {
        self.closed.store(true, Ordering::Release);
        self.queue.write().take();
        let writer = self.writer.lock().take();
        let ended = match writer {
            Some(writer) => spawn_blocking(move || writer.join().is_ok()).await.unwrap_or(false),
            None => true,
        };
        self.context.tables.followers.close();
        self.stop.send_replace(true);
        let worker = self.worker.lock().take();
        if let Some(worker) = worker
            && worker.await.is_err()
        {
            tracing::error!("the sealing worker ended abnormally");
        }
        let sealed = self.seal().await;
        if let Err(error) = self.context.segments.trim(&self.context.positions()) {
            tracing::warn!(error = %error.source, "cannot delete a write-ahead log segment");
        }
        self.context.lock.release();
        sealed?;
        if ended { Ok(()) } else { Err(CloseError::Writer) }
    }

    /// Whether the store can be relied on to store (H-1).
    pub fn health(&self) -> Result<(), Unhealthy> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Unhealthy::Closed);
        }
        if self.writer_status.poisoned.load(Ordering::Acquire) {
            return Err(Unhealthy::Poisoned);
        }
        if self.writer_status.gone.load(Ordering::Acquire) {
            return Err(Unhealthy::WriterGone);
        }
        if let Some(stalled) = self.writer_status.stalled(TOLERATED_WRITE_TIME) {
            return Err(Unhealthy::WriterStalled { for_seconds: stalled.as_secs() });
        }
        if self.worker_status.gone.load(Ordering::Acquire) {
            return Err(Unhealthy::SealerGone);
        }
        let failures = self.worker_status.failures_in_a_row.load(Ordering::Relaxed);
        if failures >= TOLERATED_SEAL_FAILURES {
            return Err(Unhealthy::SealFailing { failures });
        }
        match self.disk.breach() {
            Some(free_bytes) => Err(Unhealthy::DiskFull { free_bytes, min_free_bytes: self.disk.min_free() }),
            None => Ok(()),
        }
    }

    pub fn stats(&self) -> StoreStats {
        let counters = &self.counters;
        let segments = self.context.segments.sizes();
        StoreStats {
            tables: PerTable::from_fn(|table| self.table_stats(table)),
            duplicates: read(&counters.duplicates),
            wal_written_bytes: read(&counters.wal_written_bytes),
            wal_bytes: segments.bytes,
            wal_segments: segments.segments,
            wal_fsyncs: read(&counters.wal_fsyncs),
            wal_fsync_time: Duration::from_nanos(read(&counters.wal_fsync_nanos)),
            wal_groups: read(&counters.wal_groups),
            wal_group_records: read(&counters.wal_group_records),
            wal_group_records_max: read(&counters.wal_group_records_max),
            wal_write_failures: read(&counters.wal_write_failures),
            wal_corrupt_segments: read(&counters.wal_corrupt_segments),
            queued_bytes: self.queue_meter.used() as u64,
            held_bytes: self.context.tables.meter.used() as u64,
            overloaded: read(&counters.overloaded),
            replayed_rows: read(&counters.replayed_rows),
            seals: read(&counters.seals),
            seal_time: Duration::from_nanos(read(&counters.seal_nanos)),
            seal_failures: read(&counters.seal_failures),
            expired_files: read(&counters.expired_files),
            trace_filter_bytes: self.context.filter_meter.used() as u64,
            free_disk_bytes: self.disk.free(),
        }
    }

    fn start(config: &StoreConfig, opened: Opened, wake: Arc<Notify>) -> Result<Arc<Store>, OpenError> {
        let Opened { context, writer, object_store } = opened;
        let writer_status = writer.status.clone();
        let (sender, receiver) = sync_channel(QUEUE_APPENDS);
        let writer = writer.spawn(receiver).map_err(|source| OpenError::Io {
            action: "start the log writer of",
            path: config.data_dir.clone(),
            source,
        })?;
        let (stop, stopped) = watch::channel(false);
        let worker_status = Arc::new(WorkerStatus::default());
        let worker = Worker {
            context: context.clone(),
            policy: SealPolicy {
                seal_bytes: config.seal_bytes,
                seal_age: config.seal_age,
                pressure_bytes: config.hot_max_bytes / 2,
                wal_max_bytes: config.wal_max_bytes,
            },
            retention: RetentionPolicy { retention: config.retention, grace: config.removed_file_grace },
            wake,
            stop: stopped.clone(),
            status: GoneOnDrop(worker_status.clone()),
        };
        let worker = tokio::spawn(worker.run());
        let disk = Arc::new(DiskGuard::new(config.min_free_disk_bytes));
        disk.sample(&config.data_dir);
        tokio::spawn(watch_disk(disk.clone(), config.data_dir.clone(), stopped));
        Ok(Arc::new(Store {
            counters: context.counters.clone(),
            context,
            queue: RwLock::new(Some(sender)),
            queue_meter: ByteMeter::new(config.append_queue_bytes),
            waiting_meter: ByteMeter::new(config.hot_max_bytes / WAITING_PART),
            writer: Mutex::new(Some(writer)),
            writer_status,
            worker_status,
            disk,
            object_store,
            closed: AtomicBool::new(false),
            stop,
            worker: Mutex::new(Some(worker)),
        }))
    }

    fn admit(&self) -> Result<(), AppendError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::Closed);
        }
        if self.writer_status.poisoned.load(Ordering::Acquire) {
            return Err(AppendError::Poisoned);
        }
        match self.disk.breach() {
            Some(free_bytes) => Err(AppendError::DiskFull { free_bytes, min_free_bytes: self.disk.min_free() }),
            None => Ok(()),
        }
    }

    /// Room in memory. A short wait costs a sender less than a refusal, after which it pauses, and all others with it.
    async fn room(&self, bytes: usize) -> Result<Reservation, AppendError> {
        let meter = &self.context.tables.meter;
        check_size(bytes, meter)?;
        if let Some(room) = meter.reserve(bytes) {
            return Ok(room);
        }
        let overloaded = || self.overloaded(Overload::HotBuffer);
        let _waiting = self.waiting_meter.reserve(bytes).ok_or_else(overloaded)?;
        timeout(WAITING_TIME, meter.reserve_when_free(bytes)).await.map_err(|_| overloaded())
    }

    fn queue_room(&self, bytes: usize) -> Result<Reservation, AppendError> {
        check_size(bytes, &self.queue_meter)?;
        self.queue_meter.reserve(bytes).ok_or_else(|| self.overloaded(Overload::AppendQueue))
    }

    fn enqueue(&self, append: PendingAppend) -> Result<(), AppendError> {
        let queue = self.queue.read();
        let sender = queue.as_ref().ok_or(AppendError::Closed)?;
        sender.try_send(append).map_err(|error| match error {
            TrySendError::Full(_) => self.overloaded(Overload::AppendQueue),
            TrySendError::Disconnected(_) => AppendError::Closed,
        })
    }

    fn overloaded(&self, reason: Overload) -> AppendError {
        add(&self.counters.overloaded, 1);
        let retry_after = match reason {
            Overload::HotBuffer => RETRY_AFTER_HOT,
            Overload::AppendQueue => RETRY_AFTER_QUEUE,
        };
        AppendError::Overloaded { retry_after, reason }
    }

    fn table_stats(&self, table: Table) -> TableStats {
        let counters = &self.counters.tables[table];
        let sizes = self.context.tables.sizes(table);
        TableStats {
            appended_rows: read(&counters.appended_rows),
            appended_batches: read(&counters.appended_batches),
            appended_bytes: read(&counters.appended_bytes),
            hot_rows: sizes.hot_rows as u64,
            hot_batches: sizes.hot_batches as u64,
            hot_bytes: sizes.hot_bytes as u64,
            files: sizes.files as u64,
            file_rows: sizes.file_rows,
            file_bytes: sizes.file_bytes,
            sealed_rows: read(&counters.sealed_rows),
        }
    }
}

fn has_schema_of(table: Table, batch: &RecordBatch) -> bool {
    Arc::ptr_eq(batch.schema_ref(), &table.schema()) || *batch.schema() == *table.schema()
}

fn check_size(bytes: usize, meter: &ByteMeter) -> Result<(), AppendError> {
    let limit = meter.limit();
    if bytes > limit { Err(AppendError::TooLarge { bytes, limit }) } else { Ok(()) }
}

#[cfg(test)]
impl Store {
    pub(crate) fn hooks(&self) -> &crate::seal::Hooks {
        &self.context.hooks
    }

    pub(crate) fn context(&self) -> Arc<SealContext> {
        self.context.clone()
    }

    pub(crate) fn abort_worker(&self) {
        if let Some(worker) = &*self.worker.lock() {
            worker.abort();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Read-only view of a data directory that no server has open; refused while one has. Takes the memory that the rows of
/// the write-ahead log take.
pub async fn open_read_only(data_dir: &Path) -> Result<Snapshot, OpenError> {
    let data_dir = data_dir.to_owned();
    blocking(&data_dir.clone(), move || open::open_read_only(&data_dir)).await
}

async fn blocking<T: Send + 'static>(
    data_dir: &Path,
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(OpenError::Io { action: "open", path: data_dir.to_owned(), source: std::io::Error::other(error) })
    })
}

async fn watch_disk(disk: Arc<DiskGuard>, data_dir: std::path::PathBuf, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(DISK_SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let (disk, data_dir) = (disk.clone(), data_dir.clone());
        if spawn_blocking(move || disk.sample(&data_dir)).await.is_err() {
            return;
        }
    }
}
