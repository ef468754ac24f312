//! The thread of the live analysis.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use arrow::record_batch::RecordBatch;
use futures::FutureExt;
use spandrel_analysis::{
    analysed::{MINUTE, minute_of},
    analyzer::{Analyzer, Options},
    findings::{
        self, KEPT_MINUTES, LEAST_MINUTES,
        track::{self, Change, Tracker},
    },
    rollup,
};
use spandrel_proto::model::{Clock, Table};
use spandrel_store::{Followed, Follower, Store};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    AnalystStats, adopted,
    hours::{self, Hours},
    reconcile,
    schedule::Schedule,
};
use crate::{
    Engine,
    analysis::{ReplayRows, RollupRows, TraceLookup, estimated_rows},
    error::QueryError,
};

const TICK: Duration = Duration::from_secs(1);
/// A trace is counted when no span of it has come for so long.
const QUIET: i64 = 20_000_000_000;
/// Minutes before the start that traces under way may have begun in.
const UNDER_WAY: i64 = 2 * MINUTE;
/// What open and recently closed traces may take.
const TRACE_BYTES: usize = 64 << 20;
/// What everything that is kept may take; past it the oldest minutes are written and let go of.
const MEMORY_BYTES: usize = 192 << 20;
/// Traces are closed until they have so many spans, then room is made.
const CLOSED_SPANS: usize = 50_000;
/// How often that is done before the next rows are looked at.
const MAX_ROUNDS: usize = 8;
/// Its own queries at once: one of the loop, and the comparison of the hours beside it.
const QUERIES: usize = 2;
const RESTORED: [Table; 4] = [Table::Operations, Table::Edges, Table::CriticalPaths, Table::Coverage];
/// How far back minutes are compared with the stored spans at start, and later: then each minute is compared twice.
const CHECK_AT_START: i64 = 48 * 60 * MINUTE;
const CHECK_LATER: i64 = 25 * MINUTE;
const CHECK_INTERVAL: i64 = 10 * MINUTE;
/// Spans of one trace that are further apart than this are not looked up together.
const TRACE_REACH: i64 = 15 * MINUTE;
/// Traces that are looked up in storage at once.
const MAX_LOOKUP: usize = 1000;
/// Minutes that findings from before the start have to show that they still hold.
const ADOPTED_FOR: i64 = 10;
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
    checking_hours: Option<JoinHandle<Result<Vec<i64>, QueryError>>>,
    last_tick: i64,
    revision: i64,
    recompute: VecDeque<(i64, i64)>,
    next_check: i64,
    /// The next check goes back to here at least.
    check_from: i64,
    pending_changes: Vec<Change>,
    /// Minutes judged since the start, until findings from before it have been settled.
    judged_since_start: Option<i64>,
}

impl Worker {
    pub(super) fn new(store: Arc<Store>, engine: &Engine, clock: Arc<dyn Clock>, stats: Arc<AnalystStats>) -> Self {
        let engine = engine.apart(QUERIES);
        let hours = Hours::new(Arc::clone(engine.stale_hours()));
        let options = Options { quiet_ns: QUIET, max_trace_bytes: TRACE_BYTES, ..Options::default() };
        Self {
            store,
            engine,
            clock,
            stats,
            analyzer: Analyzer::new(options, findings::detectors()),
            schedule: Schedule::default(),
            tracker: Tracker::default(),
            hours,
            checking_hours: None,
            last_tick: 0,
            revision: 0,
            recompute: VecDeque::new(),
            next_check: 0,
            check_from: i64::MAX,
            pending_changes: Vec::new(),
            judged_since_start: Some(0),
        }
    }

    pub(super) async fn run(mut self, follower: Follower, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = self.clock.now_unix_nano();
        self.note_under_way(started);
        self.checking_hours = Some(tokio::spawn(hours::stale(Arc::clone(&self.engine))));
        self.know_revision().await;
        self.adopt_findings().await;
        self.know_stored(minute_of(started)).await;
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

    /// What was written before the start must not count for more than what is written from it on, whatever the clock.
    async fn know_revision(&mut self) {
        match reconcile::last_revision(&self.engine).await {
            Ok(revision) => self.revision = revision,
            Err(error) => tracing::warn!(
                %error,
                "which revisions are stored is not known; if the clock was set back, rollups count only once it has caught up"
            ),
        }
    }

    /// Traces that are under way at the start are not whole in memory, if storage has spans of them.
    fn note_under_way(&mut self, started: i64) {
        let minute = minute_of(started);
        if estimated_rows(&self.store.snapshot(), Table::Spans, minute - TRACE_REACH, i64::MAX) > 0 {
            let under_way = minute - UNDER_WAY..minute + 2 * MINUTE;
            under_way.step_by(MINUTE as usize).for_each(|minute| self.schedule.set_foreign(minute, started));
        }
    }

    fn take(&mut self, followed: Followed) {
        let now = self.clock.now_unix_nano();
        if let Some(missed) = followed.missed {
            AnalystStats::add(&self.stats.missed, missed.rows as usize);
            // While it cannot keep up, nothing is computed twice.
            self.next_check = now + MINUTE;
            self.check_from = self.check_from.min(missed.from);
        }
        for (table, batch) in followed.batches {
            let pushed = match table {
                Table::Spans => {
                    AnalystStats::add(&self.stats.spans, batch.num_rows());
                    self.analyzer.push_spans(&batch, now).map_err(|error| error.to_string())
                }
                Table::Requests => self.analyzer.push_requests(&batch).map_err(|error| error.to_string()),
                _ => {
                    self.analyzer.push_breakers(&batch);
                    Ok(())
                }
            };
            if let Err(error) = pushed {
                tracing::error!(%table, error, "rows cannot be analysed");
            }
        }
    }

    async fn tick(&mut self, now: i64) {
        self.correct_late(now).await;
        self.count(now).await;
        for minute in self.schedule.due(now) {
            self.write(minute, now).await;
        }
        while let Some(minute) = self.schedule.next_to_judge(now) {
            self.judge(minute);
        }
        self.store_changes(now).await;
        if self.judged_since_start.is_some_and(|minutes| minutes >= ADOPTED_FOR) {
            self.close_adopted(now).await;
        }
        self.know_hours(now).await;
        let foreign = self.schedule.take_settled_foreign(now);
        self.recompute.extend(reconcile::stretches(&foreign));
        if let Some((from, to)) = self.recompute.pop_front() {
            self.compute_from_storage(from, to, now).await;
        } else if let Some(hour) = self.hours.due(now) {
            self.write_hour(hour, now).await;
        } else if now >= self.next_check {
            self.check(self.check_from.min(now - CHECK_LATER), now - 5 * MINUTE).await;
        }
        self.forget(now);
        AnalystStats::set(&self.stats.memory_bytes, self.analyzer.size());
        AnalystStats::set(&self.stats.open_findings, self.tracker.open().count());
    }

    /// Counts the traces that are due, and keeps to the bound of memory while it does.
    async fn count(&mut self, now: i64) {
        let counted = |analyzer: &Analyzer| analyzer.activity().traces + analyzer.activity().corrections;
        for _ in 0..MAX_ROUNDS {
            let before = counted(&self.analyzer);
            self.analyzer.close_some(now, CLOSED_SPANS);
            self.restore().await;
            self.note_changes(now);
            self.make_room(now).await;
            if counted(&self.analyzer) == before && self.analyzer.wanted().is_empty() {
                break;
            }
        }
    }

    /// Lets go of the oldest minutes while too much is kept. What is not written of them is, and what is not judged is.
    async fn make_room(&mut self, now: i64) {
        while self.analyzer.size() > MEMORY_BYTES && self.schedule.len() > LEAST_MINUTES as usize {
            for minute in self.schedule.first(self.schedule.len().div_ceil(8)) {
                while let Some(minute) = self.schedule.judge_early(minute) {
                    self.judge(minute);
                }
                if self.schedule.is_dirty(minute) && !self.write(minute, now).await {
                    return;
                }
                self.schedule.forget_before(minute + MINUTE, now);
                self.analyzer.forget_before(minute + MINUTE);
            }
        }
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
        let found =
            self.engine.compute(|tables| TraceLookup { spans: tables.unpresented(Table::Spans), traces, range }).await;
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

    /// Learns which minutes are stored: they are brought back before something is added to them.
    async fn know_stored(&mut self, started: i64) {
        let from = minute_of(started - CHECK_AT_START);
        match reconcile::stored(&self.engine, from, i64::MAX).await {
            Ok(minutes) => self.analyzer.set_stored(from, minutes),
            Err(error) => {
                tracing::warn!(%error, "it cannot be told which minutes are stored; each is asked for");
                self.analyzer.set_stored(started, []);
            }
        }
    }

    /// Brings back minutes that were let go and that something came of.
    async fn restore(&mut self) {
        let wanted = self.analyzer.wanted();
        for (from, to) in reconcile::stretches(&wanted) {
            let mut batches = Vec::new();
            for table in RESTORED {
                match self.engine.compute(|tables| RollupRows::new(tables, table, (from, to))).await {
                    Ok(rows) => batches.extend(rows.into_iter().map(|batch| (table, batch))),
                    Err(error) => {
                        tracing::warn!(%error, "earlier minutes cannot be read; will try again");
                        return;
                    }
                }
            }
            for minute in wanted.iter().copied().filter(|minute| (from..to).contains(minute)) {
                match rollup::read_minute(minute, &batches, self.analyzer.context_mut()) {
                    Ok(counts) => self.analyzer.restore(minute, counts),
                    Err(error) => tracing::error!(%error, minute, "an earlier minute cannot be read"),
                }
            }
        }
    }

    fn note_changes(&mut self, now: i64) {
        for minute in self.analyzer.take_uncounted() {
            self.schedule.set_foreign(minute, now);
            self.schedule.changed(minute, now);
        }
        for minute in self.analyzer.take_dirty() {
            self.schedule.changed(minute, now);
        }
    }

    /// Writes a minute as it is in memory. Says whether it is stored.
    async fn write(&mut self, minute: i64, now: i64) -> bool {
        let revision = self.next_revision(now);
        let Some(counts) = self.analyzer.minutes().get(&minute) else { return true };
        let rows = rollup::rows(minute, counts, self.analyzer.context(), revision);
        self.hours.changing(minute, now);
        let is_stored = self.append(rows).await;
        if is_stored {
            self.schedule.written(minute, now);
            AnalystStats::add(&self.stats.minutes_written, 1);
        }
        is_stored
    }

    async fn compute_from_storage(&mut self, from: i64, to: i64, now: i64) {
        let revision = self.next_revision(now);
        let rows = self.engine.compute(|tables| ReplayRows::new(tables, from, to, revision)).await;
        match rows {
            Ok(rows) => {
                let minutes = || (from..to).step_by(MINUTE as usize);
                minutes().for_each(|minute| self.hours.changing(minute, now));
                if self.append(rows).await {
                    AnalystStats::add(&self.stats.minutes_recomputed, minutes().count());
                    for minute in minutes() {
                        self.analyzer.add_stored(minute);
                        self.schedule.computed(minute, now);
                    }
                } else {
                    self.recompute.push_back((from, to));
                }
            }
            // Perhaps they are too many for the memory of one computation.
            Err(error) if to - from > MINUTE => {
                tracing::warn!(%error, "minutes cannot be computed from storage; will try with half of them");
                let middle = minute_of(i64::midpoint(from, to));
                self.recompute.extend([(from, middle), (middle, to)]);
            }
            Err(error) => {
                tracing::warn!(%error, minute = from, "a minute cannot be computed from storage; will try again");
                self.check_from = self.check_from.min(from);
                self.next_check = self.next_check.min(now + CHECK_INTERVAL);
            }
        }
    }

    fn judge(&mut self, minute: i64) {
        let candidates = self.analyzer.evaluate(minute);
        let changes = self.tracker.step(minute, candidates);
        self.pending_changes.extend(changes);
        if self.pending_changes.len() > MAX_PENDING_CHANGES {
            let dropped = self.pending_changes.len() - MAX_PENDING_CHANGES;
            self.pending_changes.drain(..dropped);
            tracing::error!(dropped, "the store has been full for so long that changes of findings are lost");
        }
        self.stats.judged.store(minute, Ordering::Relaxed);
        self.judged_since_start.iter_mut().for_each(|minutes| *minutes += 1);
    }

    /// Takes over the findings that were open when the server last ran.
    async fn adopt_findings(&mut self) {
        match adopted::open_findings(&self.engine).await {
            Ok(rows) => {
                adopted::ids(&rows).for_each(|(id, opened)| self.tracker.adopt(id.to_owned(), opened));
            }
            Err(error) => tracing::warn!(%error, "findings from before the start cannot be read; they stay open"),
        }
    }

    /// Closes findings from before the start whose condition has not held since.
    async fn close_adopted(&mut self, now: i64) {
        let ids: BTreeSet<String> = self.tracker.take_adopted().into_iter().collect();
        self.judged_since_start = None;
        if ids.is_empty() {
            return;
        }
        let time = self.next_revision(now);
        match adopted::closing_rows(&self.engine, &ids, time).await {
            Ok(rows) => {
                self.append(rows.into_iter().map(|rows| (Table::Findings, rows)).collect()).await;
            }
            Err(error) => tracing::error!(%error, "findings from before the start cannot be closed"),
        }
    }

    async fn store_changes(&mut self, now: i64) {
        if self.pending_changes.is_empty() {
            return;
        }
        let time = self.next_revision(now);
        let rows = track::rows(&self.pending_changes, time);
        // Changes are a nanosecond apart.
        self.revision += self.pending_changes.len() as i64;
        if self.append(vec![(Table::Findings, rows)]).await {
            self.pending_changes.clear();
        }
    }

    async fn write_hour(&mut self, hour: i64, now: i64) {
        let revision = self.next_revision(now);
        match hours::rows(&self.engine, hour, revision).await {
            Ok(rows) => {
                if self.append(rows).await {
                    self.hours.written(hour, now);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an hour cannot be added up; will try again");
                self.hours.failed(hour, now);
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
                for minute in minutes.into_iter().filter(|minute| !dirty.contains(minute)) {
                    self.schedule.set_foreign(minute, now);
                }
                self.check_from = i64::MAX;
            }
            Err(error) => tracing::warn!(%error, "rollups cannot be compared with the stored spans; will try again"),
        }
    }

    /// Learns which hours are not the sum of their minutes. Until that is known, none is read.
    async fn know_hours(&mut self, now: i64) {
        let Some(checking) = self.checking_hours.take_if(|checking| checking.is_finished()) else { return };
        let checked = checking.await.map_err(|error| error.to_string());
        match checked.and_then(|hours| hours.map_err(|error| error.to_string())) {
            Ok(hours) => {
                hours.into_iter().for_each(|hour| self.hours.found_stale(hour, now));
                self.engine.stale_hours().know();
            }
            Err(error) => {
                tracing::warn!(error, "hours cannot be compared with their minutes, which are read in their place");
            }
        }
    }

    fn forget(&mut self, now: i64) {
        // What is not written yet, or not judged, is kept.
        let oldest_dirty = self.schedule.dirty().first().copied().unwrap_or(i64::MAX);
        let needed_from = oldest_dirty.min(self.schedule.judged_until());
        let mut keep_from = needed_from.min(minute_of(now) - KEPT_MINUTES * MINUTE);
        let judged_from = self.schedule.judged_until().saturating_sub(KEPT_MINUTES * MINUTE);
        keep_from = keep_from.min(judged_from);
        self.schedule.forget_before(keep_from, now);
        self.analyzer.forget_before(keep_from);
    }

    /// Counts what is there and writes it, at the end.
    async fn finish(&mut self) {
        let now = self.clock.now_unix_nano();
        self.analyzer.close_all();
        self.restore().await;
        self.analyzer.close_all();
        self.note_changes(now);
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

    /// The time, but greater than every revision before.
    fn next_revision(&mut self, now: i64) -> i64 {
        self.revision = now.max(self.revision + 1);
        self.revision
    }
}
