//! One process-wide budget of bytes for requests being worked on (B-1).
//!
//! A request is charged for its body before the body is read, for the decompressed body before it is decompressed and for
//! its records before they are stored. What does not fit is refused at once with an answer that asks to try again: waiting
//! would only move the queue into memory nobody counts.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget.
#[derive(Debug, Clone)]
pub struct Admission {
    bytes: Arc<Semaphore>,
    limit: usize,
}

impl Admission {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.limit - self.bytes.available_permits()
    }

    /// An empty charge, to be grown.
    pub(super) fn begin(&self) -> Charge {
        Charge { admission: self.clone(), permit: None }
    }
}

/// Bytes charged to one request; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    admission: Admission,
    permit: Option<OwnedSemaphorePermit>,
}

/// The budget has no room for this request at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Charge {
    /// Charges `bytes` instead of what was charged: the request has another form.
    pub(super) fn replace(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let charged = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes > charged {
            return self.grow(bytes - charged);
        }
        if let Some(permit) = &mut self.permit {
            drop(permit.split(charged - bytes));
        }
        Ok(())
    }

    /// Charges `bytes` more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = u32::try_from(bytes).map_err(|_| NoRoom)?;
        let more = Arc::clone(&self.admission.bytes).try_acquire_many_owned(bytes).map_err(|_| NoRoom)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_1_a_charge_is_bounded_and_given_back() {
        let admission = Admission::new(100);
        let mut first = admission.begin();
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(first.grow(30), Ok(()));
        let mut second = admission.begin();
        assert_eq!(second.grow(20), Err(NoRoom));
        assert_eq!(admission.used(), 90);
        drop(first);
        assert_eq!(second.grow(100), Ok(()));
        assert_eq!(second.replace(30), Ok(()));
        assert_eq!(admission.used(), 30);
        assert_eq!(second.replace(101), Err(NoRoom));
        assert_eq!(second.replace(40), Ok(()));
        assert_eq!(admission.used(), 40);
        drop(second);
        assert_eq!(admission.used(), 0);
    }
}
