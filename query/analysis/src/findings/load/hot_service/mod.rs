//! HOT_SERVICE: services that much depends on and that are under stress.
//!
//! Much depends on a service that owns a fifth of the time of all requests, or that is asked far more often than others.
//! It is under stress if its own work takes longer than usual, if it works on nearly as many requests as it can, or if it
//! turns away or gives up more of them than usual. Its own work leaves out what it waits for: a service whose callees are
//! slow is not hot. `hot_instance` is one process that has far more to do than its siblings.

mod concurrency;
mod own_work;
mod prominence;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::{
    concurrency::{Process, knee, utilisation},
    own_work::{OwnWork, local_times, lost_calls, slower_by},
    prominence::Prominence,
};
use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, Evidence, FindingKind, Harm, KEPT_MINUTES, Method, Severity, Subject, Value,
        magnitude,
        shared::{
            Additive, Baseline, Exemplars, Extent, Lost, MAX_WINDOW, MIN_SAMPLES, MIN_TRACES, PerMinute, STAYS,
            Weighted, Window, names, run_start, sql,
        },
    },
    span::{Kind, ServiceId},
    text::Text,
};
use spandrel_proto::model::Outcome;

/// What a service works on as a share of what it can, in so many of five minutes.
const BUSY: f64 = 0.8;
const BUSY_MINUTES: usize = 3;
/// Share of the requests that it turns away or gives up, and as a multiple of what is usual.
const REFUSED: f64 = 0.01;
const CRITICAL_REFUSED: f64 = 0.1;
const TIMES_REFUSED: f64 = 3.0;
/// One process of several that works on this many times as many requests as the mean, and on enough of them to matter.
const IMBALANCE: f64 = 2.0;
const CRITICAL_IMBALANCE: f64 = 5.0;
const MIN_PROCESSES: usize = 3;
const MIN_CONCURRENCY: f64 = 0.5;
const MIN_REQUESTS: f64 = 100.0;
/// How far back a process's knee is looked for, minutes.
const HORIZON: i64 = 30;
/// Requests that take longer, nanoseconds, are streams and polls: they are no load.
const STREAM: i64 = 10_000_000_000;
const MAX_SERVICES: usize = 4096;
const MAX_OPERATIONS: usize = 8192;
const MAX_PROCESSES: usize = 8192;

/// A service in one minute.
#[derive(Debug, Clone, Default)]
struct ServiceWork {
    requests: Weighted,
    /// Fixed-point weight of the requests that it turned away or gave up itself, and what requests from outside that
    /// failed lost by that.
    refused: u64,
    lost: Lost,
    /// Priority of the entries that it was part of.
    priority: u64,
    extent: Extent,
    exemplars: Exemplars,
}

impl Additive for ServiceWork {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.refused = self.refused.saturating_add(other.refused);
        self.lost.add(&other.lost);
        self.priority = self.priority.saturating_add(other.priority);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.exemplars.extra_size()
    }
}

#[derive(Debug)]
pub(super) struct HotService {
    services: PerMinute<ServiceId, ServiceWork>,
    operations: PerMinute<(ServiceId, Text), OwnWork>,
    processes: PerMinute<(ServiceId, Text), Process>,
}

impl Default for HotService {
    fn default() -> Self {
        Self {
            services: PerMinute::new(MAX_SERVICES),
            operations: PerMinute::new(MAX_OPERATIONS),
            processes: PerMinute::new(MAX_PROCESSES),
        }
    }
}

impl Detector for HotService {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let (local, lost_calls) = (local_times(analysed), lost_calls(analysed));
        let (mut seen, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for (index, span) in analysed.trace.spans.iter().enumerate().filter(|(_, span)| span.kind == Kind::Server) {
            let service = analysed.service(index as u32);
            if span.duration() > STREAM {
                continue;
            }
            let instance = analysed.resource(index as u32).instance;
            if let Some(process) = self.processes.at(minute_of(span.start), (service, instance)) {
                process.count(span.start, span.duration(), local[index], span.weight);
            }
            if span.outcome != Outcome::Rejected
                && !lost_calls[index]
                && let Some(own) = self.operations.at(minute_of(span.start), (service, span.operation))
            {
                own.requests.count(span.weight);
                own.local.record(local[index].unsigned_abs(), 1);
            }
            let Some(work) = self.services.at(minute_of(span.start), service) else { continue };
            work.requests.count(span.weight);
            let entry = analysed.entry(index as u32);
            if is_refused(analysed, index) {
                work.refused = work.refused.saturating_add(span.weight);
                if refused.insert((entry.span, service)) {
                    work.lost.failed_or_slower(analysed, entry, 0);
                }
            }
            work.extent.see(span.start, span.end);
            work.exemplars.see(analysed.trace.id, local[index], span.outcome.is_failure());
            if seen.insert((entry.span, service)) {
                work.priority = work.priority.saturating_add(entry.priority);
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = (1..=MAX_WINDOW).map(|minutes| Window::of(evaluation, minutes)).find(|window| {
            evaluation
                .demand
                .entries
                .by_operation(*window)
                .values()
                .map(|stats| stats.requests.effective())
                .sum::<f64>()
                >= MIN_SAMPLES
        });
        let Some(window) = window else { return Vec::new() };
        let requests = self.services.sums(window);
        // How much depends on a service changes little from minute to minute, and is not to be told from a few requests.
        let recent = Window::of(evaluation, MAX_WINDOW);
        let counts = self.services.sums(recent).into_iter().map(|(service, work)| (service, work.requests.number()));
        let prominence = Prominence::of(evaluation, recent, counts);
        let hot =
            requests.iter().filter_map(|(service, work)| self.hot(evaluation, &prominence, window, *service, work));
        hot.chain(requests.iter().filter_map(|(service, work)| self.hot_instance(evaluation, *service, work))).collect()
    }

    fn horizon(&self) -> i64 {
        KEPT_MINUTES
    }

    fn forget_before(&mut self, minute: i64) {
        self.services.forget_before(minute);
        self.operations.forget_before(minute);
        self.processes.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.services.size() + self.operations.size() + self.processes.size()
    }
}

/// Whether a service itself turned a request away, or gave it up, or took too long for it.
fn is_refused(analysed: &Analysed<'_>, server: usize) -> bool {
    let outcome = analysed.trace.spans[server].outcome;
    let origin = analysed.errors.origins.get(server).copied().flatten();
    matches!(outcome, Outcome::Rejected | Outcome::Timeout)
        && origin.is_some_and(|origin| origin.span == Some(server as u32))
}

/// The signs of stress of a service, each with how far it is: 0 to 1.
#[derive(Debug, Default)]
struct Stress {
    fires: bool,
    magnitude: f64,
    measure: f64,
    threshold: f64,
    baseline: Option<f64>,
    since: Option<i64>,
    details: Vec<(&'static str, Value)>,
}

impl Stress {
    /// Adds a sign. The farthest is the one that the finding tells of.
    fn add(&mut self, fires: bool, sign: Stress) {
        let is_first = self.details.is_empty();
        self.details.extend(sign.details);
        if is_first || (fires, sign.magnitude) > (self.fires, self.magnitude) {
            (self.measure, self.threshold, self.baseline) = (sign.measure, sign.threshold, sign.baseline);
        }
        self.fires |= fires;
        self.magnitude = self.magnitude.max(sign.magnitude);
        self.since = self.since.into_iter().chain(sign.since).min();
    }
}

impl HotService {
    fn hot(
        &self,
        evaluation: &Evaluation<'_>,
        prominence: &Prominence,
        window: Window,
        service: ServiceId,
        work: &ServiceWork,
    ) -> Option<Candidate> {
        if work.exemplars.distinct() < MIN_TRACES || !prominence.holds(service, STAYS) {
            return None;
        }
        let mut stress = Stress::default();
        self.slower(evaluation, service, &mut stress);
        self.busy(evaluation, service, &mut stress);
        self.refusing(evaluation, window, service, work, &mut stress);
        if stress.details.is_empty() {
            return None;
        }
        let fires = stress.fires && prominence.holds(service, 1.0);
        let environment = evaluation.context.service(service).environment;
        let entries = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let share = prominence.time_share(service);
        let since = stress.since.unwrap_or(window.from);
        let mut details = vec![
            ("critical_path_share", Value::Number(share)),
            ("requests", Value::Number(prominence.requests(service))),
            ("callers", Value::Count(prominence::callers(evaluation, window, service))),
        ];
        details.extend(stress.details);
        let subject = names::service(evaluation, service);
        Some(Candidate {
            harm: Harm::Lost(work.lost.per_request(&entries) + slower_by(evaluation, service, window, since)),
            fires,
            since,
            evidence: Evidence {
                measure: stress.measure,
                threshold: stress.threshold,
                baseline: stress.baseline,
                samples: work.requests.effective() as u64,
                details,
                caveats: vec!["Its own work includes calls that have no spans.".to_owned()],
                examples: work.exemplars.traces(),
                ..Evidence::default()
            },
            remedy: format!(
                "Give {subject} more processes, spare it calls by caching or batching, or shed load before it."
            ),
            ..base(evaluation, window, service, work, subject)
        })
    }

    /// Whether a process of the service works on nearly as many requests as it can.
    fn busy(&self, evaluation: &Evaluation<'_>, service: ServiceId, stress: &mut Stress) {
        let (horizon, recent) = (Window::of(evaluation, HORIZON), Window::of(evaluation, MAX_WINDOW));
        let processes = self.processes.minute(evaluation.minute).map(|(key, _)| *key);
        for key in processes.filter(|(owner, _)| *owner == service) {
            let all = self.processes.of_key(horizon, &key).map(|(_, process)| process);
            let Some(knee) = knee(all) else { continue };
            let at = |minute: i64| self.processes.get(minute, &key).map(Process::concurrency);
            let (minutes, used) = utilisation(recent, knee, BUSY, at);
            let (nearly, _) = utilisation(recent, knee, BUSY * STAYS, at);
            if nearly < BUSY_MINUTES {
                continue;
            }
            let sign = Stress {
                magnitude: magnitude(used, 0.7, 0.95),
                measure: used,
                threshold: BUSY,
                details: vec![
                    ("process", Value::Text(evaluation.context.texts.get(key.1).to_owned())),
                    ("concurrency", Value::Number(used * knee)),
                    ("knee", Value::Number(knee)),
                ],
                ..Stress::default()
            };
            stress.add(minutes >= BUSY_MINUTES, sign);
        }
    }

    /// Whether the service turns away or gives up more requests than usual.
    fn refusing(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        service: ServiceId,
        work: &ServiceWork,
        stress: &mut Stress,
    ) {
        let share = work.requests.share(work.refused);
        let at = |minute: i64| self.services.get(minute, &service).map(|work| work.requests.share(work.refused));
        let onset = run_start(evaluation.minute, |minute| at(minute).is_some_and(|usual| usual >= share / 2.0));
        let before = Window { from: onset, to: onset }.before();
        let Some(baseline) = Baseline::of(before.minutes().filter_map(at)) else { return };
        let threshold = REFUSED.max(TIMES_REFUSED * baseline.median);
        let low = work.requests.interval(work.refused).0;
        if work.requests.effective() >= MIN_SAMPLES && low >= STAYS * threshold {
            let sign = Stress {
                magnitude: magnitude(share, REFUSED, CRITICAL_REFUSED),
                measure: share,
                threshold,
                baseline: Some(baseline.median),
                since: Some(onset.min(window.to)),
                details: vec![("refused_share", Value::Number(share))],
                ..Stress::default()
            };
            stress.add(low >= threshold, sign);
        }
    }

    /// One process of a service that has far more to do than the others.
    fn hot_instance(&self, evaluation: &Evaluation<'_>, service: ServiceId, work: &ServiceWork) -> Option<Candidate> {
        let window = Window::of(evaluation, MAX_WINDOW);
        let (hottest, _) = self.imbalance(evaluation.minute, service)?;
        let mut ratios = Vec::new();
        let mut requests = 0.0;
        for minute in window.minutes() {
            let found = self.imbalance(minute, service).filter(|(process, _)| *process == hottest);
            let Some((_, ratio)) = found else { continue };
            ratios.push(ratio);
            requests += self.processes.get(minute, &(service, hottest)).map_or(0.0, Process::requests);
        }
        let worst = ratios.iter().copied().fold(0.0, f64::max);
        let times = |part: f64| ratios.iter().filter(|ratio| **ratio >= part * IMBALANCE).count();
        if times(STAYS) < BUSY_MINUTES || requests < MIN_REQUESTS {
            return None;
        }
        let process = evaluation.context.texts.get(hottest);
        let subject = format!("{}/{process}", names::service(evaluation, service));
        let environment = evaluation.context.service(service).environment;
        let entries = evaluation.demand.entries.total(window, evaluation, environment).requests;
        Some(Candidate {
            subkind: Some("hot_instance"),
            harm: Harm::Risk {
                share: entries.share(work.priority) * 0.5,
                magnitude: magnitude(worst, IMBALANCE, CRITICAL_IMBALANCE),
            },
            fires: times(1.0) >= BUSY_MINUTES,
            since: window.from,
            evidence: Evidence {
                measure: worst,
                threshold: IMBALANCE,
                samples: requests as u64,
                details: vec![("process", Value::Text(process.to_owned()))],
                examples: work.exemplars.traces(),
                ..Evidence::default()
            },
            remedy: format!(
                "Spread requests evenly: look at keys, sticky sessions and long connections that lead to {subject}."
            ),
            ..base(evaluation, window, service, work, subject)
        })
    }

    /// The process that works on the most requests at a time in a minute, and how many times the mean that is.
    fn imbalance(&self, minute: i64, service: ServiceId) -> Option<(Text, f64)> {
        let processes = self.processes.minute(minute).filter(|((owner, _), _)| *owner == service);
        let loads: Vec<(f64, Text)> = processes.map(|((_, process), work)| (work.concurrency(), *process)).collect();
        let (most, process) = loads.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let mean = loads.iter().map(|(load, _)| load).sum::<f64>() / loads.len() as f64;
        (loads.len() >= MIN_PROCESSES && most >= MIN_CONCURRENCY).then_some((process, most / mean))
    }
}

/// What both findings have in common.
fn base(
    evaluation: &Evaluation<'_>,
    window: Window,
    service: ServiceId,
    work: &ServiceWork,
    text: String,
) -> Candidate {
    let name = names::service(evaluation, service);
    Candidate {
        kind: FindingKind::HotService,
        subkind: None,
        sql: sql::select(
            "time, operation, requests, failures, rejected, timeout, duration_sum_ns, busy_ns, self_time_ns",
            "operations",
            window,
            &[sql::equals("service_name", &name), sql::equals("view", "server")],
        ),
        subject: Subject {
            text,
            service: name,
            operation: None,
            target: None,
            environment: names::environment(evaluation, service),
        },
        method: Method::Measured,
        harm: Harm::Lost(0.0),
        completeness: names::completeness(evaluation, window, &[service]),
        at_most: Severity::Critical,
        fires: false,
        since: window.from,
        until: work.extent.last.min(window.to),
        evidence: Evidence::default(),
        remedy: String::new(),
    }
}
