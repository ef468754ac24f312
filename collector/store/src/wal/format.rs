//! The fixed parts of segments and records; see the module documentation for the layout.

use spandrel_proto::model::Table;

pub(crate) const VERSION: u8 = 1;
pub(crate) const SEGMENT_HEADER_LEN: usize = 24;
pub(crate) const RECORD_HEADER_LEN: usize = 13;
pub(crate) const CHECKSUM_LEN: usize = 4;
/// What a record takes besides its payload.
pub(crate) const RECORD_OVERHEAD: usize = RECORD_HEADER_LEN + CHECKSUM_LEN;

const MAGIC: &[u8; 8] = b"SPNDRWAL";
const CHECKED_HEADER_LEN: usize = SEGMENT_HEADER_LEN - CHECKSUM_LEN;

/// Why a segment header is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderProblem {
    /// Not the magic, or not the checksum.
    Damaged,
    /// Written by a later version.
    Version(u8),
}

pub(crate) fn encode_segment_header(first_sequence: u64) -> [u8; SEGMENT_HEADER_LEN] {
    let mut header = [0; SEGMENT_HEADER_LEN];
    header[..8].copy_from_slice(MAGIC);
    header[8] = VERSION;
    header[12..20].copy_from_slice(&first_sequence.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..CHECKED_HEADER_LEN]);
    header[CHECKED_HEADER_LEN..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The first sequence that a segment header names.
pub(crate) fn decode_segment_header(header: &[u8; SEGMENT_HEADER_LEN]) -> Result<u64, HeaderProblem> {
    let (checked, checksum) = header.split_at(CHECKED_HEADER_LEN);
    if &checked[..8] != MAGIC || crc32c::crc32c(checked).to_le_bytes() != checksum {
        return Err(HeaderProblem::Damaged);
    }
    if checked[8] != VERSION {
        return Err(HeaderProblem::Version(checked[8]));
    }
    let mut first_sequence = [0; 8];
    first_sequence.copy_from_slice(&checked[12..20]);
    Ok(u64::from_le_bytes(first_sequence))
}

/// The part of a record before its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) payload_len: u32,
    pub(crate) table_code: u8,
    pub(crate) sequence: u64,
}

impl RecordHeader {
    pub(crate) fn new(table: Table, sequence: u64, payload_len: u32) -> Self {
        Self { payload_len, table_code: table.code(), sequence }
    }

    pub(crate) fn encode(self) -> [u8; RECORD_HEADER_LEN] {
        let mut bytes = [0; RECORD_HEADER_LEN];
        bytes[..4].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[4] = self.table_code;
        bytes[5..].copy_from_slice(&self.sequence.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: [u8; RECORD_HEADER_LEN]) -> Self {
        let [l0, l1, l2, l3, table_code, s0, s1, s2, s3, s4, s5, s6, s7] = bytes;
        Self {
            payload_len: u32::from_le_bytes([l0, l1, l2, l3]),
            table_code,
            sequence: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        }
    }
}

/// The checksum of a record, given that of its payload: the payload's may be computed where the payload is encoded,
/// before the sequence is known.
pub(crate) fn record_checksum(payload_checksum: u32, header: &[u8; RECORD_HEADER_LEN]) -> [u8; CHECKSUM_LEN] {
    crc32c::crc32c_append(payload_checksum, header).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_and_any_flipped_bit_is_seen() {
        let header = encode_segment_header(42);
        assert_eq!(decode_segment_header(&header), Ok(42));
        for bit in 0..SEGMENT_HEADER_LEN * 8 {
            let mut damaged = header;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_segment_header(&damaged), Err(HeaderProblem::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut header = encode_segment_header(42);
        header[8] = VERSION + 1;
        let checksum = crc32c::crc32c(&header[..CHECKED_HEADER_LEN]).to_le_bytes();
        header[CHECKED_HEADER_LEN..].copy_from_slice(&checksum);
        assert_eq!(decode_segment_header(&header), Err(HeaderProblem::Version(VERSION + 1)));
    }

    #[test]
    fn record_headers_round_trip() {
        let header = RecordHeader::new(Table::Logs, 7, 99);
        assert_eq!(RecordHeader::decode(header.encode()), header);
    }
}
