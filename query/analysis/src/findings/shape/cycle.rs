//! `CYCLE`: services that depend on each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::calls,
    graph::Graph,
    reentrance::{Return, ways_round},
    seen::{CLOSING, LONG, MAX_KEYS, Seen, candidate, note_overflow, service_subject, sorted},
};
use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Severity, Subject, Value, magnitude,
        shared::{
            Additive, PerMinute, Window, names,
            roles::{is_gateway, is_infrastructure, is_probe},
            sql,
        },
    },
    hops::HopKind,
    paths::Waiting,
    span::ServiceId,
    text::Text,
};

/// Calls before an edge counts, and their share of all calls of the caller.
const MIN_CALLS: u64 = 10;
const MIN_SHARE: f64 = 0.001;
/// Share of calls that are waited for below which an edge is asynchronous.
const MIN_SYNC: f64 = 0.1;
/// Services of a component whose shortest cycles are looked for.
const MAX_MEMBERS: usize = 64;
/// What merely touching a cycle counts, compared to going round it.
const TOUCHING: f64 = 0.3;
/// Services of a component that are as bad as it gets.
const CRITICAL_SIZE: f64 = 6.0;

/// Who calls whom, and who comes back.
#[derive(Debug)]
pub(super) struct Cycles {
    edges: PerMinute<EdgeKey, Edge>,
    returns: PerMinute<(Return, Vec<ServiceId>), Returns>,
}

type Operation = (ServiceId, Text);
type EdgeKey = (Operation, Operation);

#[derive(Debug, Clone, Default)]
struct Edge {
    seen: Seen,
    /// Fixed-point weight of calls that are waited for.
    sync: u64,
}

impl Additive for Edge {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.sync = self.sync.saturating_add(other.sync);
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

#[derive(Debug, Clone, Default)]
struct Returns {
    seen: Seen,
    /// Of requests from outside.
    priority: u64,
}

impl Additive for Returns {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.priority = self.priority.saturating_add(other.priority);
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size() + 16 * size_of::<ServiceId>()
    }
}

impl Cycles {
    pub(super) fn new() -> Self {
        Self { edges: PerMinute::new(MAX_KEYS), returns: PerMinute::new(MAX_KEYS / 8) }
    }

    fn count_calls(&mut self, analysed: &Analysed<'_>) {
        let context = analysed.context;
        for (call, hop) in calls(analysed).filter(|(_, hop)| hop.kind == HopKind::Request) {
            let serving = call.serving;
            let (caller, operation) = (analysed.service(serving), analysed.span(serving).operation);
            let Some(callee) = context.node_service(hop.callee) else { continue };
            let is_by_design = is_gateway(context, caller)
                || is_gateway(context, callee)
                || is_probe(context, hop.operation)
                || is_probe(context, operation);
            if caller == callee || is_by_design {
                continue;
            }
            let key = ((caller, operation), (callee, hop.operation));
            let Some(edge) = self.edges.at(minute_of(hop.start), key) else { continue };
            edge.seen.see_during(analysed.span(serving), hop.weight, (hop.start, hop.end));
            if analysed.paths.waiting.get(call.hop as usize).is_none_or(|waiting| *waiting != Waiting::Async) {
                edge.sync = edge.sync.saturating_add(hop.weight);
            }
        }
    }

    fn count_returns(&mut self, analysed: &Analysed<'_>) {
        for (entry, how, mut services) in ways_round(analysed) {
            let smallest =
                services.iter().enumerate().min_by_key(|(_, service)| **service).map_or(0, |(place, _)| place);
            services.rotate_left(smallest);
            let entry = &analysed.entries[entry as usize];
            let span = analysed.span(entry.span);
            let Some(returns) = self.returns.at(minute_of(span.start), (how, services)) else { continue };
            returns.seen.see(span);
            if !entry.is_fragment && !entry.is_message {
                returns.priority = returns.priority.saturating_add(entry.priority);
            }
        }
    }
}

impl Detector for Cycles {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.count_calls(analysed);
        self.count_returns(analysed);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, LONG);
        let edges = self.edges.sums(window);
        let mut found = BTreeMap::new();
        for (min_calls, fires) in [((MIN_CALLS as f64 * CLOSING) as u64, false), (MIN_CALLS, true)] {
            for mut cycle in self.cycles(evaluation, window, &edges, min_calls) {
                cycle.fires = fires;
                found.insert(cycle.services.clone(), cycle);
            }
        }
        sorted(found.values().map(|cycle| self.candidate(evaluation, window, cycle)).collect())
    }

    fn horizon(&self) -> i64 {
        LONG
    }

    fn forget_before(&mut self, minute: i64) {
        self.edges.forget_before(minute);
        self.returns.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.edges.size() + self.returns.size()
    }
}

/// How a cycle is known, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Of services only: no operation depends on itself.
    Static,
    /// Messages go round.
    Loop,
    /// An operation depends on itself.
    Operation,
    /// A service waits for itself within one request.
    Reentrant,
}

impl Class {
    fn as_str(self) -> &'static str {
        match self {
            Class::Static => "static",
            Class::Loop => "loop",
            Class::Operation => "operation",
            Class::Reentrant => "reentrant",
        }
    }

    /// That services depend on each other is harmless while no operation does.
    fn at_most(self) -> Severity {
        if self == Class::Static { Severity::Low } else { Severity::Critical }
    }
}

/// A cycle, beginning with the service of the smallest name.
#[derive(Debug, Clone)]
struct Cycle {
    class: Class,
    services: Vec<ServiceId>,
    /// All services that the cycle's depend on and that depend on them.
    component: BTreeSet<ServiceId>,
    seen: Seen,
    /// Share of the requests.
    concerned: f64,
    fires: bool,
}

impl Cycles {
    /// Cycles by their services, of edges with at least so many calls.
    fn cycles(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        edges: &BTreeMap<EdgeKey, Edge>,
        min_calls: u64,
    ) -> Vec<Cycle> {
        let services = service_edges(edges, min_calls);
        let of_operations = operation_cycles(evaluation, edges, min_calls);
        // By name, so that of several shortest cycles the same one is found however services are numbered.
        let named = |service: ServiceId| (evaluation.context.service_name(service), service);
        let graph = Graph::new(services.keys().map(|(caller, callee)| (named(*caller), named(*callee))));
        let mut cycles: BTreeMap<Vec<ServiceId>, Cycle> = BTreeMap::new();
        for component in graph.components() {
            let shortest: Vec<_> =
                component.iter().take(MAX_MEMBERS).filter_map(|service| graph.shortest_cycle(*service)).collect();
            let component: BTreeSet<ServiceId> = component.into_iter().map(|(_, service)| service).collect();
            for cycle in shortest {
                let members = canonical(evaluation, cycle.into_iter().map(|(_, service)| service).collect());
                let class = if of_operations.contains(&members) { Class::Operation } else { Class::Static };
                let seen = round_seen(&members, &services);
                let concerned = TOUCHING * evaluation.demand.presence.share(window, &component);
                let services = members.clone();
                let cycle = Cycle { class, services, component: component.clone(), seen, concerned, fires: true };
                cycles.insert(members, cycle);
            }
        }
        // Whoever is asked who somebody is may ask back.
        cycles.retain(|members, _| !members.iter().any(|service| is_infrastructure(evaluation.context, *service)));
        self.add_returns(evaluation, window, min_calls, &mut cycles);
        cycles.into_values().collect()
    }

    fn add_returns(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        min_calls: u64,
        cycles: &mut BTreeMap<Vec<ServiceId>, Cycle>,
    ) {
        let all = evaluation.demand.presence.all(window);
        for ((how, services), returns) in self.returns.sums(window) {
            if returns.seen.count.records < min_calls || !returns.seen.is_repeated() {
                continue;
            }
            let class = if how == Return::Waiting { Class::Reentrant } else { Class::Loop };
            let members = canonical(evaluation, services);
            let known = cycles.get(&members);
            if known.is_some_and(|known| known.class > class) {
                continue;
            }
            let component = known.map_or_else(|| members.iter().copied().collect(), |known| known.component.clone());
            let (services, concerned) = (members.clone(), all.share(returns.priority));
            let cycle = Cycle { class, services, component, seen: returns.seen, concerned, fires: true };
            cycles.insert(members, cycle);
        }
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, cycle: &Cycle) -> Candidate {
        let names: Vec<String> = cycle.services.iter().map(|service| names::service(evaluation, *service)).collect();
        let subject = service_subject(evaluation, cycle.services[0]);
        let subject = Subject { text: format!("{} -> {}", names.join(" -> "), names[0]), ..subject };
        let mut found = candidate(FindingKind::Cycle, subject, window, &cycle.seen);
        found.subkind = Some(cycle.class.as_str());
        found.fires = cycle.fires;
        let magnitude = magnitude(cycle.component.len() as f64, 2.0, CRITICAL_SIZE);
        found.harm = Harm::Risk { share: cycle.concerned, magnitude };
        found.completeness = names::completeness(evaluation, window, &cycle.services);
        found.at_most = cycle.class.at_most();
        let mut component: Vec<String> =
            cycle.component.iter().map(|service| names::service(evaluation, *service)).collect();
        component.sort();
        found.evidence.measure = cycle.component.len() as f64;
        found.evidence.threshold = 2.0;
        found.evidence.details = vec![("services", Value::Texts(component))];
        note_overflow(&mut found, self.edges.overflowed() + self.returns.overflowed());
        found.sql = sql::select(
            "time, source, target, operation, requests, sync, blocking",
            "edges",
            window,
            &[sql::one_of("source", &names), sql::one_of("target", &names)],
        );
        found.remedy = match cycle.class {
            Class::Loop => "Stop messages that have gone round: a count of hops, or an event nobody answers in kind.",
            _ => "Break the cycle: hand over what is asked back for, move the shared part to a service below both, or answer by an event.",
        }
        .to_owned();
        found
    }
}

/// The edges between services that count, with what was seen of them.
fn service_edges(edges: &BTreeMap<EdgeKey, Edge>, min_calls: u64) -> BTreeMap<(ServiceId, ServiceId), Edge> {
    let mut services: BTreeMap<(ServiceId, ServiceId), Edge> = BTreeMap::new();
    let mut of_caller: BTreeMap<ServiceId, u64> = BTreeMap::new();
    for (((caller, _), (callee, _)), edge) in edges {
        services.entry((*caller, *callee)).or_default().add(edge);
        let calls = of_caller.entry(*caller).or_default();
        *calls = calls.saturating_add(edge.seen.count.weight);
    }
    services.retain(|(caller, _), edge| {
        let Edge { seen, sync } = edge;
        let all = of_caller.get(caller).copied().unwrap_or_default();
        seen.count.records >= min_calls
            && seen.is_repeated()
            && seen.count.weight as f64 >= MIN_SHARE * all as f64
            && seen.count.share(*sync) > MIN_SYNC
    });
    services
}

/// Cycles of services that are also cycles of their operations.
fn operation_cycles(
    evaluation: &Evaluation<'_>,
    edges: &BTreeMap<EdgeKey, Edge>,
    min_calls: u64,
) -> BTreeSet<Vec<ServiceId>> {
    let enough = edges
        .iter()
        .filter(|(_, edge)| edge.seen.count.records >= min_calls && edge.seen.count.share(edge.sync) > MIN_SYNC);
    let context = evaluation.context;
    let named =
        |(service, operation): Operation| (context.service_name(service), context.texts.get(operation), service);
    let graph = Graph::new(enough.map(|((caller, callee), _)| (named(*caller), named(*callee))));
    let members = graph.components().into_iter().flat_map(|component| component.into_iter().take(MAX_MEMBERS));
    let cycles = members.filter_map(|operation| graph.shortest_cycle(operation));
    let services = cycles.map(|cycle| cycle.into_iter().map(|(.., service)| service).collect());
    services.map(|services| canonical(evaluation, services)).collect()
}

/// The cycle beginning with the service of the smallest name.
fn canonical(evaluation: &Evaluation<'_>, mut services: Vec<ServiceId>) -> Vec<ServiceId> {
    let name = |service: &ServiceId| (evaluation.context.service_name(*service), *service);
    let smallest = services.iter().enumerate().min_by_key(|(_, service)| name(service)).map_or(0, |(place, _)| place);
    services.rotate_left(smallest);
    services
}

/// What was seen of the edge of the cycle with the fewest calls: more often than that nobody can go round.
fn round_seen(members: &[ServiceId], edges: &BTreeMap<(ServiceId, ServiceId), Edge>) -> Seen {
    let next = members.iter().cycle().skip(1);
    let around = members.iter().zip(next).filter_map(|(from, to)| edges.get(&(*from, *to)));
    around.min_by_key(|edge| edge.seen.count.records).map(|edge| edge.seen.clone()).unwrap_or_default()
}
