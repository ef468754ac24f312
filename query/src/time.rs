//! Times and durations as users write them.

use std::str::FromStr;

use jiff::{Timestamp, civil, tz::TimeZone};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Units of durations, and the words for them, in nanoseconds.
const UNITS: [(&[&str], i64); 8] = [
    (&["ns", "nanosecond", "nanoseconds"], 1),
    (&["us", "µs", "microsecond", "microseconds"], 1000),
    (&["ms", "millisecond", "milliseconds"], 1_000_000),
    (&["s", "sec", "second", "seconds"], NANOS_PER_SECOND),
    (&["m", "min", "minute", "minutes"], 60 * NANOS_PER_SECOND),
    (&["h", "hour", "hours"], 3600 * NANOS_PER_SECOND),
    (&["d", "day", "days"], 24 * 3600 * NANOS_PER_SECOND),
    (&["w", "week", "weeks"], 7 * 24 * 3600 * NANOS_PER_SECOND),
];

/// Why a text is not a time or a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("'{0}' is not a time; write RFC 3339 like 2026-11-20T10:00:00Z, a date, or relative like now-1h")]
    Time(String),
    #[error("'{0}' is not a duration; write a number and a unit like 30s, 5m, 1h30m (ns, us, ms, s, m, h, d, w)")]
    Duration(String),
}

/// Nanoseconds since the Unix epoch that `text` names: RFC 3339, a date with or without time (taken as UTC), `now`, or
/// `now-1h`. Years that nanoseconds cannot express become the first or last that they can.
pub fn parse_time(text: &str, now_ns: i64) -> Result<i64, TimeError> {
    let text = text.trim();
    if let Some(offset) = text.strip_prefix("now") {
        return relative(offset.trim(), now_ns).ok_or_else(|| TimeError::Time(text.to_owned()));
    }
    if let Ok(timestamp) = Timestamp::from_str(text) {
        return Ok(saturate(timestamp.as_nanosecond()));
    }
    let civil_text = text.strip_suffix('Z').unwrap_or(text);
    let date_time = civil::DateTime::from_str(civil_text)
        .or_else(|_| civil::Date::from_str(civil_text).map(civil::DateTime::from))
        .map_err(|_| TimeError::Time(text.to_owned()))?;
    match date_time.to_zoned(TimeZone::UTC) {
        Ok(zoned) => Ok(saturate(zoned.timestamp().as_nanosecond())),
        Err(_) => Ok(if date_time.year() < 1970 { i64::MIN } else { i64::MAX }),
    }
}

/// Nanoseconds of a duration like `30s`, `1h30m`, `1.5 hours` or `1 minute`. Never negative.
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    duration(text.trim()).ok_or_else(|| TimeError::Duration(text.trim().to_owned()))
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-20T10:00:00.000000000Z`.
pub(crate) fn format_time(time_ns: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(time_ns)) {
        Ok(timestamp) => format!("{timestamp:.9}"),
        Err(_) => time_ns.to_string(),
    }
}

fn relative(offset: &str, now_ns: i64) -> Option<i64> {
    match offset.chars().next() {
        None => Some(now_ns),
        Some('-') => Some(now_ns.saturating_sub(duration(offset[1..].trim())?)),
        Some('+') => Some(now_ns.saturating_add(duration(offset[1..].trim())?)),
        Some(_) => None,
    }
}

fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let number_len = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at(number_len);
        let after = after.trim_start();
        let unit_len = after.find(|character: char| !character.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        sum = sum.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

fn unit_nanos(unit: &str) -> Option<i64> {
    UNITS.iter().find(|(words, _)| words.contains(&unit)).map(|(_, nanos)| *nanos)
}

fn scaled(number: &str, unit_nanos: i64) -> Option<i64> {
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(unit_nanos);
    }
    let nanos = number.parse::<f64>().ok()? * unit_nanos as f64;
    (nanos < i64::MAX as f64).then_some(nanos.round() as i64)
}

fn saturate(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_168_800 * NANOS_PER_SECOND;

    #[test]
    fn times_are_absolute_or_relative() {
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", 1_795_168_800_000_000_000),
            ("2026-11-20T11:00:00.5+01:00", 1_795_168_800_500_000_000),
            ("2026-11-20T10:00:00", 1_795_168_800_000_000_000),
            ("2026-11-20 10:00:00", 1_795_168_800_000_000_000),
            ("2026-11-20", 1_795_132_800_000_000_000),
            ("now", NOW),
            ("now-1h", NOW - 3600 * NANOS_PER_SECOND),
            ("now - 1h 30m", NOW - 5400 * NANOS_PER_SECOND),
            ("now+5m", NOW + 300 * NANOS_PER_SECOND),
            ("0001-01-01T00:00:00Z", i64::MIN),
            ("9999-12-31T00:00:00Z", i64::MAX),
        ] {
            assert_eq!(parse_time(text, NOW), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "now-", "now*2", "now-1", "nowhere", "2026-13-01", "1h"] {
            assert!(parse_time(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, expected) in [
            ("5ns", 5),
            ("30s", 30 * NANOS_PER_SECOND),
            ("1h30m", 5400 * NANOS_PER_SECOND),
            ("1.5 hours", 5400 * NANOS_PER_SECOND),
            ("1 minute", 60 * NANOS_PER_SECOND),
            ("250ms", 250_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for text in ["", "5", "m", "-5m", "5 parsecs", "1..2s", "99999999999w", "1m x"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_written_with_nanoseconds() {
        assert_eq!(format_time(1_795_168_800_000_000_001), "2026-11-20T10:00:00.000000001Z");
        assert_eq!(format_time(-1), "1969-12-31T23:59:59.999999999Z");
    }
}
