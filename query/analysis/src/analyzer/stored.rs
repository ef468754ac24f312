//! Which minutes are counted in storage and not in memory.

use std::collections::BTreeSet;

/// How many minutes are told apart, the newest: a week's.
const MAX_KNOWN: usize = 7 * 24 * 60;

#[derive(Debug)]
pub(super) struct Stored {
    /// Any minute before it may be stored.
    unknown_before: i64,
    known: BTreeSet<i64>,
}

impl Default for Stored {
    /// Nothing is stored.
    fn default() -> Self {
        Self { unknown_before: i64::MIN, known: BTreeSet::new() }
    }
}

impl Stored {
    /// Any minute before `unknown_before` may be stored.
    pub(super) fn set_unknown_before(&mut self, unknown_before: i64) {
        self.unknown_before = unknown_before;
        self.known = self.known.split_off(&unknown_before);
    }

    pub(super) fn add(&mut self, minute: i64) {
        if minute >= self.unknown_before {
            self.known.insert(minute);
        }
        if self.known.len() > MAX_KNOWN
            && let Some(oldest) = self.known.pop_first()
        {
            self.unknown_before = oldest + 1;
        }
    }

    /// Whether something may be stored of a minute.
    pub(super) fn may_hold(&self, minute: i64) -> bool {
        minute < self.unknown_before || self.known.contains(&minute)
    }

    /// Bytes of memory held, roughly.
    pub(super) fn size(&self) -> usize {
        self.known.len() * 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_not_to_be_stored_is_not() {
        let mut stored = Stored::default();
        assert!(!stored.may_hold(3));
        stored.add(3);
        assert!(stored.may_hold(3) && !stored.may_hold(4));
        stored.set_unknown_before(10);
        stored.add(12);
        assert_eq!([3, 4, 10, 12].map(|minute| stored.may_hold(minute)), [true, true, false, true]);
    }

    #[test]
    fn the_newest_minutes_are_told_apart() {
        let mut stored = Stored::default();
        (0..MAX_KNOWN as i64 + 2).for_each(|minute| stored.add(2 * minute));
        assert_eq!([0, 1, 2, 3, 4, 5].map(|minute| stored.may_hold(minute)), [true, true, true, false, true, false]);
        assert_eq!(stored.size(), 16 * MAX_KNOWN);
    }
}
