//! Changes of a topology for a time: faults, and operations that do something else.

use std::{collections::HashMap, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    model::{DataStoreId, ExternalId, OperationId, ServiceId, Topology},
    policy::{Call, Target},
    script::{Step, expected_calls, with_calls},
};

/// What goes wrong with a service, a database, an outsider or the whole shop.
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
        if let Some(service) = self.service_named(name) {
            self.afflict_service(service, during, effect);
            return true;
        }
        let Effect::Latency { percent } = effect else { return false };
        if let Some(DataStoreId(store)) = self.store_named(name) {
            self.stores[store].slow_percent.alter(during.start, during.end, |slow| *slow = percent);
            return true;
        }
        let Some(ExternalId(external)) = self.external_named(name) else { return false };
        self.externals[external].slow_percent.alter(during.start, during.end, |slow| *slow = percent);
        true
    }

    /// Lets something go wrong with a service.
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
            Effect::Traffic { .. } => {}
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
        let mut todo: Vec<&[Step]> = Vec::new();
        for operation in self.operations_of(service) {
            todo.push(self.operation(operation).script.first());
        }
        while let Some(steps) = todo.pop() {
            for step in steps {
                match step {
                    Step::Query(query) if !query.collection.is_empty() => {
                        return Some((query.store, query.collection));
                    }
                    Step::Sometimes { steps, .. } | Step::Repeat { steps, .. } => todo.push(steps),
                    _ => {}
                }
            }
        }
        None
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
