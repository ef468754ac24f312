//! Ids that stand in free text as `request_id=...` or `trace_id: ...`.

use crate::{
    ids::{IdKind, Ids},
    record::Text,
};

/// The longest name that is looked at, and the longest value that is taken.
const NAME_BYTES: usize = 40;
const VALUE_BYTES: usize = 256;

/// Sets the ids that a text names.
pub(super) fn set_ids<'a>(ids: &mut Ids<'a>, text: &'a str) {
    let bytes = text.as_bytes();
    let mut value_end = 0;
    for position in memchr::memchr2_iter(b'=', b':', bytes) {
        // What stands in a value is no name.
        if position < value_end {
            continue;
        }
        let length = bytes[..position]
            .iter()
            .rev()
            .take(NAME_BYTES)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        let name = &text[position - length..position];
        // Names of ids end with "id", but for traceparent; the others need no look.
        let ending = name.len().saturating_sub(2);
        let may_be_id = name.get(ending..).is_some_and(|end| end.eq_ignore_ascii_case("id"))
            || name.eq_ignore_ascii_case("traceparent");
        if !may_be_id {
            continue;
        }
        let Some(kind) = IdKind::of_key(name) else { continue };
        let value = value(&text[position + 1..]);
        value_end = position + 1 + value.len();
        if value.len() <= VALUE_BYTES {
            ids.set(kind, &Text::Borrowed(value));
        }
    }
}

/// The value that begins a text, in quotes or to the next space, comma or bracket.
fn value(text: &str) -> &str {
    let text = text.strip_prefix(' ').unwrap_or(text);
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => text.split([' ', ',', ';', ')', ']', '}', '"']).next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_names() {
        for (text, expected) in [
            ("request_id=lab-7-8f3b5a60, client: a", vec!["lab-7-8f3b5a60"]),
            ("x (X-Request-Id: 8f3b5a60c1d2) request-id=\"a bcdefgh\" id=3 valid=4", vec!["8f3b5a60c1d2", "a bcdefgh"]),
            ("request_id=request_id=request_id=x", vec!["request_id=request_id=x"]),
            ("request_id=- éid=1", vec![]),
            ("http://a/?q=1", vec![]),
        ] {
            let mut ids = Ids::default();
            set_ids(&mut ids, text);
            assert_eq!(ids.correlation, expected, "{text}");
        }
        let (mut ids, long) = (Ids::default(), format!("request_id={}", "request_id=".repeat(10_000)));
        set_ids(&mut ids, &long);
        assert!(ids.correlation.is_empty());
    }
}
