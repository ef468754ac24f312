//! From the priority to the message.

use jiff::tz::TimeZone;

use super::{StructuredData, SyslogMessage};
use crate::time;

const MAX_PRIORITY: u16 = 191;
/// A word without a colon is a tag only up to this length; RFC 3164 has 32.
const MAX_BARE_TAG: usize = 48;
const MAX_HOST: usize = 255;
/// Hour, minute and second with a fraction.
const MAX_CLOCK: usize = 26;

pub(super) fn parse<'a>(text: &'a str, zone: &TimeZone, near: i64) -> Option<SyslogMessage<'a>> {
    let text = text.trim_start_matches('\u{feff}');
    let (priority, rest) = match priority(text) {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, text),
    };
    let mut message = SyslogMessage {
        facility: priority.and_then(|priority| u8::try_from(priority / 8).ok()),
        severity: priority.and_then(|priority| u8::try_from(priority % 8).ok()),
        ..SyslogMessage::default()
    };
    if priority.is_some()
        && let Some(body) = after_version(rest)
        && read_5424(&mut message, body, zone)
    {
        return Some(message);
    }
    let read = read_3164(&mut message, rest.trim_start_matches(' '), zone, near);
    (read || priority.is_some()).then_some(message)
}

/// `<34>` and what follows.
fn priority(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let priority = digits.parse().ok()?;
    (priority <= MAX_PRIORITY).then_some((priority, rest))
}

/// What follows the version of RFC 5424, a number without leading zero.
fn after_version(rest: &str) -> Option<&str> {
    let (version, rest) = rest.split_once(' ')?;
    let is_version = (1..=3).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit());
    (is_version && !version.starts_with('0')).then_some(rest)
}

/// `TIME HOST APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`, and whether it is one.
fn read_5424<'a>(message: &mut SyslogMessage<'a>, text: &'a str, zone: &TimeZone) -> bool {
    let mut rest = text;
    let time = word(&mut rest);
    if time != "-" {
        let Some(read) = time::iso8601(time, zone) else { return false };
        message.time = Some(read);
    }
    message.host = present(word(&mut rest));
    message.program = present(word(&mut rest));
    message.pid = present(word(&mut rest));
    message.message_id = present(word(&mut rest));
    let (structured_data, after) = StructuredData::split_off(rest);
    message.structured_data = structured_data;
    message.message = after.strip_prefix(' ').unwrap_or(after).trim_start_matches('\u{feff}');
    true
}

/// `TIME [HOST] [TAG[PID]:] MSG`, and whether it has a time. What has none is the message as it is.
fn read_3164<'a>(message: &mut SyslogMessage<'a>, text: &'a str, zone: &TimeZone, near: i64) -> bool {
    message.message = text;
    let Some((time, rest)) = leading_time(text, zone, near) else {
        read_tag(message, text, false);
        return false;
    };
    message.time = Some(time);
    let mut rest = rest.trim_start_matches(' ');
    let host = first_word(rest);
    // The local system's own messages have no host.
    let is_tag = host.ends_with(':') || host.contains('[');
    if !is_tag && is_host(host) {
        message.host = Some(host);
        word(&mut rest);
    }
    read_tag(message, rest, message.host.is_some());
    true
}

/// Reads `tag:`, `tag[pid]:` or, where `bare` allows it, a tag that a space ends.
fn read_tag<'a>(message: &mut SyslogMessage<'a>, text: &'a str, bare: bool) {
    message.message = text;
    let length = text.bytes().take_while(|byte| is_tag_byte(*byte)).count();
    let (tag, after) = text.split_at(length);
    if !tag.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '/' | '.' | '(')) {
        return;
    }
    let (pid, after) = match after.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((pid, after)) if !pid.is_empty() && pid.len() <= 32 && !pid.contains([' ', '[']) => (Some(pid), after),
        _ => (None, after),
    };
    let after = match after.strip_prefix(':') {
        // A message may begin without a space, but `http://` does not make `http` a tag.
        Some(after) if !after.starts_with('/') => after,
        None if pid.is_some() && after.starts_with(' ') => after,
        None if bare && tag.len() <= MAX_BARE_TAG && after.starts_with(' ') => after,
        _ => return,
    };
    message.program = Some(tag);
    message.pid = pid;
    message.message = after.strip_prefix(' ').unwrap_or(after);
}

/// The time that `text` begins with, as RFC 3164 (its day padded or not, with a fraction or not) or
/// ISO 8601 write it.
fn leading_time<'a>(text: &'a str, zone: &TimeZone, near: i64) -> Option<(i64, &'a str)> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let mut rest = text;
        return Some((time::iso8601(word(&mut rest), zone)?, rest));
    }
    let mut rest = text;
    let month = word(&mut rest);
    rest = rest.trim_start_matches(' ');
    let day = word(&mut rest);
    rest = rest.trim_start_matches(' ');
    let clock = word(&mut rest);
    // Some systems end the time with a colon.
    let clock = clock.strip_suffix(':').unwrap_or(clock);
    if month.len() != 3 || !(1..=2).contains(&day.len()) || clock.len() > MAX_CLOCK {
        return None;
    }
    let time = time::bsd(&format!("{month} {day:>2} {clock}"), zone, near)?;
    Some((time, rest))
}

/// Takes the next word and the space after it.
fn word<'a>(rest: &mut &'a str) -> &'a str {
    let (word, after) = rest.split_once(' ').unwrap_or((*rest, ""));
    *rest = after;
    word
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// RFC 5424 writes `-` for what is not said.
fn present(field: &str) -> Option<&str> {
    (!field.is_empty() && field != "-").then_some(field)
}

fn is_host(word: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%' | b'/');
    !word.is_empty() && word.len() <= MAX_HOST && word.bytes().all(allowed)
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@' | b'(' | b')' | b'#' | b'+')
}
