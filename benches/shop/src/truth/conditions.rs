//! Which conditions of ANALYSIS held while a scenario ran, from what the simulation counted.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    MINUTE, Truth,
    flows::{WasteFacts, node_name},
    minute_of,
    tables::{FindingKind, FindingTruth},
};
use crate::{
    engine::{EdgeKind, EntryEnded},
    outcome::Outcome,
    topology::{OperationId, ServiceId},
};

/// The name of what is usual, which no scenario has.
const USUAL: &str = "usual";

/// A condition that a scenario is made to bring about, or nearly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// What is wrong.
    pub kind: FindingKind,
    /// The subject's service, or the host name of a database.
    pub service: String,
    /// The other end.
    pub target: Option<String>,
    /// The subject's operation.
    pub operation: Option<String>,
}

/// A scenario that runs for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub scenario: String,
    /// When it runs, nanoseconds since the Unix epoch.
    pub during: Range<i64>,
    /// Whether it stays below the threshold.
    pub near_miss: bool,
    /// What it brings about.
    pub expected: Vec<Expectation>,
    /// What follows from how it is built, besides.
    pub side_effects: Vec<Expectation>,
}

impl Plan {
    /// What the system is like from its beginning at this time on, whatever else runs.
    pub fn usual(start: i64, expected: Vec<Expectation>, side_effects: Vec<Expectation>) -> Self {
        let scenario = USUAL.to_owned();
        Self { scenario, during: start..i64::MAX, near_miss: false, expected, side_effects }
    }

    fn is_usual(&self) -> bool {
        self.scenario == USUAL
    }
}

impl Expectation {
    fn subject(&self) -> Subject {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        (self.kind, Arc::from(self.service.as_str()), text(&self.target), text(&self.operation))
    }
}

/// Kinds that follow from what happened rather than from what is configured: they are only true if it did happen.
const OF_EVENTS: [FindingKind; 7] = [
    FindingKind::Breaker,
    FindingKind::Cascade,
    FindingKind::HiddenErrors,
    FindingKind::RetryAmplification,
    FindingKind::RetryStorm,
    FindingKind::TimeoutInversion,
    FindingKind::WastedWork,
];

/// Of the conditions that a plan's scenario brought about besides what it is made for, those that surely are to be found: that
/// followed from what happened, or from how the scenario is built. That much depends on a service is no condition by itself.
pub fn effects<'a>(plan: &'a Plan, findings: &'a [FindingTruth]) -> impl Iterator<Item = &'a FindingTruth> {
    let is_of_plan = |finding: &&FindingTruth| {
        finding.side_effect
            && finding.scenario == plan.scenario
            && finding.from_unix_nano < plan.during.end
            && finding.to_unix_nano > plan.during.start
    };
    let is_built = |finding: &FindingTruth| {
        let is_same = |effect: &Expectation| effect.kind == finding.kind && effect.service == finding.service;
        finding.kind == FindingKind::HotService && plan.side_effects.iter().any(is_same)
    };
    findings.iter().filter(is_of_plan).filter(move |finding| OF_EVENTS.contains(&finding.kind) || is_built(finding))
}

/// The longest time over which a condition that comes and goes is judged, minutes.
const MAX_WINDOW: i64 = 5;

/// What identifies a finding: its kind, service, target and operation.
type Subject = (FindingKind, Arc<str>, Option<Arc<str>>, Option<Arc<str>>);

impl Truth {
    /// All conditions, in order of their beginning.
    pub fn findings(&self) -> Vec<FindingTruth> {
        let mut findings: Vec<FindingTruth> = self.plans.iter().flat_map(|plan| self.findings_of(plan)).collect();
        findings.sort();
        findings.sort_by_key(|finding| finding.from_unix_nano);
        findings
    }

    fn findings_of(&self, plan: &Plan) -> Vec<FindingTruth> {
        let during = plan.during.start..plan.during.end.min(self.flows.latest());
        if during.is_empty() {
            // It is still to come.
            return Vec::new();
        }
        let mut happened = if plan.is_usual() {
            let prominent = self.prominent(&Window::within(&during));
            prominent.into_iter().map(|subject| (subject, during.clone())).collect()
        } else {
            self.happened(&during)
        };
        let briefly = if plan.is_usual() { BTreeMap::new() } else { self.happened_briefly(&during) };
        let is_new = |subject: &Subject| {
            !happened.contains_key(subject) && !plan.expected.iter().any(|expected| expected.subject() == *subject)
        };
        let briefly: Vec<_> = briefly.into_iter().filter(|(subject, _)| is_new(subject)).collect();
        let mut findings = Vec::new();
        let mut push = |subject: Subject, during: Range<i64>, near_miss, side_effect| {
            let (kind, service, target, operation) = subject;
            findings.push(FindingTruth {
                kind,
                service: service.to_string(),
                target: target.map(|target| target.to_string()),
                operation: operation.map(|operation| operation.to_string()),
                from_unix_nano: during.start,
                to_unix_nano: during.end,
                near_miss,
                side_effect,
                scenario: plan.scenario.clone(),
            });
        };
        for expected in &plan.expected {
            let subject = expected.subject();
            let real = happened.remove(&subject);
            match real {
                // What was meant to stay below the threshold did not, by chance: then it is a finding.
                Some(real) => push(subject, real, false, plan.near_miss),
                None if plan.near_miss || !OF_EVENTS.contains(&expected.kind) => {
                    let is_slight = !plan.near_miss && self.is_slight(expected, &Window::within(&during));
                    push(subject, during.clone(), plan.near_miss, is_slight);
                }
                None => {}
            }
        }
        let built = plan.side_effects.iter().map(|effect| (effect.subject(), during.clone()));
        let built: BTreeMap<Subject, Range<i64>> =
            built.filter(|(subject, _)| !happened.contains_key(subject)).collect();
        for (subject, real) in happened.into_iter().chain(briefly).chain(built) {
            push(subject, real, false, true);
        }
        findings
    }

    /// Whether a condition that a scenario builds lacks what the rule asks for besides, which depends on where it is built: an
    /// orchestrator owns a tenth of the time of all requests. It is right to find it nearly there, and no fault not to.
    fn is_slight(&self, expected: &Expectation, window: &Window) -> bool {
        let time = self.time_by_service(window);
        let own = time.get(expected.service.as_str()).copied().unwrap_or_default();
        expected.kind == FindingKind::GodGateway && own * 10 < time.values().sum::<i64>()
    }

    /// Nanoseconds of requests from outside that services own.
    fn time_by_service(&self, window: &Window) -> BTreeMap<&str, i64> {
        let mut time = BTreeMap::new();
        let entries = self.flows.entries.iter().filter(|entry| window.contains(minute_of(entry.start)));
        for (service, nanos) in entries.flat_map(|entry| &entry.shares) {
            *time.entry(&*self.topology.service(*service).name).or_default() += nanos;
        }
        time
    }

    /// What held in a stretch of time, judged by its full minutes.
    fn happened(&self, during: &Range<i64>) -> BTreeMap<Subject, Range<i64>> {
        let mut happened = BTreeMap::new();
        for (edge, span) in self.flows.open_between(&self.topology, (during.start, during.end)) {
            let (service, target) = edge;
            happened.insert((FindingKind::Breaker, service, Some(target), None), span.0..span.1);
        }
        let window = Window::within(during);
        let mut subjects = Vec::new();
        self.edges_amiss(&window, &mut subjects);
        self.entries_amiss(&window, &mut subjects);
        self.services_amiss(&window, &mut subjects);
        subjects.extend(self.prominent(&window));
        happened.extend(subjects.into_iter().map(|subject| (subject, during.clone())));
        happened
    }

    /// What held for services and requests from outside over some minutes, one to five in a row, the last of which is in a
    /// stretch of time; and from the first of these to the last, as far as they are in it: a breaker that opens, say, ends
    /// what it began with. Rules look back over minutes before the stretch too.
    fn happened_briefly(&self, during: &Range<i64>) -> BTreeMap<Subject, Range<i64>> {
        let Range { start, end } = Window::touching(during).0;
        let mut happened: BTreeMap<Subject, Range<i64>> = BTreeMap::new();
        for to in (start..end).step_by(MINUTE as usize).map(|minute| minute + MINUTE) {
            let starts = (1..=MAX_WINDOW).map(|minutes| to - minutes * MINUTE);
            for from in starts.take_while(|from| *from >= start || self.is_quiet(*from)) {
                let mut subjects = Vec::new();
                self.entries_amiss(&Window(from..to), &mut subjects);
                self.services_amiss(&Window(from..to), &mut subjects);
                for subject in subjects {
                    let (from, to) = (from.max(start), to.min(end));
                    let known = happened.entry(subject).or_insert(from..to);
                    *known = known.start.min(from)..known.end.max(to);
                }
            }
        }
        happened
    }

    fn is_quiet(&self, minute: i64) -> bool {
        let during = |plan: &Plan| minute < plan.during.end + MINUTE && minute + MINUTE > plan.during.start;
        !self.plans.iter().any(|plan| !plan.is_usual() && during(plan))
    }

    fn edges_amiss(&self, window: &Window, subjects: &mut Vec<Subject>) {
        let mut edges: BTreeMap<(&Arc<str>, &Arc<str>), EdgeSums> = BTreeMap::new();
        for ((minute, source, target, kind), counts) in &self.edges {
            if *kind != EdgeKind::Sync {
                continue;
            }
            let sums = edges.entry((source, target)).or_default();
            if window.contains(*minute) {
                sums.requests += counts.requests;
                sums.attempts += counts.attempts;
                sums.failures += counts.failures;
                sums.timeouts += counts.timeouts;
            } else if self.is_quiet(*minute) {
                sums.quiet_minutes += 1;
                sums.quiet_attempts += counts.attempts;
                sums.quiet_successes += counts.requests - counts.failures;
            }
        }
        for ((source, target), sums) in edges {
            let subject = |kind| (kind, Arc::clone(source), Some(Arc::clone(target)), None);
            let amplification = sums.attempts as f64 / sums.requests.max(1) as f64;
            if sums.requests >= 100 && amplification >= 1.2 {
                subjects.push(subject(FindingKind::RetryAmplification));
            }
            if sums.requests >= 100 && amplification >= 1.5 && sums.is_storm(window.minutes()) {
                subjects.push(subject(FindingKind::RetryStorm));
            }
            if sums.timeouts >= 5 && sums.timeouts * 100 >= sums.attempts {
                subjects.push(subject(FindingKind::TimeoutInversion));
            }
        }
    }

    fn entries_amiss(&self, window: &Window, subjects: &mut Vec<Subject>) {
        let mut entries: BTreeMap<OperationId, Vec<&EntryEnded>> = BTreeMap::new();
        let mut quiet: BTreeMap<OperationId, (u64, u64)> = BTreeMap::new();
        for entry in &self.flows.entries {
            let minute = minute_of(entry.start);
            if window.contains(minute) {
                entries.entry(entry.operation).or_default().push(entry);
            } else if self.is_quiet(minute) {
                let (failed, all) = quiet.entry(entry.operation).or_default();
                *failed += u64::from(is_failure(entry));
                *all += 1;
            }
        }
        for (operation, entries) in entries {
            let name = Arc::clone(&self.topology.operation(operation).name);
            let service = Arc::clone(&self.topology.service(self.topology.operation(operation).service).name);
            let (failed, all) = quiet.get(&operation).copied().unwrap_or_default();
            let usual = if all == 0 { 0.0 } else { failed as f64 / all as f64 };
            if let Some(origin) = self.cascade_in(&entries, usual) {
                subjects.push((FindingKind::Cascade, origin, Some(Arc::clone(&service)), Some(Arc::clone(&name))));
            }
            if hides_errors(&entries) {
                subjects.push((FindingKind::HiddenErrors, service, None, Some(name)));
            }
        }
    }

    /// The node that most failures of these requests began with, if they are many and come from afar.
    fn cascade_in(&self, entries: &[&EntryEnded], usual: f64) -> Option<Arc<str>> {
        let failed: Vec<&&EntryEnded> = entries.iter().filter(|entry| is_failure(entry)).collect();
        let share = wilson_lower(failed.len(), entries.len());
        if entries.len() < 30 || failed.len() < 5 || share <= (3.0 * usual).max(0.01) {
            return None;
        }
        let mut origins: BTreeMap<(crate::engine::Node, String, Outcome), Vec<u32>> = BTreeMap::new();
        for origin in failed.iter().filter_map(|entry| entry.origin) {
            let key = (origin.node, super::flows::asked(&self.topology, origin), origin.outcome);
            origins.entry(key).or_default().push(origin.hops);
        }
        let ((node, ..), mut hops) = origins.into_iter().max_by_key(|(_, hops)| hops.len())?;
        hops.sort_unstable();
        let explains = hops.len() * 2 >= failed.len();
        (explains && hops[hops.len() / 2] >= 2).then(|| node_name(&self.topology, node))
    }

    fn services_amiss(&self, window: &Window, subjects: &mut Vec<Subject>) {
        let mut waste: BTreeMap<ServiceId, WasteFacts> = BTreeMap::new();
        for ((minute, service), facts) in &self.flows.waste {
            if window.contains(*minute) {
                let sums = waste.entry(*service).or_default();
                sums.wasted += facts.wasted;
                sums.busy += facts.busy;
                sums.database_wasted += facts.database_wasted;
                sums.database += facts.database;
            }
        }
        for (service, WasteFacts { wasted, busy, database_wasted, database }) in waste {
            let is_processor = wasted >= window.minutes() as i64 * MINUTE;
            let is_database = database > 0 && database_wasted * 5 >= database;
            if wasted * 20 >= busy && (is_processor || is_database) {
                let name = Arc::clone(&self.topology.service(service).name);
                subjects.push((FindingKind::WastedWork, name, None, None));
            }
        }
    }

    /// Services that much of the time, or of the requests, goes to. Whoever is asked from outside does not count.
    fn prominent(&self, window: &Window) -> Vec<Subject> {
        let time = self.time_by_service(window);
        let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
        for ((minute, service, _), counts) in &self.operations {
            if window.contains(*minute) {
                *requests.entry(service).or_default() += counts.durations.len() as u64;
            }
        }
        let total: i64 = time.values().sum();
        let mut sorted: Vec<u64> = requests.values().copied().collect();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let top = sorted.get(sorted.len().saturating_sub(1 + sorted.len() / 10)).copied().unwrap_or_default();
        let mut prominent = Vec::new();
        for (name, count) in requests {
            let asked_from_outside =
                self.topology.entries().iter().any(|entry| {
                    &*self.topology.service(self.topology.operation(entry.operation).service).name == name
                });
            let much_time = time.get(name).is_some_and(|nanos| nanos * 5 >= total);
            let much_asked = count >= 3 * median && count >= top;
            if !asked_from_outside && (much_time || much_asked) {
                prominent.push((FindingKind::HotService, Arc::from(name), None, None));
            }
        }
        prominent
    }
}

/// The full minutes of a stretch of time; all that it touches if there is none.
struct Window(Range<i64>);

impl Window {
    fn within(during: &Range<i64>) -> Self {
        let (first, last) = (minute_of(during.start + MINUTE - 1), minute_of(during.end));
        if first < last { Self(first..last) } else { Self::touching(during) }
    }

    /// All minutes that a stretch of time touches.
    fn touching(during: &Range<i64>) -> Self {
        Self(minute_of(during.start)..minute_of(during.end - 1) + MINUTE)
    }

    fn contains(&self, minute: i64) -> bool {
        self.0.contains(&minute)
    }

    fn minutes(&self) -> u64 {
        ((self.0.end - self.0.start) / MINUTE) as u64
    }
}

#[derive(Default)]
struct EdgeSums {
    requests: u64,
    attempts: u64,
    failures: u64,
    timeouts: u64,
    quiet_minutes: u64,
    quiet_attempts: u64,
    quiet_successes: u64,
}

impl EdgeSums {
    /// Whether many attempts fail, and there are more of them and fewer successes than usual.
    fn is_storm(&self, minutes: u64) -> bool {
        let failed_attempts = self.attempts - self.requests + self.failures;
        let often_fails = failed_attempts * 5 >= self.attempts;
        if self.quiet_minutes == 0 {
            return often_fails;
        }
        let usual = |count: u64| count as f64 / self.quiet_minutes as f64 * minutes as f64;
        let more = self.attempts as f64 >= 1.3 * usual(self.quiet_attempts);
        let less = (self.requests - self.failures) as f64 <= 0.9 * usual(self.quiet_successes);
        often_fails && more && less
    }
}

fn is_failure(entry: &EntryEnded) -> bool {
    Outcome::of(entry.fault).is_failure()
}

/// Whether many successful requests hide failures that cost them time.
fn hides_errors(entries: &[&EntryEnded]) -> bool {
    let mut durations: Vec<i64> = entries.iter().map(|entry| entry.end - entry.start).collect();
    durations.sort_unstable();
    let p95 = durations.get(durations.len() * 95 / 100).copied().unwrap_or_default();
    let ok: Vec<&&EntryEnded> = entries.iter().filter(|entry| entry.fault.is_none()).collect();
    let hiding: Vec<&&EntryEnded> = ok.iter().copied().filter(|entry| entry.absorbed > 0).collect();
    let drag: i64 = hiding.iter().map(|entry| entry.drag).sum();
    ok.len() >= 100
        && wilson_lower(hiding.len(), ok.len()) >= 0.05
        && drag * 20 >= p95.saturating_mul(hiding.len() as i64)
}

/// The lower end of the range that a share lies in with 95 %, by Wilson.
pub(super) fn wilson_lower(part: usize, all: usize) -> f64 {
    if all == 0 {
        return 0.0;
    }
    const Z: f64 = 1.96;
    let (n, share) = (all as f64, part as f64 / all as f64);
    let middle = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - spread) / (1.0 + Z * Z / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::wilson_lower;

    #[test]
    fn shares_of_few_are_uncertain() {
        for (part, all, lower) in [(0, 0, 0.0), (5, 10, 0.2366), (50, 100, 0.4038), (0, 10, 0.0)] {
            assert!((wilson_lower(part, all) - lower).abs() < 1e-3, "{part} of {all}");
        }
    }
}
