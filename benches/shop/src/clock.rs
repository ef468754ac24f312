//! Wall-clock time, handed in.

use std::sync::Arc;

/// Nanoseconds since the Unix epoch, UTC.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;
