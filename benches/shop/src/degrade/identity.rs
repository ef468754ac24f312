//! Ids of spans and traces.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::{Degradation, telemetry::Telemetry};

/// A SERVER span takes the id and the parent of its CLIENT span.
pub(super) fn share_ids(telemetry: &mut Telemetry, knobs: &Degradation) {
    if !knobs.shared_ids {
        return;
    }
    let family = telemetry.family();
    let spans = &telemetry.spans;
    let client_of = |span: usize| {
        let client = family.parent(spans, span)?;
        let is_pair = spans[span].span.kind() == SpanKind::Server && spans[client].span.kind() == SpanKind::Client;
        is_pair.then_some(client)
    };
    let clients: Vec<Option<usize>> = (0..spans.len()).map(client_of).collect();
    let id_of = |span: usize| spans[clients[span].unwrap_or(span)].key().1;
    let changes: Vec<(u64, Option<u64>)> = (0..spans.len())
        .map(|span| {
            // The parent of a span with a shared id is that of its client.
            let parent = family.parent(spans, clients[span].unwrap_or(span));
            let parent = parent.map(id_of).or(clients[span].map(|client| spans[client].parent()));
            (id_of(span), parent)
        })
        .collect();
    for (placed, (id, parent)) in telemetry.spans.iter_mut().zip(changes) {
        placed.span.span_id = id.to_be_bytes().to_vec();
        if let Some(parent) = parent {
            placed.set_parent(parent);
        }
    }
}

/// The high half of trace ids is lost.
pub(super) fn shorten_ids(telemetry: &mut Telemetry, knobs: &Degradation) {
    if !knobs.short_trace_ids {
        return;
    }
    for placed in &mut telemetry.spans {
        let links = placed.span.links.iter_mut().map(|link| &mut link.trace_id);
        for id in links.chain([&mut placed.span.trace_id]) {
            if let Some(high) = id.get_mut(..8) {
                high.fill(0);
            }
        }
    }
}
