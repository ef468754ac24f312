//! Files that survive power loss: written aside, synced, put in place by one atomic step, and their directory synced.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Ending of files that were never put in place.
pub(crate) const UNFINISHED_ENDING: &str = ".tmp";

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub(crate) struct FileError {
    pub(crate) action: &'static str,
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

/// Says what was being done to which path when an operation failed.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { action, path: path.to_owned(), source })
    }
}

/// Puts `bytes` at `path`, in place of what is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let unfinished = write_aside(path, bytes)?;
    fs::rename(&unfinished, path).context("put in place", path)?;
    sync_parent(path)
}

/// Whether a [`create`] made the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    Yes,
    /// There was a file of that name, which is as it was.
    AlreadyExists,
}

/// Puts `bytes` at `path` unless there is a file already. Either way the name is durable when this returns.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<Created, FileError> {
    let unfinished = write_aside(path, bytes)?;
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished).context("remove", &unfinished)?;
    let created = match linked {
        Ok(()) => Created::Yes,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Created::AlreadyExists,
        Err(error) => return Err(error).context("create", path),
    };
    sync_parent(path)?;
    Ok(created)
}

/// Makes `directory` and those above it, durably.
pub(crate) fn create_directory(directory: &Path) -> Result<(), FileError> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_directory(parent)?;
    }
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        made => made.context("create directory", directory)?,
    }
    sync_parent(directory)
}

/// Removes a file; that it does not exist is no error.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}

/// The paths in a directory, sorted by name; none if it does not exist.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context("list", directory)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.context("list", directory)?.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Removes what writers that were killed left unfinished in a directory.
pub(crate) fn remove_unfinished(directory: &Path) -> Result<(), FileError> {
    for path in list(directory)? {
        if path.to_string_lossy().ends_with(UNFINISHED_ENDING) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Makes creations, renames and removals in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory).and_then(|handle| handle.sync_all()).context("sync directory", directory)
}

fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

fn write_aside(path: &Path, bytes: &[u8]) -> Result<PathBuf, FileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED_ENDING);
    let unfinished = PathBuf::from(name);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if written.is_err() {
        // Best effort: what is left is removed when the store is opened.
        let _ = fs::remove_file(&unfinished);
    }
    written.context("write", &unfinished)?;
    Ok(unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_keeps_what_is_there_and_replace_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a").join("b");
        create_directory(path.parent().unwrap()).unwrap();
        assert_eq!(create(&path, b"first").unwrap(), Created::Yes);
        assert_eq!(create(&path, b"second").unwrap(), Created::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(list(path.parent().unwrap()).unwrap(), vec![path]);
    }
}
