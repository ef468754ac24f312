//! What really happened, counted from the simulation itself and not from the telemetry it sent.
//!
//! A minute is the UTC minute in which a request or message arrived at the service (or, for an edge, in which the
//! caller began its first attempt), named by its first nanosecond since the Unix epoch.

mod conditions;
mod flows;
mod tables;

use std::{collections::BTreeMap, sync::Arc};

pub use conditions::{Expectation, Plan, effects};
pub use tables::{BreakerTruth, FindingKind, FindingTruth, OriginTruth, PathTruth, WasteTruth};

use flows::Flows;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Called, EdgeKind, Handled, Records},
    outcome::Outcome,
    topology::Topology,
};

/// Nanoseconds in a minute.
pub const MINUTE: i64 = 60_000_000_000;

/// Counts of everything that happened.
#[derive(Debug, Clone)]
pub struct Truth {
    topology: Arc<Topology>,
    totals: Totals,
    operations: BTreeMap<(i64, Arc<str>, Arc<str>), OperationCounts>,
    edges: BTreeMap<(i64, Arc<str>, Arc<str>, EdgeKind), EdgeCounts>,
    flows: Flows,
    plans: Vec<Plan>,
}

/// Counts over the whole run. Unlike those per minute they are never forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Spans sent.
    pub spans: u64,
    /// Log records sent.
    pub logs: u64,
    /// Metric data points sent.
    pub data_points: u64,
    /// Different trace ids.
    pub traces: u64,
    /// Requests and messages handled by services.
    pub requests: u64,
    /// Of these, how many failed.
    pub failures: u64,
}

#[derive(Debug, Clone, Default)]
struct OperationCounts {
    outcomes: BTreeMap<Outcome, u64>,
    durations: Vec<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct EdgeCounts {
    requests: u64,
    attempts: u64,
    failures: u64,
    timeouts: u64,
    rejected: u64,
    duration_sum: u64,
}

/// The truth in the form in which it is written and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthFile {
    /// Counts over the whole run.
    pub totals: Totals,
    /// One entry per minute, service and operation, in this order.
    pub operations: Vec<OperationTruth>,
    /// One entry per minute, source, target and kind, in this order.
    pub edges: Vec<EdgeTruth>,
    /// Conditions that held or nearly did, in order of their beginning.
    #[serde(default)]
    pub findings: Vec<FindingTruth>,
    /// One entry per failed entry request, in the order in which they ended.
    #[serde(default)]
    pub origins: Vec<OriginTruth>,
    /// One entry per entry request, in the order in which they ended.
    #[serde(default)]
    pub paths: Vec<PathTruth>,
    /// One entry per process and callee with a breaker that opened.
    #[serde(default)]
    pub breakers: Vec<BreakerTruth>,
    /// One entry per minute and service, in this order.
    #[serde(default)]
    pub waste: Vec<WasteTruth>,
}

/// What a service did for one operation in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationTruth {
    /// First nanosecond of the minute.
    pub minute_unix_nano: i64,
    /// `service.name`.
    pub service: String,
    /// Name of the operation.
    pub operation: String,
    /// Requests or messages that arrived.
    pub requests: u64,
    /// Of these, how many ended in a failure. A fault of the client is none.
    pub failures: u64,
    /// How many ended how.
    pub outcomes: BTreeMap<String, u64>,
    /// Sum of the durations, nanoseconds.
    pub duration_sum_ns: u64,
    /// All durations in ascending order, nanoseconds.
    pub durations_ns: Vec<u64>,
}

/// What went over an edge in one minute, as the caller saw it. For an asynchronous edge: as the consumer saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeTruth {
    /// First nanosecond of the minute.
    pub minute_unix_nano: i64,
    /// `service.name` of the caller.
    pub source: String,
    /// `service.name`, or the host name of a database, a cache or an outsider.
    pub target: String,
    /// How the source depends on the target.
    pub kind: EdgeKind,
    /// Logical calls, whatever the number of attempts; for messages, deliveries.
    pub requests: u64,
    /// Attempts.
    pub attempts: u64,
    /// Logical calls whose last attempt failed.
    pub failures: u64,
    /// Attempts that the caller stopped waiting for.
    #[serde(default)]
    pub timeouts: u64,
    /// Attempts that the caller's breaker or bulkhead turned away.
    #[serde(default)]
    pub rejected: u64,
    /// Sum of the times from the first attempt's start to the last one's end, nanoseconds.
    pub duration_sum_ns: u64,
}

impl Truth {
    /// Nothing has happened yet.
    pub fn new(topology: Arc<Topology>) -> Self {
        Self {
            topology,
            totals: Totals::default(),
            operations: BTreeMap::new(),
            edges: BTreeMap::new(),
            flows: Flows::default(),
            plans: Vec::new(),
        }
    }

    /// Adds a scenario that is going to run.
    pub fn expect(&mut self, plan: Plan) {
        self.plans.push(plan);
    }

    /// Counts over the whole run.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Counts what the simulation reported.
    pub fn observe(&mut self, records: &Records) {
        self.totals.spans += records.spans.len() as u64;
        self.totals.logs += records.logs.len() as u64;
        self.totals.traces += records.traces;
        for handled in &records.handled {
            self.handled(handled);
        }
        for called in &records.called {
            self.called(called);
        }
        self.flows.observe(records, &self.topology);
    }

    /// Counts metric data points.
    pub fn observe_data_points(&mut self, count: u64) {
        self.totals.data_points += count;
    }

    /// Forgets the minutes before `time`, which bounds the memory of a run without end. The totals stay.
    pub fn forget_before(&mut self, time: i64) {
        let first = minute_of(time);
        let oldest = self.operations.keys().map(|(minute, ..)| *minute).next();
        if oldest.is_none_or(|oldest| oldest >= first) {
            return;
        }
        self.flows.forget_before(first);
        let none: Arc<str> = Arc::from("");
        self.operations = self.operations.split_off(&(first, Arc::clone(&none), Arc::clone(&none)));
        self.edges = self.edges.split_off(&(first, Arc::clone(&none), none, EdgeKind::Sync));
    }

    /// The form in which it is written.
    pub fn to_file(&self) -> TruthFile {
        TruthFile {
            totals: self.totals,
            operations: self.operations.iter().map(|(key, counts)| counts.to_entry(key)).collect(),
            edges: self.edges.iter().map(|(key, counts)| counts.to_entry(key)).collect(),
            findings: self.findings(),
            origins: self.flows.origins(&self.topology),
            paths: self.flows.paths(&self.topology),
            breakers: self.flows.breakers(&self.topology),
            waste: self.flows.waste(&self.topology),
        }
    }

    fn handled(&mut self, handled: &Handled) {
        let outcome = Outcome::of(handled.fault);
        let operation = self.topology.operation(handled.operation);
        let service = &self.topology.service(operation.service).name;
        let key = (minute_of(handled.start), Arc::clone(service), Arc::clone(&operation.name));
        let counts = self.operations.entry(key).or_default();
        *counts.outcomes.entry(outcome).or_default() += 1;
        counts.durations.push((handled.end - handled.start) as u64);
        self.totals.requests += 1;
        self.totals.failures += u64::from(outcome.is_failure());
    }

    fn called(&mut self, called: &Called) {
        let source = Arc::clone(&self.topology.service(called.source).name);
        let target = flows::node_name(&self.topology, called.target);
        let counts = self.edges.entry((minute_of(called.start), source, target, called.kind)).or_default();
        counts.requests += 1;
        counts.attempts += u64::from(called.attempts);
        counts.failures += u64::from(Outcome::of(called.fault).is_failure());
        counts.timeouts += u64::from(called.timeouts);
        counts.rejected += u64::from(called.rejected);
        counts.duration_sum += (called.end - called.start) as u64;
    }
}

impl OperationCounts {
    fn to_entry(&self, (minute, service, operation): &(i64, Arc<str>, Arc<str>)) -> OperationTruth {
        let mut durations_ns = self.durations.clone();
        durations_ns.sort_unstable();
        let failed = self.outcomes.iter().filter(|(outcome, _)| outcome.is_failure());
        OperationTruth {
            minute_unix_nano: *minute,
            service: service.to_string(),
            operation: operation.to_string(),
            requests: durations_ns.len() as u64,
            failures: failed.map(|(_, count)| count).sum(),
            outcomes: self.outcomes.iter().map(|(outcome, count)| (outcome.as_str().to_owned(), *count)).collect(),
            duration_sum_ns: durations_ns.iter().sum(),
            durations_ns,
        }
    }
}

impl EdgeCounts {
    fn to_entry(self, (minute, source, target, kind): &(i64, Arc<str>, Arc<str>, EdgeKind)) -> EdgeTruth {
        EdgeTruth {
            minute_unix_nano: *minute,
            source: source.to_string(),
            target: target.to_string(),
            kind: *kind,
            requests: self.requests,
            attempts: self.attempts,
            failures: self.failures,
            timeouts: self.timeouts,
            rejected: self.rejected,
            duration_sum_ns: self.duration_sum,
        }
    }
}

/// First nanosecond of the UTC minute that `time` falls in.
pub fn minute_of(time: i64) -> i64 {
    time.div_euclid(MINUTE) * MINUTE
}
