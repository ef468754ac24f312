//! How often something was seen, when, and in which traces; and candidates that begin with that.

use crate::{
    context::NodeId,
    findings::{
        Candidate, Evaluation, Evidence, FindingKind, Harm, Method, Severity, Subject,
        shared::{Additive, Exemplars, Extent, Weighted, Window, names},
    },
    span::{ServiceId, Span},
    text::Text,
};

/// Minutes that kinds which are judged within one trace look back.
pub(super) const RECENT: i64 = 5;
/// Minutes that kinds which are judged by the shape of the system look back.
pub(super) const LONG: i64 = 30;
/// What closes a finding, as a part of what opens it.
pub(super) const CLOSING: f64 = 0.8;
/// Observations that a statement about a share needs.
pub(super) const MIN_OBSERVATIONS: f64 = 30.0;
/// Different traces that any finding needs.
const MIN_TRACES: usize = 3;
/// Keys that a detector keeps a minute.
pub(super) const MAX_KEYS: usize = 4096;

/// How often something was seen, when, and in which traces.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) count: Weighted,
    pub(super) extent: Extent,
    exemplars: Exemplars,
}

impl Seen {
    /// Sees `span`, or something in its name.
    pub(super) fn see(&mut self, span: &Span) {
        self.see_during(span, span.weight, (span.start, span.end));
    }

    /// Sees `span`, of which a trace is an example of a failure if it `has_failed`.
    pub(super) fn see_failing(&mut self, span: &Span, has_failed: bool) {
        self.count.count(span.weight);
        self.extent.see(span.start, span.end);
        self.exemplars.see(span.trace_id, span.duration(), has_failed);
    }

    /// Sees something of `span`'s trace from `start` to `end`.
    pub(super) fn see_during(&mut self, span: &Span, weight: u64, (start, end): (i64, i64)) {
        self.count.count(weight);
        self.extent.see(start, end);
        self.exemplars.see(span.trace_id, end - start, span.outcome.is_failure());
    }

    /// Fixed-point weight of all that was seen.
    pub(super) fn weight(&self) -> u64 {
        self.count.weight
    }

    /// Whether it was seen in as many different traces as every finding needs.
    pub(super) fn is_repeated(&self) -> bool {
        self.exemplars.distinct() >= MIN_TRACES
    }

    /// This as a part of `whole`.
    pub(super) fn share_of(&self, whole: &Weighted) -> Share {
        Share {
            value: whole.share(self.count.weight),
            interval: whole.interval(self.count.weight),
            observations: whole.effective(),
        }
    }
}

impl Additive for Seen {
    fn add(&mut self, other: &Self) {
        self.count.add(&other.count);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.exemplars.extra_size()
    }
}

/// A part of a whole, judged by the lower end of the range that it lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) value: f64,
    pub(super) interval: (f64, f64),
    observations: f64,
}

impl Share {
    /// Whether it was seen often enough and is surely at least `threshold`.
    pub(super) fn passes(&self, threshold: f64) -> bool {
        self.observations >= MIN_OBSERVATIONS && self.interval.0 >= threshold
    }
}

/// A candidate of which nothing is known but what was seen; the caller fills in the rest.
pub(super) fn candidate(kind: FindingKind, subject: Subject, window: Window, seen: &Seen) -> Candidate {
    let Extent { first, last } = seen.extent;
    Candidate {
        kind,
        subkind: None,
        subject,
        method: Method::Measured,
        harm: Harm::Risk { share: 0.0, magnitude: 0.0 },
        completeness: 1.0,
        at_most: Severity::Critical,
        fires: true,
        since: first.clamp(window.from, window.to),
        until: last.clamp(window.from, window.to),
        evidence: Evidence {
            samples: seen.count.effective().round() as u64,
            examples: seen.exemplars.traces(),
            ..Evidence::default()
        },
        sql: String::new(),
        remedy: String::new(),
    }
}

/// The candidates in an order that does not depend on how things are numbered.
pub(super) fn sorted(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| (&a.subject, a.kind, a.subkind).cmp(&(&b.subject, b.kind, b.subkind)));
    candidates
}

/// What is found over half an hour or over the last minutes: rare requests need long to tell, and what has just changed
/// is not to be diluted by what was before. Of several windows that show something the shortest tells best since when.
pub(super) fn over_both_horizons(
    evaluation: &Evaluation<'_>,
    find: impl Fn(Window) -> Vec<Candidate>,
) -> Vec<Candidate> {
    let mut found: std::collections::BTreeMap<Subject, Candidate> = std::collections::BTreeMap::new();
    let windows = std::iter::once(LONG).chain((1..=RECENT).rev());
    for candidate in windows.flat_map(|minutes| find(Window::of(evaluation, minutes))) {
        if candidate.fires || !found.contains_key(&candidate.subject) {
            found.insert(candidate.subject.clone(), candidate);
        }
    }
    sorted(found.into_values().collect())
}

/// Notes in the evidence that something was not counted for want of room.
pub(super) fn note_overflow(candidate: &mut Candidate, overflowed: u64) {
    if overflowed > 0 {
        let caveat = "There were more different things than are counted per minute; shares may be too small.";
        candidate.evidence.caveats.push(caveat.to_owned());
    }
}

/// A finding about one service.
pub(super) fn service_subject(evaluation: &Evaluation<'_>, service: ServiceId) -> Subject {
    let name = names::service(evaluation, service);
    let environment = names::environment(evaluation, service);
    Subject { text: name.clone(), service: name, environment, ..Subject::default() }
}

/// A finding about the calls of a service to a node.
pub(super) fn edge_subject(evaluation: &Evaluation<'_>, caller: ServiceId, callee: NodeId) -> Subject {
    let target = names::node(evaluation, callee);
    let subject = service_subject(evaluation, caller);
    Subject { text: format!("{} -> {target}", subject.service), target: Some(target), ..subject }
}

/// A finding about the calls of an operation to a node.
pub(super) fn operation_subject(
    evaluation: &Evaluation<'_>,
    (caller, operation): (ServiceId, Text),
    callee: NodeId,
) -> Subject {
    let target = names::node(evaluation, callee);
    let operation = evaluation.context.texts.get(operation).to_owned();
    let subject = service_subject(evaluation, caller);
    let text = format!("{} {operation} -> {target}", subject.service);
    Subject { text, operation: Some(operation), target: Some(target), ..subject }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::WEIGHT_ONE;

    #[test]
    fn a_share_passes_by_its_lower_end_and_with_enough_observations() {
        let whole = |count: u64| {
            let mut whole = Weighted::default();
            (0..count).for_each(|_| whole.count(WEIGHT_ONE));
            whole
        };
        for (part, count, threshold, expected) in [
            (10, 29, 0.1, false),
            (10, 30, 0.1, true),
            (7, 30, 0.2, false),
            (40, 100, 0.3, true),
            (38, 100, 0.3, false),
        ] {
            let seen = Seen { count: whole(part), ..Seen::default() };
            assert_eq!(seen.share_of(&whole(count)).passes(threshold), expected, "{part} of {count}");
        }
    }
}
