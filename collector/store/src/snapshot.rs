//! What a query reads: one instant of all tables.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use arrow::record_batch::RecordBatch;
use object_store::{ObjectStore, path::Path};
use parking_lot::RwLock;
use spandrel_proto::model::Table;

use crate::{hot::TableView, id_filter::ResidentFilter, per_table::PerTable};

/// One instant over all tables (V-1): each row that was acknowledged before it is in exactly one place of it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tables: PerTable<LazyTable>,
    object_store: Arc<dyn ObjectStore>,
}

impl Snapshot {
    pub(crate) fn new(views: PerTable<TableView>, object_store: Arc<dyn ObjectStore>) -> Self {
        let tables = views.map(|view| LazyTable { view, snapshot: OnceLock::new() });
        Self { inner: Arc::new(Inner { tables, object_store }) }
    }

    pub fn table(&self, table: Table) -> &TableSnapshot {
        self.inner.tables[table].get()
    }

    /// The store that the paths of [`DataFile`]s are relative to.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        self.inner.object_store.clone()
    }
}

/// Batches are only cloned for the tables that a query reads.
struct LazyTable {
    view: TableView,
    snapshot: OnceLock<TableSnapshot>,
}

impl LazyTable {
    fn get(&self) -> &TableSnapshot {
        self.snapshot.get_or_init(|| TableSnapshot {
            hot: self.view.hot.iter().map(|hot| hot.batch.clone()).collect(),
            files: self.view.files.clone(),
        })
    }
}

impl fmt::Debug for LazyTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LazyTable")
            .field("hot_batches", &self.view.hot.len())
            .field("files", &self.view.files.len())
            .finish()
    }
}

/// One table of a [`Snapshot`].
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// Rows not yet in files: batches of `table.schema()` in arrival order.
    pub hot: Vec<RecordBatch>,
    /// The files, oldest first by when they were written.
    pub files: Arc<Vec<Arc<DataFile>>>,
}

/// A Parquet file of a table.
#[derive(Debug)]
#[non_exhaustive]
pub struct DataFile {
    /// Relative to [`Snapshot::object_store`].
    pub path: Path,
    pub size_bytes: u64,
    pub rows: u64,
    /// The partition: the UTC hour of the table's time column, as `2026-11-20T21`.
    pub hour: String,
    /// Bounds of the table's time column, nanoseconds since the Unix epoch, both inclusive.
    pub min_time: i64,
    pub max_time: i64,
    /// Bounds of the column `revision`, both inclusive, of tables that are computed from others; `None` if they are not
    /// known.
    pub revisions: Option<(i64, i64)>,
    /// Whether rows are in the order of `table.sort_columns()`, ascending, nulls last.
    pub sorted: bool,
    pub(crate) filter: RwLock<Option<Arc<ResidentFilter>>>,
}

impl DataFile {
    /// Whether rows of this trace may be in the file. Never wrong when it says no; no I/O. A file without a filter,
    /// such as one of the oldest when filters reached their bound, may contain any trace.
    pub fn may_contain_trace(&self, trace_id: &[u8; 16]) -> bool {
        self.filter.read().as_ref().is_none_or(|filter| filter.may_contain_trace(trace_id))
    }

    /// [`DataFile::may_contain_trace`] for rows with this correlation id.
    pub fn may_contain_correlation(&self, id: &str) -> bool {
        self.filter.read().as_ref().is_none_or(|filter| filter.may_contain_correlation(id))
    }
}
