//! Weighted counts and the ranges that shares lie in.

use super::Additive;
use crate::{span::WEIGHT_ONE, statistics};

/// How many observations there were, and how many they stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weighted {
    /// Each counted as one.
    pub(crate) records: u64,
    /// Fixed-point ([`WEIGHT_ONE`]).
    pub(crate) weight: u64,
    /// Sum of the squares of the weights.
    squares: u128,
}

impl Weighted {
    pub(crate) fn count(&mut self, weight: u64) {
        self.records += 1;
        self.weight = self.weight.saturating_add(weight);
        self.squares = self.squares.saturating_add(u128::from(weight) * u128::from(weight));
    }

    /// How many observations of equal weight would tell as much.
    pub(crate) fn effective(&self) -> f64 {
        if self.squares == 0 { 0.0 } else { (self.weight as f64).powi(2) / self.squares as f64 }
    }

    /// What the observations stand for, as a plain number.
    pub(crate) fn number(&self) -> f64 {
        number(self.weight)
    }

    /// The share of these observations that weighs `part`, 0 to 1.
    pub(crate) fn share(&self, part: u64) -> f64 {
        if self.weight == 0 { 0.0 } else { (part as f64 / self.weight as f64).min(1.0) }
    }

    /// The range that the true share of `part` lies in with 95 %.
    pub(crate) fn interval(&self, part: u64) -> (f64, f64) {
        wilson(self.share(part), self.effective())
    }
}

impl Additive for Weighted {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.weight = self.weight.saturating_add(other.weight);
        self.squares = self.squares.saturating_add(other.squares);
    }
}

/// A fixed-point weight as a plain number.
pub(crate) fn number(weight: u64) -> f64 {
    weight as f64 / WEIGHT_ONE as f64
}

/// Wilson's interval: where the true share lies with 95 % when `share` (0 to 1) of `n` observations was seen.
pub(crate) fn wilson(share: f64, n: f64) -> (f64, f64) {
    statistics::wilson(share * n, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_has_the_known_values() {
        for (hits, n, low, high) in [(5.0, 10.0, 0.237, 0.763), (50.0, 100.0, 0.404, 0.596), (0.0, 30.0, 0.0, 0.114)] {
            let (found_low, found_high) = wilson(hits / n, n);
            assert!((found_low - low).abs() < 1e-3 && (found_high - high).abs() < 1e-3, "{found_low} {found_high}");
        }
        assert_eq!(wilson(0.0, 0.0), (0.0, 1.0));
    }

    #[test]
    fn unequal_weights_tell_less() {
        let mut equal = Weighted::default();
        let mut unequal = Weighted::default();
        for index in 0..100 {
            equal.count(10 * WEIGHT_ONE);
            unequal.count(if index == 0 { 1000 * WEIGHT_ONE } else { WEIGHT_ONE });
        }
        assert!((equal.effective() - 100.0).abs() < 1e-9);
        assert!(unequal.effective() < 2.0);
        assert_eq!((equal.number(), equal.share(500 * WEIGHT_ONE)), (1000.0, 0.5));
    }
}
