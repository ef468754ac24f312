//! A walk over all fields of a request.

use super::{
    Signal,
    any_value::MAX_DEPTH,
    messages::{self, FieldType},
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
    let mut stack = vec![(Reader::new("request", request), messages::request(signal))];
    while let Some((reader, fields)) = stack.last_mut() {
        let Some(field) = reader.next()? else {
            stack.pop();
            continue;
        };
        sum = sum.wrapping_add(u64::from(field.number));
        let Value::Bytes(bytes) = field.value else { continue };
        if let Some(FieldType::Message(inner) | FieldType::Messages(inner)) =
            fields.iter().find(|known| known.number == field.number).map(|known| known.field_type)
        {
            if stack.len() > MAX_MESSAGES {
                return Err(WireError::TooDeep { limit: MAX_DEPTH });
            }
            stack.push((Reader::new("message", bytes), *inner));
        }
    }
    Ok(sum)
}
