//! The partition of a row: the UTC hour of its event time.
//!
//! Every `i64` of nanoseconds has an hour, from `1677-09-21T00` to `2262-04-11T23`; earlier and later times were
//! clamped to that range when they became nanoseconds.

const HOUR_NS: i64 = 3_600_000_000_000;
const HOURS_PER_DAY: i64 = 24;
/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
const DAYS_PER_ERA: i64 = 146_097;

/// The number of whole hours from the Unix epoch to `time_ns`, rounded down.
pub(crate) fn hour_index(time_ns: i64) -> i64 {
    time_ns.div_euclid(HOUR_NS)
}

/// The hour as it stands in partition values and paths: `2026-11-20T21`.
pub(crate) fn hour_text(hour_index: i64) -> String {
    let (year, month, day) = civil_from_days(hour_index.div_euclid(HOURS_PER_DAY));
    let hour = hour_index.rem_euclid(HOURS_PER_DAY);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}")
}

/// The hour that a partition value names, or `None` if it is not in that form.
pub(crate) fn parse_hour(text: &str) -> Option<i64> {
    let (date, hour) = text.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let hours = days_from_civil(year, month, day) * HOURS_PER_DAY + hour.parse::<i64>().ok()?;
    (hour_text(hours) == text).then_some(hours)
}

/// The bounds of an hour, both inclusive, as far as `i64` nanoseconds go.
pub(crate) fn hour_bounds_ns(hour_index: i64) -> (i64, i64) {
    let start = hour_index.saturating_mul(HOUR_NS);
    (start, start.saturating_add(HOUR_NS - 1))
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March in eras of 400 years (Howard
/// Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(time_ns: i64) -> String {
        hour_text(hour_index(time_ns))
    }

    #[test]
    fn hours_of_known_instants() {
        assert_eq!(text(0), "1970-01-01T00");
        assert_eq!(text(-1), "1969-12-31T23");
        assert_eq!(text(1_795_210_245_000_000_000), "2026-11-20T21");
        assert_eq!(text(951_782_400_000_000_000), "2000-02-29T00");
    }

    #[test]
    fn the_ends_of_time_have_hours() {
        assert_eq!(text(i64::MIN), "1677-09-21T00");
        assert_eq!(text(i64::MAX), "2262-04-11T23");
        assert_eq!(hour_bounds_ns(hour_index(i64::MAX)).1, i64::MAX);
        assert_eq!(hour_bounds_ns(hour_index(i64::MIN)).0, i64::MIN);
        assert_eq!(hour_bounds_ns(1), (HOUR_NS, 2 * HOUR_NS - 1));
    }

    #[test]
    fn partition_values_are_read_back() {
        for time in [i64::MIN, -1, 0, 951_782_400_000_000_000, 1_795_210_245_000_000_000, i64::MAX] {
            assert_eq!(parse_hour(&text(time)), Some(hour_index(time)));
        }
        for wrong in ["", "2026-11-20", "2026-13-20T01", "2026-02-30T01", "2026-11-20T24", "__HIVE_DEFAULT_PARTITION__"]
        {
            assert_eq!(parse_hour(wrong), None, "{wrong}");
        }
    }
}
