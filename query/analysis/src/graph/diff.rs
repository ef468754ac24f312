//! What differs between two graphs, such as those of an hour and of the same hour a week ago.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Measures, NodeName};
use crate::{hops::HopKind, statistics::are_apart};

/// p95 has to be so many times as high, of so many durations on both sides.
const SLOWER: f64 = 1.5;
const MIN_SAMPLES: u64 = 100;

/// How something changed from one graph to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    New,
    Gone,
    /// p95 of calls that ended `ok`, nanoseconds: half as high again, or more.
    Slower {
        before: u64,
        after: u64,
    },
    /// Error rates of which the ranges that they lie in with 95 % have nothing in common, the second being higher.
    Failing {
        before: f64,
        after: f64,
    },
}

impl Change {
    /// The text in the `change` column.
    pub fn as_str(&self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Gone => "gone",
            Change::Slower { .. } => "slower",
            Change::Failing { .. } => "failing",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct NodeChange {
    pub node: NodeName,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EdgeChange {
    pub source: NodeName,
    pub target: NodeName,
    pub kind: HopKind,
    pub change: Change,
}

/// Changes, in order of what changed. Something may be slower and failing too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphDiff {
    pub nodes: Vec<NodeChange>,
    pub edges: Vec<EdgeChange>,
}

impl GraphDiff {
    /// [`Graph::diff`].
    pub(super) fn between(before: &Graph, after: &Graph) -> GraphDiff {
        let nodes = changes(
            &before.nodes.iter().map(|node| (&node.name, Some(&node.measures))).collect(),
            &after.nodes.iter().map(|node| (&node.name, Some(&node.measures))).collect(),
        );
        let edges = changes(&edges_of(before), &edges_of(after));
        GraphDiff {
            nodes: nodes.into_iter().map(|(node, change)| NodeChange { node: node.clone(), change }).collect(),
            edges: edges
                .into_iter()
                .map(|((source, target, kind), change)| EdgeChange {
                    source: source.clone(),
                    target: target.clone(),
                    kind,
                    change,
                })
                .collect(),
        }
    }
}

type EdgeName<'a> = (&'a NodeName, &'a NodeName, HopKind);

fn edges_of(graph: &Graph) -> BTreeMap<EdgeName<'_>, Option<&Measures>> {
    let name = |index: usize| &graph.nodes[index].name;
    graph
        .edges
        .iter()
        .map(|edge| {
            let measures = edge.main_view().map(|(_, view)| &view.measures);
            ((name(edge.source), name(edge.target), edge.kind), measures)
        })
        .collect()
}

fn changes<'a, K: Ord + Copy + 'a>(
    before: &BTreeMap<K, Option<&'a Measures>>,
    after: &BTreeMap<K, Option<&'a Measures>>,
) -> Vec<(K, Change)> {
    let mut changes = Vec::new();
    for key in before.keys().chain(after.keys()).copied().collect::<BTreeSet<K>>() {
        match (before.get(&key), after.get(&key)) {
            (None, _) => changes.push((key, Change::New)),
            (_, None) => changes.push((key, Change::Gone)),
            (Some(Some(before)), Some(Some(after))) => {
                changes.extend([slower(before, after), failing(before, after)].into_iter().flatten().map(|c| (key, c)));
            }
            _ => {}
        }
    }
    changes
}

fn slower(before: &Measures, after: &Measures) -> Option<Change> {
    let (before, after) = (before.latency?, after.latency?);
    let enough = before.samples.min(after.samples) >= MIN_SAMPLES;
    let is_slower = after.p95 as f64 >= SLOWER * before.p95.max(1) as f64;
    (enough && is_slower).then_some(Change::Slower { before: before.p95, after: after.p95 })
}

fn failing(before: &Measures, after: &Measures) -> Option<Change> {
    let is_worse = after.error_rate > before.error_rate && are_apart(before.error_interval, after.error_interval);
    is_worse.then_some(Change::Failing { before: before.error_rate, after: after.error_rate })
}
