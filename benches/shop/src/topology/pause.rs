//! Times at which processes stand still.

use std::ops::Range;

/// The pauses of a service's processes: each one's once per period, spread over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pauses {
    during: Range<i64>,
    length: i64,
    period: i64,
}

/// Adds pauses. False if there is nothing to add, or others still run.
pub(super) fn add(pauses: &mut Vec<Pauses>, during: &Range<i64>, length: i64, period: i64) -> bool {
    // Something has to happen in between.
    let length = length.min(period / 10 * 9);
    let runs = pauses.iter().any(|other| other.during.start < during.end && during.start < other.during.end);
    if length <= 0 || runs || during.is_empty() {
        return false;
    }
    pauses.push(Pauses { during: during.clone(), length, period });
    true
}

impl Pauses {
    /// The first pause that is not over at a time, of one process of so many.
    pub(super) fn next(&self, (process, of): (usize, usize), time: i64) -> Option<Range<i64>> {
        let (period, start, end) =
            (i128::from(self.period), i128::from(self.during.start), i128::from(self.during.end));
        let first = start + period * process as i128 / of.max(1) as i128;
        let over = (i128::from(time) - first - i128::from(self.length)).div_euclid(period) + 1;
        let begins = first + over.max(0) * period;
        let ends = (begins + i128::from(self.length)).min(end);
        let is_there = begins < end && ends > i128::from(time);
        is_there.then_some(begins as i64..ends as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_come_once_per_period_until_the_end() {
        let mut pauses = Vec::new();
        assert!(add(&mut pauses, &(100..225), 10, 50));
        let next = |process, time| pauses[0].next((process, 2), time);
        assert_eq!(next(0, 0), Some(100..110));
        assert_eq!(next(0, 109), Some(100..110));
        assert_eq!(next(0, 110), Some(150..160));
        assert_eq!(next(1, 110), Some(125..135));
        assert_eq!(next(0, 180), Some(200..210));
        assert_eq!((next(0, 210), next(1, 190)), (None, None));
    }

    #[test]
    fn odd_pauses_are_cut_or_left_out() {
        let mut pauses = Vec::new();
        assert!(!add(&mut pauses, &(0..100), 0, 10) && !add(&mut pauses, &(0..100), 5, 0));
        assert!(!add(&mut pauses, &(100..100), 5, 10));
        assert!(add(&mut pauses, &(i64::MIN..i64::MAX), 100, 100));
        assert!(!add(&mut pauses, &(0..10), 1, 2), "the first ones still run");
        let length = pauses[0].next((0, 1), 0).map(|pause| pause.end - pause.start);
        assert_eq!(length, Some(90));
    }
}
