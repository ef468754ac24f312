//! What conditions cost the users, and whether scores are in the order of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use spandrel_shop::{FindingKind, PathTruth, TruthFile};

/// A request that failed costs its user as much as one that takes ten seconds, after which users give up.
const FAILURE_NS: f64 = 10e9;
/// An answer that lacks something because a failure was absorbed costs a tenth of a second, which users begin to notice.
const DEGRADED_NS: f64 = 100e6;

/// Whether a condition costs something by being there. What the others cost is what would happen if: if the one instance
/// died, if the shared table or one of the services in a circle were changed, if somebody had to look at the spans.
pub fn costs(kind: FindingKind) -> bool {
    !matches!(
        kind,
        FindingKind::Spof
            | FindingKind::SharedDb
            | FindingKind::Cycle
            | FindingKind::DistributedMonolith
            | FindingKind::InstrumentationGap
    )
}

/// A condition and what was said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    pub kind: FindingKind,
    /// Nanoseconds that each request from outside lost by it, on average.
    pub lost: f64,
    /// The greatest score of the findings that it brought about; 0 if it was not found.
    pub score: u32,
    /// The finding with that score.
    pub finding: String,
}

/// Nanoseconds that the requests from outside of a time lost, on average, in comparison with the same system and the same
/// users without the condition.
pub fn lost(with: &TruthFile, without: &TruthFile, during: &Range<i64>) -> f64 {
    price(with, during) - price(without, during)
}

/// What a request of a time costs its user, on average, nanoseconds.
fn price(truth: &TruthFile, during: &Range<i64>) -> f64 {
    let failed: BTreeSet<&str> = truth.origins.iter().map(|origin| origin.trace_id.as_str()).collect();
    let price = |path: &PathTruth| {
        let beyond_time = match () {
            () if failed.contains(path.trace_id.as_str()) => FAILURE_NS,
            () if path.absorbed > 0 => DEGRADED_NS,
            () => 0.0,
        };
        path.duration_ns as f64 + beyond_time
    };
    let prices = truth.paths.iter().filter(|path| during.contains(&path.start_unix_nano)).map(price);
    let (count, sum) = prices.fold((0_u64, 0.0), |(count, sum), price| (count + 1, sum + price));
    sum / count.max(1) as f64
}

/// How well the order of the scores agrees with that of what was lost: 1 if it is the same, -1 if it is the reverse. `None`
/// if there is nothing to order.
pub fn agreement(costs: &[Cost]) -> Option<f64> {
    let rank_by = |value: fn(&Cost) -> f64| ranks(&costs.iter().map(value).collect::<Vec<_>>());
    let (lost, scores) = (rank_by(|cost| cost.lost), rank_by(|cost| f64::from(cost.score)));
    let mean = (costs.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&lost, &lost) * product(&scores, &scores)).sqrt();
    (spread > 0.0).then(|| product(&lost, &scores) / spread)
}

/// The rank of each value from 1 on; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = first as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|place| ranks[*place] = rank);
        first += equal.len();
    }
    ranks
}

/// Per kind, the mean of what requests lost, nanoseconds, and of the scores.
pub fn by_kind(costs: &[Cost]) -> BTreeMap<&'static str, (f64, f64)> {
    let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    for cost in costs {
        let (lost, score, count) = sums.entry(cost.kind.as_str()).or_default();
        (*lost, *score, *count) = (*lost + cost.lost, *score + f64::from(cost.score), *count + 1.0);
    }
    sums.into_iter().map(|(kind, (lost, score, count))| (kind, (lost / count, score / count))).collect()
}

#[cfg(test)]
mod tests {
    use spandrel_shop::{OriginTruth, Totals};

    use super::*;

    fn costs(of: &[(f64, u32)]) -> Vec<Cost> {
        let cost = |(lost, score): &(f64, u32)| Cost {
            kind: FindingKind::Chatty,
            lost: *lost,
            score: *score,
            finding: String::new(),
        };
        of.iter().map(cost).collect()
    }

    #[test]
    fn agreement_is_that_of_the_order() {
        for (pairs, expected) in [
            (&[(1.0, 10), (5.0, 20), (100.0, 21)][..], Some(1.0)),
            (&[(1.0, 30), (5.0, 20), (100.0, 10)], Some(-1.0)),
            (&[(1.0, 10), (2.0, 30), (3.0, 20), (4.0, 40)], Some(0.8)),
            (&[(1.0, 10), (2.0, 20), (3.0, 20)], Some(0.75_f64.sqrt())),
            (&[(1.0, 10), (2.0, 10)], None),
            (&[(1.0, 10)], None),
            (&[], None),
        ] {
            let found = agreement(&costs(pairs));
            let is_equal = found.zip(expected).map_or(found == expected, |(found, it)| (found - it).abs() < 1e-9);
            assert!(is_equal, "{pairs:?}: {found:?}");
        }
    }

    #[test]
    fn means_are_per_kind() {
        assert_eq!(by_kind(&costs(&[(1.0, 10), (3.0, 30)])), BTreeMap::from([("CHATTY", (2.0, 20.0))]));
    }

    /// Requests by start and duration, of which the first so many fail.
    fn truth(requests: &[(i64, u64)], failed: usize) -> TruthFile {
        let path = |(start, duration): &(i64, u64)| PathTruth {
            trace_id: start.to_string(),
            start_unix_nano: *start,
            entry_service: String::new(),
            entry_operation: String::new(),
            duration_ns: *duration,
            // The first that does not fail lacks something.
            absorbed: u32::from(requests.iter().position(|(other, _)| other == start) <= Some(failed)),
            exclusive_ns: BTreeMap::new(),
        };
        let origin = |(start, _): &(i64, u64)| OriginTruth {
            trace_id: start.to_string(),
            start_unix_nano: *start,
            entry_service: String::new(),
            entry_operation: String::new(),
            service: String::new(),
            operation: String::new(),
            outcome: String::new(),
            is_slow: false,
            hops: 0,
        };
        TruthFile {
            totals: Totals::default(),
            operations: Vec::new(),
            edges: Vec::new(),
            findings: Vec::new(),
            origins: requests[..failed].iter().map(origin).collect(),
            paths: requests.iter().map(path).collect(),
            breakers: Vec::new(),
            waste: Vec::new(),
        }
    }

    #[test]
    fn what_is_lost_is_time_failures_and_what_answers_lack() {
        let (quick, slow) = ([(10, 100), (20, 300), (99, 5_000)], [(10, 200), (20, 400), (99, 1)]);
        let without = truth(&quick, 0);
        for (with, lost_by_each) in [
            (truth(&slow, 0), 100.0),
            (truth(&quick, 1), FAILURE_NS / 2.0),
            (truth(&quick, 2), FAILURE_NS - DEGRADED_NS / 2.0),
            (truth(&quick, 0), 0.0),
        ] {
            assert_eq!(lost(&with, &without, &(0..50)), lost_by_each);
        }
    }
}
