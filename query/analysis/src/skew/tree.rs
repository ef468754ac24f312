//! Offsets of hosts from offsets of pairs: along the most certain tree.

use super::Pair;
use crate::{hash::FastMap, text::Text};

/// How far the second host's clock is ahead of the first's, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) pair: Pair,
    pub(super) ahead: i64,
    pub(super) uncertainty: i64,
}

/// A host's clock compared to that of the first host of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Clocks of different trees cannot be compared.
    pub(super) tree: u32,
    pub(super) ahead: i64,
    /// Sum of the uncertainties up to the first host.
    pub(super) uncertainty: i64,
    /// The host one closer to the first, and the uncertainty of that step.
    pub(super) above: Option<(Text, i64)>,
}

/// The clocks of all hosts of `edges`, which are in order of their uncertainty.
pub(super) fn clocks(edges: &[Edge]) -> FastMap<Text, Clock> {
    let mut hosts: Vec<Text> = edges.iter().flat_map(|edge| [edge.pair.0, edge.pair.1]).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let neighbours = spanning_forest(&hosts, edges);
    let mut clocks: FastMap<Text, Clock> = FastMap::default();
    for (tree, first) in hosts.iter().enumerate() {
        if clocks.contains_key(first) {
            continue;
        }
        let tree = tree as u32;
        clocks.insert(*first, Clock { tree, ahead: 0, uncertainty: 0, above: None });
        let mut stack = vec![*first];
        while let Some(host) = stack.pop() {
            let from = clocks[&host];
            for Edge { pair: (_, next), ahead, uncertainty } in neighbours.get(&host).into_iter().flatten() {
                clocks.entry(*next).or_insert_with(|| {
                    stack.push(*next);
                    Clock {
                        tree,
                        ahead: from.ahead + ahead,
                        uncertainty: from.uncertainty + uncertainty,
                        above: Some((host, *uncertainty)),
                    }
                });
            }
        }
    }
    clocks
}

/// The most certain edges that connect as much as all edges do (Kruskal), from both of their ends.
fn spanning_forest(hosts: &[Text], edges: &[Edge]) -> FastMap<Text, Vec<Edge>> {
    let mut above: Vec<usize> = (0..hosts.len()).collect();
    let mut neighbours: FastMap<Text, Vec<Edge>> = FastMap::default();
    for Edge { pair: (one, other), ahead, uncertainty } in edges {
        let place = |host| hosts.binary_search(host).expect("every end of an edge is among the hosts");
        let (from, to) = (top(&mut above, place(one)), top(&mut above, place(other)));
        if from == to {
            continue;
        }
        above[to] = from;
        let mut add = |pair: Pair, ahead| {
            neighbours.entry(pair.0).or_default().push(Edge { pair, ahead, uncertainty: *uncertainty });
        };
        add((*one, *other), *ahead);
        add((*other, *one), -ahead);
    }
    neighbours
}

/// The representative of `host`, with the way to it halved.
fn top(above: &mut [usize], mut host: usize) -> usize {
    while above[host] != host {
        above[host] = above[above[host]];
        host = above[host];
    }
    host
}
