//! Breaker events in `metrics`: gauges that show a breaker's state and counters of what it did, in the names of
//! OpenTelemetry, Micrometer and Prometheus.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use arrow::record_batch::RecordBatch;

use super::{
    super::view::{Attributes, View},
    rules::event,
};
use crate::rows::{BreakerRow, BreakerRows};

/// What a change of a series means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// A gauge that is 1 while something holds: event when it begins, and when it ends.
    Switch(&'static str, Option<&'static str>),
    /// A gauge of how many there are: event when more, and when fewer.
    Level(&'static str, &'static str),
    /// A gauge of how many are left: event when none is, and when some are again.
    Remaining(&'static str, &'static str),
    /// A gauge that is 1 while all is well: event when it is again. One that is 1 when it is first seen tells nothing.
    Return(&'static str),
    /// A counter of events.
    Count(&'static str),
}

/// What a series is, by its name and attributes.
#[derive(Debug)]
struct Meaning<'b> {
    system: &'static str,
    breaker: Option<Cow<'b, str>>,
    change: Change,
}

const CLUSTER_KEYS: [&str; 3] = ["envoy_cluster_name", "envoy.cluster_name", "cluster_name"];
const ENVOY_OVERFLOWS: [&str; 5] = [
    "upstream_rq_pending_overflow",
    "upstream_cx_overflow",
    "upstream_rq_retry_overflow",
    "upstream_cx_pool_overflow",
    "upstream_rq_active_overflow",
];

pub(super) fn detect(memory: &SeriesMemory, batch: &RecordBatch, events: &mut BreakerRows) {
    let view = View(batch);
    let (names, values, integers) = (view.texts("name"), view.doubles("value"), view.longs("value_int"));
    let (attributes, temporality) = (view.attributes("attributes"), view.texts("temporality"));
    let mut last_name: Option<(&str, Option<Family<'_>>)> = None;
    for row in 0..batch.num_rows() {
        let Some(name) = names.get(row) else { continue };
        // Points of a metric mostly stand together.
        if last_name.as_ref().is_none_or(|(last, _)| *last != name) {
            last_name = Some((name, Family::of(name)));
        }
        let Some((_, Some(family))) = &last_name else { continue };
        let Some(value) = integers.get(row).map(|value| value as f64).or_else(|| values.get(row)) else { continue };
        let Some(meaning) = family.meaning(attributes, row) else { continue };
        let is_delta = temporality.get(row).is_some_and(|temporality| temporality.eq_ignore_ascii_case("delta"));
        let service_name = view.texts("service_name").get(row).unwrap_or_default();
        let time = view.longs("time").get(row).unwrap_or_default();
        let series = series_of(view, name, attributes, row);
        let before = if is_delta { Some(0.0) } else { memory.replace(series, time, value) };
        let Some((event, is_inferred)) = meaning.change.event(before, value) else { continue };
        let detail =
            format!("{name} {} -> {value}", before.map_or_else(|| "?".to_owned(), |before| before.to_string()));
        events.push(&BreakerRow {
            time,
            system: meaning.system,
            breaker: meaning.breaker.as_deref(),
            service_name,
            event,
            is_inferred,
            signal: "metric",
            detail: Some(&detail),
            ..BreakerRow::default()
        });
    }
}

impl Change {
    /// The event, and whether it is inferred: of a series seen for the first time the state is known, but not that it
    /// has changed.
    fn event(self, before: Option<f64>, after: f64) -> Option<(&'static str, bool)> {
        let is_first = before.is_none();
        let event = match self {
            Change::Switch(on, off) => match (before.unwrap_or(0.0) > 0.0, after > 0.0) {
                (false, true) => Some(on),
                (true, false) => off,
                _ => None,
            },
            Change::Level(more, fewer) => {
                let before = before.unwrap_or(0.0);
                if after > before { Some(more) } else { (after < before).then_some(fewer) }
            }
            Change::Remaining(none, some) => match (before? > 0.0, after > 0.0) {
                (true, false) => Some(none),
                (false, true) => Some(some),
                _ => None,
            },
            Change::Return(again) => (before? <= 0.0 && after > 0.0).then_some(again),
            // A counter that is smaller than before began anew.
            Change::Count(event) => {
                let before = before?;
                let increase = if after < before { after } else { after - before };
                (increase > 0.0).then_some(event)
            }
        };
        event.map(|event| (event, is_first))
    }
}

/// A metric that tells of breakers.
#[derive(Debug, PartialEq, Eq)]
enum Family<'n> {
    Resilience4jState,
    Resilience4jNotPermitted,
    Polly,
    Opossum,
    /// The cluster where the metric's name holds it, the priority and the resource.
    EnvoyOpen(Option<&'n str>, String),
    EnvoyOverflow(Option<&'n str>, &'static str),
    EnvoyEjections(Option<&'n str>),
    HystrixOpen,
    LinkerdEndpoints,
    MicroProfileOpened,
    MicroProfileCalls,
    KongTargets,
}

impl<'n> Family<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let squeezed = name.replace('.', "_");
        let plain = squeezed.strip_suffix("_total").unwrap_or(&squeezed);
        let family = match plain {
            "resilience4j_circuitbreaker_state" => Family::Resilience4jState,
            "resilience4j_circuitbreaker_not_permitted_calls" => Family::Resilience4jNotPermitted,
            "resilience_polly_strategy_events" => Family::Polly,
            "circuit" => Family::Opossum,
            "hystrix_circuit_breaker_open" => Family::HystrixOpen,
            "outbound_http_balancer_endpoints" => Family::LinkerdEndpoints,
            "ft_circuitbreaker_opened" => Family::MicroProfileOpened,
            "ft_circuitbreaker_calls" => Family::MicroProfileCalls,
            "kong_upstream_target_health" => Family::KongTargets,
            _ if plain.to_ascii_lowercase().ends_with("iscircuitbreakeropen") => Family::HystrixOpen,
            _ => return Family::of_envoy(name, plain),
        };
        Some(family)
    }

    /// `envoy_cluster_circuit_breakers_default_cx_open`, or `cluster.<name>.circuit_breakers.default.cx_open`.
    fn of_envoy(name: &'n str, plain: &str) -> Option<Self> {
        if !plain.starts_with("envoy_cluster_") && !plain.starts_with("cluster_") {
            return None;
        }
        if let Some(resource) = plain.strip_suffix("_open")
            && let Some((_, resource)) = resource.rsplit_once("circuit_breakers_")
            && let Some((priority, resource)) = resource.split_once('_')
        {
            return Some(Family::EnvoyOpen(cluster_in(name, ".circuit_breakers."), format!("{priority}/{resource}")));
        }
        if plain.ends_with("outlier_detection_ejections_active") {
            return Some(Family::EnvoyEjections(cluster_in(name, ".outlier_detection.")));
        }
        let overflow = ENVOY_OVERFLOWS.into_iter().find(|overflow| plain.ends_with(overflow))?;
        Some(Family::EnvoyOverflow(cluster_in(name, ".upstream_"), overflow))
    }

    fn meaning<'b>(&self, attributes: Attributes<'b>, row: usize) -> Option<Meaning<'b>>
    where
        'n: 'b,
    {
        let get = |keys: &[&str]| attributes.first(row, keys).map(Cow::Borrowed);
        let cluster = |named: &Option<&'n str>| named.map(Cow::Borrowed).or_else(|| get(&CLUSTER_KEYS));
        let (system, breaker, change) = match self {
            Family::Resilience4jState => {
                ("resilience4j", get(&["name"]), resilience4j_state(attributes.get(row, "state")?)?)
            }
            Family::Resilience4jNotPermitted => ("resilience4j", get(&["name"]), Change::Count(event::SHORT_CIRCUIT)),
            Family::Polly => {
                let event = polly_event(attributes.first(row, &["event.name", "event_name"])?)?;
                let pipeline = attributes.first(row, &["pipeline.name", "pipeline_name"]);
                let strategy = attributes.first(row, &["strategy.name", "strategy_name"]);
                let breaker = match (pipeline, strategy) {
                    (Some(pipeline), Some(strategy)) => Some(Cow::Owned(format!("{pipeline}/{strategy}"))),
                    (pipeline, strategy) => pipeline.or(strategy).map(Cow::Borrowed),
                };
                ("polly", breaker, Change::Count(event))
            }
            Family::Opossum => {
                ("opossum", get(&["name"]), Change::Count(opossum_event(attributes.get(row, "event")?)?))
            }
            Family::EnvoyOpen(named, resource) => {
                let breaker = cluster(named).map(|cluster| Cow::Owned(format!("{cluster}/{resource}")));
                ("envoy", breaker, Change::Switch(event::TRIP, Some(event::CLOSE)))
            }
            Family::EnvoyOverflow(named, _) => ("envoy", cluster(named), Change::Count(event::SHORT_CIRCUIT)),
            Family::EnvoyEjections(named) => ("envoy", cluster(named), Change::Level(event::EJECT, event::UNEJECT)),
            Family::HystrixOpen => {
                let breaker = get(&["key", "command", "name", "commandKey", "group"]);
                ("hystrix", breaker, Change::Switch(event::TRIP, Some(event::CLOSE)))
            }
            Family::LinkerdEndpoints => {
                if attributes.get(row, "endpoint_state") != Some("ready") {
                    return None;
                }
                (
                    "linkerd",
                    get(&["backend_name", "parent_name", "authority"]),
                    Change::Remaining(event::TRIP, event::CLOSE),
                )
            }
            Family::MicroProfileOpened => ("microprofile", get(&["method", "name"]), Change::Count(event::TRIP)),
            Family::MicroProfileCalls => {
                if attributes.get(row, "circuitBreakerResult") != Some("circuitBreakerOpen") {
                    return None;
                }
                ("microprofile", get(&["method", "name"]), Change::Count(event::SHORT_CIRCUIT))
            }
            Family::KongTargets => {
                if attributes.get(row, "state") != Some("unhealthy") {
                    return None;
                }
                ("kong", get(&["target", "upstream"]), Change::Switch(event::TRIP, Some(event::CLOSE)))
            }
        };
        Some(Meaning { system, breaker, change })
    }
}

/// The cluster in the name of a statistic of Envoy's own, before what it counts.
fn cluster_in<'n>(name: &'n str, before: &str) -> Option<&'n str> {
    let rest = name.strip_prefix("envoy.").unwrap_or(name).strip_prefix("cluster.")?;
    Some(&rest[..rest.find(before)?])
}

/// One series a state, which is 1 while the breaker is in it.
fn resilience4j_state(state: &str) -> Option<Change> {
    match state {
        "open" | "forced_open" => Some(Change::Switch(event::TRIP, None)),
        "half_open" => Some(Change::Switch(event::HALF_OPEN, None)),
        "closed" => Some(Change::Return(event::CLOSE)),
        _ => None,
    }
}

fn polly_event(name: &str) -> Option<&'static str> {
    match name {
        "OnCircuitOpened" => Some(event::TRIP),
        "OnCircuitHalfOpened" => Some(event::HALF_OPEN),
        "OnCircuitClosed" => Some(event::CLOSE),
        "OnFallback" => Some(event::FALLBACK),
        "OnRetry" | "OnHedging" => Some(event::RETRY),
        "OnTimeout" => Some(event::TIMEOUT),
        "OnRateLimiterRejected" => Some(event::RATE_LIMIT),
        _ => None,
    }
}

fn opossum_event(name: &str) -> Option<&'static str> {
    match name {
        "open" => Some(event::TRIP),
        "halfOpen" => Some(event::HALF_OPEN),
        "close" => Some(event::CLOSE),
        "reject" => Some(event::SHORT_CIRCUIT),
        "fallback" => Some(event::FALLBACK),
        "timeout" => Some(event::TIMEOUT),
        "semaphoreLocked" => Some(event::RATE_LIMIT),
        _ => None,
    }
}

fn series_of(view: View<'_>, name: &str, attributes: Attributes<'_>, row: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    for column in ["service_name", "service_namespace", "service_instance_id", "host_name"] {
        view.texts(column).get(row).hash(&mut hasher);
    }
    // The same attributes may come in another order.
    let entries = attributes.row(row).map(|entry| {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        hasher.finish()
    });
    entries.fold(0u64, u64::wrapping_add).hash(&mut hasher);
    hasher.finish()
}

/// The last value of each series that tells of a breaker. Of [`SeriesMemory::SERIES`] that were not seen for long the
/// values are forgotten; such a series is then one seen for the first time.
#[derive(Debug, Default)]
pub(super) struct SeriesMemory {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    recent: HashMap<u64, Last>,
    older: HashMap<u64, Last>,
}

/// The last point of a series, and the value before it.
#[derive(Debug, Clone, Copy)]
struct Last {
    time: i64,
    value: f64,
    before: Option<f64>,
}

impl SeriesMemory {
    /// The most series remembered.
    const SERIES: usize = 65_536;

    /// Remembers a point; gives the value before it. A point that comes again, because its batch could not be stored at
    /// first, tells the same as the first time.
    fn replace(&self, series: u64, time: i64, value: f64) -> Option<f64> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let last = generations.recent.get(&series).copied().or_else(|| generations.older.remove(&series));
        let before = match last {
            Some(last) if last.time == time => last.before,
            Some(last) => Some(last.value),
            None => None,
        };
        generations.recent.insert(series, Last { time, value, before });
        if generations.recent.len() >= Self::SERIES / 2 {
            generations.older = std::mem::take(&mut generations.recent);
        }
        before
    }
}
