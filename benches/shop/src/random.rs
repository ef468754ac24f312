//! Randomness that is the same on every machine: a portable generator, and distributions computed with integers or
//! with IEEE basic arithmetic only.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const SCALE: u64 = 100_000_000;
const MEDIAN: u64 = SCALE / 2;
const NINE_TENTHS: u64 = SCALE / 10 * 9;
const NINETY_NINE_HUNDREDTHS: u64 = SCALE / 100 * 99;

/// A stream of random numbers, fixed by its seed and stream number.
#[derive(Debug, Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Streams of one seed are independent of each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Self(generator)
    }

    /// An independent stream whose seed is the next number of this one.
    pub fn fork(&mut self) -> Self {
        Self::new(self.number(), 0)
    }

    /// A number with 64 random bits.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number with 64 random bits that is not zero.
    pub fn nonzero(&mut self) -> u64 {
        self.number().max(1)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(u64::from(high.saturating_sub(low)) + 1) as u32
    }

    /// True with a probability in millionths.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// An exponentially distributed number of nanoseconds.
    pub fn exponential(&mut self, mean_nanos: f64) -> i64 {
        let uniform = ((self.number() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        (-natural_log(uniform) * mean_nanos) as i64
    }

    /// An index into `weights`, each as likely as its weight; 0 when there is no weight.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.enumerate() {
            if left < u64::from(weight) {
                return index;
            }
            left -= u64::from(weight);
        }
        0
    }
}

/// A distribution of durations, given by its quantiles with straight lines between them. Nanoseconds.
///
/// It stands for right-skewed distributions with one mode: of a lognormal or gamma distribution with the same median and
/// 99th percentile, the 90th percentile differs by less than a third as long as the latter is at most ten times the
/// former. With [`Latency::or`] it has two modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    usual: Quantiles,
    other: Quantiles,
    other_per_mille: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantiles {
    low: i64,
    p50: i64,
    p90: i64,
    p99: i64,
    high: i64,
}

impl Latency {
    /// A right-skewed distribution with this median and 99th percentile, in microseconds. The longest is three times
    /// the 99th percentile.
    pub const fn micros(p50: i64, p99: i64) -> Self {
        let (p50, p99) = (p50 * 1_000, p99 * 1_000);
        let usual = Quantiles { low: p50 / 2, p50, p90: p50 + (p99 - p50) * 2 / 5, p99, high: p99 * 3 };
        Self { usual, other: usual, other_per_mille: 0 }
    }

    /// A bimodal distribution: so many in a thousand are from a distribution with this median and 99th percentile, in
    /// microseconds, as those that miss a cache.
    pub const fn or(self, other_per_mille: u32, p50: i64, p99: i64) -> Self {
        Self { other: Self::micros(p50, p99).usual, other_per_mille, ..self }
    }

    /// One duration in nanoseconds.
    pub fn draw(&self, dice: &mut Dice) -> i64 {
        let is_other = self.other_per_mille > 0 && dice.chance(self.other_per_mille.saturating_mul(1_000));
        if is_other { self.other.draw(dice) } else { self.usual.draw(dice) }
    }
}

impl Quantiles {
    fn draw(&self, dice: &mut Dice) -> i64 {
        let position = dice.below(SCALE);
        let (from, to, start, end) = match position {
            0..MEDIAN => (self.low, self.p50, 0, MEDIAN),
            MEDIAN..NINE_TENTHS => (self.p50, self.p90, MEDIAN, NINE_TENTHS),
            NINE_TENTHS..NINETY_NINE_HUNDREDTHS => (self.p90, self.p99, NINE_TENTHS, NINETY_NINE_HUNDREDTHS),
            _ => (self.p99, self.high, NINETY_NINE_HUNDREDTHS, SCALE),
        };
        from + (to - from) * (position - start) as i64 / (end - start) as i64
    }
}

/// A bijection of 64-bit numbers that leaves no visible pattern (the finalizer of splitmix64). Only 0 maps to 0.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The natural logarithm of a positive normal number, correct to about 12 digits. The one of the platform's C library
/// may differ in the last bit from machine to machine.
pub(crate) fn natural_log(number: f64) -> f64 {
    const EXPONENT_BIAS: i64 = 1023;
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - EXPONENT_BIAS;
    let mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let (mut term, mut sum) = (ratio, 0.0);
    for odd in (1..=25_u32).step_by(2) {
        sum += term / f64::from(odd);
        term *= square;
    }
    2.0 * sum + exponent as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_agrees_with_the_platform() {
        for number in [1e-9, 0.001, 0.5, 1.0, 1.5, 2.0, 1234.5, 1e12] {
            assert!((natural_log(number) - number.ln()).abs() < 1e-10, "ln {number}");
        }
    }

    #[test]
    fn latencies_follow_their_quantiles() {
        let latency = Latency::micros(1_000, 10_000);
        let mut dice = Dice::new(1, 0);
        let mut drawn: Vec<i64> = (0..100_000).map(|_| latency.draw(&mut dice)).collect();
        drawn.sort_unstable();
        assert!((950_000..1_050_000).contains(&drawn[50_000]), "p50 {}", drawn[50_000]);
        assert!((9_500_000..10_600_000).contains(&drawn[99_000]), "p99 {}", drawn[99_000]);
        assert!(drawn[0] >= 500_000 && drawn[99_999] <= 30_000_000);
    }

    #[test]
    fn exponential_has_its_mean() {
        let mut dice = Dice::new(2, 0);
        let mean = (0..100_000).map(|_| dice.exponential(1e6)).sum::<i64>() / 100_000;
        assert!((980_000..1_020_000).contains(&mean), "mean {mean}");
    }

    #[test]
    fn streams_are_fixed_by_seed_and_number() {
        assert_eq!(Dice::new(7, 1).number(), Dice::new(7, 1).number());
        assert_ne!(Dice::new(7, 1).number(), Dice::new(7, 2).number());
        assert_ne!(Dice::new(7, 1).number(), Dice::new(8, 1).number());
    }
}
