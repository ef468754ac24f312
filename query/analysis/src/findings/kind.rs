//! The kinds of findings and how bad they are.

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    SyncChain,
    Cascade,
    HotService,
    Breaker,
    RetryStorm,
    RetryAmplification,
    Chatty,
    NPlusOne,
    SharedDb,
    Cycle,
    FanoutBurst,
    Spof,
    TimeoutInversion,
    WastedWork,
    DistributedMonolith,
    Nanoservice,
    GodGateway,
    HiddenErrors,
    InstrumentationGap,
}

impl FindingKind {
    pub const ALL: [FindingKind; 19] = [
        FindingKind::SyncChain,
        FindingKind::Cascade,
        FindingKind::HotService,
        FindingKind::Breaker,
        FindingKind::RetryStorm,
        FindingKind::RetryAmplification,
        FindingKind::Chatty,
        FindingKind::NPlusOne,
        FindingKind::SharedDb,
        FindingKind::Cycle,
        FindingKind::FanoutBurst,
        FindingKind::Spof,
        FindingKind::TimeoutInversion,
        FindingKind::WastedWork,
        FindingKind::DistributedMonolith,
        FindingKind::Nanoservice,
        FindingKind::GodGateway,
        FindingKind::HiddenErrors,
        FindingKind::InstrumentationGap,
    ];

    /// The text in the `kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::SyncChain => "SYNC_CHAIN",
            FindingKind::Cascade => "CASCADE",
            FindingKind::HotService => "HOT_SERVICE",
            FindingKind::Breaker => "BREAKER",
            FindingKind::RetryStorm => "RETRY_STORM",
            FindingKind::RetryAmplification => "RETRY_AMPLIFICATION",
            FindingKind::Chatty => "CHATTY",
            FindingKind::NPlusOne => "N_PLUS_ONE",
            FindingKind::SharedDb => "SHARED_DB",
            FindingKind::Cycle => "CYCLE",
            FindingKind::FanoutBurst => "FANOUT_BURST",
            FindingKind::Spof => "SPOF",
            FindingKind::TimeoutInversion => "TIMEOUT_INVERSION",
            FindingKind::WastedWork => "WASTED_WORK",
            FindingKind::DistributedMonolith => "DISTRIBUTED_MONOLITH",
            FindingKind::Nanoservice => "NANOSERVICE",
            FindingKind::GodGateway => "GOD_GATEWAY",
            FindingKind::HiddenErrors => "HIDDEN_ERRORS",
            FindingKind::InstrumentationGap => "INSTRUMENTATION_GAP",
        }
    }
}

/// How bad a finding is, by its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The text in the `severity` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Of a score of 0 to 100.
    pub fn of(score: u32) -> Severity {
        match score {
            75.. => Severity::Critical,
            50.. => Severity::High,
            25.. => Severity::Medium,
            _ => Severity::Low,
        }
    }
}
