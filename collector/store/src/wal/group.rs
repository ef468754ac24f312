//! One group of appends that are written and made durable together.

use std::io::IoSlice;

use arrow::{array::BooleanArray, compute::filter_record_batch, error::ArrowError, record_batch::RecordBatch};
use spandrel_proto::model::Table;
use tokio::sync::oneshot;

use super::{
    duplicates::{DuplicateFilter, NO_KEY},
    format::{CHECKSUM_LEN, RECORD_HEADER_LEN, RECORD_OVERHEAD, RecordHeader, record_checksum},
    payload,
};
use crate::{error::AppendError, hot::NewRows, meter::Reservation, per_table::PerTable, store::Appended};

/// A batch on its way into the log.
pub(crate) struct PendingAppend {
    pub(crate) table: Table,
    pub(crate) batch: RecordBatch,
    /// Memory of `batch`.
    pub(crate) bytes: usize,
    pub(crate) payload: Vec<u8>,
    pub(crate) payload_checksum: u32,
    /// Keys of the rows where duplicates are recognised, else empty.
    pub(crate) keys: Vec<u64>,
    /// What the batch takes of `hot_max_bytes` until its rows are in the hot buffer.
    pub(crate) held: Reservation,
    /// What the payload takes of `append_queue_bytes`.
    pub(crate) queued: Reservation,
    pub(crate) reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The rows of a batch that are to be kept, and their payload.
fn reduce(table: Table, batch: &RecordBatch, keep: &BooleanArray) -> Result<(RecordBatch, Vec<u8>), ArrowError> {
    let reduced = filter_record_batch(batch, keep)?;
    let payload = payload::encode(table, &reduced)?;
    Ok((reduced, payload))
}

/// A sender that waits for its answer.
pub(crate) struct Waiter {
    duplicates: u64,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
    _held: Reservation,
    _queued: Reservation,
}

struct Record {
    table: Table,
    batch: RecordBatch,
    bytes: usize,
    payload: Vec<u8>,
    sequence: u64,
    header: [u8; RECORD_HEADER_LEN],
    checksum: [u8; CHECKSUM_LEN],
}

/// The records of a group, duplicates left out, with their sequences.
pub(crate) struct Group {
    records: Vec<Record>,
    waiters: Vec<Waiter>,
    duplicates: u64,
}

impl Group {
    /// Numbers the appends from `next_sequence` on. A row that `duplicates` knows is left out of its record, so that
    /// what is read back after a crash is what was visible before it; a batch of nothing else has no record.
    pub(crate) fn prepare(appends: Vec<PendingAppend>, duplicates: &mut DuplicateFilter, next_sequence: u64) -> Self {
        let mut group = Self { records: Vec::with_capacity(appends.len()), waiters: Vec::new(), duplicates: 0 };
        for append in appends {
            group.add(append, duplicates, next_sequence);
        }
        group
    }

    fn add(&mut self, append: PendingAppend, duplicates: &mut DuplicateFilter, next_sequence: u64) {
        let PendingAppend { table, mut batch, mut bytes, mut payload, mut payload_checksum, keys, held, queued, reply } =
            append;
        let is_unseen: BooleanArray = keys.iter().map(|key| Some(*key == NO_KEY || !duplicates.stage(*key))).collect();
        let unseen = if keys.is_empty() { batch.num_rows() } else { is_unseen.true_count() };
        let mut duplicate_rows = (batch.num_rows() - unseen) as u64;
        if duplicate_rows > 0 && unseen > 0 {
            match reduce(table, &batch, &is_unseen) {
                Ok((reduced, encoded)) => {
                    payload_checksum = crc32c::crc32c(&encoded);
                    payload = encoded;
                    bytes = reduced.get_array_memory_size();
                    batch = reduced;
                }
                Err(error) => {
                    tracing::error!(%table, %error, "cannot leave duplicate rows out of a batch; storing them again");
                    duplicate_rows = 0;
                }
            }
        }
        self.duplicates += duplicate_rows;
        self.waiters.push(Waiter { duplicates: duplicate_rows, reply, _held: held, _queued: queued });
        if unseen > 0 {
            let sequence = next_sequence + self.records.len() as u64;
            // `append` refuses payloads that a length does not fit.
            let header = RecordHeader::new(table, sequence, payload.len() as u32).encode();
            let checksum = record_checksum(payload_checksum, &header);
            self.records.push(Record { table, batch, bytes, payload, sequence, header, checksum });
        }
    }

    pub(crate) fn record_count(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn duplicate_count(&self) -> u64 {
        self.duplicates
    }

    /// What the group takes in the segment.
    pub(crate) fn encoded_len(&self) -> u64 {
        self.records.iter().map(|record| (record.payload.len() + RECORD_OVERHEAD) as u64).sum()
    }

    pub(crate) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.records
            .iter()
            .flat_map(|record| [&record.header[..], &record.payload, &record.checksum])
            .map(IoSlice::new)
            .collect()
    }

    /// The largest sequence of each table, 0 for none.
    pub(crate) fn last_sequences(&self) -> PerTable<u64> {
        let mut last = PerTable::default();
        for record in &self.records {
            last[record.table] = record.sequence;
        }
        last
    }

    /// The rows to make visible, in sequence order, and the senders to answer after that.
    pub(crate) fn into_rows(self) -> (Vec<NewRows>, Vec<Waiter>) {
        let rows = self
            .records
            .into_iter()
            .map(|record| NewRows {
                table: record.table,
                batch: record.batch,
                bytes: record.bytes,
                sequence: record.sequence,
            })
            .collect();
        (rows, self.waiters)
    }

    /// Answers every sender of the group with an error.
    pub(crate) fn fail(self, error: &AppendError) {
        for waiter in self.waiters {
            let _ = waiter.reply.send(Err(error.clone()));
        }
    }
}

impl Waiter {
    /// Acknowledges. The sender may have gone away, which changes nothing: its rows are stored.
    pub(crate) fn acknowledge(self) {
        let Waiter { duplicates, reply, _held, _queued } = self;
        drop((_held, _queued));
        let _ = reply.send(Ok(Appended { duplicates }));
    }
}
