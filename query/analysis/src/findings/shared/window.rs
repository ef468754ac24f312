//! The minutes that an evaluation looks at.

use crate::{analysed::MINUTE, findings::Evaluation};

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

    pub(crate) fn seconds(self) -> f64 {
        (self.to - self.from) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_its_minute_and_its_baseline_ends_before_it() {
        let window = Window::ending(10 * MINUTE, 3);
        assert_eq!(window.minutes().collect::<Vec<_>>(), [8 * MINUTE, 9 * MINUTE, 10 * MINUTE]);
        assert_eq!(window.seconds(), 180.0);
        assert_eq!(window.before(), Window { from: -16 * MINUTE, to: 8 * MINUTE });
    }
}
