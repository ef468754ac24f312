//! Counts of buckets, in order of the buckets.

/// (Lowest value of the bucket, count), each bucket once, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Buckets(Vec<(u64, u64)>);

impl Buckets {
    pub(super) fn add(&mut self, lowest: u64, count: u64) {
        match self.place(lowest) {
            Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(count),
            Err(place) => self.0.insert(place, (lowest, count)),
        }
    }

    pub(super) fn remove(&mut self, lowest: u64, count: u64) {
        let Ok(place) = self.place(lowest) else { return };
        self.0[place].1 = self.0[place].1.saturating_sub(count);
        if self.0[place].1 == 0 {
            self.0.remove(place);
        }
    }

    /// In time linear in the buckets of both.
    pub(super) fn merge(&mut self, other: &Buckets) {
        let mut merged = Vec::with_capacity(self.0.len().max(other.0.len()));
        let mut others = other.iter().peekable();
        for (lowest, count) in self.iter() {
            while let Some(before) = others.next_if(|(other, _)| *other < lowest) {
                merged.push(before);
            }
            let same = others.next_if(|(other, _)| *other == lowest);
            merged.push((lowest, count.saturating_add(same.map_or(0, |(_, count)| count))));
        }
        merged.extend(others);
        self.0 = merged;
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of memory held beyond the buckets themselves.
    pub(super) fn size(&self) -> usize {
        self.0.capacity() * size_of::<(u64, u64)>()
    }

    fn place(&self, lowest: u64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&lowest, |(known, _)| *known)
    }
}

impl FromIterator<(u64, u64)> for Buckets {
    fn from_iter<T: IntoIterator<Item = (u64, u64)>>(counts: T) -> Self {
        let mut buckets = Buckets::default();
        counts.into_iter().for_each(|(lowest, count)| buckets.add(lowest, count));
        buckets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A map says the same, whatever is added, merged and taken away.
        #[test]
        fn buckets_are_a_map_in_order(
            one in prop::collection::vec((0_u64..20, 1_u64..5), 0..40),
            other in prop::collection::vec((0_u64..20, 1_u64..5), 0..40),
            taken in 0_usize..40,
        ) {
            let mut map: BTreeMap<u64, u64> = BTreeMap::new();
            for (lowest, count) in one.iter().chain(&other) {
                *map.entry(*lowest).or_default() += count;
            }
            let (mut buckets, others): (Buckets, Buckets) = (one.iter().copied().collect(), other.into_iter().collect());
            buckets.merge(&others);
            prop_assert!(buckets.iter().eq(map.iter().map(|(lowest, count)| (*lowest, *count))));
            for (lowest, count) in one.iter().take(taken) {
                buckets.remove(*lowest, *count);
                *map.entry(*lowest).or_default() -= count;
            }
            map.retain(|_, count| *count > 0);
            prop_assert!(buckets.iter().eq(map));
        }
    }
}
