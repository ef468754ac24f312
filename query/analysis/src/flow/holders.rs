//! Which interval a moment is in, for many moments and intervals at once.

use std::collections::BTreeSet;

use super::TOLERANCE;

/// A stretch of time that something takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) start: i64,
    pub(super) end: i64,
    /// Of several intervals that hold a moment, that of the greatest rank counts.
    pub(super) rank: i64,
    pub(super) record: u32,
}

/// For each moment, the record of the interval of the greatest rank, then of the latest start, that holds it; with some
/// tolerance at both ends. In time linear in intervals and moments but for sorting them.
pub(super) fn holders(intervals: &mut [Interval], moments: &mut [(i64, u32)], mut each: impl FnMut(u32, u32)) {
    intervals.sort_unstable_by_key(|interval| (interval.start, interval.record));
    moments.sort_unstable();
    let mut ends: Vec<(i64, usize)> =
        intervals.iter().enumerate().map(|(index, interval)| (interval.end, index)).collect();
    ends.sort_unstable();
    let (mut begun, mut ended) = (0, 0);
    // By rank; the index is in order of start.
    let mut open: BTreeSet<(i64, usize)> = BTreeSet::new();
    for (moment, of) in moments.iter() {
        while begun < intervals.len() && intervals[begun].start.saturating_sub(TOLERANCE) <= *moment {
            open.insert((intervals[begun].rank, begun));
            begun += 1;
        }
        while ended < ends.len() && ends[ended].0.saturating_add(TOLERANCE) < *moment {
            let index = ends[ended].1;
            open.remove(&(intervals[index].rank, index));
            ended += 1;
        }
        if let Some((_, index)) = open.last() {
            each(*of, intervals[*index].record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_interval_that_holds_a_moment_is_found() {
        const MS: i64 = 1_000_000;
        let interval =
            |start: i64, end: i64, rank: i64, record: u32| Interval { start: start * MS, end: end * MS, rank, record };
        let mut intervals =
            [interval(0, 100, 0, 0), interval(20, 60, 1, 1), interval(30, 40, 2, 2), interval(200, 190, 9, 3)];
        let mut found = std::collections::BTreeMap::new();
        let mut moments = [(35, 0), (50, 1), (90, 2), (104, 3), (106, 4), (-4, 5), (17, 6), (195, 7)]
            .map(|(moment, of): (i64, u32)| (moment * MS, of));
        holders(&mut intervals, &mut moments, |of, record| {
            found.insert(of, record);
        });
        let expected = [(0, 2), (1, 1), (2, 0), (3, 0), (5, 0), (6, 1), (7, 3)];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
