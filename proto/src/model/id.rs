//! Trace and span ids: bytes in the tables, lower-case hex text to users.

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Length in bytes of a trace id.
pub const TRACE_ID_LEN: usize = 16;
/// Length in bytes of a span id.
pub const SPAN_ID_LEN: usize = 8;

/// Appends the lower-case hex form of `bytes` to `text`.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    text.reserve(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(HEX_DIGITS[usize::from(byte & 0x0f)]));
    }
}

/// The lower-case hex form of `bytes`.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_hex(&mut text, bytes);
    text
}

/// The bytes that `text` names in hex of either case, or `None` if it is not an even number of hex digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(hex_value(pair[0])? << 4 | hex_value(pair[1])?)).collect()
}

/// A trace id from user input: 32 hex digits, or 16 for a 64-bit id, which is padded with zeros on the left.
pub fn parse_trace_id(text: &str) -> Option<[u8; TRACE_ID_LEN]> {
    let bytes = from_hex(text)?;
    let mut id = [0; TRACE_ID_LEN];
    match bytes.len() {
        TRACE_ID_LEN => id.copy_from_slice(&bytes),
        8 => id[8..].copy_from_slice(&bytes),
        _ => return None,
    }
    (id != [0; TRACE_ID_LEN]).then_some(id)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_in_lower_case() {
        assert_eq!(to_hex(&[0x00, 0xab, 0xff]), "00abff");
        assert_eq!(from_hex("00ABff"), Some(vec![0x00, 0xab, 0xff]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn trace_ids_are_padded_or_refused() {
        assert_eq!(parse_trace_id("00000000000000ff").map(|id| id[15]), Some(0xff));
        assert_eq!(parse_trace_id("5b8efff798038103d269b633813fc60c").map(|id| id[0]), Some(0x5b));
        assert_eq!(parse_trace_id("00000000000000000000000000000000"), None);
        assert_eq!(parse_trace_id("5b8e"), None);
    }
}
