//! HIDDEN_ERRORS: requests that succeed although calls of theirs failed, and that take their time for it.

use std::collections::BTreeMap;

use crate::{
    analysed::{Analysed, minute_of},
    context::NodeId,
    findings::{
        Candidate, DEGRADED, Detector, Evaluation, Evidence, FindingKind, Harm, KEPT_MINUTES, Method, Severity,
        Subject, Value,
        shared::{
            Additive, EntryKey, Exemplars, Extent, MIN_TRACES, PerMinute, STAYS, Window, names, number, requests,
            run_start, shortest, sql, wilson,
        },
    },
    paths::drag,
    rollup::View,
    sketch::Sketch,
};
use spandrel_proto::model::Outcome;

/// Share of the requests that succeed that hide a failure.
const MIN_SHARE: f64 = 0.05;
/// Requests that it takes to tell such a share from one somewhat below.
const MIN_REQUESTS: f64 = 100.0;
/// What hidden failures cost them, as a share of the 95th percentile.
const MIN_DRAG: f64 = 0.05;
const MAX_KEYS: usize = 4096;
/// The most edges told apart, and failures of one trace of which the cost is looked at.
const MAX_EDGES: usize = 16;
const MAX_FAILURES: usize = 64;

#[derive(Debug, Clone, Default)]
struct Hidden {
    /// Fixed-point weight of the requests that hide failures.
    weight: u64,
    priority: u64,
    /// Weighted nanoseconds that the requests would have been faster without the calls that failed.
    drag: i128,
    /// Weight by who called whom in vain.
    edges: BTreeMap<(NodeId, NodeId), u64>,
    extent: Extent,
    exemplars: Exemplars,
}

impl Additive for Hidden {
    fn add(&mut self, other: &Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.priority = self.priority.saturating_add(other.priority);
        self.drag += other.drag;
        for (edge, weight) in &other.edges {
            self.count_edge(*edge, *weight);
        }
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.edges.len() * 40 + self.exemplars.extra_size()
    }
}

impl Hidden {
    fn count_edge(&mut self, edge: (NodeId, NodeId), weight: u64) {
        let sum = self.edges.entry(edge).or_default();
        *sum = sum.saturating_add(weight);
        if self.edges.len() > MAX_EDGES {
            self.edges.pop_last();
        }
    }
}

#[derive(Debug)]
pub(super) struct HiddenErrors {
    hidden: PerMinute<EntryKey, Hidden>,
}

impl Default for HiddenErrors {
    fn default() -> Self {
        Self { hidden: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for HiddenErrors {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        if analysed.errors.absorbed.is_empty() {
            return;
        }
        let mut failures: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for hop in analysed.errors.absorbed.iter().take(MAX_FAILURES) {
            if let Some(parent) = analysed.hops.hops[*hop as usize].parent {
                failures.entry(analysed.entry_of[parent as usize]).or_default().push(*hop);
            }
        }
        for entry in requests(analysed) {
            let span = analysed.span(entry.span);
            let hidden = failures.get(&analysed.entry_of[entry.span as usize]);
            let Some(hops) = hidden.filter(|_| span.outcome == Outcome::Ok) else { continue };
            let Some(stats) = self.hidden.at(minute_of(span.start), EntryKey::of(entry)) else { continue };
            stats.weight = stats.weight.saturating_add(span.weight);
            stats.priority = stats.priority.saturating_add(entry.priority);
            let cost = |hop: &u32| cost(analysed, *hop);
            let total = hops.iter().map(cost).fold(0, i64::saturating_add).min(span.duration());
            stats.drag += i128::from(total) * i128::from(span.weight);
            for hop in hops.iter().map(|hop| &analysed.hops.hops[*hop as usize]) {
                stats.count_edge((hop.caller, hop.callee), span.weight);
            }
            stats.extent.see(span.start, span.end);
            stats.exemplars.see(analysed.trace.id, span.duration(), true);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let hidden = self.hidden.minute(evaluation.minute);
        hidden.filter_map(|(key, _)| shortest(evaluation, |window| self.candidate(evaluation, window, *key))).collect()
    }

    fn horizon(&self) -> i64 {
        KEPT_MINUTES
    }

    fn forget_before(&mut self, minute: i64) {
        self.hidden.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.hidden.size()
    }
}

/// How much sooner the request would have ended without a call, in nanoseconds: the sum over its tries.
fn cost(analysed: &Analysed<'_>, hop: u32) -> i64 {
    let attempts = analysed.hops.attempts(&analysed.hops.hops[hop as usize]);
    let clients = attempts.iter().filter_map(|attempt| attempt.client.or(attempt.server));
    clients.map(|client| drag(analysed.trace, analysed.paths, client as usize)).fold(0, i64::saturating_add)
}

/// The 95th percentile of an entry operation that succeeds, nanoseconds.
fn p95(evaluation: &Evaluation<'_>, window: Window, key: &EntryKey) -> Option<u64> {
    let mut latency = Sketch::default();
    for (_, minute) in evaluation.minutes.range(window.from..window.to) {
        for (operation, stats) in &minute.operations {
            let is_own = operation.service == key.service && operation.operation == key.operation;
            if is_own && operation.view != View::Gateway {
                latency.merge(&stats.calls.latency);
            }
        }
    }
    latency.quantile(0.95)
}

impl HiddenErrors {
    /// From when to when requests hid failures: in the run of minutes in which at least half as many did as in `window`.
    fn extent(&self, evaluation: &Evaluation<'_>, window: Window, key: &EntryKey, share: f64) -> Option<Extent> {
        let is_high = |minute: i64| {
            let hidden = self.hidden.get(minute, key).map_or(0, |hidden| hidden.weight);
            let ok = evaluation.demand.entries.at(minute, key).map_or(0, |requests| requests.ok);
            hidden > 0 && hidden as f64 >= share / 2.0 * ok as f64
        };
        let last = window.minutes().rev().find(|minute| is_high(*minute))?;
        let first = self.hidden.get(run_start(last, is_high), key)?.extent.first;
        Some(Extent { first, last: self.hidden.get(last, key)?.extent.last })
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, key: EntryKey) -> Option<Candidate> {
        let requests = evaluation.demand.entries.of(window, &key);
        let hidden = self.hidden.sum(window, &key);
        let share = hidden.weight as f64 / requests.ok.max(1) as f64;
        let n = requests.requests.effective() * requests.requests.share(requests.ok);
        let interval = wilson(share.min(1.0), n);
        let drag = hidden.drag as f64 / hidden.weight.max(1) as f64;
        let p95 = p95(evaluation, window, &key)? as f64;
        let cost = if p95 > 0.0 { drag / p95 } else { 0.0 };
        let holds = |part: f64| {
            n >= MIN_REQUESTS
                && hidden.exemplars.distinct() >= MIN_TRACES
                && interval.0 >= part * MIN_SHARE
                && cost >= part * MIN_DRAG
        };
        if !holds(STAYS) {
            return None;
        }
        let extent = self.extent(evaluation, window, &key, share).unwrap_or(hidden.extent);
        let environment = evaluation.context.service(key.service).environment;
        let all = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let service = names::service(evaluation, key.service);
        let operation = names::text(evaluation, key.operation).unwrap_or_default();
        let edge = |((caller, callee), weight): (&(NodeId, NodeId), &u64)| {
            vec![
                ("caller", Value::Text(names::node(evaluation, *caller))),
                ("callee", Value::Text(names::node(evaluation, *callee))),
                ("calls", Value::Number(number(*weight))),
            ]
        };
        let worst = hidden.edges.iter().max_by_key(|(edge, weight)| (**weight, std::cmp::Reverse(**edge)));
        let worst = worst.map_or_else(String::new, |((_, callee), _)| names::node(evaluation, *callee));
        Some(Candidate {
            kind: FindingKind::HiddenErrors,
            subkind: None,
            subject: Subject {
                text: format!("{service} {operation}"),
                service: service.clone(),
                operation: Some(operation),
                target: None,
                environment: names::environment(evaluation, key.service),
            },
            method: Method::Measured,
            harm: Harm::Lost((drag + DEGRADED as f64) * all.share(hidden.priority)),
            completeness: names::completeness(evaluation, window, &[key.service]),
            at_most: Severity::Critical,
            fires: holds(1.0),
            since: extent.first,
            until: extent.last.min(window.to),
            evidence: Evidence {
                measure: share,
                threshold: MIN_SHARE,
                interval: Some(interval),
                samples: n as u64,
                details: vec![
                    ("drag_ms", Value::Number(drag / 1e6)),
                    ("p95_ms", Value::Number(p95 / 1e6)),
                    ("failed_calls", Value::Rows(hidden.edges.iter().map(edge).collect())),
                ],
                examples: hidden.exemplars.traces(),
                ..Evidence::default()
            },
            sql: sql::select(
                "start_time, trace_id, service_name, name, kind, duration_ns, outcome, error_type",
                "spans",
                window,
                &[sql::traces(&hidden.exemplars.traces()), "outcome NOT IN ('ok', 'client_fault')".to_owned()],
            ),
            remedy: format!(
                "Repair or leave out calls to {worst}: bound their wait, or open a breaker, so that answers do not wait for \
                 failures."
            ),
        })
    }
}

#[cfg(test)]
#[path = "hidden_errors_tests.rs"]
mod tests;
