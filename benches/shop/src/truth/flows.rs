//! What is known of single requests, breakers and work in vain.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    minute_of,
    tables::{BreakerTruth, OriginTruth, PathTruth, WasteTruth},
};
use crate::{
    engine::{BreakerChange, BreakerEvent, EntryEnded, Handled, Node, Origin, Records, Wasted, Work},
    topology::{InstanceId, ServiceId, Topology},
};

/// Facts about requests from outside, breakers and waste.
#[derive(Debug, Clone, Default)]
pub(super) struct Flows {
    /// In the order in which they were answered.
    pub(super) entries: Vec<EntryEnded>,
    pub(super) breakers: BTreeMap<(InstanceId, Node), BreakerFacts>,
    /// By minute and service.
    pub(super) waste: BTreeMap<(i64, ServiceId), WasteFacts>,
    /// The latest moment heard of.
    latest: i64,
}

/// What one breaker did.
#[derive(Debug, Clone, Default)]
pub(super) struct BreakerFacts {
    /// Spells of being open that are over.
    open: Vec<(i64, i64)>,
    /// Since when it is open.
    since: Option<i64>,
    rejected: Vec<i64>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WasteFacts {
    pub(super) wasted: i64,
    pub(super) busy: i64,
    pub(super) database_wasted: i64,
    pub(super) database: i64,
}

impl Flows {
    pub(super) fn observe(&mut self, records: &Records, topology: &Topology) {
        self.entries.extend(records.entries.iter().cloned());
        for event in &records.breakers {
            self.breakers.entry((event.instance, event.target)).or_default().observe(event);
        }
        for &Handled { operation, start, end, database, .. } in &records.handled {
            let service = topology.operation(operation).service;
            let facts = self.waste.entry((minute_of(start), service)).or_default();
            facts.busy += end - start;
            facts.database += database;
            self.latest = self.latest.max(end);
        }
        for &Wasted { service, start, nanos, database } in &records.wasted {
            let facts = self.waste.entry((minute_of(start), service)).or_default();
            facts.wasted += nanos;
            facts.database_wasted += database;
        }
    }

    /// Forgets requests and waste before `first`. Breakers are few and stay.
    pub(super) fn forget_before(&mut self, first: i64) {
        self.entries.retain(|entry| entry.start >= first);
        self.waste.retain(|(minute, _), _| *minute >= first);
        for breaker in self.breakers.values_mut() {
            breaker.open.retain(|(_, until)| *until >= first);
            breaker.rejected.retain(|time| *time >= first);
        }
    }

    /// The latest moment heard of.
    pub(super) fn latest(&self) -> i64 {
        self.latest
    }

    pub(super) fn origins(&self, topology: &Topology) -> Vec<OriginTruth> {
        let failed = self.entries.iter().filter_map(|entry| Some((entry, entry.origin?)));
        failed
            .map(|(entry, origin)| OriginTruth {
                trace_id: hex(entry.trace),
                start_unix_nano: entry.start,
                entry_service: service_of(topology, entry),
                entry_operation: topology.operation(entry.operation).name.to_string(),
                service: node_name(topology, origin.node).to_string(),
                operation: asked(topology, origin),
                outcome: origin.outcome.as_str().to_owned(),
                is_slow: origin.is_slow,
                hops: origin.hops,
            })
            .collect()
    }

    pub(super) fn paths(&self, topology: &Topology) -> Vec<PathTruth> {
        let paths = self.entries.iter().map(|entry| PathTruth {
            trace_id: hex(entry.trace),
            start_unix_nano: entry.start,
            entry_service: service_of(topology, entry),
            entry_operation: topology.operation(entry.operation).name.to_string(),
            duration_ns: (entry.end - entry.start) as u64,
            absorbed: entry.absorbed,
            exclusive_ns: entry
                .shares
                .iter()
                .map(|(service, nanos)| (topology.service(*service).name.to_string(), *nanos as u64))
                .collect(),
        });
        paths.collect()
    }

    pub(super) fn breakers(&self, topology: &Topology) -> Vec<BreakerTruth> {
        let opened = self.breakers.iter().filter(|(_, facts)| facts.since.is_some() || !facts.open.is_empty());
        opened
            .map(|(&(instance, target), facts)| BreakerTruth {
                service: topology.service_of(instance).name.to_string(),
                instance: topology.instance(instance).id.clone(),
                target: node_name(topology, target).to_string(),
                open: facts.spells(self.latest),
                rejected: facts.rejected.len() as u64,
            })
            .collect()
    }

    pub(super) fn waste(&self, topology: &Topology) -> Vec<WasteTruth> {
        let waste = self.waste.iter().map(|(&(minute, service), facts)| WasteTruth {
            minute_unix_nano: minute,
            service: topology.service(service).name.to_string(),
            wasted_ns: facts.wasted as u64,
            busy_ns: facts.busy as u64,
        });
        waste.collect()
    }

    /// From the first opening to the end of the last spell of being open, of all breakers of a service before a node
    /// within a time.
    pub(super) fn open_between(
        &self,
        topology: &Topology,
        (from, to): (i64, i64),
    ) -> BTreeMap<(Arc<str>, Arc<str>), (i64, i64)> {
        let mut spans: BTreeMap<(Arc<str>, Arc<str>), (i64, i64)> = BTreeMap::new();
        for (&(instance, target), facts) in &self.breakers {
            let key = (Arc::clone(&topology.service_of(instance).name), node_name(topology, target));
            for (since, until) in facts.spells(self.latest) {
                let until = until.min(to);
                if since < to && until > from {
                    let span = spans.entry(key.clone()).or_insert((since, until));
                    *span = (span.0.min(since), span.1.max(until));
                }
            }
        }
        spans
    }
}

impl BreakerFacts {
    fn observe(&mut self, event: &BreakerEvent) {
        match event.change {
            BreakerChange::Opened => {
                self.since.get_or_insert(event.time);
            }
            BreakerChange::Closed => self.open.extend(self.since.take().map(|since| (since, event.time))),
            BreakerChange::Rejected => self.rejected.push(event.time),
            BreakerChange::Created | BreakerChange::HalfOpened => {}
        }
    }

    fn spells(&self, latest: i64) -> Vec<(i64, i64)> {
        let under_way = self.since.map(|since| (since, latest.max(since)));
        self.open.iter().copied().chain(under_way).collect()
    }
}

/// The name of a node in the truth.
pub(super) fn node_name(topology: &Topology, node: Node) -> Arc<str> {
    match node {
        Node::Service(service) => Arc::clone(&topology.service(service).name),
        Node::Store(store) => Arc::from(topology.store(store).name),
        Node::External(external) => Arc::from(topology.external(external).host),
    }
}

fn service_of(topology: &Topology, entry: &EntryEnded) -> String {
    topology.service(topology.operation(entry.operation).service).name.to_string()
}

/// What was asked of whoever failed.
pub(super) fn asked(topology: &Topology, origin: Origin) -> String {
    match origin.asked {
        Work::Operation(_, operation) => topology.operation(operation).name.to_string(),
        Work::Query(query) => query.name(),
        Work::Peer(Node::External(external)) => {
            let external = topology.external(external);
            format!("{} {}", external.method, external.path)
        }
        Work::Peer(Node::Service(_) | Node::Store(_)) => String::new(),
    }
}

fn hex(trace: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(trace))
}
