//! Graphs of a few thousand nodes: strongly connected components, shortest cycles, dominators. Without recursion.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A directed graph; its nodes are numbered in their own order, so that all results are in that order too.
#[derive(Debug)]
pub(super) struct Graph<N> {
    nodes: Vec<N>,
    targets: Vec<Vec<usize>>,
}

impl<N: Ord + Copy> Graph<N> {
    /// The graph of these edges, each once.
    pub(super) fn new(edges: impl IntoIterator<Item = (N, N)>) -> Self {
        let edges: BTreeSet<(N, N)> = edges.into_iter().collect();
        let nodes: BTreeSet<N> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let nodes: Vec<N> = nodes.into_iter().collect();
        let number: BTreeMap<N, usize> = nodes.iter().enumerate().map(|(number, node)| (*node, number)).collect();
        let mut targets = vec![Vec::new(); nodes.len()];
        for (from, to) in edges {
            targets[number[&from]].push(number[&to]);
        }
        Self { nodes, targets }
    }

    /// The strongly connected components of two nodes or more (Tarjan).
    pub(super) fn components(&self) -> Vec<Vec<N>> {
        let components = Tarjan::new(self.nodes.len()).run(&self.targets);
        let name = |component: Vec<usize>| component.into_iter().map(|node| self.nodes[node]).collect();
        components.into_iter().filter(|component| component.len() > 1).map(name).collect()
    }

    /// The shortest cycle through `node`, beginning with it and without its return; `None` if there is none.
    pub(super) fn shortest_cycle(&self, node: N) -> Option<Vec<N>> {
        let start = self.nodes.binary_search(&node).ok()?;
        let mut before = vec![usize::MAX; self.nodes.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for &target in &self.targets[at] {
                if target == start {
                    return Some(self.path_back(&before, start, at));
                }
                if before[target] == usize::MAX {
                    before[target] = at;
                    queue.push_back(target);
                }
            }
        }
        None
    }

    fn path_back(&self, before: &[usize], start: usize, end: usize) -> Vec<N> {
        let mut path = vec![self.nodes[end]];
        let mut at = end;
        while at != start {
            at = before[at];
            path.push(self.nodes[at]);
        }
        path.reverse();
        path
    }

    /// The nodes that are on every path from `root` to a node without targets; with `root`. Of what is reached from it.
    pub(super) fn on_all_paths(&self, root: N) -> Vec<N> {
        let Ok(root) = self.nodes.binary_search(&root) else { return Vec::new() };
        let order = self.post_order(root);
        let mut position = vec![usize::MAX; self.nodes.len()];
        for (place, node) in order.iter().enumerate() {
            position[*node] = place;
        }
        let dominators = self.immediate_dominators(&order, &position);
        let leaves = order.iter().filter(|node| self.targets[**node].is_empty()).map(|node| position[*node]);
        let Some(mut common) = leaves.reduce(|a, b| meet(&dominators, a, b)) else { return vec![self.nodes[root]] };
        let mut chain = vec![self.nodes[order[common]]];
        while dominators[common] != common {
            common = dominators[common];
            chain.push(self.nodes[order[common]]);
        }
        chain.reverse();
        chain
    }

    fn post_order(&self, root: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut is_seen = vec![false; self.nodes.len()];
        is_seen[root] = true;
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.last_mut() {
            match self.targets[*node].get(*next) {
                Some(&target) => {
                    *next += 1;
                    if !is_seen[target] {
                        is_seen[target] = true;
                        stack.push((target, 0));
                    }
                }
                None => {
                    order.push(*node);
                    stack.pop();
                }
            }
        }
        order
    }

    /// By place in the post-order, the place of the immediate dominator; the root's is its own (Cooper, Harvey and
    /// Kennedy, "A Simple, Fast Dominance Algorithm").
    fn immediate_dominators(&self, order: &[usize], position: &[usize]) -> Vec<usize> {
        let mut sources = vec![Vec::new(); order.len()];
        for (place, node) in order.iter().enumerate() {
            for &target in &self.targets[*node] {
                sources[position[target]].push(place);
            }
        }
        let root = order.len() - 1;
        let mut dominators = vec![usize::MAX; order.len()];
        dominators[root] = root;
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            for place in (0..root).rev() {
                let known = sources[place].iter().copied().filter(|source| dominators[*source] != usize::MAX);
                let Some(dominator) = known.reduce(|a, b| meet(&dominators, a, b)) else { continue };
                has_changed |= dominators[place] != dominator;
                dominators[place] = dominator;
            }
        }
        dominators
    }
}

/// The nearest common dominator of two places.
fn meet(dominators: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        while a < b {
            a = dominators[a];
        }
        while b < a {
            b = dominators[b];
        }
    }
    a
}

/// Tarjan's algorithm with a stack of its own.
struct Tarjan {
    indices: Vec<usize>,
    lows: Vec<usize>,
    is_open: Vec<bool>,
    open: Vec<usize>,
    next_index: usize,
    components: Vec<Vec<usize>>,
}

impl Tarjan {
    fn new(nodes: usize) -> Self {
        Self {
            indices: vec![usize::MAX; nodes],
            lows: vec![0; nodes],
            is_open: vec![false; nodes],
            open: Vec::new(),
            next_index: 0,
            components: Vec::new(),
        }
    }

    fn run(mut self, targets: &[Vec<usize>]) -> Vec<Vec<usize>> {
        for root in 0..targets.len() {
            if self.indices[root] == usize::MAX {
                self.visit(root, targets);
            }
        }
        self.components
    }

    fn visit(&mut self, root: usize, targets: &[Vec<usize>]) {
        let mut stack = vec![(root, 0)];
        self.enter(root);
        while let Some((node, next)) = stack.last_mut() {
            let node = *node;
            let Some(&target) = targets[node].get(*next) else {
                stack.pop();
                self.leave(node);
                if let Some((parent, _)) = stack.last() {
                    self.lows[*parent] = self.lows[*parent].min(self.lows[node]);
                }
                continue;
            };
            *next += 1;
            if self.indices[target] == usize::MAX {
                self.enter(target);
                stack.push((target, 0));
            } else if self.is_open[target] {
                self.lows[node] = self.lows[node].min(self.indices[target]);
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.indices[node] = self.next_index;
        self.lows[node] = self.next_index;
        self.next_index += 1;
        self.is_open[node] = true;
        self.open.push(node);
    }

    /// Closes the component of `node` if it is the first of it.
    fn leave(&mut self, node: usize) {
        if self.lows[node] != self.indices[node] {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.open.pop() {
            self.is_open[member] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        component.sort_unstable();
        self.components.push(component);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn components_and_cycles_of_small_graphs() {
        let graph = Graph::new([(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (5, 6), (7, 7), (2, 1)]);
        assert_eq!(graph.components(), [vec![4, 5], vec![1, 2, 3]]);
        assert_eq!(graph.shortest_cycle(3), Some(vec![3, 1, 2]));
        assert_eq!(graph.shortest_cycle(1), Some(vec![1, 2]));
        assert_eq!((graph.shortest_cycle(6), graph.shortest_cycle(9)), (None, None));
    }

    #[test]
    fn a_hundred_thousand_nodes_in_a_ring_are_one_component() {
        let graph = Graph::new((0..100_000).map(|node| (node, (node + 1) % 100_000)));
        assert_eq!(graph.components()[0].len(), 100_000);
        assert_eq!(graph.on_all_paths(0), [0]);
    }

    #[test]
    fn dominators_of_all_leaves() {
        let diamond = [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (4, 5), (4, 6)];
        assert_eq!(Graph::new(diamond).on_all_paths(0), [0, 1, 4]);
        assert_eq!(Graph::new(diamond.into_iter().chain([(0, 6)])).on_all_paths(0), [0]);
        assert_eq!(Graph::new([(0, 1), (1, 2)]).on_all_paths(0), [0, 1, 2]);
        assert_eq!(Graph::new([(0, 1), (1, 0), (1, 2)]).on_all_paths(0), [0, 1, 2]);
        assert_eq!(Graph::new([(0, 1)]).on_all_paths(9), Vec::<i32>::new());
    }

    proptest! {
        #[test]
        fn a_node_is_on_all_paths_if_no_leaf_is_reached_without_it(edges in prop::collection::vec((0..8_u8, 0..8_u8), 1..24)) {
            let graph = Graph::new(edges.iter().copied());
            let reach = |without: Option<u8>| {
                let mut seen = BTreeSet::from([0_u8]);
                let mut stack = vec![0_u8];
                while let Some(node) = stack.pop() {
                    for (_, to) in edges.iter().filter(|(from, to)| *from == node && Some(*to) != without) {
                        if seen.insert(*to) {
                            stack.push(*to);
                        }
                    }
                }
                seen
            };
            let is_leaf = |node: &u8| edges.iter().all(|(from, _)| from != node);
            if edges.iter().any(|(from, to)| *from == 0 || *to == 0) {
                let leaves: BTreeSet<u8> = reach(None).into_iter().filter(is_leaf).collect();
                let on_all: BTreeSet<u8> = graph.on_all_paths(0).into_iter().collect();
                let expected: BTreeSet<u8> = reach(None)
                    .into_iter()
                    .filter(|node| *node == 0 || !leaves.is_empty() && reach(Some(*node)).is_disjoint(&leaves))
                    .collect();
                prop_assert_eq!(on_all, expected);
            }
        }
    }
}
