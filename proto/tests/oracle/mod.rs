//! The tables by a plain reading of the rules: OTLP as prost structs, then ordinary Arrow builders. What the wire reader
//! is checked and measured against; it shares with it only the tables of names in `spandrel_proto::model`.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::allow_attributes,
    clippy::panic,
    reason = "each test, benchmark and fuzz target uses its own part"
)]

mod attributes;
mod lists;
mod logs;
mod metric_columns;
mod metrics;
mod origin;
mod promotion;
mod spans;
mod text;

use std::sync::Arc;

use arrow::{array::ArrayRef, record_batch::RecordBatch};
use spandrel_proto::{
    model::Table,
    wire::{DecodeLimits, RejectReason, Repair},
};

pub use logs::logs;
pub use metrics::metrics;
pub use spans::traces;
pub use text::depth;

/// What a request is to become.
#[derive(Debug)]
pub struct Expected {
    pub batch: RecordBatch,
    pub counts: Counts,
}

/// Records refused and things mended, by reason.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    rejected: [u64; RejectReason::ALL.len()],
    repaired: [u64; Repair::ALL.len()],
}

impl Counts {
    pub fn rejected(&self, reason: RejectReason) -> u64 {
        self.rejected[reason as usize]
    }

    pub fn repaired(&self, repair: Repair) -> u64 {
        self.repaired[repair as usize]
    }

    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    fn reject(&mut self, reason: RejectReason) {
        self.rejected[reason as usize] += 1;
    }

    fn repair(&mut self, repair: Repair) {
        self.repaired[repair as usize] += 1;
    }

    fn repair_many(&mut self, repair: Repair, count: usize) {
        self.repaired[repair as usize] += count as u64;
    }
}

/// What every function that writes needs: the limits, and where to count what they cut.
#[derive(Debug)]
struct Context<'l> {
    limits: &'l DecodeLimits,
    counts: Counts,
}

impl<'l> Context<'l> {
    fn new(limits: &'l DecodeLimits) -> Self {
        Self { limits, counts: Counts::default() }
    }

    /// `text` cut to the limit at a character's edge.
    fn cut<'t>(&mut self, text: &'t str) -> &'t str {
        if text.len() <= self.limits.value_bytes {
            return text;
        }
        self.counts.repair(Repair::ValueTruncated);
        &text[..text.floor_char_boundary(self.limits.value_bytes)]
    }

    /// As [`Context::cut`]; empty text is no text.
    fn cut_some<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        (!text.is_empty()).then(|| self.cut(text))
    }

    /// The first of `items`, and how many are past `limit`, which are counted as `repair`.
    fn first<'s, T>(&mut self, items: &'s [T], limit: usize, repair: Repair) -> (&'s [T], i64) {
        let kept = &items[..items.len().min(limit)];
        let dropped = items.len() - kept.len();
        self.counts.repair_many(repair, dropped);
        (kept, dropped as i64)
    }
}

/// `value` nanoseconds as the tables have them, unless they are past the year 2262.
fn nanos(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// An id of the right length that is not all zero.
fn id(bytes: &[u8], len: usize) -> Option<&[u8]> {
    (bytes.len() == len && bytes.iter().any(|byte| *byte != 0)).then_some(bytes)
}

/// Puts the columns in the order of the schema.
fn batch(table: Table, mut columns: Vec<(&'static str, ArrayRef)>) -> RecordBatch {
    let schema = table.schema();
    let mut ordered = Vec::new();
    for field in schema.fields() {
        let position =
            columns.iter().position(|(name, _)| name == field.name()).expect("each column of the schema is built");
        ordered.push(columns.swap_remove(position).1);
    }
    assert!(columns.is_empty(), "{table} has no columns {columns:?}");
    RecordBatch::try_new(Arc::clone(&schema), ordered).expect("the columns have the types of the schema")
}
