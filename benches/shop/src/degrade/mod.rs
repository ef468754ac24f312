//! What becomes of good telemetry on its way: sampling, loss, missing and odd instrumentation, clocks, late delivery.
//!
//! Each knob of a [`Degradation`] is independent of the others, off by default, and decides by hashes of ids and its
//! seed. The same batches and the same knobs therefore give the same bytes, however the spans were batched, and what is
//! lost at one rate is lost at every higher rate too.

mod access;
mod clocks;
mod delivery;
mod identity;
mod naming;
mod sampling;
mod structure;
mod telemetry;

use std::collections::BTreeMap;

pub use naming::Naming;
use telemetry::Telemetry;

use crate::{random::mix, telemetry::Batch};

/// What is done to telemetry. The default does nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Degradation {
    /// Decides which spans are hit.
    pub seed: u64,
    /// Services that send no spans.
    pub uninstrumented: Vec<String>,
    /// Whether the services that send no spans pass on the trace context of their callers. If not, whom they call begins
    /// a trace of its own.
    pub forward_context: bool,
    /// Services whose HTTP and RPC clients write no spans.
    pub without_clients: Vec<String>,
    /// Services whose spans do not say what kind they are.
    pub without_kinds: Vec<String>,
    /// Share of CLIENT spans, other than queries, that have another CLIENT span inside, in millionths.
    pub nested_clients: u32,
    /// Whether every request passes a sidecar of the callee, whose SERVER span is around that of the service.
    pub sidecars: bool,
    /// How many INTERNAL spans are between a span that serves and its children.
    pub internal_spans: u32,
    /// How the handling of a message refers to its sending.
    pub messages: MessageContext,
    /// The names of attributes; `None` leaves each service its own.
    pub naming: Option<Naming>,
    /// Whether a SERVER span has the id of its CLIENT span, as in Zipkin.
    pub shared_ids: bool,
    /// Whether trace ids have 64 bits only.
    pub short_trace_ids: bool,
    /// What the clocks of the hosts show.
    pub clocks: Clocks,
    /// Sampling when a trace begins, with the threshold in the trace state.
    pub head_sampling: Option<HeadSampling>,
    /// Sampling when a trace has ended, of which spans say nothing.
    pub tail_sampling: Option<TailSampling>,
    /// Share of spans that are lost, in millionths.
    pub loss: u32,
    /// Which proxies write access logs, whatever becomes of the spans.
    pub access_logs: AccessLogs,
    /// Share of requests with spans that arrive twice, in millionths.
    pub duplicates: u32,
    /// Requests arrive up to this much later than they were sent, in another order, nanoseconds.
    pub delay: i64,
}

/// How the handling of a message refers to its sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MessageContext {
    /// As each consumer does it.
    #[default]
    AsSent,
    /// By a link; handling begins a trace of its own.
    Links,
    /// As its parent, and by no link.
    Parents,
}

/// Which proxies write access logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLogs {
    /// None.
    #[default]
    None,
    /// An ingress gateway before all entries, which sends no spans.
    Gateway,
    /// The gateway, and the sidecar of whoever calls.
    OneSide,
    /// The gateway, and the sidecars of both sides of each call.
    BothSides,
}

/// What the clocks of the hosts show. Durations are measured with another clock and stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// The only host whose clock is wrong, by `host.name`; all of them when not given.
    pub host: Option<String>,
    /// Each host is off by a fixed time within this, either way, nanoseconds.
    pub max_offset: i64,
    /// Each clock is faster or slower by a fixed share within this, in millionths.
    pub max_drift: u32,
    /// Half of the hosts set their clocks at some time by some nanoseconds.
    pub step: Option<ClockStep>,
    /// Times are multiples of this, nanoseconds; 0 for as they are.
    pub resolution: i64,
}

/// A clock that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStep {
    /// When, nanoseconds since the Unix epoch.
    pub at: i64,
    /// By how much, nanoseconds.
    pub by: i64,
}

/// Sampling that is consistent by trace id, with `ot=th` in the trace state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSampling {
    /// Share of traces that are kept, in millionths.
    pub keep: u32,
    /// Shares of some services that sample on their own, in millionths.
    pub services: BTreeMap<String, u32>,
}

/// Sampling of whole traces by what happened in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailSampling {
    /// Traces with a span at least as long as this are kept, nanoseconds; so are those with an error.
    pub slow: i64,
    /// Share of the others that are kept, in millionths.
    pub keep_others: u32,
}

/// What arrives of `batches`, in the order of arrival.
pub fn degrade(batches: Vec<Batch>, knobs: &Degradation) -> Vec<Batch> {
    let mut telemetry = Telemetry::take(batches);
    let access_logs = access::log(&telemetry, knobs.access_logs);
    structure::remove_services(&mut telemetry, knobs);
    structure::remove_clients(&mut telemetry, knobs);
    structure::refer_to_senders(&mut telemetry, knobs);
    structure::nest_clients(&mut telemetry, knobs);
    structure::add_sidecars(&mut telemetry, knobs);
    structure::add_internal_spans(&mut telemetry, knobs);
    structure::forget_kinds(&mut telemetry, knobs);
    naming::rename(&mut telemetry, knobs);
    // Sampling comes before ids and clocks are spoilt, as both are at home in the process that sends.
    sampling::sample_heads(&mut telemetry, knobs);
    sampling::sample_tails(&mut telemetry, knobs);
    sampling::lose(&mut telemetry, knobs);
    identity::share_ids(&mut telemetry, knobs);
    identity::shorten_ids(&mut telemetry, knobs);
    clocks::skew(&mut telemetry, knobs);
    let mut batches = telemetry.into_batches();
    if !access_logs.is_empty() {
        batches.extend(access_logs);
        batches.sort_by_key(|batch| batch.due);
    }
    delivery::duplicate(&mut batches, knobs);
    delivery::delay(&mut batches, knobs);
    batches
}

/// A number with 64 random bits that depends on the seed, what it is for, and an id.
fn hash(knobs: &Degradation, purpose: Purpose, id: u64) -> u64 {
    mix(mix(knobs.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(purpose as u64 + 1)) ^ mix(id))
}

/// True for a share of ids. Those of a smaller share are among those of a greater one.
fn hits(knobs: &Degradation, purpose: Purpose, id: u64, per_million: u32) -> bool {
    per_million > 0 && (u128::from(hash(knobs, purpose, id)) * 1_000_000) >> 64 < u128::from(per_million)
}

/// What a random number is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    NewTrace,
    NestedClient,
    Sidecar,
    InternalSpan,
    MessageTrace,
    Tail,
    Loss,
    Offset,
    Drift,
    Step,
    Duplicate,
    Delay,
}
