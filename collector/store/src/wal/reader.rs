//! Reads one segment, past damage where possible.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use spandrel_proto::model::Table;

use super::format::{
    CHECKSUM_LEN, HeaderProblem, RECORD_HEADER_LEN, RECORD_OVERHEAD, RecordHeader, SEGMENT_HEADER_LEN,
    decode_segment_header, record_checksum,
};

/// A record whose checksum holds.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) table: Table,
    pub(crate) sequence: u64,
    pub(crate) payload: Vec<u8>,
    /// Where in the segment the record starts, and where the next one does.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Next {
    Record(Record),
    /// Bytes that are no record, after which reading goes on.
    Skipped {
        start: u64,
    },
    /// Nothing from `start` to the end of the file is a record.
    BadTail {
        start: u64,
    },
    End,
}

#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: BufReader<File>,
    len: u64,
    offset: u64,
    last_sequence: u64,
    /// A record that was read ahead to see whether reading can go on after damage.
    ahead: Option<Record>,
    ended: bool,
}

impl SegmentReader {
    /// Opens a segment and reads its header. With a damaged header the records are read all the same. Records up to
    /// `sequence_before`, the last one of the segments before, are none.
    pub(crate) fn open(path: &Path, sequence_before: u64) -> io::Result<(Self, Result<u64, HeaderProblem>)> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut header = [0; SEGMENT_HEADER_LEN];
        let first_sequence = if len < SEGMENT_HEADER_LEN as u64 {
            Err(HeaderProblem::Damaged)
        } else {
            file.read_exact(&mut header)?;
            decode_segment_header(&header)
        };
        let last_sequence = first_sequence.map_or(0, |first| first.saturating_sub(1)).max(sequence_before);
        let reader = Self { file, len, offset: SEGMENT_HEADER_LEN as u64, last_sequence, ahead: None, ended: false };
        Ok((reader, first_sequence))
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        if let Some(record) = self.ahead.take() {
            return Ok(Next::Record(self.accept(record)));
        }
        if self.ended || self.offset >= self.len {
            return Ok(Next::End);
        }
        let start = self.offset;
        if let Some(record) = self.read_at(start)? {
            return Ok(Next::Record(self.accept(record)));
        }
        match self.record_after(start)? {
            Some(record) => {
                self.ahead = Some(record);
                Ok(Next::Skipped { start })
            }
            None => {
                self.ended = true;
                Ok(Next::BadTail { start })
            }
        }
    }

    fn accept(&mut self, record: Record) -> Record {
        self.offset = record.end;
        self.last_sequence = record.sequence;
        record
    }

    /// The record behind the bad one at `start`, if the bad one's length can be believed.
    fn record_after(&mut self, start: u64) -> io::Result<Option<Record>> {
        let Some(header) = self.header_at(start)? else { return Ok(None) };
        let after = start + RECORD_OVERHEAD as u64 + u64::from(header.payload_len);
        if after >= self.len {
            return Ok(None);
        }
        self.read_at(after)
    }

    fn header_at(&mut self, start: u64) -> io::Result<Option<RecordHeader>> {
        if start + RECORD_OVERHEAD as u64 > self.len {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(start))?;
        let mut header = [0; RECORD_HEADER_LEN];
        self.file.read_exact(&mut header)?;
        Ok(Some(RecordHeader::decode(header)))
    }

    fn read_at(&mut self, start: u64) -> io::Result<Option<Record>> {
        let Some(header) = self.header_at(start)? else { return Ok(None) };
        let end = start + RECORD_OVERHEAD as u64 + u64::from(header.payload_len);
        let Some(table) = Table::from_code(header.table_code) else { return Ok(None) };
        if header.payload_len == 0 || end > self.len || header.sequence <= self.last_sequence {
            return Ok(None);
        }
        let mut payload = vec![0; header.payload_len as usize];
        self.file.read_exact(&mut payload)?;
        let mut checksum = [0; CHECKSUM_LEN];
        self.file.read_exact(&mut checksum)?;
        if record_checksum(crc32c::crc32c(&payload), &header.encode()) != checksum {
            return Ok(None);
        }
        Ok(Some(Record { table, sequence: header.sequence, payload, start, end }))
    }
}
