//! What the telemetry of a system goes through before it is scored.

use std::collections::BTreeMap;

use crate::systems::Extent;
use spandrel_shop::degrade::{
    AccessLogs, ClockStep, Clocks, Degradation, HeadSampling, MessageContext, Naming, TailSampling,
};

/// The degradation in which edges must still be found.
pub const LOSSY: &str = "5 % lost, one without spans";
/// The degradations in which critical paths must still be right: entry by entry, and over all entries of a system.
pub const SKEWED: &str = "2 ms skew, µs clocks";
pub const COARSE: &str = "2 ms skew, ms clocks";
const SAMPLED: &str = "25 % of heads";

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;

/// What can be expected of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Every request is there, in its minute.
    Exact,
    /// Every request is there, maybe in another minute.
    ExactOverTime,
    /// Requests stand for others, and say for how many.
    Sampled,
    /// Requests are missing and nothing says how many.
    Unknown,
}

/// A named degradation.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    pub counts: Counts,
    pub knobs: Degradation,
}

impl Case {
    /// Nothing is done to the telemetry.
    pub fn is_clean(&self) -> bool {
        self.knobs == Degradation { seed: self.knobs.seed, ..Degradation::default() }
    }

    /// Whether systems of this extent go through it.
    pub fn is_within(&self, extent: Extent) -> bool {
        match extent {
            Extent::All => true,
            Extent::Few => self.is_clean() || [LOSSY, COARSE, SAMPLED].contains(&self.name),
            Extent::Sampled => self.counts == Counts::Sampled,
            Extent::Clean => self.is_clean(),
        }
    }

    /// Whether spans of the service are missing, do not say what they are, or have wrong times.
    pub fn spoils_spans_of(&self, service: &str) -> bool {
        let Degradation { loss, uninstrumented, without_clients, without_kinds, clocks, head_sampling, .. } =
            &self.knobs;
        // Who keeps fewer traces than others cuts theirs off.
        let kept = head_sampling.as_ref().and_then(|head| Some((head.services.get(service)?, head.keep)));
        let is_thin = kept.is_some_and(|(kept, others)| *kept < others);
        let named = [uninstrumented, without_clients, without_kinds];
        *loss > 0
            || is_thin
            || *clocks != Clocks::default()
            || named.iter().any(|names| names.iter().any(|name| name == service))
    }

    /// The share of a service's requests that is kept.
    pub fn kept(&self, service: &str) -> f64 {
        let head = self.knobs.head_sampling.as_ref();
        head.map_or(1.0, |head| f64::from(*head.services.get(service).unwrap_or(&head.keep)) / 1e6)
    }
}

/// The telemetry as it was sent, and in every degradation of its own.
///
/// `leaf` is a service that calls none and can go without leaving others out; `inner` is one that calls.
pub fn cases(seed: u64, start: i64, leaf: &str, inner: &str) -> Vec<Case> {
    let case = |name, counts, knobs: Degradation| Case { name, counts, knobs: Degradation { seed, ..knobs } };
    let base = Degradation::default;
    let skew = |max_offset, resolution| Clocks { max_offset, resolution, ..Clocks::default() };
    let step = Some(ClockStep { at: start + 90 * SECOND, by: 250 * MS });
    let drift = Clocks { max_offset: 100 * MS, max_drift: 20, step, ..Clocks::default() };
    let leaf = || vec![leaf.to_owned()];
    let inner = || vec![inner.to_owned()];
    let head = |services: &[(String, u32)]| {
        Some(HeadSampling { keep: 250_000, services: services.iter().cloned().collect::<BTreeMap<_, _>>() })
    };
    vec![
        case("clean", Counts::Exact, base()),
        case("twice and late", Counts::Exact, Degradation { duplicates: 100_000, delay: 20 * SECOND, ..base() }),
        case("old names", Counts::Exact, Degradation { naming: Some(Naming::Old), ..base() }),
        case("current names", Counts::Exact, Degradation { naming: Some(Naming::Current), ..base() }),
        case("both names", Counts::Exact, Degradation { naming: Some(Naming::Both), ..base() }),
        case("Zipkin ids", Counts::Exact, Degradation { shared_ids: true, ..base() }),
        case("64-bit ids", Counts::Exact, Degradation { short_trace_ids: true, ..base() }),
        case("nested clients", Counts::Exact, Degradation { nested_clients: 300_000, ..base() }),
        case("internal spans", Counts::Exact, Degradation { internal_spans: 3, ..base() }),
        case("sidecars", Counts::Exact, Degradation { sidecars: true, ..base() }),
        case("gateway and mesh logs", Counts::Exact, Degradation { access_logs: AccessLogs::BothSides, ..base() }),
        case("messages by link", Counts::Exact, Degradation { messages: MessageContext::Links, ..base() }),
        case("messages by parent", Counts::Exact, Degradation { messages: MessageContext::Parents, ..base() }),
        case(SKEWED, Counts::Unknown, Degradation { clocks: skew(2 * MS, MS / 1000), ..base() }),
        case(COARSE, Counts::Unknown, Degradation { clocks: skew(2 * MS, MS), ..base() }),
        case("500 ms skew", Counts::ExactOverTime, Degradation { clocks: skew(500 * MS, 0), ..base() }),
        case("drift and step", Counts::ExactOverTime, Degradation { clocks: drift, ..base() }),
        case(SAMPLED, Counts::Sampled, Degradation { head_sampling: head(&[]), ..base() }),
        case(
            "logs of gateway and callers, 25 % of heads",
            Counts::Sampled,
            Degradation { access_logs: AccessLogs::OneSide, head_sampling: head(&[]), ..base() },
        ),
        case(
            "25 % of heads, 10 % of one",
            Counts::Sampled,
            Degradation { head_sampling: head(&[(inner().concat(), 100_000)]), ..base() },
        ),
        case(
            "tails",
            Counts::Unknown,
            Degradation { tail_sampling: Some(TailSampling { slow: 300 * MS, keep_others: 100_000 }), ..base() },
        ),
        case("5 % lost", Counts::Unknown, Degradation { loss: 50_000, ..base() }),
        case(LOSSY, Counts::Unknown, Degradation { loss: 50_000, uninstrumented: leaf(), ..base() }),
        case(
            "one forwards only",
            Counts::Unknown,
            Degradation { uninstrumented: inner(), forward_context: true, ..base() },
        ),
        case("one without clients", Counts::Exact, Degradation { without_clients: inner(), ..base() }),
        case("one without kinds", Counts::Unknown, Degradation { without_kinds: inner(), ..base() }),
    ]
}
