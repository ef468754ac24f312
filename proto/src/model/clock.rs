//! Time is handed in: everything that needs the wall clock takes a [`Clock`], so that tests decide what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Nanoseconds since the Unix epoch, UTC.
    fn now_unix_nano(&self) -> i64;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now_unix_nano(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since_epoch) => i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX),
            Err(before_epoch) => i64::try_from(before_epoch.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
        }
    }
}
