//! What is known of files besides what a listing says.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{checkpoint::Entry, file::TailedFile, globs::names_by_inode, identity::Inode};

/// What the checkpoint says at the start.
pub(super) struct Known<'a> {
    by_inode: HashMap<Inode, &'a Entry>,
    by_path: HashMap<&'a Path, &'a Entry>,
    /// Files that it does not name are begun at their ends.
    pub(super) begin_at_end: bool,
}

impl<'a> Known<'a> {
    pub(super) fn new(entries: &'a [Entry], begin_at_end: bool) -> Self {
        let by_inode = entries.iter().map(|entry| (entry.inode, entry)).collect();
        let by_path = entries.iter().map(|entry| (entry.path.as_path(), entry)).collect();
        Self { by_inode, by_path, begin_at_end }
    }

    pub(super) fn entry_of(&self, file: &TailedFile) -> Option<&'a Entry> {
        // Devices may be numbered anew when the system starts.
        let same_path = || self.by_path.get(file.path.as_path()).filter(|e| e.inode.number == file.inode.number);
        self.by_inode.get(&file.inode).or_else(same_path).copied()
    }
}

/// Names of the files in directories, each directory listed once.
#[derive(Default)]
pub(super) struct Names(HashMap<PathBuf, HashMap<u64, PathBuf>>);

impl Names {
    /// The name that a file has beside its former name.
    pub(super) fn find(&mut self, former: &Path, inode: Inode) -> Option<PathBuf> {
        let directory = former.parent()?;
        if !self.0.contains_key(directory) {
            self.0.insert(directory.to_owned(), names_by_inode(directory));
        }
        let path = self.0.get(directory)?.get(&inode.number)?;
        let metadata = std::fs::metadata(path).ok()?;
        (metadata.is_file() && Inode::of(&metadata) == inode).then(|| path.clone())
    }
}
