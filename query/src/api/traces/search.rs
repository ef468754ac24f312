//! What traces are asked for.

use std::{
    cmp::{Ordering, Reverse},
    fmt,
    str::FromStr,
};

use spandrel_proto::model::{Outcome, id::parse_trace_id};

use super::{find::Found, structure::Called};
use crate::api::{
    attributes::column_of,
    error::ApiError,
    parameters::{Parameters, TimeRange, quote},
};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 200;
const MAX_ATTRIBUTES: usize = 10;
/// The operation of a span, over the columns of `spans`.
pub(super) const OPERATION: &str = "operation_name(name, http_request_method, http_route, url_path, rpc_method, \
                                            messaging_operation_type, messaging_destination_name)";

#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Order {
    Recent,
    Slowest,
    Errors,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Order::Recent => "recent",
            Order::Slowest => "slowest",
            Order::Errors => "errors",
        }
    }

    /// How the traces of two spans are ordered.
    pub(super) fn compare(self, a: &Found, b: &Found) -> Ordering {
        Cursor::of(a, self).place().cmp(&Cursor::of(b, self).place())
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Order::Recent, Order::Slowest, Order::Errors].into_iter().find(|order| order.as_str() == text).ok_or(())
    }
}

/// What traces are asked for.
#[derive(Debug)]
pub(super) struct Search {
    /// Of one span of the trace.
    pub(super) condition: String,
    pub(super) called: Option<Called>,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) limit: usize,
}

impl Search {
    pub(super) fn read(query: Option<&str>, now_ns: i64) -> Result<Search, ApiError> {
        let mut parameters = Parameters::new(query);
        let range = TimeRange::read(&mut parameters, now_ns)?;
        let mut conditions = vec![range.condition()];
        if let Some(service) = parameters.text("service") {
            conditions.push(format!("service_name = {}", quote(&service)));
        }
        if let Some(operation) = parameters.text("operation") {
            conditions.push(operation_condition(&operation));
        }
        if let Some(min_duration) = parameters.duration("min_duration")? {
            conditions.push(format!("duration_ns >= {min_duration}"));
        }
        if let Some(max_duration) = parameters.duration("max_duration")? {
            conditions.push(format!("duration_ns <= {max_duration}"));
        }
        if parameters.parsed("error", "true or false")?.unwrap_or(false) {
            conditions.push(failed());
        }
        let attributes = parameters.all("attribute");
        if attributes.len() > MAX_ATTRIBUTES {
            let message = format!("attribute: {} are given, at most {MAX_ATTRIBUTES} are allowed", attributes.len());
            return Err(ApiError::parameter("attribute", message));
        }
        for attribute in attributes {
            conditions.push(attribute_condition(&attribute)?);
        }
        let (calls, calls_operation) = (parameters.text("calls"), parameters.text("calls_operation"));
        if calls.is_none() && calls_operation.is_some() {
            return Err(ApiError::parameter(
                "calls_operation",
                "`calls_operation` is of what `calls` names: give both",
            ));
        }
        let called = calls.map(|name| Called { name, operation: calls_operation, range });
        let wanted = format!("a whole number from 1 to {MAX_LIMIT}");
        let limit = parameters.parsed("limit", &wanted)?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::parameter("limit", format!("limit: {limit} is not {wanted}")));
        }
        let order = parameters.parsed("order", "recent, slowest or errors")?.unwrap_or(Order::Recent);
        let after: Option<Cursor> = parameters.parsed("after", "the `cursor` of a trace")?;
        if let Some(cursor) = after.as_ref().filter(|cursor| cursor.order != order) {
            let message = format!("after: the cursor is of order={}, not of {}", cursor.order.as_str(), order.as_str());
            return Err(ApiError::parameter("after", message));
        }
        parameters.finish()?;
        Ok(Search { condition: conditions.join(" AND "), called, order, after, limit })
    }
}

/// A place in an order of traces: behind the span by which a trace was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    order: Order,
    failed: bool,
    /// Its start or duration, in nanoseconds.
    key: i64,
    trace_id: String,
}

impl Cursor {
    pub(super) fn of(found: &Found, order: Order) -> Cursor {
        let key = match order {
            Order::Recent | Order::Errors => found.start_ns,
            Order::Slowest => found.duration_ns,
        };
        Cursor { order, failed: found.failed, key, trace_id: found.trace_id.clone() }
    }

    /// As a condition on spans: those that come behind the cursor.
    pub(super) fn condition(&self) -> String {
        let Cursor { key, trace_id, .. } = self;
        let (column, key) = match self.order {
            Order::Slowest => ("duration_ns", key.to_string()),
            Order::Recent | Order::Errors => ("start_time", format!("to_timestamp_nanos({key})")),
        };
        let behind = format!("({column} < {key} OR ({column} = {key} AND trace_id > {}))", quote(trace_id));
        match (self.order, self.failed) {
            (Order::Errors, true) => format!("(NOT {0} OR ({0} AND {behind}))", failed()),
            (Order::Errors, false) => format!("(NOT {} AND {behind})", failed()),
            _ => behind,
        }
    }

    /// Whether the span `found` is at the cursor or before it.
    pub(super) fn is_past(&self, found: &Found) -> bool {
        Cursor::of(found, self.order).place() <= self.place()
    }

    fn place(&self) -> (bool, Reverse<i64>, &str) {
        (self.order == Order::Errors && !self.failed, Reverse(self.key), &self.trace_id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.failed { "failed" } else { "ended" };
        write!(formatter, "{}.{outcome}.{}.{}", self.order.as_str(), self.key, self.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [order, outcome @ ("failed" | "ended"), key, trace_id] = parts[..] else { return Err(()) };
        parse_trace_id(trace_id).filter(|_| trace_id.len() == 32).ok_or(())?;
        let key = key.parse().map_err(|_| ())?;
        Ok(Cursor { order: order.parse()?, failed: outcome == "failed", key, trace_id: trace_id.to_ascii_lowercase() })
    }
}

/// As a condition on spans: those that failed.
pub(in crate::api) fn failed() -> String {
    let failures = [Outcome::Rejected, Outcome::ServerFault, Outcome::Timeout, Outcome::Unreachable];
    format!("outcome IN ({})", failures.map(|outcome| quote(outcome.as_str())).join(", "))
}

/// As a condition on spans: those with this name or operation.
pub(in crate::api) fn operation_condition(operation: &str) -> String {
    let operation = quote(operation);
    format!("(name = {operation} OR {OPERATION} = {operation})")
}

/// As a condition on spans: those with the attribute `key=value`, on themselves or their resource.
pub(in crate::api) fn attribute_condition(attribute: &str) -> Result<String, ApiError> {
    let (key, value) = attribute
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| ApiError::parameter("attribute", format!("attribute: '{attribute}' is not like key=value")))?;
    let (key, value, column) = (quote(key), quote(value), column_of(key));
    let in_maps = format!("attributes[{key}] = {value} OR resource_attributes[{key}] = {value}");
    Ok(match column {
        Some(column) => format!("(CAST({column} AS VARCHAR) = {value} OR {in_maps})"),
        None => format!("({in_maps})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nonsense_is_refused() {
        let cursor = Cursor { order: Order::Errors, failed: true, key: -5, trace_id: format!("{:032x}", 7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for nonsense in ["", "recent.ended.1", "recent.ended.x.00000000000000000000000000000007", "recent.ended.1.7"] {
            assert_eq!(nonsense.parse::<Cursor>(), Err(()), "{nonsense}");
        }
    }
}
