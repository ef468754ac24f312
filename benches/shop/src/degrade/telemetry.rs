//! Spans out of their requests, each with the place it goes back to.

use std::{collections::HashMap, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};

use crate::{
    telemetry::{Batch, Payload},
    topology::InstanceId,
};

/// Deeper than any trace of the shop; bounds the climb in a trace whose parents form a circle.
const DEEPEST: usize = 4096;

/// The spans of all requests, and the requests without them.
#[derive(Debug)]
pub(super) struct Telemetry {
    pub(super) spans: Vec<Placed>,
    pub(super) batches: Vec<Batch>,
    pub(super) senders: Vec<Sender>,
}

/// A process that sends spans, by the names in its resource.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) service: Arc<str>,
    pub(super) host: Arc<str>,
}

/// A span and its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) span: Span,
    /// Index into [`Telemetry::senders`].
    pub(super) sender: usize,
    batch: usize,
    resource: usize,
    scope: usize,
}

/// Trace and span id.
pub(super) type Key = (u128, u64);

/// Who is whose parent.
#[derive(Debug)]
pub(super) struct Family {
    by_key: HashMap<Key, usize>,
}

impl Telemetry {
    pub(super) fn take(mut batches: Vec<Batch>) -> Self {
        let (mut spans, mut senders) = (Vec::new(), Vec::new());
        for (batch, request) in batches.iter_mut().enumerate() {
            let Payload::Traces(request) = &mut request.payload else { continue };
            for (resource, group) in request.resource_spans.iter_mut().enumerate() {
                let attributes = group.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
                let sender = senders.len();
                let name = |key| Arc::from(text(attributes, key).unwrap_or_default());
                senders.push(Sender { service: name("service.name"), host: name("host.name") });
                for (scope, group) in group.scope_spans.iter_mut().enumerate() {
                    let taken = std::mem::take(&mut group.spans);
                    spans.extend(taken.into_iter().map(|span| Placed { span, sender, batch, resource, scope }));
                }
            }
        }
        Self { spans, batches, senders }
    }

    /// The requests with what is left of the spans; those that are empty are not sent.
    pub(super) fn into_batches(self) -> Vec<Batch> {
        let mut batches = self.batches;
        for Placed { span, batch, resource, scope, .. } in self.spans {
            if let Payload::Traces(request) = &mut batches[batch].payload {
                request.resource_spans[resource].scope_spans[scope].spans.push(span);
            }
        }
        batches.retain_mut(|batch| {
            let Payload::Traces(request) = &mut batch.payload else { return true };
            for group in &mut request.resource_spans {
                group.scope_spans.retain(|group| !group.spans.is_empty());
            }
            request.resource_spans.retain(|group| !group.scope_spans.is_empty());
            let groups = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
            batch.items = groups.map(|group| group.spans.len()).sum();
            batch.items > 0
        });
        batches
    }

    pub(super) fn service(&self, span: &Placed) -> &str {
        &self.senders[span.sender].service
    }

    /// The process that a span is sent by.
    pub(super) fn instance(&self, span: &Placed) -> InstanceId {
        self.batches[span.batch].instance
    }

    pub(super) fn family(&self) -> Family {
        Family { by_key: self.spans.iter().enumerate().map(|(index, placed)| (placed.key(), index)).collect() }
    }
}

impl Placed {
    pub(super) fn key(&self) -> Key {
        (self.trace(), id(&self.span.span_id))
    }

    pub(super) fn trace(&self) -> u128 {
        trace_id(&self.span.trace_id)
    }

    /// 0 for none.
    pub(super) fn parent(&self) -> u64 {
        id(&self.span.parent_span_id)
    }

    pub(super) fn set_parent(&mut self, parent: u64) {
        self.span.parent_span_id = if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() };
    }

    pub(super) fn is_query(&self) -> bool {
        self.span.attributes.iter().any(|attribute| matches!(attribute.key.as_str(), "db.system" | "db.system.name"))
    }

    pub(super) fn serves(&self) -> bool {
        matches!(self.span.kind(), SpanKind::Server | SpanKind::Consumer)
    }

    /// A copy with another id, which goes where this one does.
    pub(super) fn twin(&self, id: u64) -> Placed {
        let mut twin = self.clone();
        twin.span.span_id = id.max(1).to_be_bytes().to_vec();
        twin.span.events = Vec::new();
        twin
    }
}

impl Family {
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn parent(&self, spans: &[Placed], span: usize) -> Option<usize> {
        self.find((spans[span].trace(), spans[span].parent()))
    }

    /// The parent of a span, its parent, and so on.
    pub(super) fn ancestors<'a>(&'a self, spans: &'a [Placed], span: usize) -> impl Iterator<Item = usize> + 'a {
        std::iter::successors(self.parent(spans, span), |span| self.parent(spans, *span)).take(DEEPEST)
    }
}

pub(super) fn id(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

pub(super) fn trace_id(bytes: &[u8]) -> u128 {
    bytes.try_into().map_or(0, u128::from_be_bytes)
}

pub(super) fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

pub(super) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Sets an attribute that is not there.
pub(super) fn set(attributes: &mut Vec<KeyValue>, key: &str, new: Value) {
    if value(attributes, key).is_none() {
        let value = Some(AnyValue { value: Some(new) });
        attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }
}
