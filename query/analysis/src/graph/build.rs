//! From rows of counts to a graph.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::record_batch::RecordBatch;
use spandrel_proto::model::Table;

use super::{
    Edge, EdgeView, Graph, Node, NodeName,
    measures::{Latency, Measures, weight},
};
use crate::{
    context::{Context, Evidence, NodeId, NodeKind},
    hops::HopKind,
    rollup::{
        Calls, Columns, EdgeRows, EdgeStats, KeyedRows, OperationRows, OperationStats, ReadError, View, nanoseconds,
        rows_within,
    },
    span::Protocol,
    text::Text,
};

/// Adds up rows of `edges` and `operations`, which may come in any order and split in any way, to a graph.
#[derive(Debug)]
pub struct GraphBuilder {
    from: i64,
    to: i64,
    context: Context,
    edges: HashMap<EdgeName, EdgeSums>,
    operations: HashMap<(NodeId, View), OperationStats>,
    size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct EdgeName {
    source: NodeId,
    target: NodeId,
    kind: HopKind,
}

/// An edge by view.
#[derive(Debug, Clone, Default)]
struct EdgeSums {
    views: BTreeMap<View, EdgeStats>,
    /// Weight of calls.
    protocols: BTreeMap<Protocol, u64>,
}

impl EdgeSums {
    fn merge(&mut self, other: &EdgeSums) {
        for (view, stats) in &other.views {
            self.views.entry(*view).or_default().merge(stats);
        }
        for (protocol, weight) in &other.protocols {
            let sum = self.protocols.entry(*protocol).or_default();
            *sum = sum.saturating_add(*weight);
        }
    }

    fn in_view(&self, view: View) -> Option<&Calls> {
        self.views.get(&view).map(|stats| &stats.calls)
    }
}

impl GraphBuilder {
    /// A graph of the buckets that begin in `[from, to)`, nanoseconds.
    pub fn new(from: i64, to: i64) -> Self {
        Self { from, to, context: Context::default(), edges: HashMap::new(), operations: HashMap::new(), size: 0 }
    }

    /// Adds rows of `table`: `edges` or `operations`, or their hourly ones. Of a bucket, only rows of the greatest revision
    /// may be given.
    pub fn push(&mut self, table: Table, batch: &RecordBatch) -> Result<(), ReadError> {
        let columns = Columns { table, batch };
        match table {
            Table::Operations | Table::OperationsHourly => self.push_operations(&columns)?,
            Table::Edges | Table::EdgesHourly => self.push_edges(&columns)?,
            table => return Err(ReadError::Table { table }),
        }
        self.size = self.edges.len() * 8192 + self.operations.len() * 4096;
        Ok(())
    }

    fn push_operations(&mut self, columns: &Columns<'_>) -> Result<(), ReadError> {
        let rows = OperationRows::new(columns)?;
        for row in rows_within(columns, self.from..self.to)? {
            let Some(key) = rows.key(row, &mut self.context) else { continue };
            let node = self.context.service_node(key.service);
            rows.add_to(row, self.operations.entry((node, key.view)).or_default())?;
        }
        Ok(())
    }

    fn push_edges(&mut self, columns: &Columns<'_>) -> Result<(), ReadError> {
        let rows = EdgeRows::new(columns)?;
        for row in rows_within(columns, self.from..self.to)? {
            let Some(key) = rows.key(row, &mut self.context) else { continue };
            let name = EdgeName { source: key.source, target: key.target, kind: key.kind };
            let sums = self.edges.entry(name).or_default();
            let stats = sums.views.entry(key.view).or_default();
            let before = stats.calls.weight();
            rows.add_to(row, stats)?;
            let protocol = sums.protocols.entry(key.protocol).or_default();
            *protocol = protocol.saturating_add(stats.calls.weight() - before);
        }
        Ok(())
    }

    /// Bytes of memory held, roughly.
    pub fn size(&self) -> usize {
        self.context.size() + self.size
    }

    pub fn finish(mut self) -> Graph {
        self.forget_empty();
        self.unite_nodes();
        let length = self.to.saturating_sub(self.from);
        let mut used: HashSet<NodeId> = self.operations.keys().map(|(node, _)| *node).collect();
        used.extend(self.edges.keys().flat_map(|edge| [edge.source, edge.target]));
        let mut nodes: Vec<(NodeName, NodeId)> = used.into_iter().map(|id| (self.name(id), id)).collect();
        nodes.sort_unstable();
        let index: HashMap<NodeId, usize> = nodes.iter().enumerate().map(|(index, (_, id))| (*id, index)).collect();
        let incoming = self.incoming();
        let mut graph = Graph::default();
        for (name, id) in nodes {
            graph.nodes.push(self.node(name, id, incoming.get(&id).map_or(&[][..], Vec::as_slice), length));
        }
        graph.edges = (self.edges.iter()).map(|(name, sums)| edge(name, sums, &index, length)).collect();
        graph.edges.sort_unstable_by_key(|edge| (edge.source, edge.target, edge.kind));
        graph.overflowed = self.context.texts.overflowed();
        graph
    }

    /// What nothing was counted of is not there. A minute with too many keys has such rows.
    fn forget_empty(&mut self) {
        self.operations.retain(|_, stats| !stats.calls.is_empty());
        self.edges.retain(|_, sums| {
            sums.views.retain(|_, stats| !stats.calls.is_empty());
            !sums.views.is_empty()
        });
    }

    /// Records of gateways name services and do not say where those belong. A node that they alone know is the one of its
    /// name that others know, if there is one only.
    fn unite_nodes(&mut self) {
        let by_others = |view: &View| *view != View::Gateway;
        let mut known: HashSet<NodeId> = HashSet::new();
        known.extend(self.operations.keys().filter(|(_, view)| by_others(view)).map(|(node, _)| *node));
        for (edge, sums) in &self.edges {
            if sums.views.keys().any(by_others) {
                known.extend([edge.source, edge.target]);
            }
        }
        let mut named: HashMap<(Text, bool), Vec<NodeId>> = HashMap::new();
        for id in &known {
            let node = self.context.node(*id);
            let is_client = node.kind == NodeKind::Client;
            if is_client || node.kind == NodeKind::Service {
                named.entry((node.name, is_client)).or_default().push(*id);
            }
        }
        let context = &self.context;
        let united = |id: NodeId| {
            let node = context.node(id);
            let is_bare = node.namespace.is_none() && node.environment.is_none();
            let same = named.get(&(node.name, node.kind == NodeKind::Client));
            match same.map(Vec::as_slice) {
                Some([only]) if is_bare && !known.contains(&id) => *only,
                _ => id,
            }
        };
        let mut edges: HashMap<EdgeName, EdgeSums> = HashMap::new();
        for (edge, sums) in &self.edges {
            let name = EdgeName { source: united(edge.source), target: united(edge.target), kind: edge.kind };
            edges.entry(name).or_default().merge(sums);
        }
        let mut operations: HashMap<(NodeId, View), OperationStats> = HashMap::new();
        for ((node, view), stats) in &self.operations {
            operations.entry((united(*node), *view)).or_default().merge(stats);
        }
        (self.edges, self.operations) = (edges, operations);
    }

    fn name(&self, id: NodeId) -> NodeName {
        let node = self.context.node(id);
        let text = |text: Text| self.context.texts.get(text).to_owned();
        NodeName {
            kind: node.kind,
            name: text(node.name),
            namespace: text(node.namespace),
            environment: text(node.environment),
        }
    }

    fn incoming(&self) -> HashMap<NodeId, Vec<(&EdgeName, &EdgeSums)>> {
        let mut incoming: HashMap<NodeId, Vec<(&EdgeName, &EdgeSums)>> = HashMap::new();
        for edge in &self.edges {
            incoming.entry(edge.0.target).or_default().push(edge);
        }
        incoming
    }

    fn node(&self, name: NodeName, id: NodeId, incoming: &[(&EdgeName, &EdgeSums)], length: i64) -> Node {
        let operations = |view: View| self.operations.get(&(id, view));
        let called = |view: View| {
            let mut calls = Calls::default();
            incoming.iter().filter_map(|(_, sums)| sums.in_view(view)).for_each(|part| calls.merge(part));
            (!calls.is_empty()).then_some((view, calls))
        };
        let own = |view: View| operations(view).map(|stats| (view, stats.calls.clone()));
        let found = own(View::Server)
            .or_else(|| called(View::Client))
            .or_else(|| called(View::Server))
            .or_else(|| called(View::Gateway))
            .or_else(|| own(View::Client));
        let entries = [View::Server, View::Client].into_iter().filter_map(operations);
        Node {
            name,
            evidence: self.evidence(id),
            view: found.as_ref().map(|(view, _)| *view),
            measures: found.map_or_else(Measures::default, |(_, calls)| Measures::of(&calls, length)),
            entries: entries.map(|stats| weight(stats.entries)).sum(),
            edge_coverage: operations(View::Server).and_then(|served| edge_coverage(served, incoming)),
        }
    }

    /// Services that spans of their own tell of are sure, whatever rows of edges say.
    fn evidence(&self, id: NodeId) -> Evidence {
        let has_spans = [View::Server, View::Client].into_iter().any(|view| self.operations.contains_key(&(id, view)));
        if has_spans { Evidence::Spans } else { self.context.evidence(id) }
    }
}

fn edge_coverage(served: &OperationStats, incoming: &[(&EdgeName, &EdgeSums)]) -> Option<f64> {
    let of = |kind: HopKind, view: View| {
        let edges = incoming.iter().filter(move |(edge, _)| edge.kind == kind);
        edges.filter_map(move |(_, sums)| sums.views.get(&view))
    };
    let tries: f64 = of(HopKind::Request, View::Client).map(|stats| weight(stats.attempts)).sum();
    let by_services: f64 = of(HopKind::Request, View::Server).map(|stats| weight(stats.calls.weight())).sum();
    let of_lost_callers: f64 = of(HopKind::Entry, View::Server).map(|stats| weight(stats.calls.weight())).sum();
    let from_outside = weight(served.entries);
    let requests = by_services + (of_lost_callers - from_outside).max(0.0);
    (requests > 0.0).then(|| tries / requests)
}

fn edge(name: &EdgeName, sums: &EdgeSums, index: &HashMap<NodeId, usize>, length: i64) -> Edge {
    let view = |view: View| sums.views.get(&view).map(|stats| edge_view(stats, length));
    let mut all = EdgeStats::default();
    sums.views.values().for_each(|stats| all.merge(stats));
    let protocol = sums.protocols.iter().max_by_key(|(protocol, weight)| (**weight, **protocol));
    Edge {
        source: index[&name.source],
        target: index[&name.target],
        kind: name.kind,
        protocol: protocol.map_or(Protocol::Unknown, |(protocol, _)| *protocol).as_str(),
        client: view(View::Client),
        server: view(View::Server),
        gateway: view(View::Gateway),
        first_seen: all.first_seen,
        last_seen: all.last_seen,
        examples: all.examples.ids(),
    }
}

fn edge_view(stats: &EdgeStats, length: i64) -> EdgeView {
    let paired = weight(stats.paired);
    EdgeView {
        measures: Measures::of(&stats.calls, length),
        attempts: weight(stats.attempts),
        paired,
        sync_ratio: stats.sync_ratio(),
        blocking_ratio: stats.blocking_ratio(),
        network_mean_ns: (paired > 0.0).then(|| nanoseconds(stats.network) as f64 / paired),
        queue_delay: Latency::of(&stats.queue_delay),
        negative_delays: stats.negative_delays,
    }
}
