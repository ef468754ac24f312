//! What the variables of nginx mean.

use std::borrow::Cow;

use super::upstreams::Upstreams;
use crate::{
    format::LineError,
    gateway::{
        bad_time, duration, integer, is_missing,
        request_line::{set_host, set_protocol, set_request_line, set_target},
        slice, status,
    },
    ids::IdKind,
    record::{RequestRecord, Text},
    time::{common_log, epoch_guess, epoch_seconds, iso8601},
};
use jiff::tz::TimeZone;

/// Where the value of a variable goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    TimeLocal,
    TimeIso8601,
    Msec,
    /// A time in one of these forms.
    AnyTime,
    RequestTime,
    RemoteAddr,
    Request,
    Method,
    RequestUri,
    Uri,
    Args,
    IsArgs,
    /// `$host$request_uri` in one.
    HostAndUri,
    Protocol,
    Status,
    BodyBytesSent,
    BytesSent,
    RequestLength,
    Host,
    HttpHost,
    ServerName,
    UserAgent,
    UpstreamAddr,
    UpstreamStatus,
    UpstreamResponseTime,
    UpstreamService,
    ProxyHost,
    Id(IdKind),
    Attribute(Cow<'static, str>),
}

impl Variable {
    /// The variable of a name, without its `$`.
    pub(super) fn named(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::other(name))
    }

    /// The variables whose names nginx itself gives.
    pub(super) fn known(name: &str) -> Option<Self> {
        Some(match name {
            "time_local" => Self::TimeLocal,
            "time_iso8601" => Self::TimeIso8601,
            "msec" => Self::Msec,
            "request_time" => Self::RequestTime,
            "remote_addr" => Self::RemoteAddr,
            "request" => Self::Request,
            "request_method" => Self::Method,
            "request_uri" => Self::RequestUri,
            "uri" | "document_uri" => Self::Uri,
            "args" | "query_string" => Self::Args,
            "is_args" => Self::IsArgs,
            "server_protocol" => Self::Protocol,
            "status" => Self::Status,
            "body_bytes_sent" => Self::BodyBytesSent,
            "bytes_sent" => Self::BytesSent,
            "request_length" => Self::RequestLength,
            "host" => Self::Host,
            "http_host" => Self::HttpHost,
            "server_name" => Self::ServerName,
            "http_user_agent" => Self::UserAgent,
            "upstream_addr" => Self::UpstreamAddr,
            "upstream_status" => Self::UpstreamStatus,
            "upstream_response_time" => Self::UpstreamResponseTime,
            "proxy_upstream_name" => Self::UpstreamService,
            "proxy_host" => Self::ProxyHost,
            "request_id" | "req_id" => Self::Id(IdKind::Correlation),
            "otel_trace_id" | "opentelemetry_trace_id" => Self::Id(IdKind::TraceId),
            "otel_span_id" | "opentelemetry_span_id" => Self::Id(IdKind::SpanId),
            "otel_parent_id" => Self::Id(IdKind::ParentSpanId),
            "remote_user" => attribute("user.name"),
            "remote_port" => attribute("client.port"),
            "server_port" => attribute("server.port"),
            "hostname" => attribute("host.name"),
            "scheme" => attribute("url.scheme"),
            "http_referer" => attribute("http.request.header.referer"),
            "http_x_forwarded_for" => attribute("http.request.header.x-forwarded-for"),
            "realip_remote_addr" => attribute("network.peer.address"),
            "connection" => attribute("nginx.connection"),
            "upstream_connect_time" => attribute("nginx.upstream_connect_time"),
            "upstream_header_time" => attribute("nginx.upstream_header_time"),
            "upstream_response_length" => attribute("nginx.upstream_response_length"),
            "upstream_cache_status" => attribute("nginx.upstream_cache_status"),
            "proxy_alternative_upstream_name" => attribute("nginx.proxy_alternative_upstream_name"),
            _ => return None,
        })
    }

    /// The variables that configuration names: headers, `map`s, modules.
    fn other(name: &str) -> Self {
        match name {
            "service_name" => return Self::UpstreamService,
            "service_version" => return attribute("service.version"),
            _ => {}
        }
        let header = |prefix: &str, of: &str| {
            let header = name.strip_prefix(prefix)?.replace('_', "-");
            Some(match IdKind::of_key(&header) {
                Some(kind) => Self::Id(kind),
                None => Self::Attribute(Cow::Owned(format!("http.{of}.header.{header}"))),
            })
        };
        header("http_", "request")
            .or_else(|| header("sent_http_", "response"))
            .or_else(|| header("upstream_http_", "response"))
            .or_else(|| IdKind::of_key(name).map(Self::Id))
            .unwrap_or_else(|| Self::Attribute(Cow::Owned(format!("nginx.{name}"))))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::UpstreamAddr | Self::UpstreamStatus | Self::UpstreamResponseTime)
            || matches!(self, Self::Attribute(name) if name.starts_with("nginx.upstream_"))
    }
}

fn attribute(name: &'static str) -> Variable {
    Variable::Attribute(Cow::Borrowed(name))
}

/// A record whose variables are still coming.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    record: RequestRecord<'a>,
    end_is_exact: bool,
    request: Option<Text<'a>>,
    request_uri: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    args: Option<Text<'a>>,
    protocol: Option<Text<'a>>,
    host: Option<Text<'a>>,
    http_host: Option<Text<'a>>,
    server_name: Option<Text<'a>>,
    proxy_host: Option<Text<'a>>,
    bytes_sent: Option<i64>,
    upstreams: Upstreams<'a>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(source: &'static str) -> Self {
        let mut record = RequestRecord::new(source);
        record.attributes.reserve(6);
        Self {
            record,
            end_is_exact: false,
            request: None,
            request_uri: None,
            uri: None,
            args: None,
            protocol: None,
            host: None,
            http_host: None,
            server_name: None,
            proxy_host: None,
            bytes_sent: None,
            upstreams: Upstreams::default(),
        }
    }

    /// Takes the value of a variable.
    ///
    /// # Errors
    /// When it cannot be read as what it is.
    pub(super) fn set(&mut self, variable: &Variable, value: Text<'a>, zone: &TimeZone) -> Result<(), LineError> {
        if is_missing(&value) {
            return Ok(());
        }
        let record = &mut self.record;
        match variable {
            Variable::TimeLocal | Variable::TimeIso8601 | Variable::Msec | Variable::AnyTime => {
                return self.set_time(variable, &value, zone);
            }
            Variable::RequestTime => record.duration_ns = duration(&value, 0, "request_time")?,
            Variable::Status => record.status = status(&value, "status")?,
            Variable::BodyBytesSent => record.response_bytes = integer(&value, "body_bytes_sent")?,
            Variable::BytesSent => self.bytes_sent = integer(&value, "bytes_sent")?,
            Variable::RequestLength => record.request_bytes = integer(&value, "request_length")?,
            Variable::RemoteAddr => record.client_address = Some(value),
            Variable::Method => record.method = Some(value),
            Variable::UserAgent => record.user_agent = Some(value),
            Variable::UpstreamService => record.upstream_service = Some(value),
            Variable::Id(kind) => record.ids.set(*kind, &value),
            Variable::Attribute(name) => record.attribute(name.clone(), value),
            Variable::Request => self.request = Some(value),
            Variable::RequestUri => self.request_uri = Some(value),
            Variable::HostAndUri => {
                let host_end = value.find('/').unwrap_or(value.len());
                self.host = Some(slice(&value, 0..host_end));
                self.request_uri = Some(slice(&value, host_end..value.len()));
            }
            Variable::Uri => self.uri = Some(value),
            Variable::Args => self.args = Some(value),
            Variable::IsArgs => {}
            Variable::Protocol => self.protocol = Some(value),
            Variable::Host => self.host = Some(value),
            Variable::HttpHost => self.http_host = Some(value),
            Variable::ServerName => self.server_name = Some(value),
            Variable::ProxyHost => self.proxy_host = Some(value),
            Variable::UpstreamAddr => self.upstreams.addresses = Some(value),
            Variable::UpstreamStatus => self.upstreams.statuses = Some(value),
            Variable::UpstreamResponseTime => self.upstreams.times = Some(value),
        }
        Ok(())
    }

    /// Takes the time of the end: nginx logs a request when it is done.
    fn set_time(&mut self, variable: &Variable, value: &str, zone: &TimeZone) -> Result<(), LineError> {
        if self.end_is_exact {
            return Ok(());
        }
        let time = match variable {
            Variable::TimeLocal => common_log(value),
            Variable::TimeIso8601 => iso8601(value, zone),
            Variable::Msec => epoch_seconds(value),
            _ => iso8601(value, zone).or_else(|| common_log(value)).or_else(|| epoch_guess(value)),
        };
        self.record.end_time = Some(time.ok_or_else(|| bad_time(value))?);
        self.end_is_exact = *variable == Variable::Msec;
        Ok(())
    }

    /// The record of all that was set.
    pub(super) fn finish(mut self) -> RequestRecord<'a> {
        let record = &mut self.record;
        // `$host` is the name asked for, else the server's; the header may carry a port; `_` names no server.
        for host in [self.host, self.http_host, self.server_name].into_iter().flatten() {
            set_host(record, &host);
        }
        let method = record.method.take();
        if let Some(request) = self.request {
            set_request_line(record, request, "nginx.request");
        } else if let Some(protocol) = self.protocol {
            set_protocol(record, protocol);
        }
        record.method = method.or_else(|| record.method.take());
        if record.path.is_none() {
            if let Some(target) = self.request_uri {
                set_target(record, &target);
            } else if let Some(uri) = self.uri {
                set_target(record, &uri);
                if let Some(args) = self.args {
                    record.attribute("url.query", args);
                }
            }
        }
        record.response_bytes = record.response_bytes.or(self.bytes_sent);
        record.upstream_service = record.upstream_service.take().or(self.proxy_host);
        // 499 stands for a client that closed the connection before it got its answer.
        record.cancelled = record.status == Some(499);
        self.upstreams.set(record);
        self.record
    }
}
