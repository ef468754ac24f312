//! Flows: all that is stored of one request, as one ordered tree of spans, gateway records, log lines and breaker events,
//! by trace id or by any correlation id.
//!
//! [`FlowId`] reads the id, [`Search`] says what to look up and which of what is found belongs together, [`Flow`] puts the
//! records into their places, each with the tier by which it was joined, and names what is missing. [`table`] is the
//! result as Arrow.

mod assemble;
mod columns;
mod gaps;
mod holders;
mod id;
mod join;
mod order;
mod records;
mod search;
mod spans;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use id::{FlowId, FlowIdError, as_written};
pub use search::{Found, Ids, Search};

/// An id with more traces than this is no id of one request but of a session.
pub const REQUEST_TRACES: usize = 20;
/// Nor is one whose records are further apart than this, nanoseconds. Records of one flow are no further apart.
pub const REQUEST_NANOS: i64 = 15 * 60 * 1_000_000_000;
/// How often ids are looked up that the records found before brought up.
pub const MAX_ROUNDS: usize = 3;
/// Ids of one flow.
pub const MAX_IDS: usize = 64;
/// Records of one flow; past it logs are left out.
pub const MAX_RECORDS: usize = 1_000_000;
/// Records that are shown of a session, for each table.
pub const SESSION_RECORDS: usize = 10_000;

/// Nanoseconds by which times of different records of one moment may differ: log times are cut to milliseconds, and
/// clocks of hosts differ.
const TOLERANCE: i64 = 5_000_000;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// A record of a gateway or mesh proxy.
    Request,
    Span,
    Breaker,
    Log,
}

impl RecordType {
    /// The text in `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::Request => "request",
            RecordType::Span => "span",
            RecordType::Breaker => "breaker",
            RecordType::Log => "log",
        }
    }
}

/// By what a record was joined to the one above it, or to the flow where it stands on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Trace id and span id.
    Span,
    /// Trace id, service and time.
    Trace,
    /// Correlation id.
    Correlation,
}

impl Tier {
    /// The text in `join_tier`.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Span => "T0",
            Tier::Trace => "T1",
            Tier::Correlation => "T2",
        }
    }

    pub fn confidence(self) -> f64 {
        match self {
            Tier::Span => 1.0,
            Tier::Trace => 0.95,
            Tier::Correlation => 0.9,
        }
    }
}

/// Something that should be there and is not, at one record or in the flow as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub kind: GapKind,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapKind {
    /// The record names a parent span that is not stored.
    MissingParent,
    /// A service that sends spans was called and sent none for the call.
    AbsentCallee,
    /// No span of the request is stored.
    NotSampled,
    /// Two spans have one id; what names it as its parent is under the other.
    IdClash,
    /// The span was its own ancestor.
    Cycle,
    /// No log line of the flow is stored.
    NoLogs,
    /// More ids hang together than are followed.
    IdsCut,
    /// A correlation id is of a session, not of a request, and was not followed.
    Session,
    /// Logs, or records of a session, are left out because there are too many.
    RecordsCut,
}

impl GapKind {
    /// The word that begins the text in `gap`.
    pub fn as_str(self) -> &'static str {
        match self {
            GapKind::MissingParent => "missing_parent",
            GapKind::AbsentCallee => "absent_callee",
            GapKind::NotSampled => "not_sampled",
            GapKind::IdClash => "id_clash",
            GapKind::Cycle => "cycle",
            GapKind::NoLogs => "no_logs",
            GapKind::IdsCut => "ids_cut",
            GapKind::Session => "session",
            GapKind::RecordsCut => "records_cut",
        }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.kind.as_str(), self.detail)
    }
}

/// A trace that spans of a flow link to. Links do not merge flows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkedFlow {
    /// Position of the span that links.
    pub record: u32,
    pub trace_id: u128,
    pub span_id: u64,
}

/// A record in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub record_type: RecordType,
    /// Row in the batch of its table.
    pub row: u32,
    /// Nanoseconds since the epoch.
    pub time: i64,
    /// Position of the record above it, which always comes before it.
    pub parent: Option<u32>,
    /// How many records are above it.
    pub depth: u32,
    pub tier: Tier,
    pub gaps: Vec<Gap>,
}

/// What is known of a flow as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The id that was asked for, in the form by which records join.
    pub id: String,
    /// Nanoseconds since the epoch, of the first span or gateway record; of the first record where there is neither.
    pub start: i64,
    /// Of the last of them to end.
    pub end: i64,
    /// Names of services and gateways.
    pub services: BTreeSet<String>,
    /// The part of the spans that has everything it should: 1 − (spans whose parent is missing + calls whose callee is
    /// missing) / spans; 0 where no span is stored.
    pub completeness: f64,
    pub records: BTreeMap<RecordType, u64>,
    pub tiers: BTreeMap<Tier, u64>,
    /// Gaps of the flow as a whole.
    pub gaps: Vec<Gap>,
    pub linked_flows: Vec<LinkedFlow>,
}

/// The records of a flow in order: depth first, those under one record in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub summary: Summary,
    pub records: Vec<Placed>,
}

impl Flow {
    /// The flow of what a [`Search`] found. `senders` are services known to send spans, beside those of the flow itself.
    pub fn assemble(found: &Found, senders: &BTreeSet<String>) -> Flow {
        assemble::assemble(found, senders)
    }
}
