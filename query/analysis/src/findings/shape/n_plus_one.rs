//! `N_PLUS_ONE`: one call repeated for every row of a result, one after the other.

use std::collections::BTreeMap;

use super::{
    calls::{Parameters, Repeat, critical_time, critical_time_of, repeats},
    seen::{CLOSING, MAX_KEYS, RECENT, Seen, Share, candidate, note_overflow, operation_subject, sorted},
};
use crate::{
    analysed::{Analysed, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Severity, Value,
        shared::{Additive, Lost, PerMinute, Served, Window, names, sql},
    },
    span::ServiceId,
    text::Text,
};

/// Share of an operation's requests in which a call is repeated.
const THRESHOLD: f64 = 0.2;

/// Requests by operation, and those of them in which a call is repeated.
#[derive(Debug)]
pub(super) struct NPlusOne {
    repeated: PerMinute<Key, Repeated>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    service: ServiceId,
    operation: Text,
    callee: NodeId,
    call: Text,
}

#[derive(Debug, Clone, Default)]
struct Repeated {
    seen: Seen,
    calls: u64,
    /// What all calls but the first take of the critical path, and requests that fail with one of them.
    lost: Lost,
    /// Requests in which all calls are the same, in which that cannot be told, and in which a cursor is read.
    same: u64,
    hidden: u64,
    pages: u64,
}

impl Additive for Repeated {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.calls += other.calls;
        self.lost.add(&other.lost);
        self.same += other.same;
        self.hidden += other.hidden;
        self.pages += other.pages;
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

impl NPlusOne {
    pub(super) fn new() -> Self {
        Self { repeated: PerMinute::new(MAX_KEYS) }
    }

    /// The repeats of one call within one request, which may have been made under several spans.
    fn count(&mut self, analysed: &Analysed<'_>, repeats: &[&Repeat], times: &[i64]) {
        let Some(Repeat { call, group, .. }) = repeats.first() else { return };
        let request = analysed.span(group.serving);
        let key = Key {
            service: analysed.service(group.serving),
            operation: request.operation,
            callee: group.callee,
            call: *call,
        };
        let Some(repeated) = self.repeated.at(minute_of(request.start), key) else { return };
        repeated.seen.see(request);
        repeated.calls += repeats.iter().map(|repeat| repeat.group.hops.len() as u64).max().unwrap_or(0);
        repeated.same += u64::from(repeats.iter().all(|repeat| repeat.parameters == Parameters::Same));
        repeated.hidden += u64::from(repeats.iter().any(|repeat| repeat.parameters == Parameters::Hidden));
        repeated.pages += u64::from(repeats.iter().all(|repeat| repeat.is_pagination));
        let beyond_first = || {
            let hops = repeats.iter().flat_map(|repeat| repeat.group.hops.iter().skip(1));
            hops.map(|hop| &analysed.hops.hops[*hop as usize])
        };
        let critical: i64 = beyond_first().map(|hop| critical_time_of(analysed, times, hop)).sum();
        let one_failed = beyond_first().any(|hop| hop.outcome.is_failure());
        repeated.lost.calls(analysed, analysed.entry(group.serving), critical, one_failed);
    }
}

impl Detector for NPlusOne {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let found = repeats(analysed);
        if found.is_empty() {
            return;
        }
        let times = critical_time(analysed);
        let mut by_call: BTreeMap<(u32, NodeId, Text), Vec<&Repeat>> = BTreeMap::new();
        for repeat in &found {
            by_call.entry((repeat.group.serving, repeat.group.callee, repeat.call)).or_default().push(repeat);
        }
        for repeats in by_call.values() {
            self.count(analysed, repeats, &times);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, RECENT);
        let mut found: BTreeMap<(ServiceId, Text, NodeId), Found> = BTreeMap::new();
        for (key, repeated) in self.repeated.sums(window) {
            let requests = evaluation.demand.served.sum(window, &(key.service, key.operation));
            let share = repeated.seen.share_of(&requests.count);
            if !share.passes(CLOSING * THRESHOLD) || !repeated.seen.is_repeated() {
                continue;
            }
            let one = Found { call: evaluation.context.texts.get(key.call).to_owned(), repeated, requests, share };
            let subject = (key.service, key.operation, key.callee);
            match found.get(&subject) {
                Some(known) if known.rank() >= one.rank() => {}
                _ => {
                    found.insert(subject, one);
                }
            }
        }
        let overflowed = self.repeated.overflowed() + evaluation.demand.served.overflowed();
        sorted(found.iter().map(|(key, found)| found.candidate(evaluation, window, *key, overflowed)).collect())
    }

    fn horizon(&self) -> i64 {
        RECENT
    }

    fn forget_before(&mut self, minute: i64) {
        self.repeated.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.repeated.size()
    }
}

/// The call of an operation to a callee that is repeated most.
struct Found {
    call: String,
    repeated: Repeated,
    requests: Served,
    share: Share,
}

impl Found {
    fn rank(&self) -> (u64, std::cmp::Reverse<&str>) {
        (self.repeated.seen.count.weight, std::cmp::Reverse(&self.call))
    }

    fn subkind(&self) -> Option<&'static str> {
        let most = self.repeated.seen.count.records / 2;
        match () {
            () if self.repeated.pages > most => Some("pagination"),
            () if self.repeated.same > most => Some("redundant_calls"),
            () => None,
        }
    }

    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        (service, operation, callee): (ServiceId, Text, NodeId),
        overflowed: u64,
    ) -> Candidate {
        let Repeated { seen, calls, lost, hidden, .. } = &self.repeated;
        let subject = operation_subject(evaluation, (service, operation), callee);
        let per_request = *calls as f64 / seen.count.records.max(1) as f64;
        let mut found = candidate(FindingKind::NPlusOne, subject, window, seen);
        found.subkind = self.subkind();
        found.fires = self.share.passes(THRESHOLD);
        let environment = evaluation.context.service(service).environment;
        found.harm = lost.harm(&evaluation.demand.entries.total(window, evaluation, environment).requests);
        found.completeness = names::completeness(evaluation, window, &[service]);
        found.at_most = if found.subkind == Some("pagination") { Severity::Low } else { Severity::Critical };
        found.evidence.measure = self.share.value;
        found.evidence.threshold = THRESHOLD;
        found.evidence.interval = Some(self.share.interval);
        found.evidence.samples = self.requests.count.effective().round() as u64;
        found.evidence.details = vec![
            ("call", Value::Text(self.call.clone())),
            ("calls_per_request", Value::Number(per_request)),
            ("affected_requests", Value::Number(seen.count.number())),
        ];
        if *hidden > 0 {
            let caveat = "Parameters of the calls are not visible: the same call again cannot be told from another.";
            found.evidence.caveats.push(caveat.to_owned());
        }
        note_overflow(&mut found, overflowed);
        found.sql = sql::select(
            "trace_id, parent_span_id, span_id, name, start_time, duration_ns",
            "spans",
            window,
            &[
                sql::equals("service_name", &found.subject.service),
                sql::equals("kind", "CLIENT"),
                sql::traces(&found.evidence.examples),
            ],
        );
        found.remedy = match found.subkind {
            Some("redundant_calls") => "Make the call once per request and keep its answer.",
            Some("pagination") => "Read larger pages, or only as many as are needed.",
            _ => "Ask for all in one call: a batch, IN, a data loader or a coarser API; or cache per request.",
        }
        .to_owned();
        found
    }
}
