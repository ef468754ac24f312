//! The task that seals tables when they are due, and looks after their files.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use spandrel_proto::model::Table;
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{SealContext, seal_next};
use crate::{
    error::SealError,
    per_table::PerTable,
    retention::{self, RetentionPolicy},
};

/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(250);
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// When a table is due for sealing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealPolicy {
    pub(crate) seal_bytes: usize,
    pub(crate) seal_age: Duration,
    /// Total bytes in memory at which the largest table is sealed whatever its size.
    pub(crate) pressure_bytes: usize,
    /// Bytes of closed log segments at which every table is sealed, so that they can be deleted.
    pub(crate) wal_max_bytes: u64,
}

/// What the worker tells others about itself (H-1).
#[derive(Debug, Default)]
pub(crate) struct WorkerStatus {
    pub(crate) gone: AtomicBool,
    /// Seals that failed since the last one that did not.
    pub(crate) failures_in_a_row: AtomicU64,
}

/// The sealing task.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) context: Arc<SealContext>,
    pub(crate) policy: SealPolicy,
    pub(crate) retention: RetentionPolicy,
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) status: GoneOnDrop,
}

impl Worker {
    /// Runs until told to stop.
    pub(crate) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry_at: PerTable<Option<Instant>> = PerTable::default();
        let mut retention_at = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.wake.notified() => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
            self.seal_due(&mut retry_at).await;
            if Instant::now() >= retention_at {
                self.expire().await;
                retention_at = Instant::now() + RETENTION_INTERVAL;
            }
        }
    }

    async fn seal_due(&self, retry_at: &mut PerTable<Option<Instant>>) {
        for table in Table::ALL {
            while !*self.stop.borrow() && retry_at[table].is_none_or(|at| at <= Instant::now()) && self.is_due(table) {
                match self.seal(table).await {
                    Ok(_) => {
                        self.status.0.failures_in_a_row.store(0, Ordering::Relaxed);
                        retry_at[table] = None;
                    }
                    Err(error) => {
                        let failures = self.status.0.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                        let pause = backoff(failures);
                        log_failure(table, &error, pause);
                        retry_at[table] = Some(Instant::now() + pause);
                    }
                }
            }
        }
    }

    fn is_due(&self, table: Table) -> bool {
        let tables = &self.context.tables;
        let sizes = tables.sizes(table);
        let Some(oldest) = sizes.oldest else { return false };
        let is_largest = || Table::ALL.into_iter().all(|other| tables.sizes(other).hot_bytes <= sizes.hot_bytes);
        sizes.hot_bytes >= self.policy.seal_bytes
            || oldest.elapsed() >= self.policy.seal_age
            || (tables.meter.used() >= self.policy.pressure_bytes && is_largest())
            || self.context.segments.sizes().closed_bytes > self.policy.wal_max_bytes
    }

    async fn seal(&self, table: Table) -> Result<bool, SealError> {
        let context = self.context.clone();
        spawn_blocking(move || seal_next(&context, table)).await.unwrap_or(Err(SealError::WorkerGone))
    }

    async fn expire(&self) {
        for table in Table::ALL {
            let (context, policy) = (self.context.clone(), self.retention);
            let expired = spawn_blocking(move || retention::run(&context, table, policy)).await;
            if let Err(error) = expired.unwrap_or(Err(SealError::WorkerGone)) {
                tracing::warn!(%table, %error, source = ?std::error::Error::source(&error), "cannot drop expired files");
            }
        }
    }
}

fn backoff(failures: u64) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << failures.min(10)).min(MAX_BACKOFF)
}

fn log_failure(table: Table, error: &SealError, pause: Duration) {
    tracing::error!(
        %table,
        %error,
        source = ?std::error::Error::source(error),
        retry_in = ?pause,
        "cannot seal; the rows stay in memory and in the write-ahead log"
    );
}

/// The worker's status, which says that the worker is gone however it ends, even if it never ran.
#[derive(Debug)]
pub(crate) struct GoneOnDrop(pub(crate) Arc<WorkerStatus>);

impl Drop for GoneOnDrop {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Release);
    }
}
