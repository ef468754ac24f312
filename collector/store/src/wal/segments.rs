//! The segments that exist, and which of them are still needed.

use std::path::PathBuf;

use parking_lot::Mutex;

use crate::{files, per_table::PerTable};

/// A segment and the largest sequence of each table in it, 0 for none.
#[derive(Debug, Clone)]
pub(crate) struct SegmentInfo {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) last: PerTable<u64>,
}

impl SegmentInfo {
    /// Whether every record of the segment is in files, by the positions that the tables' Delta logs record.
    fn is_sealed(&self, positions: &PerTable<u64>) -> bool {
        self.last.iter().all(|(table, last)| *last <= positions[table])
    }
}

/// Every segment on disk. The writer adds to it, sealing takes from it.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: Vec<SegmentInfo>,
    active: Option<SegmentInfo>,
}

impl Segments {
    pub(crate) fn new(closed: Vec<SegmentInfo>) -> Self {
        Self { inner: Mutex::new(Inner { closed, active: None }) }
    }

    /// Closes the active segment, if any, and makes `path` the active one.
    pub(crate) fn rotate(&self, path: PathBuf, bytes: u64) {
        let mut inner = self.inner.lock();
        let opened = SegmentInfo { path, bytes, last: PerTable::default() };
        if let Some(closed) = inner.active.replace(opened) {
            inner.closed.push(closed);
        }
    }

    /// Closes the active segment for good.
    pub(crate) fn finish(&self) {
        let mut inner = self.inner.lock();
        if let Some(closed) = inner.active.take() {
            inner.closed.push(closed);
        }
    }

    /// Records what a group added to the active segment.
    pub(crate) fn grew(&self, bytes: u64, last: &PerTable<u64>) {
        if let Some(active) = &mut self.inner.lock().active {
            active.bytes = bytes;
            for (table, sequence) in last.iter() {
                active.last[table] = active.last[table].max(*sequence);
            }
        }
    }

    /// Deletes the closed segments of which every record is in files (D-2).
    pub(crate) fn trim(&self, positions: &PerTable<u64>) -> Result<(), files::FileError> {
        let sealed: Vec<PathBuf> = {
            let inner = self.inner.lock();
            inner
                .closed
                .iter()
                .filter(|segment| segment.is_sealed(positions))
                .map(|segment| segment.path.clone())
                .collect()
        };
        for path in sealed {
            files::remove(&path)?;
            self.inner.lock().closed.retain(|segment| segment.path != path);
        }
        Ok(())
    }

    /// Bytes of all segments, of the closed ones, and how many segments there are.
    pub(crate) fn sizes(&self) -> SegmentSizes {
        let inner = self.inner.lock();
        let closed_bytes = inner.closed.iter().map(|segment| segment.bytes).sum();
        let active_bytes = inner.active.as_ref().map_or(0, |segment| segment.bytes);
        SegmentSizes {
            closed_bytes,
            bytes: closed_bytes + active_bytes,
            segments: (inner.closed.len() + usize::from(inner.active.is_some())) as u64,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentSizes {
    pub(crate) bytes: u64,
    pub(crate) closed_bytes: u64,
    pub(crate) segments: u64,
}
