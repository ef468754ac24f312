//! Recognises spans that were stored before, so that a batch sent again after a lost acknowledgement is not stored
//! twice.
//!
//! A span's key is a 64-bit hash of what makes it the same span. Two different spans with the same key are possible in
//! principle: with three million keys remembered, once in about six trillion spans.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use arrow::{
    array::{Array, BinaryArray, Int64Array, StringArray, cast::AsArray},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;
use xxhash_rust::xxh3::xxh3_64;

/// The smallest set of a generation; a power of two.
const MIN_SLOTS: usize = 1 << 10;
/// Staged keys for which memory is kept between groups.
const STAGED_KEPT: usize = 1 << 16;

/// Keys of the spans stored last, in two generations: when the young one is full it becomes the old one, and the old
/// one is forgotten. Keys of a group are staged until the group is durable, so that a batch which was never
/// acknowledged marks nothing.
#[derive(Debug)]
pub(crate) struct DuplicateFilter {
    young: KeySet,
    old: KeySet,
    staged: HashSet<u64, BuildHasherDefault<KeyHasher>>,
    max_slots: usize,
}

impl DuplicateFilter {
    /// A filter of at most `max_bytes`, staged keys not counted: those are bounded by the append queue.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let slots_per_generation = (max_bytes / 2 / size_of::<u64>()).max(MIN_SLOTS);
        let max_slots = 1 << slots_per_generation.ilog2();
        Self { young: KeySet::default(), old: KeySet::default(), staged: HashSet::default(), max_slots }
    }

    /// Stages a key, and says whether it was known.
    pub(crate) fn stage(&mut self, key: u64) -> bool {
        self.young.contains(key) || self.old.contains(key) || !self.staged.insert(key)
    }

    /// Remembers the staged keys.
    pub(crate) fn commit(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        for key in staged.drain() {
            self.remember(key);
        }
        staged.shrink_to(STAGED_KEPT);
        self.staged = staged;
    }

    /// Forgets the staged keys.
    pub(crate) fn roll_back(&mut self) {
        self.staged.clear();
        self.staged.shrink_to(STAGED_KEPT);
    }

    fn remember(&mut self, key: u64) {
        if !self.young.insert(key, self.max_slots) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.young.insert(key, self.max_slots);
        }
    }
}

/// Stands for the key of a row that has no identity, which is never a duplicate.
pub(crate) const NO_KEY: u64 = 0;

/// The key of each row of a batch; empty for tables whose rows have no identity.
pub(crate) fn row_keys(table: Table, batch: &RecordBatch) -> Vec<u64> {
    match table {
        Table::Spans => span_keys(batch),
        Table::Breakers => breaker_keys(batch),
        _ => Vec::new(),
    }
}

/// The key of each span: trace and span id, kind, service and times. `kind` tells the client's side from the server's
/// where both share a span id.
fn span_keys(batch: &RecordBatch) -> Vec<u64> {
    let Some(columns) = KeyColumns::of(batch) else { return Vec::new() };
    let mut buffer = Vec::with_capacity(128);
    (0..batch.num_rows()).map(|row| columns.key(row, &mut buffer)).collect()
}

/// The key of each breaker event that a span told of: when the span is sent again, so is what it told.
fn breaker_keys(batch: &RecordBatch) -> Vec<u64> {
    let id = |name| batch.column_by_name(name)?.as_binary_opt::<i32>();
    let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let columns = || {
        let time = batch.column_by_name("time")?.as_primitive_opt::<Int64Type>()?;
        let texts = [text("system")?, text("breaker")?, text("event")?, text("signal")?];
        Some((text("source_table")?, id("trace_id")?, id("span_id")?, time, texts))
    };
    let Some((source_table, trace_id, span_id, time, texts)) = columns() else { return Vec::new() };
    let mut buffer = Vec::with_capacity(128);
    let key = |row: usize| {
        if source_table.value(row) != Table::Spans.name() || span_id.is_null(row) {
            return NO_KEY;
        }
        buffer.clear();
        buffer.extend_from_slice(&time.value(row).to_le_bytes());
        let ids = [trace_id.value(row), span_id.value(row)];
        for value in ids.into_iter().chain(texts.map(|text| text.value(row).as_bytes())) {
            buffer.extend_from_slice(&value.len().to_le_bytes());
            buffer.extend_from_slice(value);
        }
        xxh3_64(&buffer).max(1)
    };
    (0..batch.num_rows()).map(key).collect()
}

struct KeyColumns<'a> {
    ids: [&'a BinaryArray; 2],
    texts: [&'a StringArray; 2],
    times: [&'a Int64Array; 2],
}

impl<'a> KeyColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let id = |name| batch.column_by_name(name)?.as_binary_opt::<i32>();
        let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        let time = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        Some(Self {
            ids: [id("trace_id")?, id("span_id")?],
            texts: [text("kind")?, text("service_name")?],
            times: [time("start_time")?, time("end_time")?],
        })
    }

    fn key(&self, row: usize, buffer: &mut Vec<u8>) -> u64 {
        buffer.clear();
        for times in self.times {
            buffer.extend_from_slice(&times.value(row).to_le_bytes());
        }
        let values =
            self.ids.iter().map(|ids| ids.value(row)).chain(self.texts.iter().map(|text| text.value(row).as_bytes()));
        for value in values {
            buffer.extend_from_slice(&value.len().to_le_bytes());
            buffer.extend_from_slice(value);
        }
        xxh3_64(buffer).max(1)
    }
}

/// A set of keys with linear probing, which are hashes already. Slot value 0 is empty.
#[derive(Debug, Default)]
struct KeySet {
    slots: Vec<u64>,
    len: usize,
}

impl KeySet {
    fn contains(&self, key: u64) -> bool {
        !self.slots.is_empty() && self.slots[self.find(key)] != 0
    }

    /// Adds a key, or says that the set is full.
    fn insert(&mut self, key: u64, max_slots: usize) -> bool {
        if self.len >= self.slots.len() / 4 * 3 {
            if self.slots.len() >= max_slots {
                return false;
            }
            self.grow();
        }
        let slot = self.find(key);
        if self.slots[slot] == 0 {
            self.slots[slot] = non_zero(key);
            self.len += 1;
        }
        true
    }

    fn clear(&mut self) {
        self.slots.fill(0);
        self.len = 0;
    }

    fn grow(&mut self) {
        let grown = vec![0; (self.slots.len() * 2).max(MIN_SLOTS)];
        for key in std::mem::replace(&mut self.slots, grown) {
            if key != 0 {
                let slot = self.find(key);
                self.slots[slot] = key;
            }
        }
    }

    /// The slot that has the key, or the empty one where it belongs. There is always an empty one.
    fn find(&self, key: u64) -> usize {
        let key = non_zero(key);
        let mask = self.slots.len() - 1;
        let mut slot = key as usize & mask;
        while self.slots[slot] != 0 && self.slots[slot] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

fn non_zero(key: u64) -> u64 {
    key.max(1)
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_keys_are_known_and_forgotten_with_their_group() {
        let mut filter = DuplicateFilter::new(1 << 20);
        assert!(!filter.stage(7));
        assert!(filter.stage(7), "within the group");
        filter.roll_back();
        assert!(!filter.stage(7));
        filter.commit();
        assert!(filter.stage(7));
        assert!(!filter.stage(0) && filter.stage(0), "zero is a key like any other");
    }

    #[test]
    fn b1_the_filter_stays_in_its_bound_and_remembers_the_latest() {
        let bound = 1 << 16;
        let mut filter = DuplicateFilter::new(bound);
        let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in 1..100_000 {
            assert!(!filter.stage(key(number)), "{number}");
            filter.commit();
            assert!((filter.young.slots.len() + filter.old.slots.len()) * size_of::<u64>() <= bound);
        }
        assert!((97_000..100_000).all(|number| filter.stage(key(number))));
        assert!(!filter.stage(key(1)), "the oldest are forgotten");
    }
}
