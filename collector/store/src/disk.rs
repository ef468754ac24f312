//! The disk guard: with too little free space nothing more is accepted, so that what was accepted can still be sealed.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Free space on the file system of the data directory, as last sampled.
#[derive(Debug)]
pub(crate) struct DiskGuard {
    free_bytes: AtomicU64,
    min_free_bytes: u64,
}

/// Stands for "not sampled yet".
const UNKNOWN: u64 = u64::MAX;

impl DiskGuard {
    pub(crate) fn new(min_free_bytes: u64) -> Self {
        Self { free_bytes: AtomicU64::new(UNKNOWN), min_free_bytes }
    }

    /// Reads the free space. Blocks as long as the file system does.
    pub(crate) fn sample(&self, data_dir: &Path) {
        match free_bytes(data_dir) {
            Ok(free) => self.free_bytes.store(free, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(path = %data_dir.display(), %error, "cannot read the free disk space");
                self.free_bytes.store(UNKNOWN, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn free(&self) -> Option<u64> {
        Some(self.free_bytes.load(Ordering::Relaxed)).filter(|free| *free != UNKNOWN)
    }

    pub(crate) fn min_free(&self) -> u64 {
        self.min_free_bytes
    }

    /// The free space if it is below the guard.
    pub(crate) fn breach(&self) -> Option<u64> {
        self.free().filter(|free| *free < self.min_free_bytes)
    }
}

fn free_bytes(path: &Path) -> io::Result<u64> {
    let statistics = rustix::fs::statvfs(path)?;
    Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}
