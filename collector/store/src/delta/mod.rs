//! The table log: which files a table consists of, as a Delta Lake log that other engines read without us.
//!
//! Written is the Delta protocol with reader version 1 and writer version 2: `_delta_log/<version, 20 digits>.json`
//! with one action per line, a classic checkpoint every [`CHECKPOINT_INTERVAL`](log::CHECKPOINT_INTERVAL) versions, and
//! `_last_checkpoint`. A table is partitioned by `hour`, the UTC hour of its time column (`2026-11-20T21`); the column
//! is in partition values and paths only, not in the Parquet files.
//!
//! - `txn` with app id `spandrel-wal` has the position: the largest sequence of the write-ahead log whose rows are in
//!   the files (D-2). It stands in the same entry as the `add`s of those rows, so both happen or neither does.
//! - `add` has `stats` (row count; minimum, maximum and null count of the time column, the sort columns and a few more)
//!   and the tag `spandrel.sorted`, `true` for a file whose rows are in the order of the table's sort columns.
//! - Columns are all nullable in the Delta schema, because files written before a column existed do not have it.
//! - A commit costs what it adds: the state is folded, never read again. An entry that somebody else committed is
//!   folded in and the commit tried again on top of it.

mod action;
mod checkpoint;
mod log;
mod schema;

pub(crate) use action::{Add, HOUR_COLUMN, Remove, SORTED_TAG, Stats};
pub(crate) use log::{Catalog, CatalogError, Commit, DeltaCatalog};
