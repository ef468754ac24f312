//! Spans as they come in: put together to traces, analysed when they are complete, counted, shown to detectors, and
//! counted anew when more of their spans come.
//!
//! Who drives it, again and again: pushes what came in, [`Analyzer::close_quiet`]; reads the minutes that
//! [`Analyzer::wanted`] names from storage into [`Analyzer::restore`] and the traces of [`Analyzer::late_traces`] into
//! [`Analyzer::correct`], and closes again; writes the rows of the minutes of [`Analyzer::take_dirty`]; computes those of
//! [`Analyzer::take_uncounted`] from storage; evaluates minutes that have ended; [`Analyzer::forget_before`].

mod held;
mod late;
mod open;
mod place;
mod published;
mod stored;
#[cfg(test)]
mod tests;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;

use self::{
    held::Held,
    open::Open,
    place::{Place, is_within, touched},
    stored::Stored,
    traces::Traces,
};
use crate::{
    analysed::{Analysis, MINUTE, minute_of},
    context::Context,
    findings::{Candidate, Detector, Evaluation, shared::Demand},
    input::{InputError, SpanReader},
    peers::PeerMap,
    rollup::{Minute, Minutes, ReadError, Sign, observe_requests, observe_within},
    skew::Skew,
    span::Span,
    trace::Trace,
};

/// Bounds of an [`Analyzer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A trace is complete when no span of it has come for so many nanoseconds.
    pub quiet_ns: i64,
    /// Bytes that spans may take, of open traces and of closed ones. Beyond it, closed traces are let go, then open ones
    /// closed early.
    pub max_trace_bytes: usize,
    /// Minutes in memory, and as many that are waited for. Traces that would take more are not counted.
    pub max_minutes: usize,
    /// Only what begins in `[from, to)` is counted: of traces at the edges of a range that is read, the rest is not whole.
    pub range: Option<(i64, i64)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { quiet_ns: 60_000_000_000, max_trace_bytes: 256 << 20, max_minutes: 4000, range: None }
    }
}

/// What an [`Analyzer`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    pub spans: u64,
    /// Traces counted, each once.
    pub traces: u64,
    /// Traces counted anew because more of their spans came.
    pub corrections: u64,
    /// Traces counted before they were quiet, because memory ran out.
    pub closed_early: u64,
    /// Spans, and minutes of requests, that are not counted because of a bound.
    pub refused: u64,
}

/// Analyses spans as they come in. Without clock and I/O, and within bounds of memory.
#[derive(Debug)]
pub struct Analyzer {
    options: Options,
    context: Context,
    reader: SpanReader,
    peers: PeerMap,
    skew: Skew,
    traces: Traces,
    minutes: Minutes,
    /// Minutes that have to be restored before something is added to them.
    stored: Stored,
    /// Those of them that something is to be added to.
    wanted: BTreeSet<i64>,
    /// Minutes that something belongs to that a bound kept from being counted.
    uncounted: BTreeSet<i64>,
    /// What requests add to those.
    pending: Minutes,
    /// The end of the last minute that has been let go.
    let_go_before: i64,
    detectors: Vec<Box<dyn Detector>>,
    /// What detectors share.
    demand: Demand,
    activity: Activity,
}

/// Traces that are counted and shown to a detector at a time.
const AT_ONCE: usize = 64;

impl Analyzer {
    pub fn new(options: Options, detectors: Vec<Box<dyn Detector>>) -> Self {
        Self {
            options,
            context: Context::default(),
            reader: SpanReader::default(),
            peers: PeerMap::default(),
            skew: Skew::default(),
            traces: Traces::default(),
            minutes: Minutes::new(),
            stored: Stored::default(),
            wanted: BTreeSet::new(),
            uncounted: BTreeSet::new(),
            pending: Minutes::new(),
            let_go_before: i64::MIN,
            detectors,
            demand: Demand::default(),
            activity: Activity::default(),
        }
    }

    /// Takes in rows of `spans` that came at `now`.
    pub fn push_spans(&mut self, batch: &RecordBatch, now: i64) -> Result<(), InputError> {
        self.take_in(batch, |_| now)
    }

    /// Takes in rows of `spans` that are stored, in whatever order: as if each had come when it ended. If memory runs out,
    /// the traces that ended first are closed, which rows to come have least to do with.
    pub fn push_stored_spans(&mut self, batch: &RecordBatch) -> Result<(), InputError> {
        self.take_in(batch, |span| span.end)
    }

    fn take_in(&mut self, batch: &RecordBatch, came: impl Fn(&Span) -> i64) -> Result<(), InputError> {
        let result = self.reader.each(batch, &mut self.context, |context, span| {
            let now = came(&span);
            let added = self.traces.add(span, context, now);
            note_added(added, &mut self.activity, &mut self.uncounted);
        });
        self.make_room();
        result
    }

    /// Takes in rows of `requests`.
    pub fn push_requests(&mut self, batch: &RecordBatch) -> Result<(), ReadError> {
        let mut minutes = Minutes::new();
        observe_requests(&mut minutes, &mut self.context, batch)?;
        for (time, minute) in minutes.into_iter().filter(|(time, _)| is_within(self.options.range, *time)) {
            let is_here = self.minutes.contains_key(&time) || !self.stored.may_hold(time);
            let of = if is_here { &mut self.minutes } else { &mut self.pending };
            if !of.contains_key(&time) && of.len() >= self.options.max_minutes {
                self.activity.refused += 1;
                self.uncounted.insert(time);
                continue;
            }
            of.entry(time).or_default().merge(&minute);
            if !is_here {
                self.wanted.insert(time);
            }
        }
        Ok(())
    }

    /// Takes in rows of `breakers`.
    pub fn push_breakers(&mut self, batch: &RecordBatch) {
        for detector in &mut self.detectors {
            detector.observe_breakers(batch, &mut self.context);
        }
    }

    /// Counts the traces of which no span has come for a while before `now`.
    pub fn close_quiet(&mut self, now: i64) {
        self.close_some(now, usize::MAX);
    }

    /// Like [`Analyzer::close_quiet`], but only those that have been quiet for longest, until they have `spans` spans.
    pub fn close_some(&mut self, now: i64, spans: usize) {
        let due = self.traces.open.take_until(now.saturating_sub(self.options.quiet_ns), spans);
        self.close(due, true);
        self.make_room();
    }

    /// Counts all traces.
    pub fn close_all(&mut self) {
        let due = self.traces.open.take_until(i64::MAX, usize::MAX);
        self.close(due, true);
        self.make_room();
    }

    /// Traces that more spans came of after they were let go. All their spans, from storage, should be given to
    /// [`Analyzer::correct`].
    pub fn late_traces(&self) -> Vec<u128> {
        self.traces.late.ids()
    }

    /// Takes in all spans of some of [`Analyzer::late_traces`]: rows of `spans`, of which those of other traces are left
    /// out. What they change is counted the next time that traces are closed.
    ///
    /// What was counted before is what the earlier spans give; where peers, clocks or producers of messages have become
    /// known since, edges to and from them may differ from what was counted.
    pub fn correct(&mut self, trace_ids: &[u128], batches: &[RecordBatch]) -> Result<(), InputError> {
        let mut traces: BTreeMap<u128, Vec<Span>> = trace_ids.iter().map(|trace_id| (*trace_id, Vec::new())).collect();
        let mut spans = Vec::new();
        for batch in batches {
            self.reader.read(batch, &mut self.context, &mut spans)?;
            for span in spans.drain(..) {
                if let Some(trace) = traces.get_mut(&span.trace_id) {
                    trace.push(span);
                }
            }
        }
        for (trace_id, spans) in traces {
            self.correct_with(trace_id, spans);
        }
        Ok(())
    }

    /// Minutes that were let go and that have to be given to [`Analyzer::restore`] before what touches them is counted.
    pub fn wanted(&self) -> Vec<i64> {
        self.wanted.iter().copied().collect()
    }

    /// Takes in the counts of a minute of [`Analyzer::wanted`], read with [`Analyzer::context_mut`]; an empty one if
    /// nothing is stored.
    pub fn restore(&mut self, time: i64, minute: Minute) {
        if !self.wanted.remove(&time) {
            return;
        }
        let restored = self.minutes.entry(time).or_insert(minute);
        if let Some(pending) = self.pending.remove(&time) {
            restored.merge(&pending);
        }
    }

    /// The minutes whose counts have changed since this was last asked.
    pub fn take_dirty(&mut self) -> Vec<i64> {
        let dirty = self.minutes.iter_mut().filter(|(_, minute)| minute.is_dirty);
        dirty
            .map(|(time, minute)| {
                minute.is_dirty = false;
                *time
            })
            .collect()
    }

    /// Minutes that a bound kept something from, since this was last asked: their counts in memory are not whole.
    pub fn take_uncounted(&mut self) -> BTreeSet<i64> {
        std::mem::take(&mut self.uncounted)
    }

    /// What holds at the end of a minute. They are evaluated in their order: what no detector looks back to from the next
    /// one is forgotten.
    pub fn evaluate(&mut self, minute: i64) -> Vec<Candidate> {
        let evaluation = Evaluation { context: &self.context, minutes: &self.minutes, demand: &self.demand, minute };
        let known = minute.saturating_add(MINUTE).saturating_sub(self.let_go_before) / MINUTE;
        let mut found = Vec::new();
        for detector in &mut self.detectors {
            let horizon = detector.horizon();
            let mut candidates = detector.evaluate(&evaluation);
            if known < horizon {
                let caveat = compared_with(known.max(1));
                candidates.iter_mut().for_each(|candidate| candidate.evidence.caveats.push(caveat.clone()));
            }
            found.append(&mut candidates);
            detector.forget_before(minute.saturating_sub((horizon - 2) * MINUTE));
        }
        found
    }

    /// Says which minutes are stored at the start: any that is before `unknown_before`, and `minutes`.
    pub fn set_stored(&mut self, unknown_before: i64, minutes: impl IntoIterator<Item = i64>) {
        self.stored.set_unknown_before(unknown_before);
        minutes.into_iter().for_each(|minute| self.stored.add(minute));
    }

    /// Takes note that a minute is stored that memory does not hold.
    pub fn add_stored(&mut self, minute: i64) {
        self.stored.add(minute);
    }

    /// Lets go of the counts of minutes before `minute`, which are stored, but for those that [`Analyzer::take_dirty`] has
    /// yet to tell.
    pub fn forget_before(&mut self, minute: i64) {
        let (stored, let_go_before) = (&mut self.stored, &mut self.let_go_before);
        self.minutes.retain(|time, counts| {
            let is_kept = *time >= minute || counts.is_dirty;
            if !is_kept {
                stored.add(*time);
                *let_go_before = (*let_go_before).max(time.saturating_add(MINUTE));
            }
            is_kept
        });
        self.skew.forget_before(minute);
        self.demand.forget_before(minute);
        for detector in &mut self.detectors {
            detector.forget_before(minute);
        }
    }

    pub fn minutes(&self) -> &Minutes {
        &self.minutes
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    pub fn skew(&self) -> &Skew {
        &self.skew
    }

    /// How many traces wait for the rest of their spans.
    pub fn open_traces(&self) -> usize {
        self.traces.open.len()
    }

    pub fn activity(&self) -> Activity {
        self.activity
    }

    /// Bytes of memory held, roughly. Takes time in proportion to the counts held.
    pub fn size(&self) -> usize {
        let minutes = self.minutes.values().chain(self.pending.values()).map(Minute::size).sum::<usize>();
        let detectors = self.detectors.iter().map(|detector| detector.size()).sum::<usize>();
        self.context.size()
            + self.peers.size()
            + self.skew.size()
            + self.traces.size()
            + self.stored.size()
            + self.uncounted.len() * 16
            + minutes
            + self.demand.size()
            + detectors
    }

    fn correct_with(&mut self, trace_id: u128, spans: Vec<Span>) {
        let Some((before, late)) = self.traces.late.part(trace_id, spans) else { return };
        let size: usize = before.iter().chain(&late).map(Span::size).sum();
        if size > self.options.max_trace_bytes {
            self.activity.refused += late.len() as u64;
            self.uncounted.extend(touched(late.iter()));
            return;
        }
        if late.is_empty() {
            return;
        }
        let counted = (!before.is_empty()).then(|| {
            let mut analysis = Analysis::of(before, &mut self.context, &mut self.peers, &self.skew);
            self.traces.published.complete(&mut analysis);
            Box::new(Held::new(analysis))
        });
        self.traces.open.insert(Open::new(trace_id, late, counted, i64::MIN));
    }

    /// Counts traces. Those that touch minutes which have to be restored stay open, or are given up if they must not.
    fn close(&mut self, due: Vec<Open>, may_wait: bool) {
        let mut traces = Vec::new();
        for open in due {
            match self.place(&open) {
                Place::Here(minutes) => {
                    for minute in minutes {
                        self.minutes.entry(minute).or_default();
                    }
                    traces.push(open);
                }
                Place::Wanted(minutes) if may_wait => {
                    self.wanted.extend(minutes);
                    self.traces.open.insert(open);
                }
                Place::Wanted(_) | Place::None => self.refuse(open),
            }
        }
        traces.sort_by_cached_key(|open| (open.first, open.trace_id));
        let built: Vec<(Open, Trace)> = traces
            .into_iter()
            .map(|mut open| {
                let trace = Trace::build(open.take_spans(), &self.context);
                if !open.was_shown {
                    self.skew.observe(&trace, &self.context);
                }
                (open, trace)
            })
            .collect();
        self.skew.solve();
        let mut built = built.into_iter();
        while built.len() > 0 {
            let analysed = built.by_ref().take(AT_ONCE).map(|(open, trace)| self.analyse(open, trace)).collect();
            self.count(analysed);
        }
    }

    fn analyse(&mut self, open: Open, trace: Trace) -> Counted {
        let mut analysis = Analysis::of_trace(trace, &mut self.context, &mut self.peers, &self.skew);
        self.traces.published.complete(&mut analysis);
        self.traces.published.wait_for(&analysis);
        Counted { trace_id: open.trace_id, before: open.counted, was_shown: open.was_shown, analysis }
    }

    /// Counts traces, shows them to the detectors, and keeps them. All of them at each step, because what one detector
    /// knows stays in the processor's cache, and what all of them know does not.
    fn count(&mut self, traces: Vec<Counted>) {
        let (context, range) = (&self.context, self.options.range);
        let within = range.map_or(i64::MIN..i64::MAX, |(from, to)| from..to);
        for Counted { before, analysis, .. } in &traces {
            if let Some(before) = before {
                let before = before.analysis.analysed(context);
                observe_within(&mut self.minutes, &before, Sign::Remove, within.clone());
            }
            observe_within(&mut self.minutes, &analysis.analysed(context), Sign::Add, within.clone());
        }
        let unseen = || traces.iter().filter(|trace| !trace.was_shown).map(|trace| trace.analysis.analysed(context));
        if !self.detectors.is_empty() {
            unseen().for_each(|analysed| self.demand.observe(&analysed));
        }
        for detector in &mut self.detectors {
            unseen().for_each(|analysed| detector.observe(&analysed));
        }
        for Counted { trace_id, was_shown, analysis, .. } in traces {
            let sum = if was_shown { &mut self.activity.corrections } else { &mut self.activity.traces };
            *sum += 1;
            self.traces.held.insert(trace_id, Box::new(Held::new(analysis)));
        }
    }

    /// Whether the minutes of a trace can be counted in.
    fn place(&self, open: &Open) -> Place {
        let is_there = |time: i64| self.minutes.contains_key(&time);
        let first = minute_of(open.first);
        // Nearly all traces are within one minute that is there.
        let is_one = first == minute_of(open.until) && is_there(first);
        let mut missing = if is_one { Vec::new() } else { touched(open.all_spans()) };
        missing.retain(|time| is_within(self.options.range, *time) && !is_there(*time));
        let wanted: Vec<i64> = missing.iter().copied().filter(|time| self.stored.may_hold(*time)).collect();
        if self.minutes.len().saturating_add(missing.len()) > self.options.max_minutes
            || self.wanted.len().saturating_add(wanted.len()) > self.options.max_minutes
        {
            return Place::None;
        }
        if wanted.is_empty() { Place::Here(missing) } else { Place::Wanted(wanted) }
    }

    /// Does not count the spans of a trace that are not counted.
    fn refuse(&mut self, open: Open) {
        self.activity.refused += open.spans.len() as u64;
        let mut touched = touched(open.spans.iter());
        touched.retain(|time| is_within(self.options.range, *time));
        self.uncounted.extend(touched);
        if let Some(counted) = open.counted {
            self.traces.held.insert(open.trace_id, counted);
        }
    }

    fn make_room(&mut self) {
        while self.traces.spans_size() > self.options.max_trace_bytes {
            if let Some(trace_id) = self.traces.held.let_go() {
                self.traces.late.remember(trace_id);
                continue;
            }
            // Many at a time, because clocks are compared anew each time.
            let enough = self.options.max_trace_bytes / 16 * 15;
            let mut oldest = Vec::new();
            while self.traces.spans_size() > enough
                && let Some(open) = self.traces.open.take_oldest(i64::MAX)
            {
                oldest.push(open);
            }
            if oldest.is_empty() {
                return;
            }
            self.activity.closed_early += oldest.len() as u64;
            self.close(oldest, false);
        }
    }
}

fn compared_with(minutes: i64) -> String {
    let minutes = if minutes == 1 { "minute".to_owned() } else { format!("{minutes} minutes") };
    format!("Memory held no more than the last {minutes}, from which is told what is usual.")
}

/// Takes note of a span that was added, or of the minute that is not whole without it.
fn note_added(added: Result<(), i64>, activity: &mut Activity, uncounted: &mut BTreeSet<i64>) {
    activity.spans += 1;
    if let Err(minute) = added {
        activity.refused += 1;
        uncounted.insert(minute);
    }
}

/// A trace to be counted.
struct Counted {
    trace_id: u128,
    /// What is counted of it.
    before: Option<Box<Held>>,
    /// Whether detectors have seen it.
    was_shown: bool,
    analysis: Analysis,
}
