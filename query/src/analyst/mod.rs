//! The live analysis: follows what is stored, keeps the rollups, and finds what is wrong as it happens.
//!
//! Nothing waits for it. It may fall behind, be stopped or killed at any point: what it did not count, it finds by
//! comparing `coverage` with the stored spans ([`reconcile`]).

mod adopted;
mod hours;
mod reconcile;
mod schedule;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    thread,
};

use spandrel_proto::model::{Clock, Table};
use spandrel_store::Store;
use tokio_util::sync::CancellationToken;

use crate::Engine;

/// Rows that wait for the analysis, in bytes. They are the hot rows of the store, most of them not copied.
const FOLLOWED_BYTES: usize = 64 << 20;
const FOLLOWED_TABLES: [Table; 3] = [Table::Spans, Table::Requests, Table::Breakers];

/// The live analysis of one store.
#[derive(Debug)]
pub struct Analyst {
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
    stats: Arc<AnalystStats>,
}

/// What the live analysis says of itself.
#[derive(Debug, Default)]
pub struct AnalystStats {
    spans: AtomicU64,
    missed: AtomicU64,
    corrections: AtomicU64,
    minutes_written: AtomicU64,
    minutes_recomputed: AtomicU64,
    write_failures: AtomicU64,
    open_findings: AtomicU64,
    memory_bytes: AtomicU64,
    judged: AtomicI64,
    ended: AtomicBool,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        impl AnalystStats {
            $($(#[$doc])* pub fn $name(&self) -> u64 {
                self.$name.load(Ordering::Relaxed)
            })*
        }
    };
}

counts! {
    /// Spans looked at.
    spans,
    /// Rows that came faster than they could be looked at; their minutes are computed from storage later.
    missed,
    /// Traces that were counted again because spans came late.
    corrections,
    /// Times that a minute was written.
    minutes_written,
    /// Minutes computed from storage.
    minutes_recomputed,
    /// Times that rollups or findings could not be stored; they are stored later.
    write_failures,
    /// Findings that are open.
    open_findings,
    /// Bytes held, roughly.
    memory_bytes,
}

impl AnalystStats {
    /// Whether the analysis has ended, however that came about (H-1).
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// First nanosecond of the last minute that findings were looked for in; 0 before there is one.
    pub fn judged(&self) -> i64 {
        self.judged.load(Ordering::Relaxed)
    }

    fn set(counter: &AtomicU64, value: usize) {
        counter.store(value as u64, Ordering::Relaxed);
    }

    fn add(counter: &AtomicU64, value: usize) {
        counter.fetch_add(value as u64, Ordering::Relaxed);
    }
}

impl Analyst {
    /// Starts to follow `store`. Must be called in a tokio runtime.
    pub fn start(store: Arc<Store>, engine: &Engine, clock: Arc<dyn Clock>) -> std::io::Result<Analyst> {
        let stop = CancellationToken::new();
        let stats = Arc::new(AnalystStats::default());
        let follower = store.follow(&FOLLOWED_TABLES, FOLLOWED_BYTES);
        let runtime = tokio::runtime::Handle::current();
        let worker = worker::Worker::new(store, engine, clock, Arc::clone(&stats));
        let stopped = stop.clone();
        let ended = EndedOnDrop(Arc::clone(&stats));
        let thread = thread::Builder::new().name("spandrel-analysis".to_owned()).spawn(move || {
            let _ended = ended;
            runtime.block_on(worker.run(follower, stopped));
        })?;
        Ok(Analyst { stop, thread: Some(thread), stats })
    }

    pub fn stats(&self) -> Arc<AnalystStats> {
        Arc::clone(&self.stats)
    }

    /// Writes what is counted, and ends. The store must still be open.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && !tokio::task::spawn_blocking(move || thread.join().is_ok()).await.unwrap_or(false)
        {
            tracing::error!("the live analysis ended abnormally");
        }
    }
}

/// Says that the analysis has ended, however it ends (H-1).
#[derive(Debug)]
struct EndedOnDrop(Arc<AnalystStats>);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}
