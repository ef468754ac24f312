//! Just enough protobuf to find where in an encoded request a field's value begins.

use std::ops::Range;

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) value: Value,
}

/// Where a field's value is, as positions in the whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Varint,
    Fixed64(usize),
    Bytes(Range<usize>),
    Fixed32,
}

/// The fields of the message at `range`. Ends early where the bytes are not a message.
pub(super) fn fields(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Field> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let (tag, after_tag) = varint(bytes, at)?;
        let (value, next) = match tag & 7 {
            0 => (Value::Varint, varint(bytes, after_tag)?.1),
            1 => (Value::Fixed64(after_tag), after_tag + 8),
            2 => {
                let (length, start) = varint(bytes, after_tag)?;
                let end = start.checked_add(usize::try_from(length).ok()?)?;
                (Value::Bytes(start..end), end)
            }
            5 => (Value::Fixed32, after_tag + 4),
            _ => return None,
        };
        if next > range.end {
            return None;
        }
        at = next;
        Some(Field { number: tag >> 3, value })
    })
}

/// The positions of the embedded messages or byte strings in field `number` of the message at `range`.
pub(super) fn children(bytes: &[u8], range: Range<usize>, number: u64) -> impl Iterator<Item = Range<usize>> {
    fields(bytes, range).filter_map(move |field| match field.value {
        Value::Bytes(range) if field.number == number => Some(range),
        _ => None,
    })
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    #[test]
    fn finds_the_fields_of_a_span() {
        let span = Span {
            trace_id: vec![1; 16],
            start_time_unix_nano: 0x0102_0304_0506_0708,
            name: "x".repeat(300),
            kind: 2,
            flags: 257,
            ..Span::default()
        };
        let bytes = span.encode_to_vec();
        let found: Vec<Field> = fields(&bytes, 0..bytes.len()).collect();
        let numbers: Vec<u64> = found.iter().map(|field| field.number).collect();
        assert_eq!(numbers, [1, 5, 6, 7, 16]);
        let Value::Fixed64(at) = found[3].value else { panic!("start time is {:?}", found[3]) };
        assert_eq!(bytes[at..at + 8], 0x0102_0304_0506_0708_u64.to_le_bytes());
        assert_eq!(children(&bytes, 0..bytes.len(), 1).next().map(|range| bytes[range].to_vec()), Some(vec![1; 16]));
    }

    #[test]
    fn broken_bytes_end_the_iteration() {
        assert_eq!(fields(&[0x0a, 0xff], 0..2).count(), 0);
        assert_eq!(fields(&[0x0a, 0x05, 0x01], 0..3).count(), 0);
        assert_eq!(fields(&[0xff; 12], 0..12).count(), 0);
    }
}
