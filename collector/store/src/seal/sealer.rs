//! One seal.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use arrow::record_batch::RecordBatch;
use parking_lot::{Mutex, MutexGuard};
use spandrel_proto::model::{Clock, Table};

use super::encode::{EncodedFile, encode_files};
use crate::{
    data_files::{TableDirectory, bound_filters},
    delta::{Add, Catalog, CatalogError, Commit, HOUR_COLUMN, SORTED_TAG},
    error::SealError,
    hot::{FileChange, SealUnit, Tables},
    id_filter::{IdFilter, ResidentFilter},
    lock::DirectoryLock,
    meter::ByteMeter,
    per_table::PerTable,
    stats::{Counters, add, nanos},
    wal::segments::Segments,
};

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Everything that sealing and maintenance work with.
#[derive(Debug)]
pub(crate) struct SealContext {
    /// The directory stays locked until the last seal is done.
    pub(crate) lock: Arc<DirectoryLock>,
    pub(crate) directories: PerTable<TableDirectory>,
    pub(crate) tables: Arc<Tables>,
    /// Locked for the whole of a seal, so that a table has one committer.
    pub(crate) catalogs: PerTable<Mutex<Box<dyn Catalog>>>,
    /// The positions that the catalogs record, readable while one of them is locked.
    pub(crate) positions: PerTable<AtomicU64>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) filter_meter: Arc<ByteMeter>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Bytes of memory after which a unit takes no further batch.
    pub(crate) unit_bytes: usize,
    pub(crate) hooks: Hooks,
}

/// What a seal has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealStep {
    Taken,
    FilesWritten,
    Committed,
    Published,
    Trimmed,
}

/// Lets tests look at the disk between the steps of a seal, and fail it there.
#[derive(Default)]
pub(crate) struct Hooks {
    #[cfg(test)]
    pub(crate) on_step: Mutex<Option<StepHook>>,
}

#[cfg(test)]
pub(crate) type StepHook = Box<dyn FnMut(SealStep) -> Result<(), SealError> + Send>;

impl Hooks {
    fn reached(&self, step: SealStep) -> Result<(), SealError> {
        #[cfg(test)]
        if let Some(hook) = self.on_step.lock().as_mut() {
            hook(step)?;
        }
        tracing::trace!(?step, "seal");
        Ok(())
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hooks")
    }
}

impl SealContext {
    /// The positions of all tables, as recorded in their logs.
    pub(crate) fn positions(&self) -> PerTable<u64> {
        PerTable::from_fn(|table| self.positions[table].load(Ordering::Acquire))
    }

    /// Makes visible what the catalog has committed, and frees what of memory that covers.
    pub(crate) fn publish(&self, table: Table, catalog: &mut dyn Catalog, mut filters: HashMap<String, IdFilter>) {
        let changes = catalog.take_changes();
        let directory = &self.directories[table];
        let prefix = table.name();
        let change = FileChange {
            added: changes
                .added
                .iter()
                .map(|add| {
                    let filter = filters.remove(&add.path).or_else(|| directory.load_filter(add, true));
                    directory.data_file(add, filter.map(|filter| ResidentFilter::new(filter, &self.filter_meter)))
                })
                .collect(),
            removed: changes.removed.iter().map(|path| format!("{prefix}/{path}").into()).collect(),
        };
        self.tables.publish(table, change, catalog.position());
        self.positions[table].store(catalog.position(), Ordering::Release);
        let lists = PerTable::from_fn(|table| self.tables.files(table));
        bound_filters(&self.filter_meter, &lists);
    }
}

/// Moves the next unit of a table's rows into files. `false` if there are none. Blocks; one seal per table at a time.
pub(crate) fn seal_next(context: &SealContext, table: Table) -> Result<bool, SealError> {
    let mut catalog = context.catalogs[table].lock();
    let Some(unit) = context.tables.take_unit(table, context.unit_bytes) else { return Ok(false) };
    let started = Instant::now();
    let sealed = seal_unit(context, table, &unit, &mut catalog);
    add(&context.counters.seal_nanos, nanos(started.elapsed()));
    match &sealed {
        Ok(()) => {
            let rows: usize = unit.batches.iter().map(|batch| batch.batch.num_rows()).sum();
            add(&context.counters.seals, 1);
            add(&context.counters.tables[table].sealed_rows, rows as u64);
        }
        Err(_) => add(&context.counters.seal_failures, 1),
    }
    sealed.map(|()| true)
}

fn seal_unit(
    context: &SealContext,
    table: Table,
    unit: &SealUnit,
    catalog: &mut MutexGuard<'_, Box<dyn Catalog>>,
) -> Result<(), SealError> {
    context.hooks.reached(SealStep::Taken)?;
    let commit_error = |source: CatalogError| SealError::Commit { table, source: source.into() };
    if unit.is_retry {
        // The commit of the attempt before may have gone through without us learning of it.
        catalog.refresh().map_err(commit_error)?;
    }
    let mut filters = HashMap::new();
    if catalog.position() < unit.position {
        let added = write_files(context, table, unit, &mut filters)?;
        context.hooks.reached(SealStep::FilesWritten)?;
        let commit = Commit { operation: "WRITE", position: Some(unit.position), added, removed: Vec::new() };
        catalog.commit(commit).map_err(commit_error)?;
    }
    context.hooks.reached(SealStep::Committed)?;
    context.publish(table, catalog.as_mut(), filters);
    context.hooks.reached(SealStep::Published)?;
    trim(context);
    context.hooks.reached(SealStep::Trimmed)
}

fn write_files(
    context: &SealContext,
    table: Table,
    unit: &SealUnit,
    filters: &mut HashMap<String, IdFilter>,
) -> Result<Vec<Add>, SealError> {
    let directory = &context.directories[table];
    let modification_time = context.clock.now_unix_nano() / NANOS_PER_MILLI;
    let batches: Vec<&RecordBatch> = unit.batches.iter().map(|batch| &batch.batch).collect();
    let mut added = Vec::new();
    encode_files(table, &batches, |file| {
        let EncodedFile { hour, rows, bytes, stats, filter } = file;
        let path = TableDirectory::data_path(&hour, unit.position);
        directory.write_data(&path, &bytes)?;
        if let Some(filter) = filter {
            directory.write_filter(&path, &filter, bytes.len() as u64, rows);
            filters.insert(path.clone(), filter);
        }
        added.push(Add {
            path,
            partition_values: [(HOUR_COLUMN.to_owned(), Some(hour))].into(),
            size: bytes.len() as i64,
            modification_time,
            data_change: true,
            stats: Some(
                serde_json::to_string(&stats).map_err(|error| SealError::Encode { table, source: error.into() })?,
            ),
            tags: Some([(SORTED_TAG.to_owned(), Some("true".to_owned()))].into()),
        });
        Ok(())
    })?;
    Ok(added)
}

/// Deletes what of the write-ahead log is in files (D-2). What cannot be deleted is tried again by the next seal.
fn trim(context: &SealContext) {
    if let Err(error) = context.segments.trim(&context.positions()) {
        tracing::warn!(error = %error.source, path = %error.path.display(), "cannot delete a write-ahead log segment");
    }
}
