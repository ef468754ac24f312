//! Values by key for each minute, of bounded size.

use std::{
    collections::{BTreeMap, hash_map::Entry},
    hash::Hash,
};

use super::Window;
use crate::hash::{FastMap, table_size};

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
/// Values by key and minute. There are at most so many keys a minute; what comes beyond is counted and left out.
#[derive(Debug, Clone)]
pub(crate) struct PerMinute<K, V> {
    /// In order of time.
    minutes: Vec<(i64, FastMap<K, V>)>,
    /// Place of the minute that was last asked for.
    last: usize,
    max_keys: usize,
    overflowed: u64,
}

impl<K: Ord + Hash, V: Default> PerMinute<K, V> {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self { minutes: Vec::new(), last: 0, max_keys, overflowed: 0 }
    }

    /// The value of `key` in the minute that begins at `minute`; `None` if there is no room for another key.
    pub(crate) fn at(&mut self, minute: i64, key: K) -> Option<&mut V> {
        if self.minutes.get(self.last).is_none_or(|(last, _)| *last != minute) {
            self.last = match self.place(minute) {
                Ok(place) => place,
                Err(_) if self.minutes.len() >= MAX_MINUTES => {
                    self.overflowed += 1;
                    return None;
                }
                Err(place) => {
                    self.minutes.insert(place, (minute, FastMap::default()));
                    place
                }
            };
        }
        let keys = &mut self.minutes[self.last].1;
        let is_full = keys.len() >= self.max_keys;
        match keys.entry(key) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if is_full => {
                self.overflowed += 1;
                None
            }
            Entry::Vacant(other) => Some(other.insert(V::default())),
        }
    }

    pub(crate) fn get(&self, minute: i64, key: &K) -> Option<&V> {
        self.minutes[self.place(minute).ok()?].1.get(key)
    }

    fn place(&self, minute: i64) -> Result<usize, usize> {
        self.minutes.binary_search_by_key(&minute, |(minute, _)| *minute)
    }

    fn within(&self, window: Window) -> impl Iterator<Item = &(i64, FastMap<K, V>)> {
        let from = self.minutes.partition_point(|(minute, _)| *minute < window.from);
        self.minutes[from..].iter().take_while(move |(minute, _)| *minute < window.to)
    }

    /// What was counted in one minute, in order of the keys.
    pub(crate) fn minute(&self, minute: i64) -> impl Iterator<Item = (&K, &V)> {
        self.place(minute).into_iter().flat_map(|place| in_order(&self.minutes[place].1))
    }

    /// What was counted in the minutes of a window, in order of time and of the keys.
    pub(crate) fn each(&self, window: Window) -> impl Iterator<Item = (i64, &K, &V)> {
        self.within(window).flat_map(|(minute, values)| in_order(values).map(move |(key, value)| (*minute, key, value)))
    }

    /// What was counted of one key in the minutes of a window, in order of time.
    pub(crate) fn of_key<'a>(&'a self, window: Window, key: &'a K) -> impl Iterator<Item = (i64, &'a V)> {
        self.within(window).filter_map(move |(minute, values)| Some((*minute, values.get(key)?)))
    }

    pub(crate) fn forget_before(&mut self, minute: i64) {
        self.minutes.drain(..self.minutes.partition_point(|(known, _)| *known < minute));
        self.last = 0;
    }

    /// How often something was left out for want of room.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

/// Tables have no order, but what is concluded from them must have one.
fn in_order<K: Ord, V>(values: &FastMap<K, V>) -> impl Iterator<Item = (&K, &V)> {
    let mut values: Vec<(&K, &V)> = values.iter().collect();
    values.sort_unstable_by_key(|(key, _)| *key);
    values.into_iter()
}

impl<K: Ord + Hash + Clone, V: Default + Additive> PerMinute<K, V> {
    /// Sums over a window.
    pub(crate) fn sums(&self, window: Window) -> BTreeMap<K, V> {
        let mut sums: BTreeMap<K, V> = BTreeMap::new();
        for (key, value) in self.within(window).flat_map(|(_, values)| values) {
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
        self.of_key(window, key).for_each(|(_, value)| sum.add(value));
        sum
    }

    /// Bytes of memory held, roughly.
    pub(crate) fn size(&self) -> usize {
        let of_minute = |values: &FastMap<K, V>| {
            table_size::<(K, V)>(values.capacity()) + values.values().map(Additive::extra_size).sum::<usize>()
        };
        self.minutes.iter().map(|(_, values)| of_minute(values)).sum()
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
