//! Per file, a filter over its ids: minima and maxima of random ids rule out nothing, and opening every file to ask its
//! footer is what makes lookups slow.
//!
//! # The filter
//!
//! A split-block Bloom filter as Parquet specifies it, over the XXH3-64 hash of the 16 bytes of each trace id, and of the
//! text of each correlation id in the form by which records join: the high 32 bits of the hash choose a block of eight
//! 32-bit words, the low 32 bits set one bit in each word. Ten bits per id make about one file in a hundred a false alarm.
//!
//! # Bytes on disk, version 2
//!
//! `<table>/_filters/<hour>.<position>.filter`, beside the data file `<table>/hour=<hour>/<position>.parquet`.
//! Integers are little-endian.
//!
//! | | |
//! |---|---|
//! | magic | `SPNDRFLT` |
//! | version | `u32`, 2 |
//! | blocks | `u32`, how many |
//! | data file size | `u64`, bytes |
//! | data file rows | `u64` |
//! | blocks | 8 words of `u32` each |
//! | checksum | CRC-32C of everything before it |
//!
//! A sidecar that is missing, damaged, of another version, or of another data file is made again from the data file.

use std::sync::Arc;

use arrow::array::{Array, cast::AsArray};
use spandrel_proto::model::{Table, correlation_key, id::TRACE_ID_LEN};
use xxhash_rust::xxh3::xxh3_64;

use crate::meter::ByteMeter;

const BITS_PER_ID: usize = 10;
const WORDS: usize = 8;
const BLOCK_BYTES: usize = WORDS * size_of::<u32>();
/// A filter has at most 256 KiB; with more than two hundred thousand ids in a file it gets less exact.
const MAX_BLOCKS: usize = (256 << 10) / BLOCK_BYTES;
/// The constants of Parquet's split-block Bloom filter.
const SALTS: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

const MAGIC: &[u8; 8] = b"SPNDRFLT";
const VERSION: u32 = 2;
const HEADER_LEN: usize = 32;
const CHECKSUM_LEN: usize = 4;

/// The columns that filters are over; none for tables without filters.
pub(crate) fn filtered_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Spans | Table::Logs => &["trace_id", "correlation_id"],
        Table::Requests => &["trace_id", "correlation_id", "correlation_ids"],
        _ => &[],
    }
}

/// Appends the hashes of the ids in a column: trace ids in bytes, correlation ids as text or as lists of text.
pub(crate) fn push_hashes(column: &dyn Array, hashes: &mut Vec<u64>) {
    if let Some(ids) = column.as_binary_opt::<i32>() {
        hashes.extend(ids.iter().flatten().filter(|id| id.len() == TRACE_ID_LEN).map(xxh3_64));
    } else if let Some(ids) = column.as_string_opt::<i32>() {
        hashes.extend(ids.iter().flatten().map(correlation_hash));
    } else if let Some(lists) = column.as_list_opt::<i32>() {
        lists.iter().flatten().for_each(|ids| push_hashes(&ids, hashes));
    }
}

fn correlation_hash(id: &str) -> u64 {
    xxh3_64(correlation_key(id).as_bytes())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdFilter {
    blocks: Vec<[u32; WORDS]>,
}

impl IdFilter {
    /// The filter over these hashes, which may repeat.
    pub(crate) fn build(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let blocks = (hashes.len() * BITS_PER_ID).div_ceil(BLOCK_BYTES * 8).clamp(1, MAX_BLOCKS);
        let mut filter = Self { blocks: vec![[0; WORDS]; blocks] };
        for hash in hashes {
            let block = filter.block_of(hash);
            for (word, bit) in filter.blocks[block].iter_mut().zip(bits(hash)) {
                *word |= bit;
            }
        }
        filter
    }

    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.blocks[self.block_of(hash)].iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    fn block_of(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }

    /// The sidecar of a data file of `data_len` bytes and `rows` rows.
    pub(crate) fn encode(&self, data_len: u64, rows: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.bytes() + CHECKSUM_LEN);
        bytes.extend_from_slice(&header(self.blocks.len(), data_len, rows));
        bytes.extend(self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()));
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The filter of a sidecar, or `None` if it is not one of that data file.
    pub(crate) fn decode(bytes: &[u8], data_len: u64, rows: u64) -> Option<Self> {
        let (checked, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_LEN)?)?;
        if crc32c::crc32c(checked).to_le_bytes() != checksum {
            return None;
        }
        let (sidecar_header, body) = checked.split_at_checked(HEADER_LEN)?;
        let block_count = body.len() / BLOCK_BYTES;
        let is_whole = block_count > 0 && body.len().is_multiple_of(BLOCK_BYTES);
        if !is_whole || sidecar_header != header(block_count, data_len, rows) {
            return None;
        }
        let mut blocks = vec![[0; WORDS]; block_count];
        for (word, bytes) in blocks.iter_mut().flatten().zip(body.chunks_exact(size_of::<u32>())) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Some(Self { blocks })
    }
}

fn header(blocks: usize, data_len: u64, rows: u64) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(blocks as u32).to_le_bytes());
    header[16..24].copy_from_slice(&data_len.to_le_bytes());
    header[24..].copy_from_slice(&rows.to_le_bytes());
    header
}

fn bits(hash: u64) -> [u32; WORDS] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// A filter in memory, counted against the bound on all of them.
#[derive(Debug)]
pub(crate) struct ResidentFilter {
    filter: IdFilter,
    meter: Arc<ByteMeter>,
}

impl ResidentFilter {
    pub(crate) fn new(filter: IdFilter, meter: &Arc<ByteMeter>) -> Arc<Self> {
        meter.add(filter.bytes());
        Arc::new(Self { filter, meter: meter.clone() })
    }

    pub(crate) fn may_contain_trace(&self, trace_id: &[u8; TRACE_ID_LEN]) -> bool {
        self.filter.may_contain(xxh3_64(trace_id))
    }

    pub(crate) fn may_contain_correlation(&self, id: &str) -> bool {
        self.filter.may_contain(correlation_hash(id))
    }
}

impl Drop for ResidentFilter {
    fn drop(&mut self) {
        self.meter.release(self.filter.bytes());
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, ListBuilder, StringBuilder};

    use super::*;

    fn hash(number: u64) -> u64 {
        xxh3_64(&[number.to_le_bytes(), (!number).to_le_bytes()].concat())
    }

    #[test]
    fn no_id_is_missed_and_few_are_imagined() {
        let filter = IdFilter::build((0..5_000).chain(0..100).map(hash).collect());
        assert!((0..5_000).all(|number| filter.may_contain(hash(number))));
        let imagined = (5_000..25_000).filter(|number| filter.may_contain(hash(*number))).count();
        assert!(imagined < 600, "{imagined} of 20000");
    }

    #[test]
    fn correlation_ids_are_hashed_in_the_form_that_joins() {
        let sampled = "a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2a";
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("lab-000124"), None, Some(sampled)]);
        lists.append_null();
        let mut hashes = Vec::new();
        push_hashes(&lists.finish(), &mut hashes);
        assert_eq!(hashes, ["lab-000124", "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a"].map(correlation_hash));
        let ids: BinaryArray = [Some(&[7_u8; 16][..]), None, Some(&[7])].into_iter().collect();
        push_hashes(&ids, &mut hashes);
        assert_eq!(hashes.len(), 3, "a trace id of the wrong length is none");
    }

    #[test]
    fn b1_filters_have_a_largest_size() {
        let filter = IdFilter::build((0..300_000).map(hash).collect());
        assert_eq!(filter.bytes(), 256 << 10);
        assert!((0..300_000).all(|number| filter.may_contain(hash(number))));
    }

    #[test]
    fn sidecars_round_trip_and_are_only_good_for_their_file() {
        let filter = IdFilter::build((0..1_000).map(hash).collect());
        let bytes = filter.encode(77, 1_000);
        assert_eq!(IdFilter::decode(&bytes, 77, 1_000), Some(filter));
        assert_eq!(IdFilter::decode(&bytes, 78, 1_000), None);
        assert_eq!(IdFilter::decode(&bytes[..bytes.len() - 1], 77, 1_000), None);
        assert_eq!(IdFilter::decode(&[], 77, 1_000), None);
    }

    #[test]
    fn the_sidecar_format_is_version_2() {
        let bytes = IdFilter::build(vec![hash(1)]).encode(2, 3);
        assert_eq!(crc32c::crc32c(&bytes), GOLDEN_CHECKSUM, "the format changed: raise VERSION");
    }

    const GOLDEN_CHECKSUM: u32 = 1_214_729_159;
}
