//! The offset of two clocks in each bin of a window.

use std::ops::Range;

use super::{BIN, CLOCK_TOLERANCE, bounds::Bounds};

/// Bins of a window. A window without one offset is halved, down to bins.
pub(super) const BINS: usize = 16;

/// Clocks of computers drift apart by less than one part in this many.
const MAX_DRIFT: i64 = 5_000;

/// An offset, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) ahead: i64,
    pub(super) uncertainty: i64,
    /// There is an offset that fits all calls.
    pub(super) is_consistent: bool,
}

/// The offsets of a window, each for as many bins as have one, from the bounds of its bins. None without any calls.
pub(super) fn estimates(bounds: &[(usize, &Bounds)]) -> Vec<(Range<usize>, Estimate)> {
    with_drift(leaves(bounds))
}

/// The longest ranges of bins that have one offset, in order of time; single bins where there is none.
fn leaves(bounds: &[(usize, &Bounds)]) -> Vec<(Range<usize>, Estimate)> {
    let mut leaves = Vec::new();
    let mut ranges = vec![(0, BINS)];
    while let Some((start, end)) = ranges.pop() {
        let range = start..end;
        let mut merged = Bounds::default();
        let inside = bounds.iter().filter(|(bin, _)| range.contains(bin));
        inside.for_each(|(_, bounds)| merged.merge(bounds));
        let Some((least, most)) = merged.interval() else { continue };
        let estimate = estimate(least, most);
        if estimate.is_consistent || range.len() == 1 {
            leaves.push((range, estimate));
        } else {
            let middle = usize::midpoint(start, end);
            ranges.extend([(middle, end), (start, middle)]);
        }
    }
    leaves
}

/// An offset that moves from range to range is less certain: by half of what it moves. A move that is too fast for drift
/// is a clock that was set; that says nothing about the time before and after.
fn with_drift(mut leaves: Vec<(Range<usize>, Estimate)>) -> Vec<(Range<usize>, Estimate)> {
    let drift = |one: &(Range<usize>, Estimate), other: &(Range<usize>, Estimate)| {
        let half_bins = (other.0.start + other.0.end - one.0.start - one.0.end) as i64;
        let drift = (other.1.ahead - one.1.ahead).abs();
        (drift <= half_bins * BIN / 2 / MAX_DRIFT).then_some(drift)
    };
    let moves: Vec<Option<i64>> = leaves.windows(2).map(|pair| drift(&pair[0], &pair[1])).collect();
    for (index, (_, estimate)) in leaves.iter_mut().enumerate() {
        let before = index.checked_sub(1).and_then(|before| moves[before]);
        let after = moves.get(index).copied().flatten();
        estimate.uncertainty += before.max(after).unwrap_or(0) / 2;
    }
    leaves
}

/// No offset without evidence of one; else the smallest that fits, and a little into the interval.
fn estimate(least: i64, most: i64) -> Estimate {
    let uncertainty = (most.saturating_sub(least) / 2).abs();
    let is_consistent = least <= most;
    let inside = uncertainty.min(CLOCK_TOLERANCE);
    let ahead = if !is_consistent {
        most + uncertainty
    } else if least > 0 {
        least + inside
    } else if most < 0 {
        most - inside
    } else {
        0
    };
    Estimate { ahead, uncertainty, is_consistent }
}
