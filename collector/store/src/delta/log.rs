//! The log of one table: its state, and commits to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use spandrel_proto::model::{Clock, Table};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    action::{Action, Add, CommitInfo, Format, HOUR_COLUMN, Metadata, Protocol, Remove, Txn, WAL_APP_ID},
    checkpoint,
    schema::{UnsupportedType, grown_schema, schema_string},
};
use crate::files::{self, Context, Created, FileError};

/// The directory of the log inside the table's.
pub(crate) const LOG_DIRECTORY: &str = "_delta_log";
/// A checkpoint is written every so many versions, so that opening reads at most that many entries.
pub(crate) const CHECKPOINT_INTERVAL: u64 = 100;

const ENTRY_ENDING: &str = ".json";
const NANOS_PER_MILLI: i64 = 1_000_000;
/// Entries that others may commit between two attempts of ours before the commit is given up for now.
const MAX_CONFLICTS: usize = 100;

/// Where the list of a table's files is kept.
pub(crate) trait Catalog: Send + std::fmt::Debug {
    /// The position of the write-ahead log up to which rows are in files (D-2).
    fn position(&self) -> u64;
    /// The table's files, oldest first.
    fn files(&self) -> Vec<&Add>;
    /// Files that were removed and may still be on disk.
    fn removed(&self) -> Vec<&Remove>;
    /// Folds in what is in the log and not yet known here, such as a commit whose outcome was not learned.
    fn refresh(&mut self) -> Result<(), CatalogError>;
    /// Commits everything in `commit` at once, durably. If an earlier attempt of the same commit went through, nothing
    /// is committed again.
    fn commit(&mut self, commit: Commit) -> Result<(), CatalogError>;
    /// How the list of files changed since this was last asked.
    fn take_changes(&mut self) -> Changes;
    /// Forgets removed files, which are no longer on disk.
    fn forget_removed(&mut self, paths: &[String]);
}

/// What a commit changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit {
    /// Name of the operation, for readers of the log's history.
    pub(crate) operation: &'static str,
    /// The position that the added files bring the table to.
    pub(crate) position: Option<u64>,
    pub(crate) added: Vec<Add>,
    pub(crate) removed: Vec<Remove>,
}

/// How the list of files changed, by our commits and by those of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Add>,
    pub(crate) removed: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("entry {} of the table log cannot be read", .path.display())]
    Entry {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("version {version} of the table log is missing though there are later ones")]
    Gap { version: u64 },
    #[error("the table requires later versions of the Delta protocol: {0:?}")]
    Protocol(Protocol),
    #[error("the table log has no table metadata")]
    NoMetadata,
    #[error("the checkpoint {} cannot be {action}", .path.display())]
    Checkpoint {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("others keep committing to the table")]
    Contended,
    #[error(transparent)]
    Schema(#[from] UnsupportedType),
    #[error("cannot encode an action")]
    Encode(#[source] serde_json::Error),
}

/// The log folded up to a version.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) protocol: Option<Protocol>,
    pub(super) metadata: Option<Metadata>,
    pub(super) transactions: BTreeMap<String, Txn>,
    pub(super) files: BTreeMap<String, Add>,
    pub(super) removed: BTreeMap<String, Remove>,
}

/// The Delta log of a table in a local directory.
#[derive(Debug)]
pub(crate) struct DeltaCatalog {
    log: PathBuf,
    clock: Arc<dyn Clock>,
    /// The version that `state` is at; `None` before the first entry.
    version: Option<u64>,
    state: State,
    changes: Changes,
}

impl DeltaCatalog {
    /// Reads the log of the table in `directory`, and makes it if there is none. A table that lacks columns of the
    /// current schema gets them.
    pub(crate) fn open(table: Table, directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, CatalogError> {
        let log = directory.join(LOG_DIRECTORY);
        files::create_directory(&log)?;
        files::remove_unfinished(&log)?;
        let mut catalog = Self::read(directory, clock)?;
        let wanted = schema_string(&table.schema())?;
        match (&catalog.version, &catalog.state.metadata) {
            (None, _) => {
                let metadata = catalog.initial_metadata(table, wanted);
                catalog.commit_actions("CREATE TABLE", vec![Protocol::OURS.into(), metadata.into()], None)?;
            }
            (Some(_), Some(metadata)) => {
                if let Some(schema_string) = grown_schema(&metadata.schema_string, &wanted) {
                    let grown = Metadata { schema_string, ..metadata.clone() };
                    catalog.commit_actions("ADD COLUMNS", vec![grown.into()], None)?;
                }
            }
            (Some(_), None) => return Err(CatalogError::NoMetadata),
        }
        Ok(catalog)
    }

    /// Reads the log of the table in `directory` without writing; empty if there is none.
    pub(crate) fn read(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, CatalogError> {
        let log = directory.join(LOG_DIRECTORY);
        let (version, state) = match checkpoint::read_latest(&log)? {
            Some((version, state)) => (Some(version), state),
            None => (None, State::default()),
        };
        let mut catalog = Self { log, clock, version, state, changes: Changes::default() };
        catalog.refresh()?;
        let next = catalog.next_version();
        let latest = files::list(&catalog.log)?.iter().filter_map(|path| entry_version(path)).max();
        if latest.is_some_and(|latest| latest >= next) {
            return Err(CatalogError::Gap { version: next });
        }
        Ok(catalog)
    }

    fn next_version(&self) -> u64 {
        self.version.map_or(0, |version| version + 1)
    }

    fn initial_metadata(&self, table: Table, schema_string: String) -> Metadata {
        let now = self.clock.now_unix_nano();
        Metadata {
            id: table_id(&self.log, now),
            name: Some(table.name().to_owned()),
            format: Format { provider: "parquet".to_owned(), options: BTreeMap::new() },
            schema_string,
            partition_columns: vec![HOUR_COLUMN.to_owned()],
            configuration: BTreeMap::new(),
            created_time: Some(now / NANOS_PER_MILLI),
        }
    }

    fn commit_actions(
        &mut self,
        operation: &str,
        mut actions: Vec<Action>,
        position: Option<u64>,
    ) -> Result<(), CatalogError> {
        let timestamp = self.clock.now_unix_nano() / NANOS_PER_MILLI;
        let engine_info = concat!("spandrel/", env!("CARGO_PKG_VERSION")).to_owned();
        actions.insert(0, CommitInfo { timestamp, operation: operation.to_owned(), engine_info }.into());
        let mut entry = Vec::new();
        for action in &actions {
            serde_json::to_writer(&mut entry, action).map_err(CatalogError::Encode)?;
            entry.push(b'\n');
        }
        for _ in 0..MAX_CONFLICTS {
            let version = self.next_version();
            match files::create(&entry_path(&self.log, version), &entry)? {
                Created::Yes => {
                    self.fold(version, actions)?;
                    self.checkpoint_if_due();
                    return Ok(());
                }
                Created::AlreadyExists => {
                    self.refresh()?;
                    if position.is_some_and(|position| position <= self.position()) {
                        return Ok(());
                    }
                }
            }
        }
        Err(CatalogError::Contended)
    }

    fn fold(&mut self, version: u64, actions: Vec<Action>) -> Result<(), CatalogError> {
        for action in actions {
            if let Some(add) = &action.add {
                self.changes.removed.remove(&add.path);
                self.changes.added.push(add.clone());
            }
            if let Some(remove) = &action.remove {
                self.changes.added.retain(|add| add.path != remove.path);
                self.changes.removed.insert(remove.path.clone());
            }
            self.state.fold(action)?;
        }
        self.version = Some(version);
        Ok(())
    }

    /// A checkpoint only makes opening faster, so a failure costs no more than that.
    fn checkpoint_if_due(&self) {
        let Some(version) = self.version.filter(|version| *version > 0 && version.is_multiple_of(CHECKPOINT_INTERVAL))
        else {
            return;
        };
        let written = checkpoint::write(&self.log, version, &self.state)
            .and_then(|()| remove_entries_before(&self.log, version.saturating_sub(CHECKPOINT_INTERVAL)));
        if let Err(error) = written {
            tracing::warn!(log = %self.log.display(), version, %error, "cannot write a checkpoint of a table log");
        }
    }
}

impl Catalog for DeltaCatalog {
    fn position(&self) -> u64 {
        let recorded = self.state.transactions.get(WAL_APP_ID).map_or(0, |txn| txn.version);
        u64::try_from(recorded).unwrap_or(0)
    }

    fn files(&self) -> Vec<&Add> {
        let mut files: Vec<&Add> = self.state.files.values().collect();
        files.sort_by_key(|add| add.modification_time);
        files
    }

    fn removed(&self) -> Vec<&Remove> {
        self.state.removed.values().collect()
    }

    fn refresh(&mut self) -> Result<(), CatalogError> {
        loop {
            let version = self.next_version();
            let path = entry_path(&self.log, version);
            let text = match fs::read_to_string(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                text => text.context("read", &path)?,
            };
            let actions = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(serde_json::from_str)
                .collect::<Result<Vec<Action>, _>>()
                .map_err(|source| CatalogError::Entry { path, source })?;
            self.fold(version, actions)?;
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<(), CatalogError> {
        let Commit { operation, position, added, removed } = commit;
        let mut actions = Vec::with_capacity(added.len() + removed.len() + 1);
        if let Some(position) = position {
            let version = i64::try_from(position).unwrap_or(i64::MAX);
            let last_updated = Some(self.clock.now_unix_nano() / NANOS_PER_MILLI);
            actions.push(Txn { app_id: WAL_APP_ID.to_owned(), version, last_updated }.into());
        }
        actions.extend(added.into_iter().map(Action::from));
        actions.extend(removed.into_iter().map(Action::from));
        self.commit_actions(operation, actions, position)
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn forget_removed(&mut self, paths: &[String]) {
        for path in paths {
            self.state.removed.remove(path);
        }
    }
}

impl State {
    pub(super) fn fold(&mut self, action: Action) -> Result<(), CatalogError> {
        let Action { protocol, meta_data, txn, add, remove, commit_info: _ } = action;
        if let Some(protocol) = protocol {
            if protocol.min_reader_version > Protocol::OURS.min_reader_version
                || protocol.min_writer_version > Protocol::OURS.min_writer_version
            {
                return Err(CatalogError::Protocol(protocol));
            }
            self.protocol = Some(protocol);
        }
        if let Some(metadata) = meta_data {
            self.metadata = Some(metadata);
        }
        if let Some(txn) = txn {
            self.transactions.insert(txn.app_id.clone(), txn);
        }
        if let Some(add) = add {
            self.removed.remove(&add.path);
            self.files.insert(add.path.clone(), add);
        }
        if let Some(remove) = remove {
            self.files.remove(&remove.path);
            self.removed.insert(remove.path.clone(), remove);
        }
        Ok(())
    }

    /// The actions that make up the state.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> {
        let protocol = self.protocol.iter().cloned().map(Action::from);
        let metadata = self.metadata.iter().cloned().map(Action::from);
        let transactions = self.transactions.values().cloned().map(Action::from);
        let files = self.files.values().cloned().map(Action::from);
        let removed = self.removed.values().cloned().map(Action::from);
        protocol.chain(metadata).chain(transactions).chain(files).chain(removed)
    }
}

fn entry_path(log: &Path, version: u64) -> PathBuf {
    log.join(format!("{version:020}{ENTRY_ENDING}"))
}

fn entry_version(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(ENTRY_ENDING)?.parse().ok()
}

/// Removes entries and checkpoints that no reader needs which starts at the checkpoint of `version` or a later one.
fn remove_entries_before(log: &Path, version: u64) -> Result<(), CatalogError> {
    for path in files::list(log)? {
        let listed = entry_version(&path).or_else(|| checkpoint::version_of(&path));
        if listed.is_some_and(|listed| listed < version) {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// An id for a table, in the form of a UUID.
fn table_id(log: &Path, created_ns: i64) -> String {
    let seed = format!("{}\n{created_ns}\n{}", log.display(), std::process::id());
    let hex = format!("{:032x}", xxh3_128(seed.as_bytes()));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
