//! `NANOSERVICE`: a service that does so little that calling it costs more than its work.

use std::collections::BTreeMap;

use super::{
    calls::{calls, is_cut_off, own_times},
    seen::{
        CLOSING, LONG, MAX_KEYS, MIN_OBSERVATIONS, Seen, candidate, edge_subject, note_overflow, over_both_horizons,
    },
};
use crate::{
    analysed::{Analysed, Call, minute_of},
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Severity, Value,
        shared::{
            Additive, Lost, PerMinute, Weighted, Window, names,
            roles::{is_boundary, is_gateway},
            sql,
        },
    },
    hops::{Hop, HopFlags, HopKind},
    span::ServiceId,
    text::Text,
};

const MAX_OPERATIONS: usize = 2;
/// Share of the caller's requests that call it.
const CALLED: f64 = 0.9;
/// Nanoseconds of its own that half of its requests stay below.
const SMALL: i64 = 2_000_000;
/// Share of the caller's time that is not the callee's, in half of the calls.
const OVERHEAD: f64 = 0.5;
/// Steps in which overhead is counted.
const STEPS: usize = 20;
/// Share of its requests of which it may be unknown who calls.
const MAX_LOST: f64 = 0.2;
/// Share of the calls that stay on their host, of a caller with several, that makes the callee a sidecar.
const SIDECAR: f64 = 0.9;

/// What services do and what it costs to call them.
#[derive(Debug)]
pub(super) struct Nanoservice {
    requests: PerMinute<ServiceId, Weighted>,
    /// Services that anything but a service calls, or that keep data.
    others: PerMinute<ServiceId, Weighted>,
    /// Requests whose caller's span is not stored. While they are few, they are taken for the known caller's.
    of_lost_callers: PerMinute<ServiceId, Weighted>,
    edges: PerMinute<(ServiceId, ServiceId), Calls>,
}

/// Calls of a service by another.
#[derive(Debug, Clone, Default)]
struct Calls {
    seen: Seen,
    /// Requests of the caller that call it, each as one.
    callers: Weighted,
    /// Fixed-point weight of the calls that take little time of the callee's own.
    small: u64,
    closing_small: u64,
    /// Fixed-point weight of the calls by overhead.
    overhead: [u64; STEPS],
    /// What calls take beyond the callee's time.
    lost: Lost,
    /// Fixed-point weight of the calls that stay on one host.
    same_host: u64,
    /// The smallest and largest number of the caller's hosts.
    hosts: Option<(Text, Text)>,
}

impl Additive for Calls {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.callers.add(&other.callers);
        self.small = self.small.saturating_add(other.small);
        self.closing_small = self.closing_small.saturating_add(other.closing_small);
        for (sum, part) in self.overhead.iter_mut().zip(other.overhead) {
            *sum = sum.saturating_add(part);
        }
        self.lost.add(&other.lost);
        self.same_host = self.same_host.saturating_add(other.same_host);
        if let Some((first, last)) = other.hosts {
            self.see_host(first);
            self.see_host(last);
        }
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

impl Calls {
    fn see_host(&mut self, host: Text) {
        self.hosts = Some(self.hosts.map_or((host, host), |(first, last)| (first.min(host), last.max(host))));
    }

    /// The overhead that half of the calls exceed: the lower end of the step that the median is in.
    fn median_overhead(&self) -> f64 {
        let all: u64 = self.overhead.iter().fold(0, |sum, weight| sum.saturating_add(*weight));
        let mut below = 0_u64;
        for (step, weight) in self.overhead.iter().enumerate() {
            below = below.saturating_add(*weight);
            if below > all / 2 {
                return step as f64 / STEPS as f64;
            }
        }
        0.0
    }

    fn is_sidecar(&self) -> bool {
        let has_hosts = self.hosts.is_some_and(|(first, last)| first != last);
        has_hosts && self.seen.count.share(self.same_host) >= SIDECAR
    }
}

impl Nanoservice {
    pub(super) fn new() -> Self {
        Self {
            requests: PerMinute::new(MAX_KEYS),
            others: PerMinute::new(MAX_KEYS),
            of_lost_callers: PerMinute::new(MAX_KEYS),
            edges: PerMinute::new(MAX_KEYS),
        }
    }

    fn count_requests(&mut self, analysed: &Analysed<'_>) {
        let serving = (0..analysed.trace.len()).filter(|index| analysed.trace.is_serving(*index));
        for index in serving.filter(|index| !is_cut_off(analysed, *index as u32)) {
            let (span, service) = (analysed.span(index as u32), analysed.service(index as u32));
            if let Some(requests) = self.requests.at(minute_of(span.start), service) {
                requests.count(span.weight);
            }
        }
    }

    /// Calls from outside, messages, and data of its own.
    fn count_others(&mut self, analysed: &Analysed<'_>, hop: &Hop) {
        let service = match hop.kind {
            HopKind::Entry | HopKind::Deliver => analysed.context.node_service(hop.callee),
            HopKind::Database | HopKind::Cache | HopKind::Publish => analysed.context.node_service(hop.caller),
            HopKind::Request | HopKind::External => None,
        };
        let Some(service) = service else { return };
        let is_lost = hop.flags.contains(HopFlags::ORPHAN);
        let others = if is_lost { &mut self.of_lost_callers } else { &mut self.others };
        if let Some(others) = others.at(minute_of(hop.start), service) {
            others.count(hop.weight);
        }
    }

    fn count_call(&mut self, analysed: &Analysed<'_>, (serving, hop): (u32, &Hop), own_times: &[i64], is_first: bool) {
        let Some(client) = hop.client else { return };
        let (caller, server) = (analysed.service(serving), analysed.hops.servers(hop).first());
        let answering = server.map(|server| analysed.service(*server));
        let callee = answering.or_else(|| analysed.context.node_service(hop.callee));
        let Some(callee) = callee.filter(|callee| *callee != caller) else { return };
        let Some(calls) = self.edges.at(minute_of(hop.start), (caller, callee)) else { return };
        // Whoever calls does so even if the callee's span is lost; what a call costs takes both.
        if is_first {
            calls.callers.count(analysed.span(serving).weight);
        }
        let Some(server) = server else { return };
        let (span, weight) = (analysed.span(client), hop.weight);
        calls.seen.see_during(span, weight, (hop.start, hop.end));
        let own = own_times[*server as usize];
        if own < SMALL {
            calls.small = calls.small.saturating_add(weight);
        }
        if (own as f64) < SMALL as f64 / CLOSING {
            calls.closing_small = calls.closing_small.saturating_add(weight);
        }
        let beyond = (hop.duration() - analysed.span(*server).duration()).max(0);
        let step = (beyond as f64 / hop.duration().max(1) as f64 * STEPS as f64) as usize;
        let overhead = &mut calls.overhead[step.min(STEPS - 1)];
        *overhead = overhead.saturating_add(weight);
        calls.lost.slower(analysed.entry(serving), beyond);
        let (here, there) = (analysed.resource(client).host, analysed.resource(*server).host);
        if !here.is_none() {
            calls.see_host(here);
            calls.same_host = calls.same_host.saturating_add(if here == there { weight } else { 0 });
        }
    }
}

impl Nanoservice {
    fn find(&self, evaluation: &Evaluation<'_>, window: Window) -> Vec<Candidate> {
        let (requests, others) = (self.requests.sums(window), self.others.sums(window));
        let mut operations: BTreeMap<ServiceId, usize> = BTreeMap::new();
        for (service, _) in evaluation.demand.served.sums(window).into_keys() {
            *operations.entry(service).or_default() += 1;
        }
        let mut callers: BTreeMap<ServiceId, Vec<(ServiceId, Calls)>> = BTreeMap::new();
        for ((caller, callee), calls) in self.edges.sums(window) {
            callers.entry(callee).or_default().push((caller, calls));
        }
        let mut candidates = Vec::new();
        for (service, callers) in &callers {
            let [(caller, calls)] = callers.as_slice() else { continue };
            let of_service = requests.get(service).copied().unwrap_or_default();
            let lost = self.of_lost_callers.sum(window, service).weight;
            let is_busy = others.contains_key(service)
                || of_service.share(lost) > MAX_LOST
                || operations.get(service).is_none_or(|count| *count > MAX_OPERATIONS);
            let is_by_design = is_gateway(evaluation.context, *service) || is_boundary(evaluation.context, *service);
            let of_caller = requests.get(caller).copied().unwrap_or_default();
            if is_busy
                || is_by_design
                || calls.is_sidecar()
                || !is_nano(calls, &of_caller, CLOSING, calls.closing_small)
            {
                continue;
            }
            let fires = is_nano(calls, &of_caller, 1.0, calls.small);
            candidates.push(self.candidate(evaluation, window, (*service, *caller), calls, fires));
        }
        candidates
    }
}

impl Detector for Nanoservice {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.count_requests(analysed);
        for hop in &analysed.hops.hops {
            self.count_others(analysed, hop);
        }
        let own_times = own_times(analysed);
        let mut last = None;
        let requests = calls(analysed).filter(|(_, hop)| hop.kind == HopKind::Request);
        for (Call { serving, callee, .. }, hop) in requests.filter(|(call, _)| !is_cut_off(analysed, call.serving)) {
            let is_first = last.replace((*serving, *callee)) != Some((*serving, *callee));
            self.count_call(analysed, (*serving, hop), &own_times, is_first);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        over_both_horizons(evaluation, |window| self.find(evaluation, window))
    }

    fn horizon(&self) -> i64 {
        LONG
    }

    fn forget_before(&mut self, minute: i64) {
        self.requests.forget_before(minute);
        self.others.forget_before(minute);
        self.of_lost_callers.forget_before(minute);
        self.edges.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.requests.size() + self.others.size() + self.of_lost_callers.size() + self.edges.size()
    }
}

/// `part` is the part of the thresholds to be reached, `small` the weight of the calls that take little time.
fn is_nano(calls: &Calls, of_caller: &Weighted, part: f64, small: u64) -> bool {
    of_caller.effective() >= MIN_OBSERVATIONS
        && calls.seen.count.effective() >= MIN_OBSERVATIONS
        && calls.seen.is_repeated()
        && of_caller.interval(calls.callers.weight).0 >= part * CALLED
        && calls.seen.count.interval(small).0 >= 0.5
        && calls.median_overhead() >= part * OVERHEAD
}

impl Nanoservice {
    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        (service, caller): (ServiceId, ServiceId),
        calls: &Calls,
        fires: bool,
    ) -> Candidate {
        let environment = evaluation.context.service(service).environment;
        let requests = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let subject = edge_subject(evaluation, service, evaluation.context.service_node(caller));
        let subject = crate::findings::Subject { text: subject.service.clone(), ..subject };
        let mut found = candidate(FindingKind::Nanoservice, subject, window, &calls.seen);
        found.fires = fires;
        found.at_most = Severity::Medium;
        found.harm = calls.lost.harm(&requests);
        found.completeness = names::completeness(evaluation, window, &[service, caller]);
        found.evidence.measure = calls.median_overhead();
        found.evidence.threshold = OVERHEAD;
        found.evidence.details = vec![
            ("caller", Value::Text(names::service(evaluation, caller))),
            ("share_below_2_ms", Value::Number(calls.seen.count.share(calls.small))),
        ];
        note_overflow(
            &mut found,
            self.edges.overflowed() + self.others.overflowed() + evaluation.demand.served.overflowed(),
        );
        let target = found.subject.service.clone();
        found.sql = sql::select(
            "time, source, target, operation, requests, paired, duration_sum_ns, network_sum_ns",
            "edges",
            window,
            &[sql::equals("source", &names::service(evaluation, caller)), sql::equals("target", &target)],
        );
        found.remedy = "Make it part of its caller, unless it is a boundary that is meant to be there.".to_owned();
        found
    }
}
