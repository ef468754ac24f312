//! The Parquet files of a table on disk, and what is kept beside them.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use spandrel_proto::model::Table;

use crate::{
    delta::{Add, HOUR_COLUMN, SORTED_TAG, Stats},
    files::{self, FileError},
    hour::{hour_bounds_ns, parse_hour},
    id_filter::{IdFilter, ResidentFilter, filtered_columns, push_hashes},
    meter::ByteMeter,
    per_table::PerTable,
    snapshot::DataFile,
};

const DATA_ENDING: &str = ".parquet";
const FILTER_ENDING: &str = ".filter";
const FILTER_DIRECTORY: &str = "_filters";
const PARTITION_PREFIX: &str = "hour=";
/// Tells the rows of a rollup's bucket that count from those that they replaced.
pub(crate) const REVISION_COLUMN: &str = "revision";

/// The directory of a table and the names in it.
#[derive(Debug, Clone)]
pub(crate) struct TableDirectory {
    table: Table,
    path: PathBuf,
}

impl TableDirectory {
    pub(crate) fn new(data_dir: &Path, table: Table) -> Self {
        Self { table, path: data_dir.join(table.name()) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file that a seal up to `position` makes for an hour, relative to the table's directory. A seal
    /// that is tried again writes the same path.
    pub(crate) fn data_path(hour: &str, position: u64) -> String {
        format!("{PARTITION_PREFIX}{hour}/{position:020}{DATA_ENDING}")
    }

    /// Writes a data file, durably.
    pub(crate) fn write_data(&self, data_path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path.join(data_path);
        if let Some(partition) = path.parent() {
            files::create_directory(partition)?;
        }
        files::replace(&path, bytes)
    }

    /// Writes the sidecar of a data file. It can be made again, so it is not synced and a failure is no more than
    /// logged.
    pub(crate) fn write_filter(&self, data_path: &str, filter: &IdFilter, data_len: u64, rows: u64) {
        let path = self.filter_path(data_path);
        let written = files::create_directory(&self.path.join(FILTER_DIRECTORY))
            .map_err(|error| error.source)
            .and_then(|()| fs::write(&path, filter.encode(data_len, rows)));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot write an id filter");
        }
    }

    /// Removes a data file and its sidecar, and its partition's directory with the last file in it.
    pub(crate) fn remove(&self, data_path: &str) -> Result<(), FileError> {
        let path = self.path.join(data_path);
        files::remove(&self.filter_path(data_path))?;
        files::remove(&path)?;
        if let Some(partition) = path.parent().filter(|partition| *partition != self.path) {
            // Fails unless the directory is empty, which is what is wanted.
            let _ = fs::remove_dir(partition);
        }
        Ok(())
    }

    /// The file that `add` describes.
    pub(crate) fn data_file(&self, add: &Add, filter: Option<Arc<ResidentFilter>>) -> Arc<DataFile> {
        let hour = add.partition_values.get(HOUR_COLUMN).cloned().flatten().unwrap_or_default();
        let stats: Stats = add.stats.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let (earliest, latest) = parse_hour(&hour).map_or((i64::MIN, i64::MAX), hour_bounds_ns);
        let number = |values: &serde_json::Map<String, serde_json::Value>, column| values.get(column)?.as_i64();
        let time = self.table.time_column();
        let revisions = number(&stats.min_values, REVISION_COLUMN).zip(number(&stats.max_values, REVISION_COLUMN));
        let tags = add.tags.as_ref();
        Arc::new(DataFile {
            path: object_store::path::Path::from_iter(std::iter::once(self.table.name()).chain(add.path.split('/'))),
            size_bytes: u64::try_from(add.size).unwrap_or(0),
            rows: stats.num_records,
            hour,
            min_time: number(&stats.min_values, time).unwrap_or(earliest),
            max_time: number(&stats.max_values, time).unwrap_or(latest),
            revisions,
            sorted: tags.and_then(|tags| tags.get(SORTED_TAG)?.as_deref()) == Some("true"),
            filter: RwLock::new(filter),
        })
    }

    /// The filter of a data file from its sidecar. Where `rebuild` says so, a sidecar that is no good is made again.
    pub(crate) fn load_filter(&self, add: &Add, rebuild: bool) -> Option<IdFilter> {
        let columns = Some(filtered_columns(self.table)).filter(|columns| !columns.is_empty())?;
        let data_len = u64::try_from(add.size).ok()?;
        let stats: Stats = serde_json::from_str(add.stats.as_deref()?).ok()?;
        let stored = fs::read(self.filter_path(&add.path)).ok();
        let decoded = stored.and_then(|bytes| IdFilter::decode(&bytes, data_len, stats.num_records));
        if decoded.is_some() || !rebuild {
            return decoded;
        }
        match filter_of_file(&self.path.join(&add.path), columns) {
            Ok(filter) => {
                self.write_filter(&add.path, &filter, data_len, stats.num_records);
                Some(filter)
            }
            Err(error) => {
                tracing::warn!(path = add.path, %error, "cannot make the id filter of a data file");
                None
            }
        }
    }

    /// Removes files that our own seals wrote and that no version of the table refers to any more, such as those of a
    /// seal that was killed before its commit.
    pub(crate) fn remove_orphans(&self, live: &[&Add]) -> Result<u64, FileError> {
        let live: HashSet<&str> = live.iter().map(|add| add.path.as_str()).collect();
        let mut removed = 0;
        for partition in files::list(&self.path)? {
            let Some(name) = partition.file_name().and_then(|name| name.to_str()) else { continue };
            if !name.starts_with(PARTITION_PREFIX) {
                continue;
            }
            files::remove_unfinished(&partition)?;
            for path in files::list(&partition)? {
                let data_path = path.file_name().and_then(|file| file.to_str()).map(|file| format!("{name}/{file}"));
                if let Some(data_path) = data_path.filter(|path| is_ours(path) && !live.contains(path.as_str())) {
                    self.remove(&data_path)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn filter_path(&self, data_path: &str) -> PathBuf {
        let name = data_path.trim_start_matches(PARTITION_PREFIX).trim_end_matches(DATA_ENDING).replace('/', ".");
        self.path.join(FILTER_DIRECTORY).join(name + FILTER_ENDING)
    }
}

/// Frees the filters of the oldest files of each table until what is resident is within the bound (B-1).
pub(crate) fn bound_filters(meter: &ByteMeter, tables: &PerTable<Arc<Vec<Arc<DataFile>>>>) {
    let longest = tables.values().map(|files| files.len()).max().unwrap_or(0);
    for index in 0..longest {
        for file in tables.values().filter_map(|files| files.get(index)) {
            if meter.used() <= meter.limit() {
                return;
            }
            file.filter.write().take();
        }
    }
}

fn is_ours(data_path: &str) -> bool {
    let name = data_path.rsplit('/').next().and_then(|name| name.strip_suffix(DATA_ENDING));
    name.is_some_and(|name| name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn filter_of_file(path: &Path, columns: &[&str]) -> Result<IdFilter, Box<dyn std::error::Error + Send + Sync>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let projection = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let mut hashes = Vec::new();
    for batch in builder.with_projection(projection).build()? {
        batch?.columns().iter().for_each(|column| push_hashes(column, &mut hashes));
    }
    Ok(IdFilter::build(hashes))
}
