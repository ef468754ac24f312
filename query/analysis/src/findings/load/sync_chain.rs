//! SYNC_CHAIN: services that wait for each other in a long row.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Candidate, Detector, Evaluation, Evidence, FAILURE, FindingKind, Harm, Method, Severity, Subject, Value,
        shared::{
            Additive, EntryKey, Exemplars, Extent, MIN_SAMPLES, MIN_TRACES, PerMinute, STAYS, Weighted, Window, names,
            number, roles::is_gateway, sql,
        },
    },
    hops::HopKind,
    paths::Waiting,
    span::{Kind, ServiceId},
    text::Text,
};

/// Remote hops in a row that are many.
const MIN_DEPTH: usize = 4;
/// Share of the requests of an entry operation that have the chain.
const MIN_PREVALENCE: f64 = 0.05;
/// The chain matters if it takes this share of the time of its requests, or if it fails this often and twice as often as
/// its worst service.
const MIN_TIME: f64 = 0.5;
const MIN_FAILURES: f64 = 0.001;
const TIMES_WORST: f64 = 2.0;
/// Fewer failures of the services of a chain are chance.
const FEW_FAILURES: f64 = 5.0;
const WINDOW: i64 = 5;
/// The most chains a minute, chains of one trace, and services of one chain.
const MAX_KEYS: usize = 4096;
const MAX_CHAINS: usize = 16;
const MAX_LENGTH: usize = 32;

/// Services that wait for each other, and what the first of them was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Chain {
    services: Box<[ServiceId]>,
    operation: Text,
}

impl Chain {
    fn starts_with(&self, other: &Chain) -> bool {
        self.operation == other.operation && self.services.starts_with(&other.services)
    }
}

#[derive(Debug, Clone, Default)]
struct ChainStats {
    seen: Weighted,
    priority: u64,
    /// Fixed-point weight of the requests that failed.
    failed: u64,
    /// Weighted nanoseconds of the requests, and per service of the chain: on the critical path, and on the way to it.
    duration: i128,
    owned: Vec<i128>,
    network: Vec<i128>,
    extent: Extent,
    exemplars: Exemplars,
}

impl Additive for ChainStats {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.priority = self.priority.saturating_add(other.priority);
        self.failed = self.failed.saturating_add(other.failed);
        self.duration += other.duration;
        add_each(&mut self.owned, &other.owned);
        add_each(&mut self.network, &other.network);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        (self.owned.len() + self.network.len()) * 16 + self.exemplars.extra_size() + MAX_LENGTH * 4
    }
}

fn add_each(sums: &mut Vec<i128>, parts: &[i128]) {
    sums.resize(sums.len().max(parts.len()), 0);
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum += part;
    }
}

impl ChainStats {
    /// Nanoseconds that each request waits for what comes after the hops that are usual: services and the way to them.
    fn mean_wait(&self) -> f64 {
        let waited: i128 = [&self.owned, &self.network].into_iter().flat_map(|sums| sums.iter().skip(MIN_DEPTH)).sum();
        waited as f64 / self.seen.weight.max(1) as f64
    }

    /// Share of the time of the requests that the services of the chain behind the first own.
    fn time_share(&self) -> f64 {
        let owned: i128 = self.owned.iter().skip(1).sum();
        if self.duration > 0 { owned as f64 / self.duration as f64 } else { 0.0 }
    }
}

/// Requests to a service, and failures that began with it.
#[derive(Debug, Clone, Default)]
struct ServiceStats {
    called: Weighted,
    began: u64,
}

impl Additive for ServiceStats {
    fn add(&mut self, other: &Self) {
        self.called.add(&other.called);
        self.began = self.began.saturating_add(other.began);
    }
}

#[derive(Debug)]
pub(super) struct SyncChain {
    chains: PerMinute<(EntryKey, Chain), ChainStats>,
    services: PerMinute<ServiceId, ServiceStats>,
}

impl Default for SyncChain {
    fn default() -> Self {
        Self { chains: PerMinute::new(MAX_KEYS), services: PerMinute::new(MAX_KEYS) }
    }
}

impl Detector for SyncChain {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.count_services(analysed);
        let rows = Rows::of(analysed);
        let mut chains: BTreeMap<(u32, Chain), usize> = BTreeMap::new();
        for leaf in rows.leaves() {
            let entry = analysed.entry_of[leaf];
            if analysed.entries[entry as usize].is_fragment || analysed.entries[entry as usize].is_message {
                continue;
            }
            let Some(chain) = rows.chain(analysed, leaf) else { continue };
            chains.entry((entry, chain)).or_insert(leaf);
            if chains.len() > MAX_CHAINS {
                chains.pop_last();
            }
        }
        if chains.is_empty() {
            return;
        }
        let owned = owned_by_serving(analysed);
        for ((entry, chain), leaf) in chains {
            self.count(analysed, entry, chain, &rows.times(analysed, leaf, &owned));
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, WINDOW);
        let sums = self.chains.sums(window);
        let mut entries: BTreeMap<EntryKey, Vec<(&Chain, &ChainStats)>> = BTreeMap::new();
        for ((entry, chain), stats) in &sums {
            entries.entry(*entry).or_default().push((chain, stats));
        }
        entries.iter().flat_map(|(entry, chains)| self.of_entry(evaluation, window, entry, chains)).collect()
    }

    fn horizon(&self) -> i64 {
        WINDOW
    }

    fn forget_before(&mut self, minute: i64) {
        self.chains.forget_before(minute);
        self.services.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.chains.size() + self.services.size()
    }
}

/// Rows of services that wait for each other, from an entry to each span that serves. Gateways, which pass on what they are
/// asked, are on the way and do not count.
struct Rows(Vec<Place>);

/// Where a span stands in its row.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// How many services there are, the span's own included; `None` where nobody on the way to the entry waits for it.
    depth: Option<u32>,
    /// The span that waits for this one.
    above: Option<u32>,
    has_below: bool,
    is_gateway: bool,
}

impl Rows {
    fn of(analysed: &Analysed<'_>) -> Rows {
        let mut rows = vec![Place::default(); analysed.trace.len()];
        for span in analysed.trace.order().filter(|span| analysed.trace.is_serving(*span)) {
            rows[span].is_gateway = is_gateway(analysed.context, analysed.service(span as u32));
            let own = u32::from(!rows[span].is_gateway);
            if analysed.trace.parent(span).is_none() {
                rows[span].depth = Some(own);
                continue;
            }
            let Some(index) = analysed.hops.index_into(span) else { continue };
            let hop = &analysed.hops.hops[index];
            let is_blocking = analysed.paths.waiting.get(index) == Some(&Waiting::Blocking);
            let Some(parent) = hop.parent.filter(|_| hop.kind == HopKind::Request && is_blocking) else { continue };
            if let Some(depth) = rows[parent as usize].depth {
                rows[span].depth = Some(depth + own);
                rows[span].above = Some(parent);
                rows[parent as usize].has_below = true;
            }
        }
        Rows(rows)
    }

    /// The last spans of long rows. Not more than a chain of each could be kept of.
    fn leaves(&self) -> impl Iterator<Item = usize> + '_ {
        let is_long = |place: &Place| place.depth.is_some_and(|depth| depth as usize > MIN_DEPTH);
        let ends = (0_usize..).zip(&self.0).filter(move |(_, place)| is_long(place) && !place.has_below);
        ends.map(|(span, _)| span).take(4 * MAX_CHAINS)
    }

    /// The spans of a row, the entry first.
    fn spans(&self, leaf: usize) -> Vec<usize> {
        let mut spans: Vec<usize> =
            std::iter::successors(Some(leaf), |span| self.0[*span].above.map(|above| above as usize)).collect();
        spans.reverse();
        spans
    }

    fn chain(&self, analysed: &Analysed<'_>, leaf: usize) -> Option<Chain> {
        let mut spans = self.spans(leaf).into_iter().filter(|span| !self.0[*span].is_gateway).peekable();
        let operation = analysed.trace.spans[*spans.peek()?].operation;
        let services = spans.map(|span| analysed.service(span as u32)).take(MAX_LENGTH).collect();
        Some(Chain { services, operation })
    }

    /// Per service of a chain, nanoseconds that it owns of the critical path, and nanoseconds on the way to it: in the
    /// network and in gateways.
    fn times(&self, analysed: &Analysed<'_>, leaf: usize, owned: &[i64]) -> Vec<(i64, i64)> {
        let mut times = Vec::new();
        let mut way = 0;
        for span in self.spans(leaf) {
            let client = analysed.hops.into(span).and_then(|hop| hop.wire.or(hop.client));
            let taken = client.map_or(0, |client| analysed.span(client).duration());
            way += (taken - analysed.trace.spans[span].duration()).max(0);
            if self.0[span].is_gateway {
                way += owned[span];
            } else {
                times.push((owned[span], std::mem::take(&mut way)));
            }
        }
        times.truncate(MAX_LENGTH);
        times
    }
}

/// Per span that serves, nanoseconds of the critical path that it and the spans it works with own.
fn owned_by_serving(analysed: &Analysed<'_>) -> Vec<i64> {
    let mut owned = vec![0; analysed.trace.len()];
    for (span, exclusive) in analysed.paths.exclusive.iter().enumerate() {
        owned[analysed.trace.serving(span)] += exclusive;
    }
    owned
}

impl SyncChain {
    fn count_services(&mut self, analysed: &Analysed<'_>) {
        for (index, span) in analysed.trace.spans.iter().enumerate().filter(|(_, span)| span.kind == Kind::Server) {
            let Some(stats) = self.services.at(minute_of(span.start), analysed.service(index as u32)) else { continue };
            stats.called.count(span.weight);
            let origin = analysed.errors.origins.get(index).copied().flatten();
            if origin.is_some_and(|origin| origin.span == Some(index as u32)) {
                stats.began = stats.began.saturating_add(span.weight);
            }
        }
    }

    fn count(&mut self, analysed: &Analysed<'_>, entry: u32, chain: Chain, times: &[(i64, i64)]) {
        let entry = &analysed.entries[entry as usize];
        let span = analysed.span(entry.span);
        let Some(stats) = self.chains.at(minute_of(span.start), (EntryKey::of(entry), chain)) else { return };
        let weight = i128::from(span.weight);
        stats.seen.count(span.weight);
        stats.priority = stats.priority.saturating_add(entry.priority);
        if span.outcome.is_failure() {
            stats.failed = stats.failed.saturating_add(span.weight);
        }
        // How long a job takes is nobody's wait.
        if span.kind == Kind::Server {
            stats.duration += i128::from(span.duration()) * weight;
            let owned: Vec<i128> = times.iter().map(|(owned, _)| i128::from(*owned) * weight).collect();
            add_each(&mut stats.owned, &owned);
        }
        let network: Vec<i128> = times.iter().map(|(_, way)| i128::from(*way) * weight).collect();
        add_each(&mut stats.network, &network);
        stats.extent.see(span.start, span.end);
        stats.exemplars.see(analysed.trace.id, span.duration(), span.outcome.is_failure());
    }

    /// The chains of one entry operation that matter, each as long as possible.
    fn of_entry(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        entry: &EntryKey,
        chains: &[(&Chain, &ChainStats)],
    ) -> Vec<Candidate> {
        let requests = evaluation.demand.entries.of(window, entry).requests;
        let mut longest_first: Vec<&Chain> = chains.iter().map(|(chain, _)| *chain).collect();
        longest_first.sort_by_key(|chain| (std::cmp::Reverse(chain.services.len()), (*chain).clone()));
        let mut taken: BTreeSet<&Chain> = BTreeSet::new();
        let mut candidates = Vec::new();
        for chain in longest_first {
            if taken.iter().any(|longer| longer.starts_with(chain)) {
                continue;
            }
            let mut stats = ChainStats::default();
            for (_, part) in chains.iter().filter(|(longer, _)| longer.starts_with(chain)) {
                stats.add(part);
            }
            if let Some(candidate) = self.candidate(evaluation, window, *entry, &requests, chain, &stats) {
                taken.insert(chain);
                candidates.push(candidate);
            }
        }
        candidates
    }

    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        entry: EntryKey,
        requests: &Weighted,
        chain: &Chain,
        stats: &ChainStats,
    ) -> Option<Candidate> {
        let depth = chain.services.len() - 1;
        let prevalence = requests.interval(stats.seen.weight);
        let time = stats.time_share();
        let failing = self.failing(window, &chain.services);
        let worst = failing.iter().copied().fold(0.0, f64::max);
        let began: f64 =
            chain.services.iter().skip(1).map(|service| number(self.services.sum(window, service).began)).sum();
        let is_chance = began < FEW_FAILURES;
        let fails = 1.0 - failing.iter().map(|share| 1.0 - share).product::<f64>();
        let is_long = depth >= MIN_DEPTH && stats.exemplars.distinct() >= MIN_TRACES;
        let is_sampled = requests.effective() >= MIN_SAMPLES;
        let holds = |part: f64| {
            let fails_often = !is_chance && fails >= part * MIN_FAILURES.max(TIMES_WORST * worst);
            let matters = time >= part * MIN_TIME || fails_often;
            is_long && is_sampled && prevalence.0 >= part * MIN_PREVALENCE && matters
        };
        if !holds(STAYS) {
            return None;
        }
        let succeeds = 1.0 - stats.seen.share(stats.failed);
        let doubt = 2.0 * (fails * (1.0 - fails) / stats.seen.effective().max(1.0)).sqrt();
        let has_fallback = succeeds > 1.0 - fails + doubt;
        let compounded = if is_chance || has_fallback { 0.0 } else { fails - worst };
        let environment = evaluation.context.service(entry.service).environment;
        let all = evaluation.demand.entries.total(window, evaluation, environment).requests;
        let lost = (stats.mean_wait() + compounded * FAILURE as f64) * all.share(stats.priority);
        let names: Vec<String> = chain.services.iter().map(|service| names::service(evaluation, *service)).collect();
        Some(Candidate {
            kind: FindingKind::SyncChain,
            subkind: None,
            subject: Subject {
                text: names.join(" -> "),
                service: names[0].clone(),
                target: names.last().cloned(),
                operation: names::text(evaluation, chain.operation),
                environment: names::environment(evaluation, entry.service),
            },
            method: Method::Measured,
            harm: Harm::Lost(lost),
            completeness: names::completeness(evaluation, window, &chain.services),
            at_most: Severity::Critical,
            fires: holds(1.0),
            since: stats.extent.first,
            until: stats.extent.last.min(window.to),
            evidence: Evidence {
                measure: depth as f64,
                threshold: MIN_DEPTH as f64,
                samples: requests.effective() as u64,
                details: details(&names, stats, &failing, prevalence, (time, fails), has_fallback),
                examples: stats.exemplars.traces(),
                ..Evidence::default()
            },
            sql: sql::select(
                "time, source, target, operation, requests, failures, sync, blocking, network_sum_ns",
                "edges",
                window,
                &[sql::one_of("source", &names), sql::one_of("target", &names), "blocking > 0".to_owned()],
            ),
            remedy: remedy(&names, stats),
        })
    }

    /// Per service behind the first, the share of the requests to it that fail by its own fault.
    fn failing(&self, window: Window, chain: &[ServiceId]) -> Vec<f64> {
        let share = |service: &ServiceId| {
            let stats = self.services.sum(window, service);
            stats.called.share(stats.began)
        };
        chain.iter().skip(1).map(share).collect()
    }
}

fn details(
    names: &[String],
    stats: &ChainStats,
    failing: &[f64],
    prevalence: (f64, f64),
    (time, fails): (f64, f64),
    has_fallback: bool,
) -> Vec<(&'static str, Value)> {
    let mean_ms = |sum: &i128| *sum as f64 / stats.seen.weight.max(1) as f64 / 1e6;
    let hop = |index: usize| {
        vec![
            ("service", Value::Text(names[index].clone())),
            ("critical_path_ms", Value::Number(stats.owned.get(index).map_or(0.0, mean_ms))),
            ("network_ms", Value::Number(stats.network.get(index).map_or(0.0, mean_ms))),
            ("own_failures", Value::Number(index.checked_sub(1).map_or(0.0, |index| failing[index]))),
        ]
    };
    vec![
        ("prevalence", Value::Number(prevalence.0)),
        ("time_share", Value::Number(time)),
        ("failures", Value::Number(fails)),
        ("has_fallback", Value::Text(has_fallback.to_string())),
        ("hops", Value::Rows((0..names.len()).map(hop).collect())),
    ]
}

fn remedy(names: &[String], stats: &ChainStats) -> String {
    let slowest = stats.owned.iter().enumerate().skip(1).max_by_key(|(index, owned)| (**owned, *index));
    let slowest = slowest.and_then(|(index, _)| names.get(index)).or(names.last()).map_or("", String::as_str);
    format!("Shorten the chain: cache or merge at {slowest}, and make asynchronous what the answer can do without.")
}

#[cfg(test)]
#[path = "sync_chain_tests.rs"]
mod tests;
