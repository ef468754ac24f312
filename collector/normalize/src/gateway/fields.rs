//! Values of log fields, which JSON may give as numbers or as texts of numbers, and "missing" in several spellings.

use crate::{
    format::{FormatError, FormatOptions, LineError, LineReason},
    json::Value,
    record::{RequestRecord, Text},
    time::{self, NANOS_PER_MILLI},
};

/// The value as a text; none where it is missing.
pub(super) fn text<'a>(value: Value<'a>) -> Option<Text<'a>> {
    match value {
        Value::Null => None,
        Value::Text(text) if text.is_empty() || text == "-" => None,
        other => Some(other.into_text()),
    }
}

/// A whole number; none where it is missing.
pub(super) fn integer(name: &'static str, value: &Value<'_>) -> Result<Option<i64>, LineError> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() || text == "-" => Ok(None),
        other => other.integer().map(Some).ok_or_else(|| not_a(name, "a number", other)),
    }
}

/// An HTTP status; none where it is missing or says that there was no response.
pub(super) fn status(name: &'static str, value: &Value<'_>) -> Result<Option<i32>, LineError> {
    match integer(name, value)? {
        Some(code @ 100..=999) => Ok(i32::try_from(code).ok()),
        None | Some(-1..=99) => Ok(None),
        Some(_) => Err(not_a(name, "a status", value)),
    }
}

/// Milliseconds as nanoseconds; none where they are missing or negative, which says that it did not come to that.
pub(super) fn millis(name: &'static str, value: &Value<'_>) -> Result<Option<i64>, LineError> {
    let nanos = match value {
        Value::Null => None,
        Value::Integer(number) => number.checked_mul(NANOS_PER_MILLI),
        Value::Float(number) => time::decimal(&number.to_string(), 6),
        Value::Text(text) if text.is_empty() || text == "-" => None,
        Value::Text(text) => Some(time::decimal(text.trim(), 6).ok_or_else(|| not_a(name, "milliseconds", value))?),
        _ => return Err(not_a(name, "milliseconds", value)),
    };
    Ok(nanos.filter(|nanos| *nanos >= 0))
}

/// Nanoseconds; none where they are missing or negative.
pub(super) fn nanos(name: &'static str, value: &Value<'_>) -> Result<Option<i64>, LineError> {
    Ok(integer(name, value)?.filter(|nanos| *nanos >= 0))
}

pub(super) fn not_a(name: &str, kind: &str, value: &Value<'_>) -> LineError {
    let shown = value.to_string();
    LineError::new(LineReason::Field, format!("{name} is not {kind}: {}", excerpt(&shown)))
}

pub(super) fn not_a_time(value: &str) -> LineError {
    LineError::new(LineReason::Time, format!("not a time: {}", excerpt(value)))
}

/// The error of a line that another format may know.
pub(super) fn other_format(detail: &'static str) -> LineError {
    LineError::new(LineReason::Format, detail)
}

/// The beginning of a text, for messages.
fn excerpt(text: &str) -> &str {
    const CHARS: usize = 80;
    text.char_indices().nth(CHARS).map_or(text, |(end, _)| &text[..end])
}

/// A range of a text that may be borrowed.
pub(super) fn part<'a>(text: &Text<'a>, range: std::ops::Range<usize>) -> Text<'a> {
    match text {
        Text::Borrowed(text) => Text::Borrowed(&text[range]),
        Text::Owned(text) => Text::Owned(text[range].to_owned()),
    }
}

/// Sets path and query of a request target: a path, or a whole URL as proxies are sent them.
pub(super) fn set_target<'a>(record: &mut RequestRecord<'a>, target: &Text<'a>) {
    let start = match target.find("://") {
        Some(scheme) if scheme < 8 && !target.starts_with('/') => {
            let host = scheme + 3;
            target[host..].find('/').map_or(target.len(), |slash| host + slash)
        }
        _ => 0,
    };
    let query = memchr::memchr(b'?', &target.as_bytes()[start..]).map(|found| start + found);
    let end = query.unwrap_or(target.len());
    if start < end {
        record.path = Some(part(target, start..end));
    }
    if let Some(query) = query {
        record.attribute("url.query", part(target, query + 1..target.len()));
    }
}

/// Sets the host asked for, and its port, from `host`, `host:port` or `[v6]:port`.
pub(super) fn set_host<'a>(record: &mut RequestRecord<'a>, authority: &Text<'a>) {
    let length = host_length(authority);
    if length < authority.len() {
        record.attribute("server.port", part(authority, length + 1..authority.len()));
    }
    record.server_address = Some(part(authority, bare(authority, length)));
}

/// The address without a port and without brackets around IPv6.
pub(super) fn without_port<'a>(address: &Text<'a>) -> Text<'a> {
    part(address, bare(address, host_length(address)))
}

/// The first of a list of addresses, such as `x-forwarded-for`, without port.
pub(super) fn first_address<'a>(list: &Text<'a>) -> Text<'a> {
    let end = memchr::memchr(b',', list.as_bytes()).unwrap_or(list.len());
    without_port(&part(list, 0..list[..end].trim_end().len()))
}

/// Where the port's colon stands, or the whole length where there is no port.
fn host_length(authority: &str) -> usize {
    match authority.rfind(':') {
        Some(colon) => {
            let (host, port) = (&authority[..colon], &authority[colon + 1..]);
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let is_bare_v6 = host.contains(':') && !host.ends_with(']');
            if is_port && !is_bare_v6 { colon } else { authority.len() }
        }
        None => authority.len(),
    }
}

fn bare(authority: &str, length: usize) -> std::ops::Range<usize> {
    if length >= 2 && authority.starts_with('[') && authority[..length].ends_with(']') {
        1..length - 1
    } else {
        0..length
    }
}

/// Sets the protocol's version, of `HTTP/1.1` as of `HTTP/2.0`.
pub(super) fn set_protocol<'a>(record: &mut RequestRecord<'a>, protocol: &Text<'a>) {
    match protocol.strip_prefix("HTTP/") {
        Some("2.0") => record.attribute("network.protocol.version", "2"),
        Some("3.0") => record.attribute("network.protocol.version", "3"),
        Some(_) => record.attribute("network.protocol.version", part(protocol, 5..protocol.len())),
        None => record.attribute("network.protocol.name", protocol.clone()),
    }
}

/// Nanoseconds of a duration as Go writes it: `1m2.5s`, `1.5ms`, `42µs`.
pub(super) fn go_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let unit_end = rest[digits..]
            .find(|character: char| character.is_ascii_digit())
            .map_or(rest.len(), |length| digits + length);
        let (scale, factor) = match &rest[digits..unit_end] {
            "ns" => (0, 1),
            "µs" | "μs" | "us" => (3, 1),
            "ms" => (6, 1),
            "s" => (9, 1),
            "m" => (9, 60),
            "h" => (9, 3600),
            _ => return None,
        };
        let part = time::decimal(&rest[..digits], scale)?.checked_mul(factor)?;
        total = total.checked_add(part)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// For formats that have one form only.
pub(super) fn takes_no_log_format(name: &str, options: &FormatOptions) -> Result<(), FormatError> {
    if options.log_format.is_some() || options.escape.is_some() {
        return Err(FormatError(format!("{name} lines have one form: log_format and escape do not apply")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn targets_are_parted_into_path_and_query() {
        for (target, path, query) in [
            ("/a/b?c=d&e", Some("/a/b"), Some("c=d&e")),
            ("/a", Some("/a"), None),
            ("http://shop.example/a?b=http://x/y", Some("/a"), Some("b=http://x/y")),
            ("http://shop.example", None, None),
            ("/login?to=http://x/", Some("/login"), Some("to=http://x/")),
            ("*", Some("*"), None),
        ] {
            let mut record = RequestRecord::default();
            set_target(&mut record, &Cow::Borrowed(target));
            assert_eq!(record.path.as_deref(), path, "{target}");
            assert_eq!(record.attributes.first().map(|(_, value)| &**value), query, "{target}");
        }
    }

    #[test]
    fn addresses_lose_port_and_brackets() {
        for (address, expected) in [
            ("10.0.0.1:80", "10.0.0.1"),
            ("[fd00::1]:80", "fd00::1"),
            ("fd00::1", "fd00::1"),
            ("shop.example", "shop.example"),
            ("[fd00::1]:80, 10.0.0.2", "fd00::1"),
            ("10.0.0.1 , 10.0.0.2", "10.0.0.1"),
            ("x:y", "x:y"),
            ("", ""),
        ] {
            assert_eq!(first_address(&Cow::Borrowed(address)), expected, "{address}");
        }
    }

    #[test]
    fn durations_of_go_are_read() {
        for (text, expected) in [
            ("1.5ms", Some(1_500_000)),
            ("1m2.5s", Some(62_500_000_000)),
            ("42µs", Some(42_000)),
            ("0s", Some(0)),
            ("1h", Some(3_600_000_000_000)),
            ("5", None),
            ("", None),
            ("ms", None),
            ("999999999999h", None),
        ] {
            assert_eq!(go_duration(text), expected, "{text}");
        }
    }
}
