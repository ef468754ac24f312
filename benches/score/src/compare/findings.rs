//! Findings against what was built into the system.

use std::collections::BTreeMap;

use super::{Match, Ratio};
use crate::observed::FindingSeen;

/// Findings of these kinds hold for a while and must say when. All others are true of the system as it is built.
const INTERVALS: [&str; 6] = ["CASCADE", "HOT_SERVICE", "BREAKER", "RETRY_STORM", "WASTED_WORK", "HIDDEN_ERRORS"];
/// Least share of the time of either that both have in common.
const LEAST_OVERLAP: f64 = 0.5;

/// What there is to be found.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub kind: String,
    pub service: String,
    /// Any, if not given.
    pub target: Option<String>,
    pub since: i64,
    pub until: i64,
    /// It stays just below its threshold and must not be found.
    pub is_near_miss: bool,
    /// Another condition brings it about: it may be found, and need not be.
    pub is_side_effect: bool,
}

/// How well findings agree with what was to be found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    pub by_kind: BTreeMap<String, Match>,
    /// Share of near misses that were not found.
    pub near_misses: Ratio,
}

impl Score {
    pub fn of(expected: &[Expected], seen: &[FindingSeen]) -> Self {
        let mut score = Self::default();
        let (near_misses, expected): (Vec<_>, Vec<_>) = expected.iter().partition(|expected| expected.is_near_miss);
        for finding in seen {
            let right = expected.iter().any(|expected| is_right(expected, finding));
            let of_kind = score.by_kind.entry(finding.kind.to_owned()).or_default();
            of_kind.precision.count(right, || describe("not there", finding));
        }
        for expected in expected.iter().filter(|expected| !expected.is_side_effect) {
            let found = seen.iter().any(|finding| matches(expected, finding));
            let of_kind = score.by_kind.entry(expected.kind.clone()).or_default();
            of_kind.recall.count(found, || format!("not found: {expected:?}"));
        }
        for near_miss in near_misses {
            let found = seen.iter().find(|finding| is_about(near_miss, finding));
            score.near_misses.count(found.is_none(), || found.map_or_else(String::new, |it| describe("near miss", it)));
        }
        score
    }

    pub fn merge(&mut self, other: &Score) {
        for (kind, found) in &other.by_kind {
            self.by_kind.entry(kind.clone()).or_default().merge(found);
        }
        self.near_misses.merge(&other.near_misses);
    }

    /// Of all kinds.
    pub fn total(&self) -> Match {
        let mut total = Match::default();
        for found in self.by_kind.values() {
            total.merge(found);
        }
        total
    }

    /// What was found and missed, in a line.
    pub fn summary(&self) -> String {
        let of_kind = self.by_kind.iter().map(|(kind, found)| {
            let (precision, recall) = (&found.precision, &found.recall);
            format!("{kind} {}/{} right, {}/{} found", precision.good, precision.of, recall.good, recall.of)
        });
        let mut parts: Vec<String> = of_kind.collect();
        if self.near_misses.of > 0.0 {
            parts.push(format!("near misses {}/{} silent", self.near_misses.good, self.near_misses.of));
        }
        parts.join("; ")
    }
}

/// The findings that are of what there was to be found.
pub fn right<'a>(expected: &[Expected], seen: &'a [FindingSeen]) -> impl Iterator<Item = &'a FindingSeen> {
    let is_there = |expected: &&Expected| !expected.is_near_miss;
    seen.iter().filter(move |finding| expected.iter().filter(is_there).any(|expected| is_right(expected, finding)))
}

fn matches(expected: &Expected, finding: &FindingSeen) -> bool {
    is_about(expected, finding) && (!INTERVALS.contains(&finding.kind) || overlap(expected, finding) >= LEAST_OVERLAP)
}

/// The same of what may be found, of which a part is right too: most of the time of the finding must be.
fn is_right(expected: &Expected, finding: &FindingSeen) -> bool {
    let both = expected.until.min(finding.until).saturating_sub(expected.since.max(finding.since));
    let most = (finding.until - finding.since) as f64 * LEAST_OVERLAP;
    matches(expected, finding) || (expected.is_side_effect && is_about(expected, finding) && both as f64 >= most)
}

fn is_about(expected: &Expected, finding: &FindingSeen) -> bool {
    expected.kind == finding.kind
        && expected.service == finding.service
        && expected.target.as_ref().is_none_or(|target| finding.target.as_ref() == Some(target))
}

/// Intersection over union of the two times.
fn overlap(expected: &Expected, finding: &FindingSeen) -> f64 {
    let both = expected.until.min(finding.until) - expected.since.max(finding.since);
    let either = expected.until.max(finding.until) - expected.since.min(finding.since);
    if either <= 0 { 1.0 } else { both.max(0) as f64 / either as f64 }
}

fn describe(what: &str, finding: &FindingSeen) -> String {
    format!("{what}: {}", described(finding))
}

/// A finding in a line.
pub fn described(finding: &FindingSeen) -> String {
    let FindingSeen { kind, text, since, until, score, evidence, .. } = finding;
    format!("{kind} {text}, {} s from {since}, score {score}: {evidence}", (until - since) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(kind: &str, service: &str, (since, until): (i64, i64)) -> Expected {
        let (kind, service) = (kind.to_owned(), service.to_owned());
        Expected { kind, service, target: None, since, until, is_near_miss: false, is_side_effect: false }
    }

    fn seen(kind: &'static str, service: &str, (since, until): (i64, i64)) -> FindingSeen {
        FindingSeen {
            kind,
            service: service.to_owned(),
            target: Some("db".to_owned()),
            operation: None,
            text: service.to_owned(),
            since,
            until,
            score: 50,
            evidence: String::new(),
        }
    }

    #[test]
    fn structural_findings_match_by_subject() {
        let all = [expected("SPOF", "a", (0, 100)), expected("SPOF", "b", (0, 100))];
        let total = Score::of(&all, &[seen("SPOF", "a", (90, 91)), seen("SPOF", "c", (0, 100))]).total();
        assert_eq!((total.precision.value(), total.recall.value()), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn targets_count_where_they_are_given() {
        let other = Expected { target: Some("cache".to_owned()), ..expected("CHATTY", "a", (0, 100)) };
        let right = Expected { target: Some("db".to_owned()), ..other.clone() };
        let found = |expected| Score::of(&[expected], &[seen("CHATTY", "a", (0, 1))]).total().recall.value();
        assert_eq!((found(other), found(right)), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn findings_that_come_and_go_match_by_time() {
        for (time, expected_recall) in [((0, 100), 1.0), ((40, 100), 1.0), ((51, 100), 0.0), ((200, 300), 0.0)] {
            let score = Score::of(&[expected("BREAKER", "a", (0, 100))], &[seen("BREAKER", "a", time)]);
            assert_eq!(score.total().recall.value(), Some(expected_recall), "{time:?}");
        }
    }

    #[test]
    fn side_effects_may_be_found() {
        let effect = Expected { is_side_effect: true, ..expected("SPOF", "a", (0, 100)) };
        let score = Score::of(&[effect], &[seen("SPOF", "a", (0, 100))]);
        assert_eq!((score.total().precision.value(), score.total().recall.value()), (Some(1.0), None));
    }

    #[test]
    fn side_effects_may_be_found_for_a_part_of_their_time() {
        let effect = Expected { is_side_effect: true, ..expected("BREAKER", "a", (0, 100)) };
        for (time, precision) in [((80, 100), 1.0), ((80, 119), 1.0), ((80, 121), 0.0), ((110, 120), 0.0)] {
            let score = Score::of(std::slice::from_ref(&effect), &[seen("BREAKER", "a", time)]);
            assert_eq!(score.total().precision.value(), Some(precision), "{time:?}");
        }
    }

    #[test]
    fn near_misses_must_not_be_found() {
        let near = |service| Expected { is_near_miss: true, ..expected("SPOF", service, (0, 100)) };
        let score = Score::of(&[near("a"), near("b")], &[seen("SPOF", "a", (0, 100))]);
        assert_eq!(score.near_misses.value(), Some(0.5));
        assert_eq!(score.total().precision.value(), Some(0.0), "a near miss that is found is a false finding too");
    }
}
