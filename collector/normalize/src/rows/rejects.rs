//! `rejects`.

use std::borrow::Cow;

use arrow::record_batch::RecordBatch;
use spandrel_proto::{
    columns::{Bytes, Finisher, Int64s, text_prefix},
    model::Table,
};

use super::assemble;

/// Rejected lines kept for each reason of one batch.
const SAMPLES: usize = 4;
/// Bytes kept of each.
const SAMPLE_BYTES: usize = 1024;

/// Collects what was refused: the count of all, and a few of them. The column `records` says how many a row stands
/// for, so that its sum is exact.
#[derive(Debug, Default)]
pub struct RejectRows {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    time: i64,
    source: String,
    format: &'static str,
    reason: &'static str,
    detail: Cow<'static, str>,
    record: String,
    records: i64,
}

impl RejectRows {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Counts one record that was refused at `time`.
    pub fn push(
        &mut self,
        time: i64,
        source: &str,
        format: &'static str,
        reason: &'static str,
        detail: Cow<'static, str>,
        record: &[u8],
    ) {
        let mut kept = 0;
        let mut last = None;
        for row in self.rows.iter_mut().filter(|row| row.reason == reason) {
            kept += 1;
            last = Some(row);
        }
        match last {
            Some(row) if kept >= SAMPLES => row.records += 1,
            _ => self.rows.push(Row {
                time,
                source: source.to_owned(),
                format,
                reason,
                detail,
                record: String::from_utf8_lossy(text_prefix(record, SAMPLE_BYTES)).into_owned(),
                records: 1,
            }),
        }
    }

    /// Counts `records` refused for one reason, of which some were kept as samples.
    pub fn push_counted(
        &mut self,
        time: i64,
        source: &str,
        format: &'static str,
        (reason, detail): (&'static str, &'static str),
        records: u64,
        samples: impl Iterator<Item = String>,
    ) {
        let first = self.rows.len();
        let mut samples = samples.map(Some).collect::<Vec<_>>();
        if samples.is_empty() {
            samples.push(None);
        }
        let others = samples.len() as u64 - 1;
        for record in samples {
            self.rows.push(Row {
                time,
                source: source.to_owned(),
                format,
                reason,
                detail: Cow::Borrowed(detail),
                record: record.unwrap_or_default(),
                records: 1,
            });
        }
        self.rows[first].records = records.saturating_sub(others).cast_signed();
    }

    /// The batch, of the table's schema.
    pub fn finish(self) -> RecordBatch {
        let (mut time, mut records) = (Int64s::default(), Int64s::default());
        let (mut source, mut format, mut reason) = (Bytes::default(), Bytes::default(), Bytes::default());
        let (mut detail, mut record) = (Bytes::default(), Bytes::default());
        for (position, row) in self.rows.iter().enumerate() {
            time.push(position, row.time);
            source.push(position, row.source.as_bytes());
            format.push(position, row.format.as_bytes());
            reason.push(position, row.reason.as_bytes());
            detail.push(position, text_prefix(row.detail.as_bytes(), SAMPLE_BYTES));
            record.push(position, row.record.as_bytes());
            records.push(position, row.records);
        }
        let mut finisher = Finisher::new(self.rows.len());
        let finished = vec![
            ("time", time.finish(&mut finisher)),
            ("source", source.finish_text(&mut finisher)),
            ("format", format.finish_text(&mut finisher)),
            ("reason", reason.finish_text(&mut finisher)),
            ("detail", detail.finish_text(&mut finisher)),
            ("record", record.finish_text(&mut finisher)),
            ("records", records.finish(&mut finisher)),
        ];
        assemble(Table::Rejects, self.rows.len(), finished)
    }
}
