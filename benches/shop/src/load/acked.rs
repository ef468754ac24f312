//! The file of acknowledged traces.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::options::LoadError;

/// Appends a line per acknowledged trace. What is written is in the hands of the operating system when `append` returns.
#[derive(Debug)]
pub(super) struct AckedFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl AckedFile {
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| LoadError::AckedFile { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    pub(super) fn append(&self, traces: impl Iterator<Item = ([u8; 16], u64)>) -> Result<(), LoadError> {
        let mut lines = String::new();
        for (id, spans) in traces {
            lines.push_str(&format!("{:032x} {spans}\n", u128::from_be_bytes(id)));
        }
        self.write(lines.as_bytes()).map_err(|source| LoadError::AckedFile { path: self.path.clone(), source })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }
}
