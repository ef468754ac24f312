//! Building a topology: callees first, so that every reference is to something that exists.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use super::{
    model::{
        Consumer, Conventions, DataStore, DataStoreId, Endpoint, Entry, External, ExternalId, Health, Instance,
        InstanceId, Language, Operation, OperationId, Service, ServiceId, Topic, TopicId, Topology,
    },
    script::Step,
    timeline::Timeline,
};
use crate::{
    outcome::Fault,
    random::{Latency, mix},
    text::uuid_text,
};

/// Requests that wait for a worker of a process at most.
const QUEUE: u32 = 128;

/// Collects the parts of a [`Topology`].
#[derive(Debug)]
pub struct Builder {
    topology: Topology,
    instances_per_service: Option<u32>,
}

impl Builder {
    /// With a number the services have that many instances each, whatever they ask for.
    pub fn new(instances_per_service: Option<u32>) -> Self {
        let topology = Topology {
            services: Vec::new(),
            operations: Vec::new(),
            instances: Vec::new(),
            stores: Vec::new(),
            topics: Vec::new(),
            externals: Vec::new(),
            entries: Vec::new(),
            traffic: Timeline::always(100),
            losses: HashMap::new(),
        };
        Self { topology, instances_per_service }
    }

    /// Adds to a topology that exists.
    pub fn resume(topology: Topology) -> Self {
        Self { topology, instances_per_service: None }
    }

    /// A service with current conventions.
    pub fn service(
        &mut self,
        name: &'static str,
        version: &'static str,
        language: Language,
        port: u16,
        instances: u32,
    ) -> ServiceId {
        let id = ServiceId(self.topology.services.len());
        let count = self.instances_per_service.unwrap_or(instances).max(1);
        let instances = (0..count).map(|number| self.instance(id, name, number)).collect();
        self.topology.services.push(Service {
            name: Arc::from(name),
            version,
            language,
            conventions: Conventions::Current,
            port,
            records_request_id: false,
            queue: QUEUE,
            instances,
            health: Timeline::always(Health::default()),
            pauses: Vec::new(),
        });
        id
    }

    /// Makes a service emit the old attribute names.
    pub fn old_conventions(&mut self, service: ServiceId) {
        self.topology.services[service.0].conventions = Conventions::Old;
    }

    /// Makes a service record the `x-request-id` header.
    pub fn records_request_id(&mut self, service: ServiceId) {
        self.topology.services[service.0].records_request_id = true;
    }

    /// An operation.
    pub fn operation(
        &mut self,
        service: ServiceId,
        endpoint: Endpoint,
        faults: &'static [(Fault, u32)],
        steps: Vec<Step>,
    ) -> OperationId {
        let id = OperationId(self.topology.operations.len());
        let name = match endpoint {
            Endpoint::Http { method, route } => format!("{method} {route}"),
            Endpoint::Rpc { method } => method.to_owned(),
            Endpoint::Consume { topic, .. } => format!("process {}", self.topology.topic(topic).name),
        };
        self.topology.operations.push(Operation {
            service,
            endpoint,
            name: Arc::from(name),
            faults,
            script: Timeline::always(Arc::from(steps)),
        });
        id
    }

    /// A database or a cache.
    pub fn store(
        &mut self,
        name: &'static str,
        system: &'static str,
        namespace: &'static str,
        port: u16,
    ) -> DataStoreId {
        let id = DataStoreId(self.topology.stores.len());
        let address = Ipv4Addr::new(10, 96, 0, last_octet(id.0));
        self.topology.stores.push(DataStore {
            name,
            system,
            namespace,
            port,
            address,
            slow_percent: Timeline::always(100),
            locked_per_mille: Timeline::always(0),
        });
        id
    }

    /// A topic.
    pub fn topic(
        &mut self,
        name: &'static str,
        broker: &'static str,
        partitions: u32,
        acknowledge: Latency,
    ) -> TopicId {
        let id = TopicId(self.topology.topics.len());
        self.topology.topics.push(Topic { name, broker, partitions, acknowledge, consumers: Vec::new() });
        id
    }

    /// Lets an operation handle every message of a topic.
    pub fn subscribe(&mut self, topic: TopicId, consumer: Consumer) {
        self.topology.topics[topic.0].consumers.push(consumer);
    }

    /// Somebody outside.
    pub fn external(&mut self, external: External) -> ExternalId {
        let id = ExternalId(self.topology.externals.len());
        self.topology.externals.push(external);
        id
    }

    /// A kind of request from outside.
    pub fn entry(&mut self, operation: OperationId, weight: u32) {
        self.topology.entries.push(Entry { operation, weight });
    }

    /// What has been built so far.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What has been built so far, to be changed.
    pub fn topology_mut(&mut self) -> &mut Topology {
        &mut self.topology
    }

    /// The topology.
    pub fn finish(self) -> Topology {
        self.topology
    }

    fn instance(&mut self, service: ServiceId, name: &str, number: u32) -> InstanceId {
        let id = InstanceId(self.topology.instances.len());
        let (high, low) = (mix(id.0 as u64 + 1), mix(id.0 as u64 + 0x5_0000));
        self.topology.instances.push(Instance {
            service,
            id: uuid_text(high, low),
            host: format!("{name}-{:08x}-{number}", mix(service.0 as u64 + 0x7000) as u32),
            address: Ipv4Addr::new(10, 42, last_octet(service.0), last_octet(number as usize + 9)),
            process_id: (high % 30_000) as i64 + 100,
        });
        id
    }
}

fn last_octet(number: usize) -> u8 {
    (number % 250 + 1) as u8
}
