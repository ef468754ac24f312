//! The thread that writes the log.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    duplicates::DuplicateFilter,
    group::{Group, PendingAppend},
    segment::{AppendFailure, CreateFile, OpenSegment},
    segments::Segments,
};
use crate::{
    config::Durability,
    error::AppendError,
    hot::Tables,
    lock::DirectoryLock,
    stats::{Counters, add, nanos, record_max},
};

/// Records that one group may have, so that three slices of each stay well below what a vectored write takes at once.
const MAX_GROUP_RECORDS: usize = 1024;
/// Payload bytes after which a group takes no further append.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// What the writer tells others about itself (H-1).
#[derive(Debug, Default)]
pub(crate) struct WriterStatus {
    pub(crate) gone: AtomicBool,
    pub(crate) poisoned: AtomicBool,
    /// When it began the group it is writing.
    busy_since: Mutex<Option<Instant>>,
}

impl WriterStatus {
    /// For how long the group that is being written has been, if it is longer than `limit`.
    pub(crate) fn stalled(&self, limit: Duration) -> Option<Duration> {
        self.busy_since.lock().map(|since| since.elapsed()).filter(|busy| *busy >= limit)
    }
}

/// Everything the writer works with.
pub(crate) struct Writer {
    /// The directory stays locked until the last write is done.
    pub(crate) _lock: Arc<DirectoryLock>,
    pub(crate) directory: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) create_file: CreateFile,
    pub(crate) segment: OpenSegment,
    pub(crate) segments: Arc<Segments>,
    pub(crate) next_sequence: u64,
    pub(crate) duplicates: DuplicateFilter,
    pub(crate) tables: Arc<Tables>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) status: Arc<WriterStatus>,
    /// Told when a table may have become due for sealing.
    pub(crate) sealer: Arc<Notify>,
    pub(crate) last_sync: Instant,
}

impl Writer {
    /// Starts the thread. It ends when every sender of `queue` is gone and all that was sent is written.
    pub(crate) fn spawn(self, queue: Receiver<PendingAppend>) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name("spandrel-wal".to_owned()).spawn(move || self.run(&queue))
    }

    fn run(mut self, queue: &Receiver<PendingAppend>) {
        let _gone = SetOnDrop(self.status.clone());
        loop {
            match self.receive(queue) {
                Ok(first) => {
                    *self.status.busy_since.lock() = Some(Instant::now());
                    self.write(take_group(first, queue));
                    *self.status.busy_since.lock() = None;
                }
                Err(RecvTimeoutError::Timeout) => self.sync_if_due(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.durability != Durability::Memory {
            self.sync_or_poison();
        }
        self.segments.finish();
    }

    /// Waits for an append; in interval mode no longer than until the next sync.
    fn receive(&self, queue: &Receiver<PendingAppend>) -> Result<PendingAppend, RecvTimeoutError> {
        match self.durability {
            Durability::Interval(interval) if self.segment.dirty => {
                queue.recv_timeout(interval.saturating_sub(self.last_sync.elapsed()))
            }
            _ => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn write(&mut self, appends: Vec<PendingAppend>) {
        let group = Group::prepare(appends, &mut self.duplicates, self.next_sequence);
        if let Err(error) = self.write_durably(&group) {
            add(&self.counters.wal_write_failures, 1);
            self.duplicates.roll_back();
            group.fail(&error);
            return;
        }
        self.next_sequence += group.record_count();
        self.duplicates.commit();
        self.count(&group);
        let (rows, waiters) = group.into_rows();
        // In sequence order and before the acknowledgement: a position that sealing records covers every smaller
        // sequence (D-2), and who was answered finds its rows (V-1).
        self.tables.insert(rows);
        for waiter in waiters {
            waiter.acknowledge();
        }
        self.sync_if_due();
        self.sealer.notify_one();
        self.tables.coalesce();
    }

    /// Writes a group and, if so configured, makes it durable (D-1).
    fn write_durably(&mut self, group: &Group) -> Result<(), AppendError> {
        if self.is_poisoned() {
            return Err(AppendError::Poisoned);
        }
        if group.record_count() == 0 {
            return Ok(());
        }
        if self.segment.len >= self.segment_bytes && self.segment.has_records() {
            self.rotate()?;
        }
        let written = self.segment.append(&mut group.slices(), group.encoded_len());
        written.map_err(|failure| match failure {
            AppendFailure::TakenBack(error) => AppendError::Failed(Arc::new(error)),
            AppendFailure::Torn(error) => {
                tracing::error!(%error, "cannot take back a failed write of the write-ahead log");
                self.poison();
                AppendError::Failed(Arc::new(error))
            }
        })?;
        if self.durability == Durability::Fsync && !self.sync_or_poison() {
            return Err(AppendError::Poisoned);
        }
        self.segments.grew(self.segment.len, &group.last_sequences());
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), AppendError> {
        if self.durability != Durability::Memory && !self.sync_or_poison() {
            return Err(AppendError::Poisoned);
        }
        self.segment = OpenSegment::create(&self.create_file, &self.directory, self.next_sequence)
            .map_err(|error| AppendError::Failed(Arc::new(error)))?;
        self.segments.rotate(self.segment.path.clone(), self.segment.len);
        Ok(())
    }

    fn sync_if_due(&mut self) {
        if let Durability::Interval(interval) = self.durability
            && self.segment.dirty
            && self.last_sync.elapsed() >= interval
        {
            self.sync_or_poison();
        }
    }

    /// Whether what was written is durable. After a failure it is unknown what the disk has, for good.
    fn sync_or_poison(&mut self) -> bool {
        if self.is_poisoned() {
            return false;
        }
        if !self.segment.dirty {
            return true;
        }
        let started = Instant::now();
        let synced = self.segment.sync();
        self.last_sync = Instant::now();
        add(&self.counters.wal_fsyncs, 1);
        add(&self.counters.wal_fsync_nanos, nanos(started.elapsed()));
        if let Err(error) = &synced {
            tracing::error!(%error, "fsync of the write-ahead log failed; nothing more is accepted");
            self.poison();
        }
        synced.is_ok()
    }

    fn is_poisoned(&self) -> bool {
        self.status.poisoned.load(Ordering::Acquire)
    }

    fn poison(&self) {
        self.status.poisoned.store(true, Ordering::Release);
    }

    fn count(&self, group: &Group) {
        let counters = &self.counters;
        add(&counters.duplicates, group.duplicate_count());
        add(&counters.wal_written_bytes, group.encoded_len());
        add(&counters.wal_groups, u64::from(group.record_count() > 0));
        add(&counters.wal_group_records, group.record_count());
        record_max(&counters.wal_group_records_max, group.record_count());
    }
}

/// The first append and what has queued up behind it.
fn take_group(first: PendingAppend, queue: &Receiver<PendingAppend>) -> Vec<PendingAppend> {
    let mut bytes = first.payload.len();
    let mut group = vec![first];
    while group.len() < MAX_GROUP_RECORDS && bytes < MAX_GROUP_BYTES {
        let Ok(append) = queue.try_recv() else { break };
        bytes += append.payload.len();
        group.push(append);
    }
    group
}

/// Says that the writer is gone, however it ends (H-1).
struct SetOnDrop(Arc<WriterStatus>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_a_write_that_does_not_end_is_a_stall() {
        let status = WriterStatus::default();
        assert_eq!(status.stalled(Duration::ZERO), None, "an idle writer is not stalled");
        *status.busy_since.lock() = Some(Instant::now());
        assert!(status.stalled(Duration::ZERO).is_some());
        assert_eq!(status.stalled(Duration::from_secs(3_600)), None);
    }
}
