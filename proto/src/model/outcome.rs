//! How a span ended, as one closed set of outcomes.

/// The outcome of one side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    ClientFault,
    Rejected,
    ServerFault,
    Timeout,
    Cancelled,
    Unreachable,
    Unknown,
}

impl Outcome {
    /// The text in the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::ClientFault => "client_fault",
            Outcome::Rejected => "rejected",
            Outcome::ServerFault => "server_fault",
            Outcome::Timeout => "timeout",
            Outcome::Cancelled => "cancelled",
            Outcome::Unreachable => "unreachable",
            Outcome::Unknown => "unknown",
        }
    }

    /// Whether the outcome counts as a failure in error rates. A client's fault does not.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::Rejected | Outcome::ServerFault | Outcome::Timeout | Outcome::Unreachable)
    }
}

/// What a span says about its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signals<'a> {
    /// The span serves a request: kind `SERVER` or `CONSUMER`.
    pub serves: bool,
    /// The span is of kind `CLIENT`.
    pub calls: bool,
    /// Status `ERROR`, or the `error` attribute of older instrumentation.
    pub error: bool,
    pub status_message: &'a [u8],
    pub error_type: &'a [u8],
    pub is_http: bool,
    pub http_status: Option<i32>,
    /// The answer carried a `retry-after` header.
    pub retry_after: bool,
    pub rpc_status: &'a [u8],
}

const TIMEOUT_CLASSES: &[&[u8]] =
    &[b"timeout", b"timed out", b"deadlineexceeded", b"deadline exceeded", b"deadline_exceeded", b"etimedout"];
const REJECTED_CLASSES: &[&[u8]] = &[
    b"callnotpermitted",
    b"brokencircuit",
    b"circuitbreakeropen",
    b"circuit breaker is open",
    b"erropenstate",
    b"eopenbreaker",
    b"short_circuited",
    b"bulkheadfull",
    b"ratelimiterrejected",
];
const UNREACHABLE_CLASSES: &[&[u8]] = &[
    b"econnrefused",
    b"connection refused",
    b"connectionrefused",
    b"enotfound",
    b"eai_again",
    b"unknownhost",
    b"gaierror",
    b"name_resolution_error",
    b"sslhandshake",
    b"tls handshake",
];

/// The outcome, by the first rule that holds.
pub fn outcome(signals: &Signals<'_>) -> Outcome {
    // Most spans have nothing to say.
    let status = signals.http_status.unwrap_or(0);
    if !signals.error && signals.error_type.is_empty() && signals.rpc_status.is_empty() && (100..400).contains(&status)
    {
        return Outcome::Ok;
    }
    let message = if signals.error { signals.status_message } else { b"" };
    let says = |classes| contains_any(signals.error_type, classes) || contains_any(message, classes);
    let rpc = signals.rpc_status;
    if says(TIMEOUT_CLASSES) || rpc == b"DEADLINE_EXCEEDED" || status == 504 || (status == 408 && !signals.serves) {
        return Outcome::Timeout;
    }
    if says(REJECTED_CLASSES) || status == 429 || (status == 503 && signals.retry_after) || rpc == b"RESOURCE_EXHAUSTED"
    {
        return Outcome::Rejected;
    }
    if says(UNREACHABLE_CLASSES) || (rpc == b"UNAVAILABLE" && !signals.serves) {
        return Outcome::Unreachable;
    }
    let abandoned = signals.calls
        && signals.is_http
        && signals.http_status.is_none()
        && signals.error_type.is_empty()
        && rpc.is_empty()
        && !signals.error;
    if rpc == b"CANCELLED" || status == 499 || abandoned {
        return Outcome::Cancelled;
    }
    if status >= 500 || matches!(rpc, b"UNKNOWN" | b"UNIMPLEMENTED" | b"INTERNAL" | b"UNAVAILABLE" | b"DATA_LOSS") {
        return Outcome::ServerFault;
    }
    let client_fault_rpc = matches!(
        rpc,
        b"INVALID_ARGUMENT"
            | b"NOT_FOUND"
            | b"ALREADY_EXISTS"
            | b"PERMISSION_DENIED"
            | b"UNAUTHENTICATED"
            | b"FAILED_PRECONDITION"
            | b"OUT_OF_RANGE"
            | b"ABORTED"
    );
    if status >= 400 || client_fault_rpc {
        return Outcome::ClientFault;
    }
    if signals.error { Outcome::ServerFault } else { Outcome::Ok }
}

/// Whether `text`, an error's type or message, says that a circuit breaker, bulkhead or rate limiter refused a call.
pub fn is_refusal(text: &[u8]) -> bool {
    contains_any(text, REJECTED_CLASSES)
}

/// Whether `text` contains one of `needles`, which are in lower case, whatever the case of `text`.
fn contains_any(text: &[u8], needles: &[&[u8]]) -> bool {
    if text.is_empty() {
        return false;
    }
    needles.iter().any(|needle| text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(calls: bool, status: i32) -> Signals<'static> {
        Signals {
            serves: !calls,
            calls,
            is_http: true,
            http_status: Some(status),
            error: status >= 500,
            ..Signals::default()
        }
    }

    fn rpc(calls: bool, status: &'static [u8]) -> Signals<'static> {
        Signals { serves: !calls, calls, rpc_status: status, error: calls && status != b"OK", ..Signals::default() }
    }

    #[test]
    fn http_status_decides_by_side() {
        for (signals, expected) in [
            (http(false, 200), Outcome::Ok),
            (http(false, 404), Outcome::ClientFault),
            (Signals { error: true, ..http(true, 404) }, Outcome::ClientFault),
            (http(false, 500), Outcome::ServerFault),
            (http(true, 503), Outcome::ServerFault),
            (Signals { retry_after: true, ..http(false, 503) }, Outcome::Rejected),
            (http(false, 429), Outcome::Rejected),
            (http(false, 504), Outcome::Timeout),
            (http(true, 408), Outcome::Timeout),
            (http(false, 408), Outcome::ClientFault),
            (http(false, 499), Outcome::Cancelled),
            (Signals { http_status: None, ..http(true, 0) }, Outcome::Cancelled),
            (Signals { error: true, ..http(false, 200) }, Outcome::ServerFault),
        ] {
            assert_eq!(outcome(&signals), expected, "{signals:?}");
        }
    }

    #[test]
    fn rpc_status_decides_by_side() {
        for (signals, expected) in [
            (rpc(false, b"OK"), Outcome::Ok),
            (rpc(false, b"UNAVAILABLE"), Outcome::ServerFault),
            (rpc(true, b"UNAVAILABLE"), Outcome::Unreachable),
            (rpc(true, b"NOT_FOUND"), Outcome::ClientFault),
            (rpc(true, b"INTERNAL"), Outcome::ServerFault),
            (rpc(false, b"DEADLINE_EXCEEDED"), Outcome::Timeout),
            (rpc(true, b"RESOURCE_EXHAUSTED"), Outcome::Rejected),
            (rpc(true, b"CANCELLED"), Outcome::Cancelled),
        ] {
            assert_eq!(outcome(&signals), expected, "{signals:?}");
        }
    }

    #[test]
    fn error_classes_come_first() {
        let error = |error_type| Signals { calls: true, error: true, error_type, ..Signals::default() };
        assert_eq!(outcome(&error(b"java.net.SocketTimeoutException")), Outcome::Timeout);
        assert_eq!(
            outcome(&error(b"io.github.resilience4j.circuitbreaker.CallNotPermittedException")),
            Outcome::Rejected
        );
        assert_eq!(outcome(&error(b"ECONNREFUSED")), Outcome::Unreachable);
        assert_eq!(outcome(&error(b"_OTHER")), Outcome::ServerFault);
        assert_eq!(
            outcome(&Signals { error: true, status_message: b"context deadline exceeded", ..Signals::default() }),
            Outcome::Timeout
        );
        assert_eq!(outcome(&Signals { status_message: b"timeout", ..Signals::default() }), Outcome::Ok);
    }
}
