//! WASTED_WORK: services that work for callers that are gone, or for tries that are tried again.

use std::collections::BTreeMap;

use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, Evidence, FindingKind, Method, Severity, Subject, Value,
        shared::{
            Additive, Exemplars, Extent, Lost, MAX_DRAGS, MAX_WINDOW, MIN_SAMPLES, MIN_TRACES, PerMinute, STAYS,
            Weighted, Window, names, shortest, sql, wilson,
        },
    },
    hops::{HopFlags, HopKind},
    paths::drag,
    span::{ServiceId, WEIGHT_ONE},
};
use spandrel_proto::model::Outcome;

/// Share of a service's busy time that is in vain.
const MIN_SHARE: f64 = 0.05;
/// Nanoseconds in vain per nanosecond, or share of the time of its databases.
const MIN_CONCURRENCY: f64 = 1.0;
const MIN_DATABASE_SHARE: f64 = 0.2;
/// Clocks and the way back explain that a server ends this much later than its client, nanoseconds.
const TOLERANCE: i64 = 1_000_000;
const MAX_KEYS: usize = 4096;

#[derive(Debug, Clone, Default)]
struct Work {
    requests: Weighted,
    /// Weighted nanoseconds: of requests, and of their database calls.
    busy: i128,
    in_vain: i128,
    database: i128,
    database_in_vain: i128,
    /// Fixed-point weight of the requests worked on in vain, at least in part.
    affected: u64,
    /// What requests from outside lost by what was done in vain.
    lost: Lost,
    extent: Extent,
    exemplars: Exemplars,
}

impl Additive for Work {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.busy += other.busy;
        self.in_vain += other.in_vain;
        self.database += other.database;
        self.database_in_vain += other.database_in_vain;
        self.affected = self.affected.saturating_add(other.affected);
        self.lost.add(&other.lost);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.exemplars.extra_size()
    }
}

impl Work {
    fn share(&self) -> f64 {
        if self.busy > 0 { self.in_vain as f64 / self.busy as f64 } else { 0.0 }
    }

    fn database_share(&self) -> f64 {
        if self.database > 0 { self.database_in_vain as f64 / self.database as f64 } else { 0.0 }
    }

    /// How many requests were worked on in vain at a time.
    fn concurrency(&self, window: Window) -> f64 {
        self.in_vain as f64 / WEIGHT_ONE as f64 / (window.to - window.from) as f64
    }
}

#[derive(Debug)]
pub(super) struct Waste {
    services: PerMinute<ServiceId, Work>,
}

impl Default for Waste {
    fn default() -> Self {
        Self { services: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for Waste {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        let in_vain_from = in_vain_from(analysed);
        let mut in_vain = Vec::new();
        for span in (0..analysed.trace.len()).filter(|span| analysed.trace.is_serving(*span)) {
            let found = &analysed.trace.spans[span];
            let Some(work) = self.services.at(minute_of(found.start), analysed.service(span as u32)) else { continue };
            let weight = i128::from(found.weight);
            work.requests.count(found.weight);
            work.busy += i128::from(found.duration()) * weight;
            let wasted = wasted(analysed, span as u32, in_vain_from[span]);
            if wasted > 0 {
                work.in_vain += i128::from(wasted) * weight;
                work.affected = work.affected.saturating_add(found.weight);
                work.extent.see(found.end - wasted, found.end);
                work.exemplars.see(analysed.trace.id, wasted, found.outcome.is_failure());
                in_vain.push(span as u32);
            }
        }
        self.count_lost(analysed, &in_vain);
        self.count_databases(analysed, &in_vain_from);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let wasteful = self.services.minute(evaluation.minute).filter(|(_, work)| work.in_vain > 0);
        let services = wasteful.map(|(service, _)| *service);
        services
            .filter_map(|service| shortest(evaluation, |window| self.candidate(evaluation, window, service)))
            .collect()
    }

    fn horizon(&self) -> i64 {
        MAX_WINDOW
    }

    fn forget_before(&mut self, minute: i64) {
        self.services.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.services.size()
    }
}

/// Per span that serves, from when on nobody needs what it does, by the clock of its root's host: since its caller, or a
/// caller of its caller, gave up, or from its beginning if it failed and was tried again. What others did for a try that
/// failed is not theirs to spare: they answered somebody who waited.
fn in_vain_from(analysed: &Analysed<'_>) -> Vec<i64> {
    let mut from = vec![i64::MAX; analysed.trace.len()];
    let adjusted = &analysed.paths.adjusted;
    let mut repeated = Vec::new();
    for hop in &analysed.hops.hops {
        let attempts = analysed.hops.attempts(hop);
        for (index, attempt) in attempts.iter().enumerate() {
            let Some(server) = attempt.server.map(|server| server as usize) else { continue };
            let is_repeated = index + 1 < attempts.len() && !hop.flags.contains(HopFlags::HEDGED);
            if is_repeated && attempt.outcome.is_failure() {
                repeated.push(server);
            }
            if let Some(client) = attempt.client
                && matches!(attempt.outcome, Outcome::Timeout | Outcome::Cancelled)
            {
                from[server] = adjusted[client as usize].1;
            }
        }
    }
    for span in analysed.trace.order().filter(|span| analysed.trace.is_serving(*span)) {
        let Some(hop) = analysed.hops.into(span).filter(|hop| hop.kind == HopKind::Request) else { continue };
        if let Some(parent) = hop.parent {
            from[span] = from[span].min(from[parent as usize]);
        }
    }
    for server in repeated {
        from[server] = adjusted[server].0;
    }
    from
}

/// Nanoseconds of a span after `from`.
fn wasted(analysed: &Analysed<'_>, span: u32, from: i64) -> i64 {
    let (start, end) = analysed.paths.adjusted[span as usize];
    let wasted = end.saturating_sub(start.max(from));
    // A whole span is in vain for another reason than the clocks.
    if wasted <= TOLERANCE && from > start { 0 } else { wasted.max(0) }
}

impl Waste {
    /// Requests from outside that services worked for in vain: they failed, or waited for the call that was given up.
    fn count_lost(&mut self, analysed: &Analysed<'_>, in_vain: &[u32]) {
        // By entry and service: the minute of the first, and nanoseconds.
        let mut waited: BTreeMap<(u32, ServiceId), (i64, i64)> = BTreeMap::new();
        for (index, span) in in_vain.iter().enumerate() {
            let minute = minute_of(analysed.span(*span).start);
            let key = (analysed.entry_of[*span as usize], analysed.service(*span));
            let client = analysed.trace.parent(*span as usize).filter(|parent| analysed.trace.kind(*parent).calls());
            let drag =
                client.filter(|_| index < MAX_DRAGS).map_or(0, |client| drag(analysed.trace, analysed.paths, client));
            let (_, sum) = waited.entry(key).or_insert((minute, 0));
            *sum = sum.saturating_add(drag);
        }
        for ((entry, service), (minute, waited)) in waited {
            let entry = &analysed.entries[entry as usize];
            if let Some(work) = self.services.at(minute, service) {
                work.lost.failed_or_slower(analysed, entry, waited.min(analysed.span(entry.span).duration()));
            }
        }
    }

    fn count_databases(&mut self, analysed: &Analysed<'_>, in_vain_from: &[i64]) {
        for hop in analysed.hops.hops.iter().filter(|hop| matches!(hop.kind, HopKind::Database | HopKind::Cache)) {
            let (Some(client), Some(parent)) = (hop.client, hop.parent) else { continue };
            // With the request that it is made for, so that shares are of the same requests.
            let minute = minute_of(analysed.span(parent).start);
            let Some(work) = self.services.at(minute, analysed.service(parent)) else { continue };
            let weight = i128::from(hop.weight);
            work.database += i128::from(hop.duration()) * weight;
            work.database_in_vain += i128::from(wasted(analysed, client, in_vain_from[parent as usize])) * weight;
        }
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, service: ServiceId) -> Option<Candidate> {
        let work = self.services.sum(window, &service);
        let (share, concurrency, database) = (work.share(), work.concurrency(window), work.database_share());
        // A few requests in vain more or less, of few, move a share of time as they do a share of requests.
        let least = |share: f64| wilson(share, work.requests.effective()).0;
        let is_seen = work.requests.effective() >= MIN_SAMPLES && work.exemplars.distinct() >= MIN_TRACES;
        let holds = |part: f64| {
            let is_much = concurrency >= part * MIN_CONCURRENCY || least(database) >= part * MIN_DATABASE_SHARE;
            is_seen && least(share) >= part * MIN_SHARE && is_much
        };
        if !holds(STAYS) {
            return None;
        }
        let name = names::service(evaluation, service);
        let environment = evaluation.context.service(service).environment;
        let requests = evaluation.demand.entries.total(window, evaluation, environment).requests;
        Some(Candidate {
            kind: FindingKind::WastedWork,
            subkind: None,
            subject: Subject {
                text: name.clone(),
                service: name.clone(),
                operation: None,
                target: None,
                environment: names::environment(evaluation, service),
            },
            method: Method::Measured,
            harm: work.lost.harm(&requests),
            completeness: names::completeness(evaluation, window, &[service]),
            at_most: Severity::Critical,
            fires: holds(1.0),
            since: work.extent.first,
            until: work.extent.last.min(window.to),
            evidence: Evidence {
                measure: share,
                threshold: MIN_SHARE,
                interval: Some(wilson(share, work.requests.effective())),
                samples: work.requests.effective() as u64,
                details: vec![
                    ("requests", Value::Number(work.requests.share(work.affected))),
                    ("concurrency", Value::Number(concurrency)),
                    ("database_share", Value::Number(database)),
                ],
                caveats: vec!["Clients that never end their spans on a timeout hide waste.".to_owned()],
                examples: work.exemplars.traces(),
                ..Evidence::default()
            },
            sql: sql::select(
                "start_time, end_time, trace_id, span_id, parent_span_id, kind, service_name, name, duration_ns, outcome",
                "spans",
                window,
                &[sql::traces(&work.exemplars.traces())],
            ),
            remedy: format!(
                "Pass deadlines and cancellations on to {name}, have it check them before expensive steps, and keep its \
                 queues short."
            ),
        })
    }
}

#[cfg(test)]
#[path = "waste_tests.rs"]
mod tests;
