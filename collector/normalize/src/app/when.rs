//! Times of application logs, in whatever form they come.

use crate::{format::LineContext, time};

/// The fewest digits of seconds since the epoch that are a time (1973) and no duration or counter.
const EPOCH_DIGITS: usize = 9;

/// The time that the value of a time's key names.
pub(crate) fn of_value(text: &str, context: &LineContext<'_>) -> Option<i64> {
    let text = text.trim();
    let first = *text.as_bytes().first()?;
    if !first.is_ascii() {
        return None;
    }
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    if whole >= EPOCH_DIGITS {
        return time::epoch_guess(text);
    }
    time::iso8601(text, context.zone)
        .or_else(|| time::slashed(text, context.zone))
        .or_else(|| time::common_log(text))
        .or_else(|| time::clock_time(text, context.zone, context.written_at()))
        .or_else(|| time::bsd(text, context.zone, context.written_at()))
        .or_else(|| rfc2822(text))
}

/// `Tue, 10 Oct 2000 20:55:36 GMT`.
fn rfc2822(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok()
}

/// The time that a text line begins with, brackets around it left out, and what follows it.
pub(crate) fn leading<'a>(line: &'a str, context: &LineContext<'_>) -> Option<(i64, &'a str)> {
    let (text, close) = match line.strip_prefix('[') {
        Some(rest) => (rest, Some(']')),
        None => (line, None),
    };
    let (time, rest) = leading_bare(text, context)?;
    match close {
        Some(bracket) => Some((time, rest.strip_prefix(bracket)?)),
        None => Some((time, rest)),
    }
}

fn leading_bare<'a>(text: &'a str, context: &LineContext<'_>) -> Option<(i64, &'a str)> {
    let bytes = text.as_bytes();
    let zone = context.zone;
    match bytes {
        [b'0'..=b'9', _, _, _, b'-' | b'/', ..] if bytes.len() >= 19 => {
            let clock_end = clock_end(bytes, 11)?;
            let end = offset_end(bytes, clock_end);
            let slashed = bytes[4] == b'/';
            let read = |end: usize| {
                let text = text.get(..end)?;
                let time = if slashed { time::slashed(text, zone) } else { time::iso8601(text, zone) };
                Some((time?, text.len()))
            };
            let (time, end) = read(end).or_else(|| read(clock_end))?;
            Some((time, &text[end..]))
        }
        [b'0'..=b'9', _, b':', ..] => {
            let end = clock_end(bytes, 0)?;
            if bytes[end..].starts_with(b" AM") || bytes[end..].starts_with(b" PM") {
                return None;
            }
            let time = time::clock_time(text.get(..end)?, zone, context.written_at())?;
            Some((time, &text[end..]))
        }
        [b'0'..=b'9', _, b'/', ..] => {
            let time = time::common_log(text.get(..26)?)?;
            Some((time, &text[26..]))
        }
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', ..] => {
            let end = clock_end(bytes, 7)?;
            let time = time::bsd(text.get(..end)?, zone, context.written_at())?;
            Some((time, &text[end..]))
        }
        _ => None,
    }
}

/// The end of `HH:MM:SS` and a fraction, which begin at `start`.
fn clock_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut end = start + 8;
    if bytes.len() < end || bytes[start + 2] != b':' || bytes[start + 5] != b':' {
        return None;
    }
    if let Some(b'.' | b',') = bytes.get(end) {
        let digits = bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        end += if digits > 0 { digits + 1 } else { 0 };
    }
    Some(end)
}

/// The end of an offset from UTC that begins at `start` or one space after it; `start` where there is none.
fn offset_end(bytes: &[u8], start: usize) -> usize {
    let from = if bytes.get(start) == Some(&b' ') { start + 1 } else { start };
    match bytes.get(from) {
        Some(b'Z' | b'z') => from + 1,
        Some(b'+' | b'-') => {
            let digits = bytes[from + 1..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b':').count();
            if digits >= 2 { from + 1 + digits } else { start }
        }
        Some(b'U' | b'G') if bytes[from..].starts_with(b"UTC") || bytes[from..].starts_with(b"GMT") => from + 3,
        _ => start,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> i64 {
        i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    #[test]
    fn values_and_leading_times_are_read_in_each_form() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let context = crate::app::text::tests::context(&zone);
        for (text, expected) in [
            ("2026-03-14T15:09:41.6453764Z", "2026-03-14T15:09:41.6453764Z"),
            ("2022-08-22 13:18:20,847", "2022-08-22T05:18:20.847Z"),
            ("1661145500", "2022-08-22T05:18:20Z"),
            ("1661145500.847", "2022-08-22T05:18:20.847Z"),
            ("1661145500847", "2022-08-22T05:18:20.847Z"),
            ("1661145500847123456", "2022-08-22T05:18:20.847123456Z"),
            ("22/Aug/2022:13:18:20 +0800", "2022-08-22T05:18:20Z"),
            ("Mon, 22 Aug 2022 05:18:20 GMT", "2022-08-22T05:18:20Z"),
            ("13:18:20.5", "2022-08-22T05:18:20.5Z"),
        ] {
            assert_eq!(of_value(text, &context), Some(at(expected)), "{text}");
        }
        for text in ["", "12.5", "yesterday", "2022-08-22", "–––––––––––––––––––––"]
        {
            assert_eq!(of_value(text, &context), None, "{text}");
        }
        for (line, expected, rest) in [
            ("2022-08-22T05:18:20.847Z INFO x", "2022-08-22T05:18:20.847Z", " INFO x"),
            ("[2022-08-22 13:18:20] x", "2022-08-22T05:18:20Z", "] x"),
            ("2022-08-22 05:18:20.5 +0000 - x", "2022-08-22T05:18:20.5Z", " - x"),
            ("2022/08/22 13:18:20 x", "2022-08-22T05:18:20Z", " x"),
            ("13:18:20.847 INFO x", "2022-08-22T05:18:20.847Z", " INFO x"),
            ("Aug 22 13:18:20 host x", "2022-08-22T05:18:20Z", " host x"),
            ("[22/Aug/2022:05:18:20 +0000] x", "2022-08-22T05:18:20Z", "] x"),
        ] {
            let rest = rest.strip_prefix(']').unwrap_or(rest);
            assert_eq!(leading(line, &context), Some((at(expected), rest)), "{line}");
        }
        for line in [
            "x",
            "10:00:00 PM x",
            "[2022-08-22 13:18:20 x",
            "2022-08-22",
            "12:00",
            "Aug 99 13:18:20",
            "2022-é8-22T05:18:20Z",
        ] {
            assert_eq!(leading(line, &context), None, "{line}");
        }
    }
}
