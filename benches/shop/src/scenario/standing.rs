//! What is wrong with a system from the beginning, from how it is built.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    topology::{OperationId, Script, ServiceId, Step, Target, Topology, expected_calls},
    truth::{Expectation, FindingKind},
};

/// Blocking calls in a row that are a chain, calls of one kind in a row that are too many, and services that may be one.
const CHAIN: u32 = 4;
const REPEATS: u32 = 5;
const CLUSTER: usize = 3;
/// What writes, of the operations that databases are asked for here.
const WRITES: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// The conditions that surely hold at this time: services that call each other in a circle, and that write one collection.
pub(crate) fn standing(topology: &Topology, time: i64) -> Vec<Expectation> {
    let mut conditions = circles(topology, time);
    for ((store, collection), writers) in writers(topology, time) {
        if writers.len() >= 2 {
            let (kind, service, target) = (FindingKind::SharedDb, store.to_owned(), Some(collection.to_owned()));
            conditions.push(Expectation { kind, service, target, operation: None });
        }
    }
    conditions
}

/// The conditions that may hold, as the rules ask for time or shares besides: long chains, calls repeated often, and
/// services that are hardly ever called without each other since each of them has several chances to be called.
pub(crate) fn likely(topology: &Topology, time: i64) -> Vec<Expectation> {
    let name = |service: ServiceId| topology.service(service).name.to_string();
    let mut conditions = BTreeSet::new();
    for (operation, _) in topology.demand(time) {
        let service = topology.operation(operation).service;
        if topology.depth_of(operation, time).is_some_and(|depth| depth >= CHAIN) {
            let entries = topology.entries().iter().filter(|entry| topology.reaches(entry.operation, service, time));
            let entries = entries.map(|entry| topology.operation(entry.operation).service);
            conditions.extend(entries.map(|entry| (FindingKind::SyncChain, name(entry), None)));
        }
        for (call, times) in repeats(topology.operation(operation).script_at(time)) {
            let Target::Operation(target) = call else { continue };
            let callee = topology.operation(target).service;
            if times >= REPEATS {
                conditions.insert((FindingKind::NPlusOne, name(service), Some(name(callee))));
            }
            let together: BTreeSet<ServiceId> = topology.below(callee, time).into_iter().chain([callee]).collect();
            if times >= 2 && together.len() >= CLUSTER {
                conditions.extend(together.into_iter().map(|it| (FindingKind::DistributedMonolith, name(it), None)));
            }
        }
    }
    let of = |(kind, service, target)| Expectation { kind, service, target, operation: None };
    conditions.into_iter().map(of).collect()
}

/// Each set of services that all reach each other, by the first of their names.
fn circles(topology: &Topology, time: i64) -> Vec<Expectation> {
    let reached: BTreeMap<ServiceId, BTreeSet<ServiceId>> =
        topology.service_ids().map(|service| (service, topology.below(service, time))).collect();
    let mut firsts = BTreeSet::new();
    for (service, below) in reached.iter().filter(|(service, below)| below.contains(service)) {
        let circle = below.iter().filter(|other| reached[*other].contains(service));
        firsts.extend(circle.map(|other| topology.service(*other).name.to_string()).min());
    }
    let kind = FindingKind::Cycle;
    firsts.into_iter().map(|service| Expectation { kind, service, target: None, operation: None }).collect()
}

/// Who writes each collection, by the names of the database and the collection.
fn writers(topology: &Topology, time: i64) -> BTreeMap<(&'static str, &'static str), BTreeSet<ServiceId>> {
    let mut writers: BTreeMap<_, BTreeSet<ServiceId>> = BTreeMap::new();
    for service in topology.service_ids() {
        let operations = topology.operations_of(service);
        let mut todo: Vec<Script> = operations.map(|operation| script(topology, operation, time)).collect();
        while let Some(steps) = todo.pop() {
            for step in steps.iter() {
                match step {
                    Step::Query(query) if WRITES.contains(&query.operation) && !query.collection.is_empty() => {
                        let key = (topology.store(query.store).name, query.collection);
                        writers.entry(key).or_default().insert(service);
                    }
                    other => todo.extend(other.parts().cloned()),
                }
            }
        }
    }
    writers
}

/// The calls that a script may make several times in a row, and how often at most.
fn repeats(script: &[Step]) -> Vec<(Target, u32)> {
    let mut repeats = Vec::new();
    for step in script {
        match step {
            Step::Repeat { to, steps, .. } => {
                repeats.extend(expected_calls(steps).into_iter().map(|(call, _)| (call.target, *to)));
            }
            other => repeats.extend(other.parts().flat_map(|steps| self::repeats(steps))),
        }
    }
    repeats
}

fn script(topology: &Topology, operation: OperationId, time: i64) -> Script {
    Script::clone(topology.operation(operation).script_at(time))
}
