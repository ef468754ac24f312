//! Which spans there are, and which is whose parent.

use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};

use super::{
    Degradation, MessageContext, Purpose, hash, hits,
    telemetry::{Placed, Telemetry, id, trace_id},
};

const REMOTE_PARENT: u32 = 0x301;
const NO_PARENT: u32 = 0x101;

/// Services without instrumentation.
pub(super) fn remove_services(telemetry: &mut Telemetry, knobs: &Degradation) {
    if knobs.uninstrumented.is_empty() {
        return;
    }
    let gone = marks(telemetry, |_, service| knobs.uninstrumented.iter().any(|name| name == service));
    if !knobs.forward_context {
        begin_traces_below(telemetry, &gone, knobs);
    }
    remove(telemetry, &gone);
}

/// Services whose HTTP and RPC clients are not instrumented. What they call is the child of what calls.
pub(super) fn remove_clients(telemetry: &mut Telemetry, knobs: &Degradation) {
    if knobs.without_clients.is_empty() {
        return;
    }
    let gone = marks(telemetry, |placed, service| {
        placed.span.kind() == SpanKind::Client
            && !placed.is_query()
            && knobs.without_clients.iter().any(|name| name == service)
    });
    remove(telemetry, &gone);
}

/// Links or parents for messages.
pub(super) fn refer_to_senders(telemetry: &mut Telemetry, knobs: &Degradation) {
    match knobs.messages {
        MessageContext::AsSent => {}
        MessageContext::Links => begin_traces_with_messages(telemetry, knobs),
        MessageContext::Parents => join_senders_traces(telemetry),
    }
}

/// CLIENT spans in CLIENT spans, as of a gRPC library over an instrumented HTTP library.
pub(super) fn nest_clients(telemetry: &mut Telemetry, knobs: &Degradation) {
    let wraps = |placed: &Placed| {
        let is_call = placed.span.kind() == SpanKind::Client && !placed.is_query();
        is_call && hits(knobs, Purpose::NestedClient, placed.key().1, knobs.nested_clients)
    };
    insert_below(telemetry, wraps, |outer| {
        let mut inner = outer.twin(hash(knobs, Purpose::NestedClient, outer.key().1));
        inner.span.attributes.retain(|attribute| !attribute.key.starts_with("rpc."));
        inner
    });
}

/// INTERNAL spans between a span that serves and its children, each in the one before.
pub(super) fn add_internal_spans(telemetry: &mut Telemetry, knobs: &Degradation) {
    for level in 0..u64::from(knobs.internal_spans) {
        insert_below(telemetry, Placed::serves, |outer| {
            let mut inner = outer.twin(hash(knobs, Purpose::InternalSpan, outer.key().1 ^ level << 56));
            inner.span.set_kind(SpanKind::Internal);
            inner.span.name = format!("middleware-{level}");
            inner.span.attributes.clear();
            inner.span.links.clear();
            inner.span.status = None;
            inner.span.flags = NO_PARENT;
            inner
        });
    }
}

/// SERVER spans of sidecars around those of their services. The sidecar reports as the service it stands before.
pub(super) fn add_sidecars(telemetry: &mut Telemetry, knobs: &Degradation) {
    if !knobs.sidecars {
        return;
    }
    let served = telemetry.spans.len();
    for index in 0..served {
        let placed = &mut telemetry.spans[index];
        if placed.span.kind() == SpanKind::Server {
            let sidecar = placed.twin(hash(knobs, Purpose::Sidecar, placed.key().1));
            placed.set_parent(sidecar.key().1);
            telemetry.spans.push(sidecar);
        }
    }
}

/// Services whose spans do not say what kind they are.
pub(super) fn forget_kinds(telemetry: &mut Telemetry, knobs: &Degradation) {
    let senders = &telemetry.senders;
    for placed in &mut telemetry.spans {
        if knobs.without_kinds.iter().any(|name| **name == *senders[placed.sender].service) {
            placed.span.set_kind(SpanKind::Unspecified);
        }
    }
}

fn marks(telemetry: &Telemetry, is_gone: impl Fn(&Placed, &str) -> bool) -> Vec<bool> {
    telemetry.spans.iter().map(|placed| is_gone(placed, telemetry.service(placed))).collect()
}

/// Removes spans; their children become those of the nearest ancestor that is left.
fn remove(telemetry: &mut Telemetry, gone: &[bool]) {
    let family = telemetry.family();
    let spans = &telemetry.spans;
    let parents: Vec<Option<u64>> = (0..spans.len())
        .map(|span| {
            let parent = family.parent(spans, span)?;
            let heir = family.ancestors(spans, span).find(|ancestor| !gone[*ancestor]);
            gone[parent].then(|| heir.map_or(0, |heir| spans[heir].key().1))
        })
        .collect();
    for (placed, parent) in telemetry.spans.iter_mut().zip(parents) {
        if let Some(parent) = parent {
            placed.set_parent(parent);
        }
    }
    let mut gone = gone.iter();
    telemetry.spans.retain(|_| !gone.next().is_some_and(|gone| *gone));
}

/// Spans whose parent goes begin traces of their own, with all that is below them.
fn begin_traces_below(telemetry: &mut Telemetry, gone: &[bool], knobs: &Degradation) {
    let family = telemetry.family();
    let begins = |span: usize| !gone[span] && family.parent(&telemetry.spans, span).is_some_and(|parent| gone[parent]);
    let roots: Vec<bool> = (0..telemetry.spans.len()).map(begins).collect();
    begin_traces(telemetry, &roots, Purpose::NewTrace, knobs);
}

fn begin_traces_with_messages(telemetry: &mut Telemetry, knobs: &Degradation) {
    for placed in &mut telemetry.spans {
        if placed.span.kind() == SpanKind::Consumer && placed.parent() != 0 && placed.span.links.is_empty() {
            let (trace_id, span_id) = (placed.span.trace_id.clone(), placed.span.parent_span_id.clone());
            placed.span.links.push(Link { trace_id, span_id, flags: REMOTE_PARENT, ..Link::default() });
        }
    }
    let has_parent = |placed: &Placed| placed.span.kind() == SpanKind::Consumer && placed.parent() != 0;
    let roots: Vec<bool> = telemetry.spans.iter().map(has_parent).collect();
    begin_traces(telemetry, &roots, Purpose::MessageTrace, knobs);
}

/// Gives `roots` and what is below them new traces. Links to what moves follow it.
fn begin_traces(telemetry: &mut Telemetry, roots: &[bool], purpose: Purpose, knobs: &Degradation) {
    let family = telemetry.family();
    let spans = &telemetry.spans;
    let moves: Vec<Option<u128>> = (0..spans.len())
        .map(|span| {
            let root = std::iter::once(span).chain(family.ancestors(spans, span)).find(|span| roots[*span])?;
            let (trace, id) = spans[root].key();
            let high = hash(knobs, purpose, (trace >> 64) as u64 ^ id);
            Some(u128::from(high) << 64 | u128::from(hash(knobs, purpose, trace as u64 ^ id).max(1)))
        })
        .collect();
    for index in 0..telemetry.spans.len() {
        let placed = &mut telemetry.spans[index].span;
        for link in &mut placed.links {
            let target = family.find((trace_id(&link.trace_id), id(&link.span_id)));
            if let Some(trace) = target.and_then(|target| moves[target]) {
                link.trace_id = trace.to_be_bytes().to_vec();
            }
        }
        if let Some(trace) = moves[index] {
            placed.trace_id = trace.to_be_bytes().to_vec();
        }
        if roots[index] {
            placed.parent_span_id.clear();
        }
    }
}

/// Handling of a message becomes the child of its sending, in the same trace.
fn join_senders_traces(telemetry: &mut Telemetry) {
    let family = telemetry.family();
    let spans = &telemetry.spans;
    let sent_by = |span: usize| {
        // A batch has senders in several traces.
        let [link] = &*spans[span].span.links else { return None };
        (spans[span].span.kind() == SpanKind::Consumer).then(|| (trace_id(&link.trace_id), id(&link.span_id)))
    };
    // A message may be sent while another is handled: the trace is that of the first sender that was not.
    let trace_of = |span: usize| {
        let (mut trace, mut at) = (spans[span].trace(), Some(span));
        for _ in 0..64 {
            let Some(current) = at else { break };
            let chain = std::iter::once(current).chain(family.ancestors(spans, current));
            let Some(sender) = chain.filter_map(sent_by).next() else { break };
            (trace, at) = (sender.0, family.find(sender));
        }
        trace
    };
    let traces: Vec<u128> = (0..spans.len()).map(trace_of).collect();
    let parents: Vec<Option<u64>> = (0..spans.len()).map(|span| sent_by(span).map(|sender| sender.1)).collect();
    for ((placed, trace), parent) in telemetry.spans.iter_mut().zip(&traces).zip(parents) {
        for link in &mut placed.span.links {
            if let Some(target) = family.find((trace_id(&link.trace_id), id(&link.span_id))) {
                link.trace_id = traces[target].to_be_bytes().to_vec();
            }
        }
        placed.span.trace_id = trace.to_be_bytes().to_vec();
        if let Some(parent) = parent {
            placed.set_parent(parent);
            placed.span.links.clear();
        }
    }
}

/// Puts a span between each span that is `chosen` and its children.
fn insert_below(telemetry: &mut Telemetry, chosen: impl Fn(&Placed) -> bool, inner: impl Fn(&Placed) -> Placed) {
    let family = telemetry.family();
    let parents: Vec<Option<usize>> =
        (0..telemetry.spans.len()).map(|span| family.parent(&telemetry.spans, span)).collect();
    let between: Vec<Option<Placed>> = telemetry
        .spans
        .iter()
        .map(|outer| {
            let mut between = chosen(outer).then(|| inner(outer))?;
            between.set_parent(outer.key().1);
            Some(between)
        })
        .collect();
    for (child, parent) in parents.into_iter().enumerate() {
        if let Some(between) = parent.and_then(|parent| between[parent].as_ref()) {
            telemetry.spans[child].set_parent(between.key().1);
        }
    }
    telemetry.spans.extend(between.into_iter().flatten());
}
