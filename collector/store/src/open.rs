//! Opening a data directory: lock, table logs, write-ahead log, in that order.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use object_store::{ObjectStore, local::LocalFileSystem};
use parking_lot::Mutex;
use spandrel_proto::model::{Clock, SystemClock, Table};
use tokio::sync::Notify;

use crate::{
    config::StoreConfig,
    data_files::{TableDirectory, bound_filters},
    delta::{Add, Catalog, CatalogError, DeltaCatalog},
    error::{OpenError, SealError},
    files::{self, Context},
    hot::{FileChange, NewRows, TableView, Tables},
    id_filter::ResidentFilter,
    lock::DirectoryLock,
    meter::ByteMeter,
    per_table::PerTable,
    seal::{Hooks, SealContext, seal_next},
    snapshot::{DataFile, Snapshot},
    stats::add,
    wal::{
        self,
        duplicates::{DuplicateFilter, NO_KEY, row_keys},
        payload::Decoded,
        recovery::{Recovered, Repair, ReplaySink, recover},
        segment::{CreateFile, OpenSegment},
        segments::Segments,
        writer::{Writer, WriterStatus},
    },
};

/// Bound on the rows that one seal takes: a column of them has to fit the 32-bit offsets of Arrow arrays.
const MAX_UNIT_BYTES: usize = 1 << 30;

/// An open data directory, before its workers run.
pub(crate) struct Opened {
    pub(crate) context: Arc<SealContext>,
    pub(crate) writer: Writer,
    pub(crate) object_store: Arc<dyn ObjectStore>,
}

/// Opens for writing. Blocks for as long as replaying takes.
pub(crate) fn open(
    config: &StoreConfig,
    clock: Arc<dyn Clock>,
    create_file: CreateFile,
    sealer: Arc<Notify>,
) -> Result<Opened, OpenError> {
    let lock = Arc::new(DirectoryLock::acquire(&config.data_dir)?);
    let wal_directory = config.data_dir.join(wal::DIRECTORY);
    files::create_directory(&wal_directory)?;
    let object_store = object_store(&config.data_dir)?;

    let mut context = open_tables(config, lock.clone(), clock)?;
    let positions = context.positions();
    let mut replay = Replay {
        context: &context,
        duplicates: DuplicateFilter::new(config.duplicate_filter_bytes),
        seal_bytes: config.seal_bytes,
    };
    let recovered = recover(&wal_directory, &positions, Repair::Yes, &mut replay)?;
    let duplicates = replay.duplicates;

    let next_sequence = positions.values().copied().fold(recovered.last_sequence, u64::max) + 1;
    log_recovery(&recovered, next_sequence);
    add(&context.counters.replayed_rows, recovered.replayed_rows);
    add(&context.counters.wal_corrupt_segments, recovered.corrupt_segments);
    context.segments = Arc::new(Segments::new(recovered.segments));
    // What was sealed while replaying may have made segments superfluous.
    context.segments.trim(&context.positions())?;

    let segment = OpenSegment::create(&create_file, &wal_directory, next_sequence)
        .context("create a write-ahead log segment in", &wal_directory)?;
    context.segments.rotate(segment.path.clone(), segment.len);
    let writer = Writer {
        _lock: lock,
        directory: wal_directory,
        durability: config.durability,
        segment_bytes: config.wal_segment_bytes,
        create_file,
        segment,
        segments: context.segments.clone(),
        next_sequence,
        duplicates,
        tables: context.tables.clone(),
        counters: context.counters.clone(),
        status: Arc::new(WriterStatus::default()),
        sealer,
        last_sync: Instant::now(),
    };
    Ok(Opened { context: Arc::new(context), writer, object_store })
}

/// What the log has and no file does, and the files, without writing anything. Blocks.
pub(crate) fn open_read_only(data_dir: &Path) -> Result<Snapshot, OpenError> {
    // Held while reading only: a server that starts later removes nothing that the snapshot refers to at once.
    let _lock = DirectoryLock::acquire_for_reading(data_dir)?;
    let object_store = object_store(data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let filter_meter = ByteMeter::new(StoreConfig::default().trace_filter_bytes);
    let tables = Tables::new(usize::MAX);
    let mut positions = PerTable::default();
    for table in Table::ALL {
        let directory = TableDirectory::new(data_dir, table);
        let catalog = DeltaCatalog::read(directory.path(), clock.clone())
            .map_err(|source| OpenError::TableLog { table, source: source.into() })?;
        positions[table] = catalog.position();
        publish_files(&tables, table, data_files(&directory, &catalog.files(), &filter_meter, false));
    }
    recover(&data_dir.join(wal::DIRECTORY), &positions, Repair::No, &mut Rows { tables: &tables })?;
    let views: PerTable<TableView> = tables.view();
    Ok(Snapshot::new(views, object_store))
}

fn object_store(data_dir: &Path) -> Result<Arc<dyn ObjectStore>, OpenError> {
    LocalFileSystem::new_with_prefix(data_dir).map(|store| Arc::new(store) as Arc<dyn ObjectStore>).map_err(|error| {
        OpenError::Io { action: "open", path: data_dir.to_owned(), source: std::io::Error::other(error) }
    })
}

fn open_tables(
    config: &StoreConfig,
    lock: Arc<DirectoryLock>,
    clock: Arc<dyn Clock>,
) -> Result<SealContext, OpenError> {
    let directories = PerTable::from_fn(|table| TableDirectory::new(&config.data_dir, table));
    let filter_meter = ByteMeter::new(config.trace_filter_bytes);
    let tables = Arc::new(Tables::new(config.hot_max_bytes));
    let catalogs = PerTable::try_from_fn(|table| {
        let directory = &directories[table];
        let table_log = |source: CatalogError| OpenError::TableLog { table, source: source.into() };
        let mut catalog = DeltaCatalog::open(table, directory.path(), clock.clone()).map_err(table_log)?;
        catalog.take_changes();
        let live = catalog.files();
        let orphans = directory.remove_orphans(&live)?;
        if orphans > 0 {
            tracing::info!(%table, orphans, "removed data files that were never committed or were dropped");
        }
        publish_files(&tables, table, data_files(directory, &live, &filter_meter, true));
        Ok::<_, OpenError>(catalog)
    })?;
    let positions = PerTable::from_fn(|table| AtomicU64::new(catalogs[table].position()));
    let lists = PerTable::from_fn(|table| tables.files(table));
    bound_filters(&filter_meter, &lists);
    Ok(SealContext {
        lock,
        directories,
        tables,
        catalogs: catalogs.map(|catalog| Mutex::new(Box::new(catalog) as Box<dyn Catalog>)),
        positions,
        segments: Arc::default(),
        counters: Arc::default(),
        filter_meter,
        clock,
        unit_bytes: config.seal_bytes.saturating_mul(2).min(MAX_UNIT_BYTES),
        hooks: Hooks::default(),
    })
}

/// The files of a table, newest filters first so that the bound leaves the oldest without.
fn data_files(
    directory: &TableDirectory,
    live: &[&Add],
    filter_meter: &Arc<ByteMeter>,
    rebuild: bool,
) -> Vec<Arc<DataFile>> {
    let mut data_files: Vec<Arc<DataFile>> = live
        .iter()
        .rev()
        .map(|add| {
            let has_room = filter_meter.used() < filter_meter.limit();
            let filter = has_room.then(|| directory.load_filter(add, rebuild)).flatten();
            directory.data_file(add, filter.map(|filter| ResidentFilter::new(filter, filter_meter)))
        })
        .collect();
    data_files.reverse();
    data_files
}

fn publish_files(tables: &Tables, table: Table, added: Vec<Arc<DataFile>>) {
    tables.publish(table, FileChange { added, ..FileChange::default() }, 0);
}

fn log_recovery(recovered: &Recovered, next_sequence: u64) {
    if recovered.replayed_rows > 0 || recovered.corrupt_segments > 0 {
        tracing::info!(
            rows = recovered.replayed_rows,
            segments = recovered.segments.len(),
            corrupt_segments = recovered.corrupt_segments,
            next_sequence,
            "read the write-ahead log back"
        );
    }
}

/// Puts rows back into memory, and into files when memory has enough of them.
struct Replay<'a> {
    context: &'a SealContext,
    duplicates: DuplicateFilter,
    seal_bytes: usize,
}

impl ReplaySink for Replay<'_> {
    fn replay(&mut self, table: Table, sequence: u64, rows: Decoded) -> Result<(), OpenError> {
        for key in row_keys(table, &rows.batch).into_iter().filter(|key| *key != NO_KEY) {
            self.duplicates.stage(key);
        }
        self.duplicates.commit();
        let tables = &self.context.tables;
        Rows { tables }.replay(table, sequence, rows)?;
        let is_pressed = tables.meter.used() >= tables.meter.limit() / 2;
        if is_pressed || tables.sizes(table).hot_bytes >= self.seal_bytes {
            match seal_next(self.context, table) {
                Err(error) if tables.meter.used() >= tables.meter.limit() => return Err(error.into()),
                Err(error) => log_seal_failure(table, &error),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

fn log_seal_failure(table: Table, error: &SealError) {
    tracing::warn!(%table, %error, source = ?std::error::Error::source(error), "cannot seal replayed rows yet");
}

/// Puts rows back into memory.
struct Rows<'a> {
    tables: &'a Tables,
}

impl ReplaySink for Rows<'_> {
    fn replay(&mut self, table: Table, sequence: u64, rows: Decoded) -> Result<(), OpenError> {
        let Decoded { batch, bytes } = rows;
        self.tables.insert(vec![NewRows { table, batch, bytes, sequence }]);
        self.tables.coalesce();
        Ok(())
    }
}
