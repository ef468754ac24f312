//! Changes of telemetry whose effect is known.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use spandrel_shop::telemetry::{Batch, Payload};

/// Attributes that hold the name of a service or of a host that is one.
const NAMES: [&str; 5] = ["service.name", "server.address", "net.peer.name", "net.host.name", "host.name"];

pub(crate) fn groups(batches: &mut [Batch]) -> impl Iterator<Item = &mut ResourceSpans> {
    let requests = batches.iter_mut().filter_map(|batch| match &mut batch.payload {
        Payload::Traces(request) => Some(request),
        Payload::Logs(_) | Payload::Metrics(_) => None,
    });
    requests.flat_map(|request| &mut request.resource_spans)
}

pub(crate) fn spans(batches: &mut [Batch]) -> impl Iterator<Item = &mut Span> {
    groups(batches).flat_map(|group| &mut group.scope_spans).flat_map(|scope| &mut scope.spans)
}

/// Only what has spans.
pub(crate) fn traces_only(batches: &[Batch]) -> Vec<Batch> {
    batches.iter().filter(|batch| matches!(batch.payload, Payload::Traces(_))).cloned().collect()
}

/// Another order of requests, and of the spans in each.
pub(crate) fn permuted(mut batches: Vec<Batch>) -> Vec<Batch> {
    for scope in groups(&mut batches).flat_map(|group| &mut group.scope_spans) {
        scope.spans.sort_by_key(|span| scramble(&span.span_id));
    }
    let mut keyed: Vec<(u64, Batch)> = batches
        .into_iter()
        .enumerate()
        .map(|(position, batch)| (scramble(&(position as u64).to_be_bytes()), batch))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, batch)| batch).collect()
}

/// Requests with one span each.
pub(crate) fn split(batches: &[Batch]) -> Vec<Batch> {
    let mut all = Vec::new();
    for batch in batches {
        let Payload::Traces(request) = &batch.payload else { continue };
        for group in &request.resource_spans {
            for scope in &group.scope_spans {
                for span in &scope.spans {
                    let scope_spans = vec![ScopeSpans { spans: vec![span.clone()], ..scope.clone() }];
                    let resource_spans = vec![ResourceSpans { scope_spans, ..group.clone() }];
                    let payload = Payload::Traces(ExportTraceServiceRequest { resource_spans });
                    all.push(Batch { items: 1, payload, ..batch.clone() });
                }
            }
        }
    }
    all
}

/// All spans in one request.
pub(crate) fn merged(mut batches: Vec<Batch>) -> Vec<Batch> {
    let resource_spans: Vec<ResourceSpans> = groups(&mut batches).map(|group| group.clone()).collect();
    let items = batches.iter().map(|batch| batch.items).sum();
    let first = batches.swap_remove(0);
    vec![Batch { items, payload: Payload::Traces(ExportTraceServiceRequest { resource_spans }), ..first }]
}

pub(crate) fn shifted(mut batches: Vec<Batch>, by: i64) -> Vec<Batch> {
    let shift = |time: &mut u64| *time = time.saturating_add_signed(by);
    for span in spans(&mut batches) {
        shift(&mut span.start_time_unix_nano);
        shift(&mut span.end_time_unix_nano);
        span.events.iter_mut().for_each(|event| shift(&mut event.time_unix_nano));
    }
    batches
}

/// All services, hosts, stores and topics with `prefix` before their names.
pub(crate) fn renamed(mut batches: Vec<Batch>, prefix: &str) -> Vec<Batch> {
    for group in groups(&mut batches) {
        if let Some(resource) = &mut group.resource {
            rename(&mut resource.attributes, prefix);
        }
        for span in group.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            rename(&mut span.attributes, prefix);
        }
    }
    batches
}

fn rename(attributes: &mut [KeyValue], prefix: &str) {
    for attribute in attributes {
        if let Some(Value::StringValue(text)) = attribute.value.as_mut().and_then(|value| value.value.as_mut()) {
            if NAMES.contains(&attribute.key.as_str()) {
                text.insert_str(0, prefix);
            } else if matches!(attribute.key.as_str(), "url.full" | "http.url") {
                *text = text.replacen("://", &format!("://{prefix}"), 1);
            }
        }
    }
}

/// The same traces under other ids.
pub(crate) fn with_other_ids(mut batches: Vec<Batch>) -> Vec<Batch> {
    let change = |id: &mut Vec<u8>| id.iter_mut().for_each(|byte| *byte ^= 0x5a);
    for span in spans(&mut batches) {
        change(&mut span.trace_id);
        change(&mut span.span_id);
        change(&mut span.parent_span_id);
        for link in &mut span.links {
            change(&mut link.trace_id);
            change(&mut link.span_id);
        }
    }
    batches
}

/// FNV-1a, to have an order that has nothing to do with time.
fn scramble(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
