//! The findings of a range.

use std::collections::BTreeMap;

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::{common::Result, logical_expr::LogicalPlan};
use spandrel_analysis::{
    analysed::MINUTE,
    findings::{
        self, KEPT_MINUTES, LEAST_MINUTES,
        track::{self, Change, State, Tracker},
    },
};
use spandrel_proto::model::Table;

use super::replay::{Range, Replay};
use crate::{
    computed::{Computation, Running, Tabular},
    functions::Tables,
};

/// What detectors compare a minute with.
const BEFORE: i64 = 30 * MINUTE;
/// Spans of a minute are all there when spans of so much later have been seen.
const SETTLED: i64 = 2 * MINUTE;

/// What is wrong in a range, found from the stored spans, minute by minute as it would have been found live.
#[derive(Debug)]
pub(crate) struct FindingsOf {
    range: Range,
    from: i64,
    to: i64,
}

impl FindingsOf {
    pub(crate) fn new(tables: &Tables, from: i64, to: i64) -> Self {
        Self { range: Range::new(tables, from.saturating_sub(BEFORE), to), from, to }
    }
}

impl Computation for FindingsOf {
    type Output = Vec<Change>;
    type Running = FindingsRunning;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        self.range.inputs()
    }

    fn start(&self, memory: usize) -> FindingsRunning {
        FindingsRunning {
            replay: self.range.start(memory / 3, findings::detectors()),
            memory: memory / 8 * 7,
            held: 0,
            tracker: Tracker::default(),
            found: BTreeMap::new(),
            judged: None,
            from: self.from,
            to: self.to,
        }
    }
}

impl Tabular for FindingsOf {
    fn schema(&self) -> SchemaRef {
        Table::Findings.schema()
    }

    fn rows(&self, found: Vec<Change>) -> Result<RecordBatch> {
        Ok(track::rows(&found, self.to))
    }
}

/// Findings that are being looked for.
#[derive(Debug)]
pub(crate) struct FindingsRunning {
    replay: Replay,
    /// What may be held before the oldest minutes are let go, and what is.
    memory: usize,
    held: usize,
    tracker: Tracker,
    /// The last state of each, by when it opened and its id.
    found: BTreeMap<(i64, String), Change>,
    /// The minute that was judged last.
    judged: Option<i64>,
    from: i64,
    to: i64,
}

impl FindingsRunning {
    /// Judges the minutes of the range that end by `until`.
    fn judge_until(&mut self, until: i64) {
        loop {
            let next = match self.judged {
                Some(judged) => judged + MINUTE,
                None => match self.replay.analyzer.minutes().keys().next() {
                    Some(first) => *first,
                    None => return,
                },
            };
            if next >= self.to || next + MINUTE > until {
                return;
            }
            let candidates = self.replay.analyzer.evaluate(next);
            self.note(next, candidates);
            self.judged = Some(next);
            self.replay.analyzer.take_dirty();
            self.replay.analyzer.forget_before(next - KEPT_MINUTES * MINUTE);
        }
    }

    /// Lets go of the oldest minutes that have been judged while too much is held.
    fn make_room(&mut self) {
        let analyzer = &mut self.replay.analyzer;
        self.held = analyzer.size();
        while self.held > self.memory
            && let Some((first, judged)) = analyzer.minutes().keys().next().copied().zip(self.judged)
            && first + LEAST_MINUTES * MINUTE <= judged
        {
            analyzer.forget_before(first + MINUTE);
            self.held = analyzer.size();
        }
    }

    fn note(&mut self, minute: i64, candidates: Vec<findings::Candidate>) {
        for change in self.tracker.step(minute, candidates) {
            self.found.insert((change.finding.opened, change.finding.id.clone()), change);
        }
    }
}

impl Running for FindingsRunning {
    type Output = Vec<Change>;

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        if let Some(seen_until) = self.replay.push(input, &batch)? {
            self.judge_until(seen_until.saturating_sub(SETTLED));
        }
        self.make_room();
        Ok(())
    }

    fn size(&self) -> usize {
        self.held
    }

    fn finish(mut self) -> Result<Vec<Change>> {
        self.replay.analyzer.close_all();
        let last = self.replay.analyzer.minutes().keys().next_back().copied();
        self.judge_until(last.map_or(i64::MIN, |last| last + MINUTE));
        // What is open at the end is told as it stands there.
        for finding in self.tracker.open().cloned().collect::<Vec<_>>() {
            let change = Change { finding, state: State::Updated };
            self.found.insert((change.finding.opened, change.finding.id.clone()), change);
        }
        let (from, to) = (self.from, self.to);
        let overlaps =
            |change: &Change| change.finding.opened < to && change.finding.closed.is_none_or(|closed| closed >= from);
        Ok(self.found.into_values().filter(overlaps).collect())
    }
}
