//! Envoy's command operators, as they stand in format strings.

use super::Field;
use crate::{
    gateway::pattern::{Part, Pattern},
    ids::IdKind,
};

/// Compiles a format string to the layout of its lines.
///
/// # Errors
/// Says which operator is broken or cannot be told from the next.
pub(super) fn compile(format: &str) -> Result<Pattern<Field>, String> {
    Pattern::new(parts(format)?, spaces_within)
}

/// The field of a text that is a single operator; an attribute of that name where it is more than one, or none.
pub(super) fn field_of_value(name: &str, format: &str) -> Result<Field, String> {
    let mut parts = parts(format)?;
    match (parts.pop(), parts.is_empty()) {
        (Some(Part::Field(field)), true) => Ok(field),
        _ => Ok(Field::Attribute(format!("envoy.{name}").into_boxed_str())),
    }
}

/// A format string as text and fields.
fn parts(format: &str) -> Result<Vec<Part<Field>>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        rest = &rest[percent + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (operator, after) = operator(rest)?;
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Field(operator.field()));
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[derive(Debug)]
struct Operator<'f> {
    name: &'f str,
    argument: Option<&'f str>,
}

/// `NAME%`, `NAME(argument)%` or `NAME(argument):length%`, and what follows.
fn operator(text: &str) -> Result<(Operator<'_>, &str), String> {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let length = text.bytes().take_while(|byte| is_name(*byte)).count();
    let (name, rest) = text.split_at(length);
    let broken = || format!("%{} is not an operator of Envoy", text.split(['%', ' ']).next().unwrap_or_default());
    if name.is_empty() {
        return Err(broken());
    }
    let (argument, rest) = match rest.strip_prefix('(') {
        // The argument may hold percent signs and parentheses; it ends at the first `)` that the operator ends behind.
        Some(inside) => {
            let end =
                inside.match_indices(')').map(|(end, _)| end).find(|end| end_of_operator(&inside[end + 1..]).is_some());
            let end = end.ok_or_else(broken)?;
            (Some(&inside[..end]), &inside[end + 1..])
        }
        None => (None, rest),
    };
    let after = end_of_operator(rest).ok_or_else(broken)?;
    Ok((Operator { name, argument }, after))
}

/// What follows `%` or `:length%`.
fn end_of_operator(text: &str) -> Option<&str> {
    let length = text.strip_prefix(':').map(|rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    length.unwrap_or(text).strip_prefix('%')
}

/// How many spaces the values of a field hold.
fn spaces_within(field: &Field) -> usize {
    match field {
        Field::StartTime(Some(format)) => format.matches(' ').count(),
        _ => 0,
    }
}

impl Operator<'_> {
    fn field(&self) -> Field {
        match self.name {
            "START_TIME" => Field::StartTime(self.argument.filter(|format| !format.is_empty()).map(Into::into)),
            "DURATION" => Field::Duration,
            "PROTOCOL" => Field::Protocol,
            "RESPONSE_CODE" => Field::Status,
            "RESPONSE_FLAGS" | "RESPONSE_FLAGS_LONG" => Field::Flags,
            "RESPONSE_CODE_DETAILS" => Field::CodeDetails,
            "CONNECTION_TERMINATION_DETAILS" => Field::TerminationDetails,
            "UPSTREAM_TRANSPORT_FAILURE_REASON" => Field::TransportFailure,
            "BYTES_RECEIVED" => Field::BytesReceived,
            "BYTES_SENT" => Field::BytesSent,
            "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => Field::UpstreamHost,
            "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Field::UpstreamCluster,
            "UPSTREAM_LOCAL_ADDRESS" => Field::UpstreamLocalAddress,
            "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Field::AttemptCount,
            "DOWNSTREAM_LOCAL_ADDRESS" => Field::DownstreamLocalAddress,
            "DOWNSTREAM_REMOTE_ADDRESS" | "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Field::DownstreamRemoteAddress,
            "REQUESTED_SERVER_NAME" => Field::ServerName,
            "ROUTE_NAME" => Field::RouteName,
            "GRPC_STATUS" | "GRPC_STATUS_NUMBER" => Field::GrpcStatus,
            "TRACE_ID" => Field::Id(IdKind::TraceId),
            "SPAN_ID" => Field::Id(IdKind::SpanId),
            "STREAM_ID" => Field::Id(IdKind::Correlation),
            "KUMA_MESH" => Field::Mesh,
            "KUMA_SOURCE_SERVICE" => Field::SourceService,
            "KUMA_DESTINATION_SERVICE" => Field::DestinationService,
            "KUMA_TRAFFIC_DIRECTION" => Field::Direction,
            "REQ" => self.header("http.request.header."),
            "RESP" => self.header("http.response.header."),
            "TRAILER" => self.header("http.response.trailer."),
            _ => self.attribute(),
        }
    }

    /// The field of `%REQ(NAME)%` and `%REQ(NAME?OTHER)%`, which is what either header holds.
    fn header(&self, prefix: &str) -> Field {
        let argument = self.argument.unwrap_or_default().to_ascii_lowercase();
        let names = || argument.split('?').map(str::trim);
        for name in names() {
            match name {
                ":method" => return Field::Method,
                ":path" | "x-envoy-original-path" => return Field::Path,
                ":authority" | "host" => return Field::Authority,
                "x-forwarded-for" => return Field::ForwardedFor,
                "user-agent" => return Field::UserAgent,
                "x-envoy-upstream-service-time" => return Field::UpstreamTime,
                "grpc-status" => return Field::GrpcStatus,
                _ => {}
            }
        }
        if let Some(kind) = names().find_map(IdKind::of_key) {
            return Field::Id(kind);
        }
        // Headers that identify are the kinds that IdKind knows, and these, which hold a trace id as it stands.
        if names().any(|name| matches!(name, "x-b3-traceid" | "x-datadog-trace-id" | "x-datadog-traceid")) {
            return Field::Id(IdKind::TraceId);
        }
        let name = names().next().unwrap_or_default();
        Field::Attribute(format!("{prefix}{name}").into_boxed_str())
    }

    fn attribute(&self) -> Field {
        let name = self.name.to_ascii_lowercase();
        match self.argument {
            Some(argument) => Field::Attribute(format!("envoy.{name}.{argument}").into_boxed_str()),
            None => Field::Attribute(format!("envoy.{name}").into_boxed_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_become_fields() {
        for (format, expected) in [
            ("%START_TIME%", Field::StartTime(None)),
            ("%START_TIME(%Y/%m/%dT%H:%M:%S%z (%s))%", Field::StartTime(Some("%Y/%m/%dT%H:%M:%S%z (%s)".into()))),
            ("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):256%", Field::Path),
            ("%REQ(:AUTHORITY)%", Field::Authority),
            ("%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", Field::UpstreamTime),
            ("%REQ(X-REQUEST-ID)%", Field::Id(IdKind::Correlation)),
            ("%REQ(X-B3-TRACEID?X-DATADOG-TRACEID)%", Field::Id(IdKind::TraceId)),
            ("%REQ(X-TENANT)%", Field::Attribute("http.request.header.x-tenant".into())),
            ("%DYNAMIC_METADATA(a:b)%", Field::Attribute("envoy.dynamic_metadata.a:b".into())),
            ("%RESPONSE_DURATION%", Field::Attribute("envoy.response_duration".into())),
        ] {
            assert_eq!(parts(format), Ok(vec![Part::Field(expected)]), "{format}");
        }
        assert_eq!(parts("100%%"), Ok(vec![Part::Text("100%".to_owned())]));
    }

    #[test]
    fn broken_formats_are_refused() {
        for format in ["%START_TIME", "%REQ(X%", "50% of it", "%DURATION%%PROTOCOL%", "no fields", "%REQ(A):x%"] {
            assert!(compile(format).is_err(), "{format}");
        }
    }
}
