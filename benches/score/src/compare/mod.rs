//! Comparisons of what was observed with the truth. Each gives a share of what could have been right, and examples of
//! what was not.

pub mod edges;
pub mod findings;
pub mod impact;
pub mod origins;
pub mod paths;
pub mod records;
pub mod red;

/// A share, and examples of what is missing from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ratio {
    pub good: f64,
    pub of: f64,
    pub misses: Vec<String>,
}

/// Examples that are kept of what was wrong.
const EXAMPLES: usize = 8;

impl Ratio {
    /// Counts one of them. `miss` is asked for if it is wrong.
    pub fn count(&mut self, good: bool, miss: impl FnOnce() -> String) {
        self.add(if good { 1.0 } else { 0.0 }, 1.0, miss);
    }

    /// Counts `good` out of `of`.
    pub fn add(&mut self, good: f64, of: f64, miss: impl FnOnce() -> String) {
        self.good += good;
        self.of += of;
        if good < of && self.misses.len() < EXAMPLES {
            self.misses.push(miss());
        }
    }

    pub fn merge(&mut self, other: &Ratio) {
        self.good += other.good;
        self.of += other.of;
        let free = EXAMPLES.saturating_sub(self.misses.len());
        self.misses.extend(other.misses.iter().take(free).cloned());
    }

    /// `None` if there was nothing to be right about.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0.0).then(|| self.good / self.of)
    }
}

/// What was found of what is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Match {
    /// Share of what was found that is there.
    pub precision: Ratio,
    /// Share of what is there that was found.
    pub recall: Ratio,
}

impl Match {
    pub fn merge(&mut self, other: &Match) {
        self.precision.merge(&other.precision);
        self.recall.merge(&other.recall);
    }
}
