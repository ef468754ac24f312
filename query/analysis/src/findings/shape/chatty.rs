//! `CHATTY`: requests of one service need very many calls of another, of several sorts.

use std::collections::BTreeMap;

use super::{
    calls::{bursts, critical_time, critical_time_of, is_cut_off, repeats},
    seen::{CLOSING, MAX_KEYS, RECENT, Seen, candidate, edge_subject, note_overflow, sorted},
};
use crate::{
    analysed::{Analysed, Call, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Value,
        shared::{Additive, Lost, PerMinute, Weighted, Window, names, roles::is_probe, sql, wilson},
    },
    hops::{Hop, HopKind},
    span::ServiceId,
    text::Text,
};

/// Calls per request, on average.
const MEAN: f64 = 10.0;
/// Calls of the 95th of 100 requests, and the share of the requests that makes as many.
const TAIL: u64 = 30;
const TAIL_SHARE: f64 = 0.05;
const CLOSING_TAIL: u64 = 24;
/// Share of the calls that requests with calls of more than one sort make.
const MIXED_SHARE: f64 = 0.5;

/// Calls by caller and callee.
#[derive(Debug)]
pub(super) struct Chatty {
    edges: PerMinute<(ServiceId, NodeId), Talk>,
}

/// Requests of a caller that call a callee.
#[derive(Debug, Clone, Default)]
struct Talk {
    seen: Seen,
    /// Weighted number of calls, and of those in requests with calls of more than one sort.
    calls: u128,
    mixed: u128,
    /// Sum of the squares of each request's calls.
    squares: u128,
    /// Fixed-point weight of requests with so many calls.
    tail: u64,
    closing_tail: u64,
    /// What all calls of a request but one took of the critical path, and requests that failed with one of several.
    lost: Lost,
}

impl Additive for Talk {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.calls += other.calls;
        self.mixed += other.mixed;
        self.squares += other.squares;
        self.tail = self.tail.saturating_add(other.tail);
        self.closing_tail = self.closing_tail.saturating_add(other.closing_tail);
        self.lost.add(&other.lost);
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

/// The calls of one request to one callee.
#[derive(Debug, Default)]
struct Conversation {
    calls: u64,
    /// There are calls of more than one sort.
    is_mixed: bool,
    one_failed: bool,
    critical: i64,
}

impl Chatty {
    pub(super) fn new() -> Self {
        Self { edges: PerMinute::new(MAX_KEYS) }
    }

    fn count(&mut self, analysed: &Analysed<'_>, serving: u32, callee: NodeId, conversation: &Conversation) {
        let request = analysed.span(serving);
        let key = (analysed.service(serving), callee);
        let Some(talk) = self.edges.at(minute_of(request.start), key) else { return };
        let (calls, weight) = (conversation.calls, request.weight);
        talk.seen.see(request);
        talk.calls += u128::from(calls) * u128::from(weight);
        talk.squares += u128::from(calls).pow(2);
        if conversation.is_mixed {
            talk.mixed += u128::from(calls) * u128::from(weight);
        }
        if calls >= TAIL {
            talk.tail = talk.tail.saturating_add(weight);
        }
        if calls >= CLOSING_TAIL {
            talk.closing_tail = talk.closing_tail.saturating_add(weight);
        }
        let beyond_one = conversation.critical - conversation.critical / calls.max(1) as i64;
        let one_failed = conversation.one_failed && calls > 1;
        talk.lost.calls(analysed, analysed.entry(serving), beyond_one, one_failed);
    }
}

/// The calls of each request to each callee, less those that are another finding: repeated ones and bursts.
fn conversations(analysed: &Analysed<'_>) -> Vec<(u32, NodeId, Conversation)> {
    let mut excluded = vec![false; analysed.hops.hops.len()];
    let repeated = repeats(analysed).into_iter().map(|repeat| repeat.group);
    let bursting = bursts(analysed).into_iter().map(|burst| burst.group);
    for hop in repeated.chain(bursting).flat_map(|group| group.hops) {
        excluded[hop as usize] = true;
    }
    // Critical time matters of those that talk much only, which need as many hops.
    let is_long = analysed.hops.hops.len() as f64 >= CLOSING * MEAN;
    let times = if is_long { critical_time(analysed) } else { Vec::new() };
    let of_one = analysed.calls.chunk_by(|one, other| (one.serving, one.callee) == (other.serving, other.callee));
    let conversation = |calls: &[Call]| {
        let Call { serving, callee, .. } = calls[0];
        let hops = || {
            let left = calls.iter().filter(|call| !excluded[call.hop as usize]);
            let hops = left.map(|call| &analysed.hops.hops[call.hop as usize]);
            hops.filter(|hop| !is_probe(analysed.context, hop.operation))
        };
        if is_cut_off(analysed, serving) || hops().next().is_none() {
            return None;
        }
        let mut conversation = Conversation::of(hops());
        if is_long {
            conversation.critical = hops().map(|hop| critical_time_of(analysed, &times, hop)).sum();
        }
        Some((serving, callee, conversation))
    };
    of_one.filter_map(conversation).collect()
}

impl Conversation {
    fn of<'a>(hops: impl Iterator<Item = &'a Hop>) -> Self {
        let mut conversation = Conversation::default();
        let mut operation = None;
        // When the last call to a cache ends: commands sent before that are one round trip with it.
        let mut busy_until = None;
        for hop in hops {
            let is_pipelined = hop.kind == HopKind::Cache && busy_until.is_some_and(|end| hop.start < end);
            busy_until = busy_until.max(Some(hop.end));
            conversation.calls += u64::from(!is_pipelined);
            conversation.one_failed |= hop.outcome.is_failure();
            conversation.is_mixed |= *operation.get_or_insert(hop.operation) != hop.operation;
        }
        conversation
    }
}

impl Detector for Chatty {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        for (serving, callee, conversation) in conversations(analysed) {
            self.count(analysed, serving, callee, &conversation);
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let mut found: BTreeMap<(ServiceId, NodeId), Candidate> = BTreeMap::new();
        // Of several windows that show it the shortest tells best since when.
        for minutes in (1..=RECENT).rev() {
            for (edge, candidate) in self.find(evaluation, Window::of(evaluation, minutes)) {
                if candidate.fires || !found.contains_key(&edge) {
                    found.insert(edge, candidate);
                }
            }
        }
        sorted(found.into_values().collect())
    }

    fn horizon(&self) -> i64 {
        RECENT
    }

    fn forget_before(&mut self, minute: i64) {
        self.edges.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.edges.size()
    }
}

impl Chatty {
    fn find(&self, evaluation: &Evaluation<'_>, window: Window) -> Vec<((ServiceId, NodeId), Candidate)> {
        let sums = self.edges.sums(window);
        let mut requests: BTreeMap<Text, Weighted> = BTreeMap::new();
        let candidates = sums.iter().filter_map(|((caller, callee), talk)| {
            let fires = talk.is_chatty(1.0, talk.tail);
            if !fires && !talk.is_chatty(CLOSING, talk.closing_tail) {
                return None;
            }
            let mut found = talk.candidate(evaluation, window, *caller, *callee);
            let environment = evaluation.context.service(*caller).environment;
            let total = || evaluation.demand.entries.total(window, evaluation, environment).requests;
            found.fires = fires;
            found.harm = talk.lost.harm(requests.entry(environment).or_insert_with(total));
            note_overflow(&mut found, self.edges.overflowed());
            Some(((*caller, *callee), found))
        });
        candidates.collect()
    }
}

impl Talk {
    fn mean(&self) -> f64 {
        self.calls as f64 / self.seen.count.weight.max(1) as f64
    }

    /// The range that the mean lies in with 95 %.
    fn interval(&self) -> (f64, f64) {
        let (mean, records) = (self.mean(), self.seen.count.records.max(1) as f64);
        let variance = (self.squares as f64 / records - mean * mean).max(0.0);
        let half = 1.96 * (variance / self.seen.count.effective().max(1.0)).sqrt();
        (mean - half, mean + half)
    }

    /// Whether the mean is surely at least `part` of what fires, or the share of long conversations is.
    fn is_chatty(&self, part: f64, tail: u64) -> bool {
        let share = wilson(self.seen.count.share(tail), self.seen.count.effective());
        let is_much = self.interval().0 >= part * MEAN || share.0 >= TAIL_SHARE;
        let is_mixed = self.mixed as f64 >= MIXED_SHARE * self.calls as f64;
        self.seen.count.effective() >= super::seen::MIN_OBSERVATIONS && self.seen.is_repeated() && is_much && is_mixed
    }

    fn candidate(&self, evaluation: &Evaluation<'_>, window: Window, caller: ServiceId, callee: NodeId) -> Candidate {
        let subject = edge_subject(evaluation, caller, callee);
        let mut found = candidate(FindingKind::Chatty, subject, window, &self.seen);
        found.completeness = names::completeness(evaluation, window, &[caller]);
        found.evidence.measure = self.mean();
        found.evidence.threshold = MEAN;
        found.evidence.interval = Some(self.interval());
        found.evidence.details = vec![("share_with_30_calls_or_more", Value::Number(self.seen.count.share(self.tail)))];
        let target = evaluation.context.node_name(callee);
        found.sql = sql::select(
            "time, source, target, operation, requests, attempts, duration_sum_ns",
            "edges",
            window,
            &[sql::equals("source", &found.subject.service), sql::equals("target", target)],
        );
        found.remedy =
            "Offer what is asked for together in one call: a coarser API, a batch, a cache per request.".to_owned();
        found
    }
}
