//! How many queries run, and how many wait for it.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{error::QueryError, limits::Limits};

const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Lets a bounded number of queries run and a bounded number wait (B-1).
#[derive(Debug)]
pub(crate) struct Admission {
    /// Running and waiting queries.
    present: Arc<Semaphore>,
    running: Arc<Semaphore>,
    limit: usize,
    wait: Duration,
}

/// The right to run. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    _present: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let running = limits.running.max(1);
        Self {
            present: Arc::new(Semaphore::new(running + limits.waiting)),
            running: Arc::new(Semaphore::new(running)),
            limit: running,
            wait: limits.wait,
        }
    }

    /// The right to run, as soon as there is one.
    pub(crate) async fn admit(&self) -> Result<Admitted, QueryError> {
        let busy = || QueryError::TooBusy { running: self.limit, retry_after: RETRY_AFTER };
        let present = self.present.clone().try_acquire_owned().map_err(|_| busy())?;
        let running = tokio::time::timeout(self.wait, self.running.clone().acquire_owned()).await;
        match running {
            Ok(Ok(running)) => Ok(Admitted { _present: present, _running: running }),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Queries that run.
    pub(crate) fn running(&self) -> usize {
        self.limit - self.running.available_permits()
    }
}
