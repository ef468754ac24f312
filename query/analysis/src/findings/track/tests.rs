use arrow::array::{Array, AsArray};
use spandrel_proto::model::Table;

use super::*;
use crate::findings::Harm;

/// A candidate with a score of so many hundredths.
fn candidate(target: &str, score: f64, fires: bool, minute: i64) -> Candidate {
    Candidate {
        kind: FindingKind::RetryStorm,
        subkind: None,
        subject: Subject {
            text: format!("cart -> {target}"),
            service: "cart".to_owned(),
            target: Some(target.to_owned()),
            ..Subject::default()
        },
        method: Method::Explicit,
        harm: Harm::Lost(1e6 * 10_f64.powf(4.0 * score)),
        completeness: 1.0,
        at_most: Severity::Critical,
        fires,
        since: minute + 7,
        until: minute + MINUTE - 9,
        evidence: Evidence { samples: 100_000, examples: vec![0xab], ..Evidence::default() },
        sql: "SELECT 1".to_owned(),
        remedy: "Do less.".to_owned(),
    }
}

/// A minute: the candidate's score and whether it fires, and what is expected to change.
type Step = (Option<(f64, bool)>, &'static [State]);

fn run(steps: &[Step]) -> Vec<Change> {
    let mut tracker = Tracker::default();
    let mut all = Vec::new();
    for (index, (step, expected)) in steps.iter().enumerate() {
        let minute = index as i64 * MINUTE;
        let candidates = step.map(|(score, fires)| candidate("stock", score, fires, minute));
        let changes = tracker.step(minute, candidates.into_iter().collect());
        assert_eq!(changes.iter().map(|change| change.state).collect::<Vec<_>>(), *expected, "minute {index}");
        all.extend(changes);
    }
    all
}

#[test]
fn a_finding_opens_stays_while_it_nearly_holds_and_closes_after_three_minutes() {
    let changes = run(&[
        (Some((0.8, false)), &[]),
        (Some((0.8, true)), &[State::Opened]),
        (Some((0.8, true)), &[]),
        (None, &[]),
        (None, &[]),
        (Some((0.8, false)), &[]),
        (None, &[]),
        (None, &[]),
        (None, &[State::Closed]),
        (None, &[]),
    ]);
    assert_eq!((changes[0].finding.opened, changes[0].finding.closed), (MINUTE + 7, None));
    assert_eq!((changes[1].finding.opened, changes[1].finding.closed), (MINUTE + 7, Some(6 * MINUTE - 9)));
    assert_eq!(changes[0].finding.id, changes[1].finding.id);
}

#[test]
fn it_is_told_again_when_its_severity_changes_or_its_evidence_is_ten_minutes_old() {
    let steady = (Some((0.8, true)), &[] as &'static [State]);
    let mut steps = vec![(Some((0.8, true)), &[State::Opened] as &'static [State])];
    steps.extend([steady; 3]);
    steps.push((Some((0.3, true)), &[State::Updated]));
    steps.push((Some((0.8, true)), &[State::Updated]));
    steps.extend([steady; 9]);
    steps.push((Some((0.8, true)), &[State::Updated]));
    let changes = run(&steps);
    let severities: Vec<Severity> = changes.iter().map(|change| change.finding.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Medium, Severity::Critical, Severity::Critical]);
    assert!(changes.iter().all(|change| change.finding.opened == 7));
}

#[test]
fn a_closed_finding_tells_of_its_worst_minute() {
    let mut tracker = Tracker::default();
    for (minute, score) in (0..).map(|index| index * MINUTE).zip([0.3, 0.8, 0.8, 0.1]) {
        let mut candidate = candidate("stock", score, true, minute);
        candidate.evidence.examples = vec![minute as u128];
        tracker.step(minute, vec![candidate]);
    }
    assert_eq!(tracker.open().next().map(|finding| finding.score), Some(10), "while it is open, of the latest");
    let closed = tracker.step(6 * MINUTE, Vec::new()).remove(0);
    assert_eq!(closed.state, State::Closed);
    let Finding { opened, closed, score, severity, evidence, .. } = closed.finding;
    assert_eq!((opened, closed), (7, Some(4 * MINUTE - 9)));
    assert_eq!(
        (score, severity, evidence.examples),
        (80, Severity::Critical, vec![MINUTE as u128]),
        "the first of two"
    );
}

#[test]
fn minutes_left_out_count_as_minutes_in_which_nothing_held() {
    let mut tracker = Tracker::default();
    assert_eq!(tracker.step(0, vec![candidate("stock", 0.5, true, 0)]).len(), 1);
    let changes = tracker.step(5 * MINUTE, Vec::new());
    assert_eq!(changes[0].state, State::Closed);
    assert_eq!(changes[0].finding.closed, Some(MINUTE - 9));
    assert_eq!(tracker.open().count(), 0);
}

#[test]
fn the_order_of_candidates_does_not_matter_and_the_strongest_of_one_subject_counts() {
    let candidates =
        vec![candidate("stock", 0.3, true, 0), candidate("payment", 0.5, true, 0), candidate("stock", 0.8, true, 0)];
    let reversed = candidates.iter().rev().cloned().collect();
    let changes = Tracker::default().step(0, candidates);
    assert_eq!(changes, Tracker::default().step(0, reversed));
    let mut scores: Vec<u32> = changes.iter().map(|change| change.finding.score).collect();
    scores.sort_unstable();
    assert_eq!(scores, [50, 80]);
}

#[test]
fn identity_is_kind_subject_and_environment() {
    let subject = candidate("stock", 0.5, true, 0).subject;
    let id = identity(FindingKind::RetryStorm, &subject);
    assert_eq!(id.len(), 16);
    assert_eq!(
        id,
        identity(FindingKind::RetryStorm, &Subject { operation: Some("GET /".to_owned()), ..subject.clone() })
    );
    let other_environment = Subject { environment: Some("staging".to_owned()), ..subject.clone() };
    let other_text = Subject { text: "cart -> stocks".to_owned(), ..subject.clone() };
    assert_ne!(id, identity(FindingKind::Chatty, &subject));
    assert_ne!(id, identity(FindingKind::RetryStorm, &other_environment));
    assert_ne!(id, identity(FindingKind::RetryStorm, &other_text));
}

#[test]
fn rows_have_the_schema_of_findings() {
    let mut tracker = Tracker::default();
    let mut changes = tracker.step(0, vec![candidate("stock", 0.5, true, 0)]);
    changes.extend(tracker.step(3 * MINUTE, Vec::new()));
    let batch = rows(&changes, 99);
    assert_eq!(batch.schema(), Table::Findings.schema());
    let text = |column: &str, row: usize| batch[column].as_string::<i32>().value(row).to_owned();
    assert_eq!(
        (text("kind", 0), text("state", 0), text("state", 1)),
        ("RETRY_STORM".into(), "opened".into(), "closed".into())
    );
    assert_eq!(
        text("evidence", 0),
        "{\"measure\":0,\"threshold\":0,\"samples\":100000,\"details\":{\"lost_per_request_ms\":100}}"
    );
    assert_eq!(batch["examples"].as_list::<i32>().value(0).as_string::<i32>().value(0), format!("{:032x}", 0xab));
    assert!(batch["closed"].is_null(0) && !batch["closed"].is_null(1));
    let times = batch["time"].as_primitive::<arrow::datatypes::Int64Type>().values();
    assert_eq!(*times, [99, 100], "which state is the last can be told");
    assert_eq!(rows(&[], 0).num_rows(), 0);
}

#[test]
fn what_costs_nobody_anything_is_told_and_that_of_which_nothing_is_known_is_not() {
    let harmless = Candidate { harm: Harm::Lost(0.0), ..candidate("stock", 0.0, true, 0) };
    let unknown = Candidate { completeness: 0.0, ..candidate("stock", 1.0, true, 0) };
    let scores = |candidate| -> Vec<u32> {
        Tracker::default().step(0, vec![candidate]).iter().map(|change| change.finding.score).collect()
    };
    assert_eq!((scores(harmless), scores(unknown)), (vec![1], vec![]));
}

#[test]
fn a_finding_that_was_open_before_goes_on() {
    let first = Tracker::default().step(0, vec![candidate("stock", 0.8, true, 0)]).remove(0).finding;
    let mut tracker = Tracker::default();
    tracker.adopt(first.id.clone(), first.opened);
    tracker.adopt("gone".to_owned(), 0);
    let later = tracker.step(9 * MINUTE, vec![candidate("stock", 0.8, true, 9 * MINUTE)]).remove(0);
    assert_eq!((later.state, &later.finding.id, later.finding.opened), (State::Updated, &first.id, first.opened));
    assert_eq!(tracker.take_adopted(), ["gone"]);
}
