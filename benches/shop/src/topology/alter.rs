//! Changes of a topology for a time: faults, and operations that do something else.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    model::{DataStoreId, ExternalId, Node, OperationId, ServiceId, Topology},
    pause,
    policy::{Call, Target},
    script::{Step, expected_calls, with_calls},
    timeline::Timeline,
};

/// What goes wrong with a service, a database, an outsider, an edge or the whole shop. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Computing, queries or answers take this many percent of the usual time.
    Latency { percent: u32 },
    /// So many requests in a million fail after all their work.
    Error { per_million: u32 },
    /// Connections are refused.
    Refuse,
    /// So many processes crash: what they do is lost, and requests still go to them and are refused.
    Crash { instances: usize },
    /// Only so many processes are there.
    Scale { instances: usize },
    /// So many workers a process.
    Pool { workers: u32 },
    /// So many percent of the usual requests from outside.
    Traffic { percent: u32 },
    /// Another version, a little slower, of which so many requests in a million fail.
    Deploy { per_million: u32 },
    /// The spans of so many requests in a thousand are not sent.
    Silence { per_mille: u32 },
    /// On the edge `caller->callee`, so many packets in a million are lost, of requests and of their answers; the callee
    /// may be a database or an outsider. Each request, and each answer, is one packet. A lost one is sent again after
    /// 200 ms, which doubles each time; after six times the connection is given up, which is a timeout. The time when a
    /// request is sent decides for its answer too.
    Loss { per_million: u32 },
    /// The processes of a service stand still for so long once per period, each at another time of it, as for garbage
    /// collection. A pause is at most nine tenths of the period. Has no effect without a length or a period, or while
    /// an earlier one still runs.
    Pause { length: i64, period: i64 },
    /// Of the queries of a database, so many in a thousand need one and the same lock, and run one after the other in
    /// the order in which they are sent: all of them for a locked table, some for a hot key. Whoever gives up before his turn
    /// comes does not take it; whoever gives up later leaves the lock.
    Lock { per_mille: u32 },
    /// Each further request that a process handles makes its computing take so many percent longer.
    Contention { percent: u32 },
    /// The clocks of the hosts of a service show so much more than the time, or less. Only telemetry tells. Durations are
    /// measured with another clock, as in [`Clocks`](crate::degrade::Clocks).
    Clock { ahead: i64 },
}

/// Deeper than any system calls; a circle ends here.
const DEEPEST: u32 = 16;
/// The version that [`Effect::Deploy`] deploys.
const BAD_VERSION: &str = "99.0.0-rc1";

impl Topology {
    /// Lets something go wrong with what has this name, whether it is a service, a database or an outsider. False if
    /// nobody has the name or the effect does not apply. [`Effect::Traffic`] needs no name.
    pub fn afflict(&mut self, name: &str, during: &Range<i64>, effect: Effect) -> bool {
        if let Effect::Traffic { percent } = effect {
            self.traffic.alter(during.start, during.end, |traffic| *traffic = percent);
            return true;
        }
        if let Effect::Loss { per_million } = effect {
            return self.lose_packets(name, during, per_million);
        }
        let Range { start, end } = *during;
        match (self.node_named(name), effect) {
            (Some(Node::Service(ServiceId(service))), Effect::Pause { length, period }) => {
                pause::add(&mut self.services[service].pauses, during, length, period)
            }
            (Some(Node::Service(_)), Effect::Lock { .. }) => false,
            (Some(Node::Service(service)), _) => {
                self.afflict_service(service, during, effect);
                true
            }
            (Some(Node::Store(DataStoreId(store))), Effect::Latency { percent }) => {
                self.stores[store].slow_percent.alter(start, end, |slow| *slow = percent);
                true
            }
            (Some(Node::Store(DataStoreId(store))), Effect::Lock { per_mille }) => {
                self.stores[store].locked_per_mille.alter(start, end, |locked| *locked = per_mille);
                true
            }
            (Some(Node::External(ExternalId(external))), Effect::Latency { percent }) => {
                self.externals[external].slow_percent.alter(start, end, |slow| *slow = percent);
                true
            }
            _ => false,
        }
    }

    fn lose_packets(&mut self, edge: &str, during: &Range<i64>, per_million: u32) -> bool {
        let ends = edge.split_once("->");
        let ends = ends.and_then(|(caller, callee)| Some((self.service_named(caller)?, self.node_named(callee)?)));
        let Some(ends) = ends else { return false };
        let losses = self.losses.entry(ends).or_insert_with(|| Timeline::always(0));
        losses.alter(during.start, during.end, |loss| *loss = per_million);
        true
    }

    /// Lets something go wrong with a service, as far as it is a matter of its own health.
    pub fn afflict_service(&mut self, service: ServiceId, during: &Range<i64>, effect: Effect) {
        self.services[service.0].health.alter(during.start, during.end, |health| match effect {
            Effect::Latency { percent } => health.slow_percent = percent,
            Effect::Error { per_million } => health.fails_per_million = per_million,
            Effect::Refuse => health.refuses = true,
            Effect::Crash { instances } => health.crashed = instances,
            Effect::Scale { instances } => health.instances = instances,
            Effect::Pool { workers } => health.workers = workers,
            Effect::Deploy { per_million } => {
                health.version = Some(BAD_VERSION);
                health.fails_per_million = per_million;
                health.slow_percent = health.slow_percent * 5 / 4;
            }
            Effect::Silence { per_mille } => health.silent_per_mille = per_mille,
            Effect::Contention { percent } => health.contention_percent = percent,
            Effect::Clock { ahead } => health.clock_ahead = ahead,
            Effect::Traffic { .. } | Effect::Loss { .. } | Effect::Pause { .. } | Effect::Lock { .. } => {}
        });
    }

    /// Lets an operation do something else for a time.
    pub fn rewrite(&mut self, operation: OperationId, during: &Range<i64>, rewrite: impl Fn(&[Step]) -> Vec<Step>) {
        let script = &mut self.operations[operation.0].script;
        script.alter(during.start, during.end, |script| *script = Arc::from(rewrite(script)));
    }

    /// Lets an operation do more for a time: these steps after all others.
    pub fn append(&mut self, operation: OperationId, during: &Range<i64>, steps: &[Step]) {
        self.rewrite(operation, during, |script| script.iter().chain(steps).cloned().collect());
    }

    /// Changes the calls of one service to another for a time.
    pub fn change_calls(
        &mut self,
        (caller, callee): (ServiceId, ServiceId),
        during: &Range<i64>,
        change: impl Fn(&mut Call),
    ) {
        let targets: Vec<OperationId> = self.operations_of(callee).collect();
        let callers: Vec<OperationId> = self.operations_of(caller).collect();
        for operation in callers {
            self.rewrite(operation, during, |script| {
                let mut change = |call: &mut Call| match call.target {
                    Target::Operation(target) if targets.contains(&target) => change(call),
                    Target::Operation(_) | Target::External(_) => {}
                };
                with_calls(script, &mut change).to_vec()
            });
        }
    }

    /// The services that a service calls at this time.
    pub fn callees(&self, service: ServiceId, time: i64) -> Vec<ServiceId> {
        let mut callees = Vec::new();
        for operation in self.operations_of(service) {
            for (call, _) in expected_calls(self.operation(operation).script_at(time)) {
                if let Target::Operation(target) = call.target {
                    callees.push(self.operation(target).service);
                }
            }
        }
        callees.sort_unstable();
        callees.dedup();
        callees
    }

    /// The services that a service calls at this time, by however many others in between.
    pub fn below(&self, service: ServiceId, time: i64) -> BTreeSet<ServiceId> {
        let mut below = BTreeSet::new();
        let mut todo = self.callees(service, time);
        while let Some(callee) = todo.pop() {
            if below.insert(callee) {
                todo.extend(self.callees(callee, time));
            }
        }
        below
    }

    /// How often each operation is asked for by a request from outside, on average, at this time. Messages are left
    /// out, and so are retries.
    pub fn demand(&self, time: i64) -> HashMap<OperationId, f64> {
        let all: u32 = self.entries.iter().map(|entry| entry.weight).sum();
        let mut demand: HashMap<OperationId, f64> = HashMap::new();
        let mut todo: Vec<(OperationId, f64, u32)> = Vec::new();
        for entry in &self.entries {
            todo.push((entry.operation, f64::from(entry.weight) / f64::from(all.max(1)), 0));
        }
        while let Some((operation, times, depth)) = todo.pop() {
            *demand.entry(operation).or_default() += times;
            if depth > DEEPEST {
                continue;
            }
            for (call, more) in expected_calls(self.operation(operation).script_at(time)) {
                if let Target::Operation(target) = call.target {
                    todo.push((target, times * more, depth + 1));
                }
            }
        }
        demand
    }

    /// How often one service calls another for a request from outside, on average, at this time.
    pub fn calls_between(&self, (caller, callee): (ServiceId, ServiceId), time: i64) -> f64 {
        let demand = self.demand(time);
        let mut calls = 0.0;
        for operation in self.operations_of(caller) {
            let asked = demand.get(&operation).copied().unwrap_or_default();
            for (call, times) in expected_calls(self.operation(operation).script_at(time)) {
                if matches!(call.target, Target::Operation(target) if self.operation(target).service == callee) {
                    calls += asked * times;
                }
            }
        }
        calls
    }

    /// The operations that one calls at this time, each as often as its script does.
    pub fn operations_called_by(&self, operation: OperationId, time: i64) -> Vec<OperationId> {
        let calls = expected_calls(self.operation(operation).script_at(time));
        let targets = calls.into_iter().filter_map(|(call, _)| match call.target {
            Target::Operation(target) => Some(target),
            Target::External(_) => None,
        });
        targets.collect()
    }

    /// The services that an operation calls at this time.
    pub fn called_by(&self, operation: OperationId, time: i64) -> Vec<ServiceId> {
        let targets = self.operations_called_by(operation, time);
        let mut services: Vec<ServiceId> = targets.into_iter().map(|target| self.operation(target).service).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// Whether a service is called, by however many others in between, when this operation is asked for.
    pub fn reaches(&self, operation: OperationId, service: ServiceId, time: i64) -> bool {
        self.reached(operation, time).iter().any(|(reached, _)| self.operation(*reached).service == service)
    }

    /// Most calls in a row from a request from outside to this operation; `None` if none leads there.
    pub fn depth_of(&self, operation: OperationId, time: i64) -> Option<u32> {
        let entries = self.entries.iter().flat_map(|entry| self.reached(entry.operation, time));
        entries.filter(|(reached, _)| *reached == operation).map(|(_, depth)| depth).max()
    }

    /// A database that a service uses, with one of its collections.
    pub fn collection_of(&self, service: ServiceId) -> Option<(DataStoreId, &'static str)> {
        self.collections_of(service).into_iter().next()
    }

    /// Whether a service uses a database that another one uses from the beginning, too.
    pub fn shares_database(&self, service: ServiceId) -> bool {
        let stores = |service| self.collections_of(service).into_iter().map(|(store, _)| store);
        let others = self.service_ids().filter(|other| *other != service);
        others.flat_map(stores).any(|store| stores(service).any(|own| own == store))
    }

    /// The databases that a service uses from the beginning, with their collections.
    fn collections_of(&self, service: ServiceId) -> Vec<(DataStoreId, &'static str)> {
        let mut collections = Vec::new();
        let mut todo: Vec<&[Step]> = Vec::new();
        for operation in self.operations_of(service) {
            todo.push(self.operation(operation).script.first());
        }
        while let Some(steps) = todo.pop() {
            for step in steps {
                match step {
                    Step::Query(query) if !query.collection.is_empty() => {
                        collections.push((query.store, query.collection));
                    }
                    other => todo.extend(other.parts().map(|steps| &**steps)),
                }
            }
        }
        collections
    }

    /// The operations that asking for this one leads to, itself among them, each with its distance.
    fn reached(&self, operation: OperationId, time: i64) -> Vec<(OperationId, u32)> {
        let mut reached = Vec::new();
        let mut todo = vec![(operation, 0)];
        while let Some((operation, depth)) = todo.pop() {
            if reached.contains(&(operation, depth)) || depth > DEEPEST {
                continue;
            }
            reached.push((operation, depth));
            for (call, _) in expected_calls(self.operation(operation).script_at(time)) {
                if let Target::Operation(target) = call.target {
                    todo.push((target, depth + 1));
                }
            }
        }
        reached
    }
}
