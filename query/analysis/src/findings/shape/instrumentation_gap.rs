//! `INSTRUMENTATION_GAP`: what a service does not say, or says wrongly, which bounds what all other findings can know.

use std::collections::BTreeSet;

use super::seen::{CLOSING, MAX_KEYS, Seen, candidate, note_overflow, sorted};
use crate::{
    analysed::{Analysed, Entry, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Severity, Subject, Value, magnitude,
        shared::{Additive, PerMinute, Weighted, Window, names, sql},
    },
    hops::{Hop, HopFlags, HopKind},
    span::{Kind, Span, SpanFlags},
};

/// Minutes that are looked back.
const HORIZON: i64 = 10;
/// Share of a service's requests (or spans) that have a fault.
const FAULTY: f64 = 0.05;
/// Who sends no spans sends none for most of what it does. With 5 % of the spans lost, requests whose caller's span is lost fall
/// into nearly 9 % of long calls of anybody.
const CUT_OFF: f64 = 0.2;
/// Share of calls without a server span at which there are 1.1 calls for every request, and of those without a client
/// span at which there are 0.9.
const SERVERS_MISSING: f64 = 1.0 - 1.0 / 1.1;
const CLIENTS_MISSING: f64 = 0.1;
/// Share of orphans from which on a service without callers passes for one that outsiders lend their traces.
const ALL: f64 = 0.95;
/// Calls of a trace that are looked through for the one that leads to a fragment.
const MAX_CALLS: usize = 64;
/// Nanoseconds that clocks may differ between a call and a fragment within it.
const TOLERANCE: i64 = 50_000_000;
/// The gap of a service at the edge.
const OUTSIDE_PARENTS: &str = "outside_parents";

/// What is there of each node, and what should be.
#[derive(Debug)]
pub(super) struct InstrumentationGap {
    nodes: PerMinute<NodeId, Signs>,
}

/// What spans show of the instrumentation of a node.
#[derive(Debug, Clone, Default)]
struct Signs {
    /// Requests that it served, those of them that came from another service, and those whose parent is not there.
    requests: Weighted,
    called: u64,
    orphans: Seen,
    /// Calls of it that ended well, the fixed-point weight of its spans for them, and those without one.
    asked: Weighted,
    answered: u64,
    unanswered: Seen,
    /// Calls of it, and those in which fragments of the request turned up that it does not connect.
    reached: Weighted,
    severed: Seen,
    /// Calls by it, those without a client span, and those with a span of another kind in its place.
    made: Weighted,
    unannounced: Seen,
    misused: Seen,
    spans: Weighted,
    conflicting: Seen,
    negative: Seen,
    nameless: Seen,
    /// Messages delivered to it, and those that arrived before they were sent.
    deliveries: Weighted,
    early: Seen,
}

impl Signs {
    fn count_span(&mut self, span: &Span, is_serving: bool) {
        self.spans.count(span.weight);
        for (flag, seen) in [
            (SpanFlags::ALIAS_CONFLICT, &mut self.conflicting),
            (SpanFlags::NEGATIVE_DURATION, &mut self.negative),
            (SpanFlags::UNKNOWN_SERVICE, &mut self.nameless),
        ] {
            if span.flags.contains(flag) {
                seen.see(span);
            }
        }
        if is_serving {
            self.requests.count(span.weight);
        }
    }

    fn seen(&self) -> [&Seen; 8] {
        let Self { orphans, unanswered, severed, unannounced, misused, conflicting, negative, nameless, .. } = self;
        [orphans, unanswered, severed, unannounced, misused, conflicting, negative, nameless]
    }
}

impl Additive for Signs {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.called = self.called.saturating_add(other.called);
        self.orphans.add(&other.orphans);
        self.asked.add(&other.asked);
        self.answered = self.answered.saturating_add(other.answered);
        self.unanswered.add(&other.unanswered);
        self.reached.add(&other.reached);
        self.severed.add(&other.severed);
        self.made.add(&other.made);
        self.unannounced.add(&other.unannounced);
        self.misused.add(&other.misused);
        self.spans.add(&other.spans);
        self.conflicting.add(&other.conflicting);
        self.negative.add(&other.negative);
        self.nameless.add(&other.nameless);
        self.deliveries.add(&other.deliveries);
        self.early.add(&other.early);
    }

    fn extra_size(&self) -> usize {
        self.seen().iter().map(|seen| seen.extra_size()).sum::<usize>() + self.early.extra_size()
    }
}

impl InstrumentationGap {
    pub(super) fn new() -> Self {
        Self { nodes: PerMinute::new(MAX_KEYS) }
    }

    fn count_spans(&mut self, analysed: &Analysed<'_>) {
        // Most spans are next to others of their process.
        let is_alike =
            |one: &Span, other: &Span| one.resource == other.resource && minute_of(one.start) == minute_of(other.start);
        let mut next = 0;
        for run in analysed.trace.spans.chunk_by(is_alike) {
            let first = next;
            next += run.len();
            let node = analysed.context.service_node(analysed.service(first as u32));
            let Some(signs) = self.nodes.at(minute_of(run[0].start), node) else { continue };
            for (index, span) in (first..).zip(run) {
                signs.count_span(span, analysed.trace.is_serving(index));
            }
        }
    }

    fn count_hop(&mut self, analysed: &Analysed<'_>, hop: &Hop) {
        let server = analysed.hops.servers(hop).first().map(|server| analysed.span(*server));
        let Some(span) = hop.client.map(|client| analysed.span(client)).or(server) else { return };
        let time = (hop.start, hop.end);
        let minute = minute_of(hop.start);
        if let Some(signs) = self.nodes.at(minute, hop.callee) {
            signs.reached.count(hop.weight);
            if hop.kind == HopKind::Deliver {
                signs.deliveries.count(hop.weight);
                if hop.flags.contains(HopFlags::SKEW_SUSPECT) {
                    signs.early.see_during(span, hop.weight, time);
                }
            }
            if server.is_some() && hop.kind == HopKind::Request {
                signs.called = signs.called.saturating_add(hop.weight);
            }
            // A call that failed may not have reached anybody.
            let is_answered = hop.kind == HopKind::Request && hop.client.is_some();
            if is_answered && hop.outcome == spandrel_proto::model::Outcome::Ok {
                signs.asked.count(hop.weight);
                match server {
                    Some(server) => signs.answered = signs.answered.saturating_add(server.weight),
                    None => signs.unanswered.see_during(span, hop.weight, time),
                }
            }
        }
        if hop.kind == HopKind::Request
            && let Some(signs) = self.nodes.at(minute, hop.caller)
        {
            signs.made.count(hop.weight);
            if hop.flags.contains(HopFlags::CLIENT_MISSING) {
                signs.unannounced.see_during(span, hop.weight, time);
                if has_wrong_kind(analysed, hop) {
                    signs.misused.see_during(span, hop.weight, time);
                }
            }
        }
    }

    /// Counts a fragment for who does not connect it: whoever is called around it, else the service itself.
    fn count_fragment(&mut self, analysed: &Analysed<'_>, fragment: &Entry, calls: &[&Hop]) {
        let span = analysed.span(fragment.span);
        // Somebody who passes trace ids on makes requests. Other spans without a parent have lost it in some other way.
        let is_request = analysed.trace.kind(fragment.span as usize).serves();
        let is_around =
            |hop: &&&Hop| is_request && hop.start - TOLERANCE <= span.start && span.start <= hop.end + TOLERANCE;
        let own = analysed.context.service_node(fragment.service);
        let around = calls.iter().filter(is_around).filter(|hop| hop.callee != own);
        let around = around.min_by_key(|hop| (hop.duration(), hop.start));
        let (minute, node) = around.map_or((minute_of(span.start), own), |hop| (minute_of(hop.start), hop.callee));
        let Some(signs) = self.nodes.at(minute, node) else { return };
        if around.is_some() { signs.severed.see(span) } else { signs.orphans.see(span) }
    }
}

/// Whether a span of the caller's stands where a client span should: it says whom it calls.
fn has_wrong_kind(analysed: &Analysed<'_>, hop: &Hop) -> bool {
    let server = analysed.hops.servers(hop).first().map(|server| *server as usize);
    let Some(parent) = server.and_then(|server| analysed.trace.parent(server)) else { return false };
    let peer = analysed.context.peer(analysed.trace.spans[parent].peer);
    analysed.trace.kind(parent) == Kind::Internal && !(peer.service.is_none() && peer.address.is_none())
}

impl Detector for InstrumentationGap {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.count_spans(analysed);
        for hop in &analysed.hops.hops {
            self.count_hop(analysed, hop);
        }
        let mut fragments = analysed.entries.iter().filter(|entry| entry.is_fragment).peekable();
        if fragments.peek().is_none() {
            return;
        }
        let is_open = |hop: &&Hop| {
            let is_silent = hop.kind == HopKind::External || hop.flags.contains(HopFlags::SERVER_MISSING);
            is_silent && hop.client.is_some() && analysed.hops.servers(hop).is_empty()
        };
        let calls: Vec<&Hop> = analysed.hops.hops.iter().filter(is_open).take(MAX_CALLS).collect();
        // One fragment of each service will do: a request that is cut off has one for every call it makes.
        let mut known = BTreeSet::new();
        for fragment in fragments.filter(|fragment| known.insert(fragment.service)) {
            self.count_fragment(analysed, fragment, &calls);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, HORIZON);
        let mut candidates = Vec::new();
        for (node, signs) in self.nodes.sums(window) {
            let gaps = signs.gaps();
            let Some(gap) = worst(&gaps, 1.0).or_else(|| worst(&gaps, CLOSING)) else { continue };
            let mut found = self.candidate(evaluation, window, node, gap);
            let rows = gaps.iter().filter(|gap| gap.holds(CLOSING)).map(|gap| (gap.name, Value::Number(gap.share())));
            found.evidence.details = rows.collect();
            note_overflow(&mut found, self.nodes.overflowed());
            candidates.push(found);
        }
        sorted(candidates)
    }

    fn horizon(&self) -> i64 {
        HORIZON
    }

    fn forget_before(&mut self, minute: i64) {
        self.nodes.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.nodes.size()
    }
}

/// One thing that is missing or wrong: `part` of `whole`, by weight.
#[derive(Debug, Clone, Copy)]
struct Gap<'a> {
    name: &'static str,
    seen: &'a Seen,
    part: u64,
    whole: &'a Weighted,
    threshold: f64,
    remedy: &'static str,
}

impl Signs {
    fn gaps(&self) -> Vec<Gap<'_>> {
        let gap = |name, seen, whole, threshold, remedy| {
            let part = Seen::weight(seen);
            Gap { name, seen, part, whole, threshold, remedy }
        };
        // Outsiders (browsers, load balancers) that begin traces without sending spans are not the service's fault.
        let is_front = self.called == 0 && self.requests.share(self.orphans.weight()) >= ALL;
        let orphans = if is_front { OUTSIDE_PARENTS } else { "orphans" };
        let answered = self.answered.min(self.asked.weight);
        vec![
            gap("server_spans_missing", &self.unanswered, &self.asked, SERVERS_MISSING, "Instrument what it serves, and check what its exporter drops."),
            gap("trace_cut_off", &self.severed, &self.reached, CUT_OFF, "Let it send spans: it passes trace ids on without any of its own."),
            gap("client_spans_missing", &self.unannounced, &self.made, CLIENTS_MISSING, "Instrument the client that it calls others with."),
            gap("kind_misused", &self.misused, &self.made, CLIENTS_MISSING, "Give spans of calls the kind CLIENT."),
            gap(orphans, &self.orphans, &self.requests, FAULTY, "Find who calls it and lets its own spans get lost: sampling, a full queue, an exporter that is not there."),
            gap("attributes_contradict", &self.conflicting, &self.spans, FAULTY, "Let instrumentation send old or current attribute names, not both with different values."),
            gap("negative_durations", &self.negative, &self.spans, FAULTY, "Measure durations with a monotonic clock."),
            gap("clocks_differ", &self.early, &self.deliveries, FAULTY, "Synchronise the clocks of its hosts."),
            gap("service_has_no_name", &self.nameless, &self.spans, FAULTY, "Set service.name."),
        ]
        .into_iter()
        .map(|gap| match gap.name {
            // Of services that are sampled, fewer spans stand for more: it is the weights that must agree.
            "server_spans_missing" => Gap { part: gap.part.min(self.asked.weight - answered), ..gap },
            _ => gap,
        })
        .collect()
    }
}

impl Gap<'_> {
    fn share(&self) -> f64 {
        self.whole.share(self.part)
    }

    fn holds(&self, part: f64) -> bool {
        self.whole.effective() >= super::seen::MIN_OBSERVATIONS
            && self.whole.interval(self.part).0 >= part * self.threshold
            && self.seen.is_repeated()
    }

    fn magnitude(&self) -> f64 {
        magnitude(self.share(), self.threshold, 1.0)
    }
}

/// Of the gaps that reach `part` of their thresholds, the one furthest beyond.
fn worst<'a>(gaps: &[Gap<'a>], part: f64) -> Option<Gap<'a>> {
    gaps.iter().filter(|gap| gap.holds(part)).max_by(|a, b| a.magnitude().total_cmp(&b.magnitude())).copied()
}

impl InstrumentationGap {
    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, node: NodeId, gap: Gap<'_>) -> Candidate {
        let name = names::node(evaluation, node);
        let environment = names::text(evaluation, evaluation.context.node(node).environment);
        let subject = Subject { text: name.clone(), service: name, environment, ..Subject::default() };
        let mut found = candidate(FindingKind::InstrumentationGap, subject, window, gap.seen);
        found.subkind = Some(gap.name);
        found.fires = gap.holds(1.0);
        found.at_most = if gap.name == OUTSIDE_PARENTS { Severity::Low } else { Severity::Critical };
        let share = match evaluation.context.node_service(node) {
            Some(service) => evaluation.demand.presence.share(window, &[service]),
            None => evaluation.demand.presence.all(window).share(gap.seen.weight()),
        };
        found.harm = Harm::Risk { share, magnitude: gap.magnitude() };
        found.evidence.measure = gap.share();
        found.evidence.threshold = gap.threshold;
        found.evidence.interval = Some(gap.whole.interval(gap.part));
        found.evidence.samples = gap.whole.effective().round() as u64;
        found.sql = sql::select(
            "trace_id, span_id, parent_span_id, service_name, name, kind, start_time, duration_ns",
            "spans",
            window,
            &[sql::traces(&found.evidence.examples)],
        );
        found.remedy = gap.remedy.to_owned();
        found
    }
}
