//! What circuit breakers and bulkheads look like in the languages of the shop.

use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, metric::Data, number_data_point::Value};

use super::{attributes::Attributes, metrics::metric};
use crate::{engine::BreakerChange, outcome::Fault, topology::Language};

/// `error.type` of a call that was not made.
pub(super) fn error_type(language: Language, fault: Fault) -> &'static str {
    match (fault, language) {
        (Fault::Bulkhead, Language::Java) => "io.github.resilience4j.bulkhead.BulkheadFullException",
        (Fault::Bulkhead, Language::Dotnet) => "Polly.RateLimiting.RateLimiterRejectedException",
        (Fault::Bulkhead, Language::Node) => "ESEMLOCKED",
        (Fault::Bulkhead, _) => "BulkheadFull",
        (_, Language::Java) => "io.github.resilience4j.circuitbreaker.CallNotPermittedException",
        (_, Language::Dotnet) => "Polly.CircuitBreaker.BrokenCircuitException",
        (_, Language::Node) => "EOPENBREAKER",
        (_, Language::Python) => "pybreaker.CircuitBreakerError",
        (_, Language::Go | Language::Cpp) => "gobreaker.ErrOpenState",
    }
}

/// What the exception says.
pub(super) fn message(language: Language, fault: Fault) -> &'static str {
    match (fault, language) {
        (Fault::Bulkhead, _) => fault.message(),
        (_, Language::Java) => "CircuitBreaker is OPEN and does not permit further calls",
        (_, Language::Dotnet) => "The circuit is now open and is not allowing calls.",
        (_, Language::Node) => "Breaker is open",
        (_, Language::Python) => "Timeout not elapsed yet, circuit breaker still open",
        (_, Language::Go | Language::Cpp) => "circuit breaker is open",
    }
}

/// The line that the library, or the few lines of code around it, writes when the breaker before `target` changes.
pub(super) fn line(language: Language, target: &str, change: BreakerChange, attributes: &mut Attributes) -> String {
    let (from, to) = states(change);
    match language {
        Language::Java => format!("CircuitBreaker '{target}' changed state from {} to {}", upper(from), upper(to)),
        Language::Python => format!("Circuit breaker '{target}' changed state from {from} to {to}"),
        Language::Dotnet => {
            let event = match change {
                BreakerChange::Opened => "OnCircuitOpened",
                BreakerChange::HalfOpened => "OnCircuitHalfOpened",
                _ => "OnCircuitClosed",
            };
            format!("Resilience event occurred. EventName: '{event}', Source: '{target}//CircuitBreaker'")
        }
        Language::Node => {
            let event = match change {
                BreakerChange::Opened => "open",
                BreakerChange::HalfOpened => "halfOpen",
                _ => "close",
            };
            attributes.text("breaker", target).text("event", event).text("library", "opossum");
            format!("breaker {target}: {event}")
        }
        Language::Go | Language::Cpp => {
            attributes.text("breaker", target).text("from", from).text("to", to).text("library", "gobreaker");
            format!("breaker {target}: {from} -> {to}")
        }
    }
}

fn states(change: BreakerChange) -> (&'static str, &'static str) {
    match change {
        BreakerChange::Opened => ("closed", "open"),
        BreakerChange::HalfOpened => ("open", "half-open"),
        _ => ("half-open", "closed"),
    }
}

fn upper(state: &str) -> String {
    state.to_uppercase().replace('-', "_")
}

/// The states of a process's breakers, one series each of three states, which is 1 for the one that holds.
pub(super) fn states_metric<'a>(breakers: impl Iterator<Item = (&'a str, BreakerChange)>, time: i64) -> Option<Metric> {
    let mut points = Vec::new();
    for (target, latest) in breakers {
        let holds = match latest {
            BreakerChange::Opened | BreakerChange::Rejected => "open",
            BreakerChange::HalfOpened => "half_open",
            BreakerChange::Created | BreakerChange::Closed => "closed",
        };
        for state in ["closed", "open", "half_open"] {
            let mut attributes = Attributes::new();
            attributes.text("name", target).text("state", state);
            points.push(NumberDataPoint {
                attributes: attributes.finish(),
                time_unix_nano: time as u64,
                value: Some(Value::AsDouble(if state == holds { 1.0 } else { 0.0 })),
                ..NumberDataPoint::default()
            });
        }
    }
    let name = "resilience4j.circuitbreaker.state";
    let data = Data::Gauge(Gauge { data_points: points });
    let is_used = matches!(&data, Data::Gauge(gauge) if !gauge.data_points.is_empty());
    is_used.then(|| metric(name, "The states of the circuit breaker", "", data))
}
