//! All tables.

use std::{collections::HashSet, sync::Arc, time::Instant};

use arrow::record_batch::RecordBatch;
use parking_lot::RwLock;
use spandrel_proto::model::Table;

use super::{HotBatch, HotBuffer, SealUnit};
use crate::{follow::Followers, meter::ByteMeter, per_table::PerTable, snapshot::DataFile};

/// Rows of one record of the log.
#[derive(Debug)]
pub(crate) struct NewRows {
    pub(crate) table: Table,
    pub(crate) batch: RecordBatch,
    pub(crate) bytes: usize,
    pub(crate) sequence: u64,
}

/// What is visible of one table at one instant.
#[derive(Debug, Clone)]
pub(crate) struct TableView {
    pub(crate) hot: Vec<Arc<HotBatch>>,
    pub(crate) files: Arc<Vec<Arc<DataFile>>>,
}

/// How much of a table is where.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TableSizes {
    pub(crate) hot_bytes: usize,
    pub(crate) hot_rows: usize,
    pub(crate) hot_batches: usize,
    pub(crate) oldest: Option<Instant>,
    pub(crate) last_sequence: Option<u64>,
    pub(crate) files: usize,
    pub(crate) file_rows: u64,
    pub(crate) file_bytes: u64,
}

#[derive(Debug, Default)]
struct TableState {
    hot: HotBuffer,
    files: Arc<Vec<Arc<DataFile>>>,
    file_rows: u64,
    file_bytes: u64,
}

/// The hot buffer and the file list of every table.
///
/// One lock for all of them: a reader sees one instant, and a row moves from memory into files in one step (V-1).
#[derive(Debug)]
pub(crate) struct Tables {
    states: RwLock<PerTable<TableState>>,
    /// Bytes of rows in memory, those on their way into the log included (B-1).
    pub(crate) meter: Arc<ByteMeter>,
    pub(crate) followers: Followers,
}

impl Tables {
    pub(crate) fn new(hot_max_bytes: usize) -> Self {
        Self {
            states: RwLock::new(PerTable::from_fn(|_| TableState::default())),
            meter: ByteMeter::new(hot_max_bytes),
            followers: Followers::default(),
        }
    }

    /// Makes rows visible, all of them at once. Only one thread does that, in sequence order.
    pub(crate) fn insert(&self, rows: Vec<NewRows>) {
        if rows.is_empty() {
            return;
        }
        self.followers.tell(&rows);
        let arrived = Instant::now();
        self.meter.add(rows.iter().map(|rows| rows.bytes).sum());
        let mut states = self.states.write();
        for NewRows { table, batch, bytes, sequence } in rows {
            states[table].hot.push(HotBatch { batch, bytes, last_sequence: sequence, arrived });
        }
    }

    /// Merges runs of small batches. Called by the thread that inserts.
    pub(crate) fn coalesce(&self) {
        for table in Table::ALL {
            let Some(small) = self.states.read()[table].hot.coalescable() else { continue };
            let Some(merged) = small.merge(table) else { continue };
            match self.states.write()[table].hot.replace(&small, merged) {
                Some(shrunk) if shrunk >= 0 => self.meter.release(shrunk.unsigned_abs()),
                Some(grown) => self.meter.add(grown.unsigned_abs()),
                None => {}
            }
        }
    }

    /// One instant of all tables.
    pub(crate) fn view(&self) -> PerTable<TableView> {
        let states = self.states.read();
        PerTable::from_fn(|table| TableView {
            hot: states[table].hot.batches().to_vec(),
            files: states[table].files.clone(),
        })
    }

    pub(crate) fn sizes(&self, table: Table) -> TableSizes {
        let states = self.states.read();
        let state = &states[table];
        TableSizes {
            hot_bytes: state.hot.bytes(),
            hot_rows: state.hot.rows(),
            hot_batches: state.hot.batches().len(),
            oldest: state.hot.oldest(),
            last_sequence: state.hot.last_sequence(),
            files: state.files.len(),
            file_rows: state.file_rows,
            file_bytes: state.file_bytes,
        }
    }

    pub(crate) fn files(&self, table: Table) -> Arc<Vec<Arc<DataFile>>> {
        self.states.read()[table].files.clone()
    }

    pub(crate) fn take_unit(&self, table: Table, max_bytes: usize) -> Option<SealUnit> {
        self.states.write()[table].hot.take_unit(max_bytes)
    }

    /// Changes the list of files as committed. If the commit brought the table to the position of the unit that is
    /// being sealed, the unit leaves memory in the same step (V-1).
    pub(crate) fn publish(&self, table: Table, change: FileChange, position: u64) {
        let freed = {
            let mut states = self.states.write();
            let state = &mut states[table];
            state.change_files(change);
            state.hot.drop_sealed(position)
        };
        self.meter.release(freed);
    }
}

/// Files to add to and remove from a table's list.
#[derive(Debug, Default)]
pub(crate) struct FileChange {
    pub(crate) added: Vec<Arc<DataFile>>,
    pub(crate) removed: HashSet<object_store::path::Path>,
}

impl TableState {
    fn change_files(&mut self, change: FileChange) {
        if change.added.is_empty() && change.removed.is_empty() {
            return;
        }
        let mut files = Vec::with_capacity(self.files.len() + change.added.len());
        files.extend(self.files.iter().filter(|file| !change.removed.contains(&file.path)).cloned());
        files.extend(change.added);
        self.file_rows = files.iter().map(|file| file.rows).sum();
        self.file_bytes = files.iter().map(|file| file.size_bytes).sum();
        self.files = Arc::new(files);
    }
}
