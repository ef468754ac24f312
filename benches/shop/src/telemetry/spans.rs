//! A span as OTLP.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{
        Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};

use super::{
    attributes::Attributes,
    calls, errors,
    scope::{Library, Scope, scope},
    serve,
};
use crate::{
    engine::{Activity, SpanRecord, SpanRef},
    outcome::Fault,
    random::mix,
    text::uuid_text,
    topology::{Conventions, Endpoint, Instance, InstanceId, Language, Service, Target, Topology},
};

/// Sampled, and the bit that says whether the parent is in another process is known; so is the parent being remote.
const FLAGS_LOCAL_PARENT: u32 = 0x101;
const FLAGS_REMOTE_PARENT: u32 = 0x301;

/// A span ready to be sent, with what decides where in a request it goes.
#[derive(Debug, Clone)]
pub struct RenderedSpan {
    /// The process that sends it.
    pub instance: InstanceId,
    /// The library that wrote it.
    pub scope: Scope,
    /// The span.
    pub span: Span,
}

/// What the rendering of an activity sees.
pub(super) struct View<'a> {
    pub(super) topology: &'a Topology,
    pub(super) service: &'a Service,
    pub(super) instance: &'a Instance,
    pub(super) record: &'a SpanRecord,
}

impl View<'_> {
    pub(super) fn is_old(&self) -> bool {
        self.service.conventions == Conventions::Old
    }

    pub(super) fn language(&self) -> Language {
        self.service.language
    }

    /// The port of a connection's other end.
    pub(super) fn ephemeral_port(&self) -> u16 {
        32_768 | (self.record.span >> 16) as u16
    }

    pub(super) fn http_status(&self, method: &str) -> u16 {
        let success = if method == "POST" { 201 } else { 200 };
        self.record.fault.map_or(success, Fault::http_status)
    }

    pub(super) fn rpc_status(&self) -> (&'static str, i64) {
        self.record.fault.map_or(("OK", 0), Fault::rpc_status)
    }
}

/// What an activity looks like.
pub(super) struct Face {
    pub(super) name: String,
    pub(super) kind: SpanKind,
    pub(super) library: Library,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) error: Option<Error>,
}

/// How a span says that it failed.
pub(super) struct Error {
    pub(super) message: &'static str,
    /// Class of the exception to record as an event.
    pub(super) exception: Option<&'static str>,
}

/// The span that an instrumentation writes for `record`.
pub fn render_span(topology: &Topology, record: &SpanRecord) -> RenderedSpan {
    let service = topology.service_of(record.instance);
    let instance = topology.instance(record.instance);
    let view = View { topology, service, instance, record };
    let mut face = face(&view);
    face.attributes.extend(common(record));
    let remote = matches!(face.kind, SpanKind::Server | SpanKind::Consumer);
    let span = Span {
        trace_id: record.visit.trace.to_vec(),
        span_id: record.span.to_be_bytes().to_vec(),
        parent_span_id: record.parent.map_or_else(Vec::new, |parent| parent.to_be_bytes().to_vec()),
        flags: if remote { FLAGS_REMOTE_PARENT } else { FLAGS_LOCAL_PARENT },
        name: face.name,
        kind: face.kind.into(),
        start_time_unix_nano: record.start as u64,
        end_time_unix_nano: record.end as u64,
        attributes: face.attributes,
        events: exception(&view, face.error.as_ref()).into_iter().collect(),
        links: record.links.iter().map(link).collect(),
        status: face.error.map(|error| Status { message: error.message.to_owned(), code: StatusCode::Error.into() }),
        ..Span::default()
    };
    RenderedSpan { instance: record.instance, scope: scope(service.language, face.library), span }
}

/// Gives a span the times that a clock shows, which are not before the epoch.
pub(crate) fn show_times(span: &mut Span, shown: impl Fn(i64) -> i64) {
    let shown = |time: u64| shown(time as i64).max(0) as u64;
    span.start_time_unix_nano = shown(span.start_time_unix_nano);
    span.end_time_unix_nano = shown(span.end_time_unix_nano);
    for event in &mut span.events {
        event.time_unix_nano = shown(event.time_unix_nano);
    }
}

fn face(view: &View<'_>) -> Face {
    let topology = view.topology;
    match &view.record.activity {
        Activity::Serve { operation, peer } => match topology.operation(*operation).endpoint {
            Endpoint::Http { method, route } => serve::http(view, method, route, *peer),
            Endpoint::Rpc { method } => serve::rpc(view, method, *peer),
            // A message is handled as `Consume`; a topic's operation that is called directly shows as its own work.
            Endpoint::Consume { .. } => internal(view, "consume"),
        },
        Activity::Consume { operation, partition, offset } => match topology.operation(*operation).endpoint {
            Endpoint::Consume { topic, group } => {
                serve::message(view, topology.topic(topic), group, (*partition, *offset))
            }
            Endpoint::Http { .. } | Endpoint::Rpc { .. } => internal(view, "consume"),
        },
        Activity::Call { target, peer, answered, resend } => {
            let attempt = calls::Attempt { peer: *peer, answered: *answered, resend: *resend };
            match target {
                Target::External(external) => calls::outside(view, topology.external(*external), &attempt),
                Target::Operation(operation) => {
                    let operation = topology.operation(*operation);
                    let callee = topology.service(operation.service);
                    match operation.endpoint {
                        Endpoint::Http { method, route } => calls::http(view, callee, (method, route), &attempt),
                        Endpoint::Rpc { method } => calls::rpc(view, callee, method, &attempt),
                        Endpoint::Consume { .. } => internal(view, "consume"),
                    }
                }
            }
        }
        Activity::Query { query } => calls::query(view, topology.store(query.store), query),
        Activity::Publish { topic, partition, offset } => {
            calls::publish(view, topology.topic(*topic), (*partition, *offset))
        }
        Activity::Internal { name } => internal(view, name),
    }
}

/// What span processors put on every span: the session, which travels as baggage, and the thread.
fn common(record: &SpanRecord) -> Vec<KeyValue> {
    let (user, thread) = (u64::from(record.visit.user), record.span & 0x3f);
    let mut attributes = Attributes::new();
    attributes
        .text("session.id", uuid_text(mix(user), mix(!user)))
        .int("thread.id", thread as i64)
        .text("thread.name", format!("worker-{thread}"));
    attributes.finish()
}

fn internal(view: &View<'_>, name: &str) -> Face {
    let mut attributes = Attributes::new();
    let function = if view.is_old() { "code.function" } else { "code.function.name" };
    attributes
        .text(function, name)
        .int("shop.user.id", view.record.visit.user)
        .int("shop.product.id", view.record.visit.product);
    let error = view.record.fault.map(|fault| Error { message: fault.message(), exception: None });
    Face {
        name: name.to_owned(),
        kind: SpanKind::Internal,
        library: Library::Application,
        attributes: attributes.finish(),
        error,
    }
}

fn exception(view: &View<'_>, error: Option<&Error>) -> Option<Event> {
    let class = error?.exception?;
    Some(errors::exception(view.language(), class, view.record.fault?, view.record.end))
}

fn link(to: &SpanRef) -> Link {
    Link {
        trace_id: to.trace.to_vec(),
        span_id: to.span.to_be_bytes().to_vec(),
        flags: FLAGS_REMOTE_PARENT,
        ..Link::default()
    }
}
