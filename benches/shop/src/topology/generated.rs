//! Systems made from a seed, to judge rules by what they were not made for.
//!
//! They are as well made as the usual shop, but for what their [`Shape`] is about: every service has a database of its own
//! and several processes, no chain has more than three calls, callers wait longer than those they call.

mod graph;

use std::collections::HashMap;

use graph::{Child, MOST, Node, nodes};
pub use graph::{Histogram, Shape};

use super::{
    build::Builder,
    model::{Consumer, DataStoreId, Endpoint, Language, OperationId, ServiceId, TopicId, Topology},
    policy::{Call, OnFailure, Target},
    script::{Query, Step},
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
};

/// The names of a service, of its database and of its topic.
struct Names {
    service: &'static str,
    database: &'static str,
    topic: &'static str,
}

macro_rules! names {
    ($($name:literal)*) => {
        [$(Names { service: $name, database: concat!($name, "-db"), topic: concat!($name, "-events") }),*]
    };
}

const NAMES: [Names; MOST] = names! {
    "atlas" "birch" "cobalt" "delta" "ember" "falcon" "garnet" "harbor" "indigo" "juniper" "krypton" "lagoon" "maple"
    "nimbus" "onyx" "prairie" "quartz" "raven" "sierra" "tundra" "umber" "violet" "willow" "zephyr"
};
const COLLECTIONS: [&str; 4] = ["items", "accounts", "documents", "records"];
const ROUTES: [&str; 4] = ["/api/alpha", "/api/beta/{id}", "/api/gamma", "/api/omega/{id}"];
const METHODS: [(&str, &str); 2] = [("gen.v1.Service/Get", "/get"), ("gen.v1.Service/List", "/list")];
const LANGUAGES: [Language; 5] = [Language::Go, Language::Java, Language::Node, Language::Python, Language::Dotnet];
/// How long callers wait, by the number of calls above them; milliseconds.
const TIMEOUTS: [i64; 6] = [4_000, 2_500, 1_500, 900, 600, 400];

/// A system of this shape. The same seed makes the same system.
pub fn generated(seed: u64, shape: Shape, instances_per_service: Option<u32>) -> Topology {
    let mut dice = Dice::new(seed, 0);
    let mut order: Vec<usize> = (0..NAMES.len()).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, dice.below(index as u64 + 1) as usize);
    }
    let nodes = nodes(shape, &mut dice);
    let builder = Builder::new(instances_per_service);
    let operations = vec![Vec::new(); nodes.len()];
    let (services, topics) = (HashMap::new(), HashMap::new());
    let mut maker = Maker { shape, builder, dice, order, services, topics, shared: None, operations };
    if shape == Shape::Messaging {
        maker.topics(&nodes);
    }
    for (number, node) in nodes.iter().enumerate().skip(1).rev() {
        maker.make(number, &nodes, node);
    }
    maker.edge(&nodes[0]);
    maker.builder.finish()
}

struct Maker {
    shape: Shape,
    builder: Builder,
    dice: Dice,
    order: Vec<usize>,
    /// By number.
    services: HashMap<usize, ServiceId>,
    /// Where a service sends its messages, by its number.
    topics: HashMap<usize, TopicId>,
    /// The database that all services use.
    shared: Option<DataStoreId>,
    /// By number.
    operations: Vec<Vec<OperationId>>,
}

impl Maker {
    fn names(&self, number: usize) -> &'static Names {
        &NAMES[self.order[number % self.order.len()]]
    }

    /// A service without operations; the same one for the same number.
    fn service(&mut self, number: usize) -> ServiceId {
        if let Some(service) = self.services.get(&number) {
            return *service;
        }
        let language = LANGUAGES[self.dice.below(LANGUAGES.len() as u64) as usize];
        let instances = self.dice.between(2, 3);
        let service = self.builder.service(self.names(number).service, "1.0.0", language, 8080, instances);
        self.services.insert(number, service);
        service
    }

    /// Everything that a service does.
    fn make(&mut self, number: usize, nodes: &[Node], node: &Node) {
        let service = self.service(number);
        let store = self.store(number);
        let collection = COLLECTIONS[self.dice.below(COLLECTIONS.len() as u64) as usize];
        let caller = nodes.iter().position(|other| other.children.iter().any(|child| child.number == number));
        let caller = caller.unwrap_or_default();
        if let Some(topic) = self.topics.get(&caller).copied() {
            self.consumer(number, service, topic, (store, collection));
            return;
        }
        let is_first = nodes[caller].children.first().is_some_and(|child| child.number == number);
        let back = (self.shape == Shape::Cyclic && node.depth == 2 && is_first).then(|| self.recall(caller));
        let topic = self.topics.get(&number).copied();
        let speaks_http = self.dice.chance(400_000);
        for (which, (method, route)) in METHODS.into_iter().enumerate() {
            let endpoint = if speaks_http { Endpoint::Http { method: "GET", route } } else { Endpoint::Rpc { method } };
            let mut steps = self.work(store, collection);
            let called = if topic.is_some() { &[] } else { node.children.as_slice() };
            for child in called {
                // The first operation calls everybody, the other one some.
                if which == 0 || self.dice.chance(500_000) {
                    let call = self.call((child.number, which), node.depth);
                    let per_mille = self.dice.between(600, 850);
                    steps.push(Step::sometimes(per_mille, [repeated(*child, call)]));
                }
            }
            steps.extend(topic.map(Step::Publish));
            steps.extend(back.map(|back| Step::Call(Call::to(Target::Operation(back), TIMEOUTS[node.depth]))));
            let operation = self.builder.operation(service, endpoint, &[(Fault::Internal, 300)], steps);
            self.operations[number].push(operation);
        }
    }

    fn store(&mut self, number: usize) -> DataStoreId {
        let name = if self.shape == Shape::SharedDatabase { "main-db" } else { self.names(number).database };
        let known = self.shared.filter(|_| self.shape == Shape::SharedDatabase);
        let store = known.unwrap_or_else(|| self.builder.store(name, "postgresql", "main", 5432));
        self.shared = Some(store);
        store
    }

    /// What a service does itself.
    fn work(&mut self, store: DataStoreId, collection: &'static str) -> Vec<Step> {
        let work = i64::from(self.dice.between(300, 1_400));
        let query = Query {
            store,
            operation: "SELECT",
            collection,
            text: "SELECT * FROM things WHERE id = $1",
            latency: Latency::micros(i64::from(self.dice.between(700, 1_800)), 9_000),
            timeout: 500_000_000,
            faults_per_million: 100,
            on_failure: OnFailure::Fail,
        };
        let mut steps = vec![Step::work(work, work * 5), Step::Query(query)];
        if self.shape == Shape::SharedDatabase {
            let (operation, text) = ("UPDATE", "UPDATE things SET seen = $1 WHERE id = $2");
            steps.push(Step::sometimes(250, [Step::Query(Query { operation, text, ..query })]));
        }
        steps
    }

    /// What a service that is called back does then: it calls nobody.
    fn recall(&mut self, number: usize) -> OperationId {
        let service = self.service(number);
        let endpoint = Endpoint::Rpc { method: "gen.v1.Service/Recall" };
        self.builder.operation(service, endpoint, &[], vec![Step::work(300, 1_500)])
    }

    /// A topic for each service that calls others, except the edge.
    fn topics(&mut self, nodes: &[Node]) {
        for (number, _) in nodes.iter().enumerate().skip(1).filter(|(_, node)| !node.children.is_empty()) {
            let partitions = self.dice.between(2, 8);
            let acknowledge = Latency::micros(1_200, 9_000);
            let topic = self.builder.topic(self.names(number).topic, "kafka-0", partitions, acknowledge);
            self.topics.insert(number, topic);
        }
    }

    /// Lets a service handle the messages of a topic, as a consumer group of its own.
    fn consumer(&mut self, number: usize, service: ServiceId, topic: TopicId, data: (DataStoreId, &'static str)) {
        let mut steps = self.work(data.0, data.1);
        steps.extend(self.topics.get(&number).map(|further| Step::sometimes(600, [Step::Publish(*further)])));
        let endpoint = Endpoint::Consume { topic, group: self.names(number).service };
        let operation = self.builder.operation(service, endpoint, &[(Fault::Internal, 300)], steps);
        let own_trace = self.dice.chance(500_000);
        // Who takes many at once waits for them.
        let (lag, batch) =
            if own_trace { (Latency::micros(200_000, 900_000), 8) } else { (Latency::micros(5_000, 90_000), 1) };
        self.builder.subscribe(topic, Consumer { operation, own_trace, lag, batch });
    }

    /// A call of an operation of a service.
    fn call(&mut self, (callee, which): (usize, usize), depth: usize) -> Call {
        let operation = self.operations[callee][which];
        let call = Call::to(Target::Operation(operation), TIMEOUTS[depth.min(TIMEOUTS.len() - 1)]);
        if self.dice.chance(250_000) { call.optional() } else { call }
    }

    /// The service that is asked from outside, and one that hears of everything afterwards.
    fn edge(&mut self, node: &Node) {
        let topic = self.builder.topic("events", "kafka-0", 4, Latency::micros(1_200, 9_000));
        let audit = self.builder.service("audit", "1.0.0", Language::Java, 8080, 2);
        let endpoint = Endpoint::Consume { topic, group: "audit" };
        let operation = self.builder.operation(audit, endpoint, &[], vec![Step::work(800, 4_000)]);
        self.builder
            .subscribe(topic, Consumer { operation, own_trace: true, lag: Latency::micros(5_000, 90_000), batch: 1 });
        let edge = self.builder.service("edge", "1.0.0", Language::Node, 8080, 2);
        let width = node.children.len();
        for (entry, route) in ROUTES.into_iter().enumerate() {
            let mut steps = vec![Step::work(200, 1_000)];
            for step in 0..width.min(3) {
                let child = node.children[(entry * width / ROUTES.len() + step) % width];
                // Other requests need other services first.
                let call = self.call((child.number, step % METHODS.len()), 0);
                let call = if step == 0 { Call { on_failure: OnFailure::Fail, ..call } } else { call };
                let per_mille = if step == 0 { 1_000 } else { 700 };
                steps.push(Step::sometimes(per_mille, [repeated(child, call)]));
            }
            if entry == 0 {
                steps.push(Step::sometimes(300, [Step::Publish(topic)]));
            }
            let endpoint = Endpoint::Http { method: "GET", route };
            let operation = self.builder.operation(edge, endpoint, &[(Fault::Limited, 400)], steps);
            let weight = self.dice.between(10, 30);
            self.builder.entry(operation, weight);
        }
    }
}

/// A call as often as a service makes it.
fn repeated(child: Child, call: Call) -> Step {
    if child.times == 1 { Step::Call(call) } else { Step::repeat(child.times, child.times, [Step::Call(call)]) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::topology::Topic;

    const SHAPES: [Shape; 8] = [
        Shape::Layered,
        Shape::Chain,
        Shape::Star,
        Shape::Tree,
        Shape::Cyclic,
        Shape::Hub,
        Shape::SharedDatabase,
        Shape::Messaging,
    ];

    #[test]
    fn chains_are_short_and_everybody_is_called() {
        for shape in SHAPES {
            for seed in 0..20 {
                let topology = generated(seed, shape, None);
                let demand = topology.demand(0);
                let handled: Vec<_> = topology.topics.iter().flat_map(Topic::consumers).collect();
                for service in topology.service_ids() {
                    let name = &topology.service(service).name;
                    assert!(topology.service(service).instances().len() >= 2);
                    let depths = topology.operations_of(service).filter_map(|id| topology.depth_of(id, 0));
                    assert!(depths.max().unwrap_or_default() <= 3, "{name} of {shape:?} {seed}");
                    let is_asked = |id| demand.contains_key(&id) || handled.iter().any(|other| other.operation == id);
                    let asked = topology.operations_of(service).any(is_asked);
                    assert!(asked || shape == Shape::Layered, "{name} of {shape:?} {seed}");
                }
            }
        }
    }

    #[test]
    fn drawn_systems_are_of_a_size_that_has_names() {
        let many = Histogram { degree: [0, 0, 0, 0, 0, 0, 0, 0, 1], depth: [0, 0, 0, 0, 0, 1], repeats: [1; 8] };
        for seed in 0..20 {
            let topology = generated(seed, Shape::Drawn(many), None);
            let names: HashSet<&str> = topology.services().iter().map(|service| &*service.name).collect();
            // The edge and the one that hears of everything are not among those with drawn names.
            assert_eq!((names.len(), topology.services().len()), (MOST + 2, MOST + 2));
        }
    }
}
