//! Ids that stand in free text as `request_id=...` or `trace_id: ...`.

use crate::{
    ids::{IdKind, Ids},
    record::Text,
};

/// The longest name that is looked at.
const NAME_BYTES: usize = 40;

/// Sets the ids that a text names.
pub(super) fn set_ids<'a>(ids: &mut Ids<'a>, text: &'a str) {
    let bytes = text.as_bytes();
    for position in memchr::memchr2_iter(b'=', b':', bytes) {
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
        if let Some(kind) = IdKind::of_key(name) {
            ids.set(kind, &Text::Borrowed(value(&text[position + 1..])));
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
