//! What the analysis says of a system, under names that can be compared with the truth.

use std::collections::BTreeMap;

use spandrel_analysis::sketch::Sketch;
use spandrel_shop::engine::EdgeKind;

/// An operation of a service in a minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationAt {
    /// First nanosecond.
    pub minute: i64,
    pub service: String,
    pub operation: String,
}

/// Requests as the server saw them. Weights and weighted sums are multiples of 2^-16.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationSeen {
    pub requests: u64,
    pub failures: u64,
    pub duration_sum: i128,
    /// Sum of the squares of the weights, in multiples of 2^-32.
    pub weight_squares: u128,
    pub latency: Sketch,
}

/// An edge of the service graph, whatever the time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub source: String,
    pub target: String,
    pub kind: EdgeKind,
}

/// Calls as the client saw them, in multiples of 2^-16.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeSeen {
    pub requests: u64,
    pub attempts: u64,
    pub failures: u64,
    pub duration_sum: i128,
}

/// Nanoseconds of an entry's critical path, by service and operation.
pub type PathSeen = BTreeMap<(String, String), i64>;

/// A finding and how long it held.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingSeen {
    /// The text in the `kind` column.
    pub kind: &'static str,
    pub service: String,
    pub target: Option<String>,
    pub operation: Option<String>,
    pub text: String,
    pub since: i64,
    pub until: i64,
    /// 0 to 100.
    pub score: u32,
}

/// Everything that is compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    pub operations: BTreeMap<OperationAt, OperationSeen>,
    /// By minute and edge.
    pub edges: BTreeMap<(i64, Edge), EdgeSeen>,
    /// By trace and the service of the entry.
    pub paths: BTreeMap<(u128, String), PathSeen>,
    /// Nodes in which the failure of an entry began, by trace and the service of the entry.
    pub origins: BTreeMap<(u128, String), String>,
    pub findings: Vec<FindingSeen>,
}
