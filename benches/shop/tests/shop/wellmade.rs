//! The usual shop, in which no condition of ANALYSIS holds.

use std::collections::BTreeMap;

use spandrel_shop::{ShopConfig, TruthFile, engine::EdgeKind};

use crate::history::History;

fn truth() -> TruthFile {
    History::of(&ShopConfig { seed: 5, rate: 40.0, ..ShopConfig::default() }, 240).truth
}

#[test]
fn the_usual_shop_is_well_made() {
    let truth = truth();
    let mut time: BTreeMap<&str, u64> = BTreeMap::new();
    for path in &truth.paths {
        assert_eq!(path.exclusive_ns.values().sum::<u64>(), path.duration_ns);
        for (service, nanos) in &path.exclusive_ns {
            *time.entry(service).or_default() += nanos;
        }
    }
    let total: u64 = time.values().sum();
    let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in &truth.operations {
        *requests.entry(&operation.service).or_default() += operation.requests;
    }
    let mut edges: BTreeMap<(&str, &str), (u64, u64, u64)> = BTreeMap::new();
    for edge in truth.edges.iter().filter(|edge| edge.kind == EdgeKind::Sync) {
        let sums = edges.entry((&edge.source, &edge.target)).or_default();
        *sums = (sums.0 + edge.requests, sums.1 + edge.attempts, sums.2 + edge.timeouts);
    }
    let mut entries: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for operation in truth.operations.iter().filter(|operation| operation.service == "gateway") {
        let sums = entries.entry(&operation.operation).or_default();
        *sums = (sums.0 + operation.requests, sums.1 + operation.failures);
    }
    let mut sorted: Vec<u64> = requests.values().copied().collect();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    for (service, nanos) in time {
        assert!(nanos * 5 < total, "{service} is prominent");
    }
    for (service, count) in requests {
        assert!(count < 3 * median, "{service} is asked {count} times, the median is {median}");
    }
    for (edge, (calls, attempts, timeouts)) in edges {
        assert!(calls < 100 || attempts * 10 < calls * 12, "{edge:?} is retried");
        assert!(timeouts < 5 || timeouts * 100 < attempts, "{edge:?} times out");
    }
    for (entry, (all, failed)) in entries {
        assert!(all > 100 && failed * 100 < all, "{entry} fails {failed} times of {all}");
    }
    assert!(truth.findings.is_empty() && truth.breakers.is_empty());
}
