//! `GOD_GATEWAY`: calls between services go through one that everything depends on.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::calls,
    hubs::{hubs, outlier},
    seen::{
        CLOSING, LONG, MAX_KEYS, MIN_OBSERVATIONS, Seen, candidate, note_overflow, over_both_horizons, service_subject,
    },
};
use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Value,
        shared::{
            Additive, PerMinute, Weighted, Window, names,
            roles::{is_front, is_gateway, is_mesh, is_probe},
            sql,
        },
    },
    hops::HopKind,
    span::ServiceId,
    text::Text,
};

/// Fewer services than this have no hubs worth the name.
const MIN_SERVICES: usize = 8;
/// Share of a gateway's requests that come from services, and of all calls that a hub mediates.
const INTERNAL: f64 = 0.3;
/// Services that an orchestrator calls, calls of half of its requests, and its share of the time of entries.
const MIN_CALLEES: usize = 10;
const MIN_CALLS: u64 = 8;
const SELF_SHARE: f64 = 0.1;
/// Share of the requests that a gateway passes on with exactly one call, and the services it passes them to.
const FORWARDED: f64 = 0.9;
const MIN_ROUTES: usize = 3;
/// Calls that make an edge.
const MIN_EDGE_CALLS: u64 = 10;

/// What services are asked, by whom, and whom they ask.
#[derive(Debug)]
pub(super) struct GodGateway {
    services: PerMinute<ServiceId, Traffic>,
    edges: PerMinute<(ServiceId, ServiceId), Weighted>,
    /// Weighted nanoseconds of requests from outside, by environment.
    entries: PerMinute<Text, Duration>,
}

/// Requests of one service.
#[derive(Debug, Clone, Default)]
struct Traffic {
    seen: Seen,
    /// Fixed-point weights: of requests that come from services, that are passed on with one call, and that make many.
    internal: u64,
    forwarded: u64,
    many: u64,
    /// It asks databases.
    data: u64,
    /// Weighted nanoseconds of the critical path that are its own.
    own: i128,
}

impl Additive for Traffic {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.internal = self.internal.saturating_add(other.internal);
        self.forwarded = self.forwarded.saturating_add(other.forwarded);
        self.many = self.many.saturating_add(other.many);
        self.data = self.data.saturating_add(other.data);
        self.own += other.own;
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Duration(i128);

impl Additive for Duration {
    fn add(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl GodGateway {
    pub(super) fn new() -> Self {
        Self {
            services: PerMinute::new(MAX_KEYS),
            edges: PerMinute::new(MAX_KEYS * 2),
            entries: PerMinute::new(MAX_KEYS / 8),
        }
    }

    fn count_request(&mut self, analysed: &Analysed<'_>, index: u32, made: &Made) {
        let (span, service) = (analysed.span(index), analysed.service(index));
        if is_probe(analysed.context, span.operation) {
            return;
        }
        let caller = analysed.hops.index_into(index as usize).map(|hop| analysed.hops.hops[hop].caller);
        let caller = caller.and_then(|caller| analysed.context.node_service(caller));
        let Some(traffic) = self.services.at(minute_of(span.start), service) else { return };
        traffic.seen.see(span);
        let weight_if = |is_so: bool| if is_so { span.weight } else { 0 };
        traffic.internal = traffic.internal.saturating_add(weight_if(caller.is_some_and(|caller| caller != service)));
        traffic.forwarded = traffic.forwarded.saturating_add(weight_if(made.calls == 1));
        traffic.many = traffic.many.saturating_add(weight_if(made.calls >= MIN_CALLS));
        traffic.data = traffic.data.saturating_add(weight_if(made.has_data));
        traffic.own += i128::from(made.own) * i128::from(span.weight);
    }
}

/// What one request does.
#[derive(Debug, Clone, Default)]
struct Made {
    calls: u64,
    has_data: bool,
    /// Nanoseconds of the critical path.
    own: i64,
}

impl GodGateway {
    fn find(&self, evaluation: &Evaluation<'_>, window: Window) -> Vec<Candidate> {
        let overflowed = self.services.overflowed() + self.edges.overflowed() + self.entries.overflowed();
        let mut by_environment: BTreeMap<Text, BTreeMap<ServiceId, Traffic>> = BTreeMap::new();
        for (service, traffic) in self.services.sums(window) {
            let environment = evaluation.context.service(service).environment;
            by_environment.entry(environment).or_default().insert(service, traffic);
        }
        let edges = self.edges.sums(window);
        let mut candidates = Vec::new();
        for (environment, services) in by_environment {
            if services.len() < MIN_SERVICES {
                continue;
            }
            let duration = self.entries.sum(window, &environment).0;
            let system = System::new(services, &edges, duration);
            for mut found in system.candidates(evaluation, window) {
                note_overflow(&mut found, overflowed);
                candidates.push(found);
            }
        }
        candidates
    }
}

impl Detector for GodGateway {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        // By the span that serves.
        let mut made = vec![Made::default(); analysed.trace.len()];
        for (index, exclusive) in analysed.paths.exclusive.iter().enumerate() {
            made[analysed.trace.serving(index)].own += exclusive;
        }
        for (call, hop) in calls(analysed) {
            let serving = call.serving;
            let made = &mut made[serving as usize];
            let callee = analysed.context.node_service(hop.callee);
            made.has_data |= hop.kind == HopKind::Database;
            made.calls += u64::from(hop.kind == HopKind::Request);
            if let Some(callee) = callee
                && callee != analysed.service(serving)
                && !is_probe(analysed.context, hop.operation)
                && let Some(calls) = self.edges.at(minute_of(hop.start), (analysed.service(serving), callee))
            {
                calls.count(hop.weight);
            }
        }
        for (serving, made) in made.iter().enumerate().filter(|(index, _)| analysed.trace.is_serving(*index)) {
            self.count_request(analysed, serving as u32, made);
        }
        for entry in crate::findings::shared::requests(analysed) {
            let span = analysed.span(entry.span);
            let environment = analysed.context.service(entry.service).environment;
            if let Some(duration) = self.entries.at(minute_of(span.start), environment) {
                duration.0 += i128::from(span.duration()) * i128::from(span.weight);
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        over_both_horizons(evaluation, |window| self.find(evaluation, window))
    }

    fn horizon(&self) -> i64 {
        LONG
    }

    fn forget_before(&mut self, minute: i64) {
        self.services.forget_before(minute);
        self.edges.forget_before(minute);
        self.entries.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.services.size() + self.edges.size() + self.entries.size()
    }
}

/// The services of one environment.
struct System {
    services: BTreeMap<ServiceId, Traffic>,
    callees: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    callers: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    /// Calls from service to service, and those of them that a service makes or answers.
    calls: Weighted,
    mediated: BTreeMap<ServiceId, u64>,
    duration: i128,
}

/// One way in which a service is too central.
struct Problem {
    subkind: &'static str,
    measure: f64,
    threshold: f64,
    interval: Option<(f64, f64)>,
    fires: bool,
}

impl System {
    fn new(
        services: BTreeMap<ServiceId, Traffic>,
        edges: &BTreeMap<(ServiceId, ServiceId), Weighted>,
        duration: i128,
    ) -> Self {
        let empty = || services.keys().map(|service| (*service, BTreeSet::new())).collect();
        let (mut callees, mut callers): (BTreeMap<_, BTreeSet<_>>, BTreeMap<_, BTreeSet<_>>) = (empty(), empty());
        let (mut calls, mut mediated) = (Weighted::default(), BTreeMap::<ServiceId, u64>::new());
        for ((caller, callee), count) in edges {
            if !services.contains_key(caller) || !services.contains_key(callee) {
                continue;
            }
            calls.add(count);
            for service in [caller, callee] {
                let sum = mediated.entry(*service).or_default();
                *sum = sum.saturating_add(count.weight);
            }
            if count.records >= MIN_EDGE_CALLS {
                callees.entry(*caller).or_default().insert(*callee);
                callers.entry(*callee).or_default().insert(*caller);
            }
        }
        Self { services, callees, callers, calls, mediated, duration }
    }

    fn candidates(&self, evaluation: &Evaluation<'_>, window: Window) -> Vec<Candidate> {
        let degrees = |edges: &BTreeMap<ServiceId, BTreeSet<ServiceId>>| {
            edges.iter().map(|(service, others)| (*service, others.len())).collect::<BTreeMap<_, _>>()
        };
        let (outward, inward) = (degrees(&self.callees), degrees(&self.callers));
        let many_callees = outlier(outward.values().copied()).max(MIN_CALLEES as f64);
        let central: BTreeSet<ServiceId> = hubs(&outward).intersection(&hubs(&inward)).copied().collect();
        let mut candidates = Vec::new();
        for (service, traffic) in &self.services {
            let enough = traffic.seen.count.effective() >= MIN_OBSERVATIONS && traffic.seen.is_repeated();
            if !enough || is_mesh(evaluation.context, *service) {
                continue;
            }
            let problems = [
                self.east_west(evaluation, *service, traffic),
                self.orchestrator(*service, traffic, many_callees),
                self.hub(evaluation, *service, &central),
            ];
            // Of several, the one that says most of what to do, which is the order above.
            let worst = problems.into_iter().flatten().min_by_key(|problem| !problem.fires);
            candidates.extend(worst.map(|problem| self.candidate(evaluation, window, *service, &problem)));
        }
        candidates
    }

    /// Share of the calls between services that the service makes or answers.
    fn mediated(&self, service: ServiceId) -> f64 {
        self.calls.share(self.mediated.get(&service).copied().unwrap_or_default())
    }

    /// Services that call each other by way of the gateway.
    fn east_west(&self, evaluation: &Evaluation<'_>, service: ServiceId, traffic: &Traffic) -> Option<Problem> {
        let count = &traffic.seen.count;
        let routes = self.callees.get(&service).map_or(0, BTreeSet::len);
        let passes_on = routes >= MIN_ROUTES && count.share(traffic.forwarded) >= FORWARDED && traffic.data == 0;
        let comes_from_outside = count.share(traffic.internal) < 1.0;
        if !comes_from_outside || !(is_gateway(evaluation.context, service) || passes_on) {
            return None;
        }
        let interval = count.interval(traffic.internal);
        (interval.0 >= CLOSING * INTERNAL).then(|| Problem {
            subkind: "east_west",
            measure: count.share(traffic.internal),
            threshold: INTERNAL,
            interval: Some(interval),
            fires: interval.0 >= INTERNAL,
        })
    }

    /// A service that does by calls what others should. Composing answers is what front ends are for: it takes many
    /// callees and many calls per request to be too much.
    fn orchestrator(&self, service: ServiceId, traffic: &Traffic, many_callees: f64) -> Option<Problem> {
        let callees = self.callees.get(&service).map_or(0, BTreeSet::len) as f64;
        let own = traffic.own as f64 / self.duration.max(1) as f64;
        let makes_many = traffic.seen.count.interval(traffic.many).0;
        if callees < CLOSING * many_callees || makes_many < CLOSING * 0.5 || own < CLOSING * SELF_SHARE {
            return None;
        }
        Some(Problem {
            subkind: "orchestrator",
            measure: callees,
            threshold: many_callees,
            interval: None,
            fires: callees >= many_callees && makes_many >= 0.5 && own >= SELF_SHARE,
        })
    }

    /// A service that more than others both call and are called by.
    fn hub(&self, evaluation: &Evaluation<'_>, service: ServiceId, central: &BTreeSet<ServiceId>) -> Option<Problem> {
        let mediated = self.mediated(service);
        let is_by_design = is_gateway(evaluation.context, service) || is_front(evaluation.context, service);
        let interval = self.calls.interval(self.mediated.get(&service).copied().unwrap_or_default());
        if is_by_design || !central.contains(&service) || interval.0 < CLOSING * INTERNAL {
            return None;
        }
        Some(Problem {
            subkind: "hub",
            measure: mediated,
            threshold: INTERNAL,
            interval: Some(interval),
            fires: interval.0 >= INTERNAL,
        })
    }

    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        service: ServiceId,
        problem: &Problem,
    ) -> Candidate {
        let seen = self.services.get(&service).map(|traffic| traffic.seen.clone()).unwrap_or_default();
        let subject = service_subject(evaluation, service);
        let mut found = candidate(FindingKind::GodGateway, subject, window, &seen);
        found.subkind = Some(problem.subkind);
        found.fires = problem.fires;
        let environment = evaluation.context.service(service).environment;
        let requests = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let own = self.services.get(&service).map_or(0, |traffic| traffic.own);
        found.harm = Harm::Lost(own as f64 / requests.weight.max(1) as f64);
        found.completeness = names::completeness(evaluation, window, &[service]);
        found.evidence.measure = problem.measure;
        found.evidence.threshold = problem.threshold;
        found.evidence.interval = problem.interval;
        let count = |edges: &BTreeMap<ServiceId, BTreeSet<ServiceId>>| {
            Value::Count(edges.get(&service).map_or(0, BTreeSet::len) as u64)
        };
        found.evidence.details = vec![
            ("callers", count(&self.callers)),
            ("callees", count(&self.callees)),
            ("share_of_calls_between_services", Value::Number(self.mediated(service))),
        ];
        let name = sql::quoted(&found.subject.service);
        found.sql = sql::select(
            "time, source, target, operation, requests, blocking",
            "edges",
            window,
            &[format!("(source = {name} OR target = {name})")],
        );
        found.remedy = match problem.subkind {
            "east_west" => "Let services call each other directly; keep the gateway for requests from outside.",
            _ => "Move what it decides to the services it decides for; let them call each other or answer by events.",
        }
        .to_owned();
        found
    }
}
