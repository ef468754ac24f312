//! What one trace adds to the counts of its minutes.

use std::ops::Range;

use spandrel_proto::model::Outcome;

use super::{Calls, EdgeKey, Examples, Minute, Minutes, OperationKey, PathKey, Sign, View, busy_minutes};
use crate::{
    analysed::{Analysed, Entry, MINUTE, minute_of},
    context::NodeId,
    hops::{Hop, HopFlags, HopKind},
    paths::Waiting,
    rollup::{CoverageStats, EdgeStats},
    span::{Kind, ServiceId, Span, SpanFlags},
    text::Text,
    trace::Trace,
};

/// Adds a trace to the counts of its minutes, or takes it away again.
///
/// Operations and the server's view of edges belong to the minute in which the server span starts, the client's view to
/// that of the hop, paths to that of the entry. Busy time belongs to every minute in which the call was in progress.
pub fn observe(minutes: &mut Minutes, analysed: &Analysed<'_>, sign: Sign) {
    observe_within(minutes, analysed, sign, i64::MIN..i64::MAX);
}

/// [`observe`] without what begins outside of a range.
pub fn observe_within(minutes: &mut Minutes, analysed: &Analysed<'_>, sign: Sign, within: Range<i64>) {
    let mut tally = Tally { minutes, analysed, sign, within, outside: Minute::default() };
    tally.operations();
    for (index, hop) in analysed.hops.hops.iter().enumerate() {
        tally.hop(hop, analysed.paths.waiting.get(index).copied());
    }
    tally.critical_paths();
    tally.coverage();
}

/// What is to be added to the coverage of services in minutes, `None` for what is left out. Most spans of a trace share
/// theirs with others.
type Covered = Vec<((Option<i64>, ServiceId), CoverageStats)>;

/// It is added to the minutes when there is so much of it: few enough to look through for each span.
const MAX_COVERED: usize = 16;

struct Tally<'a> {
    minutes: &'a mut Minutes,
    analysed: &'a Analysed<'a>,
    sign: Sign,
    within: Range<i64>,
    /// What is left out.
    outside: Minute,
}

/// Time of an entry that a span owns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Owned {
    entry: u32,
    service: ServiceId,
    operation: Text,
    nanos: i64,
    weight: u64,
}

/// A call as one side of it was seen.
#[derive(Clone, Copy)]
struct Seen {
    start: i64,
    end: i64,
    weight: u64,
    outcome: Outcome,
}

impl Seen {
    fn of(span: &Span) -> Seen {
        Seen { start: span.start, end: span.end, weight: span.weight, outcome: span.outcome }
    }

    fn duration(&self) -> i64 {
        self.end.saturating_sub(self.start)
    }
}

impl Tally<'_> {
    fn minute(&mut self, time: i64) -> &mut Minute {
        if self.within.contains(&time) { self.minutes.entry(minute_of(time)).or_default() } else { &mut self.outside }
    }

    /// Nanoseconds that a call was in progress in the minute of its start. Those of later minutes go to `change`, with the
    /// minute and the time from which on it was in progress there.
    fn busy_elsewhere(&mut self, seen: &Seen, mut change: impl FnMut(&mut Minute, i64, i64)) -> i64 {
        let first = minute_of(seen.start);
        // Nearly all calls end in the minute they began in.
        if (seen.start..=first.saturating_add(MINUTE)).contains(&seen.end) {
            return seen.duration();
        }
        let mut minutes = busy_minutes(seen.start, seen.end);
        let at_start = minutes.next().map_or(0, |(_, busy)| busy);
        for (minute, busy) in minutes {
            change(self.minute(minute), minute, busy);
        }
        at_start
    }

    fn operations(&mut self) {
        let analysed = self.analysed;
        let mut self_times = vec![0_i64; analysed.trace.len()];
        for (index, span) in analysed.trace.spans.iter().enumerate() {
            let serving = analysed.trace.serving(index);
            let works = !span.kind.calls() || serving == index;
            if works && analysed.service(index as u32) == analysed.service(serving as u32) {
                let own = analysed.paths.self_time.get(index).copied().unwrap_or(0);
                self_times[serving] = self_times[serving].saturating_add(own);
            }
        }
        let nested = nested_servers(analysed.trace);
        for (index, span) in analysed.trace.spans.iter().enumerate() {
            if nested[index] {
                continue;
            }
            if span.kind.serves() {
                let is_entry = is_entry(analysed, index as u32);
                self.operation(index as u32, View::Server, is_entry, self_times[index]);
            } else if analysed.trace.parent(index).is_none() && is_entry(analysed, index as u32) {
                self.operation(index as u32, View::Client, true, self_times[index]);
            }
        }
    }

    fn operation(&mut self, index: u32, view: View, is_entry: bool, self_time: i64) {
        let (analysed, sign) = (self.analysed, self.sign);
        let span = analysed.span(index);
        let seen = Seen::of(span);
        if seen.weight == 0 {
            return;
        }
        let key = OperationKey { service: analysed.service(index), operation: span.operation, view };
        let busy = self.busy_elsewhere(&seen, |minute, since, busy| {
            minute.change_operation(key, |stats| {
                stats.see(since);
                sign.sum(&mut stats.calls.busy, busy, seen.weight);
            });
        });
        self.minute(seen.start).change_operation(key, |stats| {
            stats.see(seen.start);
            sign.sum(&mut stats.calls.busy, busy, seen.weight);
            change_calls(&mut stats.calls, &mut stats.examples, &seen, analysed.trace.id, sign);
            sign.sum(&mut stats.self_time, self_time, seen.weight);
            if is_entry {
                sign.count(&mut stats.entries, seen.weight);
            }
        });
    }

    fn hop(&mut self, hop: &Hop, waiting: Option<Waiting>) {
        let analysed = self.analysed;
        let nodes = (hop.caller, hop.callee);
        if hop.kind == HopKind::Deliver {
            return self.delivery(hop);
        }
        if let Some(client) = hop.client {
            let weight = analysed.span(client).weight;
            let seen = Seen { start: hop.start, end: hop.end, weight, outcome: hop.outcome };
            let network = self.network(hop);
            self.edge(hop, nodes, View::Client, &seen, waiting, |stats, sign| {
                sign.count(&mut stats.attempts, weight.saturating_mul(hop.attempt_count().into()));
                if let Some(network) = network {
                    sign.sum(&mut stats.network, network, weight);
                }
            });
        }
        for server in analysed.hops.servers(hop) {
            let seen = Seen::of(analysed.span(*server));
            self.edge(hop, nodes, View::Server, &seen, waiting, |stats, sign| {
                sign.count(&mut stats.attempts, seen.weight);
            });
        }
    }

    /// A delivery is one, however often it was tried. It counts from the topic and from whoever published the message.
    fn delivery(&mut self, hop: &Hop) {
        let seen = Seen { start: hop.start, end: hop.end, weight: hop.weight, outcome: hop.outcome };
        for source in [Some(hop.caller), hop.producer].into_iter().flatten() {
            self.edge(hop, (source, hop.callee), View::Server, &seen, None, |stats, sign| {
                sign.count(&mut stats.attempts, seen.weight.saturating_mul(hop.attempt_count().into()));
                change_delay(stats, hop, seen.weight, sign);
            });
        }
    }

    fn edge(
        &mut self,
        hop: &Hop,
        (source, target): (NodeId, NodeId),
        view: View,
        seen: &Seen,
        waiting: Option<Waiting>,
        change: impl FnOnce(&mut EdgeStats, Sign),
    ) {
        if seen.weight == 0 {
            return;
        }
        let (trace_id, sign) = (self.analysed.trace.id, self.sign);
        let Hop { kind, protocol, operation, schema, .. } = *hop;
        let key = EdgeKey { source, target, kind, protocol, operation, schema, view };
        let busy = self.busy_elsewhere(seen, |minute, since, busy| {
            minute.change_edge(key, |stats| {
                stats.see(since);
                sign.sum(&mut stats.calls.busy, busy, seen.weight);
            });
        });
        self.minute(seen.start).change_edge(key, |stats| {
            stats.see(seen.start);
            sign.sum(&mut stats.calls.busy, busy, seen.weight);
            change_calls(&mut stats.calls, &mut stats.examples, seen, trace_id, sign);
            if matches!(waiting, Some(Waiting::Sync | Waiting::Blocking)) {
                sign.count(&mut stats.sync, seen.weight);
            }
            if waiting == Some(Waiting::Blocking) {
                sign.count(&mut stats.blocking, seen.weight);
            }
            if hop.is_paired() {
                sign.count(&mut stats.paired, seen.weight);
            }
            change(stats, sign);
        });
    }

    /// Nanoseconds that the tries of a paired hop spent neither in the caller nor in the callee. Servers that outlast
    /// their client, because it gave up, count as none.
    fn network(&self, hop: &Hop) -> Option<i64> {
        if !hop.is_paired() {
            return None;
        }
        let duration = |span: u32| self.analysed.span(span).duration();
        let attempts = self.analysed.hops.attempts(hop);
        if attempts.is_empty() {
            let (client, server) = (hop.wire.or(hop.client)?, self.analysed.hops.servers(hop).first()?);
            return Some(duration(client).saturating_sub(duration(*server)).max(0));
        }
        let pairs = attempts.iter().filter_map(|attempt| attempt.client.zip(attempt.server));
        Some(
            pairs
                .map(|(client, server)| duration(client).saturating_sub(duration(server)).max(0))
                .fold(0, i64::saturating_add),
        )
    }

    fn critical_paths(&mut self) {
        let analysed = self.analysed;
        let mut owned: Vec<Owned> = Vec::with_capacity(analysed.trace.len());
        let exclusive = analysed.paths.exclusive.iter().zip(analysed.entry_of).enumerate();
        owned.extend(exclusive.filter(|(_, (nanos, _))| **nanos > 0).map(|(span, (nanos, entry))| {
            let (service, operation) = (analysed.service(span as u32), analysed.trace.spans[span].operation);
            Owned { entry: *entry, service, operation, nanos: *nanos, weight: analysed.trace.spans[span].weight }
        }));
        owned.sort_unstable();
        for of_entry in owned.chunk_by(|a, b| a.entry == b.entry) {
            let entry = analysed.entries[of_entry[0].entry as usize];
            if !entry.is_fragment {
                self.critical_path(&entry, of_entry);
            }
        }
    }

    fn critical_path(&mut self, entry: &Entry, owned: &[Owned]) {
        let sign = self.sign;
        // A path is whole only if all its spans were sampled, so it stands for as many as the rarest of them.
        let weight = owned.iter().map(|owned| owned.weight).max().unwrap_or(0);
        if weight == 0 {
            return;
        }
        let minute = self.minute(self.analysed.span(entry.span).start);
        for same in owned.chunk_by(|a, b| (a.service, a.operation) == (b.service, b.operation)) {
            let Entry { service: entry_service, operation: entry_operation, .. } = *entry;
            let Owned { service, operation, .. } = same[0];
            minute.change_path(PathKey { entry_service, entry_operation, service, operation }, |stats| {
                for owned in same {
                    sign.sum(&mut stats.exclusive, owned.nanos, weight);
                }
                sign.count(&mut stats.presence, weight);
            });
        }
    }

    fn coverage(&mut self) {
        let analysed = self.analysed;
        let mut covered = Covered::with_capacity(MAX_COVERED);
        for (index, span) in (0..).zip(&analysed.trace.spans) {
            let stats = self.covered(&mut covered, index);
            stats.spans += 1;
            stats.orphans += u64::from(analysed.trace.is_orphan(index as usize));
            stats.negative_durations += u64::from(span.flags.contains(SpanFlags::NEGATIVE_DURATION));
            stats.alias_conflicts += u64::from(span.flags.contains(SpanFlags::ALIAS_CONFLICT));
        }
        if let Some(first) = analysed.entries.first() {
            let stats = self.covered(&mut covered, first.span);
            let repairs = &analysed.trace.repairs;
            stats.duplicates += u64::from(repairs.duplicates);
            stats.cycles += u64::from(repairs.cycles);
            stats.id_clashes += u64::from(repairs.id_clashes);
        }
        for hop in &analysed.hops.hops {
            let is_request = hop.kind == HopKind::Request;
            if let Some(client) = hop.client.filter(|_| is_request) {
                let stats = self.covered(&mut covered, client);
                stats.unpaired_clients += u64::from(hop.flags.contains(HopFlags::SERVER_MISSING));
                stats.paired_clients += u64::from(hop.is_paired());
            }
            let has_no_client = is_request && hop.flags.contains(HopFlags::CLIENT_MISSING);
            let is_suspect = hop.flags.contains(HopFlags::SKEW_SUSPECT);
            if (has_no_client || is_suspect)
                && let Some(server) = analysed.hops.servers(hop).first()
            {
                let stats = self.covered(&mut covered, *server);
                stats.clients_missing += u64::from(has_no_client);
                stats.skew_suspects += u64::from(is_suspect);
            }
        }
        self.count_covered(&mut covered);
    }

    /// The counts of a span's service in its minute.
    fn covered<'c>(&mut self, covered: &'c mut Covered, span: u32) -> &'c mut CoverageStats {
        let start = self.analysed.span(span).start;
        let key = (self.within.contains(&start).then(|| minute_of(start)), self.analysed.service(span));
        let known = covered.iter().position(|(known, _)| *known == key);
        let place = known.unwrap_or_else(|| {
            if covered.len() >= MAX_COVERED {
                self.count_covered(covered);
            }
            covered.push((key, CoverageStats::default()));
            covered.len() - 1
        });
        &mut covered[place].1
    }

    fn count_covered(&mut self, covered: &mut Covered) {
        for ((minute, service), stats) in covered.drain(..) {
            let Some(minute) = minute else { continue };
            let counts = self.minutes.entry(minute).or_default();
            counts.change_coverage(service, |sum| sum.change(self.sign, &stats));
        }
    }
}

/// Per span, whether it is a server span within a request that another span of its process serves already. One below a
/// span that does not serve (a job that has a server span) counts.
fn nested_servers(trace: &Trace) -> Vec<bool> {
    let mut nested = vec![false; trace.len()];
    let mut is_served = vec![false; trace.len()];
    for span in trace.order() {
        let above = trace.parent(span).filter(|_| !trace.is_serving(span));
        let is_served_above = above.is_some_and(|above| is_served[above]);
        nested[span] = trace.kind(span) == Kind::Server && is_served_above;
        is_served[span] = trace.kind(span).serves() || is_served_above;
    }
    nested
}

/// Whether a request begins with the span: a root that lacks no parent and handles no message.
fn is_entry(analysed: &Analysed<'_>, span: u32) -> bool {
    let entry = analysed.entry(span);
    entry.span == span && !entry.is_fragment && !entry.is_message && analysed.span(span).kind != Kind::Producer
}

fn change_calls(calls: &mut Calls, examples: &mut Examples, seen: &Seen, trace_id: u128, sign: Sign) {
    calls.change(sign, seen.duration(), seen.weight, seen.outcome);
    match sign {
        Sign::Add => examples.add(trace_id, seen.duration(), seen.outcome.is_failure()),
        Sign::Remove => examples.remove(trace_id),
    }
}

fn change_delay(stats: &mut EdgeStats, hop: &Hop, weight: u64, sign: Sign) {
    match hop.queue_delay {
        Some(delay) if delay >= 0 && !hop.flags.contains(HopFlags::SKEW_SUSPECT) => {
            sign.sketch(&mut stats.queue_delay, delay, weight);
        }
        Some(_) => sign.count(&mut stats.negative_delays, 1),
        None => {}
    }
}
