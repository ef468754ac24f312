//! What arrived, through the analysis, under comparable names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use spandrel_analysis::{
    analysed::{Analysed, MINUTE, minute_of},
    analyzer::{Analyzer, Options},
    context::{Context, NodeKind},
    findings::{
        Candidate, Detector, Evaluation, Evidence, Value, load, shape,
        track::{Change, State, Tracker},
    },
    hops::HopKind,
    rollup::{EdgeKey, Minute, Minutes, View},
    span::{Span, WEIGHT_ONE},
};
use spandrel_proto::model::Table;
use spandrel_shop::{engine::EdgeKind, telemetry::Batch};

use crate::{
    observed::{Edge, EdgeSeen, EntryKey, FindingSeen, Observed, OperationAt, OperationSeen, PathSeen, RecordsAt},
    record::Reader,
};

/// How requests come to the analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All are there before the first trace is analysed.
    AtOnce,
    /// A trace is analysed when none of its spans has come for so many nanoseconds, and anew when one comes after all.
    Quiet(i64),
}

/// What the analysis says of requests, in order of their arrival.
///
/// # Errors
/// A reader refuses something.
pub fn observe(batches: &[Batch], pace: Pace) -> anyhow::Result<Observed> {
    let probe = Probe::default();
    let mut detectors: Vec<Box<dyn Detector>> = vec![Box::new(probe.clone())];
    detectors.extend(load::detectors());
    detectors.extend(shape::detectors());
    let mut options = Options::default();
    if let Pace::Quiet(quiet_ns) = pace {
        options.quiet_ns = quiet_ns;
    }
    let mut analyzer = Analyzer::new(options, detectors);
    let reader = Reader::new()?;
    for batch in batches {
        for (table, rows) in reader.read(batch)? {
            match table {
                Table::Spans => analyzer.push_spans(&rows, batch.due)?,
                Table::Requests => analyzer.push_requests(&rows)?,
                Table::Breakers => analyzer.push_breakers(&rows),
                _ => {}
            }
        }
        if pace != Pace::AtOnce {
            analyzer.close_quiet(batch.due);
        }
    }
    analyzer.close_all();
    let mut observed = Observed::default();
    count(&mut observed, analyzer.minutes(), analyzer.context());
    probe.give(&mut observed);
    find(&mut observed, &mut analyzer);
    Ok(observed)
}

/// Lets the detectors conclude at the end of each minute, and afterwards lets every finding close.
fn find(observed: &mut Observed, analyzer: &mut Analyzer) {
    let minutes = analyzer.minutes();
    let Some((&first, &last)) = minutes.keys().next().zip(minutes.keys().next_back()) else { return };
    let (mut tracker, mut changes) = (Tracker::default(), Vec::new());
    let mut minute = first;
    while minute <= last + 5 * MINUTE {
        let candidates = if minute <= last { analyzer.evaluate(minute) } else { Vec::new() };
        changes.extend(tracker.step(minute, candidates));
        minute += MINUTE;
    }
    track(observed, &changes, last + MINUTE);
}

/// Adds the counts of all minutes.
fn count(observed: &mut Observed, minutes: &Minutes, context: &Context) {
    for (minute, counts) in minutes {
        for (key, stats) in counts.operations.iter().filter(|(key, _)| key.view == View::Server) {
            let at = OperationAt {
                minute: *minute,
                service: context.service_name(key.service).to_owned(),
                operation: context.texts.get(key.operation).to_owned(),
            };
            let calls = &stats.calls;
            let mut latency = calls.latency.clone();
            latency.merge(&calls.failure_latency);
            latency.merge(&calls.other_latency);
            let seen = OperationSeen {
                requests: calls.weight(),
                failures: calls.failed(),
                duration_sum: calls.duration,
                variance: 0,
                latency,
            };
            // Counts of a minute in which the operation was only busy are none of its requests.
            if seen.requests > 0 {
                observed.operations.insert(at, seen);
            }
        }
        count_records(observed, *minute, counts, context);
        count_edges(observed, *minute, counts, context);
    }
}

/// What gateways, and the proxies of services, passed on to services.
fn count_records(observed: &mut Observed, minute: i64, counts: &Minute, context: &Context) {
    let passed_on = |key: &EdgeKey| key.view == View::Gateway && key.kind == HopKind::Request;
    for (key, stats) in counts.edges.iter().filter(|(key, _)| passed_on(key)) {
        let service = context.node_name(key.target).to_owned();
        let is_from_outside = context.node(key.source).kind == NodeKind::Gateway;
        let seen = observed.records.entry(RecordsAt { minute, service, is_from_outside }).or_default();
        seen.requests += stats.calls.weight();
        seen.failures += stats.calls.failed();
    }
}

/// An edge as its caller saw it or, where no caller has a client span, as its callee did.
fn count_edges(observed: &mut Observed, minute: i64, counts: &Minute, context: &Context) {
    let mut edges: BTreeMap<Edge, BTreeMap<View, EdgeSeen>> = BTreeMap::new();
    for (key, stats) in counts.edges.iter().filter(|(_, stats)| stats.calls.weight() > 0) {
        let Some(edge) = edge(key, context) else { continue };
        let seen = edges.entry(edge).or_default().entry(key.view).or_default();
        *seen = EdgeSeen {
            requests: seen.requests + stats.calls.weight(),
            attempts: seen.attempts + stats.attempts,
            failures: seen.failures + stats.calls.failed(),
            duration_sum: seen.duration_sum + stats.calls.duration,
        };
    }
    for (edge, views) in edges {
        if let Some(seen) = views.get(&View::Client).or(views.get(&View::Server)) {
            observed.edges.insert((minute, edge), *seen);
        }
    }
}

/// An edge between two ends that do something.
fn edge(key: &EdgeKey, context: &Context) -> Option<Edge> {
    let kind = match key.kind {
        HopKind::Request | HopKind::External => EdgeKind::Sync,
        HopKind::Database | HopKind::Cache => EdgeKind::Data,
        HopKind::Deliver if context.node(key.source).kind == NodeKind::Service => EdgeKind::Async,
        HopKind::Deliver | HopKind::Publish | HopKind::Entry => return None,
    };
    let name = |node| without_port(context.node_name(node)).to_owned();
    Some(Edge { source: name(key.source), target: name(key.target), kind })
}

/// Who sends no spans is known by address and port; the truth has no ports.
fn without_port(name: &str) -> &str {
    let host = name.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    host.map_or(name, |(host, _)| host)
}

/// Adds findings from the changes of a tracker, which come in order of time. `end` is when the last minute is over.
pub(crate) fn track(observed: &mut Observed, changes: &[Change], end: i64) {
    let mut open: BTreeMap<&str, FindingSeen> = BTreeMap::new();
    for Change { finding, state } in changes {
        let seen = open.entry(&finding.id).or_insert_with(|| FindingSeen {
            kind: finding.kind.as_str(),
            service: without_port(&finding.subject.service).to_owned(),
            target: finding.subject.target.as_deref().map(|target| without_port(target).to_owned()),
            operation: finding.subject.operation.clone(),
            text: finding.subject.text.clone(),
            since: finding.opened,
            until: end,
            score: 0,
            evidence: told(&finding.evidence),
        });
        seen.score = seen.score.max(finding.score);
        seen.until = finding.closed.unwrap_or(end);
        if *state == State::Closed {
            observed.findings.extend(open.remove(finding.id.as_str()));
        }
    }
    observed.findings.extend(open.into_values());
    observed.findings.sort_by(|a, b| (a.since, a.kind, &a.text).cmp(&(b.since, b.kind, &b.text)));
}

/// Evidence in a line.
fn told(evidence: &Evidence) -> String {
    let Evidence { measure, threshold, samples, .. } = evidence;
    let numbers = evidence.details.iter().filter_map(|(name, value)| match value {
        Value::Number(number) => Some(format!("{name} {number:.3}")),
        Value::Count(count) => Some(format!("{name} {count}")),
        Value::Text(text) => Some(format!("{name} {text}")),
        Value::Nanos(_) | Value::Time(_) | Value::Texts(_) | Value::Rows(_) => None,
    });
    let details: Vec<String> = numbers.collect();
    format!("{measure:.3}, threshold {threshold:.3}, {samples} samples; {}", details.join(", "))
}

/// A detector that finds nothing: it takes down what is known of each entry.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Probed>>);

/// What a [`Probe`] took down.
#[derive(Debug, Clone, Default)]
pub struct Probed {
    pub paths: BTreeMap<EntryKey, PathSeen>,
    pub durations: BTreeMap<EntryKey, i64>,
    pub origins: BTreeMap<EntryKey, String>,
    /// As in [`OperationSeen`].
    pub variances: BTreeMap<OperationAt, u128>,
}

impl Probe {
    /// Moves what was taken down into `observed`.
    pub fn give(&self, observed: &mut Observed) {
        let probed = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        observed.paths.extend(probed.paths);
        observed.durations.extend(probed.durations);
        observed.origins.extend(probed.origins);
        for (at, variance) in probed.variances {
            observed.operations.entry(at).and_modify(|seen| seen.variance = variance);
        }
    }
}

impl Probed {
    /// Adds what the requests of a sampled trace add to the variance of their numbers.
    fn count(&mut self, analysed: &Analysed<'_>) {
        let mut requests: BTreeMap<OperationAt, (u128, u128)> = BTreeMap::new();
        let sampled = |span: &Span| span.kind.serves() && span.weight > WEIGHT_ONE;
        for (index, span) in analysed.trace.spans.iter().enumerate().filter(|(_, span)| sampled(span)) {
            let at = OperationAt {
                minute: minute_of(span.start),
                service: analysed.context.service_name(analysed.service(index as u32)).to_owned(),
                operation: analysed.context.texts.get(span.operation).to_owned(),
            };
            let (count, weight) = requests.entry(at).or_default();
            (*count, *weight) = (*count + 1, span.weight.into());
        }
        for (at, (count, weight)) in requests {
            *self.variances.entry(at).or_default() += weight * (weight - u128::from(WEIGHT_ONE)) * count * count;
        }
    }
}

impl Detector for Probe {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let mut probed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        probed.count(analysed);
        let context = analysed.context;
        let keys: Vec<Option<EntryKey>> = analysed
            .entries
            .iter()
            .map(|entry| {
                let key = (analysed.trace.id as u64, context.service_name(entry.service).to_owned());
                (!entry.is_fragment && !entry.is_message).then_some(key)
            })
            .collect();
        for (span, exclusive) in analysed.paths.exclusive.iter().enumerate().filter(|(_, time)| **time > 0) {
            if let Some(key) = &keys[analysed.entry_of[span] as usize] {
                let service = context.service_name(analysed.service(span as u32)).to_owned();
                *probed.paths.entry(key.clone()).or_default().entry(service).or_default() += exclusive;
            }
        }
        for (entry, key) in analysed.entries.iter().zip(keys) {
            let Some(key) = key else { continue };
            if let Some(Some(origin)) = analysed.errors.origins.get(entry.span as usize) {
                probed.origins.insert(key.clone(), without_port(context.node_name(origin.node)).to_owned());
            }
            probed.durations.insert(key, analysed.span(entry.span).duration());
        }
    }

    fn evaluate(&self, _evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        Vec::new()
    }

    fn horizon(&self) -> i64 {
        1
    }

    fn forget_before(&mut self, _minute: i64) {}

    fn size(&self) -> usize {
        0
    }
}
