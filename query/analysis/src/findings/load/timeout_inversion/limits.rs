//! How long callers wait: what they say, and how long the calls took that they gave up.

use std::{cmp::Ordering, collections::BTreeSet};

use super::gave_up;
use crate::{
    analysed::Analysed,
    findings::shared::{Additive, Exemplars, Extent, Lost, Weighted},
    hops::{Attempt, Hop},
    paths::drag,
    sketch::Sketch,
};
use spandrel_proto::model::Outcome;

/// How many durations are kept; which ones depends on their traces only.
const SAMPLES: usize = 64;
/// Given up calls that a timeout is told from, and how far apart their quartiles may be, as a share of the median.
const MIN_GIVEN_UP: usize = 5;
const MAX_SPREAD: f64 = 0.05;
/// A callee that ends this much after its caller gave up had to be waited for longer, nanoseconds.
const TOLERANCE: i64 = 1_000_000;
/// What coarse clocks count in, nanoseconds.
const COARSE: i64 = 1_000_000;

/// Durations in nanoseconds of some of many calls: those whose trace and span have the smallest hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sample(BTreeSet<(u64, i64)>);

impl Sample {
    fn see(&mut self, trace: u128, span: u64, duration: i64) {
        let hash = (trace as u64 ^ (trace >> 64) as u64 ^ span.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.keep((hash ^ (hash >> 32), duration));
    }

    fn keep(&mut self, one: (u64, i64)) {
        if self.0.len() >= SAMPLES && self.0.last().is_some_and(|last| *last < one) {
            return;
        }
        self.0.insert(one);
        if self.0.len() > SAMPLES {
            self.0.pop_last();
        }
    }

    fn add(&mut self, other: &Sample) {
        other.0.iter().for_each(|one| self.keep(*one));
    }

    /// The value at a share of the sorted values.
    fn at(&self, share: f64) -> Option<i64> {
        let mut sorted: Vec<i64> = self.0.iter().map(|(_, duration)| *duration).collect();
        sorted.sort_unstable();
        sorted.get((share * (sorted.len().max(1) - 1) as f64).round() as usize).copied()
    }

    fn median(&self) -> Option<i64> {
        self.at(0.5)
    }
}

/// Calls of one operation over one edge.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    pub(super) calls: Weighted,
    /// Fixed-point weights of calls that were given up, and of those that the callee took too long for.
    pub(super) timed_out: u64,
    pub(super) exceeded: u64,
    /// What requests from outside lost by those.
    pub(super) lost: Lost,
    /// The longest call, nanoseconds.
    pub(super) longest: i64,
    /// When calls were made.
    pub(super) made: Extent,
    pub(super) durations: Sketch,
    deadlines: Sample,
    given_up: Sample,
    /// Of calls that the callee took too long for.
    pub(super) extent: Extent,
    pub(super) exemplars: Exemplars,
}

impl Additive for Limits {
    fn add(&mut self, other: &Self) {
        self.calls.add(&other.calls);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
        self.exceeded = self.exceeded.saturating_add(other.exceeded);
        self.lost.add(&other.lost);
        self.longest = self.longest.max(other.longest);
        self.made.add(&other.made);
        self.durations.merge(&other.durations);
        self.deadlines.add(&other.deadlines);
        self.given_up.add(&other.given_up);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.durations.size() + (self.deadlines.0.len() + self.given_up.0.len()) * 32 + self.exemplars.extra_size()
    }
}

impl Limits {
    /// Counts a call. If the callee took too long for it, nanoseconds that were waited for it, as long as there are `drags`
    /// left to be told.
    pub(super) fn count(&mut self, analysed: &Analysed<'_>, hop: &Hop, drags: &mut usize) -> Option<i64> {
        let mut waited = None;
        for attempt in analysed.hops.attempts(hop) {
            let Some(index) = attempt.client else { continue };
            let client = analysed.span(index);
            let (duration, weight) = (attempt.end - attempt.start, client.weight);
            self.calls.count(weight);
            self.longest = self.longest.max(duration);
            self.made.see(attempt.start, attempt.end);
            self.durations.record(duration.unsigned_abs(), 1);
            let deadline = i64::from(client.deadline_ms) * 1_000_000;
            if deadline > 0 {
                self.deadlines.see(analysed.trace.id, client.span_id, deadline);
            }
            // An error page of something in between says 504 too, and after its own time.
            let is_given_up = gave_up(attempt.outcome) && client.http_status == 0;
            if is_given_up {
                self.timed_out = self.timed_out.saturating_add(weight);
                self.given_up.see(analysed.trace.id, client.span_id, duration);
            }
            let took = attempt.server.map_or(0, |server| analysed.span(server).duration());
            let had = if deadline > 0 { deadline } else { duration.saturating_add(TOLERANCE) };
            let is_exceeded = if deadline > 0 { took > had } else { is_given_up && took > had };
            let is_exceeded = is_exceeded || (is_given_up && gave_up_too(analysed, attempt));
            if is_exceeded {
                self.exceeded = self.exceeded.saturating_add(weight);
                self.extent.see(attempt.start, attempt.end);
                self.exemplars.see(analysed.trace.id, took, true);
                let drag = if *drags > 0 { drag(analysed.trace, analysed.paths, index as usize) } else { 0 };
                *drags = drags.saturating_sub(1);
                waited = Some(waited.map_or(drag, |sum: i64| sum.saturating_add(drag)));
            }
        }
        waited
    }

    /// How long callers wait, nanoseconds, and whether they say so.
    pub(super) fn timeout(&self) -> Option<(i64, bool)> {
        if let Some(deadline) = self.deadlines.median() {
            return Some((deadline, true));
        }
        let median = self.given_up.median()?;
        let spread = self.given_up.at(0.75)? - self.given_up.at(0.25)?;
        let is_sharp = self.given_up.0.len() >= MIN_GIVEN_UP && spread as f64 <= MAX_SPREAD * median as f64;
        is_sharp.then_some((median, false))
    }
}

/// Whether the callee itself gave up, and not before its caller: they had one deadline. A callee that gave up for a reason
/// of its own answers before.
fn gave_up_too(analysed: &Analysed<'_>, attempt: &Attempt) -> bool {
    let (Some(client), Some(server)) = (attempt.client, attempt.server) else { return false };
    let adjusted = &analysed.paths.adjusted;
    // Clocks of whole milliseconds do not tell which of two was first if they are as near as that.
    let is_coarse = [client, server].iter().all(|span| analysed.span(*span).end % COARSE == 0);
    let later = if is_coarse { 2 * COARSE } else { 0 };
    matches!(analysed.span(server).outcome, Outcome::Timeout | Outcome::Cancelled)
        && adjusted[server as usize].1 >= adjusted[client as usize].1.saturating_add(later)
}

/// A call that a service makes in the name of one that it answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    pub(super) calls: Weighted,
    /// The most tries of one call.
    pub(super) attempts: u32,
    /// Nanoseconds from the beginning of the outer call to that of the inner one.
    offsets: Sample,
    /// Nanoseconds between tries: of how many calls with the most tries, and their sum.
    pauses: (u64, i128),
    pub(super) extent: Extent,
    pub(super) exemplars: Exemplars,
}

impl Additive for Pair {
    fn add(&mut self, other: &Self) {
        self.calls.add(&other.calls);
        self.offsets.add(&other.offsets);
        self.add_pauses(other.attempts, other.pauses);
        self.extent.add(&other.extent);
        self.exemplars.add(&other.exemplars);
    }

    fn extra_size(&self) -> usize {
        self.offsets.0.len() * 32 + self.exemplars.extra_size()
    }
}

impl Pair {
    pub(super) fn count(&mut self, analysed: &Analysed<'_>, outer: &Hop, inner: &Hop) {
        let adjusted = &analysed.paths.adjusted;
        let (Some(outer_client), Some(inner_client)) = (outer.client, inner.client) else { return };
        let offset = adjusted[inner_client as usize].0 - adjusted[outer_client as usize].0;
        let tries = analysed.hops.attempts(inner);
        let pauses = tries.windows(2).map(|pair| i128::from((pair[1].start - pair[0].end).max(0))).sum();
        self.calls.count(inner.weight);
        self.add_pauses(tries.len() as u32, (1, pauses));
        self.offsets.see(analysed.trace.id, analysed.span(inner_client).span_id, offset.max(0));
        self.extent.see(outer.start, outer.end);
        self.exemplars.see(analysed.trace.id, outer.duration(), outer.outcome.is_failure());
    }

    fn add_pauses(&mut self, attempts: u32, pauses: (u64, i128)) {
        match attempts.cmp(&self.attempts) {
            Ordering::Less => {}
            Ordering::Equal => self.pauses = (self.pauses.0 + pauses.0, self.pauses.1 + pauses.1),
            Ordering::Greater => (self.attempts, self.pauses) = (attempts, pauses),
        }
    }

    pub(super) fn median_offset(&self) -> Option<i64> {
        self.offsets.median()
    }

    /// Nanoseconds that the calls with the most tries paused.
    pub(super) fn mean_pauses(&self) -> f64 {
        self.pauses.1 as f64 / self.pauses.0.max(1) as f64
    }
}
