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
    /// Of `requests`, in multiples of 2^-32: a trace of weight w with n of them adds w (w - 1) n². They were sampled together.
    pub variance: u128,
    pub latency: Sketch,
}

/// A service in a minute, asked by a gateway or by other services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordsAt {
    /// First nanosecond.
    pub minute: i64,
    pub service: String,
    pub is_from_outside: bool,
}

/// Requests as access logs tell of them, in multiples of 2^-16.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordsSeen {
    pub requests: u64,
    pub failures: u64,
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

/// An entry: the low half of its trace id, which is all that is left of some, and its service.
pub type EntryKey = (u64, String);

/// Nanoseconds of an entry's critical path, by service.
pub type PathSeen = BTreeMap<String, i64>;

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
    /// What it was told from when it opened, for whoever mends it.
    pub evidence: String,
}

/// Everything that is compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    pub operations: BTreeMap<OperationAt, OperationSeen>,
    pub records: BTreeMap<RecordsAt, RecordsSeen>,
    /// By minute and edge.
    pub edges: BTreeMap<(i64, Edge), EdgeSeen>,
    pub paths: BTreeMap<EntryKey, PathSeen>,
    /// Nanoseconds that the root span of an entry lasted.
    pub durations: BTreeMap<EntryKey, i64>,
    /// Nodes in which the failure of an entry began.
    pub origins: BTreeMap<EntryKey, String>,
    pub findings: Vec<FindingSeen>,
}
