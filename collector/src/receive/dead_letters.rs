//! A bounded sample of refused records (B-2), so that somebody can see what was wrong with them.

use std::collections::VecDeque;

use parking_lot::Mutex;
use spandrel_proto::wire::{Report, otlp::Signal};

/// A refused record as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// When it came, nanoseconds since the Unix epoch.
    pub received_at: i64,
    pub signal: Signal,
    pub reason: &'static str,
    /// The first bytes of the record.
    pub record: Vec<u8>,
}

/// The latest refused records.
#[derive(Debug, Default)]
pub struct DeadLetters {
    records: Mutex<VecDeque<RejectedRecord>>,
}

impl DeadLetters {
    /// Records kept; each is at most [`Report::SAMPLE_BYTES`] long.
    pub const CAPACITY: usize = 256;

    /// The records kept, latest first.
    pub fn latest(&self) -> Vec<RejectedRecord> {
        self.records.lock().iter().rev().cloned().collect()
    }

    pub(super) fn keep(&self, signal: Signal, received_at: i64, report: &Report) {
        if report.samples().is_empty() {
            return;
        }
        let mut records = self.records.lock();
        for reject in report.samples() {
            if records.len() == Self::CAPACITY {
                records.pop_front();
            }
            let (reason, record) = (reject.reason.label(), reject.record.clone());
            records.push_back(RejectedRecord { received_at, signal, reason, record });
        }
    }
}
