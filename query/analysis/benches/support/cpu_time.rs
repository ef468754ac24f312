//! The processor time of a thread, so that what else the machine does is not counted. Of Linux; wall time elsewhere.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Processor time that this thread has used.
pub(crate) fn used() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = statistics.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| STARTED.elapsed(), Duration::from_nanos)
}
