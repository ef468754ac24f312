//! A cursor over protobuf bytes: yields each field in place, allocates nothing, never recurses.
//!
//! Encoding: <https://protobuf.dev/programming-guides/encoding/>. Groups (wire types 3 and 4) are not used by any
//! message read here and are refused.

use thiserror::Error;

/// Why bytes are not the message they claim to be. The request that carried them is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    #[error("{message} is truncated: a field ends past the end of the message")]
    Truncated { message: &'static str },
    #[error("{message} has a varint of more than 10 bytes")]
    VarintTooLong { message: &'static str },
    #[error("{message} has a field with the invalid number 0 or with a number past 2^29-1")]
    InvalidFieldNumber { message: &'static str },
    #[error("{message} has field {field} with the unsupported wire type {wire_type}")]
    UnsupportedWireType { message: &'static str, field: u32, wire_type: u8 },
    #[error("{message} has field {field} with a wire type that does not match its definition")]
    WrongWireType { message: &'static str, field: u32 },
    #[error("an attribute value is nested more than {limit} levels deep")]
    TooDeep { limit: usize },
    #[error("the request expands to more than {limit} bytes of records; send smaller batches")]
    Expansion { limit: usize },
}

/// A field's value, as its wire type says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) value: Value<'a>,
    message: &'static str,
}

impl<'a> Field<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong_wire_type()),
        }
    }

    pub(crate) fn varint(self) -> Result<u64, WireError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.wrong_wire_type()),
        }
    }

    pub(crate) fn fixed64(self) -> Result<u64, WireError> {
        match self.value {
            Value::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_wire_type()),
        }
    }

    pub(crate) fn fixed32(self) -> Result<u32, WireError> {
        match self.value {
            Value::Fixed32(value) => Ok(value),
            _ => Err(self.wrong_wire_type()),
        }
    }

    pub(crate) fn double(self) -> Result<f64, WireError> {
        self.fixed64().map(f64::from_bits)
    }

    /// A `uint32`: as protobuf has it, the low 32 bits of the varint.
    pub(crate) fn uint32(self) -> Result<u32, WireError> {
        self.varint().map(low_32_bits)
    }

    /// An `enum` or `int32`: as protobuf has it, the low 32 bits of the varint.
    pub(crate) fn int32(self) -> Result<i32, WireError> {
        self.uint32().map(u32::cast_signed)
    }

    /// A `sint32`, zigzag encoded.
    pub(crate) fn sint32(self) -> Result<i32, WireError> {
        let encoded = self.uint32()?;
        Ok((encoded >> 1).cast_signed() ^ -((encoded & 1).cast_signed()))
    }

    /// Calls `push` for each element of a `repeated fixed64`, `sfixed64` or `double`, packed or not.
    pub(crate) fn each_fixed64(self, mut push: impl FnMut(u64)) -> Result<(), WireError> {
        match self.value {
            Value::Fixed64(value) => push(value),
            Value::Bytes(packed) => {
                let (elements, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(WireError::Truncated { message: self.message });
                }
                for element in elements {
                    push(u64::from_le_bytes(*element));
                }
            }
            _ => return Err(self.wrong_wire_type()),
        }
        Ok(())
    }

    /// Calls `push` for each element of a `repeated uint64`, packed or not.
    pub(crate) fn each_varint(self, mut push: impl FnMut(u64)) -> Result<(), WireError> {
        match self.value {
            Value::Varint(value) => push(value),
            Value::Bytes(packed) => {
                let mut reader = Reader::new(self.message, packed);
                while !reader.rest.is_empty() {
                    push(reader.read_varint()?);
                }
            }
            _ => return Err(self.wrong_wire_type()),
        }
        Ok(())
    }

    fn wrong_wire_type(self) -> WireError {
        WireError::WrongWireType { message: self.message, field: self.number }
    }
}

/// Walks the fields of one message.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    message: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// `message` names the message in errors.
    pub(crate) fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self { message, rest: bytes }
    }

    /// The next field, or `None` at the end of the message.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.read_varint()?;
        let message = self.message;
        let number = match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 && number < 1 << 29 => number,
            _ => return Err(WireError::InvalidFieldNumber { message }),
        };
        let value = match tag & 0x07 {
            0 => Value::Varint(self.read_varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.read_array()?)),
            2 => {
                let len = usize::try_from(self.read_varint()?).map_err(|_| WireError::Truncated { message })?;
                let (bytes, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated { message })?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.read_array()?)),
            wire_type => {
                return Err(WireError::UnsupportedWireType { message, field: number, wire_type: wire_type as u8 });
            }
        };
        Ok(Some(Field { number, value, message }))
    }

    /// The next field `number`, which holds bytes. Other fields are passed over.
    #[inline]
    pub(crate) fn next_bytes(&mut self, number: u32) -> Result<Option<&'a [u8]>, WireError> {
        while let Some(field) = self.next()? {
            if field.number == number {
                return field.bytes().map(Some);
            }
        }
        Ok(None)
    }

    #[inline]
    fn read_varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.read_long_varint(),
        }
    }

    fn read_long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds the 64th bit alone.
            if index == 9 && *byte > 1 {
                return Err(WireError::VarintTooLong { message: self.message });
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        if self.rest.len() >= 10 {
            Err(WireError::VarintTooLong { message: self.message })
        } else {
            Err(WireError::Truncated { message: self.message })
        }
    }

    #[inline]
    fn read_array<const N: usize>(&mut self) -> Result<&'a [u8; N], WireError> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { message: self.message })?;
        self.rest = rest;
        Ok(array)
    }
}

fn low_32_bits(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, WireError> {
        let mut reader = Reader::new("Test", bytes);
        let mut found = Vec::new();
        while let Some(field) = reader.next()? {
            found.push((field.number, field.value));
        }
        Ok(found)
    }

    #[test]
    fn reads_every_wire_type() {
        let bytes = [0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, b'h', b'i', 0x25, 7, 0, 0, 0];
        assert_eq!(
            fields(&bytes),
            Ok(
                vec![(1, Value::Varint(150)), (2, Value::Fixed64(1)), (3, Value::Bytes(b"hi")), (4, Value::Fixed32(7)),]
            )
        );
    }

    #[test]
    fn refuses_what_is_not_protobuf() {
        let message = "Test";
        assert_eq!(fields(&[0x08]), Err(WireError::Truncated { message }));
        assert_eq!(fields(&[0x0a, 0x05, b'x']), Err(WireError::Truncated { message }));
        assert_eq!(fields(&[0x00, 0x01]), Err(WireError::InvalidFieldNumber { message }));
        assert_eq!(fields(&[0x0b]), Err(WireError::UnsupportedWireType { message, field: 1, wire_type: 3 }));
        assert_eq!(fields(&[0xff; 11]), Err(WireError::VarintTooLong { message }));
        assert_eq!(
            fields(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            Err(WireError::Truncated { message })
        );
    }

    #[test]
    fn zigzag_matches_the_specification() {
        for (encoded, decoded) in [(0, 0), (1, -1), (2, 1), (0xffff_fffe, i32::MAX), (0xffff_ffff, i32::MIN)] {
            let field = Field { number: 1, value: Value::Varint(encoded), message: "Test" };
            assert_eq!(field.sint32(), Ok(decoded));
        }
    }
}
