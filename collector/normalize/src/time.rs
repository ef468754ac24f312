//! Times as logs write them, to nanoseconds since the Unix epoch.

use jiff::{civil, tz::TimeZone};

pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub const NANOS_PER_MILLI: i64 = 1_000_000;
pub const NANOS_PER_MICRO: i64 = 1_000;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A zone by its name in the time zone database, or by its offset as in `+08:00`.
///
/// # Errors
/// What is wrong with the text.
pub fn zone(text: &str) -> Result<TimeZone, String> {
    if let Some(seconds) = offset(text.as_bytes()).and_then(|seconds| i32::try_from(seconds).ok()) {
        return jiff::tz::Offset::from_seconds(seconds).map(TimeZone::fixed).map_err(|error| error.to_string());
    }
    TimeZone::get(text).map_err(|_| format!("{text:?} is not a time zone such as UTC, Europe/Berlin or +08:00"))
}

/// `10/Oct/2000:13:55:36 -0700`, the time of nginx's and Apache's access logs.
pub fn common_log(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' || bytes[20] != b' ' {
        return None;
    }
    let clock = Clock {
        year: digits(&bytes[7..11])?,
        month: month(&bytes[3..6])?,
        day: digits(&bytes[0..2])?,
        hour: digits(&bytes[12..14])?,
        minute: digits(&bytes[15..17])?,
        second: digits(&bytes[18..20])?,
        nanos: 0,
    };
    clock.at_offset(offset(&bytes[21..])?)
}

/// `06/Feb/2009:12:14:14.655`, the time of HAProxy's logs, in `zone`.
pub fn common_log_local(text: &str, zone: &TimeZone) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' {
        return None;
    }
    let (hour, minute, second, nanos, rest) = time_of_day(&bytes[12..])?;
    let (year, month, day) = (digits(&bytes[7..11])?, month(&bytes[3..6])?, digits(&bytes[0..2])?);
    Clock { year, month, day, hour, minute, second, nanos }.with_rest(rest, zone)
}

/// `Fri Oct 12 08:39:40.875454 2018`, the time of Apache's error log, in `zone`.
pub fn ctime(text: &str, zone: &TimeZone) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 24 || bytes[3] != b' ' || bytes[7] != b' ' || bytes[10] != b' ' {
        return None;
    }
    let (month, day) = (month(&bytes[4..7])?, digits(bytes[8..10].trim_ascii_start())?);
    let (hour, minute, second, nanos, rest) = time_of_day(&bytes[11..])?;
    let year = rest.strip_prefix(b" ").filter(|year| year.len() == 4)?;
    Clock { year: digits(year)?, month, day, hour, minute, second, nanos }.in_zone(zone)
}

/// RFC 3339 and ISO 8601: `2016-04-15T20:17:00.310Z`, with a space for the `T`, a comma for the point, any number of
/// fraction digits, an offset with or without colon. Without an offset the time is in `zone`.
pub fn iso8601(text: &str, zone: &TimeZone) -> Option<i64> {
    dated(text.trim().as_bytes(), b'-', b"Tt ", zone)
}

/// `2026/09/27 13:25:59`, the time of nginx's error log, in `zone`.
pub fn slashed(text: &str, zone: &TimeZone) -> Option<i64> {
    dated(text.as_bytes(), b'/', b" ", zone)
}

/// Year, month and day with `separator` between them, one of `between`, the time of day, and perhaps an offset.
fn dated(bytes: &[u8], separator: u8, between: &[u8], zone: &TimeZone) -> Option<i64> {
    if bytes.len() < 19 || bytes[4] != separator || bytes[7] != separator || !between.contains(&bytes[10]) {
        return None;
    }
    let (hour, minute, second, nanos, rest) = time_of_day(&bytes[11..])?;
    let (year, month, day) = (digits(&bytes[0..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
    Clock { year, month, day, hour, minute, second, nanos }.with_rest(rest, zone)
}

/// `05:18:20.847`: a time of day without a date, in `zone`, at the day that brings it nearest to `near`.
pub fn clock_time(text: &str, zone: &TimeZone, near: i64) -> Option<i64> {
    let (hour, minute, second, nanos, rest) = time_of_day(text.as_bytes())?;
    if !rest.is_empty() {
        return None;
    }
    let day = zoned_date(near, zone)?;
    let candidates = [day.yesterday().ok(), Some(day), day.tomorrow().ok()];
    candidates
        .into_iter()
        .flatten()
        .filter_map(|date| Clock::on(date, hour, minute, second, nanos).in_zone(zone))
        .min_by_key(|time| time.abs_diff(near))
}

/// `Oct 11 22:14:15`, the time of RFC 3164, without a year: in `zone`, in the year that brings it nearest to `near`.
pub fn bsd(text: &str, zone: &TimeZone, near: i64) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 15 || bytes[3] != b' ' || bytes[6] != b' ' {
        return None;
    }
    let month = month(&bytes[0..3])?;
    let day = if bytes[4] == b' ' { digits(&bytes[5..6])? } else { digits(&bytes[4..6])? };
    let (hour, minute, second, nanos, rest) = time_of_day(&bytes[7..])?;
    if !rest.is_empty() {
        return None;
    }
    let this_year = i64::from(zoned_date(near, zone)?.year());
    [this_year - 1, this_year, this_year + 1]
        .into_iter()
        .filter_map(|year| Clock { year, month, day, hour, minute, second, nanos }.in_zone(zone))
        .min_by_key(|time| time.abs_diff(near))
}

/// A number of seconds since the epoch, as `1666449742`, `1666449742.317` or `1.666449742317e9`. Decimal fractions are
/// read exactly.
pub fn epoch_seconds(text: &str) -> Option<i64> {
    decimal(text, 9)
}

/// A decimal number times `10^digits`, as an integer; what is smaller is cut off. `None` for what is no number or does
/// not fit.
pub fn decimal(text: &str, scale: u32) -> Option<i64> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let plain = !(whole.is_empty() && fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !plain {
        let number: f64 = text.parse().ok()?;
        let scaled = number * 10_f64.powi(i32::try_from(scale).ok()?);
        return (scaled.is_finite() && scaled.abs() < 9.2e18).then_some(scaled as i64);
    }
    let mut value: i64 = 0;
    for digit in whole.bytes() {
        value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    let mut fraction = fraction.bytes();
    for _ in 0..scale {
        let digit = fraction.next().map_or(0, |digit| i64::from(digit - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { -value } else { value })
}

/// A number since the epoch in the unit its size tells: seconds, milliseconds, microseconds or nanoseconds.
pub fn epoch_guess(text: &str) -> Option<i64> {
    let whole = text.split(['.', 'e', 'E']).next()?.trim_start_matches('-').len();
    match whole {
        0..=11 => decimal(text, 9),
        12..=14 => decimal(text, 6),
        15..=17 => decimal(text, 3),
        _ => decimal(text, 0),
    }
}

struct Clock {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
}

impl Clock {
    fn on(date: civil::Date, hour: i64, minute: i64, second: i64, nanos: i64) -> Self {
        let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        Self { year, month, day, hour, minute, second, nanos }
    }

    fn is_valid(&self) -> bool {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return false,
        };
        // Second 60 is a leap second, which the next minute's first stands for.
        (1..=days).contains(&self.day) && self.hour < 24 && self.minute < 60 && self.second <= 60
    }

    fn with_rest(&self, rest: &[u8], zone: &TimeZone) -> Option<i64> {
        let rest = rest.trim_ascii_start();
        if rest.is_empty() { self.in_zone(zone) } else { self.at_offset(offset(rest)?) }
    }

    fn at_offset(&self, offset_seconds: i64) -> Option<i64> {
        if !self.is_valid() {
            return None;
        }
        let seconds = days_from_civil(self.year, self.month, self.day) * 86_400
            + self.hour * 3_600
            + self.minute * 60
            + self.second
            - offset_seconds;
        seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(self.nanos)
    }

    fn in_zone(&self, zone: &TimeZone) -> Option<i64> {
        let utc = self.at_offset(0)?;
        let offset = match zone.to_fixed_offset() {
            Ok(offset) => offset,
            Err(_) => {
                let date_time = civil::DateTime::new(
                    i16::try_from(self.year).ok()?,
                    i8::try_from(self.month).ok()?,
                    i8::try_from(self.day).ok()?,
                    i8::try_from(self.hour).ok()?,
                    i8::try_from(self.minute).ok()?,
                    i8::try_from(self.second.min(59)).ok()?,
                    0,
                );
                // Of a time that occurs twice the earlier is meant, of one that is skipped the one after.
                let zoned = zone.to_ambiguous_zoned(date_time.ok()?).compatible().ok()?;
                zoned.offset()
            }
        };
        utc.checked_sub(i64::from(offset.seconds()) * NANOS_PER_SECOND)
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `HH:MM:SS`, a fraction after a point or comma, and what follows.
fn time_of_day(bytes: &[u8]) -> Option<(i64, i64, i64, i64, &[u8])> {
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&bytes[0..2])?, digits(&bytes[3..5])?, digits(&bytes[6..8])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &bytes[8..];
    let mut nanos = 0;
    if let [b'.' | b',', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        nanos = (0..9).fold(0, |nanos, place| {
            let digit = if place < length { i64::from(fraction[place] - b'0') } else { 0 };
            nanos * 10 + digit
        });
        rest = &fraction[length..];
    }
    Some((hour, minute, second, nanos, rest))
}

/// `Z`, `+01:00`, `+0100` or `+01`, in seconds.
fn offset(bytes: &[u8]) -> Option<i64> {
    let (sign, digits_of) = match bytes {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits_of {
        [h1, h2] => (digits(&[*h1, *h2])?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn month(name: &[u8]) -> Option<i64> {
    let position = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(&month[..]))?;
    i64::try_from(position + 1).ok()
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn zoned_date(time: i64, zone: &TimeZone) -> Option<civil::Date> {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(time)).ok()?;
    Some(zone.to_datetime(timestamp).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> i64 {
        i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    #[test]
    fn each_spelling_names_its_instant() {
        let utc = TimeZone::UTC;
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(common_log("10/Oct/2000:13:55:36 -0700"), Some(nanos("2000-10-10T20:55:36Z")));
        assert_eq!(common_log("31/Feb/2000:13:55:36 -0700"), None);
        for (text, expected) in [
            ("2016-04-15T20:17:00.310Z", "2016-04-15T20:17:00.310Z"),
            ("2025-12-31T17:37:40.493035218+01:00", "2025-12-31T16:37:40.493035218Z"),
            ("2022-08-22 05:18:20,847", "2022-08-22T05:18:20.847Z"),
            ("2024-02-29T00:00:00+0530", "2024-02-28T18:30:00Z"),
        ] {
            assert_eq!(iso8601(text, &utc), Some(nanos(expected)), "{text}");
        }
        assert_eq!(iso8601("2023-02-29T00:00:00Z", &utc), None);
        assert_eq!(iso8601("2023-02-28T25:00:00Z", &utc), None);
        assert_eq!(common_log_local("06/Feb/2009:12:14:14.655", &berlin), Some(nanos("2009-02-06T11:14:14.655Z")));
        assert_eq!(common_log_local("06/Feb/2009:12:14", &berlin), None);
        assert_eq!(ctime("Fri Oct 12 08:39:40.875454 2018", &berlin), Some(nanos("2018-10-12T06:39:40.875454Z")));
        assert_eq!(ctime("Mon Aug  3 16:27:04 2015", &utc), Some(nanos("2015-08-03T16:27:04Z")));
        assert_eq!(slashed("2026/09/27 13:25:59", &berlin), Some(nanos("2026-09-27T11:25:59Z")));
        assert_eq!(slashed("2026/01/27 13:25:59", &berlin), Some(nanos("2026-01-27T12:25:59Z")));
    }

    #[test]
    fn what_is_left_out_is_taken_from_the_time_nearby() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let near = nanos("2022-08-22T16:00:01Z");
        assert_eq!(clock_time("23:59:59.5", &zone, near), Some(nanos("2022-08-22T15:59:59.5Z")));
        assert_eq!(clock_time("00:00:02", &zone, near), Some(nanos("2022-08-22T16:00:02Z")));
        let new_year = nanos("2026-01-01T00:00:10Z");
        assert_eq!(bsd("Dec 31 23:59:58", &TimeZone::UTC, new_year), Some(nanos("2025-12-31T23:59:58Z")));
        assert_eq!(bsd("Jan  1 00:00:09", &TimeZone::UTC, new_year), Some(nanos("2026-01-01T00:00:09Z")));
    }

    #[test]
    fn numbers_are_exact_and_bounded() {
        assert_eq!(epoch_seconds("1666449742.317"), Some(1_666_449_742_317_000_000));
        assert_eq!(epoch_guess("1666449742317"), Some(1_666_449_742_317_000_000));
        assert_eq!(epoch_guess("1666449742317000"), Some(1_666_449_742_317_000_000));
        assert_eq!(decimal("0.003", 9), Some(3_000_000));
        assert_eq!(decimal("-1", 3), Some(-1000));
        assert_eq!(decimal("99999999999999", 9), None);
        assert_eq!(decimal("1.5e3", 3), Some(1_500_000));
        for bad in ["", "-", ".", "1.2.3", "nan", "inf", "1e400"] {
            assert_eq!(decimal(bad, 9), None, "{bad}");
        }
    }
}
