//! Findings over time: one finding from when its condition begins to hold until it has not held for a while.

mod json;
mod rows;

use std::collections::BTreeMap;

pub use rows::{closing_rows, rows};

use super::{Candidate, Evidence, FindingKind, Method, Severity, Subject};
use crate::analysed::MINUTE;

/// A finding closes when its condition has not held for this many minutes.
const CLOSES_AFTER: i64 = 3;
/// Evidence of an open finding is told again after this many minutes.
const TELLS_AFTER: i64 = 10;

/// A row of the `findings` table, but for the time it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// 16 hex digits: a hash of kind, subject and environment.
    pub id: String,
    pub kind: FindingKind,
    pub subkind: Option<&'static str>,
    pub severity: Severity,
    /// 0 to 100.
    pub score: u32,
    pub method: Method,
    pub subject: Subject,
    /// Nanoseconds since the epoch.
    pub opened: i64,
    /// When its condition held last, once it is closed.
    pub closed: Option<i64>,
    pub evidence: Evidence,
    pub sql: String,
    pub remedy: String,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Opened,
    /// Its severity changed, or its evidence was old.
    Updated,
    /// Told as it was when it was worst: its last minute says little of what happened.
    Closed,
}

impl State {
    /// The text in the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Opened => "opened",
            State::Updated => "updated",
            State::Closed => "closed",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub finding: Finding,
    pub state: State,
}

#[derive(Debug, Clone)]
struct Open {
    finding: Finding,
    /// As it was in the minute in which it was worst, the first of several.
    worst: Finding,
    /// The last minute whose candidate held, and until when that one did.
    held: i64,
    until: i64,
    /// The minute in which it was last told.
    told: i64,
}

/// The open findings.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    open: BTreeMap<String, Open>,
    /// When findings opened that were open before this tracker was there.
    adopted: BTreeMap<String, i64>,
}

impl Tracker {
    /// Takes over a finding that is open: if its condition still holds, it goes on and does not begin anew.
    pub fn adopt(&mut self, id: String, opened: i64) {
        self.adopted.insert(id, opened);
    }

    /// Findings that were taken over and whose condition has not held since.
    pub fn take_adopted(&mut self) -> Vec<String> {
        std::mem::take(&mut self.adopted).into_keys().collect()
    }

    /// What the candidates of the minute that begins at `minute` change. Minutes come in order of time; some may be
    /// left out.
    pub fn step(&mut self, minute: i64, candidates: Vec<Candidate>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, candidate) in strongest(candidates) {
            match self.open.get_mut(&id) {
                Some(open) => changes.extend(open.hold(minute, candidate)),
                // Of what has no score nothing is known.
                None if candidate.fires && candidate.score() > 0 => {
                    let mut open = Open::new(id.clone(), minute, candidate);
                    let adopted = self.adopted.remove(&id);
                    open.finding.opened = adopted.unwrap_or(open.finding.opened);
                    let state = if adopted.is_some() { State::Updated } else { State::Opened };
                    changes.push(Change { finding: open.finding.clone(), state });
                    self.open.insert(id, open);
                }
                None => {}
            }
        }
        self.open.retain(|_, open| {
            let is_over = minute.saturating_sub(open.held) >= CLOSES_AFTER * MINUTE;
            if is_over {
                let finding = open.over();
                changes.push(Change { finding, state: State::Closed });
            }
            !is_over
        });
        changes
    }

    /// The findings that are open, in order of their ids.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.open.values().map(|open| &open.finding)
    }
}

impl Open {
    fn new(id: String, minute: i64, candidate: Candidate) -> Open {
        let (opened, until) = (candidate.since, candidate.until);
        let finding = finding(id, opened, candidate);
        Open { worst: finding.clone(), finding, held: minute, until, told: minute }
    }

    /// The finding when its condition holds no more.
    fn over(&self) -> Finding {
        Finding { opened: self.finding.opened, closed: Some(self.until), ..self.worst.clone() }
    }

    /// The condition goes on. A candidate that holds without firing prolongs the finding and changes nothing else.
    fn hold(&mut self, minute: i64, candidate: Candidate) -> Option<Change> {
        self.held = minute;
        self.until = candidate.until;
        if !candidate.fires {
            return None;
        }
        let severity = self.finding.severity;
        self.finding = finding(self.finding.id.clone(), self.finding.opened, candidate);
        let rank = |finding: &Finding| (finding.severity, finding.score);
        if rank(&self.finding) > rank(&self.worst) {
            self.worst = self.finding.clone();
        }
        let is_due = minute.saturating_sub(self.told) >= TELLS_AFTER * MINUTE;
        if severity == self.finding.severity && !is_due {
            return None;
        }
        self.told = minute;
        Some(Change { finding: self.finding.clone(), state: State::Updated })
    }
}

fn finding(id: String, opened: i64, mut candidate: Candidate) -> Finding {
    candidate.evidence.details.push(candidate.harm.detail());
    Finding {
        id,
        kind: candidate.kind,
        subkind: candidate.subkind,
        severity: candidate.severity(),
        score: candidate.score(),
        method: candidate.method,
        subject: candidate.subject,
        opened,
        closed: None,
        evidence: candidate.evidence,
        sql: candidate.sql,
        remedy: candidate.remedy,
    }
}

/// The strongest candidate of each identity, whatever the order they come in.
fn strongest(candidates: Vec<Candidate>) -> BTreeMap<String, Candidate> {
    let rank = |candidate: &Candidate| (candidate.fires, candidate.score(), std::cmp::Reverse(candidate.since));
    let mut strongest: BTreeMap<String, Candidate> = BTreeMap::new();
    for candidate in candidates {
        let id = identity(candidate.kind, &candidate.subject);
        match strongest.get(&id) {
            Some(known) if rank(known) >= rank(&candidate) => {}
            _ => {
                strongest.insert(id, candidate);
            }
        }
    }
    strongest
}

/// 64 bits of FNV-1a over kind, subject and environment, each ended by a byte that UTF-8 does not have.
fn identity(kind: FindingKind, subject: &Subject) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [kind.as_str(), &subject.text, subject.environment.as_deref().unwrap_or_default()] {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
