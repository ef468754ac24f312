//! Systems made from a seed, to judge rules by what they were not made for.
//!
//! They are as well made as the usual shop: every service has a database of its own and several processes, no chain has
//! more than three calls, callers wait longer than those they call.

use serde::{Deserialize, Serialize};

use super::{
    build::Builder,
    model::{Consumer, Endpoint, Language, OperationId, Topology},
    policy::{Call, OnFailure, Target},
    script::{Query, Step},
};
use crate::{
    outcome::Fault,
    random::{Dice, Latency},
};

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Three layers of services, each calling some of the next, some of them called by many.
    Layered,
    /// One after the other.
    Chain,
    /// One in the middle that calls all others.
    Star,
    /// Each is called by one other.
    Tree,
}

const NAMES: [&str; 24] = [
    "atlas", "birch", "cobalt", "delta", "ember", "falcon", "garnet", "harbor", "indigo", "juniper", "krypton",
    "lagoon", "maple", "nimbus", "onyx", "prairie", "quartz", "raven", "sierra", "tundra", "umber", "violet", "willow",
    "zephyr",
];
const DATABASES: [&str; 24] = [
    "atlas-db",
    "birch-db",
    "cobalt-db",
    "delta-db",
    "ember-db",
    "falcon-db",
    "garnet-db",
    "harbor-db",
    "indigo-db",
    "juniper-db",
    "krypton-db",
    "lagoon-db",
    "maple-db",
    "nimbus-db",
    "onyx-db",
    "prairie-db",
    "quartz-db",
    "raven-db",
    "sierra-db",
    "tundra-db",
    "umber-db",
    "violet-db",
    "willow-db",
    "zephyr-db",
];
const COLLECTIONS: [&str; 4] = ["items", "accounts", "documents", "records"];
const ROUTES: [&str; 4] = ["/api/alpha", "/api/beta/{id}", "/api/gamma", "/api/omega/{id}"];
const METHODS: [(&str, &str); 2] = [("gen.v1.Service/Get", "/get"), ("gen.v1.Service/List", "/list")];
const LANGUAGES: [Language; 5] = [Language::Go, Language::Java, Language::Node, Language::Python, Language::Dotnet];
/// How long callers wait, by the number of calls above them; milliseconds.
const TIMEOUTS: [i64; 4] = [4_000, 2_500, 1_500, 900];

/// A system of this shape. The same seed makes the same system.
pub fn generated(seed: u64, shape: Shape, instances_per_service: Option<u32>) -> Topology {
    let mut dice = Dice::new(seed, 0);
    let mut order: Vec<usize> = (0..NAMES.len()).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, dice.below(index as u64 + 1) as usize);
    }
    let nodes = nodes(shape, &mut dice);
    let mut maker = Maker { builder: Builder::new(instances_per_service), dice, order, operations: Vec::new() };
    maker.operations = vec![Vec::new(); nodes.len()];
    for (number, node) in nodes.iter().enumerate().skip(1).rev() {
        maker.service(number, node);
    }
    maker.edge(&nodes[0]);
    maker.builder.finish()
}

/// A service by number: how many calls lead to it, and whom it calls. The first is the edge; callees have higher
/// numbers than callers.
#[derive(Debug, Clone, Default)]
struct Node {
    depth: usize,
    children: Vec<usize>,
}

fn nodes(shape: Shape, dice: &mut Dice) -> Vec<Node> {
    let layers: &[usize] = match shape {
        Shape::Layered => &[1, 4, 5, 5],
        Shape::Chain => &[1, 1, 1, 1],
        Shape::Star => &[1, 1, 8],
        Shape::Tree => &[1, 3, 6, 6],
    };
    let mut nodes = vec![Node::default()];
    let mut above = 0..1;
    for (depth, size) in layers.iter().enumerate().skip(1) {
        for place in 0..*size {
            let number = nodes.len();
            nodes.push(Node { depth, children: Vec::new() });
            let callers = match shape {
                Shape::Layered if depth > 1 => {
                    // The first services of a layer are called by many, the others by one or two.
                    let many = if place == 0 { above.len() } else { dice.between(1, 2) as usize };
                    let first = dice.below(above.len() as u64) as usize;
                    (0..many).map(|step| above.start + (first + step) % above.len()).collect()
                }
                _ => vec![above.start + place * above.len() / size],
            };
            for caller in callers {
                nodes[caller].children.push(number);
            }
        }
        above = nodes.len() - size..nodes.len();
    }
    nodes
}

struct Maker {
    builder: Builder,
    dice: Dice,
    order: Vec<usize>,
    /// By number.
    operations: Vec<Vec<OperationId>>,
}

impl Maker {
    fn service(&mut self, number: usize, node: &Node) {
        let name = self.order[number % self.order.len()];
        let language = LANGUAGES[self.dice.below(LANGUAGES.len() as u64) as usize];
        let instances = self.dice.between(2, 3);
        let service = self.builder.service(NAMES[name], "1.0.0", language, 8080, instances);
        let store = self.builder.store(DATABASES[name], "postgresql", "main", 5432);
        let collection = COLLECTIONS[self.dice.below(COLLECTIONS.len() as u64) as usize];
        let speaks_http = self.dice.chance(400_000);
        for (which, (method, route)) in METHODS.into_iter().enumerate() {
            let endpoint = if speaks_http { Endpoint::Http { method: "GET", route } } else { Endpoint::Rpc { method } };
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
            for child in &node.children {
                // The first operation calls everybody, the other one some.
                if which == 0 || self.dice.chance(500_000) {
                    let call = self.call((*child, which), node.depth);
                    let per_mille = self.dice.between(600, 850);
                    steps.push(Step::sometimes(per_mille, [Step::Call(call)]));
                }
            }
            let operation = self.builder.operation(service, endpoint, &[(Fault::Internal, 300)], steps);
            self.operations[number].push(operation);
        }
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
        self.builder.subscribe(topic, Consumer { operation, own_trace: true, lag: Latency::micros(5_000, 90_000) });
        let edge = self.builder.service("edge", "1.0.0", Language::Node, 8080, 2);
        let width = node.children.len();
        for (entry, route) in ROUTES.into_iter().enumerate() {
            let mut steps = vec![Step::work(200, 1_000)];
            for step in 0..width.min(3) {
                let child = node.children[(entry * width / ROUTES.len() + step) % width];
                // Other requests need other services first.
                let call = self.call((child, step % METHODS.len()), 0);
                let call = if step == 0 { Call { on_failure: OnFailure::Fail, ..call } } else { call };
                let per_mille = if step == 0 { 1_000 } else { 700 };
                steps.push(Step::sometimes(per_mille, [Step::Call(call)]));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_short_and_everybody_is_called() {
        for shape in [Shape::Layered, Shape::Chain, Shape::Star, Shape::Tree] {
            for seed in 0..20 {
                let topology = generated(seed, shape, None);
                let demand = topology.demand(0);
                for service in topology.service_ids() {
                    let name = &topology.service(service).name;
                    assert!(topology.service(service).instances().len() >= 2);
                    let depths = topology.operations_of(service).filter_map(|id| topology.depth_of(id, 0));
                    assert!(depths.max().unwrap_or_default() <= 3, "{name} of {shape:?} {seed}");
                    let asked = topology.operations_of(service).any(|id| demand.contains_key(&id));
                    assert!(asked || &**name == "audit" || shape == Shape::Layered, "{name} of {shape:?} {seed}");
                }
            }
        }
    }
}
