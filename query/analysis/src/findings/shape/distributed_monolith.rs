//! `DISTRIBUTED_MONOLITH`: services that are never called without each other, so that they are one service in parts.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::calls,
    graph::Graph,
    seen::{CLOSING, LONG, MAX_KEYS, Seen, candidate, note_overflow, over_both_horizons, service_subject},
};
use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Subject, Value, magnitude,
        shared::{
            Additive, EntryKey, PerMinute, Weighted, Window, names,
            roles::{is_front, is_gateway, is_infrastructure, is_probe},
            sql,
        },
    },
    hops::HopKind,
    paths::Waiting,
    span::ServiceId,
};

/// Share of the requests to each of two services that need the other too.
const TOGETHER: f64 = 0.95;
/// Requests to both, and entry operations that lead to both, with so many requests each.
const MIN_REQUESTS: f64 = 200.0;
const MIN_OPERATIONS: usize = 3;
const MIN_REQUESTS_OF_OPERATION: u64 = 5;
/// Calls that make two services connected.
const MIN_CALLS: u64 = 10;
const MIN_SIZE: usize = 3;
const CRITICAL_SIZE: f64 = 8.0;
/// A service that so many others call is everybody's: at least three of them, and half of all.
const MIN_CALLERS: usize = 3;
/// Share of a service's requests that come from outside, to call it the front.
const FRONT: f64 = 0.9;
/// What is left of the confidence if nothing else ties the services together.
const UNSUPPORTED: f64 = 0.7;
/// Sets of services kept a minute, and the size of the largest.
const MAX_SETS: usize = 2048;
const MAX_SET_SIZE: usize = 128;

/// Which services requests need together, and which of them call each other.
#[derive(Debug)]
pub(super) struct DistributedMonolith {
    sets: PerMinute<(EntryKey, Box<[ServiceId]>), Requests>,
    edges: PerMinute<(ServiceId, ServiceId), Weighted>,
    too_large: u64,
}

/// Requests that need one set of services.
#[derive(Debug, Clone, Default)]
struct Requests {
    seen: Seen,
    priority: u64,
    services: usize,
}

impl Additive for Requests {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.priority = self.priority.saturating_add(other.priority);
        self.services = other.services;
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size() + self.services * size_of::<ServiceId>()
    }
}

impl DistributedMonolith {
    pub(super) fn new() -> Self {
        Self { sets: PerMinute::new(MAX_SETS), edges: PerMinute::new(MAX_KEYS), too_large: 0 }
    }
}

impl DistributedMonolith {
    fn find(&self, evaluation: &Evaluation<'_>, window: Window) -> Vec<Candidate> {
        let usage = Usage::new(self, evaluation, window);
        let mut candidates: BTreeMap<Subject, Candidate> = BTreeMap::new();
        for (part, fires) in [(CLOSING, false), (1.0, true)] {
            for cluster in usage.clusters(part) {
                let mut found = usage.candidate(evaluation, window, &cluster);
                found.fires = fires;
                note_overflow(&mut found, self.sets.overflowed() + self.edges.overflowed() + self.too_large);
                candidates.insert(found.subject.clone(), found);
            }
        }
        candidates.into_values().collect()
    }
}

impl Detector for DistributedMonolith {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        for (call, hop) in calls(analysed).filter(|(_, hop)| hop.kind == HopKind::Request) {
            let Some(callee) = analysed.context.node_service(hop.callee) else { continue };
            let is_sync =
                analysed.paths.waiting.get(call.hop as usize).is_none_or(|waiting| *waiting != Waiting::Async);
            if is_sync
                && let Some(calls) = self.edges.at(minute_of(hop.start), (analysed.service(call.serving), callee))
            {
                calls.count(hop.weight);
            }
        }
        for services in analysed.presence.chunk_by(|one, other| one.0 == other.0) {
            let entry = &analysed.entries[services[0].0 as usize];
            let span = analysed.span(entry.span);
            if services.len() > MAX_SET_SIZE {
                self.too_large += 1;
            } else if !is_probe(analysed.context, entry.operation)
                && let Some(requests) = {
                    let key = (EntryKey::of(entry), services.iter().map(|(_, service)| *service).collect());
                    self.sets.at(minute_of(span.start), key)
                }
            {
                requests.seen.see(span);
                requests.priority = requests.priority.saturating_add(entry.priority);
                requests.services = services.len();
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
        self.sets.forget_before(minute);
        self.edges.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.sets.size() + self.edges.size()
    }
}

/// What was seen over the window.
struct Usage {
    sets: BTreeMap<(EntryKey, Box<[ServiceId]>), Requests>,
    edges: BTreeSet<(ServiceId, ServiceId)>,
    all: Weighted,
    services: BTreeMap<ServiceId, Service>,
    pairs: BTreeMap<(ServiceId, ServiceId), Pair>,
}

#[derive(Debug, Default)]
struct Service {
    requests: Weighted,
    /// Fixed-point weight of those that came to it from outside.
    from_outside: u64,
}

/// Two services of which one calls the other, the smaller number first.
#[derive(Debug, Default)]
struct Pair {
    together: Weighted,
    operations: BTreeMap<EntryKey, u64>,
}

impl Usage {
    fn new(detector: &DistributedMonolith, evaluation: &Evaluation<'_>, window: Window) -> Self {
        let sets = detector.sets.sums(window);
        let edges = detector.edges.sums(window).into_iter().filter(|(_, calls)| calls.records >= MIN_CALLS);
        let edges: BTreeSet<(ServiceId, ServiceId)> = edges.map(|(edge, _)| edge).collect();
        let mut usage =
            Self { sets, edges, all: Weighted::default(), services: BTreeMap::new(), pairs: BTreeMap::new() };
        usage.count_services();
        let neighbours = usage.neighbours(evaluation);
        for ((entry, services), requests) in &usage.sets {
            for service in services {
                let others = neighbours.get(service).into_iter().flatten();
                for other in others.filter(|other| *other > service && services.binary_search(other).is_ok()) {
                    let pair = usage.pairs.entry((*service, *other)).or_default();
                    pair.together.add(&requests.seen.count);
                    *pair.operations.entry(*entry).or_default() += requests.seen.count.records;
                }
            }
        }
        usage
    }

    fn count_services(&mut self) {
        for ((entry, services), requests) in &self.sets {
            self.all.add(&requests.seen.count);
            for service in services {
                let known = self.services.entry(*service).or_default();
                known.requests.add(&requests.seen.count);
                if entry.service == *service {
                    known.from_outside = known.from_outside.saturating_add(requests.seen.count.weight);
                }
            }
        }
    }

    /// Whom each service calls or is called by, without those that are with everybody by design.
    fn neighbours(&self, evaluation: &Evaluation<'_>) -> BTreeMap<ServiceId, BTreeSet<ServiceId>> {
        let context = evaluation.context;
        let mut callers: BTreeMap<ServiceId, usize> = BTreeMap::new();
        for (_, callee) in &self.edges {
            *callers.entry(*callee).or_default() += 1;
        }
        let is_everybodys = |service: ServiceId| {
            let callers = callers.get(&service).copied().unwrap_or_default();
            is_gateway(context, service)
                || is_front(context, service)
                || is_infrastructure(context, service)
                || (callers >= MIN_CALLERS && callers * 2 >= self.services.len())
        };
        let mut neighbours: BTreeMap<ServiceId, BTreeSet<ServiceId>> = BTreeMap::new();
        for (caller, callee) in &self.edges {
            if !is_everybodys(*caller) && !is_everybodys(*callee) {
                neighbours.entry(*caller).or_default().insert(*callee);
                neighbours.entry(*callee).or_default().insert(*caller);
            }
        }
        neighbours
    }

    /// Services that are connected by pairs that go together. `part` is the part of the thresholds to be reached.
    fn clusters(&self, part: f64) -> Vec<BTreeSet<ServiceId>> {
        let bound: Vec<(ServiceId, ServiceId)> = self
            .pairs
            .iter()
            .filter(|((one, other), pair)| self.is_bound(*one, *other, pair, part))
            .map(|(pair, _)| *pair)
            .collect();
        let both_ways = bound.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
        let components = Graph::new(both_ways).components().into_iter();
        let clusters = components.map(|component| component.into_iter().collect::<BTreeSet<_>>());
        // A front that composes answers is with everybody it asks; that those are with each other takes more.
        let is_inner = |service: &ServiceId| !self.is_front(*service);
        clusters
            .filter(|cluster| cluster.len() >= MIN_SIZE)
            .filter(|cluster| {
                let mut inner = bound.iter().filter(|(one, other)| cluster.contains(one) && cluster.contains(other));
                inner.any(|(one, other)| is_inner(one) && is_inner(other))
            })
            .collect()
    }

    fn is_bound(&self, one: ServiceId, other: ServiceId, pair: &Pair, part: f64) -> bool {
        let Pair { together, operations } = pair;
        let is_with = |service: &ServiceId| {
            let requests = self.services.get(service).map(|service| service.requests).unwrap_or_default();
            requests.interval(together.weight).0 >= part * TOGETHER
        };
        let operations = operations.values().filter(|requests| **requests >= MIN_REQUESTS_OF_OPERATION).count();
        operations >= MIN_OPERATIONS && together.effective() >= part * MIN_REQUESTS && is_with(&one) && is_with(&other)
    }

    fn is_front(&self, service: ServiceId) -> bool {
        let service = self.services.get(&service);
        service.is_some_and(|service| service.requests.share(service.from_outside) >= FRONT)
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, cluster: &BTreeSet<ServiceId>) -> Candidate {
        let mut members: Vec<ServiceId> = cluster.iter().copied().collect();
        members.sort_by_key(|service| (evaluation.context.service_name(*service), *service));
        let names: Vec<String> = members.iter().map(|service| names::service(evaluation, *service)).collect();
        let (mut seen, mut priority, mut operations) = (Seen::default(), 0_u64, BTreeSet::new());
        for ((entry, services), requests) in &self.sets {
            if cluster.iter().all(|service| services.binary_search(service).is_ok()) {
                seen.add(&requests.seen);
                priority = priority.saturating_add(requests.priority);
                operations.insert(evaluation.context.texts.get(entry.operation).to_owned());
            }
        }
        let subject = Subject { text: names.join(" + "), ..service_subject(evaluation, members[0]) };
        let mut found = candidate(FindingKind::DistributedMonolith, subject, window, &seen);
        let magnitude = magnitude(cluster.len() as f64, MIN_SIZE as f64, CRITICAL_SIZE);
        found.harm = Harm::Risk { share: self.all.share(priority), magnitude };
        let inside = self.edges.iter().filter(|(from, to)| cluster.contains(from) && cluster.contains(to));
        let has_cycle = !Graph::new(inside.copied()).components().is_empty();
        found.completeness = names::completeness(evaluation, window, &members);
        if !has_cycle {
            found.completeness *= UNSUPPORTED;
        }
        found.evidence.measure = cluster.len() as f64;
        found.evidence.threshold = MIN_SIZE as f64;
        found.evidence.details = vec![
            ("services", Value::Texts(names.clone())),
            ("entry_operations", Value::Texts(operations.into_iter().take(20).collect())),
            ("calls_go_both_ways", Value::Count(u64::from(has_cycle))),
        ];
        found.sql = sql::select(
            "time, source, target, operation, requests, sync, blocking",
            "edges",
            window,
            &[sql::one_of("source", &names), sql::one_of("target", &names)],
        );
        found.remedy =
            "Merge the services or cut them along what changes together; let parts that need no answer go by events."
                .to_owned();
        found
    }
}
