//! Bounds in bytes (B-1).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many bytes something holds, against a limit.
#[derive(Debug)]
pub(crate) struct ByteMeter {
    used: AtomicUsize,
    limit: usize,
    /// Told whenever bytes are given back.
    released: Notify,
}

impl ByteMeter {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit, released: Notify::new() })
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

    /// Takes `bytes`, which must not be more than the limit, once there is room for them.
    pub(crate) async fn reserve_when_free(self: &Arc<Self>, bytes: usize) -> Reservation {
        loop {
            let released = self.released.notified();
            if let Some(reservation) = self.reserve(bytes) {
                return reservation;
            }
            released.await;
        }
    }

    /// Counts bytes that are held whatever the limit says, such as rows read back from the log.
    pub(crate) fn add(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "B-1: released {bytes} of {before} bytes");
        self.released.notify_waiters();
    }
}

/// Bytes taken from a [`ByteMeter`], given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    meter: Arc<ByteMeter>,
    bytes: usize,
}

impl Reservation {
    /// Parts `bytes` of it, which it must hold, from the rest.
    pub(crate) fn split(&mut self, bytes: usize) -> Reservation {
        debug_assert!(self.bytes >= bytes, "B-1: {bytes} of a reservation of {} bytes", self.bytes);
        self.bytes -= bytes;
        Reservation { meter: self.meter.clone(), bytes }
    }
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

    #[test]
    fn parts_of_a_reservation_come_back_each_by_itself() {
        let meter = ByteMeter::new(10);
        let mut whole = meter.reserve(9).expect("fits");
        let part = whole.split(4);
        drop(whole);
        assert_eq!(meter.used(), 4);
        drop(part);
        assert_eq!(meter.used(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_is_given_back() {
        let meter = ByteMeter::new(10);
        let first = meter.reserve(6).expect("fits");
        let waiting = [4, 8].map(|bytes| {
            let meter = meter.clone();
            tokio::spawn(async move { meter.reserve_when_free(bytes).await.bytes })
        });
        tokio::task::yield_now().await;
        drop(first);
        for (waiting, bytes) in waiting.into_iter().zip([4, 8]) {
            assert_eq!(waiting.await.expect("it does not fail"), bytes);
        }
        assert_eq!(meter.used(), 0);
    }
}
