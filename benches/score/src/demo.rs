//! What `spandrel demo` plays, through the analysis as the server does it: minute by minute, while it happens.

use std::fmt;

use spandrel_analysis::{
    analysed::{MINUTE, minute_of},
    analyzer::{Analyzer, Options},
    findings::{self, KEPT_MINUTES, track::Tracker},
};
use spandrel_proto::model::Table;
use spandrel_shop::{
    FindingKind, FindingTruth, Scenario, Shop, ShopConfig, demonstration, effects, plans, telemetry::Signal,
};

use crate::{
    analyse::track,
    observed::{FindingSeen, Observed},
    record::Reader,
};

/// What `spandrel demo` is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Demo {
    pub seed: u64,
    /// Requests a second.
    pub rate: f64,
    pub scenarios: Vec<Scenario>,
    /// Minutes that are played.
    pub history: i64,
    /// Seconds past the minute when it opens.
    pub opens_at: i64,
    /// Whether all of it is there before the first minute is judged, as of history that is sent fast.
    pub is_history: bool,
}

impl Default for Demo {
    /// What it is asked for if nothing is said.
    fn default() -> Self {
        let scenarios = FindingKind::ALL.map(Scenario::of).to_vec();
        Self { seed: 1, rate: 4.0, scenarios, history: 120, opens_at: 37, is_history: false }
    }
}

const SECOND: i64 = 1_000_000_000;
/// A trace is analysed when none of its spans has come for so long; a minute is judged so long after its end; so many
/// minutes are kept: all as the server does it.
const QUIET: i64 = 20 * SECOND;
const JUDGE_AFTER: i64 = 50 * SECOND;
/// What is found may begin so much before what is announced, since rules look at whole minutes, and end so much after it,
/// since they look back over five.
const EARLY: i64 = MINUTE;
const LATE: i64 = 3 * MINUTE;

/// A condition and what was found of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    pub truth: FindingTruth,
    pub found: Option<FindingSeen>,
}

/// What was announced, and what was found beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    opened_at: i64,
    /// What scenarios are made for.
    pub announced: Vec<Announced>,
    /// What follows from them.
    pub effects: Vec<Announced>,
    pub unannounced: Vec<FindingSeen>,
    /// The most memory that the analysis held, bytes, roughly.
    pub memory: usize,
}

/// Plays scenarios one after the other as `spandrel demo` does in its history.
///
/// # Errors
/// A reader refuses something.
pub fn play(demo: &Demo) -> anyhow::Result<Played> {
    let history = demo.history * MINUTE;
    let default = ShopConfig::default();
    let config = ShopConfig {
        seed: demo.seed,
        rate: demo.rate,
        start_time: default.start_time + demo.opens_at * SECOND,
        scenarios: demonstration(&demo.scenarios, history),
        ..default
    };
    let start_time = config.start_time;
    let mut shop = Shop::new(&config);
    let (findings, memory) = analyse(&mut shop, start_time + history, demo.is_history)?;
    let truth = shop.truth().findings();
    let plans = plans(&config);
    let effects: Vec<&FindingTruth> = plans.iter().flat_map(|plan| effects(plan, &truth)).collect();
    let expected: Vec<&FindingTruth> = truth.iter().filter(|truth| !truth.side_effect && !truth.near_miss).collect();
    Ok(Played { memory, ..compare(start_time, &expected, &effects, &findings) })
}

/// The findings of what a shop sends until `end`, and the most memory that the analysis held.
fn analyse(shop: &mut Shop, end: i64, is_history: bool) -> anyhow::Result<(Vec<FindingSeen>, usize)> {
    let options = Options { quiet_ns: QUIET, ..Options::default() };
    let mut analyzer = Analyzer::new(options, findings::detectors());
    let reader = Reader::new()?;
    let (mut tracker, mut changes) = (Tracker::default(), Vec::new());
    let mut memory = 0;
    let mut judge = |analyzer: &mut Analyzer, minute: i64| {
        memory = memory.max(analyzer.size());
        changes.extend(tracker.step(minute, analyzer.evaluate(minute)));
        analyzer.take_dirty();
        analyzer.forget_before(minute + MINUTE - KEPT_MINUTES * MINUTE);
    };
    let mut next: Option<i64> = None;
    let mut tick = 0;
    while let Some(batch) = shop.next_due(end) {
        let now = batch.due;
        if batch.payload.signal() != Signal::Metrics {
            for (table, rows) in reader.read(&batch)? {
                match table {
                    Table::Spans => analyzer.push_spans(&rows, now)?,
                    Table::Requests => analyzer.push_requests(&rows)?,
                    Table::Breakers => analyzer.push_breakers(&rows),
                    _ => {}
                }
            }
        }
        if now < tick + SECOND {
            continue;
        }
        tick = now;
        analyzer.close_quiet(now);
        let minute = next.get_or_insert(minute_of(now));
        while !is_history && *minute + MINUTE + JUDGE_AFTER <= now {
            judge(&mut analyzer, *minute);
            *minute += MINUTE;
        }
    }
    let minutes = next.unwrap_or(end)..end - JUDGE_AFTER;
    for minute in minutes.step_by(MINUTE as usize).filter(|_| is_history) {
        judge(&mut analyzer, minute);
    }
    let mut observed = Observed::default();
    track(&mut observed, &changes, end);
    Ok((observed.findings, memory))
}

fn compare(opened_at: i64, expected: &[&FindingTruth], effects: &[&FindingTruth], findings: &[FindingSeen]) -> Played {
    let all: Vec<&FindingTruth> = expected.iter().chain(effects).copied().collect();
    let is_right = |finding: &FindingSeen| is_in_time(&all, finding);
    let unannounced = findings.iter().filter(|finding| !is_right(finding)).cloned().collect();
    let announced = |truth: &&FindingTruth| {
        let is_of = |finding: &&FindingSeen| is_about(truth, finding) && overlap(truth, finding) && is_right(finding);
        Announced { truth: (*truth).clone(), found: findings.iter().find(is_of).cloned() }
    };
    Played {
        opened_at,
        announced: expected.iter().map(announced).collect(),
        effects: effects.iter().map(announced).collect(),
        unannounced,
        memory: 0,
    }
}

fn is_about(truth: &FindingTruth, finding: &FindingSeen) -> bool {
    let is_same = |one: &Option<String>, other: &Option<String>| one.is_none() || one == other;
    truth.kind.as_str() == finding.kind
        && truth.service == finding.service
        && is_same(&truth.target, &finding.target)
        && is_same(&truth.operation, &finding.operation)
}

fn overlap(truth: &FindingTruth, finding: &FindingSeen) -> bool {
    finding.since < truth.to_unix_nano && finding.until > truth.from_unix_nano
}

/// Whether a finding was open while what it says was so, and no more than a little before and after. One that holds in
/// two scenarios in a row goes on between them.
fn is_in_time(truth: &[&FindingTruth], finding: &FindingSeen) -> bool {
    let held: Vec<_> = truth.iter().filter(|truth| is_about(truth, finding) && overlap(truth, finding)).collect();
    let from = held.iter().map(|truth| truth.from_unix_nano).min();
    let to = held.iter().map(|truth| truth.to_unix_nano).max();
    from.zip(to).is_some_and(|(from, to)| finding.since >= from - EARLY && finding.until <= to + LATE)
}

impl Played {
    /// Whether everything was found that scenarios are made for, and nothing that was not announced.
    pub fn is_right(&self) -> bool {
        self.unannounced.is_empty() && self.announced.iter().all(|announced| announced.found.is_some())
    }

    fn minutes(&self, (from, to): (i64, i64)) -> String {
        let minute = |time: i64| (time - self.opened_at) as f64 / MINUTE as f64;
        format!("{:6.1}-{:5.1}", minute(from), minute(to))
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.announced.iter().filter(|announced| announced.found.is_some()).count();
        let (announced, others) = (self.announced.len(), self.unannounced.len());
        writeln!(f, "{found} of {announced} announced were found, {others} others; {} MiB at most", self.memory >> 20)?;
        for (mark, Announced { truth, found }) in
            self.announced.iter().map(|one| (' ', one)).chain(self.effects.iter().map(|one| ('+', one)))
        {
            let FindingTruth { service, target, operation, .. } = truth;
            let parts = [Some(service), target.as_ref(), operation.as_ref()];
            let subject: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            let time = self.minutes((truth.from_unix_nano, truth.to_unix_nano));
            let found = found.as_ref().map_or_else(
                || "not found".to_owned(),
                |found| format!("{} score {}", self.minutes((found.since, found.until)), found.score),
            );
            writeln!(f, "{mark}{time} {:21} {:60} {found}", truth.kind.as_str(), subject.join(" "))?;
        }
        for FindingSeen { kind, text, since, until, score, evidence, .. } in &self.unannounced {
            writeln!(f, "!{} {kind:21} {text:60} score {score}: {evidence}", self.minutes((*since, *until)))?;
        }
        Ok(())
    }
}
