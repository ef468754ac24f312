//! Which hours of the rollups are not the sum of their minutes.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Hours of which minutes were written after them, as the live analysis knows them. Until it has compared them, and where
/// there is none, that is not known of any hour.
#[derive(Debug, Default)]
pub(crate) struct StaleHours(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_known: bool,
    hours: BTreeSet<i64>,
}

impl StaleHours {
    /// To be called before a minute of the hour is written, so that no query sees the minute with the hour from before.
    pub(crate) fn mark(&self, hour: i64) {
        self.state().hours.insert(hour);
    }

    /// The hour was written.
    pub(crate) fn clear(&self, hour: i64) {
        self.state().hours.remove(&hour);
    }

    /// From here on every hour that is not marked is the sum of its minutes.
    pub(crate) fn know(&self) {
        self.state().is_known = true;
    }

    /// The hours that are marked; `None` if that is not known.
    pub(crate) fn get(&self) -> Option<BTreeSet<i64>> {
        let state = self.state();
        state.is_known.then(|| state.hours.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step in between leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
