//! A walk over all fields of a request.

use super::{
    Signal,
    any_value::MAX_DEPTH,
    messages::{self, Field, FieldType, Fields},
};
use crate::wire::{
    WireError,
    protobuf::{Reader, Value},
};

/// Messages within each other: on the way to an attribute's value, and three for each level that the value is nested.
const MAX_MESSAGES: usize = 9 + 3 * MAX_DEPTH;

/// Walks every field of a request at every depth that [`decode`](super::decode) reads, and builds nothing. The sum of all
/// field numbers is returned so that the walk has a result. For benchmarks.
///
/// # Errors
/// As [`decode`](super::decode) does for malformed bytes.
pub fn walk(signal: Signal, request: &[u8]) -> Result<u64, WireError> {
    let mut sum = 0_u64;
    let mut outer = Vec::new();
    let (mut reader, mut fields) = (Reader::new("request", request), messages::request(signal));
    loop {
        let Some(field) = reader.next()? else {
            let Some(unfinished) = outer.pop() else { return Ok(sum) };
            (reader, fields) = unfinished;
            continue;
        };
        sum = sum.wrapping_add(u64::from(field.number));
        if let Value::Bytes(bytes) = field.value
            && let Some(FieldType::Message(inner) | FieldType::Messages(inner)) = type_of(fields, field.number)
        {
            if outer.len() > MAX_MESSAGES {
                return Err(WireError::TooDeep { limit: MAX_DEPTH });
            }
            outer.push((reader, fields));
            (reader, fields) = (Reader::new("message", bytes), *inner);
        }
    }
}

/// The type of a field, if it is known. Most messages number their fields without gaps.
#[inline]
fn type_of(fields: Fields, number: u32) -> Option<FieldType> {
    let is_it = |field: &&Field| field.number == number;
    let guess = fields.get(number as usize - 1).filter(is_it);
    guess.or_else(|| fields.iter().find(is_it)).map(|field| field.field_type)
}
