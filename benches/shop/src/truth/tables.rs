//! Truth about single flows, policies and conditions, in the form in which it is written and read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The kinds of conditions that a system can suffer from, as ANALYSIS defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FindingKind {
    /// Four or more blocking remote hops in a row.
    SyncChain,
    /// An error deep inside reaches the entry.
    Cascade,
    /// A service that much of the time is spent in is under stress.
    HotService,
    /// A circuit breaker opened.
    Breaker,
    /// Retries multiply a load that fails anyway.
    RetryStorm,
    /// Noticeably more attempts than calls.
    RetryAmplification,
    /// Very many calls over one edge for one request.
    Chatty,
    /// One call per item of a list, one after the other.
    NPlusOne,
    /// Several services write one collection.
    SharedDb,
    /// Services call each other in a circle.
    Cycle,
    /// Very many calls at once.
    FanoutBurst,
    /// One instance that most requests need.
    Spof,
    /// A caller gives up before its callee can be done.
    TimeoutInversion,
    /// Work for callers that are gone.
    WastedWork,
    /// Services that are never called without each other.
    DistributedMonolith,
    /// A service too small for the cost of calling it.
    Nanoservice,
    /// A service that everything goes through.
    GodGateway,
    /// Failures that the answer does not show.
    HiddenErrors,
    /// A service that does not send all of its spans.
    InstrumentationGap,
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::SyncChain,
        Self::Cascade,
        Self::HotService,
        Self::Breaker,
        Self::RetryStorm,
        Self::RetryAmplification,
        Self::Chatty,
        Self::NPlusOne,
        Self::SharedDb,
        Self::Cycle,
        Self::FanoutBurst,
        Self::Spof,
        Self::TimeoutInversion,
        Self::WastedWork,
        Self::DistributedMonolith,
        Self::Nanoservice,
        Self::GodGateway,
        Self::HiddenErrors,
        Self::InstrumentationGap,
    ];

    /// The name in upper case that findings have in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyncChain => "SYNC_CHAIN",
            Self::Cascade => "CASCADE",
            Self::HotService => "HOT_SERVICE",
            Self::Breaker => "BREAKER",
            Self::RetryStorm => "RETRY_STORM",
            Self::RetryAmplification => "RETRY_AMPLIFICATION",
            Self::Chatty => "CHATTY",
            Self::NPlusOne => "N_PLUS_ONE",
            Self::SharedDb => "SHARED_DB",
            Self::Cycle => "CYCLE",
            Self::FanoutBurst => "FANOUT_BURST",
            Self::Spof => "SPOF",
            Self::TimeoutInversion => "TIMEOUT_INVERSION",
            Self::WastedWork => "WASTED_WORK",
            Self::DistributedMonolith => "DISTRIBUTED_MONOLITH",
            Self::Nanoservice => "NANOSERVICE",
            Self::GodGateway => "GOD_GATEWAY",
            Self::HiddenErrors => "HIDDEN_ERRORS",
            Self::InstrumentationGap => "INSTRUMENTATION_GAP",
        }
    }
}

/// A condition that held, or nearly did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingTruth {
    /// What is wrong.
    pub kind: FindingKind,
    /// The subject's service, or the host name of a database.
    pub service: String,
    /// The other end of an edge; of `CASCADE` the entry's service, of `SHARED_DB` the collection.
    pub target: Option<String>,
    /// The subject's operation; of `CASCADE` and `HIDDEN_ERRORS` the entry's.
    pub operation: Option<String>,
    /// When it began, nanoseconds since the Unix epoch.
    pub from_unix_nano: i64,
    /// When it was over.
    pub to_unix_nano: i64,
    /// Whether it was made to stay just below the threshold: nothing should be found.
    pub near_miss: bool,
    /// Whether it was not aimed at: another condition brought it about. It is right to find it, and no fault not to.
    pub side_effect: bool,
    /// The scenario that made it.
    pub scenario: String,
}

/// Where the failure of an entry request began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginTruth {
    /// 32 hex digits.
    pub trace_id: String,
    /// When the entry request began.
    pub start_unix_nano: i64,
    /// The service that was asked from outside.
    pub entry_service: String,
    /// What it was asked for.
    pub entry_operation: String,
    /// The service, or the host of a database or outsider, that failed first or took too long.
    pub service: String,
    /// What was asked of it.
    pub operation: String,
    /// How it ended, as in [`Outcome::as_str`](crate::Outcome::as_str).
    pub outcome: String,
    /// Whether it did not fail but took longer than somebody waited.
    pub is_slow: bool,
    /// Remote hops from there to the entry.
    pub hops: u32,
}

/// What the time of an entry request was spent on, from the graph of who waited for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathTruth {
    /// 32 hex digits.
    pub trace_id: String,
    /// When the entry request began.
    pub start_unix_nano: i64,
    /// The service that was asked from outside.
    pub entry_service: String,
    /// What it was asked for.
    pub entry_operation: String,
    /// How long it took; the sum of `exclusive_ns`.
    pub duration_ns: u64,
    /// Failures inside that somebody went on without.
    pub absorbed: u32,
    /// Nanoseconds by service. Waiting for the network, a database or an outsider is the caller's.
    pub exclusive_ns: BTreeMap<String, u64>,
}

/// What the circuit breaker of one process did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerTruth {
    /// `service.name` of the caller.
    pub service: String,
    /// `service.instance.id` of the caller.
    pub instance: String,
    /// Who was not called.
    pub target: String,
    /// From opening until it closed, or to the end of the run. In between some calls are let through to see how they end.
    pub open: Vec<(i64, i64)>,
    /// Calls turned away.
    pub rejected: u64,
}

/// Work in vain of a service in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasteTruth {
    /// First nanosecond of the minute in which the work began.
    pub minute_unix_nano: i64,
    /// `service.name`.
    pub service: String,
    /// Nanoseconds after the caller had gone, and of attempts that were repeated.
    pub wasted_ns: u64,
    /// Nanoseconds spent on requests and messages.
    pub busy_ns: u64,
}
