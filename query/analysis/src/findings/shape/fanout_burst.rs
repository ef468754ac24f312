//! `FANOUT_BURST`: one request calls the same callee very often at the same time, so that it waits for the slowest of
//! many.

use super::{
    calls::{Burst, MIN_BURST, bursts, critical_time, critical_time_of},
    seen::{CLOSING, MAX_KEYS, RECENT, Seen, candidate, note_overflow, operation_subject, sorted},
};
use crate::{
    analysed::{Analysed, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Value,
        shared::{Additive, Lost, PerMinute, Window, names, sql},
    },
    span::ServiceId,
    text::Text,
};

/// Share of an operation's requests that have a burst.
const THRESHOLD: f64 = 0.05;

/// Requests by operation, and those of them that call in bursts.
#[derive(Debug)]
pub(super) struct FanoutBurst {
    bursts: PerMinute<(ServiceId, Text, NodeId), Bursts>,
}

#[derive(Debug, Clone, Default)]
struct Bursts {
    seen: Seen,
    calls: u64,
    peaks: u64,
    /// What the calls take of the critical path, and requests that fail with one of them.
    lost: Lost,
    /// Per mille: the slowest call as a multiple of the median one.
    slowest: u64,
}

impl Additive for Bursts {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.calls += other.calls;
        self.peaks += other.peaks;
        self.lost.add(&other.lost);
        self.slowest = self.slowest.saturating_add(other.slowest);
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

impl FanoutBurst {
    pub(super) fn new() -> Self {
        Self { bursts: PerMinute::new(MAX_KEYS) }
    }

    fn count(&mut self, analysed: &Analysed<'_>, burst: &Burst, times: &[i64]) {
        let group = &burst.group;
        let request = analysed.span(group.serving);
        let key = (analysed.service(group.serving), request.operation, group.callee);
        let Some(bursts) = self.bursts.at(minute_of(request.start), key) else { return };
        bursts.seen.see(request);
        bursts.calls += group.hops.len() as u64;
        bursts.peaks += burst.peak as u64;
        let hops = || group.hops.iter().map(|hop| &analysed.hops.hops[*hop as usize]);
        let critical: i64 = hops().map(|hop| critical_time_of(analysed, times, hop)).sum();
        bursts.lost.calls(
            analysed,
            analysed.entry(group.serving),
            critical,
            hops().any(|hop| hop.outcome.is_failure()),
        );
        let mut durations: Vec<i64> = hops().map(|hop| hop.duration().max(1)).collect();
        durations.sort_unstable();
        let (median, slowest) = (durations[durations.len() / 2], durations[durations.len() - 1]);
        bursts.slowest = bursts.slowest.saturating_add((slowest as f64 / median as f64 * 1000.0) as u64);
    }
}

impl Detector for FanoutBurst {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let found = bursts(analysed);
        if !found.is_empty() {
            let times = critical_time(analysed);
            for burst in largest(found) {
                self.count(analysed, &burst, &times);
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, RECENT);
        let mut candidates = Vec::new();
        for (key, bursts) in self.bursts.sums(window) {
            let requests = evaluation.demand.served.sum(window, &(key.0, key.1));
            let share = bursts.seen.share_of(&requests.count);
            if share.interval.0 < CLOSING * THRESHOLD || !bursts.seen.is_repeated() {
                continue;
            }
            let mut found = bursts.candidate(evaluation, window, key);
            found.fires = share.interval.0 >= THRESHOLD;
            let environment = evaluation.context.service(key.0).environment;
            found.harm = bursts.lost.harm(&evaluation.demand.entries.total(window, evaluation, environment).requests);
            found.evidence.samples = requests.count.effective().round() as u64;
            found.evidence.details.push(("share_of_requests", Value::Number(share.value)));
            note_overflow(&mut found, self.bursts.overflowed() + evaluation.demand.served.overflowed());
            candidates.push(found);
        }
        sorted(candidates)
    }

    fn horizon(&self) -> i64 {
        RECENT
    }

    fn forget_before(&mut self, minute: i64) {
        self.bursts.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.bursts.size()
    }
}

/// The largest burst of each request to each callee: a request counts once.
fn largest(bursts: Vec<Burst>) -> Vec<Burst> {
    let mut largest: std::collections::BTreeMap<(u32, NodeId), Burst> = std::collections::BTreeMap::new();
    for burst in bursts {
        let key = (burst.group.serving, burst.group.callee);
        if largest.get(&key).is_none_or(|known| known.group.hops.len() < burst.group.hops.len()) {
            largest.insert(key, burst);
        }
    }
    largest.into_values().collect()
}

impl Bursts {
    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        (service, operation, callee): (ServiceId, Text, NodeId),
    ) -> Candidate {
        let subject = operation_subject(evaluation, (service, operation), callee);
        let bursts = self.seen.count.records.max(1) as f64;
        let calls = self.calls as f64 / bursts;
        let mut found = candidate(FindingKind::FanoutBurst, subject, window, &self.seen);
        found.completeness = names::completeness(evaluation, window, &[service]);
        found.evidence.measure = calls;
        found.evidence.threshold = MIN_BURST as f64;
        found.evidence.details = vec![
            ("calls_at_one_time", Value::Number(self.peaks as f64 / bursts)),
            // With so many independent calls, half of the requests wait for at least this quantile of one call.
            ("expected_quantile", Value::Number(0.5_f64.powf(1.0 / calls))),
            ("slowest_to_median", Value::Number(self.slowest as f64 / 1000.0 / bursts)),
        ];
        found.sql = sql::select(
            "trace_id, parent_span_id, span_id, name, start_time, end_time, duration_ns",
            "spans",
            window,
            &[
                sql::equals("service_name", &found.subject.service),
                sql::equals("kind", "CLIENT"),
                sql::traces(&found.evidence.examples),
            ],
        );
        found.remedy =
            "Cap the calls in progress or ask in batches; answer with what is there, within a deadline.".to_owned();
        found
    }
}
