//! Calls to other services and what callers do to protect themselves. Times in nanoseconds.

use super::model::{ExternalId, OperationId};
use crate::outcome::Fault;

/// A call to another service and its policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// Who is called.
    pub target: Target,
    /// How long one attempt may take.
    pub timeout: i64,
    /// Attempts after the first.
    pub retries: u32,
    /// What has to go wrong for another attempt to be made.
    pub retries_on: &'static [Fault],
    /// Pause before the second attempt; doubles for each further one.
    pub backoff: i64,
    /// Up to how much of the pause is taken off at random, in percent.
    pub jitter_percent: u32,
    /// After how long without an answer a second attempt is made beside the first.
    pub hedge: Option<i64>,
    /// When to stop calling.
    pub breaker: Option<Breaker>,
    /// Most calls that one process has under way at once.
    pub bulkhead: Option<u32>,
    /// Whether the callee learns how long it has, where the protocol can say it (gRPC).
    pub propagates_deadline: bool,
    /// Whether a callee that nobody waits for any more is told to stop.
    pub cancels: bool,
    /// What the caller does when the last attempt has failed.
    pub on_failure: OnFailure,
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An operation of a service of the shop.
    Operation(OperationId),
    /// Somebody who sends no telemetry.
    External(ExternalId),
}

/// What a caller does with a failed call or query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It fails too.
    Fail,
    /// It goes on without the answer.
    GoOn,
}

/// A circuit breaker over the latest attempts of one process to call one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Which attempts it remembers.
    pub window: Window,
    /// It opens when so many percent of them failed.
    pub failure_percent: u32,
    /// And not before so many were made.
    pub min_calls: u32,
    /// How long it stays open, nanoseconds.
    pub wait: i64,
    /// Attempts let through then, all of which must succeed for it to close.
    pub half_open_calls: u32,
}

/// What a circuit breaker remembers, as in resilience4j.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many latest attempts (`COUNT_BASED`).
    Count(u32),
    /// Those that ended within so many nanoseconds, the one that just did among them (`TIME_BASED`).
    Time(i64),
}

impl Call {
    /// A call with a timeout in milliseconds, no retries, whose failure is the caller's failure.
    pub const fn to(target: Target, timeout_millis: i64) -> Self {
        Self {
            target,
            timeout: timeout_millis * 1_000_000,
            retries: 0,
            retries_on: Fault::RETRYABLE,
            backoff: 0,
            jitter_percent: 0,
            hedge: None,
            breaker: None,
            bulkhead: None,
            propagates_deadline: true,
            cancels: false,
            on_failure: OnFailure::Fail,
        }
    }

    /// With so many further attempts, the first after this pause in milliseconds.
    pub const fn retried(self, retries: u32, backoff_millis: i64) -> Self {
        Self { retries, backoff: backoff_millis * 1_000_000, ..self }
    }

    /// With a caller that can do without the answer.
    pub const fn optional(self) -> Self {
        Self { on_failure: OnFailure::GoOn, ..self }
    }

    /// With pauses that are up to so many percent shorter, at random.
    pub const fn jittered(self, percent: u32) -> Self {
        Self { jitter_percent: percent, ..self }
    }

    /// With a second attempt beside the first after so many milliseconds; the slower one is told to stop.
    pub const fn hedged(self, after_millis: i64) -> Self {
        Self { hedge: Some(after_millis * 1_000_000), cancels: true, ..self }
    }

    /// With a circuit breaker.
    pub const fn guarded(self, breaker: Breaker) -> Self {
        Self { breaker: Some(breaker), ..self }
    }

    /// With at most so many under way at once in one process.
    pub const fn limited(self, bulkhead: u32) -> Self {
        Self { bulkhead: Some(bulkhead), ..self }
    }
}
