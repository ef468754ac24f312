//! One error per operation of the store.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use arrow::error::ArrowError;
use spandrel_proto::model::Table;

use crate::files::FileError;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why [`Store::open`](crate::Store::open) or [`open_read_only`](crate::open_read_only) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("the data directory {} is in use by another process", .data_dir.display())]
    Locked { data_dir: PathBuf },
    #[error("the data directory {} does not exist", .data_dir.display())]
    Missing { data_dir: PathBuf },
    #[error("invalid store setting `{setting}`: {problem}")]
    Config { setting: &'static str, problem: &'static str },
    #[error("cannot {action} {}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the write-ahead log segment {} has format version {version}, which this version cannot read", .path.display())]
    WalVersion { path: PathBuf, version: u8 },
    #[error("cannot read the table log of `{table}`")]
    TableLog {
        table: Table,
        #[source]
        source: BoxError,
    },
    #[error("cannot seal replayed rows")]
    Seal(#[from] SealError),
}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        OpenError::Io { action: error.action, path: error.path, source: error.source }
    }
}

impl From<FileError> for SealError {
    fn from(error: FileError) -> Self {
        SealError::Io { action: error.action, path: error.path, source: error.source }
    }
}

/// Why [`Store::append`](crate::Store::append) did not store a batch. Nothing of the batch was acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// A bound in bytes is reached (B-1); the sender should try again after `retry_after`.
    #[error("overloaded: {reason}")]
    Overloaded { retry_after: Duration, reason: Overload },
    /// The disk guard is active.
    #[error("{free_bytes} bytes free on disk, below the guard of {min_free_bytes}")]
    DiskFull { free_bytes: u64, min_free_bytes: u64 },
    #[error("the store is closed")]
    Closed,
    /// The batch alone is larger than a bound; sending it again does not help.
    #[error("batch of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    /// The batch does not have the schema of its table; a defect of the caller.
    #[error("batch does not have the schema of table `{table}`")]
    Schema { table: Table },
    #[error("cannot encode the batch")]
    Encode(#[source] Arc<ArrowError>),
    /// The write-ahead log could not be written; the same batch may be sent again.
    #[error("cannot write the write-ahead log")]
    Failed(#[source] Arc<io::Error>),
    /// An earlier `fsync` failed, so what is on disk is unknown until the store is opened again.
    #[error("the write-ahead log is out of service since an fsync failed")]
    Poisoned,
}

impl AppendError {
    /// How long the sender should wait before sending the same batch again, or `None` if that cannot help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            AppendError::Overloaded { retry_after, .. } => Some(*retry_after),
            AppendError::DiskFull { .. } | AppendError::Closed | AppendError::Poisoned => Some(Duration::from_secs(10)),
            AppendError::Failed(_) => Some(Duration::from_secs(1)),
            AppendError::TooLarge { .. } | AppendError::Schema { .. } | AppendError::Encode(_) => None,
        }
    }
}

/// Which bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overload {
    /// `hot_max_bytes`: sealing does not keep up.
    HotBuffer,
    /// `append_queue_bytes`: the log writer does not keep up.
    AppendQueue,
}

impl fmt::Display for Overload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Overload::HotBuffer => "rows in memory reached their bound",
            Overload::AppendQueue => "the write-ahead log queue is full",
        })
    }
}

/// Why rows could not be sealed into files. They stay in memory and in the write-ahead log, and are tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    #[error("cannot {action} {}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot encode rows of table `{table}`")]
    Encode {
        table: Table,
        #[source]
        source: BoxError,
    },
    #[error("cannot commit to the table log of `{table}`")]
    Commit {
        table: Table,
        #[source]
        source: BoxError,
    },
    #[error("the sealing worker is gone")]
    WorkerGone,
}

/// Why [`Store::close`](crate::Store::close) could not seal everything. What was acknowledged is in the write-ahead
/// log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    #[error("cannot seal the rows in memory; they stay in the write-ahead log")]
    Seal(#[from] SealError),
    #[error("the write-ahead log writer ended abnormally")]
    Writer,
}

/// Why the store cannot be relied on to store (H-1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unhealthy {
    #[error("the store is closed")]
    Closed,
    #[error("the write-ahead log writer is gone")]
    WriterGone,
    #[error("the write-ahead log writer has been writing for {for_seconds} seconds")]
    WriterStalled { for_seconds: u64 },
    #[error("the sealing worker is gone")]
    SealerGone,
    #[error("the write-ahead log is out of service since an fsync failed")]
    Poisoned,
    #[error("sealing failed {failures} times in a row")]
    SealFailing { failures: u64 },
    #[error("{free_bytes} bytes free on disk, below the guard of {min_free_bytes}")]
    DiskFull { free_bytes: u64, min_free_bytes: u64 },
}
