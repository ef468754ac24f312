//! Protobuf by hand, for bytes that no encoder writes.

use prost::encoding::{decode_varint, encode_varint};

/// One field as it stands on the wire.
#[derive(Debug, Clone)]
pub(crate) struct RawField {
    pub(crate) number: u32,
    /// Tag, length and value.
    pub(crate) bytes: Vec<u8>,
    /// The value, where it is length-delimited.
    pub(crate) payload: Option<Vec<u8>>,
}

/// The fields of a well-formed message.
pub(crate) fn fields(mut message: &[u8]) -> Vec<RawField> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let start = message;
        let tag = decode_varint(&mut message).expect("the message is well formed");
        let payload = match tag & 7 {
            0 => {
                decode_varint(&mut message).expect("the message is well formed");
                None
            }
            1 => {
                message = &message[8..];
                None
            }
            2 => {
                let len = decode_varint(&mut message).expect("the message is well formed") as usize;
                let (payload, rest) = message.split_at(len);
                message = rest;
                Some(payload.to_vec())
            }
            5 => {
                message = &message[4..];
                None
            }
            wire_type => unreachable!("no encoder writes wire type {wire_type}"),
        };
        let bytes = start[..start.len() - message.len()].to_vec();
        fields.push(RawField { number: (tag >> 3) as u32, bytes, payload });
    }
    fields
}

/// A length-delimited field.
pub(crate) fn delimited(number: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = varint(u64::from(number << 3 | 2));
    bytes.extend(varint(payload.len() as u64));
    bytes.extend_from_slice(payload);
    bytes
}

/// `payload` in a field of each of the messages `path` names, outermost first.
pub(crate) fn nested(path: &[u32], payload: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(payload.to_vec(), |inner, number| delimited(*number, &inner))
}

pub(crate) fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(value, &mut bytes);
    bytes
}
