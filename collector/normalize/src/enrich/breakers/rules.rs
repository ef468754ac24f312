//! What libraries and gateways write when a breaker or its kin does something.

/// A breaker's event, by the text it stands for in the `event` column.
pub(super) mod event {
    pub(in super::super) const TRIP: &str = "trip";
    pub(in super::super) const HALF_OPEN: &str = "half_open";
    pub(in super::super) const CLOSE: &str = "close";
    pub(in super::super) const SHORT_CIRCUIT: &str = "short_circuit";
    pub(in super::super) const FALLBACK: &str = "fallback";
    pub(in super::super) const EJECT: &str = "eject";
    pub(in super::super) const UNEJECT: &str = "uneject";
    pub(in super::super) const RETRY: &str = "retry";
    pub(in super::super) const RATE_LIMIT: &str = "rate_limit";
    pub(in super::super) const TIMEOUT: &str = "timeout";
}

use event::{CLOSE, FALLBACK, HALF_OPEN, RATE_LIMIT, RETRY, SHORT_CIRCUIT, TIMEOUT, TRIP};

/// Where in a text the breaker's name is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    /// It is not said.
    None,
    /// Between the first text and the second.
    Between(&'static str, &'static str),
    /// The word that ends where the marker begins.
    WordBefore,
    /// The word that begins where the marker ends.
    WordAfter,
    /// The host of `upstream: "http://host/path"`, of which nginx makes the group's name where no server was live.
    NginxUpstream,
    /// An attribute of the record.
    Attribute(&'static str),
}

/// A text that tells of an event. It has the marker and what else is needed.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) system: &'static str,
    pub(super) marker: &'static str,
    pub(super) needs: &'static str,
    pub(super) event: &'static str,
    pub(super) name: Name,
}

const fn rule(
    system: &'static str,
    marker: &'static str,
    needs: &'static str,
    event: &'static str,
    name: Name,
) -> Rule {
    Rule { system, marker, needs, event, name }
}

const R4J: Name = Name::Between("CircuitBreaker '", "'");
const PYTHON: Name = Name::Between("Circuit breaker '", "'");
const DAPR: Name = Name::Between("ircuit breaker \"", "\"");
const POLLY: Name = Name::Between("Source: '", "'");
const LINKERD: Name = Name::Between("endpoint{addr=", "}");
const OXY: Name = Name::Attribute("middlewareName");

/// Of several that hold for a text the first counts.
pub(super) const RULES: &[Rule] = &[
    rule("resilience4j", "changed state from ", "CircuitBreaker '\0 to OPEN", TRIP, R4J),
    rule("resilience4j", "changed state from ", "CircuitBreaker '\0 to FORCED_OPEN", TRIP, R4J),
    rule("resilience4j", "changed state from ", "CircuitBreaker '\0 to HALF_OPEN", HALF_OPEN, R4J),
    rule("resilience4j", "changed state from ", "CircuitBreaker '\0 to CLOSED", CLOSE, R4J),
    rule("resilience4j", "recorded a call which was not permitted", "", SHORT_CIRCUIT, R4J),
    rule(
        "resilience4j",
        "does not permit further calls",
        "RateLimiter '",
        RATE_LIMIT,
        Name::Between("RateLimiter '", "'"),
    ),
    rule("resilience4j", "does not permit further calls", "Bulkhead '", RATE_LIMIT, Name::Between("Bulkhead '", "'")),
    rule("resilience4j", "does not permit further calls", "", SHORT_CIRCUIT, R4J),
    rule("resilience4j", "CallNotPermittedException", "", SHORT_CIRCUIT, R4J),
    rule("resilience4j", "BulkheadFullException", "", RATE_LIMIT, Name::Between("Bulkhead '", "'")),
    rule("resilience4j", "ratelimiter.RequestNotPermitted", "", RATE_LIMIT, Name::Between("RateLimiter '", "'")),
    rule("resilience4j", ", waiting PT", "Retry '\0until attempt", RETRY, Name::Between("Retry '", "'")),
    rule("resilience4j", "recorded a timeout exception", "TimeLimiter '", TIMEOUT, Name::Between("TimeLimiter '", "'")),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to OPEN", TRIP, PYTHON),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to open", TRIP, PYTHON),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to HALF", HALF_OPEN, PYTHON),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to half", HALF_OPEN, PYTHON),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to CLOSED", CLOSE, PYTHON),
    rule("pybreaker", "changed state from ", "Circuit breaker '\0 to closed", CLOSE, PYTHON),
    rule("pybreaker", "circuit breaker still open", "", SHORT_CIRCUIT, Name::None),
    rule("pybreaker", "threshold reached, circuit breaker opened", "", TRIP, Name::None),
    rule("pybreaker", "Trial call failed, circuit breaker opened", "", TRIP, Name::None),
    rule("pybreaker", "CircuitBreakerError", "", SHORT_CIRCUIT, Name::None),
    rule("dapr", "changed state from ", "ircuit breaker \"\0 to half-open", HALF_OPEN, DAPR),
    rule("dapr", "changed state from ", "ircuit breaker \"\0 to open", TRIP, DAPR),
    rule("dapr", "changed state from ", "ircuit breaker \"\0 to closed", CLOSE, DAPR),
    rule("hystrix", "Hystrix circuit short-circuited and is OPEN", "", SHORT_CIRCUIT, Name::None),
    rule("hystrix", " short-circuited and ", "fallback", SHORT_CIRCUIT, Name::WordBefore),
    rule("hystrix", " timed-out and ", "fallback", TIMEOUT, Name::WordBefore),
    rule("hystrix", " could not be queued for execution and ", "fallback", RATE_LIMIT, Name::WordBefore),
    rule("hystrix", " could not acquire a semaphore for execution and ", "fallback", RATE_LIMIT, Name::WordBefore),
    rule("hystrix", "hystrix: circuit open", "", SHORT_CIRCUIT, Name::None),
    rule("hystrix", "hystrix: timeout", "", TIMEOUT, Name::None),
    rule("hystrix", "hystrix: max concurrency", "", RATE_LIMIT, Name::None),
    rule("hystrix", "hystrix-go: opening circuit ", "", TRIP, Name::WordAfter),
    rule("hystrix", "hystrix-go: closing circuit ", "", CLOSE, Name::WordAfter),
    rule("hystrix", "hystrix-go: allowing single test to possibly close circuit ", "", HALF_OPEN, Name::WordAfter),
    rule("polly", "EventName: 'OnCircuitOpened'", "", TRIP, POLLY),
    rule("polly", "EventName: 'OnCircuitHalfOpened'", "", HALF_OPEN, POLLY),
    rule("polly", "EventName: 'OnCircuitClosed'", "", CLOSE, POLLY),
    rule("polly", "EventName: 'OnFallback'", "", FALLBACK, POLLY),
    rule("polly", "EventName: 'OnRetry'", "", RETRY, POLLY),
    rule("polly", "EventName: 'OnHedging'", "", RETRY, POLLY),
    rule("polly", "EventName: 'OnTimeout'", "", TIMEOUT, POLLY),
    rule("polly", "EventName: 'OnRateLimiterRejected'", "", RATE_LIMIT, POLLY),
    rule("polly", "circuit is now open and is not allowing calls", "", SHORT_CIRCUIT, POLLY),
    rule("polly", "circuit is manually held open and is not allowing calls", "", SHORT_CIRCUIT, POLLY),
    rule("polly", "BrokenCircuitException", "", SHORT_CIRCUIT, POLLY),
    rule("polly", "IsolatedCircuitException", "", SHORT_CIRCUIT, POLLY),
    rule("polly", "RateLimiterRejectedException", "", RATE_LIMIT, POLLY),
    rule("polly", "TimeoutRejectedException", "", TIMEOUT, POLLY),
    rule("opossum", "EOPENBREAKER", "", SHORT_CIRCUIT, Name::None),
    rule("opossum", "Breaker is open", "", SHORT_CIRCUIT, Name::None),
    rule("opossum", "ESEMLOCKED", "", RATE_LIMIT, Name::None),
    rule("microprofile", "CircuitBreakerOpenException", "", SHORT_CIRCUIT, Name::None),
    rule("traefik", "setting state to tripped", "CircuitBreaker", TRIP, OXY),
    rule("traefik", "setting state to recovering", "CircuitBreaker", HALF_OPEN, OXY),
    rule("traefik", "setting state to standby", "CircuitBreaker", CLOSE, OXY),
    rule("traefik", "is in error state", "CircuitBreaker(", SHORT_CIRCUIT, OXY),
    rule("traefik", "blocked by circuit-breaker", "", SHORT_CIRCUIT, OXY),
    rule("nginx", "upstream server temporarily disabled while ", "", TRIP, Name::NginxUpstream),
    rule("nginx", "no live upstreams while connecting to upstream", "", SHORT_CIRCUIT, Name::NginxUpstream),
    rule("nginx", "upstream timed out (", "", TIMEOUT, Name::NginxUpstream),
    rule("nginx", "limiting requests, excess:", "", RATE_LIMIT, Name::Between("by zone \"", "\"")),
    rule("nginx", "limiting connections by zone \"", "", RATE_LIMIT, Name::Between("by zone \"", "\"")),
    rule("kong", "failure to get a peer from the ring-balancer", "", SHORT_CIRCUIT, Name::None),
    rule("kong", "target status '", "from 'true' to 'false'", TRIP, Name::Between("target status '", "'")),
    rule("kong", "target status '", "from 'false' to 'true'", CLOSE, Name::Between("target status '", "'")),
    rule("apache", "AH00959", "", TRIP, Name::Between("worker for (", ")")),
    rule("apache", "AH00940", "", SHORT_CIRCUIT, Name::Between("connection for (", ")")),
    rule("apache", "AH01170", "", SHORT_CIRCUIT, Name::Between("AH01170: ", ": All")),
    rule("apache", "AH01167", "", SHORT_CIRCUIT, Name::Between("AH01167: ", ": All")),
    rule("haproxy", " has no server available!", "", SHORT_CIRCUIT, Name::WordBefore),
    rule("haproxy", " is DOWN", "Server ", TRIP, Name::WordBefore),
    rule("haproxy", " is UP", "Server ", CLOSE, Name::WordBefore),
    // Linkerd's "closed" is a gate that nothing passes.
    rule("linkerd", "failure-accrual breaker closed", "", TRIP, LINKERD),
    rule("linkerd", "failure-accrual breaker reopened", "", CLOSE, LINKERD),
    rule("linkerd", "Unified circuit breaker tripped", "", TRIP, LINKERD),
    rule("linkerd", "Unified circuit breaker reopened", "", CLOSE, LINKERD),
    rule("linkerd", "Probation", "http::breaker", HALF_OPEN, LINKERD),
    rule("linkerd", "service in fail-fast", "", SHORT_CIRCUIT, Name::Between("logical service ", ": ")),
    // Several libraries for Go say no more than this.
    rule("gobreaker", "circuit breaker is open", "", SHORT_CIRCUIT, Name::None),
];

impl Rule {
    /// Whether the rule holds for a text.
    pub(super) fn holds(&self, text: &str) -> bool {
        text.contains(self.marker) && self.needs.split('\0').all(|need| text.contains(need))
    }

    /// The name of the breaker in a text that the rule holds for.
    pub(super) fn breaker<'t>(&self, text: &'t str) -> Option<&'t str> {
        let name = match self.name {
            Name::None | Name::Attribute(_) => None,
            Name::Between(before, after) => between(text, before, after),
            Name::WordBefore => text[..text.find(self.marker)?].rsplit([' ', '\t', '[', '(', ':', '\n']).next(),
            Name::WordAfter => {
                let after = &text[text.find(self.marker)? + self.marker.len()..];
                after.split([' ', '\t', ',', '"', '\n']).next()
            }
            Name::NginxUpstream => between(text, "upstream: \"", "\"").map(host_of_url),
        };
        name.filter(|name| !name.is_empty())
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// Host and port of a URL, in the form that addresses have in `requests`.
pub(super) fn host_of_url(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.starts_with("unix:") {
        // `unix:/run/shop.sock:/path`
        return rest.rsplit_once(":/").filter(|(socket, _)| *socket != "unix").map_or(rest, |(socket, _)| socket);
    }
    rest.split('/').next().unwrap_or(rest)
}
