//! A span as the analysis sees it: numbers, and numbers of texts.

use spandrel_proto::model::Outcome;

use crate::text::Text;

/// The fixed point of weights: this many stand for one span.
pub const WEIGHT_ONE: u64 = 1 << 16;

/// Which side of what a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `INTERNAL`, and spans that do not say.
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    /// Whether the span handles something that came from elsewhere.
    pub fn serves(self) -> bool {
        matches!(self, Kind::Server | Kind::Consumer)
    }

    /// Whether the span asks something of somebody else.
    pub fn calls(self) -> bool {
        matches!(self, Kind::Client | Kind::Producer)
    }
}

/// Number of a [`Service`] in a [`crate::context::Context`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub u32);

/// Number of a [`Resource`] in a [`crate::context::Context`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u32);

/// Number of a [`Peer`] in a [`crate::context::Context`]. Number 0 says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PeerId(pub u32);

/// What is one service, wherever it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    pub namespace: Text,
    pub name: Text,
    /// `deployment.environment.name`.
    pub environment: Text,
}

/// The process that a span ran in, as its resource attributes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource {
    pub service: ServiceId,
    /// `k8s.pod.name`, else `service.instance.id`, else the host.
    pub instance: Text,
    /// `host.id`, else `host.name`, else `k8s.node.name`, else the instance. Spans of one host share a clock.
    pub host: Text,
    /// `cloud.availability_zone`.
    pub zone: Text,
    pub version: Text,
    /// `service.criticality`.
    pub criticality: Text,
}

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    #[default]
    Unknown,
    Http,
    Rpc,
    Database,
    Messaging,
}

impl Protocol {
    /// The text in the `protocol` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Unknown => "unknown",
            Protocol::Http => "http",
            Protocol::Rpc => "rpc",
            Protocol::Database => "db",
            Protocol::Messaging => "messaging",
        }
    }
}

/// `messaging.operation.type`, by which a messaging span is judged before its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MessageStep {
    #[default]
    None,
    Create,
    Send,
    Receive,
    Process,
    Settle,
}

/// What a query does to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Access {
    #[default]
    Unknown,
    Read,
    Write,
}

/// Who called from outside, as far as the span of an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Visitor {
    /// Nothing more is known.
    #[default]
    User,
    Browser,
    Mobile,
    /// A program: scripts, probes, schedulers.
    Job,
    /// Somebody with a public address.
    Internet,
}

impl Visitor {
    /// The name of its node.
    pub fn as_str(self) -> &'static str {
        match self {
            Visitor::User => "user",
            Visitor::Browser => "browser",
            Visitor::Mobile => "mobile",
            Visitor::Job => "job",
            Visitor::Internet => "internet",
        }
    }
}

/// What a span says about who is on the other side. Of low cardinality: no ids, no paths, no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Peer {
    pub protocol: Protocol,
    pub step: MessageStep,
    pub access: Access,
    /// `service.peer.name`, else `peer.service`.
    pub service: Text,
    /// `service.peer.namespace`.
    pub service_namespace: Text,
    /// Of a span that serves: who called, should it be an entry.
    pub visitor: Visitor,
    /// `server.address`, else the host of `url.full`; none of a span that serves.
    pub address: Text,
    pub port: u16,
    /// `network.peer.address`.
    pub network_address: Text,
    pub network_port: u16,
    /// The service of `rpc.method`; for HTTP, the first segment of the path template.
    pub scope: Text,
    /// `db.system.name` or `messaging.system`.
    pub system: Text,
    /// `db.namespace`, or the cluster of a messaging system.
    pub namespace: Text,
    /// `db.collection.name`, or the destination's template, else its name; none for temporary destinations.
    pub collection: Text,
    /// `messaging.consumer.group.name`.
    pub group: Text,
}

/// A span that another span names as its cause without being its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    pub trace_id: u128,
    pub span_id: u64,
}

/// Things that are true of a span. A set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanFlags(pub u16);

impl SpanFlags {
    /// It ended before it started; its end was set to its start.
    pub const NEGATIVE_DURATION: SpanFlags = SpanFlags(1);
    /// It lasted more than a day: not part of percentiles.
    pub const LONG: SpanFlags = SpanFlags(1 << 1);
    /// Its status is `ERROR`, whatever its outcome.
    pub const STATUS_ERROR: SpanFlags = SpanFlags(1 << 2);
    /// Its service is `unknown_service`.
    pub const UNKNOWN_SERVICE: SpanFlags = SpanFlags(1 << 3);
    /// Old and current names of an attribute were both there and differed.
    pub const ALIAS_CONFLICT: SpanFlags = SpanFlags(1 << 4);
    /// Its sampling threshold does not fit its trace id.
    pub const INCONSISTENT_SAMPLING: SpanFlags = SpanFlags(1 << 5);
    /// It says that it is one of several tries of one call (`http.request.resend_count`, attempt attributes).
    pub const RESEND: SpanFlags = SpanFlags(1 << 6);
    /// Its failure says that a circuit breaker, bulkhead or rate limiter refused the call.
    pub const SHORT_CIRCUITED: SpanFlags = SpanFlags(1 << 7);

    pub fn contains(self, other: SpanFlags) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn insert(&mut self, other: SpanFlags) {
        self.0 |= other.0;
    }
}

/// One span.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace_id: u128,
    pub span_id: u64,
    /// 0 for none.
    pub parent_id: u64,
    /// Nanoseconds since the epoch, by the clock of the span's host.
    pub start: i64,
    /// Not before `start`.
    pub end: i64,
    /// How many spans it stands for, in multiples of 1 / [`WEIGHT_ONE`].
    pub weight: u64,
    /// Which other spans caused it.
    pub links: Option<Box<[Link]>>,
    /// Hash of what differs between calls of one operation (query text, path, message id); 0 if it does not say.
    pub parameter: u64,
    pub resource: ResourceId,
    /// The name it is counted under ([`crate::operation`]).
    pub operation: Text,
    pub peer: PeerId,
    /// `error.type`, else the type of the exception it recorded.
    pub cause: Text,
    /// How long its caller said it would wait, milliseconds; 0 if it does not say.
    pub deadline_ms: u32,
    /// Messages in a batch; 0 if it does not say.
    pub messages: u32,
    pub http_status: u16,
    pub flags: SpanFlags,
    pub kind: Kind,
    pub outcome: Outcome,
    /// `http.request.resend_count`.
    pub resend: u8,
}

impl Span {
    pub fn duration(&self) -> i64 {
        self.end - self.start
    }

    /// Nanoseconds that its start and its end may each be earlier than they were: of a clock that counts milliseconds,
    /// less than one.
    pub fn coarseness(&self) -> i64 {
        const MILLISECOND: i64 = 1_000_000;
        let is_coarse = self.start % MILLISECOND == 0 && self.end % MILLISECOND == 0;
        if is_coarse { MILLISECOND - 1 } else { 0 }
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.links.as_ref().map_or(0, |links| size_of_val(&**links))
    }
}
