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
        match bytes.first_chunk() {
            Some(EXACT_MAGIC) => read_exact(bytes),
            Some(HISTOGRAM_COOKIE) => read_histogram(bytes),
            Some(_) => Err(SketchError::Unknown),
            None => Err(SketchError::Truncated),
        }
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

fn read_exact(bytes: &[u8]) -> Result<Sketch, SketchError> {
    let (header, entries) = bytes.split_at_checked(EXACT_HEADER_LEN).ok_or(SketchError::Truncated)?;
    let expected = usize::from(u16::from_le_bytes([header[4], header[5]]));
    if expected > EXACT_VALUES {
        return Err(SketchError::Damaged);
    }
    if entries.len() != expected * EXACT_ENTRY_LEN {
        return Err(SketchError::Truncated);
    }
    let mut sketch = Sketch::default();
    for entry in entries.as_chunks::<EXACT_ENTRY_LEN>().0 {
        let (duration_ns, count) = entry.split_at(EXACT_ENTRY_LEN / 2);
        sketch.record(to_u64(duration_ns), to_u64(count));
    }
    Ok(sketch)
}

/// The header says what the counts that follow are of.
fn read_histogram(bytes: &[u8]) -> Result<Sketch, SketchError> {
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
    Ok(Sketch { state: State::Buckets(read_counts(payload)?) })
}

/// The counts of a histogram without one around them, of which most would be empty: zigzag integers, of which those
/// below 0 stand for as many empty buckets.
fn read_counts(mut payload: &[u8]) -> Result<Buckets, SketchError> {
    let (mut counts, mut index) = (Vec::new(), 0_u64);
    while !payload.is_empty() {
        let number = read_varint(&mut payload)?;
        let (magnitude, is_negative) = (number.div_ceil(2), number % 2 == 1);
        if is_negative {
            index = index.saturating_add(magnitude);
            continue;
        }
        if magnitude > 0 {
            let lowest = lowest_of(index).filter(|lowest| *lowest <= MAX_DURATION).ok_or(SketchError::Damaged)?;
            counts.push((lowest, magnitude));
        }
        index = index.saturating_add(1);
    }
    Ok(counts.into_iter().collect())
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
