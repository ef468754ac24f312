//! What the spans of an analysis have in common, by number.

use std::hash::Hash;

use crate::{
    hash::FastMap,
    span::{Peer, PeerId, Resource, ResourceId, Service, ServiceId},
    text::{Text, Texts},
};

/// What a node of the service graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    Service,
    Database,
    Cache,
    /// A topic or queue.
    Topic,
    /// Somebody who sends no telemetry.
    External,
    /// Whoever called an entry: browsers, jobs, the internet.
    Client,
    Gateway,
}

impl NodeKind {
    /// The text in `source_kind` and `target_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Service => "service",
            NodeKind::Database => "database",
            NodeKind::Cache => "cache",
            NodeKind::Topic => "topic",
            NodeKind::External => "external",
            NodeKind::Client => "client",
            NodeKind::Gateway => "gateway",
        }
    }
}

/// How a node is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// It sent spans of its own.
    Spans,
    /// A gateway's or mesh's records name it.
    Records,
    /// An attribute of the caller's span names it.
    Attribute,
    /// Other calls to the same address reached it.
    Learned,
    /// Spans name a parent that is not there.
    Orphan,
}

impl Evidence {
    /// The text in `evidence`.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::Spans => "spans",
            Evidence::Records => "records",
            Evidence::Attribute => "attribute",
            Evidence::Learned => "learned",
            Evidence::Orphan => "orphan",
        }
    }
}

/// Number of a [`Node`] in a [`Context`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A node of the service graph. Two nodes are the same if all but their evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    pub kind: NodeKind,
    pub name: Text,
    /// `service.namespace`.
    pub namespace: Text,
    /// `deployment.environment.name`.
    pub environment: Text,
}

/// Things by number; equal things have one number.
#[derive(Debug, Clone)]
pub struct Numbered<T> {
    numbers: FastMap<T, u32>,
    things: Vec<T>,
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    /// The number of `thing`, or of the first one when there are too many.
    pub fn number(&mut self, thing: T) -> u32 {
        if let Some(number) = self.numbers.get(&thing) {
            return *number;
        }
        if self.things.len() >= MAX_THINGS {
            return 0;
        }
        let number = self.things.len() as u32;
        self.things.push(thing);
        self.numbers.insert(thing, number);
        number
    }

    pub fn get(&self, number: u32) -> &T {
        &self.things[number as usize]
    }

    pub fn len(&self) -> usize {
        self.things.len()
    }

    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.things.iter()
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: FastMap::default(), things: Vec::new() }
    }
}

/// Bounds the memory of hostile input; a system of 10,000 services needs a fraction.
const MAX_THINGS: usize = 1 << 18;
const MAX_TEXT_BYTES: usize = 48 << 20;

/// Texts, services, processes, peers and nodes. Numbers are of use within one context only.
#[derive(Debug, Clone)]
pub struct Context {
    pub texts: Texts,
    services: Numbered<Service>,
    resources: Numbered<Resource>,
    peers: Numbered<Peer>,
    nodes: Numbered<Node>,
    service_nodes: Vec<NodeId>,
    /// By node, the service that it is.
    node_services: Vec<Option<ServiceId>>,
    evidence: Vec<Evidence>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    pub fn new() -> Self {
        let mut context = Self {
            texts: Texts::new(MAX_TEXT_BYTES),
            services: Numbered::default(),
            resources: Numbered::default(),
            peers: Numbered::default(),
            nodes: Numbered::default(),
            service_nodes: Vec::new(),
            node_services: Vec::new(),
            evidence: Vec::new(),
        };
        context.add_peer(Peer::default());
        // What things become when there are too many of them.
        let overflow = Service { namespace: Text::NONE, name: Text::OTHER, environment: Text::NONE };
        let service = context.add_service(overflow);
        context.add_resource(Resource {
            service,
            instance: Text::OTHER,
            host: Text::OTHER,
            zone: Text::NONE,
            version: Text::NONE,
            criticality: Text::NONE,
        });
        context
    }

    /// The number of a service that sends spans.
    pub fn add_service(&mut self, service: Service) -> ServiceId {
        self.know_service(service, Evidence::Spans)
    }

    /// The number of a service, however it is known.
    pub fn know_service(&mut self, service: Service, evidence: Evidence) -> ServiceId {
        let id = ServiceId(self.services.number(service));
        let Service { namespace, name, environment } = service;
        let node = self.add_node(Node { kind: NodeKind::Service, name, namespace, environment }, evidence);
        if id.0 as usize == self.service_nodes.len() {
            self.service_nodes.push(node);
            self.node_services[node.0 as usize].get_or_insert(id);
        }
        id
    }

    pub fn service(&self, service: ServiceId) -> &Service {
        self.services.get(service.0)
    }

    pub fn service_name(&self, service: ServiceId) -> &str {
        self.texts.get(self.service(service).name)
    }

    pub fn services(&self) -> impl ExactSizeIterator<Item = ServiceId> + use<> {
        (0..self.services.len() as u32).map(ServiceId)
    }

    /// A service by its name, whatever its namespace and environment.
    pub fn service_named(&self, name: &str) -> Option<ServiceId> {
        let name = self.texts.find(name)?;
        self.services().find(|service| self.service(*service).name == name)
    }

    pub fn add_resource(&mut self, resource: Resource) -> ResourceId {
        ResourceId(self.resources.number(resource))
    }

    pub fn resource(&self, resource: ResourceId) -> &Resource {
        self.resources.get(resource.0)
    }

    pub fn add_peer(&mut self, peer: Peer) -> PeerId {
        PeerId(self.peers.number(peer))
    }

    pub fn peer(&self, peer: PeerId) -> &Peer {
        self.peers.get(peer.0)
    }

    /// The number of a node. Spans of its own are better evidence than anything else, and so on in the order of
    /// [`Evidence`].
    pub fn add_node(&mut self, node: Node, evidence: Evidence) -> NodeId {
        let id = NodeId(self.nodes.number(node));
        match self.evidence.get_mut(id.0 as usize) {
            Some(known) => *known = (*known).min(evidence),
            None => {
                self.evidence.push(evidence);
                self.node_services.push(None);
            }
        }
        id
    }

    pub fn node(&self, node: NodeId) -> &Node {
        self.nodes.get(node.0)
    }

    pub fn node_name(&self, node: NodeId) -> &str {
        self.texts.get(self.node(node).name)
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub fn evidence(&self, node: NodeId) -> Evidence {
        self.evidence[node.0 as usize]
    }

    pub fn service_node(&self, service: ServiceId) -> NodeId {
        self.service_nodes[service.0 as usize]
    }

    /// The service that a node is, if it is one.
    pub fn node_service(&self, node: NodeId) -> Option<ServiceId> {
        self.node_services[node.0 as usize]
    }

    /// Bytes of memory held, roughly.
    pub fn size(&self) -> usize {
        self.texts.size()
            + self.services.len() * 3 * size_of::<Service>()
            + self.resources.len() * 3 * size_of::<Resource>()
            + self.peers.len() * 3 * size_of::<Peer>()
            + self.nodes.len() * 3 * size_of::<Node>()
    }
}
