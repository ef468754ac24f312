//! The thread of the live analysis.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use arrow::record_batch::RecordBatch;
use futures::FutureExt;
use spandrel_analysis::{
    analysed::{MINUTE, minute_of},
    analyzer::{Analyzer, Options},
    findings::track::{self, Change, Tracker},
    rollup,
};
use spandrel_proto::model::{Clock, Table};
use spandrel_store::{Followed, Follower, Store};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{AnalystStats, hours::Hours, reconcile, schedule::Schedule};
use crate::{
    Engine,
    analysis::{ReplayRows, TraceLookup},
};

const TICK: Duration = Duration::from_secs(1);
/// What open and recently closed traces may take.
const TRACE_BYTES: usize = 64 << 20;
/// What everything that is kept may take; past it the oldest minutes are forgotten.
const MEMORY_BYTES: usize = 192 << 20;
/// How many minutes are kept for what detectors compare with.
const KEPT_MINUTES: i64 = 60;
const LEAST_MINUTES: usize = 6;
/// How far back minutes are compared with the stored spans at start, and later.
const CHECK_AT_START: i64 = 48 * 60 * MINUTE;
const CHECK_LATER: i64 = 2 * 60 * MINUTE;
const CHECK_INTERVAL: i64 = 10 * MINUTE;
/// Spans of one trace that are further apart than this are not looked up together.
const TRACE_REACH: i64 = 15 * MINUTE;
/// Traces that are looked up in storage at once.
const MAX_LOOKUP: usize = 1000;
/// Changes of findings that wait to be stored while the store is full.
const MAX_PENDING_CHANGES: usize = 10_000;

pub(super) struct Worker {
    store: Arc<Store>,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    stats: Arc<AnalystStats>,
    analyzer: Analyzer,
    schedule: Schedule,
    tracker: Tracker,
    hours: Hours,
    /// Minutes before this one may have spans that were stored before the start.
    own_from: i64,
    last_tick: i64,
    revision: i64,
    recompute: VecDeque<(i64, i64)>,
    next_check: i64,
    pending_changes: Vec<Change>,
}

impl Worker {
    pub(super) fn new(store: Arc<Store>, engine: Arc<Engine>, clock: Arc<dyn Clock>, stats: Arc<AnalystStats>) -> Self {
        let now = clock.now_unix_nano();
        Self {
            store,
            engine,
            clock,
            stats,
            analyzer: Analyzer::new(Options { max_open_bytes: TRACE_BYTES, ..Options::default() }),
            schedule: Schedule::default(),
            tracker: Tracker::default(),
            hours: Hours::default(),
            // Traces that were under way at the start are not whole in memory.
            own_from: minute_of(now) + 2 * MINUTE,
            last_tick: 0,
            revision: 0,
            recompute: VecDeque::new(),
            next_check: 0,
            pending_changes: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, follower: Follower, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = self.clock.now_unix_nano();
        self.check(started - CHECK_AT_START, minute_of(started)).await;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                followed = follower.next() => match followed {
                    Some(followed) => self.take(followed),
                    None => break,
                },
                _ = tick.tick() => {}
            }
            let now = self.clock.now_unix_nano();
            if now - self.last_tick >= TICK.as_nanos() as i64 {
                self.last_tick = now;
                self.tick(now).await;
            }
        }
        while let Some(Some(followed)) = follower.next().now_or_never() {
            self.take(followed);
        }
        self.finish().await;
    }

    fn take(&mut self, followed: Followed) {
        let now = self.clock.now_unix_nano();
        if followed.missed > 0 {
            AnalystStats::add(&self.stats.missed, followed.missed as usize);
            self.next_check = self.next_check.min(now + MINUTE);
        }
        for (table, batch) in followed.batches {
            let pushed = match table {
                Table::Spans => {
                    AnalystStats::add(&self.stats.spans, batch.num_rows());
                    self.analyzer.push_spans(&batch, now)
                }
                Table::Requests => self.analyzer.push_requests(&batch),
                _ => self.analyzer.push_breakers(&batch),
            };
            if let Err(error) = pushed {
                tracing::error!(%table, %error, "rows cannot be analysed");
            }
        }
    }

    async fn tick(&mut self, now: i64) {
        self.analyzer.close_quiet(now);
        self.correct_late(now).await;
        self.note_changes(now).await;
        for minute in self.schedule.due(now) {
            self.write(minute, now).await;
        }
        while let Some(minute) = self.schedule.next_to_judge(now) {
            self.judge(minute, now);
        }
        self.store_changes(now).await;
        let foreign = self.schedule.take_settled_foreign(now);
        self.recompute.extend(reconcile::stretches(&foreign));
        if let Some((from, to)) = self.recompute.pop_front() {
            self.compute_from_storage(from, to, now).await;
        } else if let Some(hour) = self.hours.due(now) {
            self.write_hour(hour, now).await;
        } else if now >= self.next_check {
            self.check(now - CHECK_LATER, now - 5 * MINUTE).await;
        }
        self.forget(now);
        AnalystStats::set(&self.stats.memory_bytes, self.analyzer.size());
        AnalystStats::set(&self.stats.open_findings, self.tracker.open().count());
    }

    /// Counts traces again that got spans after they were let go.
    async fn correct_late(&mut self, now: i64) {
        let mut late = self.analyzer.late_traces();
        if late.is_empty() {
            return;
        }
        late.truncate(MAX_LOOKUP);
        let range = (now - CHECK_AT_START, now + TRACE_REACH);
        let traces = late.clone();
        let found = self
            .engine
            .compute(|tables| TraceLookup { spans: tables.unpresented(Table::Spans), traces, range })
            .await;
        match found {
            Ok(batches) => {
                AnalystStats::add(&self.stats.corrections, late.len());
                if let Err(error) = self.analyzer.correct(&late, &batches) {
                    tracing::error!(%error, "late spans cannot be analysed");
                }
            }
            Err(error) => tracing::warn!(%error, "traces with late spans cannot be looked up; will try again"),
        }
    }

    async fn note_changes(&mut self, now: i64) {
        let changed = self.analyzer.take_dirty();
        let unseen: Vec<i64> = changed
            .iter()
            .copied()
            .filter(|minute| *minute < self.own_from && self.schedule.is_unseen(*minute))
            .collect();
        for (from, to) in reconcile::stretches(&unseen) {
            match reconcile::stored(&self.engine, from, to).await {
                Ok(stored) => stored.into_iter().for_each(|minute| self.schedule.set_foreign(minute)),
                Err(error) => {
                    tracing::warn!(%error, "cannot tell what is known of earlier minutes; they are computed from storage");
                    (from..to).step_by(MINUTE as usize).for_each(|minute| self.schedule.set_foreign(minute));
                }
            }
        }
        for minute in changed {
            self.schedule.changed(minute, now);
        }
        // Traces that were under way at the start are counted from storage.
        for minute in unseen.into_iter().filter(|minute| *minute >= self.own_from - 3 * MINUTE) {
            self.schedule.set_foreign(minute);
        }
    }

    /// Writes a minute as it is in memory.
    async fn write(&mut self, minute: i64, now: i64) {
        let revision = self.next_revision(now);
        let Some(counts) = self.analyzer.minutes().get(&minute) else { return };
        let rows = rollup::rows(minute, counts, self.analyzer.context(), revision);
        if self.append(rows).await {
            self.schedule.written(minute, now);
            self.hours.changed(minute, now);
            AnalystStats::add(&self.stats.minutes_written, 1);
        }
    }

    async fn compute_from_storage(&mut self, from: i64, to: i64, now: i64) {
        let revision = self.next_revision(now);
        let rows = self.engine.compute(|tables| ReplayRows::new(tables, from, to, revision)).await;
        match rows {
            Ok(rows) => {
                if self.append(rows).await {
                    AnalystStats::add(&self.stats.minutes_recomputed, ((to - from) / MINUTE) as usize);
                    (from..to).step_by(MINUTE as usize).for_each(|minute| self.hours.changed(minute, now));
                } else {
                    self.recompute.push_back((from, to));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "minutes cannot be computed from storage; will try again");
                self.next_check = self.next_check.min(now + CHECK_INTERVAL);
            }
        }
    }

    fn judge(&mut self, minute: i64, now: i64) {
        let candidates = self.analyzer.evaluate(minute);
        let changes = self.tracker.step(minute, candidates);
        self.pending_changes.extend(changes);
        if self.pending_changes.len() > MAX_PENDING_CHANGES {
            let dropped = self.pending_changes.len() - MAX_PENDING_CHANGES;
            self.pending_changes.drain(..dropped);
            tracing::error!(dropped, "the store has been full for so long that changes of findings are lost");
        }
        self.stats.judged.store(minute, std::sync::atomic::Ordering::Relaxed);
        let _ = now;
    }

    async fn store_changes(&mut self, now: i64) {
        if self.pending_changes.is_empty() {
            return;
        }
        let rows = track::rows(&self.pending_changes, now);
        if self.append(vec![(Table::Findings, rows)]).await {
            self.pending_changes.clear();
        }
    }

    async fn write_hour(&mut self, hour: i64, now: i64) {
        let revision = self.next_revision(now);
        match super::hours::rows(&self.engine, hour, revision).await {
            Ok(rows) => {
                if self.append(rows).await {
                    self.hours.written(hour, now);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an hour cannot be added up; will try again");
                self.hours.written(hour, now);
                self.hours.changed(hour, now);
            }
        }
    }

    /// Looks for minutes of which not all stored spans are counted.
    async fn check(&mut self, from: i64, to: i64) {
        let now = self.clock.now_unix_nano();
        self.next_check = now + CHECK_INTERVAL;
        if from >= to {
            return;
        }
        match reconcile::uncovered(&self.engine, minute_of(from), minute_of(to)).await {
            Ok(minutes) => {
                let dirty: BTreeSet<i64> = self.schedule.dirty().into_iter().collect();
                let minutes: Vec<i64> = minutes.into_iter().filter(|minute| !dirty.contains(minute)).collect();
                self.recompute.extend(reconcile::stretches(&minutes));
            }
            Err(error) => tracing::warn!(%error, "rollups cannot be compared with the stored spans; will try again"),
        }
        if let Err(error) = self.hours.check(&self.engine, from, now).await {
            tracing::warn!(%error, "hours cannot be compared with their minutes; will try again");
        }
    }

    fn forget(&mut self, now: i64) {
        let mut keep_from = minute_of(now) - KEPT_MINUTES * MINUTE;
        if self.analyzer.size() > MEMORY_BYTES && self.schedule.len() > LEAST_MINUTES {
            keep_from = keep_from.max(self.schedule.oldest().unwrap_or(keep_from) + MINUTE);
        }
        // What is not written yet, or not judged, is not forgotten.
        let oldest_dirty = self.schedule.dirty().first().copied().unwrap_or(i64::MAX);
        let keep_from = keep_from.min(oldest_dirty).min(self.schedule.judged_until());
        self.schedule.forget_before(keep_from);
        self.analyzer.forget_before(keep_from);
    }

    /// Counts what is there and writes it, at the end.
    async fn finish(&mut self) {
        let now = self.clock.now_unix_nano();
        self.analyzer.close_all();
        self.note_changes(now).await;
        for minute in self.schedule.dirty() {
            self.write(minute, now).await;
        }
        self.store_changes(now).await;
    }

    async fn append(&self, rows: Vec<(Table, RecordBatch)>) -> bool {
        match self.store.append_all(rows).await {
            Ok(_) => true,
            Err(error) => {
                AnalystStats::add(&self.stats.write_failures, 1);
                tracing::warn!(%error, "what was analysed cannot be stored; will try again");
                false
            }
        }
    }

    /// Greater than every revision before.
    fn next_revision(&mut self, now: i64) -> i64 {
        self.revision = now.max(self.revision + 1);
        self.revision
    }
}
