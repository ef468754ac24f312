//! What services work themselves, and whether that takes longer than usual.

use std::collections::BTreeMap;

use super::{HotService, Stress};
use crate::{
    analysed::{Analysed, minute_of},
    findings::{
        Evaluation, Value, magnitude,
        shared::{Additive, Baseline, MAX_WINDOW, MIN_SAMPLES, STAYS, Weighted, Window, median, run_start},
    },
    sketch::Sketch,
    span::ServiceId,
    text::Text,
};

/// The 99th percentile of a service's own work, as a multiple of what is usual and in standard deviations above it.
const SLOWER: f64 = 1.5;
const CRITICAL_SLOWER: f64 = 4.0;
const MIN_DEVIATION: f64 = 4.0;
const MIN_FOR_P99: f64 = 200.0;
/// Minutes in which an operation was there before, so that what it usually takes is known.
const MIN_MINUTES: usize = 4;
/// Less than this, nanoseconds, is within what clocks tell and processors take turns in.
const MIN_SLOWER: f64 = 2e6;

/// What a service itself worked on an operation in one minute.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnWork {
    pub(super) requests: Weighted,
    pub(super) local: Sketch,
}

impl Additive for OwnWork {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.local.merge(&other.local);
    }

    fn extra_size(&self) -> usize {
        self.local.size()
    }
}

/// Per span that serves, nanoseconds in which its service itself worked on it: neither client spans, nor what they wait
/// for, nor pauses before a call is tried again.
pub(super) fn local_times(analysed: &Analysed<'_>) -> Vec<i64> {
    let mut local = vec![0_i64; analysed.trace.len()];
    for (index, _) in analysed.trace.spans.iter().enumerate().filter(|(_, span)| !span.kind.calls()) {
        let serving = analysed.trace.serving(index);
        if analysed.service(index as u32) == analysed.service(serving as u32) {
            local[serving] += analysed.paths.self_time[index];
        }
    }
    for hop in &analysed.hops.hops {
        let Some(parent) = hop.parent else { continue };
        let pauses = analysed.hops.attempts(hop).windows(2).map(|pair| (pair[1].start - pair[0].end).max(0));
        let work = &mut local[parent as usize];
        *work = work.saturating_sub(pauses.sum()).max(0);
    }
    local
}

/// Per span that serves, whether some of what passes for its service's own work may be waiting for a call whose span is
/// lost: a span whose parent is missing ran just then. One such request of a hundred makes the 99th percentile.
pub(super) fn lost_calls(analysed: &Analysed<'_>) -> Vec<bool> {
    let trace = analysed.trace;
    let mut lost = vec![false; trace.len()];
    let time = |span: usize| analysed.paths.adjusted[span];
    let middle = |(start, end): (i64, i64)| start + (end - start) / 2;
    let mut middles: Vec<i64> =
        trace.roots().filter(|root| trace.is_orphan(*root)).map(|root| middle(time(root))).collect();
    if middles.is_empty() {
        return lost;
    }
    middles.sort_unstable();
    let within = |(start, end): (i64, i64)| {
        middles
            .partition_point(|middle| *middle < end)
            .saturating_sub(middles.partition_point(|middle| *middle < start))
    };
    let mut roots: Vec<usize> = (0..trace.len()).collect();
    let mut children: Vec<(i64, i64)> = Vec::new();
    for span in trace.order() {
        roots[span] = trace.parent(span).map_or(span, |parent| roots[parent]);
        let serving = trace.serving(span);
        if trace.kind(span).calls() || analysed.service(span as u32) != analysed.service(serving as u32) {
            continue;
        }
        children.clear();
        children.extend(trace.children(span).map(time));
        children.sort_unstable();
        let (start, end) = time(span);
        // What it is itself a part of is no call of its own.
        let own_root = middle(time(roots[span]));
        let (mut reached, mut count) = (start, 0);
        for (from, to) in children.iter().copied().chain([(end, end)]) {
            let gap = (reached, from.min(end));
            if gap.0 < gap.1 {
                let is_own = trace.is_orphan(roots[span]) && (gap.0..gap.1).contains(&own_root);
                count += within(gap) - usize::from(is_own);
            }
            reached = reached.max(to);
        }
        lost[serving] |= count > 0;
    }
    lost
}

/// The median of the 99th percentiles of stretches of minutes with as many requests as such a percentile needs: that of
/// fewer requests is lower, and what is compared with it would look high.
fn usual_p99(minutes: impl Iterator<Item = OwnWork>) -> Option<f64> {
    let (mut stretch, mut p99s) = (OwnWork::default(), Vec::new());
    for work in minutes {
        stretch.add(&work);
        if stretch.requests.effective() >= MIN_FOR_P99 {
            p99s.extend(stretch.local.quantile(0.99).map(|p99| p99 as f64));
            stretch = OwnWork::default();
        }
    }
    (!p99s.is_empty()).then(|| median(p99s))
}

/// Nanoseconds by which requests from outside wait longer for the service than before `since`, on average.
pub(super) fn slower_by(evaluation: &Evaluation<'_>, service: ServiceId, window: Window, since: i64) -> f64 {
    let environment = evaluation.context.service(service).environment;
    let per_request = |window: Window| {
        let minutes = evaluation.minutes.range(window.from..window.to);
        let paths = minutes.flat_map(|(_, minute)| &minute.paths).filter(|(key, _)| key.service == service);
        let owned: i128 = paths.map(|(_, stats)| stats.exclusive).sum();
        let requests = evaluation.demand.entries.total(window, evaluation, environment).requests;
        (requests.weight > 0).then(|| owned as f64 / requests.weight as f64)
    };
    let before = Window { from: minute_of(since), to: minute_of(since) }.before();
    let usual = before.minutes().filter_map(|minute| per_request(Window::ending(minute, 1)));
    let usual: Vec<f64> = usual.collect();
    match per_request(window) {
        Some(taken) if !usual.is_empty() => (taken - median(usual)).max(0.0),
        _ => 0.0,
    }
}

impl HotService {
    /// Whether the 99th percentile of the service's own work is far above what is usual. What it did not do before has
    /// nothing to be compared with and does not count.
    pub(super) fn slower(&self, evaluation: &Evaluation<'_>, service: ServiceId, stress: &mut Stress) {
        let known = self.known_operations(evaluation.minute, service);
        let of = |window: Window| {
            let mut sum = OwnWork::default();
            for operation in &known {
                sum.add(&self.operations.sum(window, &(service, *operation)));
            }
            sum
        };
        let enough = (1..=MAX_WINDOW)
            .map(|minutes| of(Window::of(evaluation, minutes)))
            .find(|work| work.requests.effective() >= MIN_FOR_P99);
        let Some(work) = enough else { return };
        let q = 0.99;
        let doubt = 1.959_964 * (q * (1.0 - q) / work.requests.effective()).sqrt();
        let Some((p99, low)) = work.local.quantile(q).zip(work.local.quantile(q - doubt)) else { return };
        let at = |minute: i64| {
            let work = of(Window::ending(minute, 1));
            let is_enough = work.requests.effective() >= MIN_SAMPLES;
            work.local.quantile(q).filter(|_| is_enough).map(|p99| p99 as f64)
        };
        let onset = run_start(evaluation.minute, |minute| at(minute).is_some_and(|usual| usual >= 0.75 * p99 as f64));
        let before = Window { from: onset, to: onset }.before();
        let Some(spread) = Baseline::of(before.minutes().filter_map(at)) else { return };
        let Some(usual) = usual_p99(before.minutes().map(|minute| of(Window::ending(minute, 1)))) else { return };
        let baseline = Baseline { median: usual, ..spread };
        let (ratio, deviation) = (baseline.ratio(p99 as f64), baseline.deviation(p99 as f64));
        let holds = |part: f64| {
            ratio - 1.0 >= part * (SLOWER - 1.0)
                && deviation >= part * MIN_DEVIATION
                && p99 as f64 - usual >= part * MIN_SLOWER
                && low as f64 > usual
        };
        if holds(STAYS) {
            let sign = Stress {
                magnitude: magnitude(ratio, SLOWER, CRITICAL_SLOWER),
                measure: p99 as f64 / 1e6,
                threshold: SLOWER * baseline.median / 1e6,
                baseline: Some(baseline.median / 1e6),
                since: Some(onset),
                details: vec![("own_p99_ms", Value::Number(p99 as f64 / 1e6)), ("times_usual", Value::Number(ratio))],
                ..Stress::default()
            };
            stress.add(holds(1.0), sign);
        }
    }

    /// The operations of a service that were there in enough of the minutes before those of the longest window.
    fn known_operations(&self, minute: i64, service: ServiceId) -> Vec<Text> {
        let mut minutes: BTreeMap<Text, usize> = BTreeMap::new();
        for (_, (owner, operation), _) in self.operations.each(Window::ending(minute, MAX_WINDOW).before()) {
            if *owner == service {
                *minutes.entry(*operation).or_default() += 1;
            }
        }
        minutes.into_iter().filter(|(_, minutes)| *minutes >= MIN_MINUTES).map(|(operation, _)| operation).collect()
    }
}
