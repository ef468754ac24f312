//! One process at a time has a data directory open.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use crate::{
    error::OpenError,
    files::{self, Context},
};

const LOCK_FILE: &str = "lock";

/// Exclusive use of a data directory, until dropped or until the process ends however it ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Makes the directory if it is missing, and locks it.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, OpenError> {
        files::create_directory(data_dir)?;
        let path = data_dir.join(LOCK_FILE);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .context("open the lock file", &path)?;
        Self::lock(file, data_dir)
    }

    /// Locks a directory without writing to it. One that was never opened for writing has nothing to lock.
    pub(crate) fn acquire_for_reading(data_dir: &Path) -> Result<Option<Self>, OpenError> {
        if !data_dir.is_dir() {
            return Err(OpenError::Missing { data_dir: data_dir.to_owned() });
        }
        let path = data_dir.join(LOCK_FILE);
        match File::open(&path) {
            Ok(file) => Self::lock(file, data_dir).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { action: "open the lock file", path, source }),
        }
    }

    /// Lets others open the directory while this value still exists.
    pub(crate) fn release(&self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "cannot release the lock on the data directory");
        }
    }

    fn lock(file: File, data_dir: &Path) -> Result<Self, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { data_dir: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => {
                Err(OpenError::Io { action: "lock", path: data_dir.join(LOCK_FILE), source })
            }
        }
    }
}
