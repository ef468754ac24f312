//! The form of a correlation id by which records join.

use std::borrow::Cow;

/// Where Envoy writes its reason to trace into the text of a UUID: the first digit of the third group.
const TRACE_REASON: usize = 14;

/// The form of a correlation id by which records join. Envoy rewrites the 13th hex digit of a UUID in `x-request-id`
/// (9, a or b for the reasons to trace), so the id before and after an Envoy differ; here it is 4 again.
pub fn correlation_key(id: &str) -> Cow<'_, str> {
    if !holds_trace_reason(id.as_bytes()) {
        return Cow::Borrowed(id);
    }
    let mut key = id.to_owned();
    key.replace_range(TRACE_REASON..=TRACE_REASON, "4");
    Cow::Owned(key)
}

/// [`correlation_key`] of an id where it stands.
pub fn make_correlation_key(id: &mut [u8]) {
    if holds_trace_reason(id) {
        id[TRACE_REASON] = b'4';
    }
}

fn holds_trace_reason(id: &[u8]) -> bool {
    id.len() == 36
        && matches!(id[TRACE_REASON], b'9' | b'a' | b'b' | b'A' | b'B')
        && id.iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reason_to_trace_of_a_uuid_is_masked() {
        for (id, key) in [
            ("a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2a", "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a"),
            ("a0ba4d42-c0a8-bf4e-b2f5-3c5a3a1c8f2a", "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a"),
            ("a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a", "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a"),
            ("a0ba4d42-c0a8-7f4e-b2f5-3c5a3a1c8f2a", "a0ba4d42-c0a8-7f4e-b2f5-3c5a3a1c8f2a"),
            ("a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2", "a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2"),
            ("a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2g", "a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2g"),
            ("lab-000124", "lab-000124"),
            ("", ""),
        ] {
            assert_eq!(correlation_key(id), key);
            let mut bytes = id.as_bytes().to_vec();
            make_correlation_key(&mut bytes);
            assert_eq!(bytes, key.as_bytes());
        }
    }
}
