//! The bytes of a sketch.
//!
//! More than [`EXACT_VALUES`] values: the V2 encoding of HdrHistogram (cookie `1c 84 93 13`, lowest discernible value 1,
//! two significant digits, nanoseconds), which any HdrHistogram library reads.
//!
//! Up to that: exact values, all integers little-endian.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | `SPX1` |
//! | 2 | number of entries, at most 128 |
//! | 16 each | nanoseconds (8), count (8); ascending |

use std::ops::Range;

use hdrhistogram::{
    Histogram,
    serialization::{Serializer, V2Serializer},
};

use super::{Buckets, EXACT_VALUES, MAX_DURATION, REFERENCE, SIGNIFICANT_DIGITS, Sketch, State, buckets::lowest_of};

const EXACT_MAGIC: &[u8; 4] = b"SPX1";
const HISTOGRAM_COOKIE: &[u8; 4] = &[0x1c, 0x84, 0x93, 0x13];
const HISTOGRAM_HEADER_LEN: usize = 40;
const EXACT_HEADER_LEN: usize = 6;
const EXACT_ENTRY_LEN: usize = 16;

/// Why bytes are not a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SketchError {
    #[error("not a latency sketch: neither an HdrHistogram in V2 encoding nor exact values")]
    Unknown,
    #[error("the latency sketch is truncated")]
    Truncated,
    #[error("the latency sketch is not of nanoseconds with two significant digits")]
    Precision,
    #[error("the latency sketch is damaged")]
    Damaged,
}

impl Sketch {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }

    /// Appends the bytes to `bytes`.
    pub fn write_to(&self, bytes: &mut Vec<u8>) {
        match &*self.told() {
            State::Exact(values) => write_exact(values, bytes),
            State::Buckets(buckets) => write_histogram(buckets, bytes),
        }
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Sketch, SketchError> {
        let mut sketch = Sketch::default();
        sketch.merge_bytes(bytes)?;
        Ok(sketch)
    }

    /// [`Sketch::merge`] with the sketch that the bytes are of. On an error, nothing is merged.
    pub fn merge_bytes(&mut self, bytes: &[u8]) -> Result<(), SketchError> {
        match bytes.first_chunk() {
            Some(EXACT_MAGIC) => {
                for entry in exact_entries(bytes)? {
                    let (duration_ns, count) = entry.split_at(EXACT_ENTRY_LEN / 2);
                    self.record(to_u64(duration_ns), to_u64(count));
                }
            }
            Some(HISTOGRAM_COOKIE) => {
                let counts = histogram_counts(bytes)?;
                let range = counts.range()?;
                self.buckets().add_all(range, counts.flatten());
            }
            Some(_) => return Err(SketchError::Unknown),
            None => return Err(SketchError::Truncated),
        }
        Ok(())
    }
}

fn write_exact(values: &[(u64, u64)], bytes: &mut Vec<u8>) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    bytes.extend_from_slice(EXACT_MAGIC);
    let entries = u16::try_from(sorted.len()).expect("a sketch holds at most 128 exact values");
    bytes.extend_from_slice(&entries.to_le_bytes());
    for (duration_ns, count) in sorted {
        bytes.extend_from_slice(&duration_ns.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
    }
}

fn write_histogram(buckets: &Buckets, bytes: &mut Vec<u8>) {
    let highest = buckets.iter().next_back().map_or(0, |(lowest, _)| REFERENCE.highest_equivalent(lowest));
    let mut histogram = Histogram::<u64>::new_with_max(highest.max(2), SIGNIFICANT_DIGITS)
        .expect("two digits and a maximum of at least 2 are valid bounds");
    for (lowest, count) in buckets.iter() {
        histogram.record_n(lowest, count.min(i64::MAX as u64)).expect("the histogram was made for the highest bucket");
    }
    V2Serializer::new().serialize(&histogram, bytes).expect("writing to a vector cannot fail, counts are below 2^63");
}

/// Durations with their counts, eight bytes each.
fn exact_entries(bytes: &[u8]) -> Result<&[[u8; EXACT_ENTRY_LEN]], SketchError> {
    let (header, entries) = bytes.split_at_checked(EXACT_HEADER_LEN).ok_or(SketchError::Truncated)?;
    let expected = usize::from(u16::from_le_bytes([header[4], header[5]]));
    if expected > EXACT_VALUES {
        return Err(SketchError::Damaged);
    }
    if entries.len() != expected * EXACT_ENTRY_LEN {
        return Err(SketchError::Truncated);
    }
    Ok(entries.as_chunks().0)
}

/// The header says what the counts that follow are of.
fn histogram_counts(bytes: &[u8]) -> Result<Counts<'_>, SketchError> {
    let (header, payload) = bytes.split_at_checked(HISTOGRAM_HEADER_LEN).ok_or(SketchError::Truncated)?;
    let payload_len = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let digits = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    let lowest = u64::from_be_bytes(header[16..24].try_into().map_err(|_| SketchError::Truncated)?);
    let highest = u64::from_be_bytes(header[24..32].try_into().map_err(|_| SketchError::Truncated)?);
    if payload_len as usize != payload.len() {
        return Err(SketchError::Truncated);
    }
    if digits != u32::from(SIGNIFICANT_DIGITS) || lowest != 1 || highest > REFERENCE.highest_equivalent(MAX_DURATION) {
        return Err(SketchError::Precision);
    }
    Ok(Counts { payload, next: 0 })
}

/// The buckets of a histogram with their counts, without a histogram around them, of which most would be empty: zigzag
/// integers, of which those below 0 stand for as many empty buckets.
#[derive(Debug, Clone, Copy)]
struct Counts<'a> {
    payload: &'a [u8],
    /// Number of the bucket that comes next.
    next: u64,
}

impl Counts<'_> {
    /// From the first bucket in which there is something to the last, if all can be read.
    fn range(self) -> Result<Range<usize>, SketchError> {
        let mut range = 0..0;
        for bucket in self {
            let (bucket, _) = bucket?;
            range = if range.is_empty() { bucket } else { range.start }..bucket + 1;
        }
        Ok(range)
    }
}

impl Iterator for Counts<'_> {
    type Item = Result<(usize, u64), SketchError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.payload.is_empty() {
            let number = match read_varint(&mut self.payload) {
                Ok(number) => number,
                Err(error) => return Some(Err(error)),
            };
            let (magnitude, is_negative) = (number.div_ceil(2), number % 2 == 1);
            let bucket = self.next;
            self.next = bucket.saturating_add(if is_negative { magnitude } else { 1 });
            if magnitude > 0 && !is_negative {
                let is_known = lowest_of(bucket).is_some_and(|lowest| lowest <= MAX_DURATION);
                return Some(if is_known { Ok((bucket as usize, magnitude)) } else { Err(SketchError::Damaged) });
            }
        }
        None
    }
}

/// Seven bits a byte, the lowest first, as long as the eighth is set; all eight of the ninth.
fn read_varint(bytes: &mut &[u8]) -> Result<u64, SketchError> {
    let mut number = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first().ok_or(SketchError::Damaged)?;
        *bytes = rest;
        let is_last = place == 8 || byte & 0x80 == 0;
        let bits = if place == 8 { *byte } else { byte & 0x7f };
        number |= u64::from(bits) << (7 * place);
        if is_last {
            break;
        }
    }
    Ok(number)
}

fn to_u64(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
