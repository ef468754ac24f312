//! Base-2 exponential histograms as defined by the OpenTelemetry metrics data model.

use std::{collections::BTreeMap, f64::consts::LN_2};

use crate::random::natural_log;

/// Buckets grow by a factor of 2^(1/16), so that a value is known to within 4.4 %.
pub(super) const SCALE: i32 = 4;

const BUCKETS_PER_DOUBLING: f64 = 16.0;

/// A histogram of positive numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Exponential {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) zero_count: u64,
    buckets: BTreeMap<i32, u64>,
}

impl Exponential {
    pub(super) fn record(&mut self, value: f64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum += value;
        if value > 0.0 {
            *self.buckets.entry(bucket_index(value)).or_default() += 1;
        } else {
            self.zero_count += 1;
        }
    }

    /// Index of the first bucket, and the counts from there on without gaps.
    pub(super) fn dense_buckets(&self) -> (i32, Vec<u64>) {
        let (Some((&first, _)), Some((&last, _))) = (self.buckets.first_key_value(), self.buckets.last_key_value())
        else {
            return (0, Vec::new());
        };
        (first, (first..=last).map(|index| self.buckets.get(&index).copied().unwrap_or(0)).collect())
    }
}

/// Bucket `i` holds the values in `(base^i, base^(i+1)]` with `base = 2^(2^-SCALE)`.
fn bucket_index(value: f64) -> i32 {
    (natural_log(value) / LN_2 * BUCKETS_PER_DOUBLING).ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_between_the_bounds_of_their_bucket() {
        for value in [1e-6, 0.0013, 0.24, 1.7, 42.0] {
            let index = bucket_index(value);
            let bound = |index: i32| 2_f64.powf(f64::from(index) / BUCKETS_PER_DOUBLING);
            assert!(bound(index) < value && value <= bound(index + 1), "{value} in bucket {index}");
        }
    }

    #[test]
    fn dense_buckets_keep_every_count() {
        let mut histogram = Exponential::default();
        for value in [0.001, 0.002, 0.002, 0.5, 0.0] {
            histogram.record(value);
        }
        let (_, buckets) = histogram.dense_buckets();
        assert_eq!(buckets.iter().sum::<u64>() + histogram.zero_count, histogram.count);
        assert_eq!((histogram.count, histogram.zero_count, histogram.max), (5, 1, 0.5));
    }
}
