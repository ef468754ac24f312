//! Values by key for each minute, of bounded size.

use std::collections::BTreeMap;

use super::Window;

/// Something of which two parts make a whole, in any order.
pub(crate) trait Additive {
    fn add(&mut self, other: &Self);

    /// Bytes of memory held beyond the value itself.
    fn extra_size(&self) -> usize {
        0
    }
}

/// The most minutes that are kept: more than any horizon, so that only times far apart from all others are refused.
const MAX_MINUTES: usize = 256;
/// Share of a map's node that an entry has, bytes.
const NODE_SHARE: usize = 24;

/// Values by key and minute. There are at most so many keys a minute; what comes beyond is counted and left out.
#[derive(Debug, Clone)]
pub(crate) struct PerMinute<K, V> {
    minutes: BTreeMap<i64, BTreeMap<K, V>>,
    max_keys: usize,
    overflowed: u64,
}

impl<K: Ord, V: Default> PerMinute<K, V> {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self { minutes: BTreeMap::new(), max_keys, overflowed: 0 }
    }

    /// The value of `key` in the minute that begins at `minute`; `None` if there is no room for another key.
    pub(crate) fn at(&mut self, minute: i64, key: K) -> Option<&mut V> {
        if self.minutes.len() >= MAX_MINUTES && !self.minutes.contains_key(&minute) {
            self.overflowed += 1;
            return None;
        }
        let keys = self.minutes.entry(minute).or_default();
        if keys.len() >= self.max_keys && !keys.contains_key(&key) {
            self.overflowed += 1;
            return None;
        }
        Some(keys.entry(key).or_default())
    }

    pub(crate) fn get(&self, minute: i64, key: &K) -> Option<&V> {
        self.minutes.get(&minute)?.get(key)
    }

    /// What was counted in one minute.
    pub(crate) fn minute(&self, minute: i64) -> impl Iterator<Item = (&K, &V)> {
        self.minutes.get(&minute).into_iter().flatten()
    }

    /// Minutes of a window that have values, in order of time.
    pub(crate) fn window(&self, window: Window) -> impl DoubleEndedIterator<Item = (i64, &BTreeMap<K, V>)> {
        self.minutes.range(window.from..window.to).map(|(minute, values)| (*minute, values))
    }

    pub(crate) fn forget_before(&mut self, minute: i64) {
        self.minutes = self.minutes.split_off(&minute);
    }

    /// How often something was left out for want of room.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

impl<K: Ord + Clone, V: Default + Additive> PerMinute<K, V> {
    /// Sums over a window.
    pub(crate) fn sums(&self, window: Window) -> BTreeMap<K, V> {
        let mut sums: BTreeMap<K, V> = BTreeMap::new();
        for (key, value) in self.window(window).flat_map(|(_, values)| values) {
            match sums.get_mut(key) {
                Some(sum) => sum.add(value),
                None => sums.entry(key.clone()).or_default().add(value),
            }
        }
        sums
    }

    /// The sum of one key over a window.
    pub(crate) fn sum(&self, window: Window, key: &K) -> V {
        let mut sum = V::default();
        for value in self.window(window).filter_map(|(_, values)| values.get(key)) {
            sum.add(value);
        }
        sum
    }

    /// Bytes of memory held, roughly.
    pub(crate) fn size(&self) -> usize {
        let of_entry = |value: &V| size_of::<K>() + size_of::<V>() + NODE_SHARE + value.extra_size();
        self.minutes.values().flat_map(BTreeMap::values).map(of_entry).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysed::MINUTE;

    impl Additive for u64 {
        fn add(&mut self, other: &Self) {
            *self += other;
        }
    }

    #[test]
    fn keys_are_bounded_and_minutes_add_up_and_are_forgotten() {
        let mut counts = PerMinute::<&str, u64>::new(2);
        for (minute, key, count) in [(0, "a", 1), (0, "b", 2), (0, "c", 4), (MINUTE, "a", 8), (MINUTE, "c", 16)] {
            if let Some(sum) = counts.at(minute, key) {
                *sum += count;
            }
        }
        assert_eq!(counts.overflowed(), 1, "the first minute has no room for c");
        let window = Window { from: 0, to: 2 * MINUTE };
        assert_eq!(counts.sums(window), BTreeMap::from([("a", 9), ("b", 2), ("c", 16)]));
        assert_eq!(counts.sum(window, &"a"), 9);
        assert_eq!(counts.get(0, &"b"), Some(&2));
        let size = counts.size();
        counts.forget_before(MINUTE);
        assert_eq!(counts.sums(window), BTreeMap::from([("a", 8), ("c", 16)]));
        assert!(counts.size() < size);
    }

    #[test]
    fn times_far_apart_do_not_take_memory_without_bound() {
        let mut counts = PerMinute::<u8, u64>::new(2);
        for minute in 0..1000 {
            counts.at(minute * MINUTE, 0);
        }
        assert_eq!(counts.overflowed(), 1000 - MAX_MINUTES as u64);
    }
}
