//! The minutes that a trace is counted in.

use crate::{
    analysed::{MINUTE, minute_of},
    rollup::LONGEST,
    span::Span,
};

/// Whether the minutes of a trace can be counted in.
pub(super) enum Place {
    /// Once these, of which nothing is known, have begun.
    Here(Vec<i64>),
    /// Once these minutes are restored.
    Wanted(Vec<i64>),
    /// There are too many minutes.
    None,
}

/// Whether something of the minute that begins at `time` is within the range.
pub(super) fn is_within(range: Option<(i64, i64)>, time: i64) -> bool {
    range.is_none_or(|(from, to)| time.saturating_add(MINUTE) > from && time < to)
}

/// Until when a span counts as busy.
pub(super) fn busy_until(span: &Span) -> i64 {
    let is_long = span.end.saturating_sub(span.start) > LONGEST;
    if is_long { span.start } else { span.end }
}

/// The minutes that spans begin or are busy in, ascending.
pub(super) fn touched<'a>(spans: impl Iterator<Item = &'a Span>) -> Vec<i64> {
    let mut ranges = Vec::new();
    for span in spans {
        let range = (minute_of(span.start), minute_of(busy_until(span)));
        // Nearly all spans of a trace are of one minute.
        if ranges.last() != Some(&range) {
            ranges.push(range);
        }
    }
    ranges.sort_unstable();
    ranges.dedup();
    let mut minutes = Vec::new();
    let mut next = i64::MIN;
    for (first, last) in ranges {
        next = next.max(first);
        while next <= last {
            minutes.push(next);
            next = next.saturating_add(MINUTE);
            if next == i64::MAX {
                return minutes;
            }
        }
    }
    minutes
}
