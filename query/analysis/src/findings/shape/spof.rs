//! `SPOF`: a service that most requests need and of which there is only one instance.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    graph::Graph,
    redundancy::{Instances, Redundancy},
    seen::{CLOSING, LONG, MAX_KEYS, Seen, Share, candidate, note_overflow, service_subject, sorted},
};
use crate::{
    analysed::{Analysed, Entry, minute_of},
    context::Context,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Method, Value,
        shared::{Additive, EntryKey, PerMinute, Weighted, Window, names, roles::is_gateway, sql},
    },
    hops::Hop,
    paths::Waiting,
    span::ServiceId,
    text::Text,
};

/// Share of the requests that need the service.
const THRESHOLD: f64 = 0.5;
/// Share of the requests whose every way leads through the service, to call it that by structure.
const STRUCTURAL: f64 = 0.8;
/// Failures of the service that it takes to say what they do, and the share of them that fails the request too.
const MIN_FAILURES: u64 = 5;
const FATAL: f64 = 0.5;
/// Minutes in which instances that are there are seen.
const LIVE: i64 = 2;
/// Callers above a failure that are looked through.
const MAX_DEPTH: usize = 64;

/// Who is needed by which requests, and how many instances there are.
#[derive(Debug)]
pub(super) struct Spof {
    needs: PerMinute<(EntryKey, ServiceId), Need>,
    edges: PerMinute<(EntryKey, ServiceId, ServiceId), Site>,
    instances: Instances,
}

/// Requests of an entry operation that wait for a service.
#[derive(Debug, Clone, Default)]
struct Need {
    seen: Seen,
    priority: u64,
    /// Of requests that are said to matter much.
    critical: u64,
    /// Calls in which the service itself failed, and those of them that failed the request too.
    failed: u64,
    fatal: u64,
}

/// The calls of one service to another within the requests of an entry operation.
#[derive(Debug, Clone, Copy, Default)]
struct Site {
    /// Calls in which the callee itself failed, and those of them that no caller could do without.
    failed: u64,
    fatal: u64,
}

impl Site {
    fn is_absorbed(self) -> bool {
        self.failed >= MIN_FAILURES && (self.fatal as f64) < FATAL * self.failed as f64
    }
}

impl Additive for Site {
    fn add(&mut self, other: &Self) {
        self.failed += other.failed;
        self.fatal += other.fatal;
    }
}

impl Additive for Need {
    fn add(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        self.priority = self.priority.saturating_add(other.priority);
        self.critical += other.critical;
        self.failed += other.failed;
        self.fatal += other.fatal;
    }

    fn extra_size(&self) -> usize {
        self.seen.extra_size()
    }
}

impl Spof {
    pub(super) fn new() -> Self {
        Self { needs: PerMinute::new(MAX_KEYS * 4), edges: PerMinute::new(MAX_KEYS * 4), instances: Instances::new() }
    }
}

/// Per span, whether its request waits for it, all the way from the entry.
fn waited_for(analysed: &Analysed<'_>) -> Vec<bool> {
    let mut is_waited_for = vec![true; analysed.trace.len()];
    for span in analysed.trace.order() {
        let Some(parent) = analysed.trace.parent(span) else { continue };
        let hop = analysed.hops.index_into(span).and_then(|hop| analysed.paths.waiting.get(hop));
        is_waited_for[span] = is_waited_for[parent] && hop.is_none_or(|waiting| *waiting != Waiting::Async);
    }
    is_waited_for
}

/// Whether the callee itself failed, rather than somebody behind it.
fn has_failed_itself(analysed: &Analysed<'_>, hop: &Hop) -> bool {
    let server = analysed.hops.servers(hop).last().map(|server| *server as usize);
    let origin = server.and_then(|server| analysed.errors.origins.get(server)?.as_ref());
    hop.outcome.is_failure() && (server.is_none() || origin.is_some_and(|origin| origin.node == hop.callee))
}

/// Whether a call that failed failed all callers above it, up to the entry or to a retry: who tries again needs the answer.
fn is_fatal(analysed: &Analysed<'_>, serving: u32) -> bool {
    let mut serving = serving as usize;
    for _ in 0..MAX_DEPTH {
        if !analysed.trace.spans[serving].outcome.is_failure() {
            return false;
        }
        let above = analysed.hops.index_into(serving).map(|hop| &analysed.hops.hops[hop]);
        match above.and_then(|hop| Some((hop.outcome.is_failure(), hop.parent?))) {
            Some((true, parent)) => serving = parent as usize,
            _ => return true,
        }
    }
    true
}

/// Which entry of a trace, and which service.
type Needed = (u32, ServiceId);

impl Spof {
    /// `failed` are those whose service failed by its own fault: of its failures, these are the examples.
    fn count_needs(&mut self, analysed: &Analysed<'_>, needed: &[Needed], failed: &BTreeSet<Needed>) {
        for (index, service) in needed {
            let entry = &analysed.entries[*index as usize];
            let span = analysed.span(entry.span);
            let Some(need) = self.needs.at(minute_of(span.start), (EntryKey::of(entry), *service)) else { continue };
            need.seen.see_failing(span, failed.contains(&(*index, *service)));
            need.priority = need.priority.saturating_add(entry.priority);
            let criticality = analysed.context.texts.get(analysed.resource(entry.span).criticality);
            need.critical += u64::from(matches!(criticality, "critical" | "high"));
        }
    }
}

impl Detector for Spof {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        self.instances.observe(analysed);
        // What runs by itself (jobs, loops that poll) has nobody who waits.
        let is_asked = |entry: &Entry| {
            !entry.is_fragment && !entry.is_message && analysed.trace.kind(entry.span as usize).serves()
        };
        let is_asked: Vec<bool> = analysed.entries.iter().map(is_asked).collect();
        let is_waited_for = waited_for(analysed);
        let spans = 0..analysed.trace.len() as u32;
        let waited = spans.filter(|span| is_waited_for[*span as usize]);
        let mut needed: Vec<Needed> = Vec::with_capacity(analysed.trace.len());
        for span in waited {
            let one = (analysed.entry_of[span as usize], analysed.service(span));
            // Most spans are next to others of their service.
            if is_asked[one.0 as usize] && needed.last() != Some(&one) {
                needed.push(one);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        let mut failed = BTreeSet::new();
        for hop in &analysed.hops.hops {
            let (Some(serving), Some(callee)) = (hop.parent, analysed.context.node_service(hop.callee)) else {
                continue;
            };
            let entry = analysed.entry_of[serving as usize];
            if !is_waited_for[serving as usize] || !is_asked[entry as usize] {
                continue;
            }
            let has_failed = has_failed_itself(analysed, hop);
            if has_failed {
                failed.insert((entry, callee));
            }
            let place = needed.binary_search(&(entry, callee));
            if let (true, Err(place)) = (has_failed, place) {
                needed.insert(place, (entry, callee));
            }
            let caller = analysed.service(serving);
            if caller != callee && (has_failed || place.is_ok()) {
                let entry = &analysed.entries[entry as usize];
                let minute = minute_of(analysed.span(entry.span).start);
                if let Some(site) = self.edges.at(minute, (EntryKey::of(entry), caller, callee)) {
                    site.failed += u64::from(has_failed);
                    site.fatal += u64::from(has_failed && is_fatal(analysed, serving));
                }
            }
        }
        self.count_needs(analysed, &needed, &failed);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, LONG);
        let overview = Overview::new(self, evaluation.context, window);
        let live = Window::of(evaluation, LIVE);
        let redundancy = self.instances.redundancy(evaluation.context, live);
        let mut candidates = Vec::new();
        for (service, needs) in &overview.by_service {
            let Some(lack) = redundancy.get(service).filter(|redundancy| redundancy.is_lacking()) else { continue };
            let Some(risk) = overview.risk(evaluation, *service, needs) else { continue };
            if is_gateway(evaluation.context, *service) || overview.is_alone(evaluation.context, *service) {
                continue;
            }
            let mut found = risk.candidate(evaluation, window, *service, *lack);
            // Before that there was somebody else.
            let lost = self.instances.last_lost(evaluation.context, *service, window, live).unwrap_or(found.since);
            found.since = found.since.max(lost.min(live.to));
            note_overflow(&mut found, self.needs.overflowed() + self.edges.overflowed());
            candidates.push(found);
        }
        sorted(candidates)
    }

    fn horizon(&self) -> i64 {
        LONG
    }

    fn forget_before(&mut self, minute: i64) {
        self.needs.forget_before(minute);
        self.edges.forget_before(minute);
        self.instances.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.needs.size() + self.edges.size() + self.instances.size()
    }
}

/// What was seen over the window, by service.
struct Overview {
    by_service: BTreeMap<ServiceId, BTreeMap<EntryKey, Need>>,
    entries: BTreeMap<EntryKey, Weighted>,
    /// All requests, by environment.
    all: BTreeMap<Text, Weighted>,
    /// Fixed-point weight of the requests all of whose ways lead through a service.
    structural: BTreeMap<ServiceId, u64>,
}

/// How much depends on a service.
struct Risk {
    need: Need,
    share: Share,
    /// Share of the requests all of whose ways lead through the service.
    structural: f64,
    /// Share of the requests that need it.
    concerned: f64,
    fires: bool,
}

impl Overview {
    fn new(spof: &Spof, context: &Context, window: Window) -> Self {
        let mut by_service: BTreeMap<ServiceId, BTreeMap<EntryKey, Need>> = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for ((entry, service), need) in spof.needs.sums(window) {
            if service == entry.service {
                entries.insert(entry, need.seen.count);
            }
            by_service.entry(service).or_default().insert(entry, need);
        }
        let mut edges: BTreeMap<EntryKey, Vec<(ServiceId, ServiceId)>> = BTreeMap::new();
        // Where every caller can do without the service, the requests do not need it.
        let mut sites: BTreeMap<(EntryKey, ServiceId), Vec<Site>> = BTreeMap::new();
        for ((entry, caller, callee), site) in spof.edges.sums(window) {
            edges.entry(entry).or_default().push((caller, callee));
            sites.entry((entry, callee)).or_default().push(site);
        }
        for ((entry, service), sites) in sites {
            let Some(needs) = by_service.get_mut(&service) else { continue };
            if sites.iter().all(|site| site.is_absorbed()) {
                needs.remove(&entry);
            } else if let Some(need) = needs.get_mut(&entry) {
                let needed = || sites.iter().filter(|site| !site.is_absorbed());
                need.failed += needed().map(|site| site.failed).sum::<u64>();
                need.fatal += needed().map(|site| site.fatal).sum::<u64>();
            }
        }
        let (mut all, mut structural) = (BTreeMap::<Text, Weighted>::new(), BTreeMap::<ServiceId, u64>::new());
        for (entry, count) in &entries {
            all.entry(context.service(entry.service).environment).or_default().add(count);
            let mut services = Graph::new(edges.remove(entry).unwrap_or_default()).on_all_paths(entry.service);
            if services.is_empty() {
                services.push(entry.service);
            }
            for service in services {
                let weight = structural.entry(service).or_default();
                *weight = weight.saturating_add(count.weight);
            }
        }
        Self { by_service, entries, all, structural }
    }

    /// Whether nothing else serves requests in the environment of a service: then its failing takes nothing else along.
    fn is_alone(&self, context: &Context, service: ServiceId) -> bool {
        let environment = |service: ServiceId| context.service(service).environment;
        self.by_service.keys().all(|other| *other == service || environment(*other) != environment(service))
    }

    fn risk(&self, evaluation: &Evaluation<'_>, service: ServiceId, needs: &BTreeMap<EntryKey, Need>) -> Option<Risk> {
        let all = self.all.get(&evaluation.context.service(service).environment)?;
        let structural = self.structural.get(&service).copied().unwrap_or_default();
        let mut need = Need::default();
        needs.values().for_each(|one| need.add(one));
        let overall = need.seen.share_of(all);
        // The share of the requests of an entry operation that matters much, where that is greater.
        let of_critical = needs.iter().filter(|(_, need)| need.critical == need.seen.count.records);
        let of_critical = of_critical.filter_map(|(entry, need)| Some(need.seen.share_of(self.entries.get(entry)?)));
        let share = of_critical.fold(overall, |one, other| if other.interval.0 > one.interval.0 { other } else { one });
        if !share.passes(CLOSING * THRESHOLD) || !need.seen.is_repeated() {
            return None;
        }
        let (concerned, structural) = (all.share(need.priority), all.share(structural));
        Some(Risk { fires: share.passes(THRESHOLD), need, share, structural, concerned })
    }
}

impl Risk {
    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        service: ServiceId,
        redundancy: Redundancy,
    ) -> Candidate {
        let (subkind, method) = if self.need.failed >= MIN_FAILURES {
            ("hard", Method::Measured)
        } else if self.structural >= STRUCTURAL {
            ("structural", Method::Measured)
        } else {
            // Whether its callers could do without is not known before it fails.
            ("potential", Method::Inferred)
        };
        let subject = service_subject(evaluation, service);
        let mut found = candidate(FindingKind::Spof, subject, window, &self.need.seen);
        found.subkind = Some(subkind);
        found.method = method;
        found.fires = self.fires;
        found.harm = Harm::Risk { share: self.concerned, magnitude: redundancy.magnitude() };
        found.completeness = names::completeness(evaluation, window, &[service]);
        found.evidence.measure = self.share.value;
        found.evidence.threshold = THRESHOLD;
        found.evidence.interval = Some(self.share.interval);
        found.evidence.details = vec![
            ("lack", Value::Text(redundancy.as_str().to_owned())),
            ("share_with_all_ways_through_it", Value::Number(self.structural)),
            ("failures_of_its_own", Value::Count(self.need.failed)),
            ("of_them_fatal", Value::Count(self.need.fatal)),
        ];
        found.evidence.caveats.push("Instances that no request reached are not seen.".to_owned());
        found.sql = sql::select(
            "start_time, service_name, service_instance_id, host_name, trace_id",
            "spans",
            window,
            &[sql::equals("service_name", &found.subject.service)],
        );
        found.remedy = match redundancy {
            Redundancy::OneInstance => "Run a second instance, on another host; or let callers do without the answer.",
            _ => "Spread the instances over hosts and zones.",
        }
        .to_owned();
        found
    }
}
