//! One access record, from its fields in whatever order.

use std::borrow::Cow;

use spandrel_proto::model::alias::grpc_code_name;

use super::{
    Field,
    cluster::{self, Cluster},
    flags,
};
use crate::{
    format::{LineContext, LineError},
    gateway::fields::{
        first_address, integer, millis, not_a_time, part, set_host, set_protocol, set_target, status, text,
        without_port,
    },
    json::Value,
    record::{RequestRecord, Side, Text},
    time,
};

/// Gathers what a line says until the parts that depend on each other are known.
#[derive(Debug)]
pub(super) struct Builder<'c, 'a> {
    context: &'c LineContext<'a>,
    record: RequestRecord<'a>,
    path: Option<Text<'a>>,
    original_path: Option<Text<'a>>,
    cluster: Option<Text<'a>>,
    server_name: Option<Text<'a>>,
    authority: Option<Text<'a>>,
    forwarded_for: Option<Text<'a>>,
    code_details: Option<Text<'a>>,
    termination: Option<Text<'a>>,
    transport_failure: Option<Text<'a>>,
    source_service: Option<Text<'a>>,
    destination: Option<Text<'a>>,
    direction: Option<Side>,
    /// Status 0: there was no response.
    no_response: bool,
    /// Fields that only Envoy writes.
    marks: u32,
}

impl<'c, 'a> Builder<'c, 'a> {
    pub(super) fn new(source: &'static str, context: &'c LineContext<'a>) -> Self {
        Self {
            context,
            record: RequestRecord::new(source),
            path: None,
            original_path: None,
            cluster: None,
            server_name: None,
            authority: None,
            forwarded_for: None,
            code_details: None,
            termination: None,
            transport_failure: None,
            source_service: None,
            destination: None,
            direction: None,
            no_response: false,
            marks: 0,
        }
    }

    /// Whether the fields make it likely that Envoy wrote them.
    pub(super) fn has_marks(&self) -> bool {
        self.marks >= 2
    }

    /// Takes the value of a field.
    pub(super) fn set(&mut self, field: &Field, value: Value<'a>) -> Result<(), LineError> {
        let record = &mut self.record;
        match field {
            Field::StartTime(format) => record.start_time = start_time(format.as_deref(), &value, self.context)?,
            Field::Duration => record.duration_ns = millis("duration", &value)?,
            Field::Status => {
                record.status = status("response code", &value)?;
                self.no_response = record.status.is_none() && value.integer() == Some(0);
            }
            Field::BytesReceived => record.request_bytes = integer("bytes received", &value)?,
            Field::BytesSent => record.response_bytes = integer("bytes sent", &value)?,
            Field::UpstreamTime => {
                self.marks += 1;
                record.upstream_duration_ns = millis("upstream service time", &value)?;
            }
            Field::AttemptCount => {
                self.marks += 1;
                if let Some(count) = integer("upstream request attempt count", &value)?.filter(|count| *count > 1) {
                    record.attribute("http.request.resend_count", (count - 1).to_string());
                }
            }
            _ => {
                self.marks += u32::from(is_mark(field));
                if let Some(text) = text(value) {
                    self.set_text(field, text);
                }
            }
        }
        Ok(())
    }

    fn set_text(&mut self, field: &Field, value: Text<'a>) {
        let record = &mut self.record;
        match field {
            Field::Method => record.method = Some(value),
            Field::Path => self.path = Some(value),
            Field::OriginalPath => self.original_path = Some(value),
            Field::Authority => self.authority = Some(value),
            Field::Protocol => set_protocol(record, &value),
            Field::GrpcStatus => record.rpc_status = Some(grpc_status(value)),
            Field::Flags => record.response_flags = Some(flags::shortened(value)),
            Field::CodeDetails => self.code_details = Some(value),
            Field::TerminationDetails => self.termination = Some(value),
            Field::TransportFailure => self.transport_failure = Some(value),
            Field::ForwardedFor => self.forwarded_for = Some(value),
            Field::UserAgent => record.user_agent = Some(value),
            Field::Id(kind) => record.ids.set(*kind, &value),
            Field::UpstreamHost => record.upstream_address = Some(without_scheme(&value)),
            Field::UpstreamCluster => self.cluster = Some(value),
            Field::UpstreamLocalAddress => record.attribute("envoy.upstream_local_address", value),
            Field::DownstreamLocalAddress => record.attribute("envoy.downstream_local_address", value),
            Field::DownstreamRemoteAddress => record.client_address = Some(without_port(&value)),
            Field::ServerName => self.server_name = Some(value),
            Field::RouteName if value == "default" => {}
            Field::RouteName => record.route = Some(value),
            Field::Mesh => record.attribute("kuma.mesh", value),
            Field::SourceService => self.source_service = Some(value),
            Field::DestinationService => self.destination = Some(value),
            Field::Direction => self.direction = direction(&value),
            Field::Attribute(name) => record.attribute(name.to_string(), value),
            Field::StartTime(_)
            | Field::Duration
            | Field::Status
            | Field::BytesReceived
            | Field::BytesSent
            | Field::UpstreamTime
            | Field::AttemptCount => {}
        }
    }

    /// Takes a member of JSON whose key is not known.
    pub(super) fn set_unknown(&mut self, key: &str, value: Value<'a>) {
        if let Some(value) = text(value)
            && !self.record.ids.offer(key, &value)
        {
            self.record.attribute(format!("envoy.{key}"), value);
        }
    }

    pub(super) fn finish(mut self) -> RequestRecord<'a> {
        if let Some(path) = self.original_path.take().or(self.path.take()) {
            set_target(&mut self.record, &path);
        }
        self.set_client();
        self.set_upstream();
        self.set_outcome();
        let record = &mut self.record;
        if let Some(authority) = &self.authority {
            set_host(record, authority);
        }
        for (key, value) in [
            ("envoy.upstream_cluster", self.cluster),
            ("tls.client.server_name", self.server_name),
            ("envoy.response_code_details", self.code_details),
            ("envoy.connection_termination_details", self.termination),
            ("envoy.upstream_transport_failure_reason", self.transport_failure),
            ("kuma.source_service", self.source_service),
        ] {
            if let Some(value) = value {
                record.attributes.push((Cow::Borrowed(key), value));
            }
        }
        self.record
    }

    /// The client is who Envoy took for it, or else the first that `x-forwarded-for` names.
    fn set_client(&mut self) {
        let Some(list) = self.forwarded_for.take() else { return };
        let first = first_address(&list);
        match &self.record.client_address {
            Some(client) if *client == first => {}
            Some(_) => self.record.attribute("http.request.header.x-forwarded-for", list),
            None => self.record.client_address = Some(first),
        }
    }

    fn set_upstream(&mut self) {
        let cluster = self.cluster.as_ref().map(Peer::of).unwrap_or_default();
        self.record.side = self.side(cluster.side);
        let from_names = || {
            let names = [self.server_name.as_ref(), self.authority.as_ref()];
            names.into_iter().flatten().map(Peer::of).find(|peer| peer.service.is_some())
        };
        let destination = self.destination.as_ref().map(Peer::of_service);
        let peer = match (destination, self.record.side) {
            (Some(peer), _) => Some(peer),
            // The cluster of an inbound record is a port of the pod; who was asked for stands in SNI and authority.
            (None, Side::Inbound) => from_names().or(cluster.service.is_some().then_some(cluster)),
            (None, _) if cluster.service.is_some() => Some(cluster),
            (None, _) if cluster.side == Some(Side::Outbound) => from_names(),
            (None, _) => self.cluster.as_ref().filter(|_| self.record.source == "envoy").and_then(Peer::of_plain_name),
        };
        if let Some(peer) = peer {
            self.record.upstream_service = peer.service;
            if let Some(namespace) = peer.namespace {
                self.record.attribute("service.peer.namespace", namespace);
            }
            if let Some(subset) = peer.subset {
                self.record.attribute("envoy.upstream_subset", subset);
            }
        }
        if let (Some(source), Side::Outbound) = (&self.source_service, self.record.side) {
            self.record.gateway = Peer::of_service(source).service;
        }
    }

    fn side(&self, of_cluster: Option<Side>) -> Side {
        let is_mesh = matches!(self.record.source, "kuma" | "app-mesh" | "consul");
        let to_itself = self
            .record
            .upstream_address
            .as_deref()
            .is_some_and(|host| host.starts_with("127.") || host.starts_with("[::1]"));
        match self.direction.or(of_cluster) {
            // The gateway of a mesh calls as its sidecars do. Only its name tells it from them.
            Some(Side::Outbound) if self.is_gateway() => Side::Edge,
            Some(side) => side,
            None if is_mesh && to_itself => Side::Inbound,
            None if self.destination.is_some() => Side::Outbound,
            None => Side::Edge,
        }
    }

    fn is_gateway(&self) -> bool {
        let name = self.context.service.or(self.context.program);
        name.is_some_and(|name| name.contains("gateway") || name.contains("ingress"))
    }

    fn set_outcome(&mut self) {
        let record = &mut self.record;
        let flags = record.response_flags.as_deref();
        let gave_up = self.no_response && record.method.is_some() && flags.is_none();
        record.cancelled = gave_up || flags.is_some_and(flags::say_cancelled);
        let from_upstream = match self.code_details.as_deref() {
            Some(details) => details.starts_with("via_upstream"),
            None => record.upstream_duration_ns.is_some() && flags.is_none(),
        };
        if from_upstream {
            record.upstream_status = record.status;
        }
        let failed = record.status.is_none_or(|status| status >= 400) && !record.cancelled;
        if failed {
            let details = self.code_details.as_ref().filter(|_| !from_upstream);
            record.error = self.transport_failure.as_ref().or(details).or(self.termination.as_ref()).cloned();
        }
    }
}

/// [`Cluster`] whose texts live as long as the line.
#[derive(Debug, Default)]
struct Peer<'a> {
    side: Option<Side>,
    service: Option<Text<'a>>,
    namespace: Option<Text<'a>>,
    subset: Option<Text<'a>>,
}

impl<'a> Peer<'a> {
    fn of(name: &Text<'a>) -> Self {
        let peer = |Cluster { side, service, namespace, subset }: Cluster<'a>| Self {
            side,
            service: service.map(Cow::Borrowed),
            namespace: namespace.map(Cow::Borrowed),
            subset: subset.map(Cow::Borrowed),
        };
        match name {
            Cow::Borrowed(name) => peer(cluster::read(name)),
            Cow::Owned(name) => {
                let Cluster { side, service, namespace, subset } = cluster::read(name);
                let owned = |text: Option<&str>| text.map(|text| Cow::Owned(text.to_owned()));
                Self { side, service: owned(service), namespace: owned(namespace), subset: owned(subset) }
            }
        }
    }

    /// Of the name of a service, which stays as it is where it follows no scheme.
    fn of_service(name: &Text<'a>) -> Self {
        let peer = Self::of(name);
        if peer.service.is_some() { peer } else { Self { service: Some(name.clone()), ..Self::default() } }
    }

    /// Of a cluster in a static configuration, which is named for its service.
    fn of_plain_name(name: &Text<'a>) -> Option<Self> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        is_plain.then(|| Self { service: Some(name.clone()), ..Self::default() })
    }
}

fn is_mark(field: &Field) -> bool {
    matches!(
        field,
        Field::Flags
            | Field::CodeDetails
            | Field::TerminationDetails
            | Field::TransportFailure
            | Field::UpstreamHost
            | Field::UpstreamCluster
            | Field::UpstreamLocalAddress
            | Field::DownstreamLocalAddress
            | Field::DownstreamRemoteAddress
            | Field::OriginalPath
            | Field::ServerName
            | Field::Mesh
    )
}

fn start_time(format: Option<&str>, value: &Value<'_>, context: &LineContext<'_>) -> Result<Option<i64>, LineError> {
    let read = |text: &str| match format {
        Some(format) if format.starts_with("%s") => time::epoch_guess(text),
        Some(format) if !format.starts_with("%Y-%m-%d") => strftime(format, text, context),
        _ => time::iso8601(text, context.zone).or_else(|| time::epoch_guess(text)),
    };
    match value {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() || text == "-" => Ok(None),
        Value::Text(text) => read(text).map(Some).ok_or_else(|| not_a_time(text)),
        other => {
            let number = other.to_string();
            time::epoch_guess(&number).map(Some).ok_or_else(|| not_a_time(&number))
        }
    }
}

/// Reads a time by a format of `strftime`. Envoy's times are in UTC.
fn strftime(format: &str, text: &str, context: &LineContext<'_>) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse(format, text).ok()?;
    let timestamp = match parsed.to_timestamp() {
        Ok(timestamp) => timestamp,
        Err(_) => parsed.to_datetime().ok()?.to_zoned(context.zone.clone()).ok()?.timestamp(),
    };
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// `UNAVAILABLE` of `14`, `Unavailable` and `UNAVAILABLE`.
fn grpc_status(value: Text<'_>) -> Text<'_> {
    if let Ok(code) = value.parse() {
        return grpc_code_name(code).map_or(value, Cow::Borrowed);
    }
    let letters = |text: &str| -> String { text.chars().filter(char::is_ascii_alphabetic).collect() };
    let wanted = letters(&value);
    if wanted.eq_ignore_ascii_case("canceled") {
        return Cow::Borrowed("CANCELLED");
    }
    let name = (0..).map_while(grpc_code_name).find(|name| letters(name).eq_ignore_ascii_case(&wanted));
    name.map_or(value, Cow::Borrowed)
}

fn direction(value: &str) -> Option<Side> {
    match value {
        "INBOUND" | "inbound" => Some(Side::Inbound),
        "OUTBOUND" | "outbound" => Some(Side::Outbound),
        _ => None,
    }
}

/// `10.0.2.1:80` of `tcp://10.0.2.1:80`.
fn without_scheme<'a>(address: &Text<'a>) -> Text<'a> {
    match address.find("://") {
        Some(scheme) => part(address, scheme + 3..address.len()),
        None => address.clone(),
    }
}
