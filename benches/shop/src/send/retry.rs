//! When to try again.

use std::time::Duration;

use crate::random::mix;

/// How a sender behaves when it is told to come back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Pause after the first attempt, unless the server names a longer one. Doubles with each further attempt.
    pub initial: Duration,
    /// Longest pause, unless the server names a longer one.
    pub max: Duration,
    /// How long after the first attempt the last one may begin; without it there is no end.
    pub give_up_after: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(5),
            give_up_after: Some(Duration::from_secs(60)),
        }
    }
}

impl RetryPolicy {
    /// The pause after so many attempts, lengthened by up to a quarter, depending on `salt`, so that senders turned away
    /// together do not come back together. Never shorter than what the server asked for.
    pub(super) fn pause(&self, attempts: u32, asked: Option<Duration>, salt: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let planned = self.initial.saturating_mul(1 << doublings).min(self.max);
        let pause = planned.max(asked.unwrap_or_default());
        let spread = (mix(salt) % 256) as u32;
        pause + pause / 4 / 256 * spread
    }

    /// Whether an attempt may begin so long after the first one.
    pub(super) fn allows(&self, elapsed: Duration) -> bool {
        self.give_up_after.is_none_or(|limit| elapsed <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_limit() {
        let policy = RetryPolicy { initial: SECOND, max: 5 * SECOND, give_up_after: None };
        let pauses: Vec<u64> = (1..=5).map(|attempts| policy.pause(attempts, None, 0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn what_the_server_asks_for_is_a_lower_bound() {
        let policy = RetryPolicy::default();
        for salt in 0..100 {
            let pause = policy.pause(1, Some(30 * SECOND), salt);
            assert!(pause >= 30 * SECOND && pause <= 38 * SECOND, "{pause:?}");
        }
    }
}
