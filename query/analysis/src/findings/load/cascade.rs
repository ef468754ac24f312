//! CASCADE: failures that begin in one place and reach the callers of an entry.

use std::collections::{BTreeMap, HashMap};

use crate::{
    analysed::{Analysed, Entry, MINUTE, minute_of},
    context::NodeId,
    errors::Origin,
    findings::{
        Candidate, Detector, Evaluation, Evidence, FAILURE, FindingKind, Harm, KEPT_MINUTES, Method, Severity, Subject,
        Value,
        shared::{
            Additive, EntryKey, EntryStats, Exemplars, Extent, MIN_SAMPLES, MIN_TRACES, PerMinute, STAYS, Weighted,
            Window, median, names, number, requests, run_start, shortest, sql,
        },
    },
    hops::HopKind,
    text::Text,
};

/// Failing requests, as a share of those of an entry operation: at least this, and this many times what is usual.
const MIN_SHARE: f64 = 0.01;
const TIMES_USUAL: f64 = 3.0;
/// Fewer failures are chance: a share of half a hundredth brings forth three in a hundred now and then.
const MIN_FAILURES: u64 = 5;
/// Minutes that tell what is usual, and requests that show a share of one in a hundred.
const MIN_MINUTES: usize = 8;
const MIN_FOR_SHARE: f64 = 100.0;
/// Share of the failing requests that one origin has to explain.
const EXPLAINS: f64 = 0.5;
/// Remote hops from the origin to the entry.
const MIN_LENGTH: usize = 2;
/// The most keys a minute, nodes of a path, lengths told apart, and sorts of failure of one origin.
const MAX_KEYS: usize = 4096;
const MAX_PATH: usize = 32;
const LENGTHS: usize = 16;
const MAX_CAUSES: usize = 8;

/// Where failures of an entry operation come from.
type OriginKey = (EntryKey, NodeId);

#[derive(Debug, Clone, Default)]
struct OriginStats {
    failed: Weighted,
    /// Of failing requests, see [`Entry::priority`](crate::analysed::Entry).
    priority: u64,
    /// Fixed-point weight by remote hops from the origin to the entry.
    lengths: [u64; LENGTHS],
    /// Weight by operation and `error.type` of the origin.
    causes: BTreeMap<(Text, Text), u64>,
    extent: Extent,
    exemplars: Exemplars,
    /// The smallest trace id seen, and the nodes from the entry to the origin in it.
    path: Option<(u128, Vec<NodeId>)>,
}

impl Additive for OriginStats {
    fn add(&mut self, other: &Self) {
        self.failed.add(&other.failed);
        self.priority = self.priority.saturating_add(other.priority);
        for (length, weight) in self.lengths.iter_mut().zip(other.lengths) {
            *length = length.saturating_add(weight);
        }
        for (cause, weight) in &other.causes {
            self.count_cause(*cause, *weight);
        }
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
        if let Some((trace, path)) = &other.path
            && self.path.as_ref().is_none_or(|(known, _)| trace < known)
        {
            self.path = Some((*trace, path.clone()));
        }
    }

    fn extra_size(&self) -> usize {
        let path = self.path.as_ref().map_or(0, |(_, path)| path.len() * size_of::<NodeId>());
        self.causes.len() * 40 + path + self.exemplars.extra_size()
    }
}

impl OriginStats {
    fn count_cause(&mut self, cause: (Text, Text), weight: u64) {
        let sum = self.causes.entry(cause).or_default();
        *sum = sum.saturating_add(weight);
        if self.causes.len() > MAX_CAUSES {
            self.causes.pop_last();
        }
    }

    /// The number of remote hops that half of the failing requests do not exceed.
    fn median_length(&self) -> usize {
        let half = self.failed.weight.div_ceil(2);
        let mut seen = 0_u64;
        self.lengths
            .iter()
            .position(|weight| {
                seen = seen.saturating_add(*weight);
                seen >= half
            })
            .unwrap_or(0)
    }
}

/// Calls that failed for good, and those of them whose caller failed as well.
#[derive(Debug, Clone, Copy, Default)]
struct LinkStats {
    failed: u64,
    passed_on: u64,
}

impl Additive for LinkStats {
    fn add(&mut self, other: &Self) {
        self.failed = self.failed.saturating_add(other.failed);
        self.passed_on = self.passed_on.saturating_add(other.passed_on);
    }
}

#[derive(Debug)]
pub(super) struct Cascade {
    origins: PerMinute<OriginKey, OriginStats>,
    links: PerMinute<(NodeId, NodeId), LinkStats>,
}

impl Default for Cascade {
    fn default() -> Self {
        Self { origins: PerMinute::new(MAX_KEYS), links: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for Cascade {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let mut unserved = None;
        for entry in requests(analysed) {
            let Some(origin) = analysed.errors.origins.get(entry.span as usize).copied().flatten() else { continue };
            if origin.hops > 0 && analysed.span(entry.span).outcome.is_failure() {
                let unserved = unserved.get_or_insert_with(|| unserved_failures(analysed));
                self.count(analysed, entry, &origin, unserved);
            }
        }
        if unserved.is_some() {
            self.count_links(analysed);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let failing = self.origins.minute(evaluation.minute);
        failing
            .filter_map(|(&(key, origin), _)| {
                shortest(evaluation, |window| self.candidate(evaluation, window, key, origin))
            })
            .collect()
    }

    fn horizon(&self) -> i64 {
        KEPT_MINUTES
    }

    fn forget_before(&mut self, minute: i64) {
        self.origins.forget_before(minute);
        self.links.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.origins.size() + self.links.size()
    }
}

impl Cascade {
    fn count(
        &mut self,
        analysed: &Analysed<'_>,
        entry: &Entry,
        origin: &Origin,
        unserved: &HashMap<(u32, NodeId), u32>,
    ) {
        let span = analysed.span(entry.span);
        let Some(stats) = self.origins.at(minute_of(span.start), (EntryKey::of(entry), origin.node)) else { return };
        stats.failed.count(span.weight);
        stats.priority = stats.priority.saturating_add(entry.priority);
        let length = &mut stats.lengths[(origin.hops as usize).min(LENGTHS - 1)];
        *length = length.saturating_add(span.weight);
        stats.count_cause((origin.operation, origin.cause), span.weight);
        stats.extent.see(span.start, span.end);
        stats.exemplars.see(analysed.trace.id, span.duration(), true);
        if stats.path.as_ref().is_none_or(|(trace, _)| analysed.trace.id < *trace) {
            let entry_index = analysed.entry_of[entry.span as usize];
            let last = origin.span.or_else(|| unserved.get(&(entry_index, origin.node)).copied());
            stats.path = Some((analysed.trace.id, path(analysed, origin, last.unwrap_or(entry.span))));
        }
    }

    fn count_links(&mut self, analysed: &Analysed<'_>) {
        let failed = analysed.hops.hops.iter().filter(|hop| hop.outcome.is_failure());
        for (hop, parent) in failed.filter_map(|hop| Some((hop, hop.parent?))) {
            if matches!(hop.kind, HopKind::Publish | HopKind::Deliver) {
                continue;
            }
            let Some(stats) = self.links.at(minute_of(hop.start), (hop.caller, hop.callee)) else { continue };
            stats.failed = stats.failed.saturating_add(hop.weight);
            if analysed.span(parent).outcome.is_failure() {
                stats.passed_on = stats.passed_on.saturating_add(hop.weight);
            }
        }
    }

    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        key: EntryKey,
        origin: NodeId,
    ) -> Option<Candidate> {
        let requests = evaluation.demand.entries.of(window, &key);
        let stats = self.origins.sum(window, &(key, origin));
        let length = stats.median_length();
        let share = requests.requests.share(requests.failed);
        let interval = requests.requests.interval(requests.failed);
        let explained = stats.failed.weight as f64 / requests.failed.max(1) as f64;
        let onset = entry_onset(evaluation, &key, share);
        let usual = usual(evaluation, onset, &key);
        let threshold = usual.map_or(MIN_SHARE, |usual| MIN_SHARE.max(TIMES_USUAL * usual));
        let own_share = requests.requests.share(stats.failed.weight);
        let own_onset = self.origin_onset(evaluation, &(key, origin), own_share);
        let is_cascade = requests.requests.effective() >= MIN_SAMPLES
            && length >= MIN_LENGTH
            && stats.failed.records >= MIN_FAILURES
            && stats.exemplars.distinct() >= MIN_TRACES
            && own_onset <= onset.saturating_add(MINUTE);
        let holds = |part: f64| is_cascade && interval.0 > part * threshold && explained >= part * EXPLAINS;
        if !holds(STAYS) {
            return None;
        }
        let by_origin = self.origins.each(window).filter(|(_, (_, other), _)| *other == origin);
        let priority = by_origin.map(|(_, _, stats)| stats.priority).fold(0, u64::saturating_add);
        let finding = Found { key, origin, window, stats: &stats, priority, length, explained };
        let evidence = Evidence {
            measure: share,
            threshold,
            interval: Some(interval),
            baseline: usual,
            samples: requests.requests.effective() as u64,
            details: self.details(evaluation, &finding),
            caveats: Vec::new(),
            examples: stats.exemplars.traces(),
        };
        let since = self.origins.get(own_onset, &(key, origin)).map_or(stats.extent.first, |first| first.extent.first);
        Some(finding.candidate(evaluation, evidence, since, holds(1.0)))
    }

    /// [`entry_onset`] of the requests that failed because of one origin.
    fn origin_onset(&self, evaluation: &Evaluation<'_>, key: &OriginKey, share: f64) -> i64 {
        run_start(evaluation.minute, |minute| {
            let failed = self.origins.get(minute, key).map_or(0, |stats| stats.failed.weight);
            let requests = evaluation.demand.entries.at(minute, &key.0);
            requests.is_some_and(|stats| stats.requests.share(failed) >= share / 2.0)
        })
    }

    fn details(&self, evaluation: &Evaluation<'_>, found: &Found<'_>) -> Vec<(&'static str, Value)> {
        let path = found.stats.path.as_ref().map_or(&[] as &[NodeId], |(_, path)| path);
        let hop = |pair: &[NodeId]| {
            let link = self.links.sum(found.window, &(pair[0], pair[1]));
            vec![
                ("caller", Value::Text(names::node(evaluation, pair[0]))),
                ("callee", Value::Text(names::node(evaluation, pair[1]))),
                ("failed", Value::Number(number(link.failed))),
                ("passed_on", Value::Number(link.passed_on as f64 / link.failed.max(1) as f64)),
            ]
        };
        let cause = |((operation, cause), weight): (&(Text, Text), &u64)| {
            vec![
                ("operation", Value::Text(evaluation.context.texts.get(*operation).to_owned())),
                ("error", Value::Text(evaluation.context.texts.get(*cause).to_owned())),
                ("requests", Value::Number(number(*weight))),
            ]
        };
        vec![
            ("explained", Value::Number(found.explained)),
            ("hops", Value::Count(found.length as u64)),
            ("path", Value::Rows(path.windows(2).map(hop).collect())),
            ("causes", Value::Rows(found.stats.causes.iter().map(cause).collect())),
        ]
    }
}

/// The first minute of the run of minutes, up to the one evaluated, in which at least half as many requests failed.
fn entry_onset(evaluation: &Evaluation<'_>, key: &EntryKey, share: f64) -> i64 {
    run_start(evaluation.minute, |minute| {
        let requests = evaluation.demand.entries.at(minute, key);
        requests.is_some_and(|stats| stats.requests.share(stats.failed) >= share / 2.0)
    })
}

/// The share of requests that usually fails, in the minutes before the failures in question began: the median of
/// stretches of minutes with so many requests that one in a hundred shows. In the usual minute with few requests none
/// fails, which says nothing.
fn usual(evaluation: &Evaluation<'_>, onset: i64, key: &EntryKey) -> Option<f64> {
    let before = Window { from: onset, to: onset }.before();
    let (mut stretch, mut shares, mut minutes) = (EntryStats::default(), Vec::new(), 0);
    for stats in before.minutes().filter_map(|minute| evaluation.demand.entries.at(minute, key)) {
        stretch.add(stats);
        minutes += 1;
        if stretch.requests.effective() >= MIN_FOR_SHARE {
            shares.push(stretch.requests.share(stretch.failed));
            stretch = EntryStats::default();
        }
    }
    if shares.is_empty() && stretch.requests.effective() >= MIN_SAMPLES {
        shares.push(stretch.requests.share(stretch.failed));
    }
    (minutes >= MIN_MINUTES && !shares.is_empty()).then(|| median(shares))
}

/// An origin of failures that meets the conditions.
struct Found<'a> {
    key: EntryKey,
    origin: NodeId,
    window: Window,
    stats: &'a OriginStats,
    /// Of all requests that failed by the origin, whatever they asked for: see [`Entry::priority`](crate::analysed::Entry).
    priority: u64,
    length: usize,
    explained: f64,
}

impl Found<'_> {
    fn candidate(&self, evaluation: &Evaluation<'_>, mut evidence: Evidence, since: i64, fires: bool) -> Candidate {
        let origin = names::node(evaluation, self.origin);
        let entry = names::service(evaluation, self.key.service);
        let operation = names::text(evaluation, self.key.operation).unwrap_or_default();
        let mut services = vec![self.key.service];
        services.extend(evaluation.context.node_service(self.origin));
        let environment = evaluation.context.service(self.key.service).environment;
        let requests = evaluation.demand.entries.total(self.window, evaluation, environment).requests;
        let lost = |priority: u64| FAILURE as f64 * requests.share(priority);
        evidence.details.push(("lost_by_operation_ms", Value::Number(lost(self.stats.priority) / 1e6)));
        Candidate {
            kind: FindingKind::Cascade,
            subkind: None,
            subject: Subject {
                text: format!("{origin} => {entry} {operation}"),
                service: origin.clone(),
                target: Some(entry),
                operation: Some(operation),
                environment: names::environment(evaluation, self.key.service),
            },
            method: Method::Measured,
            harm: Harm::Lost(lost(self.priority)),
            completeness: names::completeness(evaluation, self.window, &services),
            at_most: Severity::Critical,
            fires,
            since,
            until: self.stats.extent.last.min(self.window.to),
            sql: sql::select(
                "start_time, trace_id, service_name, name, duration_ns, outcome, error_type",
                "spans",
                self.window,
                &[sql::traces(&evidence.examples), "outcome NOT IN ('ok', 'client_fault')".to_owned()],
            ),
            remedy: format!(
                "Bound the wait for {origin} with a timeout and a breaker where failures are passed on, and fall back at the \
                 first service that can do without it."
            ),
            evidence,
        }
    }
}

/// Per entry and callee, the span in whose name a call was made that failed without reaching a span of the callee.
fn unserved_failures(analysed: &Analysed<'_>) -> HashMap<(u32, NodeId), u32> {
    let failed = analysed.hops.hops.iter().filter(|hop| hop.outcome.is_failure());
    failed
        .filter_map(|hop| hop.parent.map(|parent| ((analysed.entry_of[parent as usize], hop.callee), parent)))
        .collect()
}

/// The nodes from the entry to the origin, which `last` or a call of it is.
fn path(analysed: &Analysed<'_>, origin: &Origin, last: u32) -> Vec<NodeId> {
    let mut path = vec![origin.node];
    let mut server = analysed.trace.serving(last as usize);
    while path.len() < MAX_PATH {
        let node = analysed.context.service_node(analysed.service(server as u32));
        if path.last() != Some(&node) {
            path.push(node);
        }
        let Some(parent) = analysed.hops.into(server).and_then(|hop| hop.parent) else { break };
        server = analysed.trace.serving(parent as usize);
    }
    path.reverse();
    path
}

#[cfg(test)]
#[path = "cascade_tests.rs"]
mod tests;
