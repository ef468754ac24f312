//! Counters of the receivers.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use spandrel_proto::wire::{RejectReason, Repair, Report, otlp::Signal};

use super::error::ReceiveError;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    Grpc,
    Http,
}

impl Transport {
    /// The value of the `transport` label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        }
    }
}

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct ReceiverStats {
    accepted: [[AtomicU64; 3]; 2],
    records: [AtomicU64; 3],
    bytes: [AtomicU64; 3],
    duplicates: AtomicU64,
    rejected: [[AtomicU64; RejectReason::ALL.len()]; 3],
    repaired: [[AtomicU64; Repair::ALL.len()]; 3],
    refused: Mutex<BTreeMap<(Transport, &'static str), u64>>,
}

impl ReceiverStats {
    /// Requests taken.
    pub fn accepted(&self, transport: Transport, signal: Signal) -> u64 {
        self.accepted[transport as usize][signal as usize].load(Ordering::Relaxed)
    }

    /// Records stored.
    pub fn records(&self, signal: Signal) -> u64 {
        self.records[signal as usize].load(Ordering::Relaxed)
    }

    /// Bytes of requests taken, after decompression.
    pub fn bytes(&self, signal: Signal) -> u64 {
        self.bytes[signal as usize].load(Ordering::Relaxed)
    }

    /// Spans not stored because they were already.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Records refused out of requests that were taken.
    pub fn rejected(&self, signal: Signal, reason: RejectReason) -> u64 {
        self.rejected[signal as usize][reason as usize].load(Ordering::Relaxed)
    }

    /// Mended things in records that were stored.
    pub fn repaired(&self, signal: Signal, repair: Repair) -> u64 {
        self.repaired[signal as usize][repair as usize].load(Ordering::Relaxed)
    }

    /// Requests refused whole, by transport and reason.
    pub fn refused(&self) -> Vec<(Transport, &'static str, u64)> {
        self.refused.lock().iter().map(|((transport, reason), count)| (*transport, *reason, *count)).collect()
    }

    pub(super) fn count_accepted(
        &self,
        transport: Transport,
        signal: Signal,
        bytes: usize,
        records: usize,
        duplicates: u64,
    ) {
        self.accepted[transport as usize][signal as usize].fetch_add(1, Ordering::Relaxed);
        self.bytes[signal as usize].fetch_add(bytes as u64, Ordering::Relaxed);
        self.records[signal as usize].fetch_add((records as u64).saturating_sub(duplicates), Ordering::Relaxed);
        self.duplicates.fetch_add(duplicates, Ordering::Relaxed);
    }

    pub(super) fn count_report(&self, signal: Signal, report: &Report) {
        for reason in RejectReason::ALL {
            self.rejected[signal as usize][reason as usize].fetch_add(report.rejected(reason), Ordering::Relaxed);
        }
        for repair in Repair::ALL {
            self.repaired[signal as usize][repair as usize].fetch_add(report.repaired(repair), Ordering::Relaxed);
        }
    }

    pub(super) fn count_refused(&self, transport: Transport, error: &ReceiveError) {
        *self.refused.lock().entry((transport, error.label())).or_default() += 1;
    }
}
