//! When what is known of a minute is written, and when it is judged.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_analysis::analysed::MINUTE;

const SECOND: i64 = 1_000_000_000;
/// A minute that has not changed for so long is written for the first time.
const SETTLED: i64 = 5 * SECOND;
/// Least time between two writings of a minute.
const WRITE_INTERVAL: i64 = 30 * SECOND;
const MAX_WRITE_INTERVAL: i64 = 30 * MINUTE;
/// A minute is judged when it has been over, and has not changed, for so long.
const JUDGE_AFTER: i64 = 30 * SECOND;
/// Even if it still changes, it is judged after so long.
const JUDGE_AT_LATEST: i64 = 3 * MINUTE;
/// What is computed from storage is not written from memory for so long: traces of which storage had all may still be open.
const FOREIGN_FOR: i64 = 10 * MINUTE;
/// In a gap without records so many minutes are judged, so that what was open closes; then the gap is skipped.
const GAP_MINUTES: i64 = 5;

#[derive(Debug, Clone, Copy)]
struct State {
    /// By the clock, when the minute changed first and last.
    first_changed: i64,
    changed: i64,
    written: Option<i64>,
    is_dirty: bool,
}

/// The minutes that are held in memory. All times are of the clock, minutes are of events.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    minutes: BTreeMap<i64, State>,
    /// Minutes of which memory holds a part only, or what is counted in storage already; they are computed from storage.
    /// With when that was last done, or they changed.
    foreign: BTreeMap<i64, i64>,
    /// Those of them that changed since they were computed.
    stale: BTreeSet<i64>,
    judged: Option<i64>,
}

impl Schedule {
    pub(super) fn changed(&mut self, minute: i64, now: i64) {
        let state = self.minutes.entry(minute).or_insert(State {
            first_changed: now,
            changed: now,
            written: None,
            is_dirty: true,
        });
        state.changed = now;
        state.is_dirty = true;
        if let Some(touched) = self.foreign.get_mut(&minute) {
            *touched = now;
            self.stale.insert(minute);
        }
    }

    /// From here on the minute is not written from memory.
    pub(super) fn set_foreign(&mut self, minute: i64, now: i64) {
        self.foreign.insert(minute, now);
        self.stale.insert(minute);
    }

    /// A foreign minute was computed from storage.
    pub(super) fn computed(&mut self, minute: i64, now: i64) {
        self.foreign.entry(minute).and_modify(|touched| *touched = now);
    }

    /// Minutes to write from memory.
    pub(super) fn due(&self, now: i64) -> Vec<i64> {
        let is_due = |(minute, state): &(&i64, &State)| {
            state.is_dirty
                && !self.foreign.contains_key(minute)
                && match state.written {
                    None => now - state.changed >= SETTLED || now - state.first_changed >= WRITE_INTERVAL,
                    Some(written) => {
                        let age = now - (**minute + MINUTE);
                        now - written >= (age / 4).clamp(WRITE_INTERVAL, MAX_WRITE_INTERVAL)
                    }
                }
        };
        self.minutes.iter().filter(is_due).map(|(minute, _)| *minute).collect()
    }

    /// All minutes with changes that are not written.
    pub(super) fn dirty(&self) -> Vec<i64> {
        let dirty = self.minutes.iter().filter(|(minute, state)| state.is_dirty && !self.foreign.contains_key(minute));
        dirty.map(|(minute, _)| *minute).collect()
    }

    pub(super) fn written(&mut self, minute: i64, now: i64) {
        if let Some(state) = self.minutes.get_mut(&minute) {
            state.written = Some(now);
            state.is_dirty = false;
        }
    }

    /// Foreign minutes that have settled, in order. They are to be computed from storage.
    pub(super) fn take_settled_foreign(&mut self, now: i64) -> Vec<i64> {
        let settled: Vec<i64> = self.stale.iter().copied().filter(|minute| self.is_settled(*minute, now)).collect();
        for minute in &settled {
            self.stale.remove(minute);
            if let Some(state) = self.minutes.get_mut(minute) {
                state.is_dirty = false;
                state.written = Some(now);
            }
        }
        settled
    }

    /// The next minute to judge, if there is one. Minutes are judged in order, each once.
    pub(super) fn next_to_judge(&mut self, now: i64) -> Option<i64> {
        let next = self.following()?;
        self.is_settled(next, now).then(|| *self.judged.insert(next))
    }

    fn following(&self) -> Option<i64> {
        let Some(judged) = self.judged else { return self.oldest() };
        let following = judged + MINUTE;
        match self.minutes.range(following..).next() {
            // What was open had the time to close.
            Some((minute, _)) if *minute - following > GAP_MINUTES * MINUTE && !self.in_gap(following) => Some(*minute),
            _ => Some(following),
        }
    }

    /// The next minute to judge up to `minute`, settled or not.
    pub(super) fn judge_early(&mut self, minute: i64) -> Option<i64> {
        let next = self.following()?;
        (next <= minute).then(|| *self.judged.insert(next))
    }

    /// Everything before this was judged, or has nothing to judge.
    pub(super) fn judged_until(&self) -> i64 {
        self.judged.map(|judged| judged + MINUTE).or_else(|| self.oldest()).unwrap_or(i64::MAX)
    }

    /// Forgets the minutes before `minute`.
    pub(super) fn forget_before(&mut self, minute: i64, now: i64) {
        self.minutes = self.minutes.split_off(&minute);
        // What is stale stays until it is computed, and then as long as open traces may be in it that storage has, too.
        let stale = &self.stale;
        self.foreign.retain(|time, touched| *time >= minute || stale.contains(time) || now - *touched < FOREIGN_FOR);
    }

    /// The oldest minute that is held.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.minutes.keys().next().copied()
    }

    /// The `count` oldest minutes that are held.
    pub(super) fn first(&self, count: usize) -> Vec<i64> {
        self.minutes.keys().copied().take(count).collect()
    }

    /// Whether a minute is to be written from memory.
    pub(super) fn is_dirty(&self, minute: i64) -> bool {
        self.minutes.get(&minute).is_some_and(|state| state.is_dirty) && !self.foreign.contains_key(&minute)
    }

    pub(super) fn len(&self) -> usize {
        self.minutes.len()
    }

    /// Whether `minute` is among the first of a gap.
    fn in_gap(&self, minute: i64) -> bool {
        let last = self.minutes.range(..minute).next_back();
        last.is_some_and(|(last, _)| minute - last <= GAP_MINUTES * MINUTE)
    }

    fn is_settled(&self, minute: i64, now: i64) -> bool {
        let over_for = now - (minute + MINUTE);
        match self.minutes.get(&minute) {
            _ if over_for < JUDGE_AFTER => false,
            None => over_for >= JUDGE_AT_LATEST,
            Some(state) => now - state.changed >= JUDGE_AFTER || now - state.first_changed >= JUDGE_AT_LATEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_800_000_000 * SECOND;

    #[test]
    fn a_minute_is_written_when_it_settles_and_again_when_it_changed_less_and_less_often() {
        let mut schedule = Schedule::default();
        schedule.changed(T0, T0 + 70 * SECOND);
        assert!(schedule.due(T0 + 72 * SECOND).is_empty());
        assert_eq!(schedule.due(T0 + 75 * SECOND), [T0]);
        schedule.written(T0, T0 + 75 * SECOND);
        assert!(schedule.due(T0 + 500 * SECOND).is_empty(), "nothing changed");
        schedule.changed(T0, T0 + 80 * SECOND);
        assert!(schedule.due(T0 + 90 * SECOND).is_empty());
        assert_eq!(schedule.due(T0 + 105 * SECOND), [T0]);
        schedule.written(T0, T0 + 660 * SECOND);
        schedule.changed(T0, T0 + 661 * SECOND);
        assert!(schedule.due(T0 + 700 * SECOND).is_empty(), "an old minute waits longer");
        assert_eq!(schedule.due(T0 + 900 * SECOND), [T0]);
    }

    #[test]
    fn a_minute_that_never_settles_is_written_all_the_same() {
        let mut schedule = Schedule::default();
        for second in 0..=30 {
            schedule.changed(T0, T0 + second * SECOND);
        }
        assert_eq!(schedule.due(T0 + 30 * SECOND), [T0]);
    }

    #[test]
    fn minutes_are_judged_in_order_once_they_have_settled() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next_to_judge(T0), None);
        schedule.changed(T0 + MINUTE, T0 + 130 * SECOND);
        schedule.changed(T0, T0 + 60 * SECOND);
        assert_eq!(schedule.next_to_judge(T0 + 89 * SECOND), None);
        assert_eq!(schedule.next_to_judge(T0 + 90 * SECOND), Some(T0));
        assert_eq!(schedule.next_to_judge(T0 + 150 * SECOND), None);
        assert_eq!(schedule.next_to_judge(T0 + 160 * SECOND), Some(T0 + MINUTE));
        assert_eq!(schedule.next_to_judge(T0 + 3 * MINUTE), None, "an empty minute is waited for");
        assert_eq!(schedule.next_to_judge(T0 + 6 * MINUTE), Some(T0 + 2 * MINUTE));
    }

    #[test]
    fn a_gap_is_judged_at_its_beginning_and_then_skipped() {
        let mut schedule = Schedule::default();
        schedule.changed(T0, T0);
        schedule.changed(T0 + 1000 * MINUTE, T0 + 1000 * MINUTE);
        let judged: Vec<i64> = std::iter::from_fn(|| schedule.next_to_judge(T0 + 1004 * MINUTE)).collect();
        let minutes: Vec<i64> = judged.iter().map(|minute| (minute - T0) / MINUTE).collect();
        assert_eq!(minutes, [0, 1, 2, 3, 4, 5, 1000]);
    }

    #[test]
    fn minutes_are_judged_early_in_order_when_room_is_needed() {
        let mut schedule = Schedule::default();
        (0..3).for_each(|minute| schedule.changed(T0 + minute * MINUTE, T0));
        assert_eq!(schedule.first(2), [T0, T0 + MINUTE]);
        let judged: Vec<i64> = std::iter::from_fn(|| schedule.judge_early(T0 + MINUTE)).collect();
        assert_eq!(judged, [T0, T0 + MINUTE]);
        assert_eq!(schedule.judged_until(), T0 + 2 * MINUTE);
        assert!(schedule.is_dirty(T0));
        schedule.written(T0, T0);
        assert!(!schedule.is_dirty(T0) && !schedule.is_dirty(T0 + 9 * MINUTE));
    }

    #[test]
    fn foreign_minutes_are_not_written_from_memory() {
        let mut schedule = Schedule::default();
        schedule.changed(T0, T0 + 60 * SECOND);
        schedule.set_foreign(T0, T0 + 60 * SECOND);
        assert!(schedule.due(T0 + 80 * SECOND).is_empty() && schedule.dirty().is_empty());
        assert!(schedule.take_settled_foreign(T0 + 80 * SECOND).is_empty());
        assert_eq!(schedule.take_settled_foreign(T0 + 90 * SECOND), [T0]);
        assert!(schedule.take_settled_foreign(T0 + 90 * SECOND).is_empty());
        schedule.changed(T0, T0 + 100 * SECOND);
        assert_eq!(schedule.take_settled_foreign(T0 + 130 * SECOND), [T0], "it stays foreign");
        schedule.computed(T0, T0 + 140 * SECOND);
        schedule.forget_before(T0 + MINUTE, T0 + 150 * SECOND);
        schedule.changed(T0, T0 + 160 * SECOND);
        assert!(schedule.dirty().is_empty(), "a trace was open that storage had");
        assert_eq!(schedule.take_settled_foreign(T0 + 190 * SECOND), [T0]);
        schedule.forget_before(T0 + MINUTE, T0 + 160 * SECOND + FOREIGN_FOR);
        schedule.changed(T0, T0 + 161 * SECOND + FOREIGN_FOR);
        assert_eq!(schedule.dirty(), [T0]);
    }
}
