//! Latency percentiles that merge exactly.
//!
//! Up to [`EXACT_VALUES`] values a sketch is the values themselves; beyond, it is an HdrHistogram of nanoseconds with
//! two significant digits, whose buckets are at most 0.8 % wide. Which of the two it is depends only on how many values
//! went in, so merging is associative and commutative: the same values give the same bytes in whatever order and
//! however split.
//!
//! Values can be taken away again. Twice as many exact values are kept in memory as are told, so that a sketch from
//! which a few are taken away becomes exact again; one that had more values than that stays a histogram until it is
//! empty.

mod buckets;
mod codec;

use std::{borrow::Cow, sync::LazyLock};

use hdrhistogram::Histogram;

use self::buckets::Buckets;
pub use codec::SketchError;

/// Sketches of up to this many values are exact.
pub const EXACT_VALUES: usize = 128;

/// Up to this many values are kept, in case that some are taken away.
const KEPT_VALUES: usize = 2 * EXACT_VALUES;

const SIGNIFICANT_DIGITS: u8 = 2;
/// Nanoseconds.
const MAX_DURATION: u64 = i64::MAX as u64;

/// Durations with counts. Two are equal if their bytes are.
#[derive(Debug, Clone)]
pub struct Sketch {
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// (nanoseconds, count), in order of arrival.
    Exact(Vec<(u64, u64)>),
    Buckets(Buckets),
}

impl Default for Sketch {
    fn default() -> Self {
        Self { state: State::Exact(Vec::new()) }
    }
}

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Sketch {
    /// Adds a duration that stands for `count` equal ones.
    pub fn record(&mut self, duration_ns: u64, count: u64) {
        if count == 0 {
            return;
        }
        match &mut self.state {
            State::Exact(values) if values.len() < KEPT_VALUES => values.push((duration_ns, count)),
            State::Exact(_) => self.buckets().add(duration_ns.min(MAX_DURATION), count),
            State::Buckets(buckets) => buckets.add(duration_ns.min(MAX_DURATION), count),
        }
    }

    /// Takes away what was recorded with the same duration and count before.
    pub fn remove(&mut self, duration_ns: u64, count: u64) {
        match &mut self.state {
            State::Exact(values) => {
                if let Some(index) = values.iter().rposition(|value| *value == (duration_ns, count)) {
                    values.swap_remove(index);
                }
            }
            State::Buckets(buckets) => {
                buckets.remove(duration_ns.min(MAX_DURATION), count);
                if buckets.is_empty() {
                    *self = Self::default();
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.state {
            State::Exact(values) => values.is_empty(),
            State::Buckets(buckets) => buckets.is_empty(),
        }
    }

    pub fn merge(&mut self, other: &Sketch) {
        match &other.state {
            State::Exact(values) => {
                for (duration_ns, count) in values {
                    self.record(*duration_ns, *count);
                }
            }
            State::Buckets(others) => self.buckets().merge(others),
        }
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        match &self.state {
            State::Exact(values) => total(values.iter().copied()),
            State::Buckets(buckets) => total(buckets.iter()),
        }
    }

    /// The smallest duration in nanoseconds that at least a share `q` (0 to 1) of the durations does not exceed
    /// (nearest rank), or `None` without durations. From a histogram, it is the highest value of its bucket, as in every
    /// HdrHistogram library.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = rank(q, count);
        match &*self.told() {
            State::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                at_rank(sorted.into_iter(), rank)
            }
            State::Buckets(buckets) => at_rank(buckets.iter(), rank).map(|lowest| REFERENCE.highest_equivalent(lowest)),
        }
    }

    /// How many durations are at most `limit_ns`. From a histogram, its whole bucket counts as at most that.
    pub fn count_below(&self, limit_ns: u64) -> u64 {
        match &self.state {
            State::Exact(values) => total(values.iter().copied().filter(|(duration_ns, _)| *duration_ns <= limit_ns)),
            State::Buckets(buckets) => total(buckets.iter().take_while(|(lowest, _)| *lowest <= limit_ns)),
        }
    }

    /// Bytes of memory held beyond the sketch itself.
    pub fn size(&self) -> usize {
        match &self.state {
            State::Exact(values) => values.capacity() * size_of::<(u64, u64)>(),
            State::Buckets(buckets) => buckets.size(),
        }
    }

    /// What is told of the sketch: exact values while they are few, else buckets.
    fn told(&self) -> Cow<'_, State> {
        match &self.state {
            State::Exact(values) if values.len() > EXACT_VALUES => Cow::Owned(State::Buckets(buckets_of(values))),
            state => Cow::Borrowed(state),
        }
    }

    /// The buckets, into which exact values are put first.
    fn buckets(&mut self) -> &mut Buckets {
        if let State::Exact(values) = &self.state {
            self.state = State::Buckets(buckets_of(values));
        }
        match &mut self.state {
            State::Buckets(buckets) => buckets,
            State::Exact(_) => unreachable!("exact values were put into buckets above"),
        }
    }
}

/// Only its bucket boundaries are used; it holds no counts.
static REFERENCE: LazyLock<Histogram<u64>> = LazyLock::new(|| {
    Histogram::new_with_max(MAX_DURATION, SIGNIFICANT_DIGITS)
        .expect("two digits and a maximum above 2 are valid bounds")
});

fn buckets_of(values: &[(u64, u64)]) -> Buckets {
    values.iter().map(|(duration_ns, count)| ((*duration_ns).min(MAX_DURATION), *count)).collect()
}

fn total(counts: impl Iterator<Item = (u64, u64)>) -> u64 {
    counts.fold(0, |sum, (_, count)| sum.saturating_add(count))
}

/// The rank that `q` falls on, 1 to `count`. The product is taken down a little, so that 0.07 of 100 is 7 and not 8.
fn rank(q: f64, count: u64) -> u64 {
    let product = q.clamp(0.0, 1.0) * count as f64;
    ((product * (1.0 - 1e-12)).ceil() as u64).clamp(1, count)
}

fn at_rank(sorted: impl Iterator<Item = (u64, u64)>, rank: u64) -> Option<u64> {
    let mut seen: u64 = 0;
    for (value, count) in sorted {
        seen = seen.saturating_add(count);
        if seen >= rank {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
