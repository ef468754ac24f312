//! Counters of one source.

use std::sync::atomic::{AtomicU64, Ordering};

use spandrel_normalize::{batch::LineCounts, format::LineReason};

/// Counters since the start of the process, and gauges of the present.
#[derive(Debug, Default)]
pub struct SourceStats {
    lines: AtomicU64,
    bytes: AtomicU64,
    requests: AtomicU64,
    logs: AtomicU64,
    rejected: [AtomicU64; LineReason::ALL.len()],
    retries: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) dropped_datagrams: AtomicU64,
    pub(super) bad_frames: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) refused_connections: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) open_files: AtomicU64,
    pub(super) lag_bytes: AtomicU64,
    pub(super) truncations: AtomicU64,
    pub(super) failed_checkpoints: AtomicU64,
}

impl SourceStats {
    /// Lines stored or rejected.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Bytes of those lines, without envelopes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Rows of `requests` stored.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Rows of `logs` stored.
    pub fn logs(&self) -> u64 {
        self.logs.load(Ordering::Relaxed)
    }

    /// Lines rejected.
    pub fn rejected(&self, reason: LineReason) -> u64 {
        self.rejected[reason as usize].load(Ordering::Relaxed)
    }

    /// Attempts to store a batch that failed and were made again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Lines given up at stop that nobody can send again.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Datagrams that came faster than they could be stored.
    pub fn dropped_datagrams(&self) -> u64 {
        self.dropped_datagrams.load(Ordering::Relaxed)
    }

    /// Connections ended because their framing was broken.
    pub fn bad_frames(&self) -> u64 {
        self.bad_frames.load(Ordering::Relaxed)
    }

    /// Connections open.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections closed because there were too many, or whose handshake failed.
    pub fn refused_connections(&self) -> u64 {
        self.refused_connections.load(Ordering::Relaxed)
    }

    /// Files followed.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Files open.
    pub fn open_files(&self) -> u64 {
        self.open_files.load(Ordering::Relaxed)
    }

    /// Bytes of the followed files that are not stored, as of when their sizes were last seen.
    pub fn lag_bytes(&self) -> u64 {
        self.lag_bytes.load(Ordering::Relaxed)
    }

    /// Files begun again because they were truncated.
    pub fn truncations(&self) -> u64 {
        self.truncations.load(Ordering::Relaxed)
    }

    /// Checkpoints that could not be written.
    pub fn failed_checkpoints(&self) -> u64 {
        self.failed_checkpoints.load(Ordering::Relaxed)
    }

    pub(super) fn count_stored(&self, counts: &LineCounts, bytes: usize) {
        self.lines.fetch_add(counts.lines, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.requests.fetch_add(counts.requests, Ordering::Relaxed);
        self.logs.fetch_add(counts.logs, Ordering::Relaxed);
        for (sum, count) in self.rejected.iter().zip(counts.rejected) {
            sum.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts one thing while it lives, as an open connection.
#[derive(Debug)]
pub(super) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(super) fn up(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
