//! The service graph of a stretch of time, from rows of `edges` and `operations` (or the hourly ones), and what differs
//! between two.
//!
//! Views are kept apart everywhere: what callers say, what the callee says, what gateways say.
//!
//! [`Graph::to_batch`] has a row for each edge:
//!
//! | columns | what |
//! |---|---|
//! | `source`, `target` and their `_namespace`, `_kind` | the nodes |
//! | `deployment_environment_name` | of the source, or else of the target |
//! | `kind` | `sync`, `async`, `mixed` (between the two), `db`, `cache`, `external`, `entry` |
//! | `protocol`, `evidence` | as in `edges`: the most frequent one; of the end that is known less well |
//! | `view` | whose view the columns without a view in their name are: the client's, or else the server's or gateway's |
//! | `requests`, `failures` | calls, weighted, and those of them that failed |
//! | `error_rate`, `error_rate_low`, `error_rate_high` | share of failures, and where it lies with 95 % |
//! | `p50_ms`, `p95_ms`, `p99_ms`, `failure_p50_ms` | of calls that ended `ok`, and of those that failed |
//! | `duration_sum_ns`, `concurrency` | of all calls; how many were in progress on average |
//! | `attempts` | tries: equal to `requests` without retries |
//! | `sync_ratio`, `blocking_ratio` | share of calls waited for, and waited for on the critical path |
//! | `coverage` | share of calls of which both sides are there |
//! | `network_mean_ms` | of calls of which both sides are there: time in neither |
//! | `queue_delay_p50_ms`, `queue_delay_p95_ms`, `queue_delay_p99_ms` | of deliveries |
//! | `negative_delays` | deliveries that arrived before they were sent, by the clocks |
//! | `client_requests`, `client_failures`, `client_p95_ms` and so for `server_` and `gateway_` | by view |
//! | `first_seen`, `last_seen`, `examples` | starts of calls; trace ids: slow, failed, any |

mod build;
mod diff;
mod measures;
mod rows;
#[cfg(test)]
mod tests;

pub use build::GraphBuilder;
pub use diff::{Change, EdgeChange, GraphDiff, NodeChange};
pub use measures::{Latency, Measures};
pub use rows::{diff_schema, graph_schema};

use arrow::record_batch::RecordBatch;
use spandrel_proto::model::Table;

use crate::{
    context::{Evidence, NodeKind},
    hops::HopKind,
    rollup::{ReadError, View, edge_kind},
};

/// Services and others, and the calls between them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// By kind, name, namespace, environment.
    pub nodes: Vec<Node>,
    /// By source, target, kind.
    pub edges: Vec<Edge>,
    /// Names that became `_other` because there were too many.
    pub overflowed: u64,
}

impl Graph {
    /// The graph of rows of `edges` and of `operations` whose buckets begin in `[from, to)`, nanoseconds. Of a bucket, only
    /// rows of the greatest revision may be given. The same rows give the same graph, in whatever order and however split.
    pub fn build(
        edges: &[RecordBatch],
        operations: &[RecordBatch],
        (from, to): (i64, i64),
    ) -> Result<Graph, ReadError> {
        let mut builder = GraphBuilder::new(from, to);
        for batch in edges {
            builder.push(Table::Edges, batch)?;
        }
        for batch in operations {
            builder.push(Table::Operations, batch)?;
        }
        Ok(builder.finish())
    }

    /// What is different in `after`.
    pub fn diff(&self, after: &Graph) -> GraphDiff {
        GraphDiff::between(self, after)
    }
}

/// What stays the same of a node from one graph to the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName {
    pub kind: NodeKind,
    pub name: String,
    /// Empty if there is none.
    pub namespace: String,
    /// Empty if there is none.
    pub environment: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: NodeName,
    pub evidence: Evidence,
    /// Whose view `measures` are: the server's own, or else what its callers or gateways say. `None` if nobody calls it.
    pub view: Option<View>,
    pub measures: Measures,
    /// Weight of the requests that came from outside.
    pub entries: f64,
    /// Tries that callers' spans tell of, for each request of another service that its own spans tell of. Less than 1 if
    /// spans of callers are missing, more if its own are. `None` if no service calls it.
    pub edge_coverage: Option<f64>,
}

/// An edge as one side sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeView {
    pub measures: Measures,
    /// Weights of tries, and of calls of which both sides are there.
    pub attempts: f64,
    pub paired: f64,
    /// Shares of calls that were waited for, and waited for on the critical path.
    pub sync_ratio: f64,
    pub blocking_ratio: f64,
    /// Nanoseconds of a paired call that neither side accounts for, on average.
    pub network_mean_ns: Option<f64>,
    /// Of deliveries: from sending to handling.
    pub queue_delay: Option<Latency>,
    /// Deliveries that arrived before they were sent.
    pub negative_delays: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Indices of nodes.
    pub source: usize,
    pub target: usize,
    pub kind: HopKind,
    /// The most frequent one.
    pub protocol: &'static str,
    pub client: Option<EdgeView>,
    pub server: Option<EdgeView>,
    pub gateway: Option<EdgeView>,
    /// When the first and the last call began.
    pub first_seen: i64,
    pub last_seen: i64,
    /// Trace ids: slow ones, failed ones, any.
    pub examples: Vec<u128>,
}

/// At least this share of calls is waited for if an edge is synchronous, and at most that if it is asynchronous.
const SYNC: f64 = 0.9;
const ASYNC: f64 = 0.1;

impl Edge {
    /// The view that tells of the edge as a whole: its callers', or else its callee's or gateways'.
    pub fn main_view(&self) -> Option<(View, &EdgeView)> {
        let views = [(View::Client, &self.client), (View::Server, &self.server), (View::Gateway, &self.gateway)];
        views.into_iter().find_map(|(view, found)| Some((view, found.as_ref()?)))
    }

    /// The text in the `kind` column of the graph: requests are `sync`, `async` or `mixed` by how many are waited for.
    pub fn kind_text(&self) -> &'static str {
        match (self.kind, self.main_view()) {
            (HopKind::Request, Some((_, view))) if view.sync_ratio <= ASYNC => "async",
            (HopKind::Request, Some((_, view))) if view.sync_ratio < SYNC => "mixed",
            (kind, _) => edge_kind(kind),
        }
    }

    /// Share of calls of which both sides are there.
    pub fn coverage(&self) -> Option<f64> {
        let (_, view) = self.main_view()?;
        (view.measures.requests > 0.0).then(|| view.paired / view.measures.requests)
    }
}
