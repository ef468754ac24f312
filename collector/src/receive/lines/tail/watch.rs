//! What the system reports of changes, collected until it is asked for.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Past these paths changes are no longer told apart.
const MAX_PATHS: usize = 16 * 1024;
/// Directories watched at most; each costs the system about a kilobyte.
const MAX_DIRECTORIES: usize = 8 * 1024;

/// Changes since they were taken last.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Files that were written to.
    pub(super) written: HashSet<PathBuf>,
    /// Files and directories that appeared, went or were renamed.
    pub(super) moved: HashSet<PathBuf>,
    /// Some changes were not told.
    pub(super) overflow: bool,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty() && self.moved.is_empty() && !self.overflow
    }

    fn add(&mut self, event: notify::Result<Event>) {
        let Ok(event) = event else {
            self.overflow = true;
            return;
        };
        self.overflow |= event.need_rescan();
        let paths = match event.kind {
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any)
            | EventKind::Access(AccessKind::Close(AccessMode::Write)) => &mut self.written,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => &mut self.moved,
            _ => return,
        };
        if paths.len() + event.paths.len() > MAX_PATHS {
            self.overflow = true;
            return;
        }
        paths.extend(event.paths);
    }
}

/// Watches directories.
pub(super) struct Watch {
    changes: Arc<Mutex<Changes>>,
    pub(super) changed: Arc<Notify>,
    /// `None` where the system cannot report changes.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Whether a directory is not watched that should be.
    incomplete: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        let changes = Arc::new(Mutex::new(Changes::default()));
        let changed = Arc::new(Notify::new());
        let (collected, signal) = (Arc::clone(&changes), Arc::clone(&changed));
        let watcher = notify::recommended_watcher(move |event| {
            let mut changes = collected.lock();
            changes.add(event);
            if !changes.is_empty() {
                signal.notify_one();
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "the system does not report changes of files; they are listed often instead");
        }
        Self { changes, changed, watcher: watcher.ok(), watched: BTreeSet::new(), incomplete: false }
    }

    /// Watches these directories and no others. Whether there are some among them that were not watched before: what
    /// happened in them since they were listed was not told.
    pub(super) fn set(&mut self, directories: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        for gone in self.watched.difference(directories) {
            // It may be gone from the disk as well, and then is not watched any more.
            let _ = watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<PathBuf> = self.watched.intersection(directories).cloned().collect();
        let mut failure = None;
        let before = watched.len();
        for directory in directories.difference(&self.watched) {
            if watched.len() >= MAX_DIRECTORIES {
                failure = Some(format!("more than {MAX_DIRECTORIES} directories"));
                break;
            }
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(directory.clone());
                }
                Err(_) if !directory.is_dir() => {}
                Err(error) => failure = Some(error.to_string()),
            }
        }
        if let Some(reason) = &failure
            && !self.incomplete
        {
            tracing::warn!(reason, "not all directories are watched; files are listed often instead");
        }
        self.incomplete = failure.is_some();
        let has_more = watched.len() > before;
        self.watched = watched;
        has_more
    }

    /// A directory that was removed is not watched any more, even when there is one of that name again.
    pub(super) fn forget(&mut self, directory: &Path) {
        self.watched.remove(directory);
    }

    /// Whether all changes are reported.
    pub(super) fn is_complete(&self) -> bool {
        self.watcher.is_some() && !self.incomplete
    }

    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut self.changes.lock())
    }
}
