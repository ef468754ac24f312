//! Storage of canonical records: a write-ahead log, a hot buffer that is queryable at once, and Delta Lake tables of
//! sorted Parquet files, all in one data directory.
//!
//! ```text
//! lock                                 held by the process that has the directory open
//! wal/<sequence>.wal                   acknowledged rows that may not be in files yet
//! <table>/_delta_log/                  which files the table consists of, and the position of the log they reach
//! <table>/hour=<hour>/<position>.parquet
//! <table>/_filters/                    per file, which trace ids may be in it
//! ```
//!
//! Start reading at [`Store`]. An append goes through `wal::group` and `wal::writer` into `hot`, and later through
//! `seal` into files and `delta`. Small files are not merged.

mod config;
mod data_files;
mod delta;
mod disk;
mod error;
mod files;
mod follow;
mod hot;
mod hour;
mod id_filter;
mod lock;
mod meter;
mod open;
mod per_table;
mod retention;
mod seal;
mod snapshot;
mod stats;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wal;

pub use config::{Durability, StoreConfig};
pub use error::{AppendError, CloseError, OpenError, Overload, SealError, Unhealthy};
pub use follow::{Followed, Follower, Missed};
pub use snapshot::{DataFile, Snapshot, TableSnapshot};
pub use stats::{StoreStats, TableStats};
pub use store::{Appended, Store, open_read_only};
