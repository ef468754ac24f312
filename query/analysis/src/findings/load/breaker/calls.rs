//! Calls of one caller process to one callee, counted finely enough to see a breaker open and close.

use std::collections::BTreeMap;

use spandrel_proto::model::Outcome;

use crate::{
    analysed::{Analysed, MINUTE},
    findings::shared::{Additive, Exemplars, Extent, Lost, Window},
    hops::Attempt,
    span::SpanFlags,
};

/// Nanoseconds of a second and of a tick, in which failures are counted.
pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const TICK: i64 = 100_000_000;
const TICKS_PER_SECOND: i64 = SECOND / TICK;
const SECONDS: usize = 60;
/// Failures are told apart by duration: up to 39 microseconds, up to twice that, and so on; the last has no bound.
const BINS: usize = 11;
const FIRST_BOUND: i64 = 39_062;
/// A call that a breaker refuses takes no longer than this, and no longer than this share of a usual call.
const FAST: i64 = 5_000_000;
const FAST_SHARE: f64 = 0.1;
/// A failure this many bins above the fast ones was not fast: it took at least four times as long.
const SLOW_BINS: usize = 3;
const OCTAVES: usize = 40;

/// Failed calls that began within one tick.
#[derive(Debug, Clone, Copy, Default)]
struct Tick {
    /// The callee handled or answered them.
    reached: u32,
    /// A breaker says that it refused them.
    refused: u32,
    /// Neither, by duration.
    unserved: [u16; BINS],
    /// Of those that say that nobody could be reached.
    unreachable: [u16; BINS],
}

/// Calls of one minute.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    /// Calls that did not fail, per second.
    passed: [u32; SECONDS],
    /// Tick of the minute -> failures.
    failed: BTreeMap<u16, Tick>,
    /// Durations of calls that ended `ok`, by the power of two of their nanoseconds.
    durations: [u32; OCTAVES],
    pub(super) refused: u64,
    /// When calls were refused.
    pub(super) refusals: Extent,
    /// What requests with refused or fast failed calls lost.
    pub(super) lost: Lost,
    pub(super) exemplars: Exemplars,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            passed: [0; SECONDS],
            failed: BTreeMap::new(),
            durations: [0; OCTAVES],
            refused: 0,
            refusals: Extent::default(),
            lost: Lost::default(),
            exemplars: Exemplars::default(),
        }
    }
}

impl Additive for Calls {
    fn add(&mut self, other: &Self) {
        // Only what is asked of several minutes adds up; seconds and ticks belong to one.
        self.refused += other.refused;
        self.refusals.add(&other.refusals);
        self.lost.add(&other.lost);
        self.exemplars.add(&other.exemplars);
        for (sum, count) in self.durations.iter_mut().zip(other.durations) {
            *sum = sum.saturating_add(count);
        }
    }

    fn extra_size(&self) -> usize {
        self.failed.len() * (size_of::<Tick>() + 16) + self.exemplars.extra_size()
    }
}

impl Calls {
    /// Counts a try. Whether it may have been refused without being sent.
    pub(super) fn count(&mut self, analysed: &Analysed<'_>, attempt: &Attempt) -> bool {
        let since = attempt.start.rem_euclid(MINUTE);
        if !attempt.outcome.is_failure() {
            let passed = &mut self.passed[(since / SECOND) as usize];
            *passed = passed.saturating_add(1);
            if attempt.outcome == Outcome::Ok {
                let octave = (attempt.end - attempt.start).max(1).ilog2() as usize;
                let count = &mut self.durations[octave.min(OCTAVES - 1)];
                *count = count.saturating_add(1);
            }
            return false;
        }
        let tick = self.failed.entry((since / TICK) as u16).or_default();
        let bin = bin(attempt.end - attempt.start);
        match fate(analysed, attempt) {
            Fate::Reached => tick.reached += 1,
            Fate::Refused => {
                tick.refused += 1;
                self.refused += 1;
                self.refusals.see(attempt.start, attempt.end);
                return true;
            }
            Fate::Unreachable => tick.unreachable[bin] = tick.unreachable[bin].saturating_add(1),
            Fate::Unserved => {
                tick.unserved[bin] = tick.unserved[bin].saturating_add(1);
                return attempt.end - attempt.start <= FAST;
            }
        }
        false
    }

    /// Whether failures of this minute may be those of an open breaker.
    pub(super) fn is_suspect(&self) -> bool {
        self.failed.values().any(|tick| tick.refused > 0 || tick.unserved.iter().any(|count| *count > 0))
    }

    /// The bin that calls refused by a breaker are at most in, from the calls that ended `ok`.
    pub(super) fn fast_bin(&self) -> Option<usize> {
        let total: u64 = self.durations.iter().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        let octave = self.durations.iter().position(|count| {
            seen += u64::from(*count);
            total > 0 && seen * 2 >= total
        })?;
        let fast = ((1_i64 << octave) as f64 * FAST_SHARE).min(FAST as f64) as i64;
        (0..BINS - 1).rev().find(|bin| bound(*bin) <= fast)
    }
}

enum Fate {
    Reached,
    Refused,
    Unreachable,
    Unserved,
}

fn fate(analysed: &Analysed<'_>, attempt: &Attempt) -> Fate {
    let client = attempt.client.map(|client| analysed.span(client));
    let cause = client.map_or("", |client| analysed.context.texts.get(client.cause)).to_ascii_lowercase();
    let is_refused = client.is_some_and(|client| client.flags.contains(SpanFlags::SHORT_CIRCUITED));
    if attempt.server.is_some() {
        Fate::Reached
    } else if has_any(&cause, &LIMITERS) {
        // A limiter that says no is neither an answer of the callee nor a breaker.
        Fate::Unreachable
    } else if is_refused || has_any(&cause, &BREAKERS) {
        Fate::Refused
    } else if client.is_some_and(|client| client.http_status != 0) {
        Fate::Reached
    } else if attempt.outcome == Outcome::Unreachable {
        Fate::Unreachable
    } else {
        Fate::Unserved
    }
}

/// Parts of the names of errors of rate limiters and bulkheads, and of circuit breakers, in lower case.
const LIMITERS: [&str; 9] = [
    "ratelimit",
    "rate_limit",
    "rate limit",
    "bulkhead",
    "requestnotpermitted",
    "toomanyrequests",
    "semlocked",
    "semaphore",
    "throttl",
];
const BREAKERS: [&str; 6] =
    ["circuitbreaker", "circuit_breaker", "circuit breaker", "brokencircuit", "openstate", "openbreaker"];

/// Whether the name of an error, in lower case, has one of some parts.
fn has_any(cause: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| cause.contains(part))
}

fn bound(bin: usize) -> i64 {
    FIRST_BOUND << bin
}

fn bin(duration: i64) -> usize {
    (0..BINS - 1).find(|bin| duration <= bound(*bin)).unwrap_or(BINS - 1)
}

/// How the calls that began within a tick or second went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Went {
    /// Refused, or failed too fast to have been sent.
    pub(super) fast: f64,
    pub(super) attempted: f64,
    /// Attempted, and failed after the callee was reached or after a while.
    pub(super) failed: f64,
}

impl Went {
    pub(super) fn add(&mut self, other: Went) {
        self.fast += other.fast;
        self.attempted += other.attempted;
        self.failed += other.failed;
    }

    pub(super) fn calls(&self) -> f64 {
        self.fast + self.attempted
    }

    pub(super) fn fast_share(&self) -> f64 {
        if self.calls() > 0.0 { self.fast / self.calls() } else { 0.0 }
    }
}

/// How calls went, tick by tick over a window. Calls that passed are spread over their second.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) from: i64,
    pub(super) ticks: Vec<Went>,
}

impl Timeline {
    pub(super) fn of<'c>(window: Window, fast_bin: usize, minutes: impl Iterator<Item = (i64, &'c Calls)>) -> Timeline {
        let mut ticks = vec![Went::default(); ((window.to - window.from) / TICK) as usize];
        for (minute, calls) in minutes {
            let first = ((minute - window.from) / TICK) as usize;
            for (second, passed) in calls.passed.iter().enumerate() {
                let start = first + second * TICKS_PER_SECOND as usize;
                for tick in &mut ticks[start..start + TICKS_PER_SECOND as usize] {
                    tick.attempted += f64::from(*passed) / TICKS_PER_SECOND as f64;
                }
            }
            for (index, tick) in &calls.failed {
                ticks[first + usize::from(*index)].add(tick.went(fast_bin));
            }
        }
        Timeline { from: window.from, ticks }
    }

    /// Calls of the ticks `[from, to)`.
    pub(super) fn sum(&self, from: usize, to: usize) -> Went {
        let mut sum = Went::default();
        for went in &self.ticks[from.min(self.ticks.len())..to.min(self.ticks.len())] {
            sum.add(*went);
        }
        sum
    }
}

impl Tick {
    fn went(&self, fast_bin: usize) -> Went {
        let sum = |bins: &[u16]| bins.iter().map(|count| f64::from(*count)).sum::<f64>();
        let slow_from = (fast_bin + SLOW_BINS).min(BINS - 1);
        let fast = sum(&self.unserved[..=fast_bin]);
        let reached = f64::from(self.reached);
        Went {
            fast: fast + f64::from(self.refused),
            attempted: reached + sum(&self.unserved) - fast + sum(&self.unreachable),
            failed: reached + sum(&self.unserved[slow_from..]) + sum(&self.unreachable[slow_from..]),
        }
    }
}

/// Whether calls were made before `first`, and in a fifth of the seconds of the `open` times at most.
pub(super) fn stopped(timeline: &Timeline, first: i64, open: &[(i64, i64)]) -> bool {
    const MIN_CALLS_BEFORE: f64 = 30.0;
    const MAX_SHARE: f64 = 0.2;
    const BEFORE: i64 = 60 * SECOND;
    let tick = |time: i64| ((time - timeline.from).max(0) / TICK) as usize;
    if timeline.sum(tick(first - BEFORE), tick(first)).calls() < MIN_CALLS_BEFORE {
        return false;
    }
    let (mut seconds, mut with_calls) = (0, 0);
    for (from, to) in open.iter().map(|(from, to)| (tick(*from), tick(*to).min(timeline.ticks.len()))) {
        for start in (from..to).step_by((SECOND / TICK) as usize) {
            seconds += 1;
            with_calls += usize::from(timeline.sum(start, start + (SECOND / TICK) as usize).calls() > 0.0);
        }
    }
    seconds > 0 && with_calls as f64 <= MAX_SHARE * seconds as f64
}
