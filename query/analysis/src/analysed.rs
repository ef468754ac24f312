//! All that is known of one trace.

use crate::{
    context::Context,
    errors::Errors,
    hops::Hops,
    paths::Paths,
    peers::PeerMap,
    skew::Skew,
    span::{Kind, Resource, ServiceId, Span},
    text::Text,
    trace::{Role, Trace},
};

/// A request from outside, or a fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Index of its span.
    pub span: u32,
    pub service: ServiceId,
    pub operation: Text,
    /// The span names a parent that is not there: part of a request, not a request of its own.
    pub is_fragment: bool,
    /// It handles a message.
    pub is_message: bool,
}

/// Everything that follows from the spans of one trace.
#[derive(Debug)]
pub struct Analysis {
    pub trace: Trace,
    pub hops: Hops,
    pub paths: Paths,
    pub errors: Errors,
    pub entries: Vec<Entry>,
    /// Per span, index into `entries` of the entry it belongs to.
    pub entry_of: Vec<u32>,
}

impl Analysis {
    /// Analyses `spans`, which all have the same trace id.
    pub fn of(spans: Vec<Span>, context: &mut Context, peers: &mut PeerMap, skew: &Skew) -> Analysis {
        let trace = Trace::build(spans, context);
        let hops = Hops::build(&trace, context, peers);
        let paths = Paths::build(&trace, &hops, context, skew);
        let errors = Errors::build(&trace, &hops, &paths, context);
        let (entries, entry_of) = entries(&trace, context);
        Analysis { trace, hops, paths, errors, entries, entry_of }
    }

    /// The analysis as detectors and roll-ups read it. `context` is the one that it was made with.
    pub fn analysed<'a>(&'a self, context: &'a Context) -> Analysed<'a> {
        let Analysis { trace, hops, paths, errors, entries, entry_of } = self;
        Analysed { context, trace, hops, paths, errors, entries, entry_of }
    }
}

/// One trace with everything that follows from it.
#[derive(Debug)]
pub struct Analysed<'a> {
    pub context: &'a Context,
    pub trace: &'a Trace,
    pub hops: &'a Hops,
    pub paths: &'a Paths,
    pub errors: &'a Errors,
    pub entries: &'a [Entry],
    /// Per span, index into `entries` of the entry it belongs to.
    pub entry_of: &'a [u32],
}

impl Analysed<'_> {
    pub fn span(&self, span: u32) -> &Span {
        &self.trace.spans[span as usize]
    }

    pub fn resource(&self, span: u32) -> &Resource {
        self.context.resource(self.span(span).resource)
    }

    pub fn service(&self, span: u32) -> ServiceId {
        self.resource(span).service
    }

    /// The entry that `span` is part of.
    pub fn entry(&self, span: u32) -> &Entry {
        &self.entries[self.entry_of[span as usize] as usize]
    }
}

/// First nanosecond of the UTC minute of `time`.
pub fn minute_of(time: i64) -> i64 {
    time.div_euclid(MINUTE).saturating_mul(MINUTE)
}

/// Nanoseconds in a minute.
pub const MINUTE: i64 = 60_000_000_000;

/// The entries of a trace and, per span, which it belongs to. Every root is one.
pub fn entries(trace: &Trace, context: &Context) -> (Vec<Entry>, Vec<u32>) {
    let mut entries = Vec::new();
    let mut entry_of = vec![0; trace.len()];
    for span in trace.order() {
        match trace.parent(span) {
            Some(parent) => entry_of[span] = entry_of[parent],
            None => {
                entry_of[span] = entries.len() as u32;
                let found = &trace.spans[span];
                entries.push(Entry {
                    span: span as u32,
                    service: context.resource(found.resource).service,
                    operation: found.operation,
                    is_fragment: trace.is_orphan(span),
                    is_message: found.kind == Kind::Consumer || trace.role(span) == Role::Handle,
                });
            }
        }
    }
    (entries, entry_of)
}
