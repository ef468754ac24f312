//! What the simulation reports: facts for the truth, and what a perfect instrumentation would see.

use std::net::Ipv4Addr;

pub use crate::topology::Node;
use crate::{
    outcome::{Fault, Outcome},
    topology::{InstanceId, OperationId, Query, ServiceId, Target, TopicId},
};

/// Everything that one event of the simulation reported.
#[derive(Debug, Default)]
pub struct Records {
    /// Spans that ended.
    pub spans: Vec<SpanRecord>,
    /// Log lines.
    pub logs: Vec<LogRecord>,
    /// Requests and messages that a service finished handling. Truth.
    pub handled: Vec<Handled>,
    /// Logical calls that ended. Truth.
    pub called: Vec<Called>,
    /// Requests from outside that were answered. Truth.
    pub entries: Vec<EntryEnded>,
    /// Work in vain. Truth.
    pub wasted: Vec<Wasted>,
    /// What circuit breakers did. Truth.
    pub breakers: Vec<BreakerEvent>,
    /// Traces that began. Truth.
    pub traces: u64,
}

impl Records {
    /// Forgets everything.
    pub fn clear(&mut self) {
        let Self { spans, logs, handled, called, entries, wasted, breakers, traces } = self;
        spans.clear();
        logs.clear();
        handled.clear();
        called.clear();
        entries.clear();
        wasted.clear();
        breakers.clear();
        *traces = 0;
    }
}

/// What all spans of a flow have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The trace.
    pub trace: [u8; 16],
    /// The `x-request-id`, as the two halves of a UUID.
    pub request: (u64, u64),
    /// Which client it came from.
    pub client: Client,
    /// The client's network address.
    pub address: Ipv4Addr,
    /// Who is logged in.
    pub user: u32,
    /// Which product is looked at.
    pub product: u32,
    /// Which order is placed or looked at.
    pub order: u32,
}

/// What the user holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A browser.
    Web,
    /// The shop's app.
    Mobile,
}

/// A span of some trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanRef {
    /// Its trace.
    pub trace: [u8; 16],
    /// Its id.
    pub span: u64,
}

/// A span that ended.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    /// The flow it is part of.
    pub visit: Visit,
    /// Its id.
    pub span: u64,
    /// Its parent in the same trace.
    pub parent: Option<u64>,
    /// The spans that caused it without waiting for it.
    pub links: Vec<SpanRef>,
    /// The process it ran in.
    pub instance: InstanceId,
    /// When it started.
    pub start: i64,
    /// When it ended, not before its start.
    pub end: i64,
    /// How it failed.
    pub fault: Option<Fault>,
    /// What it did.
    pub activity: Activity,
}

/// What a span did.
#[derive(Debug, Clone, Copy)]
pub enum Activity {
    /// Answered a request from `peer`.
    Serve { operation: OperationId, peer: Ipv4Addr },
    /// Handled a message.
    Consume { operation: OperationId, partition: u32, offset: i64 },
    /// Made one attempt of a call. Not answered means that the caller gave up or found nobody.
    Call { target: Target, peer: Option<InstanceId>, answered: bool, resend: u32 },
    /// Ran a query.
    Query { query: Query },
    /// Sent a message.
    Publish { topic: TopicId, partition: u32, offset: i64 },
    /// Computed.
    Internal { name: &'static str },
}

/// A log line.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord {
    /// The flow it is part of.
    pub visit: Visit,
    /// The span it was written in.
    pub span: u64,
    /// The process that wrote it.
    pub instance: InstanceId,
    /// When.
    pub time: i64,
    /// What it says.
    pub line: Line,
}

/// What a log line says.
#[derive(Debug, Clone, Copy)]
pub enum Line {
    /// Something worth mentioning.
    Said { event: &'static str, body: &'static str },
    /// A request or message was handled.
    Handled { operation: OperationId, fault: Option<Fault>, duration: i64 },
    /// An attempt failed and another will follow.
    Retrying { target: Node, attempt: u32, fault: Fault },
    /// A call failed and the work goes on without its answer.
    WentOn { target: Node, fault: Fault },
    /// A circuit breaker changed its state.
    Breaker { target: Node, change: BreakerChange },
}

impl Line {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Said { .. } => Severity::Info,
            Self::Handled { fault: None, .. } => Severity::Info,
            Self::Handled { fault: Some(fault), .. } if fault.outcome().is_failure() => Severity::Error,
            Self::Handled { .. } | Self::Retrying { .. } | Self::WentOn { .. } | Self::Breaker { .. } => Severity::Warn,
        }
    }
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Info,
    /// Somebody may want to know.
    Warn,
    /// Somebody was not served.
    Error,
}

/// A request or message that a service finished handling.
#[derive(Debug, Clone, Copy)]
pub struct Handled {
    /// What was asked for.
    pub operation: OperationId,
    /// The process that handled it.
    pub instance: InstanceId,
    /// When it arrived.
    pub start: i64,
    /// When it was done.
    pub end: i64,
    /// Nanoseconds of its queries.
    pub database: i64,
    /// How it failed.
    pub fault: Option<Fault>,
}

/// A logical call with all its attempts, or the delivery of a message.
#[derive(Debug, Clone, Copy)]
pub struct Called {
    /// Who called.
    pub source: ServiceId,
    /// The process that called.
    pub instance: InstanceId,
    /// Who was called.
    pub target: Node,
    /// How.
    pub kind: EdgeKind,
    /// Start of the first attempt; for a message, when handling started.
    pub start: i64,
    /// End of the last attempt; for a message, of handling it.
    pub end: i64,
    /// How many attempts there were.
    pub attempts: u32,
    /// Attempts that the caller stopped waiting for.
    pub timeouts: u32,
    /// Attempts that the caller's breaker or bulkhead turned away.
    pub rejected: u32,
    /// How the last attempt failed; for a message, how handling it failed.
    pub fault: Option<Fault>,
}

/// How one node depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The caller waits for the answer.
    Sync,
    /// A message, delivered some time later.
    Async,
    /// A query to a database or cache.
    Data,
}

/// A request from outside that was answered.
#[derive(Debug, Clone)]
pub struct EntryEnded {
    /// Its trace.
    pub trace: [u8; 16],
    /// What was asked for.
    pub operation: OperationId,
    /// When it arrived.
    pub start: i64,
    /// When it was answered.
    pub end: i64,
    /// How it failed.
    pub fault: Option<Fault>,
    /// Where the failure began.
    pub origin: Option<Origin>,
    /// Failures inside that somebody went on without.
    pub absorbed: u32,
    /// How long the request waited for these, nanoseconds.
    pub drag: i64,
    /// What the time was spent on: who worked, or waited for the network or a database, and how long. The sum is its
    /// duration.
    pub shares: Vec<(ServiceId, i64)>,
}

/// Where a failure began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Who failed first, or was too slow.
    pub node: Node,
    /// What it was asked to do.
    pub asked: Work,
    /// How that ended.
    pub outcome: Outcome,
    /// Whether it did not fail but took longer than somebody waited.
    pub is_slow: bool,
    /// Remote hops from there up to here.
    pub hops: u32,
}

/// A piece of work and whose it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// An operation of a service.
    Operation(ServiceId, OperationId),
    /// A query.
    Query(Query),
    /// Whatever was asked of somebody who did not answer for himself.
    Peer(Node),
}

// The latencies in a query are whole numbers, so that equality is total.
impl Eq for Work {}

impl Work {
    /// Whose it is.
    pub fn node(self) -> Node {
        match self {
            Self::Operation(service, _) => Node::Service(service),
            Self::Query(query) => Node::Store(query.store),
            Self::Peer(node) => node,
        }
    }
}

/// Time that a service spent for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wasted {
    /// Who worked.
    pub service: ServiceId,
    /// When the request arrived.
    pub start: i64,
    /// How long, nanoseconds.
    pub nanos: i64,
    /// Nanoseconds of its queries in this time.
    pub database: i64,
}

/// Something that happened to the circuit breaker of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerEvent {
    /// The process that calls.
    pub instance: InstanceId,
    /// Whom it calls.
    pub target: Node,
    /// When.
    pub time: i64,
    /// What.
    pub change: BreakerChange,
}

/// What can happen to a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerChange {
    /// It is used for the first time, and closed.
    Created,
    /// No call is let through any more.
    Opened,
    /// Some calls are let through to see how they end.
    HalfOpened,
    /// All calls are let through.
    Closed,
    /// A call was not let through.
    Rejected,
}
