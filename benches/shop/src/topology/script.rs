//! What an operation does when it is called.

use std::sync::Arc;

use super::{
    model::{DataStoreId, TopicId},
    policy::{Call, OnFailure},
};
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
    /// The steps. When a call or a query among them fails its caller, the rest of them is left out and the fallback runs
    /// instead.
    Fallback { steps: Script, fallback: Script },
    /// A log line at INFO.
    Say { event: &'static str, body: &'static str },
}

/// A query to a database or a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
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

    /// The steps, and what to do instead when they fail.
    pub fn or_else<const N: usize, const M: usize>(steps: [Step; N], fallback: [Step; M]) -> Self {
        Self::Fallback { steps: Arc::new(steps), fallback: Arc::new(fallback) }
    }

    /// Calls started at the same time.
    pub fn together<const N: usize>(calls: [Call; N]) -> Self {
        Self::Together(Arc::new(calls))
    }

    /// The scripts that are parts of the step.
    pub fn parts(&self) -> impl Iterator<Item = &Script> {
        let (steps, fallback) = match self {
            Self::Sometimes { steps, .. } | Self::Repeat { steps, .. } => (Some(steps), None),
            Self::Fallback { steps, fallback } => (Some(steps), Some(fallback)),
            _ => (None, None),
        };
        steps.into_iter().chain(fallback)
    }
}

impl Query {
    /// What the query is counted under.
    pub fn name(&self) -> String {
        if self.collection.is_empty() {
            self.operation.to_owned()
        } else {
            format!("{} {}", self.operation, self.collection)
        }
    }
}

/// The same script with every call in it changed, those in its loops and branches too.
pub(super) fn with_calls(script: &[Step], change: &mut dyn FnMut(&mut Call)) -> Script {
    let steps = script.iter().map(|step| match step {
        Step::Call(call) => Step::Call(changed(*call, change)),
        Step::Together(calls) => Step::Together(calls.iter().map(|call| changed(*call, change)).collect()),
        Step::Sometimes { per_mille, steps } => {
            Step::Sometimes { per_mille: *per_mille, steps: with_calls(steps, change) }
        }
        Step::Repeat { from, to, steps } => Step::Repeat { from: *from, to: *to, steps: with_calls(steps, change) },
        Step::Fallback { steps, fallback } => {
            Step::Fallback { steps: with_calls(steps, change), fallback: with_calls(fallback, change) }
        }
        other => other.clone(),
    });
    steps.collect()
}

fn changed(mut call: Call, change: &mut dyn FnMut(&mut Call)) -> Call {
    change(&mut call);
    call
}

/// How often each call of a script is made on average when the script runs once and nothing fails.
pub fn expected_calls(script: &[Step]) -> Vec<(Call, f64)> {
    let mut calls = Vec::new();
    let mut todo: Vec<(&[Step], f64)> = vec![(script, 1.0)];
    while let Some((steps, times)) = todo.pop() {
        for step in steps {
            match step {
                Step::Call(call) => calls.push((*call, times)),
                Step::Together(together) => calls.extend(together.iter().map(|call| (*call, times))),
                Step::Sometimes { per_mille, steps } => todo.push((steps, times * f64::from(*per_mille) / 1_000.0)),
                Step::Repeat { from, to, steps } => todo.push((steps, times * f64::from(from + to) / 2.0)),
                Step::Fallback { steps, fallback } => todo.extend([(&**steps, times), (&**fallback, 0.0)]),
                Step::Work(_) | Step::Internal { .. } | Step::Query(_) | Step::Publish(_) | Step::Say { .. } => {}
            }
        }
    }
    calls
}
