//! RETRY_AMPLIFICATION and RETRY_STORM: calls that are tried more than once.

use std::collections::BTreeMap;

use crate::{
    analysed::{Analysed, MINUTE, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, Evidence, FindingKind, KEPT_MINUTES, Method, Severity, Subject, Value,
        shared::{
            Additive, Baseline, Exemplars, Extent, Lost, MAX_WINDOW, MIN_TRACES, PerMinute, STAYS, Weighted, Window,
            names, number, sql,
        },
    },
    hops::{Hop, HopFlags, HopKind},
    paths::Waiting,
    span::{SpanFlags, WEIGHT_ONE},
};

/// Attempts per call, over at least so many calls, or through several layers at the callee.
const AMPLIFICATION: f64 = 1.2;
const MIN_CALLS: f64 = 100.0;
const LAYERED_AMPLIFICATION: f64 = 1.5;
const MIN_LAYERED: f64 = 30.0;
/// Of a storm: attempts per call, share of attempts that fail, attempts and good calls as multiples of what is usual.
const STORM: f64 = 1.5;
const STORM_FAILED: f64 = 0.2;
const STORM_LOAD: f64 = 1.3;
const STORM_GOODPUT: f64 = 0.9;
/// A storm that goes on this many minutes after the load that set it off is gone, with so few good calls, feeds itself.
const METASTABLE_MINUTES: i64 = 3;
const METASTABLE_GOODPUT: f64 = 0.7;
const USUAL_LOAD: f64 = 1.1;
/// The most edges a minute, and attempts that are told apart.
const MAX_KEYS: usize = 8192;
const ATTEMPTS: usize = 8;
/// Pauses between attempts that vary less than this have no jitter.
const JITTER: f64 = 0.05;

type Edge = (NodeId, NodeId);

#[derive(Debug, Clone, Default)]
struct EdgeRetries {
    calls: Weighted,
    /// Fixed-point weights of attempts, and of those that failed.
    attempts: u64,
    failed_attempts: u64,
    /// Of calls that ended `ok`; that were tried more than once; by callers that are themselves tried again.
    ok: u64,
    retried: u64,
    layered: u64,
    /// Of retried calls whose attempts say so themselves, and of calls that were sent several times at once.
    said: u64,
    hedged: u64,
    /// Weight by attempts: one, two, ...
    histogram: [u64; ATTEMPTS],
    /// Pauses between attempts: how many, their sum and the sum of their squares, in microseconds.
    pauses: (u64, u128, u128),
    /// What requests with retried calls lost.
    lost: Lost,
    extent: Extent,
    exemplars: Exemplars,
}

impl Additive for EdgeRetries {
    fn add(&mut self, other: &Self) {
        self.calls.add(&other.calls);
        for (sum, part) in [
            (&mut self.attempts, other.attempts),
            (&mut self.failed_attempts, other.failed_attempts),
            (&mut self.ok, other.ok),
            (&mut self.retried, other.retried),
            (&mut self.layered, other.layered),
            (&mut self.said, other.said),
            (&mut self.hedged, other.hedged),
        ] {
            *sum = sum.saturating_add(part);
        }
        for (sum, part) in self.histogram.iter_mut().zip(other.histogram) {
            *sum = sum.saturating_add(part);
        }
        self.pauses.0 += other.pauses.0;
        self.pauses.1 = self.pauses.1.saturating_add(other.pauses.1);
        self.pauses.2 = self.pauses.2.saturating_add(other.pauses.2);
        self.lost.add(&other.lost);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.exemplars.extra_size()
    }
}

impl EdgeRetries {
    /// Attempts per call.
    fn amplification(&self) -> f64 {
        if self.calls.weight == 0 { 1.0 } else { self.attempts as f64 / self.calls.weight as f64 }
    }

    fn failed_share(&self) -> f64 {
        if self.attempts == 0 { 0.0 } else { self.failed_attempts as f64 / self.attempts as f64 }
    }

    /// Standard deviation of the pauses between attempts, as a share of their mean.
    fn pause_variation(&self) -> Option<f64> {
        let (count, sum, squares) = self.pauses;
        if count < 10 || sum == 0 {
            return None;
        }
        let mean = sum as f64 / count as f64;
        let variance = (squares as f64 / count as f64 - mean * mean).max(0.0);
        Some(variance.sqrt() / mean)
    }
}

/// Requests that a node was sent, and those that would have been sent if nobody tried twice.
#[derive(Debug, Clone, Copy, Default)]
struct NodeRequests {
    sent: u64,
    logical: u64,
}

impl Additive for NodeRequests {
    fn add(&mut self, other: &Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.logical = self.logical.saturating_add(other.logical);
    }
}

impl NodeRequests {
    fn amplification(self) -> f64 {
        if self.logical == 0 { 1.0 } else { self.sent as f64 / self.logical as f64 }
    }
}

#[derive(Debug)]
pub(super) struct Retry {
    edges: PerMinute<Edge, EdgeRetries>,
    nodes: PerMinute<NodeId, NodeRequests>,
}

impl Default for Retry {
    fn default() -> Self {
        Self { edges: PerMinute::new(MAX_KEYS), nodes: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for Retry {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        // By entry and edge: the minute of the first retried call, and nanoseconds until calls were tried for the last time.
        let mut repeated: BTreeMap<(u32, Edge), (i64, i64)> = BTreeMap::new();
        for (index, hop) in analysed.hops.hops.iter().enumerate() {
            let (Some(parent), false) = (hop.parent, matches!(hop.kind, HopKind::Publish | HopKind::Deliver)) else {
                continue;
            };
            let attempts = attempts_of(hop);
            if let Some(requests) = self.nodes.at(minute_of(hop.start), hop.callee) {
                requests.sent = requests.sent.saturating_add(hop.weight.saturating_mul(u64::from(attempts)));
                if !hop.flags.contains(HopFlags::UNDER_RETRY) {
                    requests.logical = requests.logical.saturating_add(hop.weight);
                }
            }
            let edge = (hop.caller, hop.callee);
            let Some(stats) = self.edges.at(minute_of(hop.start), edge) else { continue };
            stats.count(analysed, hop, attempts);
            if attempts > 1 {
                let entry = analysed.entry_of[parent as usize];
                let (_, waited) = repeated.entry((entry, edge)).or_insert((minute_of(hop.start), 0));
                *waited = waited.saturating_add(waited_for_last(analysed, index));
            }
        }
        for ((entry, edge), (minute, waited)) in repeated {
            let entry = &analysed.entries[entry as usize];
            let waited = waited.min(analysed.span(entry.span).duration());
            if let Some(stats) = self.edges.at(minute, edge) {
                stats.lost.failed_or_slower(analysed, entry, waited);
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let retried = self.edges.minute(evaluation.minute).filter(|(_, stats)| stats.retried > 0);
        retried
            .filter_map(|(edge, _)| self.found(evaluation, *edge))
            .flat_map(|found| {
                let amplified = found.amplified().map(|fires| self.candidate(evaluation, &found, None, fires));
                let storm = self.storm(evaluation, &found).map(|storm| {
                    let fires = storm.holds(&found, 1.0);
                    self.candidate(evaluation, &found, Some(&storm), fires)
                });
                [amplified, storm]
            })
            .flatten()
            .collect()
    }

    fn horizon(&self) -> i64 {
        KEPT_MINUTES
    }

    fn forget_before(&mut self, minute: i64) {
        self.edges.forget_before(minute);
        self.nodes.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.edges.size() + self.nodes.size()
    }
}

/// How often a call was tried because it failed: hedged and redirected calls were not.
fn attempts_of(hop: &Hop) -> u32 {
    let is_other = hop.flags.contains(HopFlags::RESENT) || hop.flags.contains(HopFlags::HEDGED);
    if is_other { 1 } else { hop.attempt_count() }
}

/// Nanoseconds from the first try of a call to its last, if its caller could not go on meanwhile.
fn waited_for_last(analysed: &Analysed<'_>, hop: usize) -> i64 {
    let tries = analysed.hops.attempts(&analysed.hops.hops[hop]);
    let is_blocking = analysed.paths.waiting.get(hop) == Some(&Waiting::Blocking);
    match (tries.first(), tries.last()) {
        (Some(first), Some(last)) if is_blocking => (last.start - first.start).max(0),
        _ => 0,
    }
}

impl EdgeRetries {
    fn count(&mut self, analysed: &Analysed<'_>, hop: &Hop, attempts: u32) {
        let add = |sum: &mut u64, times: u64| *sum = sum.saturating_add(hop.weight.saturating_mul(times));
        self.calls.count(hop.weight);
        add(&mut self.attempts, u64::from(attempts));
        add(&mut self.histogram[(attempts as usize - 1).min(ATTEMPTS - 1)], 1);
        add(&mut self.hedged, u64::from(hop.flags.contains(HopFlags::HEDGED)));
        add(&mut self.ok, u64::from(hop.outcome == spandrel_proto::model::Outcome::Ok));
        if attempts == 1 {
            add(&mut self.failed_attempts, u64::from(hop.outcome.is_failure()));
            return;
        }
        let tries = analysed.hops.attempts(hop);
        add(&mut self.failed_attempts, tries.iter().filter(|attempt| attempt.outcome.is_failure()).count() as u64);
        add(&mut self.retried, 1);
        add(&mut self.layered, u64::from(hop.flags.contains(HopFlags::UNDER_RETRY)));
        let says_so = |client: u32| {
            let span = analysed.span(client);
            span.resend > 0 || span.flags.contains(SpanFlags::RESEND)
        };
        add(&mut self.said, u64::from(tries.iter().filter_map(|attempt| attempt.client).any(says_so)));
        for pair in tries.windows(2) {
            let pause = (pair[1].start - pair[0].end).max(0).unsigned_abs() / 1000;
            let square = u128::from(pause) * u128::from(pause);
            self.pauses = (self.pauses.0 + 1, self.pauses.1 + u128::from(pause), self.pauses.2.saturating_add(square));
        }
        self.extent.see(hop.start, hop.end);
        self.exemplars.see(analysed.trace.id, hop.duration(), hop.outcome.is_failure());
    }
}

/// Retries over an edge in a window.
struct Found {
    edge: Edge,
    window: Window,
    stats: EdgeRetries,
    /// Requests that reach the callee for each that would without any retries on the way.
    at_callee: f64,
}

impl Found {
    /// `Some(true)` if calls are tried too often, `Some(false)` if nearly so.
    fn amplified(&self) -> Option<bool> {
        let alone = |part: f64| {
            let excess = self.stats.amplification() - 1.0;
            excess >= part * (AMPLIFICATION - 1.0) && self.stats.calls.effective() >= MIN_CALLS
        };
        let layered = |part: f64| {
            self.stats.layered >= MIN_TRACES as u64 * WEIGHT_ONE
                && self.stats.calls.effective() >= MIN_LAYERED
                && self.at_callee - 1.0 >= part * (LAYERED_AMPLIFICATION - 1.0)
        };
        let holds = |part: f64| self.stats.exemplars.distinct() >= MIN_TRACES && (alone(part) || layered(part));
        holds(STAYS).then(|| holds(1.0))
    }
}

/// What is usual on an edge, and what is there instead.
struct Storm {
    /// Attempts and good calls per minute, as multiples of what is usual.
    load: f64,
    goodput: f64,
    usual_attempts: f64,
    is_metastable: bool,
}

impl Storm {
    fn holds(&self, found: &Found, part: f64) -> bool {
        let slack = 1.0 / part;
        found.stats.exemplars.distinct() >= MIN_TRACES
            && found.stats.calls.effective() >= MIN_LAYERED
            && found.stats.amplification() - 1.0 >= part * (STORM - 1.0)
            && found.stats.failed_share() >= part * STORM_FAILED
            && self.load >= 1.0 + part * (STORM_LOAD - 1.0)
            && self.goodput <= (STORM_GOODPUT * slack).min(1.0)
    }
}

impl Retry {
    /// Retries over an edge in the shortest window with enough calls.
    fn found(&self, evaluation: &Evaluation<'_>, edge: Edge) -> Option<Found> {
        let windows = (1..=MAX_WINDOW).map(|minutes| Window::of(evaluation, minutes));
        let sums = windows.map(|window| (window, self.edges.sum(window, &edge)));
        let mut last = None;
        for (window, stats) in sums {
            let is_enough = stats.calls.effective() >= MIN_CALLS;
            let at_callee = self.nodes.sum(window, &edge.1).amplification();
            last = Some(Found { edge, window, stats, at_callee });
            if is_enough {
                break;
            }
        }
        last
    }

    fn storm(&self, evaluation: &Evaluation<'_>, found: &Found) -> Option<Storm> {
        let since = self.onset(evaluation.minute, &found.edge);
        let before = Window { from: since, to: since }.before();
        let earlier: Vec<&EdgeRetries> =
            before.minutes().filter_map(|minute| self.edges.get(minute, &found.edge)).collect();
        let usual_attempts = Baseline::of(earlier.iter().map(|stats| number(stats.attempts)))?.median;
        let usual_ok = Baseline::of(earlier.iter().map(|stats| number(stats.ok)))?.median;
        let minutes = (found.window.to - found.window.from) as f64 / MINUTE as f64;
        let storm = Storm {
            load: number(found.stats.attempts) / minutes / usual_attempts.max(1.0),
            goodput: number(found.stats.ok) / minutes / usual_ok.max(1.0),
            usual_attempts,
            is_metastable: self.is_metastable(
                evaluation,
                since,
                before,
                number(found.stats.ok) / minutes / usual_ok.max(1.0),
            ),
        };
        storm.holds(found, STAYS).then_some(storm)
    }

    /// The first minute of the run of minutes with many attempts per call that reaches to `minute`.
    fn onset(&self, minute: i64, edge: &Edge) -> i64 {
        let is_stormy =
            |minute: i64| self.edges.get(minute, edge).is_some_and(|stats| stats.amplification() >= AMPLIFICATION);
        let mut since = minute;
        while is_stormy(since.saturating_sub(MINUTE)) {
            since -= MINUTE;
        }
        since
    }

    /// Whether the load from outside that set the storm off is gone while the storm is not.
    fn is_metastable(&self, evaluation: &Evaluation<'_>, since: i64, before: Window, goodput: f64) -> bool {
        let load = |minute: i64| {
            let entries = evaluation.demand.entries.by_operation(Window::ending(minute, 1));
            entries.values().map(|stats| stats.requests.number()).sum::<f64>()
        };
        let Some(usual) = Baseline::of(before.minutes().map(load).filter(|load| *load > 0.0)) else { return false };
        let calm = Window::of(evaluation, METASTABLE_MINUTES);
        goodput < METASTABLE_GOODPUT
            && calm.from > since
            && usual.ratio(load(since)) > USUAL_LOAD
            && calm.minutes().all(|minute| usual.ratio(load(minute)) <= USUAL_LOAD)
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, found: &Found, storm: Option<&Storm>, fires: bool) -> Candidate {
        let (caller, callee) = (names::node(evaluation, found.edge.0), names::node(evaluation, found.edge.1));
        let node = evaluation.context.node(found.edge.0);
        let services: Vec<_> =
            [found.edge.0, found.edge.1].into_iter().filter_map(|node| evaluation.context.node_service(node)).collect();
        let entries = evaluation.demand.entries.total(found.window, evaluation, node.environment).requests;
        let stats = &found.stats;
        let says_so = stats.said.saturating_mul(2) >= stats.retried;
        Candidate {
            kind: if storm.is_some() { FindingKind::RetryStorm } else { FindingKind::RetryAmplification },
            subkind: storm.filter(|storm| storm.is_metastable).map(|_| "metastable"),
            subject: Subject {
                text: format!("{caller} -> {callee}"),
                service: caller.clone(),
                target: Some(callee.clone()),
                operation: None,
                environment: names::text(evaluation, node.environment),
            },
            method: if says_so { Method::Explicit } else { Method::Measured },
            harm: stats.lost.harm(&entries),
            completeness: names::completeness(evaluation, found.window, &services),
            at_most: Severity::Critical,
            fires,
            since: self.since(evaluation, found),
            until: stats.extent.last.min(found.window.to),
            evidence: Evidence {
                measure: stats.amplification(),
                threshold: if storm.is_some() { STORM } else { AMPLIFICATION },
                baseline: storm.map(|storm| storm.usual_attempts),
                samples: stats.calls.effective() as u64,
                details: details(found, storm),
                caveats: vec!["Attempts inside of a library without spans of their own are not counted.".to_owned()],
                examples: stats.exemplars.traces(),
                ..Evidence::default()
            },
            sql: sql::select(
                "time, source, target, operation, requests, attempts, failures, ok",
                "edges",
                found.window,
                &[sql::equals("source", &caller), sql::equals("target", &callee), sql::equals("view", "client")],
            ),
            remedy: format!(
                "Retry calls to {callee} in one layer only, with a budget of a tenth of the calls, growing pauses with jitter, \
                 and never what was rejected."
            ),
        }
    }

    /// The first retried call of the run of minutes in which many calls were retried.
    fn since(&self, evaluation: &Evaluation<'_>, found: &Found) -> i64 {
        let first = self.edges.get(self.onset(evaluation.minute, &found.edge), &found.edge);
        first.filter(|stats| !stats.extent.is_empty()).map_or(found.stats.extent.first, |stats| stats.extent.first)
    }
}

fn details(found: &Found, storm: Option<&Storm>) -> Vec<(&'static str, Value)> {
    let stats = &found.stats;
    let histogram = stats.histogram.iter().enumerate().filter(|(_, weight)| **weight > 0);
    let histogram = histogram
        .map(|(index, weight)| {
            vec![("attempts", Value::Count(index as u64 + 1)), ("calls", Value::Number(number(*weight)))]
        })
        .collect();
    let mut details = vec![
        ("attempts", Value::Rows(histogram)),
        ("failed_attempts", Value::Number(stats.failed_share())),
        ("at_callee", Value::Number(found.at_callee)),
        ("layered", Value::Number(number(stats.layered))),
        ("hedged", Value::Number(number(stats.hedged))),
        ("explicit", Value::Number(stats.said as f64 / stats.retried.max(1) as f64)),
    ];
    if let Some(variation) = stats.pause_variation() {
        details.push(("pause_variation", Value::Number(variation)));
        if variation < JITTER {
            details.push(("jitter", Value::Text("none".to_owned())));
        }
    }
    if let Some(storm) = storm {
        details.push(("load", Value::Number(storm.load)));
        details.push(("goodput", Value::Number(storm.goodput)));
    }
    details
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
