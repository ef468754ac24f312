//! Open breakers told from calls alone: calls that fail too fast to have been sent, after calls that failed for real.

use super::calls::{SECOND, TICK, Timeline, Went};

/// Calls it takes to judge, within at most so many seconds.
const MIN_CALLS: f64 = 5.0;
const MAX_SECONDS: usize = 5;
/// Share of fast failures from which a breaker is open, and below which it is closed.
const OPENS: f64 = 0.8;
const CLOSES: f64 = 0.2;
/// A breaker opens because at least this share of the last calls failed, of some number of calls within so many seconds.
const FAILED: f64 = 0.4;
const LAST_CALLS: [f64; 4] = [10.0, 20.0, 50.0, 100.0];
const LAST_SECONDS: usize = 30;
/// A breaker of which nothing is heard for so many seconds is not known to be open.
const MAX_SILENCE: usize = 60;

const TICKS: usize = (SECOND / TICK) as usize;

/// When the breaker was open: `[from, to)`, nanoseconds since the epoch.
pub(super) fn open_intervals(timeline: &Timeline) -> Vec<(i64, i64)> {
    let mut intervals = Vec::new();
    let seconds = timeline.ticks.len() / TICKS;
    let mut open: Option<usize> = None;
    // The tick after the last fast failure of an open breaker.
    let mut last = 0;
    for second in 0..seconds {
        let start = second * TICKS;
        let (end, went) = judged(timeline, start);
        match open {
            None if went.calls() >= MIN_CALLS && went.fast_share() >= OPENS => {
                let first = (start..end).find(|tick| timeline.ticks[*tick].fast > 0.0).unwrap_or(start);
                if has_failed_before(timeline, first) {
                    open = Some(first);
                    last = first + 1;
                }
            }
            Some(from) if went.calls() >= 1.0 && went.fast_share() < CLOSES => {
                intervals.push((from, last.max(start)));
                open = None;
            }
            Some(from) if start > last + MAX_SILENCE * TICKS => {
                intervals.push((from, last));
                open = None;
            }
            _ => {}
        }
        if open.is_some() {
            last = (start..start + TICKS)
                .rev()
                .find(|tick| timeline.ticks[*tick].fast > 0.0)
                .map_or(last, |tick| tick + 1);
        }
    }
    // Still open: until the last call that was refused.
    intervals.extend(open.map(|from| (from, last)));
    let time = |tick: usize| timeline.from + tick as i64 * TICK;
    intervals.into_iter().map(|(from, to)| (time(from), time(to))).collect()
}

/// The shortest stretch from a tick on, in whole seconds, that has enough calls; its end and its calls.
fn judged(timeline: &Timeline, start: usize) -> (usize, Went) {
    let mut went = Went::default();
    let mut end = start;
    for _ in 0..MAX_SECONDS {
        went.add(timeline.sum(end, end + TICKS));
        end = (end + TICKS).min(timeline.ticks.len());
        if went.calls() >= MIN_CALLS {
            break;
        }
    }
    (end, went)
}

/// Whether enough of the last calls before a tick, or in it, failed for real.
fn has_failed_before(timeline: &Timeline, tick: usize) -> bool {
    let (mut attempted, mut failed) = (0.0, 0.0);
    let mut wanted = LAST_CALLS.iter().peekable();
    for went in timeline.ticks[tick.saturating_sub(LAST_SECONDS * TICKS)..=tick].iter().rev() {
        attempted += went.attempted;
        failed += went.failed;
        while wanted.next_if(|calls| attempted >= **calls).is_some() {
            if failed >= FAILED * attempted {
                return true;
            }
        }
    }
    false
}
