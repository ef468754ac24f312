//! Services, stores, topics and their instances.

use std::{collections::HashMap, net::Ipv4Addr, ops::Range, sync::Arc};

use super::{pause::Pauses, script::Script, timeline::Timeline};
use crate::{outcome::Fault, random::Latency};

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) usize);
    };
}

index_type!(
    /// A service of a topology.
    ServiceId
);
index_type!(
    /// An operation of a service.
    OperationId
);
index_type!(
    /// A running process of a service.
    InstanceId
);
index_type!(
    /// A database or cache.
    DataStoreId
);
index_type!(
    /// A topic of the queue.
    TopicId
);
index_type!(
    /// Somebody outside who sends no telemetry.
    ExternalId
);

impl InstanceId {
    /// Position among all instances of the topology.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Something that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A service of the shop.
    Service(ServiceId),
    /// A database or cache.
    Store(DataStoreId),
    /// Somebody who sends no telemetry.
    External(ExternalId),
}

/// The whole system. Built by [`Builder`](super::Builder); an id is only good for the topology it came from.
#[derive(Debug)]
pub struct Topology {
    pub(super) services: Vec<Service>,
    pub(super) operations: Vec<Operation>,
    pub(super) instances: Vec<Instance>,
    pub(super) stores: Vec<DataStore>,
    pub(super) topics: Vec<Topic>,
    pub(super) externals: Vec<External>,
    pub(super) entries: Vec<Entry>,
    /// Arrivals from outside, in percent of the usual rate.
    pub(super) traffic: Timeline<u32>,
    /// Packets lost on an edge, in millionths.
    pub(super) losses: HashMap<(ServiceId, Node), Timeline<u32>>,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// `service.name`, which is also the host name others call it by.
    pub name: Arc<str>,
    /// `service.version`.
    pub version: &'static str,
    /// What it is written in, which decides SDK and instrumentation names.
    pub language: Language,
    /// Which attribute names its instrumentation knows.
    pub conventions: Conventions,
    /// The port it listens on.
    pub port: u16,
    /// Whether its spans carry the `x-request-id` header.
    pub records_request_id: bool,
    /// Requests that wait for a worker in one process at most; further ones are turned away.
    pub queue: u32,
    pub(super) instances: Vec<InstanceId>,
    pub(super) health: Timeline<Health>,
    pub(super) pauses: Vec<Pauses>,
}

impl Service {
    /// All processes there ever are; at least one.
    pub fn instances(&self) -> &[InstanceId] {
        &self.instances
    }

    /// Whether it only passes on what it is asked.
    pub fn is_proxy(&self) -> bool {
        self.language == Language::Cpp
    }

    /// The processes that requests are given to at this time; at least one.
    pub fn instances_at(&self, time: i64) -> &[InstanceId] {
        let count = self.health_at(time).instances.clamp(1, self.instances.len());
        &self.instances[..count]
    }

    /// Whether a process, which is one of the service's, is there at this time.
    pub fn is_up(&self, instance: InstanceId, time: i64) -> bool {
        let alive = self.instances_at(time);
        let crashed = self.health_at(time).crashed.min(alive.len());
        alive[..alive.len() - crashed].contains(&instance)
    }

    /// When the service begins to do better or worse, and how.
    pub fn health_changes(&self) -> impl Iterator<Item = (i64, &Health)> {
        self.health.changes()
    }

    /// How the service does at this time.
    pub fn health_at(&self, time: i64) -> &Health {
        self.health.at(time)
    }

    /// Whether its processes ever stand still.
    pub fn pauses(&self) -> bool {
        !self.pauses.is_empty()
    }

    /// The next time, or this one, at which one of its processes stands still.
    pub fn next_pause(&self, instance: InstanceId, time: i64) -> Option<Range<i64>> {
        let place = self.instances.iter().position(|other| *other == instance)?;
        let next = self.pauses.iter().filter_map(|pauses| pauses.next((place, self.instances.len()), time));
        next.min_by_key(|pause| pause.start)
    }

    /// What the clocks of its hosts show at this time, but nothing before the epoch.
    pub fn shown(&self, time: i64) -> i64 {
        time.saturating_add(self.health_at(time).clock_ahead).max(0)
    }
}

/// How a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// How long own computing takes, in percent of the usual time.
    pub slow_percent: u32,
    /// How much longer it takes, in percent, for each other request that the process handles.
    pub contention_percent: u32,
    /// Requests that fail after all their work, in millionths.
    pub fails_per_million: u32,
    /// Whether connections are refused.
    pub refuses: bool,
    /// How many of the processes are there.
    pub instances: usize,
    /// How many of these, the last ones, have crashed: requests still go to them and are refused.
    pub crashed: usize,
    /// Requests that one process handles at once.
    pub workers: u32,
    /// `service.version`, where another one than usual is deployed.
    pub version: Option<&'static str>,
    /// Requests whose spans the service does not send, in thousandths.
    pub silent_per_mille: u32,
    /// How much later than it is the clocks of its hosts show, nanoseconds.
    pub clock_ahead: i64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            slow_percent: 100,
            contention_percent: 0,
            fails_per_million: 0,
            refuses: false,
            instances: usize::MAX,
            crashed: 0,
            workers: 32,
            version: None,
            silent_per_mille: 0,
            clock_ahead: 0,
        }
    }
}

/// A running process.
#[derive(Debug)]
pub struct Instance {
    /// What it is an instance of.
    pub service: ServiceId,
    /// `service.instance.id`.
    pub id: String,
    /// `host.name`.
    pub host: String,
    /// Its network address.
    pub address: Ipv4Addr,
    /// Its process id.
    pub process_id: i64,
}

/// What a service is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C++ (a proxy).
    Cpp,
    /// C#.
    Dotnet,
    /// Go.
    Go,
    /// Java.
    Java,
    /// JavaScript on Node.
    Node,
    /// Python.
    Python,
}

/// Which names of the semantic conventions an instrumentation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conventions {
    /// The stable names.
    Current,
    /// The names before the HTTP, database and RPC conventions became stable.
    Old,
}

/// Something a service can be asked to do.
#[derive(Debug)]
pub struct Operation {
    /// Whose operation it is.
    pub service: ServiceId,
    /// How it is called.
    pub endpoint: Endpoint,
    /// The name it is counted under.
    pub name: Arc<str>,
    /// What goes wrong by itself, with probabilities in millionths.
    pub faults: &'static [(Fault, u32)],
    pub(super) script: Timeline<Script>,
}

impl Operation {
    /// What it does when it is called at this time.
    pub fn script_at(&self, time: i64) -> &Script {
        self.script.at(time)
    }
}

/// How an operation is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// By HTTP.
    Http { method: &'static str, route: &'static str },
    /// By gRPC; the fully qualified method.
    Rpc { method: &'static str },
    /// By a message of a topic.
    Consume { topic: TopicId, group: &'static str },
}

/// A database or a cache.
#[derive(Debug)]
pub struct DataStore {
    /// The host name, which is also its name in the truth.
    pub name: &'static str,
    /// `db.system.name`.
    pub system: &'static str,
    /// `db.namespace`.
    pub namespace: &'static str,
    /// The port it listens on.
    pub port: u16,
    /// Its network address.
    pub address: Ipv4Addr,
    /// How long queries take, in percent of the usual time.
    pub slow_percent: Timeline<u32>,
    /// Queries that need one lock, in thousandths.
    pub locked_per_mille: Timeline<u32>,
}

/// A topic of the queue.
#[derive(Debug)]
pub struct Topic {
    /// `messaging.destination.name`.
    pub name: &'static str,
    /// Host name of the broker.
    pub broker: &'static str,
    /// How many partitions it has.
    pub partitions: u32,
    /// How long the broker takes to acknowledge a message.
    pub acknowledge: Latency,
    pub(super) consumers: Vec<Consumer>,
}

impl Topic {
    /// Who gets every message.
    pub fn consumers(&self) -> &[Consumer] {
        &self.consumers
    }
}

/// A consumer group of a topic.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// What handles a message.
    pub operation: OperationId,
    /// Whether handling starts a trace of its own. Either way the span links to the producer's.
    pub own_trace: bool,
    /// How long a message waits.
    pub lag: Latency,
    /// Most messages that are handled at once. If more than one, those of a partition that came while the first of them
    /// waited, in a trace of their own.
    pub batch: u32,
}

/// Somebody outside, called by HTTP.
#[derive(Debug)]
pub struct External {
    /// The host name, which is also its name in the truth.
    pub host: &'static str,
    /// Request method.
    pub method: &'static str,
    /// Request path.
    pub path: &'static str,
    /// How long it takes to answer.
    pub latency: Latency,
    /// What goes wrong, with probabilities in millionths.
    pub faults: &'static [(Fault, u32)],
    /// How long it takes, in percent of the usual time.
    pub slow_percent: Timeline<u32>,
}

/// A kind of request from outside.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What is asked for.
    pub operation: OperationId,
    /// How often, relative to the others.
    pub weight: u32,
}

impl Topology {
    /// All services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// All operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// All running processes, in the order of their [`InstanceId::index`].
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The ids of all running processes.
    pub fn instance_ids(&self) -> impl Iterator<Item = InstanceId> + use<> {
        (0..self.instances.len()).map(InstanceId)
    }

    /// The kinds of requests from outside.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The ids of all services.
    pub fn service_ids(&self) -> impl Iterator<Item = ServiceId> + use<> {
        (0..self.services.len()).map(ServiceId)
    }

    /// The ids of the operations of a service.
    pub fn operations_of(&self, service: ServiceId) -> impl Iterator<Item = OperationId> + '_ {
        (0..self.operations.len()).map(OperationId).filter(move |id| self.operation(*id).service == service)
    }

    /// The service of this name.
    pub fn service_named(&self, name: &str) -> Option<ServiceId> {
        self.service_ids().find(|id| &*self.service(*id).name == name)
    }

    /// The database or cache of this name.
    pub fn store_named(&self, name: &str) -> Option<DataStoreId> {
        (0..self.stores.len()).map(DataStoreId).find(|id| self.store(*id).name == name)
    }

    /// The outsider of this name.
    pub fn external_named(&self, name: &str) -> Option<ExternalId> {
        (0..self.externals.len()).map(ExternalId).find(|id| self.external(*id).host == name)
    }

    /// An operation of a service by its name.
    pub fn operation_named(&self, service: ServiceId, name: &str) -> Option<OperationId> {
        self.operations_of(service).find(|id| &*self.operation(*id).name == name)
    }

    /// Arrivals from outside at this time, in percent of the usual rate.
    pub fn traffic_at(&self, time: i64) -> u32 {
        *self.traffic.at(time)
    }

    /// Packets lost between a service and whom it calls at this time, in millionths.
    pub fn loss_at(&self, caller: ServiceId, callee: Node, time: i64) -> u32 {
        self.losses.get(&(caller, callee)).map_or(0, |loss| *loss.at(time))
    }

    /// The service, database or outsider of this name.
    pub fn node_named(&self, name: &str) -> Option<Node> {
        let service = self.service_named(name).map(Node::Service);
        let store = || self.store_named(name).map(Node::Store);
        service.or_else(store).or_else(|| self.external_named(name).map(Node::External))
    }

    /// The service with this id.
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.services[id.0]
    }

    /// The operation with this id.
    pub fn operation(&self, id: OperationId) -> &Operation {
        &self.operations[id.0]
    }

    /// The process with this id.
    pub fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.0]
    }

    /// The service that a process belongs to.
    pub fn service_of(&self, id: InstanceId) -> &Service {
        self.service(self.instance(id).service)
    }

    /// The database or cache with this id.
    pub fn store(&self, id: DataStoreId) -> &DataStore {
        &self.stores[id.0]
    }

    /// The topic with this id.
    pub fn topic(&self, id: TopicId) -> &Topic {
        &self.topics[id.0]
    }

    /// The outsider with this id.
    pub fn external(&self, id: ExternalId) -> &External {
        &self.externals[id.0]
    }
}
