//! Records as formats fill them, before they are rows.

use std::borrow::Cow;

use crate::ids::Ids;

/// A text, borrowed from the line where it stands there as it is.
pub type Text<'a> = Cow<'a, str>;

/// Where in the path of a request its record was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// A gateway that clients talk to.
    #[default]
    Edge,
    /// The proxy beside the caller.
    Outbound,
    /// The proxy beside the callee.
    Inbound,
}

impl Side {
    /// The text in the `side` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Edge => "edge",
            Side::Outbound => "outbound",
            Side::Inbound => "inbound",
        }
    }
}

/// One try of a gateway at an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub address: Option<Text<'a>>,
    pub status: Option<i32>,
    pub duration_ns: Option<i64>,
}

/// One row of `requests`. A format sets what its line says and leaves the rest.
///
/// Of start, end and duration any two give the third; a record with only one time has neither end nor duration known,
/// and its end is its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestRecord<'a> {
    /// Nanoseconds since the Unix epoch, as all times.
    pub start_time: Option<i64>,
    pub end_time: Option<i64>,
    pub duration_ns: Option<i64>,
    /// Kind of gateway: `nginx`, `envoy`, `istio`, ...
    pub source: &'static str,
    pub side: Side,
    /// Name of the gateway or proxy where the line says it; else the source's service is used.
    pub gateway: Option<Text<'a>>,
    pub method: Option<Text<'a>>,
    /// Path without query; the query goes to the attribute `url.query`.
    pub path: Option<Text<'a>>,
    pub route: Option<Text<'a>>,
    /// Host asked for, without port.
    pub server_address: Option<Text<'a>>,
    /// 0 and other "no response" spellings are `None`.
    pub status: Option<i32>,
    /// gRPC status as its name, such as `UNAVAILABLE`.
    pub rpc_status: Option<Text<'a>>,
    pub client_address: Option<Text<'a>>,
    pub user_agent: Option<Text<'a>>,
    pub request_bytes: Option<i64>,
    pub response_bytes: Option<i64>,
    pub upstream_service: Option<Text<'a>>,
    /// Address of the last try, without scheme.
    pub upstream_address: Option<Text<'a>>,
    pub upstream_status: Option<i32>,
    pub upstream_duration_ns: Option<i64>,
    /// Every try in order. Empty where the format knows of one upstream at most and nothing more than the fields above.
    pub attempts: Vec<Attempt<'a>>,
    /// Response flags of Envoy, termination state of HAProxy, and the like.
    pub response_flags: Option<Text<'a>>,
    /// The request was given up by the client before it was answered (status 0, 499, 460, flag `DC`, ...).
    pub cancelled: bool,
    /// Error text or class the record carries (`upstream_transport_failure_reason`, `error_reason`, ...), which decides
    /// its outcome beside the status.
    pub error: Option<Text<'a>>,
    pub ids: Ids<'a>,
    /// The rest, by OpenTelemetry attribute name where there is one, else `<source>.<name as the vendor writes it>`.
    pub attributes: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> RequestRecord<'a> {
    pub fn new(source: &'static str) -> Self {
        Self { source, ..Self::default() }
    }

    /// Adds an attribute, unless the value is one of the spellings of "missing": empty or `-`.
    pub fn attribute(&mut self, key: impl Into<Text<'a>>, value: impl Into<Text<'a>>) {
        let value = value.into();
        if !value.is_empty() && value != "-" {
            self.attributes.push((key.into(), value));
        }
    }
}

/// One row of `logs`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogRecord<'a> {
    /// Where the line has none, the time of its envelope is used, or else the time it was received.
    pub time: Option<i64>,
    /// OpenTelemetry severity, 1 to 24.
    pub severity_number: Option<i32>,
    /// As written in the line.
    pub severity_text: Option<Text<'a>>,
    pub body: Option<Text<'a>>,
    pub event_name: Option<Text<'a>>,
    /// Where the line says it; else the source's service is used.
    pub service_name: Option<Text<'a>>,
    pub service_namespace: Option<Text<'a>>,
    pub service_version: Option<Text<'a>>,
    pub service_instance_id: Option<Text<'a>>,
    pub deployment_environment_name: Option<Text<'a>>,
    pub host_name: Option<Text<'a>>,
    /// Name of the logger.
    pub scope_name: Option<Text<'a>>,
    pub ids: Ids<'a>,
    /// The rest: OpenTelemetry attribute names where there are (`exception.type`, `exception.stacktrace`,
    /// `code.function.name`, `thread.name`), else the key as in the line, nested keys joined by dots.
    pub attributes: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> LogRecord<'a> {
    pub fn attribute(&mut self, key: impl Into<Text<'a>>, value: impl Into<Text<'a>>) {
        self.attributes.push((key.into(), value.into()));
    }
}

/// What one line became. A line may hold several records (Kong's batches).
#[derive(Debug, Default)]
pub struct Output<'a> {
    pub requests: Vec<RequestRecord<'a>>,
    pub logs: Vec<LogRecord<'a>>,
}
