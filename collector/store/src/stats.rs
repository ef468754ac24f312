//! Counters and gauges of a store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use spandrel_proto::model::Table;

use crate::per_table::PerTable;

/// A reading of every counter and gauge. Counters start at zero when the store is opened.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    pub(crate) tables: PerTable<TableStats>,
    /// Spans that were dropped as identical to one seen before.
    pub duplicates: u64,
    /// Bytes written to the write-ahead log.
    pub wal_written_bytes: u64,
    /// Bytes the write-ahead log has on disk.
    pub wal_bytes: u64,
    pub wal_segments: u64,
    pub wal_fsyncs: u64,
    pub wal_fsync_time: Duration,
    /// Groups written, and the records in them: their ratio is the mean group size.
    pub wal_groups: u64,
    pub wal_group_records: u64,
    /// Largest number of records one group had.
    pub wal_group_records_max: u64,
    pub wal_write_failures: u64,
    /// Damaged segments set aside, since the data directory exists.
    pub wal_corrupt_segments: u64,
    /// Encoded records that wait for the log writer.
    pub queued_bytes: u64,
    /// Rows in memory and on their way there, against `hot_max_bytes`.
    pub held_bytes: u64,
    pub overloaded: u64,
    /// Rows that were read back from the write-ahead log when the store was opened.
    pub replayed_rows: u64,
    pub seals: u64,
    pub seal_time: Duration,
    pub seal_failures: u64,
    /// Files dropped by retention.
    pub expired_files: u64,
    pub trace_filter_bytes: u64,
    /// Free space on the data directory's file system, or `None` before the first reading.
    pub free_disk_bytes: Option<u64>,
}

impl StoreStats {
    /// The reading for one table.
    pub fn table(&self, table: Table) -> &TableStats {
        &self.tables[table]
    }
}

/// The part of [`StoreStats`] that is kept per table.
#[derive(Debug, Clone, Default)]
pub struct TableStats {
    /// Rows, batches and bytes in memory that appends were acknowledged for.
    pub appended_rows: u64,
    pub appended_batches: u64,
    pub appended_bytes: u64,
    pub hot_rows: u64,
    pub hot_batches: u64,
    pub hot_bytes: u64,
    pub files: u64,
    pub file_rows: u64,
    pub file_bytes: u64,
    pub sealed_rows: u64,
}

/// Counters as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) tables: PerTable<TableCounters>,
    pub(crate) duplicates: AtomicU64,
    pub(crate) wal_written_bytes: AtomicU64,
    pub(crate) wal_fsyncs: AtomicU64,
    pub(crate) wal_fsync_nanos: AtomicU64,
    pub(crate) wal_groups: AtomicU64,
    pub(crate) wal_group_records: AtomicU64,
    pub(crate) wal_group_records_max: AtomicU64,
    pub(crate) wal_write_failures: AtomicU64,
    pub(crate) wal_corrupt_segments: AtomicU64,
    pub(crate) overloaded: AtomicU64,
    pub(crate) replayed_rows: AtomicU64,
    pub(crate) seals: AtomicU64,
    pub(crate) seal_nanos: AtomicU64,
    pub(crate) seal_failures: AtomicU64,
    pub(crate) expired_files: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct TableCounters {
    pub(crate) appended_rows: AtomicU64,
    pub(crate) appended_batches: AtomicU64,
    pub(crate) appended_bytes: AtomicU64,
    pub(crate) sealed_rows: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn record_max(counter: &AtomicU64, value: u64) {
    counter.fetch_max(value, Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

pub(crate) fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
