//! Requests, failures and durations of operations.

use std::collections::BTreeMap;

use spandrel_analysis::span::WEIGHT_ONE;
use spandrel_shop::OperationTruth;

use super::Ratio;
use crate::observed::{OperationAt, OperationSeen};

/// 97.5 % of a normal distribution are below this many standard deviations.
const TWO_SIDED_95: f64 = 1.96;
/// Keys with fewer expected samples are left out of the test of coverage: the normal distribution does not hold.
const FEWEST_SAMPLES: f64 = 10.0;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

type Operations = BTreeMap<OperationAt, OperationSeen>;

/// Share of operations and minutes with just the requests, failures and sum of durations that there were. What was
/// observed but is not there counts too, as wrong.
pub fn equality(truth: &[OperationTruth], seen: &Operations) -> Ratio {
    let mut ratio = Ratio::default();
    let truth = by_key(truth);
    for (key, truth) in &truth {
        let counts = seen.get(key).map(|seen| (seen.requests, seen.failures, seen.duration_sum));
        let one = i128::from(WEIGHT_ONE);
        let expected =
            (truth.requests * WEIGHT_ONE, truth.failures * WEIGHT_ONE, i128::from(truth.duration_sum_ns) * one);
        ratio.count(counts == Some(expected), || format!("{key:?}: seen {counts:?}, expected {expected:?}"));
    }
    for key in seen.keys().filter(|key| !truth.contains_key(key)) {
        ratio.count(false, || format!("{key:?}: not there"));
    }
    ratio
}

/// The same over all minutes, for clocks that move requests from one minute to another.
pub fn equality_over_time(truth: &[OperationTruth], seen: &Operations) -> Ratio {
    let mut counts: BTreeMap<(&str, &str), [i128; 3]> = BTreeMap::new();
    let one = i128::from(WEIGHT_ONE);
    for truth in truth {
        let sum = counts.entry((&truth.service, &truth.operation)).or_default();
        sum[0] += i128::from(truth.requests) * one;
        sum[1] += i128::from(truth.failures) * one;
        sum[2] += i128::from(truth.duration_sum_ns) * one;
    }
    for (key, seen) in seen {
        let sum = counts.entry((&key.service, &key.operation)).or_default();
        sum[0] -= i128::from(seen.requests);
        sum[1] -= i128::from(seen.failures);
        sum[2] -= seen.duration_sum;
    }
    let mut ratio = Ratio::default();
    for (key, difference) in counts {
        ratio.count(difference == [0; 3], || format!("{key:?}: {difference:?} too few"));
    }
    ratio
}

/// Share of operations and minutes whose number of requests is within 1.96 standard errors of the truth.
pub fn coverage(truth: &[OperationTruth], seen: &Operations, sampled: impl Fn(&str) -> f64) -> Ratio {
    let mut ratio = Ratio::default();
    for (key, truth) in by_key(truth) {
        if truth.requests as f64 * sampled(&key.service) < FEWEST_SAMPLES {
            continue;
        }
        let one = WEIGHT_ONE as f64;
        let (estimate, error) =
            seen.get(&key).map_or((0.0, 0.0), |seen| (seen.requests as f64 / one, (seen.variance as f64).sqrt() / one));
        let is_near = (estimate - truth.requests as f64).abs() <= TWO_SIDED_95 * error + 1e-3;
        ratio.count(is_near, || format!("{key:?}: {estimate:.1} ± {error:.1}, expected {}", truth.requests));
    }
    ratio
}

/// The greatest relative error of a quantile of all durations, against the exact nearest rank.
pub fn quantile_error(truth: &[OperationTruth], seen: &Operations) -> Option<(f64, String)> {
    let mut worst: Option<(f64, String)> = None;
    for (key, truth) in by_key(truth) {
        let Some(seen) = seen.get(&key) else { continue };
        for quantile in QUANTILES {
            let Some(exact) = nearest_rank(&truth.durations_ns, quantile) else { continue };
            let got = seen.latency.quantile(quantile).unwrap_or_default();
            let error = (got as f64 - exact as f64).abs() / (exact as f64).max(1.0);
            if worst.as_ref().is_none_or(|(worst, _)| error > *worst) {
                worst = Some((error, format!("{key:?} p{}: {got}, exactly {exact}", quantile * 100.0)));
            }
        }
    }
    worst
}

fn nearest_rank(sorted: &[u64], quantile: f64) -> Option<u64> {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

fn by_key(truth: &[OperationTruth]) -> BTreeMap<OperationAt, &OperationTruth> {
    let key = |truth: &OperationTruth| OperationAt {
        minute: truth.minute_unix_nano,
        service: truth.service.clone(),
        operation: truth.operation.clone(),
    };
    truth.iter().map(|truth| (key(truth), truth)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(requests: u64, failures: u64) -> OperationTruth {
        OperationTruth {
            minute_unix_nano: 0,
            service: "cart".to_owned(),
            operation: "GET /".to_owned(),
            requests,
            failures,
            outcomes: BTreeMap::new(),
            duration_sum_ns: requests * 10,
            durations_ns: vec![10; requests as usize],
        }
    }

    fn seen(requests: u64, weight: u64) -> Operations {
        let key = OperationAt { minute: 0, service: "cart".to_owned(), operation: "GET /".to_owned() };
        let total = requests * weight * WEIGHT_ONE;
        let one = u128::from(WEIGHT_ONE);
        let variance = u128::from(requests) * u128::from(weight) * u128::from(weight - 1) * one * one;
        let seen = OperationSeen {
            requests: total,
            duration_sum: i128::from(total) * 10,
            variance,
            ..OperationSeen::default()
        };
        BTreeMap::from([(key, seen)])
    }

    #[test]
    fn equal_means_all_counts() {
        assert_eq!(equality(&[truth(5, 0)], &seen(5, 1)).value(), Some(1.0));
        assert_eq!(equality(&[truth(5, 1)], &seen(5, 1)).value(), Some(0.0));
        assert_eq!(equality(&[], &seen(5, 1)).value(), Some(0.0));
        assert_eq!(equality(&[truth(5, 0)], &Operations::new()).value(), Some(0.0));
        assert_eq!(equality_over_time(&[truth(5, 0)], &seen(5, 1)).value(), Some(1.0));
        assert_eq!(equality_over_time(&[truth(4, 0)], &seen(5, 1)).value(), Some(0.0));
    }

    #[test]
    fn estimates_are_judged_by_their_own_error() {
        // 25 of weight 4: 100 with a standard error of 17.3.
        for (requests, expected) in [(100, 1.0), (130, 1.0), (70, 1.0), (140, 0.0), (60, 0.0)] {
            assert_eq!(coverage(&[truth(requests, 0)], &seen(25, 4), |_| 0.25).value(), Some(expected), "{requests}");
        }
        assert_eq!(coverage(&[truth(30, 0)], &seen(25, 4), |_| 0.25).value(), None, "too few samples to be tested");
    }

    #[test]
    fn ranks_are_the_nearest() {
        assert_eq!(nearest_rank(&[1, 2, 3, 4], 0.5), Some(2));
        assert_eq!(nearest_rank(&[1, 2, 3, 4], 0.99), Some(4));
        assert_eq!(nearest_rank(&[], 0.5), None);
    }
}
