//! Statements of panels: what the placeholders stand for.

use std::fmt::Write;

use crate::time::format_time;

const SECOND: i64 = 1_000_000_000;
/// Steps of time that people know.
const STEPS: [i64; 14] = [1, 5, 10, 15, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600];
/// Buckets in a range, at most, if nothing else is asked for.
const BUCKETS: i64 = 120;

/// The range a dashboard is shown for, and the length of a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) bucket_ns: i64,
}

impl Window {
    /// The shortest usual bucket of which the range has few enough.
    pub(super) fn usual_bucket(from_ns: i64, to_ns: i64) -> i64 {
        let range = to_ns.saturating_sub(from_ns);
        let step = STEPS.into_iter().find(|step| range / (step * SECOND) <= BUCKETS);
        // Beyond the longest: whole days.
        step.unwrap_or_else(|| (range / SECOND / (24 * 3600) / BUCKETS + 1) * 24 * 3600) * SECOND
    }

    fn literal(self, name: &str) -> Option<String> {
        let time = |time_ns| format!("TIMESTAMP '{}'", format_time(time_ns));
        match name {
            "from" => Some(time(self.from_ns)),
            "to" => Some(time(self.to_ns)),
            "bucket" => Some(format!("INTERVAL '{} seconds'", seconds(self.bucket_ns))),
            "bucket_seconds" => Some(seconds(self.bucket_ns)),
            "range_seconds" => Some(seconds(self.to_ns.saturating_sub(self.from_ns))),
            _ => None,
        }
    }
}

fn seconds(nanos: i64) -> String {
    let mut text = (nanos / SECOND).to_string();
    if nanos % SECOND != 0 {
        let _ = write!(text, ".{:09}", nanos % SECOND);
    }
    text
}

/// `sql` with literals in place of placeholders.
pub(super) fn fill(sql: &str, window: Window) -> String {
    let mut filled = String::with_capacity(sql.len());
    for part in parts(sql) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Placeholder(name) => match window.literal(name) {
                Some(literal) => filled.push_str(&literal),
                None => {
                    filled.push('$');
                    filled.push_str(name);
                }
            },
        }
    }
    filled
}

/// The first placeholder of `sql` that stands for nothing, and in which line of it that is, from 0.
pub(super) fn unknown(sql: &str) -> Option<(String, usize)> {
    let window = Window { from_ns: 0, to_ns: SECOND, bucket_ns: SECOND };
    let mut lines = 0;
    for part in parts(sql) {
        match part {
            Part::Text(text) => lines += text.matches('\n').count(),
            Part::Placeholder(name) if window.literal(name).is_none() => return Some((name.to_owned(), lines)),
            Part::Placeholder(_) => {}
        }
    }
    None
}

enum Part<'a> {
    Text(&'a str),
    /// A name behind a dollar.
    Placeholder(&'a str),
}

fn parts(sql: &str) -> Vec<Part<'_>> {
    let mut pieces = sql.split('$');
    let first = pieces.next().unwrap_or_default();
    let mut parts = vec![Part::Text(first)];
    // Where the dollar before a piece stands.
    let mut at = first.len();
    for piece in pieces {
        let is_name = piece.starts_with(|first: char| first.is_ascii_alphabetic());
        let end = piece.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(piece.len());
        if is_name {
            parts.extend([Part::Placeholder(&piece[..end]), Part::Text(&piece[end..])]);
        } else {
            parts.push(Part::Text(&sql[at..=at + piece.len()]));
        }
        at += 1 + piece.len();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_literals_and_other_dollars_stay() {
        let window = Window { from_ns: 0, to_ns: 3600 * SECOND, bucket_ns: 30 * SECOND };
        for (sql, filled) in [
            (
                "a >= $from AND a < $to",
                "a >= TIMESTAMP '1970-01-01T00:00:00.000000000Z' AND a < TIMESTAMP '1970-01-01T01:00:00.000000000Z'",
            ),
            ("$bucket/$bucket_seconds,$range_seconds", "INTERVAL '30 seconds'/30,3600"),
            ("a ~ '^b$' OR $1 $", "a ~ '^b$' OR $1 $"),
            ("", ""),
            ("ü$bucket_seconds€", "ü30€"),
        ] {
            assert_eq!(fill(sql, window), filled, "{sql}");
            assert_eq!(unknown(sql), None, "{sql}");
        }
        let half = Window { bucket_ns: SECOND / 2, ..window };
        assert_eq!(fill("$bucket", half), "INTERVAL '0.500000000 seconds'");
        assert_eq!(unknown("SELECT\n $from,\n $interval"), Some(("interval".to_owned(), 2)));
    }

    #[test]
    fn buckets_are_few_and_usual() {
        for (range, bucket) in
            [(60, 1), (3600, 30), (86_400, 1800), (7 * 86_400, 3 * 3600), (3650 * 86_400, 31 * 86_400)]
        {
            assert_eq!(Window::usual_bucket(0, range * SECOND), bucket * SECOND, "{range} s");
        }
    }
}
