//! Traces to look at, and from when to when something was seen.

use super::Additive;

/// How many of each sort are kept.
const EACH: usize = 3;

/// The slowest traces, failed ones and any: the latter two those with the smallest hash of their id, so that the choice
/// is the same in whatever order and parts they come. Each list in order, and each trace with one duration in it once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exemplars {
    /// By negated nanoseconds.
    slow: Smallest<i64>,
    failed: Smallest<u64>,
    any: Smallest<u64>,
}

/// The traces with the smallest of something, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Smallest<K> {
    kept: Vec<(K, u128)>,
    /// That of the last, if no more are kept: nearly all have more, and need not be compared with those kept.
    limit: Option<K>,
}

impl Exemplars {
    pub(crate) fn see(&mut self, trace: u128, duration_ns: i64, has_failed: bool) {
        self.slow.keep((-duration_ns, trace));
        if has_failed {
            self.failed.keep((mixed(trace), trace));
        }
        self.any.keep((mixed(trace), trace));
    }

    /// Each trace once: slow ones, failed ones, others.
    pub(crate) fn traces(&self) -> Vec<u128> {
        let all = self.slow.kept.iter().map(|(_, trace)| *trace);
        let all = all.chain(self.failed.kept.iter().chain(&self.any.kept).map(|(_, trace)| *trace));
        let mut traces = Vec::new();
        for trace in all {
            if !traces.contains(&trace) {
                traces.push(trace);
            }
        }
        traces
    }

    /// At least this many different traces were seen, counting no further than is kept.
    pub(crate) fn distinct(&self) -> usize {
        self.any.kept.len()
    }
}

impl Additive for Exemplars {
    fn add(&mut self, other: &Self) {
        other.slow.kept.iter().for_each(|one| self.slow.keep(*one));
        other.failed.kept.iter().for_each(|one| self.failed.keep(*one));
        other.any.kept.iter().for_each(|one| self.any.keep(*one));
    }

    fn extra_size(&self) -> usize {
        (self.slow.kept.len() + self.failed.kept.len() + self.any.kept.len()) * 48
    }
}

impl<K: Ord + Copy> Smallest<K> {
    #[inline]
    fn keep(&mut self, one: (K, u128)) {
        if self.limit.is_none_or(|limit| one.0 <= limit) {
            self.insert(one);
        }
    }

    fn insert(&mut self, one: (K, u128)) {
        if let Err(place @ ..EACH) = self.kept.binary_search(&one) {
            self.kept.truncate(EACH - 1);
            self.kept.insert(place, one);
            self.limit = self.kept.get(EACH - 1).map(|(last, _)| *last);
        }
    }
}

/// A hash of a trace id (the finalizer of SplitMix64 over both halves): trace ids may begin with a time.
pub(super) fn mixed(trace: u128) -> u64 {
    let mut hash = (trace as u64) ^ ((trace >> 64) as u64).rotate_left(32);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// From when to when something was seen, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { first: i64::MAX, last: i64::MIN }
    }
}

impl Extent {
    pub(crate) fn see(&mut self, start: i64, end: i64) {
        self.first = self.first.min(start);
        self.last = self.last.max(end);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first > self.last
    }
}

impl Additive for Extent {
    fn add(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exemplars_are_the_same_in_any_order_and_parts(
            traces in proptest::collection::vec((1_u128..50, 0_i64..5, any::<bool>()), 0..40),
            split in 0_usize..40,
        ) {
            let mut whole = Exemplars::default();
            let (mut left, mut right) = (Exemplars::default(), Exemplars::default());
            for (index, (trace, duration, failed)) in traces.iter().enumerate() {
                whole.see(*trace, *duration, *failed);
                let part = if index < split { &mut right } else { &mut left };
                part.see(*trace, *duration, *failed);
            }
            left.add(&right);
            prop_assert_eq!(&left, &whole);
            prop_assert!(whole.traces().len() <= 3 * EACH);
        }
    }

    #[test]
    fn an_extent_is_empty_until_something_is_seen() {
        let mut extent = Extent::default();
        assert!(extent.is_empty());
        extent.see(5, 7);
        extent.add(&Extent { first: 2, last: 3 });
        assert_eq!(extent, Extent { first: 2, last: 7 });
    }
}
