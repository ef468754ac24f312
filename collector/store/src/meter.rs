//! Bounds in bytes (B-1).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many bytes something holds, against a limit.
#[derive(Debug)]
pub(crate) struct ByteMeter {
    used: AtomicUsize,
    limit: usize,
}

impl ByteMeter {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` until the reservation is dropped, or `None` if that would pass the limit.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|after| *after <= self.limit)
            })
            .ok()?;
        Some(Reservation { meter: self.clone(), bytes })
    }

    /// Counts bytes that are held whatever the limit says, such as rows read back from the log.
    pub(crate) fn add(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "B-1: released {bytes} of {before} bytes");
    }
}

/// Bytes taken from a [`ByteMeter`], given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    meter: Arc<ByteMeter>,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.meter.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_reservations_stop_at_the_limit_and_come_back() {
        let meter = ByteMeter::new(10);
        let first = meter.reserve(6).expect("fits");
        assert!(meter.reserve(5).is_none());
        assert!(meter.reserve(usize::MAX).is_none());
        drop(first);
        assert_eq!(meter.used(), 0);
        assert!(meter.reserve(10).is_some());
    }
}
