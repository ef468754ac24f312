//! Counts of the buckets of a histogram.

use std::ops::Range;

/// With two significant digits, 256 buckets hold one value each, and each 128 after them twice as many values as those
/// before.
const HALF: u64 = 128;
/// There is room for neighbouring buckets, so many at a time.
const STEP: usize = 32;

/// The counts of all buckets between the first and the last in which there is something, so that a bucket is found
/// without a search. Durations of one operation are close enough together for that to take less memory than to name each
/// bucket beside its count.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    /// Number of the first bucket that there is room for.
    first: u32,
    /// How many have something in them.
    used: u32,
    counts: Counts,
}

/// They take eight bytes each once one of them needs that.
#[derive(Debug, Clone)]
enum Counts {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Default for Counts {
    fn default() -> Self {
        Counts::Narrow(Vec::new())
    }
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The number of the bucket that a value is in.
#[inline]
fn bucket_of(value: u64) -> usize {
    let doublings = u64::from((u64::BITS - value.leading_zeros()).saturating_sub(HALF.ilog2() + 1));
    (doublings * HALF + (value >> doublings)) as usize
}

/// The lowest value of a bucket; none if the bucket is beyond all numbers.
pub(super) fn lowest_of(bucket: u64) -> Option<u64> {
    let doublings = (bucket / HALF).saturating_sub(1);
    let within = bucket - doublings * HALF;
    let lowest = u128::from(within) << u32::try_from(doublings).ok().filter(|doublings| *doublings < 64)?;
    u64::try_from(lowest).ok()
}

impl Buckets {
    #[inline]
    pub(super) fn add(&mut self, value: u64, count: u64) {
        self.add_to(bucket_of(value), count);
    }

    #[inline]
    fn add_to(&mut self, bucket: usize, count: u64) {
        if !self.room().contains(&bucket) {
            self.make_room(bucket..bucket + 1);
        }
        let before = self.counts.change(bucket - self.room().start, |sum| sum.saturating_add(count));
        self.used += u32::from(before == 0 && count > 0);
    }

    /// Takes away what was added before.
    pub(super) fn remove(&mut self, value: u64, count: u64) {
        let bucket = bucket_of(value);
        if self.room().contains(&bucket) {
            let before = self.counts.change(bucket - self.room().start, |sum| sum.saturating_sub(count));
            self.used -= u32::from((1..=count).contains(&before));
        }
    }

    pub(super) fn merge(&mut self, other: &Buckets) {
        self.add_all(other.room(), other.in_use());
    }

    /// Adds to the buckets with these numbers, which are all in `range`.
    pub(super) fn add_all(&mut self, range: Range<usize>, counts: impl Iterator<Item = (usize, u64)>) {
        self.make_room(range);
        counts.for_each(|(bucket, count)| self.add_to(bucket, count));
    }

    /// The lowest value and the count of each bucket in which there is something, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.in_use().map(|(bucket, count)| (lowest_of(bucket as u64).unwrap_or(u64::MAX), count))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes of memory held beyond the buckets themselves.
    pub(super) fn size(&self) -> usize {
        match &self.counts {
            Counts::Narrow(counts) => counts.capacity() * size_of::<u32>(),
            Counts::Wide(counts) => counts.capacity() * size_of::<u64>(),
        }
    }

    fn in_use(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> + '_ {
        let counts = self.room().map(|bucket| (bucket, self.counts.get(bucket - self.first as usize)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// The buckets that there is room for.
    #[inline]
    fn room(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.counts.len()
    }

    #[cold]
    fn make_room(&mut self, buckets: Range<usize>) {
        if buckets.is_empty() {
            return;
        }
        let room = self.room();
        let (mut start, mut end) = (buckets.start / STEP * STEP, buckets.end.next_multiple_of(STEP));
        if !room.is_empty() {
            (start, end) = (start.min(room.start), end.max(room.end));
        }
        if (start..end) == room {
            return;
        }
        let before = room.start.saturating_sub(start);
        match &mut self.counts {
            Counts::Narrow(counts) => *counts = with_room(counts, before, end - start),
            Counts::Wide(counts) => *counts = with_room(counts, before, end - start),
        }
        self.first = start as u32;
    }
}

/// A copy of `counts` behind so many empty ones, `len` in all.
fn with_room<T: Copy + Default>(counts: &[T], before: usize, len: usize) -> Vec<T> {
    let mut copy = Vec::with_capacity(len);
    copy.resize(if counts.is_empty() { 0 } else { before }, T::default());
    copy.extend_from_slice(counts);
    copy.resize(len, T::default());
    copy
}

impl Counts {
    fn len(&self) -> usize {
        match self {
            Counts::Narrow(counts) => counts.len(),
            Counts::Wide(counts) => counts.len(),
        }
    }

    fn get(&self, place: usize) -> u64 {
        match self {
            Counts::Narrow(counts) => counts[place].into(),
            Counts::Wide(counts) => counts[place],
        }
    }

    /// Changes a count, and tells what it was.
    #[inline]
    fn change(&mut self, place: usize, change: impl FnOnce(u64) -> u64) -> u64 {
        let before = self.get(place);
        let after = change(before);
        match (&mut *self, u32::try_from(after)) {
            (Counts::Narrow(counts), Ok(after)) => counts[place] = after,
            (Counts::Wide(counts), _) => counts[place] = after,
            (Counts::Narrow(counts), Err(_)) => {
                let mut wide: Vec<u64> = counts.iter().map(|count| u64::from(*count)).collect();
                wide[place] = after;
                *self = Counts::Wide(wide);
            }
        }
        before
    }
}

impl FromIterator<(u64, u64)> for Buckets {
    /// Of values in any order, with their counts.
    fn from_iter<T: IntoIterator<Item = (u64, u64)>>(counts: T) -> Self {
        let counts: Vec<(usize, u64)> = counts.into_iter().map(|(value, count)| (bucket_of(value), count)).collect();
        let numbers = || counts.iter().map(|(bucket, _)| *bucket);
        let mut buckets = Buckets::default();
        if let (Some(first), Some(last)) = (numbers().min(), numbers().max()) {
            buckets.add_all(first..last + 1, counts.iter().copied());
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{super::REFERENCE, *};

    fn any_value() -> impl Strategy<Value = u64> {
        (any::<u64>(), 1_u32..64).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        /// A map says the same, whatever is added, merged and taken away.
        #[test]
        fn buckets_are_a_map_in_order(
            one in prop::collection::vec((any_value(), 1_u64..5), 0..40),
            other in prop::collection::vec((any_value(), 1_u64..1 << 40), 0..40),
            taken in 0_usize..40,
        ) {
            let mut map: BTreeMap<u64, u64> = BTreeMap::new();
            for (value, count) in one.iter().chain(&other) {
                *map.entry(REFERENCE.lowest_equivalent(*value)).or_default() += count;
            }
            let (mut buckets, others): (Buckets, Buckets) = (one.iter().copied().collect(), other.into_iter().collect());
            buckets.merge(&others);
            prop_assert!(buckets.iter().eq(map.iter().map(|(lowest, count)| (*lowest, *count))));
            for (value, count) in one.iter().take(taken) {
                buckets.remove(*value, *count);
                *map.entry(REFERENCE.lowest_equivalent(*value)).or_default() -= count;
            }
            map.retain(|_, count| *count > 0);
            prop_assert_eq!(buckets.is_empty(), map.is_empty());
            prop_assert!(buckets.iter().eq(map));
        }
    }

    #[test]
    fn the_widest_range_takes_bounded_memory() {
        let buckets: Buckets = [(0, 1), (u64::MAX, u64::MAX)].into_iter().collect();
        assert_eq!(buckets.iter().collect::<Vec<_>>(), [(0, 1), (255 << 56, u64::MAX)]);
        assert!(buckets.size() < 64 << 10);
    }
}
