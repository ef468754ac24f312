//! Values that change at known times.

/// A value for every moment: one from the beginning, and what it changes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline<T> {
    first: T,
    /// In order of time, each time once.
    changes: Vec<(i64, T)>,
}

impl<T: Clone> Timeline<T> {
    /// A value that never changes.
    pub fn always(value: T) -> Self {
        Self { first: value, changes: Vec::new() }
    }

    /// The value at a time, nanoseconds since the Unix epoch.
    pub fn at(&self, time: i64) -> &T {
        let passed = self.changes.partition_point(|(since, _)| *since <= time);
        passed.checked_sub(1).map_or(&self.first, |latest| &self.changes[latest].1)
    }

    /// Changes whatever the value is from `from` on until before `to`. Changes of overlapping times add up.
    pub fn alter(&mut self, from: i64, to: i64, mut change: impl FnMut(&mut T)) {
        if from >= to {
            return;
        }
        self.split(from);
        self.split(to);
        for (since, value) in &mut self.changes {
            if (from..to).contains(since) {
                change(value);
            }
        }
    }

    /// The value from the beginning.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// When the value changes.
    pub fn changes(&self) -> impl Iterator<Item = (i64, &T)> {
        self.changes.iter().map(|(since, value)| (*since, value))
    }

    fn split(&mut self, time: i64) {
        let place = self.changes.partition_point(|(since, _)| *since < time);
        if self.changes.get(place).is_none_or(|(since, _)| *since != time) {
            let value = place.checked_sub(1).map_or(&self.first, |before| &self.changes[before].1).clone();
            self.changes.insert(place, (time, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_changes_add_up() {
        let mut timeline = Timeline::always(1);
        timeline.alter(10, 30, |value| *value += 10);
        timeline.alter(20, 40, |value| *value += 100);
        timeline.alter(50, 50, |value| *value = 0);
        let at: Vec<i32> = [9, 10, 19, 20, 29, 30, 39, 40, 50].iter().map(|time| *timeline.at(*time)).collect();
        assert_eq!(at, [1, 11, 11, 111, 111, 101, 101, 1, 1]);
    }
}
