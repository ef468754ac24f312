//! Who a call went to of which there is no server span: what the caller says, and what other calls to the same address
//! showed.

use crate::{
    context::{Context, Evidence, Node, NodeId, NodeKind},
    hash::{FastMap, FastSet},
    hops::{HopFlags, HopKind},
    span::{Peer, PeerId, Protocol, ServiceId},
    text::Text,
};

/// Calls of both sides that an address must have been seen with, and the share of them that must agree, percent.
const MIN_PAIRS: u32 = 20;
const MIN_AGREEMENT: u64 = 95;
/// Past this many calls all counts are halved, so that an address that moved is learned again.
const MAX_PAIRS: u32 = 4096;
const MAX_ADDRESSES: usize = 1 << 16;
const MAX_CALLEES: usize = 8;
const MAX_ANSWERS: usize = 1 << 16;
const MAX_MARKING: usize = 1 << 16;

/// Systems whose databases are caches.
const CACHES: [&str; 9] =
    ["redis", "valkey", "memcached", "keydb", "dragonfly", "garnet", "hazelcast", "ehcache", "aws.elasticache"];

/// Ports that say no more than the system does.
const DEFAULT_PORTS: [(&str, u16); 20] = [
    ("postgresql", 5432),
    ("cockroachdb", 26257),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("microsoft.sql_server", 1433),
    ("oracle.db", 1521),
    ("ibm.db2", 50000),
    ("mongodb", 27017),
    ("couchdb", 5984),
    ("cassandra", 9042),
    ("elasticsearch", 9200),
    ("opensearch", 9200),
    ("clickhouse", 9000),
    ("neo4j", 7687),
    ("influxdb", 8086),
    ("redis", 6379),
    ("valkey", 6379),
    ("keydb", 6379),
    ("memcached", 11211),
    ("hazelcast", 5701),
];

/// By what calls to one address are told: a gateway leads to several services by the path or RPC service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Address {
    caller: ServiceId,
    address: Text,
    port: u16,
    scope: Text,
}

impl Address {
    /// The address that was called, else the one that was connected to.
    fn of(caller: ServiceId, peer: &Peer) -> Option<Address> {
        let (address, port) = match peer.address.is_none() {
            true => (peer.network_address, peer.network_port),
            false => (peer.address, peer.port),
        };
        (!address.is_none()).then_some(Address { caller, address, port, scope: peer.scope })
    }
}

/// The services that an address led to.
#[derive(Debug, Clone, Default)]
struct Callees {
    total: u32,
    counts: Vec<(ServiceId, u32)>,
}

impl Callees {
    fn add(&mut self, callee: ServiceId) {
        if self.total >= MAX_PAIRS {
            self.total /= 2;
            self.counts.iter_mut().for_each(|(_, count)| *count /= 2);
            self.counts.retain(|(_, count)| *count > 0);
        }
        self.total += 1;
        match self.counts.iter().position(|(known, _)| *known == callee) {
            Some(known) => self.counts[known].1 += 1,
            None if self.counts.len() < MAX_CALLEES => self.counts.push((callee, 1)),
            None => {}
        }
    }

    fn accepted(&self) -> Option<ServiceId> {
        let (callee, count) = self.counts.iter().max_by_key(|(_, count)| *count)?;
        let agrees = u64::from(*count) * 100 >= u64::from(self.total) * MIN_AGREEMENT;
        (self.total >= MIN_PAIRS && agrees).then_some(*callee)
    }
}

/// Where a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callee {
    pub node: NodeId,
    pub kind: HopKind,
    pub flags: HopFlags,
}

/// What was learned of addresses from calls of both sides, and of callers from their calls. Belongs to the [`Context`] it is used with. A name is a
/// service's if that service has sent spans: those of a stretch of time are to be read before its hops are built.
#[derive(Debug, Clone, Default)]
pub struct PeerMap {
    learned: FastMap<Address, Callees>,
    by_name: FastMap<Text, Vec<ServiceId>>,
    /// Services of the context that `by_name` holds.
    indexed: usize,
    answers: FastMap<(ServiceId, PeerId), Callee>,
    /// Who says of calls that they are sent again, by protocol: clients of databases and of HTTP differ in that.
    marking: FastSet<(ServiceId, Protocol)>,
}

impl PeerMap {
    /// Learns that a call by `caller` to what `peer` says reached `callee`.
    pub fn learn(&mut self, caller: ServiceId, peer: &Peer, callee: ServiceId) {
        let Some(address) = Address::of(caller, peer).filter(|_| peer.protocol != Protocol::Database) else { return };
        if self.learned.len() >= MAX_ADDRESSES && !self.learned.contains_key(&address) {
            return;
        }
        let callees = self.learned.entry(address).or_default();
        let before = callees.accepted();
        callees.add(callee);
        if callees.accepted() != before {
            self.answers.clear();
        }
    }

    /// Learns that `caller` says of such calls when it sends them again.
    pub fn learn_marking(&mut self, caller: ServiceId, protocol: Protocol) {
        if self.marking.len() < MAX_MARKING {
            self.marking.insert((caller, protocol));
        }
    }

    /// Whether `caller` is known to say of such calls when it sends them again.
    pub fn marks(&self, caller: ServiceId, protocol: Protocol) -> bool {
        self.marking.contains(&(caller, protocol))
    }

    /// Where a call by `caller` went that has no server span.
    pub fn resolve(&mut self, caller: ServiceId, peer: PeerId, context: &mut Context) -> Callee {
        self.index(context);
        if let Some(callee) = self.answers.get(&(caller, peer)) {
            return *callee;
        }
        let said = *context.peer(peer);
        let callee = match said.protocol {
            Protocol::Database => database(caller, &said, context),
            _ => self.service(caller, &said, context),
        };
        if self.answers.len() >= MAX_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert((caller, peer), callee);
        callee
    }

    /// Bytes of memory held, roughly.
    pub fn size(&self) -> usize {
        self.learned.len() * (2 * size_of::<Address>() + size_of::<Callees>() + 32)
            + self.answers.len() * 64
            + self.marking.len() * 16
            + self.indexed * 48
    }

    fn index(&mut self, context: &Context) {
        if self.indexed == context.services().len() {
            return;
        }
        for service in context.services().skip(self.indexed) {
            self.by_name.entry(context.service(service).name).or_default().push(service);
            self.indexed += 1;
        }
        self.answers.clear();
    }

    /// In order of how sure it is: the name that the caller says, what was learned, the address, what was asked for.
    fn service(&self, caller: ServiceId, peer: &Peer, context: &mut Context) -> Callee {
        if !peer.service.is_none() {
            return self.named(caller, peer.service, peer.service_namespace, context);
        }
        let learned = Address::of(caller, peer).and_then(|address| self.learned.get(&address)?.accepted());
        if let Some(service) = learned {
            return sends_spans(service, HopFlags::LEARNED, context);
        }
        if !peer.address.is_none() {
            let (name, namespace) = host(peer.address, context);
            if let Some(service) = self.known(caller, name, namespace, context) {
                return sends_spans(service, HopFlags::default(), context);
            }
            let name = with_port(name, peer.port, &[0, 80, 443], context);
            return external(caller, name, namespace, context);
        }
        if peer.protocol == Protocol::Rpc && !peer.scope.is_none() {
            return external(caller, peer.scope, Text::NONE, context);
        }
        if !peer.network_address.is_none() {
            let name = with_port(peer.network_address, peer.network_port, &[0, 80, 443], context);
            return external(caller, name, Text::NONE, context);
        }
        let name = context.texts.intern(&format!("unknown:{}", peer.protocol.as_str()));
        external(caller, name, Text::NONE, context)
    }

    fn named(&self, caller: ServiceId, name: Text, namespace: Text, context: &mut Context) -> Callee {
        match self.known(caller, name, namespace, context) {
            Some(service) => sends_spans(service, HopFlags::default(), context),
            None => external(caller, name, namespace, context),
        }
    }

    /// The service of that name in the caller's environment which sends spans. Without a namespace, the one in the
    /// caller's goes first; a name that several namespaces have is nobody's.
    fn known(&self, caller: ServiceId, name: Text, namespace: Text, context: &Context) -> Option<ServiceId> {
        let own = context.service(caller);
        let mut found = None;
        let mut several = false;
        for service in self.by_name.get(&name)? {
            let candidate = context.service(*service);
            if candidate.environment != own.environment {
                continue;
            }
            if candidate.namespace == namespace.or(own.namespace) {
                return Some(*service);
            }
            several |= found.is_some();
            found = Some(*service);
        }
        found.filter(|_| !several)
    }
}

fn sends_spans(service: ServiceId, mut flags: HopFlags, context: &Context) -> Callee {
    flags.insert(HopFlags::SERVER_MISSING);
    Callee { node: context.service_node(service), kind: HopKind::Request, flags }
}

fn external(caller: ServiceId, name: Text, namespace: Text, context: &mut Context) -> Callee {
    let environment = context.service(caller).environment;
    let node = Node { kind: NodeKind::External, name, namespace, environment };
    Callee { node: context.add_node(node, Evidence::Attribute), kind: HopKind::External, flags: HopFlags::default() }
}

/// The instance of a database. Names of databases alone would make one of all that are called alike, so where there is
/// no address the node is what this one caller sees.
fn database(caller: ServiceId, peer: &Peer, context: &mut Context) -> Callee {
    let system = context.texts.get(peer.system).to_ascii_lowercase();
    let default_port = DEFAULT_PORTS.iter().find(|(known, _)| *known == system).map_or(0, |(_, port)| *port);
    let mut flags = HopFlags::default();
    let (name, namespace) = if !peer.address.is_none() {
        let (name, namespace) = host(peer.address, context);
        (with_port(name, peer.port, &[0, default_port], context), namespace)
    } else if !peer.network_address.is_none() {
        (with_port(peer.network_address, peer.network_port, &[0, default_port], context), Text::NONE)
    } else if !peer.service.is_none() {
        (peer.service, peer.service_namespace)
    } else {
        flags.insert(HopFlags::ADDRESS_UNKNOWN);
        let (schema, caller) = (context.texts.get(peer.namespace), context.service_name(caller));
        let slash = if schema.is_empty() { "" } else { "/" };
        let system = if system.is_empty() { "database" } else { &system };
        let name = format!("{system}{slash}{schema}@{caller}");
        (context.texts.intern(&name), Text::NONE)
    };
    let environment = context.service(caller).environment;
    let (node_kind, kind) = match CACHES.contains(&system.as_str()) {
        true => (NodeKind::Cache, HopKind::Cache),
        false => (NodeKind::Database, HopKind::Database),
    };
    let node = Node { kind: node_kind, name, namespace, environment };
    Callee { node: context.add_node(node, Evidence::Attribute), kind, flags }
}

/// A host's name and namespace. `cart.shop.svc.cluster.local` is `cart` in `shop`.
fn host(address: Text, context: &mut Context) -> (Text, Text) {
    let address = context.texts.get(address);
    let lower = address.trim_end_matches('.').to_ascii_lowercase();
    let folded = lower
        .find(".svc.")
        .or_else(|| lower.ends_with(".svc").then(|| lower.len() - 4))
        .and_then(|end| lower[..end].rsplit_once('.'));
    let (name, namespace) = folded.unwrap_or((lower.as_str(), ""));
    (context.texts.intern(name), context.texts.intern(namespace))
}

fn with_port(name: Text, port: u16, unsaid: &[u16], context: &mut Context) -> Text {
    if unsaid.contains(&port) {
        return name;
    }
    let name = context.texts.get(name);
    let name = if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
    context.texts.intern(&name)
}
