//! What an operation does when it is called.

use std::sync::Arc;

use super::model::{DataStoreId, ExternalId, OperationId, TopicId};
use crate::random::Latency;

/// Steps in order.
pub type Script = Arc<[Step]>;

/// One step of an operation.
#[derive(Debug, Clone)]
pub enum Step {
    /// Own computing, without a span of its own.
    Work(Latency),
    /// Own computing under an INTERNAL span.
    Internal { name: &'static str, latency: Latency },
    /// One call, waited for.
    Call(Call),
    /// Calls started at the same time, all of them waited for.
    Together(Arc<[Call]>),
    /// A query to a database or a cache, waited for.
    Query(Query),
    /// A message to a topic; waits for the broker's acknowledgement only.
    Publish(TopicId),
    /// The steps, with a probability in thousandths.
    Sometimes { per_mille: u32, steps: Script },
    /// The steps, a random number of times.
    Repeat { from: u32, to: u32, steps: Script },
    /// A log line at INFO.
    Say { event: &'static str, body: &'static str },
}

/// A call to another service and its policy. Times in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Who is called.
    pub target: Target,
    /// How long one attempt may take.
    pub timeout: i64,
    /// Attempts after the first.
    pub retries: u32,
    /// Pause before the second attempt; doubles for each further one.
    pub backoff: i64,
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

/// A query to a database or a cache.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Where it runs.
    pub store: DataStoreId,
    /// `SELECT`, `GET`, `find`, ...
    pub operation: &'static str,
    /// Table or collection; empty where there is none.
    pub collection: &'static str,
    /// The text, without literals.
    pub text: &'static str,
    /// How long it takes.
    pub latency: Latency,
    /// How long the client waits, nanoseconds.
    pub timeout: i64,
    /// Probability of an error, in millionths.
    pub faults_per_million: u32,
    /// What the caller does when it fails.
    pub on_failure: OnFailure,
}

impl Step {
    /// Own computing with this median and 99th percentile in microseconds.
    pub const fn work(p50: i64, p99: i64) -> Self {
        Self::Work(Latency::micros(p50, p99))
    }

    /// Own computing under an INTERNAL span, microseconds.
    pub const fn internal(name: &'static str, p50: i64, p99: i64) -> Self {
        Self::Internal { name, latency: Latency::micros(p50, p99) }
    }

    /// The steps, with a probability in thousandths.
    pub fn sometimes<const N: usize>(per_mille: u32, steps: [Step; N]) -> Self {
        Self::Sometimes { per_mille, steps: Arc::new(steps) }
    }

    /// The steps, `from..=to` times.
    pub fn repeat<const N: usize>(from: u32, to: u32, steps: [Step; N]) -> Self {
        Self::Repeat { from, to, steps: Arc::new(steps) }
    }

    /// Calls started at the same time.
    pub fn together<const N: usize>(calls: [Call; N]) -> Self {
        Self::Together(Arc::new(calls))
    }
}

impl Call {
    /// A call with a timeout in milliseconds, no retries, whose failure is the caller's failure.
    pub const fn to(target: Target, timeout_millis: i64) -> Self {
        Self { target, timeout: timeout_millis * 1_000_000, retries: 0, backoff: 0, on_failure: OnFailure::Fail }
    }

    /// With so many further attempts, the first after this pause in milliseconds.
    pub const fn retried(self, retries: u32, backoff_millis: i64) -> Self {
        Self { retries, backoff: backoff_millis * 1_000_000, ..self }
    }

    /// With a caller that can do without the answer.
    pub const fn optional(self) -> Self {
        Self { on_failure: OnFailure::GoOn, ..self }
    }
}
