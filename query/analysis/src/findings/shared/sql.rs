//! SQL that shows the rows behind a finding.

use arrow::temporal_conversions::timestamp_ns_to_datetime;

use super::Window;

/// A statement over rows of `table` whose `time_column` lies in `window`. `conditions` are joined with `AND`.
pub(crate) fn select(columns: &str, table: &str, window: Window, conditions: &[String]) -> String {
    let time_column = if table == "spans" { "start_time" } else { "time" };
    let mut sql = format!(
        "SELECT {columns} FROM {table} WHERE {time_column} >= {} AND {time_column} < {}",
        timestamp(window.from),
        timestamp(window.to)
    );
    for condition in conditions {
        sql.push_str(" AND ");
        sql.push_str(condition);
    }
    sql.push_str(" ORDER BY ");
    sql.push_str(time_column);
    sql
}

/// `column = 'text'`.
pub(crate) fn equals(column: &str, text: &str) -> String {
    format!("{column} = {}", quoted(text))
}

/// `column IN ('a', 'b')`; texts must not be empty.
pub(crate) fn one_of<T: AsRef<str>>(column: &str, texts: &[T]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("{column} IN ({})", quoted.join(", "))
}

/// The trace ids as the values of `trace_id`.
pub(crate) fn traces(ids: &[u128]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("{id:032x}")).collect();
    one_of("trace_id", &ids)
}

/// A text as a literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A time as a literal: `TIMESTAMP '2026-01-01T00:00:00Z'`.
pub(crate) fn timestamp(time: i64) -> String {
    format!("TIMESTAMP '{}'", rfc3339(time))
}

/// Nanoseconds since the epoch as RFC 3339, UTC, with as many digits as it takes.
pub(crate) fn rfc3339(time: i64) -> String {
    // Every i64 of nanoseconds is a date between the years 1677 and 2262.
    timestamp_ns_to_datetime(time).map_or_else(String::new, |datetime| format!("{datetime:?}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysed::MINUTE;

    #[test]
    fn times_are_rfc_3339_over_the_whole_range() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_225_600_000_000_000, "2026-01-01T00:00:00Z"),
            (1_767_225_600_123_456_789, "2026-01-01T00:00:00.123456789Z"),
            (1_709_164_800_500_000_000, "2024-02-29T00:00:00.500Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(rfc3339(time), text);
        }
    }

    #[test]
    fn texts_are_quoted() {
        let window = Window::ending(0, 1);
        assert_eq!(
            select("trace_id", "spans", window, &[equals("service_name", "o'hare"), traces(&[255])]),
            "SELECT trace_id FROM spans WHERE start_time >= TIMESTAMP '1970-01-01T00:00:00Z' AND start_time < \
             TIMESTAMP '1970-01-01T00:01:00Z' AND service_name = 'o''hare' AND trace_id IN \
             ('000000000000000000000000000000ff') ORDER BY start_time"
        );
        assert_eq!(Window::ending(0, 1).to, MINUTE);
    }
}
