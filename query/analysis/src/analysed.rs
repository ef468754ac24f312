//! All that is known of one trace.

use crate::{
    context::{Context, NodeId},
    errors::Errors,
    hops::{HopKind, Hops},
    paths::Paths,
    peers::PeerMap,
    skew::Skew,
    span::{Resource, ServiceId, Span},
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
    /// It handles or fetches messages.
    pub is_message: bool,
    /// Its fixed-point weight times how much its service matters (`service.criticality`). The sum over some requests,
    /// divided by the weight of all, is their share.
    pub priority: u64,
}

/// A call that somebody waits for an answer of, to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Index of the span in whose name it is made.
    pub serving: u32,
    pub callee: NodeId,
    /// Index of [`Hops`].
    pub hop: u32,
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
    /// Per span, the service that it ran in.
    services: Vec<ServiceId>,
    /// The services of each request: see [`Analysed::presence`].
    presence: Vec<(u32, ServiceId)>,
    /// The calls, in order.
    calls: Vec<Call>,
}

impl Analysis {
    /// Analyses `spans`, which all have the same trace id.
    pub fn of(spans: Vec<Span>, context: &mut Context, peers: &mut PeerMap, skew: &Skew) -> Analysis {
        Self::of_trace(Trace::build(spans, context), context, peers, skew)
    }

    /// Analyses a trace that was built with the same context.
    pub fn of_trace(trace: Trace, context: &mut Context, peers: &mut PeerMap, skew: &Skew) -> Analysis {
        let hops = Hops::build(&trace, context, peers);
        let paths = Paths::build(&trace, &hops, context, skew);
        let errors = Errors::build(&trace, &hops, &paths, context);
        let (entries, entry_of) = entries(&trace, context);
        let services: Vec<ServiceId> = trace.spans.iter().map(|span| context.resource(span.resource).service).collect();
        let presence = presence(&entries, &entry_of, &services);
        let calls = calls(&hops);
        Analysis { trace, hops, paths, errors, entries, entry_of, services, presence, calls }
    }

    /// The analysis as detectors and roll-ups read it. `context` is the one that it was made with.
    pub fn analysed<'a>(&'a self, context: &'a Context) -> Analysed<'a> {
        let Analysis { trace, hops, paths, errors, entries, entry_of, services, presence, calls } = self;
        Analysed { context, trace, hops, paths, errors, entries, entry_of, services, presence, calls }
    }

    /// Lets go of what is not needed to take the trace away again.
    pub(crate) fn shrink(&mut self) {
        self.errors = Errors::default();
        self.presence = Vec::new();
        self.calls = Vec::new();
        self.paths.segments = Vec::new();
        self.paths.adjusted = Vec::new();
        self.trace.spans.shrink_to_fit();
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
    services: &'a [ServiceId],
    /// Index of each entry that is a request from outside, with each service that has a span in it, in order. Fragments
    /// are parts of the request if there is but one.
    pub presence: &'a [(u32, ServiceId)],
    /// The calls that somebody waits for an answer of: those made under one span to one callee are next to each other.
    pub calls: &'a [Call],
}

impl Analysed<'_> {
    pub fn span(&self, span: u32) -> &Span {
        &self.trace.spans[span as usize]
    }

    pub fn resource(&self, span: u32) -> &Resource {
        self.context.resource(self.span(span).resource)
    }

    pub fn service(&self, span: u32) -> ServiceId {
        self.services[span as usize]
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
                    is_message: matches!(trace.role(span), Role::Handle | Role::Receive | Role::Settle),
                    priority: priority(found, context),
                });
            }
        }
    }
    (entries, entry_of)
}

fn priority(span: &Span, context: &Context) -> u64 {
    let percent = match context.texts.get(context.resource(span.resource).criticality) {
        "critical" => 100,
        "medium" => 75,
        "low" => 50,
        _ => 90,
    };
    (u128::from(span.weight) * percent / 100) as u64
}

fn calls(hops: &Hops) -> Vec<Call> {
    let mut calls = Vec::with_capacity(hops.hops.len());
    calls.extend((0_u32..).zip(&hops.hops).filter_map(|(index, hop)| {
        let is_call = matches!(hop.kind, HopKind::Request | HopKind::Database | HopKind::Cache | HopKind::External);
        let serving = hop.parent.filter(|_| is_call && hop.caller != hop.callee)?;
        Some(Call { serving, callee: hop.callee, hop: index })
    }));
    calls.sort_unstable();
    calls
}

fn presence(entries: &[Entry], entry_of: &[u32], services: &[ServiceId]) -> Vec<(u32, ServiceId)> {
    let is_request = |entry: &Entry| !entry.is_fragment && !entry.is_message;
    let mut requests = (0_u32..).zip(entries).filter(|(_, entry)| is_request(entry)).map(|(index, _)| index);
    let only = requests.next().filter(|_| requests.next().is_none());
    let mut found: Vec<(u32, ServiceId)> = Vec::with_capacity(services.len());
    for (index, service) in entry_of.iter().zip(services) {
        let entry = &entries[*index as usize];
        let request = match is_request(entry) {
            true => Some(*index),
            false => only.filter(|_| entry.is_fragment && !entry.is_message),
        };
        // Most spans are next to others of their service.
        found.extend(request.map(|request| (request, *service)).filter(|pair| found.last() != Some(pair)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Analysis;
    use crate::{
        peers::PeerMap,
        skew::Skew,
        span::Kind::{self, Client, Consumer, Internal, Producer, Server},
        testing::Fixture,
    };
    use spandrel_proto::model::Outcome;

    fn analysis(fixture: &mut Fixture) -> Analysis {
        let spans = fixture.spans.clone();
        Analysis::of(spans, &mut fixture.context, &mut PeerMap::default(), &Skew::default())
    }

    #[test]
    fn every_root_is_an_entry_and_the_spans_below_belong_to_it() {
        let mut fixture = Fixture::default();
        fixture.span((1, 0), Server, "shop", (0, 100));
        fixture.span((2, 1), Client, "shop", (10, 90));
        fixture.span((3, 99), Server, "cart", (20, 80));
        fixture.span((4, 0), Consumer, "mail", (200, 300));
        let analysis = analysis(&mut fixture);
        let analysed = analysis.analysed(&fixture.context);
        let entries: Vec<_> = analysed
            .entries
            .iter()
            .map(|entry| (fixture.context.service_name(entry.service), entry.is_fragment, entry.is_message))
            .collect();
        assert_eq!(entries, [("shop", false, false), ("cart", true, false), ("mail", false, true)]);
        assert_eq!(analysed.entry_of, [0, 0, 1, 2]);
        assert_eq!(fixture.context.service_name(analysed.service(1)), "shop");
        assert_eq!(analysed.entry(3).span, 3);
    }

    /// TC7 with all of the analysis: deep and broad traces in which everything fails.
    #[test]
    fn large_traces_in_which_all_fails() {
        const SPANS: i64 = 100_000;
        let row = |fixture: &mut Fixture, ids, kind, service: &str, times| {
            fixture.span(ids, kind, service, times).outcome = Outcome::ServerFault;
        };
        let [mut siblings, mut chain] = [Fixture::default(), Fixture::default()];
        row(&mut siblings, (1, 0), Server, "a", (0, SPANS));
        row(&mut chain, (1, 0), Server, "a", (0, 2 * SPANS));
        for index in 1..SPANS {
            let id = index as u64 + 1;
            row(&mut siblings, (id, 1), Client, "a", (index - 1, index + 1));
            let (kind, service) = if index % 2 == 1 { (Client, index / 2) } else { (Server, (index - 1) / 2 + 1) };
            row(&mut chain, (id, id - 1), kind, ["a", "b"][(service % 2) as usize], (index, 2 * SPANS - index));
        }
        for (name, fixture, hops) in [("siblings", &mut siblings, 1), ("chain", &mut chain, SPANS as u32 / 2)] {
            let started = std::time::Instant::now();
            let analysis = analysis(fixture);
            println!("{name}: {SPANS} spans analysed in {:?}", started.elapsed());
            assert_eq!(analysis.errors.origins[0].map(|origin| origin.hops), Some(hops), "{name}");
        }
    }

    fn any_row() -> impl Strategy<Value = (u64, Kind, usize, (i64, i64), Outcome)> {
        let kind = prop::sample::select(vec![Internal, Server, Client, Producer, Consumer]);
        let outcome =
            prop::sample::select(vec![Outcome::Ok, Outcome::ServerFault, Outcome::Timeout, Outcome::Cancelled]);
        let times = (0..100_i64, 0..100_i64).prop_map(|(start, length)| (start, start + length));
        (0..20_u64, kind, 0..3_usize, times, outcome)
    }

    proptest! {
        /// Any spans, cycles and all, give the same analysis in whichever order they come.
        #[test]
        fn the_order_of_spans_does_not_matter(
            (rows, order) in prop::collection::vec(any_row(), 1..20)
                .prop_flat_map(|rows| (Just(rows.clone()), Just((0..rows.len()).collect::<Vec<_>>()).prop_shuffle()))
        ) {
            let mut fixture = Fixture::default();
            for (index, (parent, kind, service, times, outcome)) in rows.iter().enumerate() {
                let service = ["a", "b/1", "c/2"][*service];
                fixture.span((index as u64 + 1, *parent), *kind, service, *times).outcome = *outcome;
            }
            let one = analysis(&mut fixture);
            fixture.spans = order.iter().map(|index| fixture.spans[*index].clone()).collect();
            let other = analysis(&mut fixture);
            prop_assert_eq!(one.paths.segments, other.paths.segments);
            prop_assert_eq!(one.paths.waiting, other.paths.waiting);
            prop_assert_eq!(one.errors.origins, other.errors.origins);
            prop_assert_eq!(one.errors.absorbed, other.errors.absorbed);
            prop_assert_eq!(one.entry_of, other.entry_of);
        }
    }
}
