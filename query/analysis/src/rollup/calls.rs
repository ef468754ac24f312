//! Counts, durations and latency of a group of calls.

use spandrel_proto::model::Outcome;

use crate::{
    analysed::{MINUTE, minute_of},
    sketch::Sketch,
    span::WEIGHT_ONE,
};

/// Calls that lasted longer, in nanoseconds, are no part of percentiles and of busy time.
pub const LONGEST: i64 = 24 * 60 * MINUTE;

/// The outcomes in the order of their counts.
pub const OUTCOMES: [Outcome; 8] = [
    Outcome::Ok,
    Outcome::ClientFault,
    Outcome::Rejected,
    Outcome::ServerFault,
    Outcome::Timeout,
    Outcome::Cancelled,
    Outcome::Unreachable,
    Outcome::Unknown,
];

/// Whether something is counted or taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Add,
    Remove,
}

impl Sign {
    /// Counts `by`, or takes it away. Sums stop at their type's limits.
    pub fn count(self, sum: &mut u64, by: u64) {
        *sum = match self {
            Sign::Add => sum.saturating_add(by),
            Sign::Remove => sum.saturating_sub(by),
        };
    }

    /// Adds weighted nanoseconds, which are not negative, or takes them away.
    pub fn sum(self, sum: &mut i128, nanos: i64, weight: u64) {
        let by = i128::from(nanos) * i128::from(weight);
        *sum = match self {
            Sign::Add => sum.saturating_add(by),
            Sign::Remove => sum.saturating_sub(by).max(0),
        };
    }

    /// Records a duration in a sketch, or takes it away.
    pub fn sketch(self, sketch: &mut Sketch, nanos: i64, weight: u64) {
        let (duration, count) = (u64::try_from(nanos).unwrap_or(0), whole(weight));
        match self {
            Sign::Add => sketch.record(duration, count),
            Sign::Remove => sketch.remove(duration, count),
        }
    }
}

/// Calls by outcome. Weights are fixed-point ([`crate::span::WEIGHT_ONE`]), durations are weighted the same way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// Spans or records counted, each as one.
    pub records: u64,
    /// Per outcome, in the order of [`OUTCOMES`].
    pub by_outcome: [u64; 8],
    /// Sum of the squares of the weights, in multiples of 2^-32.
    pub weight_squares: u128,
    pub duration: i128,
    /// Weighted nanoseconds of the bucket in which a call was in progress.
    pub busy: i128,
    /// Of calls that ended `ok`.
    pub latency: Sketch,
    /// Of calls that failed. Kept apart, because fast failures would make an incident look fast.
    pub failure_latency: Sketch,
    /// Of all others.
    pub other_latency: Sketch,
}

impl Calls {
    /// Counts a call of `duration` nanoseconds. A weight of 0 counts nothing, and a negative duration as none. Busy time
    /// is apart, because it belongs to several minutes ([`busy_minutes`]).
    pub fn record(&mut self, duration: i64, weight: u64, outcome: Outcome) {
        self.change(Sign::Add, duration, weight, outcome);
    }

    /// Takes away a call that was recorded with the same arguments.
    pub fn remove(&mut self, duration: i64, weight: u64, outcome: Outcome) {
        self.change(Sign::Remove, duration, weight, outcome);
    }

    /// [`Calls::record`] or [`Calls::remove`].
    pub fn change(&mut self, sign: Sign, duration: i64, weight: u64, outcome: Outcome) {
        if weight == 0 {
            return;
        }
        let duration = duration.max(0);
        self.change_untimed(sign, weight, outcome);
        sign.sum(&mut self.duration, duration, weight);
        if duration <= LONGEST {
            let latency = match outcome {
                Outcome::Ok => &mut self.latency,
                failure if failure.is_failure() => &mut self.failure_latency,
                _ => &mut self.other_latency,
            };
            sign.sketch(latency, duration, weight);
        }
    }

    /// Counts a call of which nobody knows how long it took.
    pub fn change_untimed(&mut self, sign: Sign, weight: u64, outcome: Outcome) {
        if weight == 0 {
            return;
        }
        sign.count(&mut self.records, 1);
        sign.count(&mut self.by_outcome[index(outcome)], weight);
        let square = u128::from(weight) * u128::from(weight);
        self.weight_squares = match sign {
            Sign::Add => self.weight_squares.saturating_add(square),
            Sign::Remove => self.weight_squares.saturating_sub(square),
        };
    }

    pub fn merge(&mut self, other: &Calls) {
        self.records = self.records.saturating_add(other.records);
        for (sum, weight) in self.by_outcome.iter_mut().zip(other.by_outcome) {
            *sum = sum.saturating_add(weight);
        }
        self.weight_squares = self.weight_squares.saturating_add(other.weight_squares);
        self.duration = self.duration.saturating_add(other.duration);
        self.busy = self.busy.saturating_add(other.busy);
        self.latency.merge(&other.latency);
        self.failure_latency.merge(&other.failure_latency);
        self.other_latency.merge(&other.other_latency);
    }

    /// Whether there is nothing, not even a call in progress.
    pub fn is_empty(&self) -> bool {
        self.records == 0 && self.busy == 0
    }

    /// Of how many equally weighted calls the sum would be as uncertain: (Σw)² / Σw².
    pub fn effective(&self) -> f64 {
        if self.weight_squares == 0 { 0.0 } else { (self.weight() as f64).powi(2) / self.weight_squares as f64 }
    }

    /// Bytes of memory held beyond the counts themselves.
    pub fn size(&self) -> usize {
        self.latency.size() + self.failure_latency.size() + self.other_latency.size()
    }

    /// Fixed-point weight of the calls with this outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.by_outcome[index(outcome)]
    }

    /// Fixed-point weight of all calls.
    pub fn weight(&self) -> u64 {
        self.by_outcome.iter().fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// Fixed-point weight of the calls that failed.
    pub fn failed(&self) -> u64 {
        OUTCOMES
            .iter()
            .zip(self.by_outcome)
            .filter(|(outcome, _)| outcome.is_failure())
            .fold(0, |sum, (_, weight)| sum.saturating_add(weight))
    }
}

/// The minutes in which something was in progress from `start` to `end`, by their first nanosecond, and for how many
/// nanoseconds. Nothing of what lasted longer than [`LONGEST`].
pub fn busy_minutes(start: i64, end: i64) -> impl Iterator<Item = (i64, i64)> {
    let is_counted = end > start && end.saturating_sub(start) <= LONGEST;
    let first = is_counted.then(|| minute_of(start));
    std::iter::successors(first, move |minute| minute.checked_add(MINUTE).filter(|minute| *minute < end))
        .map(move |minute| (minute, end.min(minute.saturating_add(MINUTE)) - start.max(minute)))
}

/// How many whole calls a weight stands for, at least one.
pub(super) fn whole(weight: u64) -> u64 {
    (weight.saturating_add(WEIGHT_ONE / 2) / WEIGHT_ONE).max(1)
}

fn index(outcome: Outcome) -> usize {
    OUTCOMES.iter().position(|known| *known == outcome).expect("the list holds every outcome")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::red::Red;

    type Observed = (i64, u64, usize);

    fn observed() -> impl Strategy<Value = Vec<Observed>> {
        prop::collection::vec((0_i64..2 * LONGEST, 0_u64..20 * WEIGHT_ONE, 0_usize..8), 0..100)
    }

    fn calls_of(observed: &[Observed]) -> Calls {
        let mut calls = Calls::default();
        for (duration, weight, outcome) in observed {
            calls.record(*duration, *weight, OUTCOMES[*outcome]);
        }
        calls
    }

    #[test]
    fn busy_time_is_split_over_minutes() {
        let split = |start, end| busy_minutes(start, end).collect::<Vec<_>>();
        assert_eq!(split(MINUTE / 2, MINUTE / 2), []);
        assert_eq!(split(5, 7), [(0, 2)]);
        assert_eq!(split(MINUTE - 1, MINUTE), [(0, 1)]);
        assert_eq!(split(MINUTE - 1, 2 * MINUTE + 3), [(0, 1), (MINUTE, MINUTE), (2 * MINUTE, 3)]);
        assert_eq!(split(-1, 1), [(-MINUTE, 1), (0, 1)]);
        assert_eq!(split(0, LONGEST).len(), 1440);
        assert_eq!(split(0, LONGEST + 1), []);
        assert_eq!(split(i64::MIN, i64::MAX), []);
        assert!(split(i64::MAX - 5, i64::MAX).iter().map(|(_, nanos)| nanos).sum::<i64>() == 5);
    }

    #[test]
    fn percentiles_leave_out_what_lasted_days() {
        let calls = calls_of(&[(LONGEST + 1, WEIGHT_ONE, 0), (5, WEIGHT_ONE, 0)]);
        assert_eq!((calls.weight(), calls.latency.count()), (2 * WEIGHT_ONE, 1));
    }

    #[test]
    fn effective_samples_fall_with_unequal_weights() {
        assert_eq!(calls_of(&[(1, WEIGHT_ONE, 0), (1, WEIGHT_ONE, 3)]).effective(), 2.0);
        assert!((calls_of(&[(1, WEIGHT_ONE, 0), (1, 9 * WEIGHT_ONE, 3)]).effective() - 100.0 / 82.0).abs() < 1e-12);
        assert_eq!(Calls::default().effective(), 0.0);
    }

    proptest! {
        #[test]
        fn what_is_removed_leaves_no_trace(kept in observed(), taken in observed()) {
            let mut calls = calls_of(&taken);
            calls.merge(&calls_of(&kept));
            for (duration, weight, outcome) in &taken {
                calls.remove(*duration, *weight, OUTCOMES[*outcome]);
            }
            prop_assert_eq!(&calls, &calls_of(&kept));
            for (duration, weight, outcome) in &kept {
                calls.remove(*duration, *weight, OUTCOMES[*outcome]);
            }
            prop_assert_eq!(calls, Calls::default());
        }

        #[test]
        fn sums_are_those_of_red(observed in observed()) {
            let calls = calls_of(&observed);
            let mut red = Red::default();
            for (duration, weight, outcome) in &observed {
                red.record(*duration, *weight as f64 / WEIGHT_ONE as f64, OUTCOMES[*outcome].is_failure());
            }
            let rounded = |sum: i128| i64::try_from((sum + 32768) / 65536).unwrap();
            prop_assert_eq!(rounded(calls.weight().into()), red.requests());
            prop_assert_eq!(rounded(calls.failed().into()), red.failures());
            prop_assert_eq!(rounded(calls.duration), red.duration_sum_ns());
        }
    }
}
