//! TIMEOUT_INVERSION: callers that give up before their callees can be done.
//!
//! | subkind | rule |
//! |---|---|
//! | none | the callee takes longer than its caller waits for a hundredth of the calls |
//! | `budget` | the callee itself waits longer for somebody else than its caller waits for it |
//! | `no_timeout` | a call took more than a minute and ten times the usual, and no call ever timed out |

mod limits;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::limits::{Limits, Pair};
use crate::{
    analysed::{Analysed, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, Evidence, FindingKind, Harm, Method, Severity, Subject, Value, magnitude,
        shared::{Extent, MAX_DRAGS, MIN_SAMPLES, MIN_TRACES, PerMinute, STAYS, Window, names, shortest, sql},
    },
    hops::{Hop, HopKind},
    text::Text,
};
use spandrel_proto::model::Outcome;

/// Share of the calls that the callee takes too long for.
const MIN_SHARE: f64 = 0.01;
/// What the callee may wait as a multiple of what its caller waits for it: too much, and critical.
const MIN_RATIO: f64 = 1.05;
const CRITICAL_RATIO: f64 = 4.0;
/// Without a timeout: the longest call, nanoseconds, and as a multiple of the 99th percentile, of so many calls.
const ENDLESS: i64 = 60_000_000_000;
const TIMES_P99: f64 = 10.0;
const MIN_FOR_P99: f64 = 200.0;
/// How far back timeouts are looked for, minutes.
const HORIZON: i64 = 10;
const MAX_KEYS: usize = 8192;

/// Calls of one operation over one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct CallKey {
    caller: NodeId,
    callee: NodeId,
    operation: Text,
}

impl CallKey {
    fn of(hop: &Hop) -> CallKey {
        CallKey { caller: hop.caller, callee: hop.callee, operation: hop.operation }
    }
}

#[derive(Debug)]
pub(super) struct TimeoutInversion {
    limits: PerMinute<CallKey, Limits>,
    /// By the call that a service answers, and a call that it makes for it.
    pairs: PerMinute<(CallKey, CallKey), Pair>,
}

impl Default for TimeoutInversion {
    fn default() -> Self {
        Self { limits: PerMinute::new(MAX_KEYS), pairs: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for TimeoutInversion {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        // By entry and call: the minute of the first, and nanoseconds that were waited for those given up.
        let mut given_up: BTreeMap<(u32, CallKey), (i64, i64)> = BTreeMap::new();
        let mut drags = MAX_DRAGS;
        for hop in &analysed.hops.hops {
            let (Some(parent), Some(_), HopKind::Request | HopKind::External) = (hop.parent, hop.client, hop.kind)
            else {
                continue;
            };
            if let Some(limits) = self.limits.at(minute_of(hop.start), CallKey::of(hop))
                && let Some(waited) = limits.count(analysed, hop, &mut drags)
            {
                let key = (analysed.entry_of[parent as usize], CallKey::of(hop));
                let (_, sum) = given_up.entry(key).or_insert((minute_of(hop.start), 0));
                *sum = sum.saturating_add(waited);
            }
            let outer = analysed.hops.into(parent as usize);
            if let Some(outer) = outer.filter(|outer| outer.kind == HopKind::Request && outer.client.is_some())
                && let Some(pair) = self.pairs.at(minute_of(hop.start), (CallKey::of(outer), CallKey::of(hop)))
            {
                pair.count(analysed, outer, hop);
            }
        }
        for ((entry, key), (minute, waited)) in given_up {
            let entry = &analysed.entries[entry as usize];
            if let Some(limits) = self.limits.at(minute, key) {
                limits.lost.failed_or_slower(analysed, entry, waited.min(analysed.span(entry.span).duration()));
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let horizon = Window::of(evaluation, HORIZON);
        let known = self.limits.sums(horizon);
        let now = self.limits.minute(evaluation.minute).map(|(key, _)| *key);
        let slow =
            now.filter_map(|key| shortest(evaluation, |window| self.slow_callee(evaluation, window, &known, key)));
        let budgets = self.pairs.minute(evaluation.minute).map(|(keys, _)| *keys);
        let budgets = budgets.filter_map(|(outer, inner)| self.budget(evaluation, &known, outer, inner));
        let endless = self.limits.minute(evaluation.minute).filter(|(_, limits)| limits.longest > ENDLESS);
        let endless = endless.filter_map(|(key, _)| Self::endless(evaluation, horizon, *key, known.get(key)?));
        slow.chain(budgets).chain(endless).collect()
    }

    fn horizon(&self) -> i64 {
        HORIZON
    }

    fn forget_before(&mut self, minute: i64) {
        self.limits.forget_before(minute);
        self.pairs.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.limits.size() + self.pairs.size()
    }
}

/// What makes a finding, whichever rule it is by.
struct Found<'a> {
    key: CallKey,
    window: Window,
    limits: &'a Limits,
    subkind: Option<&'static str>,
    method: Method,
    measure: f64,
    threshold: f64,
    interval: Option<(f64, f64)>,
    harm: Harm,
    at_most: Severity,
    fires: bool,
    extent: Extent,
    examples: Vec<u128>,
    details: Vec<(&'static str, Value)>,
}

impl TimeoutInversion {
    fn slow_callee(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        known: &BTreeMap<CallKey, Limits>,
        key: CallKey,
    ) -> Option<Candidate> {
        let (timeout, is_explicit) = known.get(&key)?.timeout()?;
        let limits = self.limits.sum(window, &key);
        let share = limits.calls.share(limits.exceeded);
        let interval = limits.calls.interval(limits.exceeded);
        let is_seen = limits.calls.effective() >= MIN_SAMPLES && limits.exemplars.distinct() >= MIN_TRACES;
        let holds = |part: f64| is_seen && interval.0 >= part * MIN_SHARE;
        let environment = evaluation.context.node(key.caller).environment;
        let requests = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let found = Found {
            key,
            window,
            subkind: None,
            method: if is_explicit { Method::Explicit } else { Method::Inferred },
            measure: share,
            threshold: MIN_SHARE,
            interval: Some(interval),
            harm: limits.lost.harm(&requests),
            at_most: Severity::Critical,
            fires: holds(1.0),
            extent: limits.extent,
            examples: limits.exemplars.traces(),
            details: vec![("timeout_ms", Value::Number(timeout as f64 / 1e6))],
            limits: &limits,
        };
        holds(STAYS).then(|| found.candidate(evaluation))
    }

    /// Whether the callee of `outer` may wait longer for `inner` than it has.
    fn budget(
        &self,
        evaluation: &Evaluation<'_>,
        known: &BTreeMap<CallKey, Limits>,
        outer: CallKey,
        inner: CallKey,
    ) -> Option<Candidate> {
        let (has, outer_explicit) = known.get(&outer)?.timeout()?;
        let (waits, inner_explicit) = known.get(&inner)?.timeout()?;
        let window = Window::of(evaluation, HORIZON);
        let pair = self.pairs.sum(window, &(outer, inner));
        let left = has as f64 - pair.median_offset()? as f64;
        let needs = waits as f64 * f64::from(pair.attempts.max(1)) + pair.mean_pauses();
        let ratio = if left > 0.0 { needs / left } else { f64::INFINITY };
        let limits = known.get(&outer)?;
        let is_seen = pair.calls.effective() >= MIN_SAMPLES && pair.exemplars.distinct() >= MIN_TRACES;
        let holds = |part: f64| is_seen && ratio - 1.0 >= part * (MIN_RATIO - 1.0);
        let found = Found {
            key: outer,
            window,
            limits,
            subkind: Some("budget"),
            method: if outer_explicit && inner_explicit { Method::Explicit } else { Method::Inferred },
            measure: ratio,
            threshold: MIN_RATIO,
            interval: None,
            harm: Harm::Risk {
                share: limits.calls.share(limits.exceeded),
                magnitude: magnitude(ratio, 1.0, CRITICAL_RATIO),
            },
            at_most: Severity::Critical,
            fires: holds(1.0),
            extent: pair.extent,
            examples: pair.exemplars.traces(),
            details: vec![
                ("timeout_ms", Value::Number(has as f64 / 1e6)),
                ("callee", Value::Text(names::node(evaluation, inner.callee))),
                ("callee_timeout_ms", Value::Number(waits as f64 / 1e6)),
                ("attempts", Value::Count(pair.attempts.into())),
                ("left_ms", Value::Number(left / 1e6)),
            ],
        };
        holds(STAYS).then(|| found.candidate(evaluation))
    }

    /// A call that seems to have no timeout at all.
    fn endless(evaluation: &Evaluation<'_>, window: Window, key: CallKey, limits: &Limits) -> Option<Candidate> {
        let p99 = limits.durations.quantile(0.99)? as f64;
        let is_endless = limits.calls.effective() >= MIN_FOR_P99
            && limits.timed_out == 0
            && limits.timeout().is_none()
            && limits.longest > ENDLESS
            && limits.longest as f64 > TIMES_P99 * p99;
        let found = Found {
            key,
            window,
            limits,
            subkind: Some("no_timeout"),
            method: Method::Inferred,
            measure: limits.longest as f64 / 1e9,
            threshold: ENDLESS as f64 / 1e9,
            interval: None,
            harm: Harm::Risk { share: 0.0, magnitude: 0.0 },
            at_most: Severity::Low,
            fires: true,
            extent: limits.made,
            examples: Vec::new(),
            details: vec![("p99_ms", Value::Number(p99 / 1e6))],
        };
        is_endless.then(|| found.candidate(evaluation))
    }
}

impl Found<'_> {
    fn candidate(self, evaluation: &Evaluation<'_>) -> Candidate {
        let (caller, callee) = (names::node(evaluation, self.key.caller), names::node(evaluation, self.key.callee));
        let environment = evaluation.context.node(self.key.caller).environment;
        let ends = [self.key.caller, self.key.callee];
        let services: Vec<_> = ends.into_iter().filter_map(|node| evaluation.context.node_service(node)).collect();
        let mut details = self.details;
        let operation = evaluation.context.texts.get(self.key.operation).to_owned();
        details.push(("operation", Value::Text(operation.clone())));
        Candidate {
            kind: FindingKind::TimeoutInversion,
            subkind: self.subkind,
            subject: Subject {
                text: format!("{caller} -> {callee}"),
                service: caller.clone(),
                operation: None,
                target: Some(callee.clone()),
                environment: names::text(evaluation, environment),
            },
            method: self.method,
            harm: self.harm,
            completeness: names::completeness(evaluation, self.window, &services),
            at_most: self.at_most,
            fires: self.fires,
            since: self.extent.first,
            until: self.extent.last.min(self.window.to),
            evidence: Evidence {
                measure: self.measure,
                threshold: self.threshold,
                interval: self.interval,
                samples: self.limits.calls.effective() as u64,
                details,
                examples: self.examples,
                ..Evidence::default()
            },
            sql: sql::select(
                "time, source, target, operation, view, requests, timeout, ok, duration_sum_ns",
                "edges",
                self.window,
                &[sql::equals("source", &caller), sql::equals("target", &callee), sql::equals("operation", &operation)],
            ),
            remedy: format!(
                "Let deadlines travel with requests, and give {callee} and whoever it calls less time than {caller} waits."
            ),
        }
    }
}

/// Whether a try ended because its caller stopped waiting.
fn gave_up(outcome: Outcome) -> bool {
    outcome == Outcome::Timeout
}
