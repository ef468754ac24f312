//! Requests, failures and durations of a group of calls, with sampling weights.
//!
//! Everything is an integer: a weight is a multiple of 2^-16. Sums are therefore exact, and the same in whatever order
//! and however split they are added; with weights of 1 they are plain counts and plain sums of nanoseconds.

use spandrel_proto::model::Outcome;

use crate::sketch::{Sketch, SketchError};

const FIXED_POINT: u64 = 1 << 16;
const FAILURES: [Outcome; 4] = [Outcome::Rejected, Outcome::ServerFault, Outcome::Timeout, Outcome::Unreachable];
const HEADER_LEN: usize = 32;

/// The kinds of spans that serve a call, of which the server view is made.
pub const SERVER_KINDS: [&str; 2] = ["SERVER", "CONSUMER"];

/// Whether a value of the `outcome` column counts as a failure.
pub fn is_failure(outcome: &str) -> bool {
    FAILURES.iter().any(|failure| failure.as_str() == outcome)
}

/// What is known of a group of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Red {
    requests_fixed: u64,
    failures_fixed: u64,
    duration_fixed: i128,
    latency: Sketch,
}

impl Red {
    /// Adds a call that stands for `weight` calls. A weight that is not positive adds nothing.
    pub fn record(&mut self, duration_ns: i64, weight: f64, failure: bool) {
        let weight_fixed = (weight * FIXED_POINT as f64).round() as u64;
        if weight_fixed == 0 {
            return;
        }
        let duration = u64::try_from(duration_ns).unwrap_or(0);
        self.requests_fixed = self.requests_fixed.saturating_add(weight_fixed);
        if failure {
            self.failures_fixed = self.failures_fixed.saturating_add(weight_fixed);
        }
        self.duration_fixed = self.duration_fixed.saturating_add(i128::from(duration) * i128::from(weight_fixed));
        self.latency.record(duration, whole(weight_fixed).max(1));
    }

    pub fn merge(&mut self, other: &Red) {
        self.requests_fixed = self.requests_fixed.saturating_add(other.requests_fixed);
        self.failures_fixed = self.failures_fixed.saturating_add(other.failures_fixed);
        self.duration_fixed = self.duration_fixed.saturating_add(other.duration_fixed);
        self.latency.merge(&other.latency);
    }

    /// Calls, rounded to a whole number.
    pub fn requests(&self) -> i64 {
        to_i64(i128::from(whole(self.requests_fixed)))
    }

    /// Calls that failed, rounded to a whole number.
    pub fn failures(&self) -> i64 {
        to_i64(i128::from(whole(self.failures_fixed)))
    }

    /// Sum of durations in nanoseconds, rounded, and `i64::MAX` where it is larger than that.
    pub fn duration_sum_ns(&self) -> i64 {
        let half = i128::from(FIXED_POINT / 2);
        to_i64(self.duration_fixed.saturating_add(half) / i128::from(FIXED_POINT))
    }

    pub fn latency(&self) -> &Sketch {
        &self.latency
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.latency.size()
    }

    /// The bytes that [`Red::from_bytes`] reads: three little-endian integers, then the sketch. For use between the
    /// steps of one computation, not for storage.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + 256);
        bytes.extend_from_slice(&self.requests_fixed.to_le_bytes());
        bytes.extend_from_slice(&self.failures_fixed.to_le_bytes());
        bytes.extend_from_slice(&self.duration_fixed.to_le_bytes());
        self.latency.write_to(&mut bytes);
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Red, SketchError> {
        let (requests, rest) = bytes.split_first_chunk().ok_or(SketchError::Truncated)?;
        let (failures, rest) = rest.split_first_chunk().ok_or(SketchError::Truncated)?;
        let (duration, rest) = rest.split_first_chunk().ok_or(SketchError::Truncated)?;
        Ok(Red {
            requests_fixed: u64::from_le_bytes(*requests),
            failures_fixed: u64::from_le_bytes(*failures),
            duration_fixed: i128::from_le_bytes(*duration),
            latency: Sketch::from_bytes(rest)?,
        })
    }
}

fn whole(fixed: u64) -> u64 {
    fixed.saturating_add(FIXED_POINT / 2) / FIXED_POINT
}

fn to_i64(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_those_of_the_model() {
        let all = [
            Outcome::Ok,
            Outcome::ClientFault,
            Outcome::Rejected,
            Outcome::ServerFault,
            Outcome::Timeout,
            Outcome::Cancelled,
            Outcome::Unreachable,
            Outcome::Unknown,
        ];
        for outcome in all {
            assert_eq!(is_failure(outcome.as_str()), outcome.is_failure(), "{outcome:?}");
        }
    }

    #[test]
    fn unsampled_sums_are_exact() {
        let mut red = Red::default();
        for duration in [1, 999_999_999_999, 7] {
            red.record(duration, 1.0, duration == 7);
        }
        assert_eq!((red.requests(), red.failures(), red.duration_sum_ns()), (3, 1, 1_000_000_000_007));
        assert_eq!(red.latency().quantile(0.5), Some(7));
    }

    #[test]
    fn weights_count_as_the_calls_they_stand_for() {
        let mut red = Red::default();
        red.record(100, 4.0, true);
        red.record(10, 0.0, true);
        red.record(10, f64::NAN, true);
        red.record(1000, 1.0, false);
        assert_eq!((red.requests(), red.failures(), red.duration_sum_ns()), (5, 4, 1400));
        assert_eq!(red.latency().quantile(0.8), Some(100));
        assert_eq!(red.latency().quantile(0.81), Some(1000));
    }

    #[test]
    fn merging_in_any_order_gives_the_same_bytes() {
        let parts: Vec<Red> = (0..5_u32)
            .map(|part| {
                let mut red = Red::default();
                for call in 0..200_u32 {
                    red.record(i64::from(part * 1_000_003 + call * 7919), 1.0 + f64::from(part) / 3.0, call % 7 == 0);
                }
                red
            })
            .collect();
        let forward = parts.iter().fold(Red::default(), |mut sum, part| {
            sum.merge(part);
            sum
        });
        let backward = parts.iter().rev().fold(Red::default(), |mut sum, part| {
            sum.merge(&Red::from_bytes(&part.to_bytes()).unwrap());
            sum
        });
        assert_eq!(forward.to_bytes(), backward.to_bytes());
    }

    #[test]
    fn sums_saturate_and_negative_durations_count_as_zero() {
        let mut red = Red::default();
        red.record(i64::MAX, 1.0, false);
        red.record(i64::MAX, 1.0, false);
        assert_eq!(red.duration_sum_ns(), i64::MAX);
        let mut negative = Red::default();
        negative.record(-5, 1.0, false);
        assert_eq!((negative.requests(), negative.duration_sum_ns()), (1, 0));
    }
}
