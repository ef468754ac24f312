//! The interval that calls leave for the offset of two clocks.

/// How many of the most extreme calls are kept of each side, so that the most extreme one in a hundred can be left out.
/// Beyond a hundred times as many calls, fewer than one in a hundred are left out.
const KEPT: usize = 8;
const MOST_LEFT_OUT: usize = KEPT - 1;
/// Of so many calls, one is left out.
const PER_LEFT_OUT: u64 = 100;

/// The tightest bounds seen. The same whatever the order of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    calls: u64,
    /// The greatest of the lower bounds, descending, as far as there are calls.
    least: [i64; KEPT],
    /// The smallest of the upper bounds, ascending, as far as there are calls.
    most: [i64; KEPT],
}

impl Bounds {
    /// Takes in a call. Whether that can change an interval, of these bounds or of others merged with them.
    pub(super) fn add(&mut self, least: i64, most: i64) -> bool {
        let kept = self.kept();
        let is_tighter = insert(&mut self.least, kept, least, |new, old| new > old)
            | insert(&mut self.most, kept, most, |new, old| new < old);
        self.calls += 1;
        is_tighter || self.calls <= MOST_LEFT_OUT as u64 * PER_LEFT_OUT
    }

    pub(super) fn merge(&mut self, other: &Bounds) {
        for index in 0..other.kept() {
            let kept = (self.kept() + index).min(KEPT);
            insert(&mut self.least, kept, other.least[index], |new, old| new > old);
            insert(&mut self.most, kept, other.most[index], |new, old| new < old);
        }
        self.calls += other.calls;
    }

    /// The lower and the upper bound without the most extreme calls; crossed if no offset fits all others.
    pub(super) fn interval(&self) -> Option<(i64, i64)> {
        let left_out = ((self.calls / PER_LEFT_OUT) as usize).min(MOST_LEFT_OUT);
        (self.calls > 0).then(|| (self.least[left_out], self.most[left_out]))
    }

    fn kept(&self) -> usize {
        self.calls.min(KEPT as u64) as usize
    }
}

/// Puts a value where it belongs among the first `kept` ones; the last gives way. Whether it belongs there.
fn insert(values: &mut [i64; KEPT], kept: usize, value: i64, is_before: impl Fn(i64, i64) -> bool) -> bool {
    let Some(place) = (0..KEPT).find(|place| *place >= kept || is_before(value, values[*place])) else { return false };
    values.copy_within(place..KEPT - 1, place + 1);
    values[place] = value;
    true
}
