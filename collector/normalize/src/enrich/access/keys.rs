//! The keys of access records in application logs.

use std::{collections::HashMap, sync::LazyLock};

use crate::{app::Squeezed, time};

/// What the value of a key is of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Path,
    /// A URL, with or without scheme and host.
    Url,
    Query,
    Route,
    Status,
    /// With the nanoseconds of its unit, where the key tells it.
    Duration(Option<i64>),
    RequestBytes,
    ResponseBytes,
    ClientAddress,
    UserAgent,
    ServerAddress,
    StartTime,
    /// A key that only Envoy and those built on it write.
    Envoy(Envoy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envoy {
    Status,
    Flags,
    Details,
    UpstreamHost,
    UpstreamCluster,
    UpstreamTime,
    FailureReason,
}

/// Keys of OpenTelemetry and of those it replaced, ECS, pino-http, morgan, logrus as Online Boutique uses it, Google Cloud,
/// Serilog, and Envoy. Case and the separators `_ - .` do not matter.
const TABLE: &[(Part, &[&str])] = &[
    (
        Part::Method,
        &[
            "http.request.method",
            "http.method",
            "http.req.method",
            "req.method",
            "request.method",
            "RequestMethod",
            "httpRequest.requestMethod",
            "method",
            "http.request_method",
        ],
    ),
    (
        Part::Path,
        &[
            "url.path",
            "http.req.path",
            "req.path",
            "request.path",
            "RequestPath",
            "path",
            "http.path",
            "endpoint",
            "x-envoy-origin-path",
            "x-envoy-original-path",
        ],
    ),
    (
        Part::Url,
        &[
            "http.target",
            "http.url",
            "url.full",
            "url.original",
            "req.url",
            "request.url",
            "httpRequest.requestUrl",
            "url",
            "uri",
            "request_uri",
            "req.originalUrl",
            "originalUrl",
        ],
    ),
    (Part::Query, &["url.query", "http.query"]),
    (Part::Route, &["http.route", "req.route.path"]),
    (
        Part::Status,
        &[
            "http.response.status_code",
            "http.status_code",
            "http.resp.status",
            "res.statusCode",
            "res.status",
            "response.status",
            "response.status_code",
            "StatusCode",
            "httpRequest.status",
            "status",
            "http.status",
        ],
    ),
    (Part::Duration(Some(time::NANOS_PER_SECOND)), &["http.server.request.duration", "duration_s", "request_time"]),
    (
        Part::Duration(Some(time::NANOS_PER_MILLI)),
        &[
            "http.resp.took_ms",
            "responseTime",
            "response_time",
            "Elapsed",
            "ElapsedMilliseconds",
            "elapsed_ms",
            "took_ms",
            "duration_ms",
            "latency_ms",
            "http.server.duration",
            "response-time",
        ],
    ),
    (Part::Duration(Some(time::NANOS_PER_MICRO)), &["duration_us", "latency_us"]),
    (Part::Duration(Some(1)), &["event.duration", "duration_ns", "latency_ns"]),
    (Part::Duration(None), &["httpRequest.latency", "duration", "latency", "took"]),
    (
        Part::RequestBytes,
        &["http.request.body.size", "http.request.body.bytes", "httpRequest.requestSize", "bytes_received"],
    ),
    (
        Part::ResponseBytes,
        &[
            "http.response.body.size",
            "http.response.body.bytes",
            "http.resp.bytes",
            "httpRequest.responseSize",
            "res.contentLength",
            "res.headers.content-length",
            "content_length",
            "bytes_sent",
            "content-length",
        ],
    ),
    (
        Part::ClientAddress,
        &[
            "client.address",
            "http.client_ip",
            "client.ip",
            "httpRequest.remoteIp",
            "req.remoteAddress",
            "remote_addr",
            "remote_ip",
            "remote-addr",
            "client_ip",
            "x_forwarded_for",
            "ClientIp",
            "ip",
        ],
    ),
    (
        Part::UserAgent,
        &["user_agent.original", "http.user_agent", "httpRequest.userAgent", "user_agent", "req.headers.user-agent"],
    ),
    (
        Part::ServerAddress,
        &["server.address", "http.host", "url.domain", "req.headers.host", "authority", ":authority", "RequestHost"],
    ),
    (Part::StartTime, &["start_time", "event.start"]),
    (Part::Envoy(Envoy::Status), &["response_code"]),
    (Part::Envoy(Envoy::Flags), &["response_flags"]),
    (Part::Envoy(Envoy::Details), &["response_code_details"]),
    (Part::Envoy(Envoy::UpstreamHost), &["upstream_host"]),
    (Part::Envoy(Envoy::UpstreamCluster), &["upstream_cluster"]),
    (Part::Envoy(Envoy::UpstreamTime), &["upstream_service_time", "x-envoy-upstream-service-time"]),
    (Part::Envoy(Envoy::FailureReason), &["upstream_transport_failure_reason"]),
];

/// What the value of a key is, if it is part of an access record.
pub(super) fn part_of(key: &str) -> Option<Part> {
    static PARTS: LazyLock<HashMap<Vec<u8>, Part>> = LazyLock::new(|| {
        let mut parts = HashMap::new();
        for (part, keys) in TABLE {
            for key in *keys {
                let squeezed = Squeezed::new(key).expect("keys of the table are shorter than what is squeezed");
                parts.insert(squeezed.as_bytes().to_vec(), *part);
            }
        }
        parts
    });
    PARTS.get(Squeezed::new(key)?.as_bytes()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_two_parts() {
        for (part, keys) in TABLE {
            for key in *keys {
                assert_eq!(part_of(key), Some(*part), "{key}");
            }
        }
    }
}
