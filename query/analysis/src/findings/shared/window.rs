//! The minutes that an evaluation looks at.

use crate::{
    analysed::MINUTE,
    findings::{Candidate, Evaluation},
};

/// How many minutes a baseline is made of.
pub(crate) const BASELINE_MINUTES: i64 = 24;

/// From the first nanosecond of a minute to the last of another: `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Window {
    /// The minute that has just ended and those before it, `minutes` in all.
    pub(crate) fn of(evaluation: &Evaluation<'_>, minutes: i64) -> Window {
        Window::ending(evaluation.minute, minutes)
    }

    /// The minute that begins at `minute` and those before it, `minutes` in all.
    pub(crate) fn ending(minute: i64, minutes: i64) -> Window {
        Window { from: minute.saturating_sub((minutes - 1) * MINUTE), to: minute.saturating_add(MINUTE) }
    }

    /// As many minutes as a baseline is made of, before this window.
    pub(crate) fn before(self) -> Window {
        Window { from: self.from.saturating_sub(BASELINE_MINUTES * MINUTE), to: self.from }
    }

    pub(crate) fn minutes(self) -> impl DoubleEndedIterator<Item = i64> {
        (0..(self.to - self.from) / MINUTE).map(move |index| self.from + index * MINUTE)
    }
}

/// The longest window of which shares are taken, minutes.
pub(crate) const MAX_WINDOW: i64 = 5;

/// What is said of the shortest window, of one to five minutes, in which a condition holds; else of the shortest in which
/// it nearly does.
pub(crate) fn shortest(
    evaluation: &Evaluation<'_>,
    candidate: impl Fn(Window) -> Option<Candidate>,
) -> Option<Candidate> {
    let mut nearly = None;
    for minutes in 1..=MAX_WINDOW {
        match candidate(Window::of(evaluation, minutes)) {
            Some(found) if found.fires => return Some(found),
            found => nearly = nearly.or(found),
        }
    }
    nearly
}

/// Minutes in which a run of minutes may pause, and the most minutes of one.
const MAX_PAUSE: i64 = 2;
const MAX_RUN: i64 = 2 * BASELINE_MINUTES;

/// The first minute of the run of minutes, up to `minute`, of which `holds` is true; short pauses do not end it.
pub(crate) fn run_start(minute: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut start, mut next, mut pause) = (minute, minute.saturating_sub(MINUTE), 0);
    while pause <= MAX_PAUSE && next > minute.saturating_sub(MAX_RUN * MINUTE) {
        if holds(next) {
            (start, pause) = (next, 0);
        } else {
            pause += 1;
        }
        next -= MINUTE;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_its_minute_and_its_baseline_ends_before_it() {
        let window = Window::ending(10 * MINUTE, 3);
        assert_eq!(window.minutes().collect::<Vec<_>>(), [8 * MINUTE, 9 * MINUTE, 10 * MINUTE]);
        assert_eq!(window.before(), Window { from: -16 * MINUTE, to: 8 * MINUTE });
    }

    #[test]
    fn a_run_goes_on_over_short_pauses() {
        let holding = [0, 1, 2, 6, 8, 9, 10].map(|minute| minute * MINUTE);
        let starts = |minute: i64| run_start(minute * MINUTE, |minute| holding.contains(&minute)) / MINUTE;
        assert_eq!((starts(10), starts(2), starts(5)), (6, 0, 0));
        assert_eq!(run_start(1000 * MINUTE, |_| true) / MINUTE, 1001 - MAX_RUN);
    }
}
