//! The rows of one table that are in memory.

use std::{sync::Arc, time::Instant};

use arrow::{compute::concat_batches, record_batch::RecordBatch};
use spandrel_proto::model::Table;

/// A batch with fewer rows than this is small.
const SMALL_ROWS: usize = 256;
/// So many small batches at the end become one.
const COALESCED_BATCHES: usize = 16;

/// Rows of one or more consecutive records of the log.
#[derive(Debug)]
pub(crate) struct HotBatch {
    pub(crate) batch: RecordBatch,
    pub(crate) bytes: usize,
    /// Sequence of the last record in it.
    pub(crate) last_sequence: u64,
    /// When its oldest rows arrived.
    pub(crate) arrived: Instant,
}

/// Batches in sequence order. Those at the front may be on their way into files; they leave when they have arrived
/// there.
#[derive(Debug, Default)]
pub(crate) struct HotBuffer {
    batches: Vec<Arc<HotBatch>>,
    /// How many batches at the front make up the unit that is being sealed.
    sealing: usize,
    bytes: usize,
    rows: usize,
}

/// The batches that one seal moves into files.
#[derive(Debug, Clone)]
pub(crate) struct SealUnit {
    pub(crate) batches: Vec<Arc<HotBatch>>,
    /// Sequence of the last record in the unit: no smaller one of the table is anywhere else, or will be (D-2).
    pub(crate) position: u64,
    /// Whether an earlier attempt to seal exactly this failed.
    pub(crate) is_retry: bool,
}

/// Small batches at the end that are to become one.
#[derive(Debug)]
pub(crate) struct Coalescable {
    batches: Vec<Arc<HotBatch>>,
}

impl HotBuffer {
    pub(crate) fn push(&mut self, batch: HotBatch) {
        debug_assert!(
            self.batches.last().is_none_or(|last| last.last_sequence < batch.last_sequence),
            "D-2: rows become visible in sequence order"
        );
        self.bytes += batch.bytes;
        self.rows += batch.batch.num_rows();
        self.batches.push(Arc::new(batch));
    }

    pub(crate) fn batches(&self) -> &[Arc<HotBatch>] {
        &self.batches
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.batches.first().map(|batch| batch.arrived)
    }

    pub(crate) fn last_sequence(&self) -> Option<u64> {
        self.batches.last().map(|batch| batch.last_sequence)
    }

    /// The next unit to seal: batches from the front until they have `max_bytes`, at least one. A unit whose seal
    /// failed stays the same until it succeeds, because its commit may have happened all the same.
    pub(crate) fn take_unit(&mut self, max_bytes: usize) -> Option<SealUnit> {
        let is_retry = self.sealing > 0;
        if !is_retry {
            let mut bytes = 0;
            let reaches = self.batches.iter().position(|batch| {
                bytes += batch.bytes;
                bytes >= max_bytes
            });
            self.sealing = reaches.map_or(self.batches.len(), |last| last + 1);
        }
        let batches = self.batches[..self.sealing].to_vec();
        let position = batches.last()?.last_sequence;
        Some(SealUnit { batches, position, is_retry })
    }

    /// Drops the unit that is being sealed if `position` says that it is in files, and says how many bytes it had.
    pub(crate) fn drop_sealed(&mut self, position: u64) -> usize {
        let mut freed = 0;
        if self.batches[..self.sealing].last().is_none_or(|last| last.last_sequence > position) {
            return freed;
        }
        for batch in self.batches.drain(..self.sealing) {
            freed += batch.bytes;
            self.rows -= batch.batch.num_rows();
        }
        self.sealing = 0;
        self.bytes -= freed;
        freed
    }

    /// The small batches at the end, if there are enough of them.
    pub(crate) fn coalescable(&self) -> Option<Coalescable> {
        let unsealed = &self.batches[self.sealing..];
        let small = unsealed.iter().rev().take_while(|batch| batch.batch.num_rows() < SMALL_ROWS).count();
        (small >= COALESCED_BATCHES).then(|| Coalescable { batches: unsealed[unsealed.len() - small..].to_vec() })
    }

    /// Puts `merged` in place of the batches it was made of, unless sealing has taken some of them meanwhile. Answers
    /// by how many bytes the buffer shrank.
    pub(crate) fn replace(&mut self, replaced: &Coalescable, merged: HotBatch) -> Option<isize> {
        let first = replaced.batches.first()?;
        let start = self.batches.iter().rposition(|batch| Arc::ptr_eq(batch, first))?;
        let is_free = start >= self.sealing && self.batches.len() - start == replaced.batches.len();
        if !is_free {
            return None;
        }
        let before: usize = replaced.batches.iter().map(|batch| batch.bytes).sum();
        let shrunk = before as isize - merged.bytes as isize;
        self.bytes = self.bytes.saturating_add_signed(-shrunk);
        self.batches.truncate(start);
        self.batches.push(Arc::new(merged));
        Some(shrunk)
    }
}

impl Coalescable {
    /// One batch of all rows. `None` if they do not fit one, which leaves things as they are.
    pub(crate) fn merge(&self, table: Table) -> Option<HotBatch> {
        let (first, last) = (self.batches.first()?, self.batches.last()?);
        match concat_batches(&table.schema(), self.batches.iter().map(|batch| &batch.batch)) {
            Ok(batch) => Some(HotBatch {
                bytes: batch.get_array_memory_size(),
                batch,
                last_sequence: last.last_sequence,
                arrived: first.arrived,
            }),
            Err(error) => {
                tracing::warn!(%table, %error, "cannot merge small batches in memory");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn push(buffer: &mut HotBuffer, sequence: u64, rows: usize) {
        let batch = testing::spans(sequence, rows);
        let bytes = batch.get_array_memory_size();
        buffer.push(HotBatch { batch, bytes, last_sequence: sequence, arrived: Instant::now() });
    }

    #[test]
    fn small_batches_become_one_without_crossing_a_unit_that_is_being_sealed() {
        let mut buffer = HotBuffer::default();
        (1..=4).for_each(|sequence| push(&mut buffer, sequence, 1));
        let unit = buffer.take_unit(usize::MAX).unwrap();
        assert_eq!((unit.batches.len(), unit.position, unit.is_retry), (4, 4, false));
        (5..=20).for_each(|sequence| push(&mut buffer, sequence, 1));

        let coalescable = buffer.coalescable().unwrap();
        let merged = coalescable.merge(Table::Spans).unwrap();
        buffer.replace(&coalescable, merged).unwrap();
        assert_eq!(buffer.batches().len(), 5);
        assert_eq!(buffer.rows(), 20);

        assert!(buffer.take_unit(1).unwrap().is_retry, "a unit stays the same until it is sealed");
        assert_eq!(buffer.drop_sealed(3), 0, "not in files yet");
        buffer.drop_sealed(4);
        assert_eq!((buffer.rows(), buffer.batches().len(), buffer.last_sequence()), (16, 1, Some(20)));
        assert_eq!(buffer.bytes(), buffer.batches()[0].bytes);
    }

    #[test]
    fn merged_batches_that_sealing_took_meanwhile_are_left_alone() {
        let mut buffer = HotBuffer::default();
        (1..=16).for_each(|sequence| push(&mut buffer, sequence, 1));
        let coalescable = buffer.coalescable().unwrap();
        let merged = coalescable.merge(Table::Spans).unwrap();
        buffer.take_unit(1).unwrap();
        assert!(buffer.replace(&coalescable, merged).is_none());
        assert_eq!(buffer.batches().len(), 16);
    }
}
