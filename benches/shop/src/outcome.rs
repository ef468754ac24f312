//! How a piece of work ends.

use serde::{Deserialize, Serialize};

/// The class of an ending, seen from one side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what was asked.
    Ok,
    /// The caller asked for something that cannot be done.
    ClientFault,
    /// A limiter turned it away.
    Rejected,
    /// The server broke.
    ServerFault,
    /// It took too long.
    Timeout,
    /// Nobody answered the connection.
    Unreachable,
    /// The caller told it to stop.
    Cancelled,
}

impl Outcome {
    /// Whether the outcome counts as a failure of the system: everything but success and what the caller wanted.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Rejected | Self::ServerFault | Self::Timeout | Self::Unreachable)
    }

    /// The outcome of work that ended with `fault`, or without one.
    pub fn of(fault: Option<Fault>) -> Self {
        fault.map_or(Self::Ok, Fault::outcome)
    }

    /// The name used in the truth.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientFault => "client_fault",
            Self::Rejected => "rejected",
            Self::ServerFault => "server_fault",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What goes wrong in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The thing asked for does not exist.
    NotFound,
    /// The request makes no sense.
    Invalid,
    /// No valid session.
    Unauthenticated,
    /// A business rule says no: card declined, fraud suspected.
    Declined,
    /// Out of stock, or changed meanwhile.
    Conflict,
    /// A rate limiter says no.
    Limited,
    /// A bug, or a failed query.
    Internal,
    /// Something this work depends on failed.
    Dependency,
    /// Too late.
    Timeout,
    /// The connection was refused.
    Refused,
    /// The caller's own circuit breaker is open.
    NotPermitted,
    /// The caller has too many calls under way.
    Bulkhead,
    /// The caller does not wait any more and said so.
    Cancelled,
}

impl Fault {
    /// Those after which another attempt may end better.
    pub const RETRYABLE: &[Self] = &[Self::Internal, Self::Dependency, Self::Timeout, Self::Refused];

    /// The class of this fault.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::NotFound | Self::Invalid | Self::Unauthenticated | Self::Declined | Self::Conflict => {
                Outcome::ClientFault
            }
            Self::Limited | Self::NotPermitted | Self::Bulkhead => Outcome::Rejected,
            Self::Cancelled => Outcome::Cancelled,
            Self::Internal | Self::Dependency => Outcome::ServerFault,
            Self::Timeout => Outcome::Timeout,
            Self::Refused => Outcome::Unreachable,
        }
    }

    /// The fault a server reports to its own caller when something it called ended with this one.
    pub fn passed_on(self) -> Self {
        match self {
            Self::NotFound | Self::Invalid | Self::Unauthenticated | Self::Declined | Self::Conflict => self,
            Self::Timeout => Self::Timeout,
            Self::Cancelled => Self::Cancelled,
            Self::Limited | Self::Internal | Self::Dependency | Self::Refused | Self::NotPermitted | Self::Bulkhead => {
                Self::Dependency
            }
        }
    }

    /// Whether the request got as far as somebody who could answer.
    pub fn is_answer(self) -> bool {
        !matches!(self, Self::Refused | Self::NotPermitted | Self::Bulkhead)
    }

    /// The HTTP status a server answers with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Declined => 402,
            Self::Conflict => 409,
            Self::Limited => 429,
            Self::Internal => 500,
            Self::Dependency => 502,
            Self::Timeout => 504,
            Self::Refused | Self::NotPermitted | Self::Bulkhead => 503,
            Self::Cancelled => 499,
        }
    }

    /// The gRPC status a server answers with: its name and its number.
    pub fn rpc_status(self) -> (&'static str, i64) {
        match self {
            Self::NotFound => ("NOT_FOUND", 5),
            Self::Invalid => ("INVALID_ARGUMENT", 3),
            Self::Unauthenticated => ("UNAUTHENTICATED", 16),
            Self::Declined => ("FAILED_PRECONDITION", 9),
            Self::Conflict => ("ABORTED", 10),
            Self::Limited => ("RESOURCE_EXHAUSTED", 8),
            Self::Internal | Self::Dependency => ("INTERNAL", 13),
            Self::Timeout => ("DEADLINE_EXCEEDED", 4),
            Self::Refused | Self::NotPermitted | Self::Bulkhead => ("UNAVAILABLE", 14),
            Self::Cancelled => ("CANCELLED", 1),
        }
    }

    /// What a log line or a status message says.
    pub fn message(self) -> &'static str {
        match self {
            Self::NotFound => "no such item",
            Self::Invalid => "request is not valid",
            Self::Unauthenticated => "session is missing or expired",
            Self::Declined => "declined by policy",
            Self::Conflict => "item is out of stock or was changed meanwhile",
            Self::Limited => "too many requests, try again later",
            Self::Internal => "unexpected state while handling the request",
            Self::Dependency => "a dependency failed",
            Self::Timeout => "deadline exceeded while waiting for an answer",
            Self::Refused => "connection refused",
            Self::NotPermitted => "circuit breaker is open",
            Self::Bulkhead => "too many calls under way",
            Self::Cancelled => "cancelled by the caller",
        }
    }
}
