//! The prefix of `docker compose logs`: the container's name, spaces, a bar.

use super::{Stream, Unwrapped};

/// Docker's names are shorter.
const MAX_NAME_BYTES: usize = 128;

/// Takes the prefix off. `numbered` demands that the name ends in the container's number, as `nginx_1` or `nginx-1`.
pub(super) fn unwrap(line: &[u8], numbered: bool) -> Option<Unwrapped<'_>> {
    let start = skip_colour(line);
    let length = start.iter().take(MAX_NAME_BYTES).take_while(|byte| is_name_byte(**byte)).count();
    if length == 0 {
        return None;
    }
    let (name, rest) = start.split_at(length);
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let rest = rest[spaces..].strip_prefix(b"|")?;
    if spaces == 0 {
        return None;
    }
    let rest = skip_colour(rest);
    let line = rest.strip_prefix(b" ").or(rest.is_empty().then_some(rest))?;
    let name = std::str::from_utf8(name).ok()?;
    let service = without_number(name);
    if numbered && service.is_none() {
        return None;
    }
    let service = Some(service.unwrap_or(name));
    Some(Unwrapped { line, time: None, stream: Stream::Stdout, service, too_long: false })
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn without_number(name: &str) -> Option<&str> {
    let (service, number) = name.rsplit_once(['_', '-'])?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !service.is_empty()).then_some(service)
}

/// Skips one terminal colour such as `ESC[36m`.
fn skip_colour(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"\x1b[") else { return line };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    match rest.get(length) {
        Some(b'm') => &rest[length + 1..],
        _ => line,
    }
}
