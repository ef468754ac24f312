//! Scenarios in which the system is built in another way.

use std::collections::BTreeSet;

use super::Scene;
use crate::{
    random::Latency,
    topology::{Call, DataStoreId, Endpoint, Language, OnFailure, OperationId, Query, ServiceId, Step, Target},
    truth::{Expectation, FindingKind},
};

/// Hops from the entry down to the end of a chain. One more than are too many, since gateways may not count.
const CHAIN_HOPS: u32 = 5;
const CHAIN: [&str; 4] = ["spelling", "dictionary", "synonyms", "stemmer"];
const DETAILS: [&str; 4] = [
    "shop.details.v1.DetailService/GetName",
    "shop.details.v1.DetailService/GetImages",
    "shop.details.v1.DetailService/GetReviews",
    "shop.details.v1.DetailService/GetTerms",
];
const EXTRAS: [&str; 12] = [
    "reviews",
    "wishlist",
    "banners",
    "loyalty",
    "currency",
    "nearby",
    "subscriptions",
    "experiments",
    "coupons",
    "gifts",
    "alerts",
    "ratings",
];
/// The databases of services that scenarios add.
const STORES: [(&str, &str); 19] = [
    ("spelling", "spelling-store"),
    ("dictionary", "dictionary-store"),
    ("synonyms", "synonyms-store"),
    ("stemmer", "stemmer-store"),
    ("promotions", "promotions-store"),
    ("tax", "tax-store"),
    ("history", "history-store"),
    ("reviews", "reviews-store"),
    ("wishlist", "wishlist-store"),
    ("banners", "banners-store"),
    ("loyalty", "loyalty-store"),
    ("currency", "currency-store"),
    ("nearby", "nearby-store"),
    ("subscriptions", "subscriptions-store"),
    ("experiments", "experiments-store"),
    ("coupons", "coupons-store"),
    ("gifts", "gifts-store"),
    ("alerts", "alerts-store"),
    ("ratings", "ratings-store"),
];

impl Scene<'_> {
    /// More services in a row behind the operation, which most of the time of the requests goes to.
    pub(super) fn sync_chain(&mut self) -> Vec<Expectation> {
        let depth = self.builder.topology().depth_of(self.place.operation, self.during.start).unwrap_or_default();
        let mut last: Option<(ServiceId, OperationId)> = None;
        let names = &CHAIN[..CHAIN_HOPS.saturating_sub(depth).clamp(1, CHAIN.len() as u32) as usize];
        for name in names.iter().rev() {
            let further = last.map(|(_, operation)| Step::Call(call(operation, 900)));
            let added = self.service(name, [Step::work(30_000, 60_000)].into_iter().chain(further).collect());
            last = Some(added);
        }
        let Some((_, first)) = last else { return Vec::new() };
        let longer = Step::Call(call(first, 1_200));
        let steps = if self.scenario.near_miss { [Step::sometimes(25, [longer])] } else { [longer] };
        self.builder.topology_mut().append(self.place.operation, &self.during, &steps);
        // They are never called without each other, nor perhaps is their caller.
        if let Some(first) = names.iter().min().map(|name| (*name).to_owned()) {
            for service in [self.caller().min(first.clone()), first] {
                let kind = FindingKind::DistributedMonolith;
                self.side_effects.push(Expectation { kind, service, target: None, operation: None });
            }
        }
        let target = names.last().map(|name| (*name).to_owned());
        let chain =
            |service| Expectation { kind: FindingKind::SyncChain, service, target: target.clone(), operation: None };
        self.chain_heads().into_iter().map(chain).collect()
    }

    /// Many calls to several operations of the callee, whatever the caller does.
    pub(super) fn chatty(&mut self) -> Vec<Expectation> {
        let times = self.scenario.either([4, 3, 4, 3], [2, 2, 2, 1]);
        let mut steps = Vec::new();
        for (method, times) in DETAILS.into_iter().zip(times) {
            let operation = self.operation_of_callee(method, (300, 1_200));
            steps.extend(std::iter::repeat_n(Step::Call(call(operation, 400)), times));
        }
        let operations: Vec<OperationId> = self.builder.topology().operations_of(self.place.caller).collect();
        for operation in operations {
            self.builder.topology_mut().append(operation, &self.during, &steps);
        }
        self.about_edge()
    }

    /// One call for each of a list, one after the other.
    pub(super) fn n_plus_one(&mut self) -> Vec<Expectation> {
        let item = self.operation_of_callee("shop.items.v1.ItemService/GetItem", (1_200, 3_500));
        let (from, to) = self.scenario.either((30, 42), (2, 4));
        let steps = [Step::repeat(from, to, [Step::Call(call(item, 300))])];
        self.builder.topology_mut().append(self.place.operation, &self.during, &steps);
        self.about_operation()
    }

    /// Both services write one collection, or only read it.
    pub(super) fn shared_db(&mut self) -> Vec<Expectation> {
        let used = self.builder.topology().collection_of(self.place.callee);
        let (store, collection) = used.unwrap_or_else(|| (self.store("shared-db", "postgresql"), "popularity"));
        let (operation, text) = self
            .scenario
            .either(("UPDATE", "UPDATE popularity SET views = views + 1"), ("SELECT", "SELECT views FROM popularity"));
        let query = Query {
            store,
            operation,
            collection,
            text,
            latency: Latency::micros(900, 5_000),
            timeout: 2_000_000_000,
            faults_per_million: 0,
            on_failure: OnFailure::GoOn,
        };
        for service in [self.place.caller, self.place.callee] {
            self.append_to(service, &[Step::sometimes(250, [Step::Query(query)])]);
        }
        let service = self.builder.topology().store(store).name.to_owned();
        let target = Some(collection.to_owned());
        vec![Expectation { kind: FindingKind::SharedDb, service, target, operation: None }]
    }

    /// The callee calls its caller, or somebody else whom the caller calls too.
    pub(super) fn cycle(&mut self) -> Vec<Expectation> {
        const METHOD: &str = "shop.history.v1.HistoryService/GetHistory";
        let back = if self.scenario.near_miss {
            let (_, operation) = self.service("history", vec![Step::work(2_500, 5_000)]);
            self.append_to(self.place.caller, &[Step::Call(call(operation, 300))]);
            operation
        } else {
            self.operation(self.place.caller, METHOD, vec![Step::work(300, 1_500)])
        };
        self.append_to_callee(&[Step::Call(call(back, 300))]);
        self.about(self.caller().min(self.callee()))
    }

    /// Many calls at once.
    pub(super) fn fanout_burst(&mut self) -> Vec<Expectation> {
        let part = self.operation_of_callee("shop.parts.v1.PartService/GetPart", (900, 4_000));
        let width = self.scenario.either(24, 8);
        let calls = std::iter::repeat_n(call(part, 500), width).collect();
        self.builder.topology_mut().append(self.place.operation, &self.during, &[Step::Together(calls)]);
        self.about_operation()
    }

    /// Two more services without which the callee never works, or rarely.
    pub(super) fn distributed_monolith(&mut self) -> Vec<Expectation> {
        for name in ["promotions", "tax"] {
            let (_, operation) = self.service(name, vec![Step::work(500, 2_500)]);
            let always = Step::Call(call(operation, 200));
            let steps = if self.scenario.near_miss { [Step::sometimes(850, [always])] } else { [always] };
            self.append_to_callee(&steps);
        }
        let mut members = [self.callee(), "promotions".to_owned(), "tax".to_owned()];
        members.sort();
        let [first, ..] = members;
        self.about(first)
    }

    /// A service of the callee's own that takes less time than calling it.
    pub(super) fn nanoservice(&mut self) -> Vec<Expectation> {
        let name = "rounding";
        let known = self.builder.topology().service_named(name);
        let service = known.unwrap_or_else(|| self.builder.service(name, "1.0.0", Language::Go, 9090, 2));
        let (method, work) = self.scenario.either(
            ("shop.rounding.v1.RoundingService/Round", Step::work(30, 200)),
            ("shop.rounding.v1.RoundingService/RoundAll", Step::work(1_100, 2_500)),
        );
        let operation = self.operation(service, method, vec![work]);
        self.append_to_callee(&[Step::Call(call(operation, 200))]);
        let target = Some(self.callee());
        vec![Expectation { kind: FindingKind::Nanoservice, service: name.to_owned(), target, operation: None }]
    }

    /// The caller calls ever more services for everything it does.
    pub(super) fn god_gateway(&mut self) -> Vec<Expectation> {
        for name in &EXTRAS[..self.scenario.either(EXTRAS.len(), 1)] {
            let (_, operation) = self.service(name, vec![Step::work(300, 1_500)]);
            self.append_to(self.place.caller, &[Step::sometimes(800, [Step::Call(call(operation, 300).optional())])]);
        }
        self.about(self.caller())
    }

    /// A finding about the operation that calls the callee.
    fn about_operation(&self) -> Vec<Expectation> {
        let operation = self.builder.topology().operation(self.place.operation).name.to_string();
        let (service, target) = (self.caller(), Some(self.callee()));
        vec![Expectation { kind: self.scenario.kind, service, target, operation: Some(operation) }]
    }

    /// The first services of chains from an entry to the place. A proxy passes on what it is asked, and is none.
    fn chain_heads(&self) -> BTreeSet<String> {
        let (topology, time) = (self.builder.topology(), self.during.start);
        let mut todo: Vec<OperationId> = topology.entries().iter().map(|entry| entry.operation).collect();
        let mut passed = BTreeSet::new();
        let mut heads = BTreeSet::new();
        while let Some(operation) = todo.pop() {
            if !topology.reaches(operation, self.place.caller, time) || !passed.insert(operation) {
                continue;
            }
            let service = topology.service(topology.operation(operation).service);
            if service.is_proxy() {
                todo.extend(topology.operations_called_by(operation, time));
            } else {
                heads.insert(service.name.to_string());
            }
        }
        heads
    }

    /// A service with a database of its own and one operation; the same one for the same name.
    fn service(&mut self, name: &'static str, mut steps: Vec<Step>) -> (ServiceId, OperationId) {
        const METHOD: &str = "shop.extra.v1.ExtraService/Get";
        let store = self.store(name, "redis");
        let read = Query {
            store,
            operation: "GET",
            collection: "",
            text: "GET ?",
            latency: Latency::micros(300, 1_500),
            timeout: 100_000_000,
            faults_per_million: 0,
            on_failure: OnFailure::GoOn,
        };
        steps.insert(0, Step::Query(read));
        let known = self.builder.topology().service_named(name);
        let service = known.unwrap_or_else(|| self.builder.service(name, "1.0.0", Language::Go, 9090, 2));
        (service, self.operation(service, METHOD, steps))
    }

    /// The database of a service; the same one for the same service.
    fn store(&mut self, service: &'static str, system: &'static str) -> DataStoreId {
        let name = STORES.iter().find(|(of, _)| *of == service).map_or(service, |(_, store)| store);
        let known = self.builder.topology().store_named(name);
        known.unwrap_or_else(|| self.builder.store(name, system, "0", 6379))
    }

    fn operation_of_callee(&mut self, method: &'static str, (p50, p99): (i64, i64)) -> OperationId {
        self.operation(self.place.callee, method, vec![Step::work(p50, p99)])
    }

    /// An operation of a service; the same one for the same name.
    fn operation(&mut self, service: ServiceId, method: &'static str, steps: Vec<Step>) -> OperationId {
        let known = self.builder.topology().operation_named(service, method);
        known.unwrap_or_else(|| self.builder.operation(service, Endpoint::Rpc { method }, &[], steps))
    }

    /// Lets every operation of the callee do more.
    pub(super) fn append_to_callee(&mut self, steps: &[Step]) {
        self.append_to(self.place.callee, steps);
    }

    /// Lets every operation do more that a service has been asked for so far.
    fn append_to(&mut self, service: ServiceId, steps: &[Step]) {
        let operations: Vec<OperationId> = self.builder.topology().operations_of(service).collect();
        let demand = self.builder.topology().demand(self.during.start);
        for operation in operations.into_iter().filter(|operation| demand.contains_key(operation)) {
            self.builder.topology_mut().append(operation, &self.during, steps);
        }
    }
}

fn call(operation: OperationId, timeout_millis: i64) -> Call {
    Call::to(Target::Operation(operation), timeout_millis)
}
