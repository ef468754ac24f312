//! The counts of one minute.

use std::collections::{BTreeMap, HashMap};

use super::Calls;
use crate::{
    context::NodeId,
    hops::HopKind,
    span::{Protocol, ServiceId},
    text::Text,
};

/// Who says it. Views are never added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    Client,
    Server,
    Gateway,
}

impl View {
    /// The text in the `view` column.
    pub fn as_str(self) -> &'static str {
        match self {
            View::Client => "client",
            View::Server => "server",
            View::Gateway => "gateway",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationKey {
    pub service: ServiceId,
    pub operation: Text,
    pub view: View,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeKey {
    pub source: NodeId,
    pub target: NodeId,
    pub kind: HopKind,
    pub protocol: Protocol,
    pub operation: Text,
    /// `db.namespace`.
    pub schema: Text,
    pub view: View,
}

/// Traces to look at: those with the smallest hash of their id, so that the choice does not depend on order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    pub slow: Vec<(i64, u128)>,
    pub failed: Vec<(u64, u128)>,
    pub any: Vec<(u64, u128)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationStats {
    pub calls: Calls,
    /// Fixed-point weight of those that came from outside.
    pub entries: u64,
    /// Weighted nanoseconds in which no child ran.
    pub self_time: i128,
    pub first_seen: i64,
    pub last_seen: i64,
    pub examples: Examples,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeStats {
    pub calls: Calls,
    /// Fixed-point weights.
    pub attempts: u64,
    /// Of calls that were waited for, and of those that were waited for on the critical path.
    pub sync: u64,
    pub blocking: u64,
    /// Of calls of which both sides are there.
    pub paired: u64,
    /// Weighted nanoseconds, of paired calls: client's duration less the server's.
    pub network: i128,
    /// Of deliveries: from sending to handling.
    pub queue_delay: crate::sketch::Sketch,
    /// Deliveries that arrived before they were sent.
    pub negative_delays: u64,
    pub first_seen: i64,
    pub last_seen: i64,
    pub examples: Examples,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathKey {
    pub entry_service: ServiceId,
    pub entry_operation: Text,
    pub service: ServiceId,
    pub operation: Text,
}

/// The time that an operation owns of the requests of an entry operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathStats {
    /// Weighted nanoseconds.
    pub exclusive: i128,
    /// Fixed-point weight of the entries in which it owns some.
    pub presence: u64,
}

/// What was there to be analysed, per service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageStats {
    pub spans: u64,
    pub orphans: u64,
    pub duplicates: u64,
    pub cycles: u64,
    pub id_clashes: u64,
    /// Client spans whose callee is known to send spans and sent none, and those whose callee did.
    pub unpaired_clients: u64,
    pub paired_clients: u64,
    /// Server spans whose caller is another service without a client span.
    pub clients_missing: u64,
    pub negative_durations: u64,
    pub alias_conflicts: u64,
    pub skew_suspects: u64,
}

/// All counts of one minute.
#[derive(Debug, Clone, Default)]
pub struct Minute {
    pub operations: HashMap<OperationKey, OperationStats>,
    pub edges: HashMap<EdgeKey, EdgeStats>,
    pub paths: HashMap<PathKey, PathStats>,
    pub coverage: HashMap<ServiceId, CoverageStats>,
}

/// Minutes by their first nanosecond.
pub type Minutes = BTreeMap<i64, Minute>;
