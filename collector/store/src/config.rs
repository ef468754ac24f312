//! What a store is told when it is opened.

use std::{path::PathBuf, time::Duration};

use crate::error::OpenError;

const MIB: usize = 1 << 20;

/// What an acknowledgement of [`append`](crate::Store::append) promises (D-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The record survives `kill -9` and power loss: one `fdatasync` per group of waiting appends, before they are
    /// answered.
    #[default]
    Fsync,
    /// The record survives `kill -9`; a power loss takes at most what was acknowledged in the last such interval.
    Interval(Duration),
    /// The record survives `kill -9`; a power loss takes whatever the operating system had not written by itself.
    Memory,
}

/// Settings of a [`Store`](crate::Store). Sizes are bytes.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Directory of everything the store keeps. Created if missing; one store at a time may have it open.
    pub data_dir: PathBuf,
    pub durability: Durability,
    /// Bound on rows in memory, over all tables, those on their way into the log included. Past it appends are refused.
    pub hot_max_bytes: usize,
    /// A table with this much in memory is sealed into files.
    pub seal_bytes: usize,
    /// A table whose oldest row in memory is older than this is sealed into files.
    pub seal_age: Duration,
    /// A write-ahead log segment is closed when it has this size.
    pub wal_segment_bytes: u64,
    /// When the write-ahead log is larger than this, every table with rows in memory is sealed so that it can be
    /// trimmed.
    pub wal_max_bytes: u64,
    /// Bound on encoded records that wait for the log writer.
    pub append_queue_bytes: usize,
    /// Bound on what is remembered of recent spans to recognise duplicates.
    pub duplicate_filter_bytes: usize,
    /// Bound on resident filters over ids of all files; past it the oldest files go without.
    pub trace_filter_bytes: usize,
    /// With less free space than this on the data directory's file system, appends are refused and health fails.
    pub min_free_disk_bytes: u64,
    /// Whole hours of event time older than this are dropped; `None` keeps everything.
    pub retention: Option<Duration>,
    /// How long the files of dropped hours stay on disk for queries that still read them.
    pub removed_file_grace: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("spandrel-data"),
            durability: Durability::Fsync,
            hot_max_bytes: 512 * MIB,
            seal_bytes: 64 * MIB,
            seal_age: Duration::from_secs(120),
            wal_segment_bytes: 64 << 20,
            wal_max_bytes: 1 << 30,
            append_queue_bytes: 64 * MIB,
            duplicate_filter_bytes: 32 * MIB,
            trace_filter_bytes: 256 * MIB,
            min_free_disk_bytes: 512 << 20,
            retention: None,
            removed_file_grace: Duration::from_secs(15 * 60),
        }
    }
}

impl StoreConfig {
    pub(crate) fn validate(&self) -> Result<(), OpenError> {
        let not_zero = [
            ("hot_max_bytes", self.hot_max_bytes == 0),
            ("seal_bytes", self.seal_bytes == 0),
            ("wal_segment_bytes", self.wal_segment_bytes == 0),
            ("append_queue_bytes", self.append_queue_bytes == 0),
            ("durability", self.durability == Durability::Interval(Duration::ZERO)),
        ];
        if let Some((setting, _)) = not_zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(OpenError::Config { setting, problem: "must not be zero" });
        }
        if self.seal_bytes > self.hot_max_bytes {
            return Err(OpenError::Config {
                setting: "seal_bytes",
                problem: "must not be larger than `hot_max_bytes`",
            });
        }
        // The length of a record is 32 bits.
        if u32::try_from(self.append_queue_bytes).is_err() {
            return Err(OpenError::Config { setting: "append_queue_bytes", problem: "must be less than 4 GiB" });
        }
        Ok(())
    }
}
