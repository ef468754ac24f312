//! Edges of the service graph.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_analysis::span::WEIGHT_ONE;
use spandrel_shop::EdgeTruth;

use super::{Match, Ratio};
use crate::observed::{Edge, EdgeSeen};

type Edges = BTreeMap<(i64, Edge), EdgeSeen>;

/// Which edges there are, whatever the time. Those from services that are `silent`, which nobody can see, are left out.
pub fn existence(truth: &[EdgeTruth], seen: &Edges, silent: &[String]) -> Match {
    let is_known = |edge: &Edge| !silent.contains(&edge.source);
    let truth: BTreeSet<Edge> = truth.iter().map(edge).filter(is_known).collect();
    let seen: BTreeSet<Edge> = seen.keys().map(|(_, edge)| edge.clone()).filter(is_known).collect();
    let mut found = Match::default();
    for edge in &seen {
        found.precision.count(truth.contains(edge), || format!("not there: {edge:?}"));
    }
    for edge in &truth {
        found.recall.count(seen.contains(edge), || format!("not found: {edge:?}"));
    }
    found
}

/// Share of edges and minutes with just the calls, attempts and failures that there were.
pub fn attempts(truth: &[EdgeTruth], seen: &Edges) -> Ratio {
    let mut ratio = Ratio::default();
    for truth in truth {
        let key = (truth.minute_unix_nano, edge(truth));
        let counts = seen.get(&key).map(|seen| [seen.requests, seen.attempts, seen.failures]);
        let expected = [truth.requests, truth.attempts, truth.failures].map(|count| count * WEIGHT_ONE);
        ratio.count(counts == Some(expected), || {
            let whole = |counts: [u64; 3]| counts.map(|count| count as f64 / WEIGHT_ONE as f64);
            format!("{key:?}: [calls, attempts, failures] {:?}, expected {:?}", counts.map(whole), whole(expected))
        });
    }
    ratio
}

fn edge(truth: &EdgeTruth) -> Edge {
    Edge { source: truth.source.clone(), target: truth.target.clone(), kind: truth.kind }
}

#[cfg(test)]
mod tests {
    use spandrel_shop::engine::EdgeKind;

    use super::*;

    fn truth(target: &str, attempts: u64) -> EdgeTruth {
        EdgeTruth {
            minute_unix_nano: 0,
            source: "cart".to_owned(),
            target: target.to_owned(),
            kind: EdgeKind::Sync,
            requests: 2,
            attempts,
            failures: 0,
            duration_sum_ns: 0,
            rejected: 0,
            timeouts: 0,
        }
    }

    fn seen(targets: &[&str]) -> Edges {
        let calls = EdgeSeen { requests: 2 * WEIGHT_ONE, attempts: 3 * WEIGHT_ONE, ..EdgeSeen::default() };
        targets.iter().map(|target| ((0, edge(&truth(target, 3))), calls)).collect()
    }

    #[test]
    fn edges_are_found_or_not() {
        let found = existence(&[truth("a", 3), truth("b", 3)], &seen(&["b", "c", "d"]), &[]);
        assert_eq!((found.precision.value(), found.recall.value()), (Some(1.0 / 3.0), Some(0.5)));
        let found = existence(&[truth("a", 3), truth("b", 3)], &seen(&["b", "c"]), &["cart".to_owned()]);
        assert_eq!((found.precision.value(), found.recall.value()), (None, None), "from who cannot be seen");
    }

    #[test]
    fn attempts_are_counted() {
        assert_eq!(attempts(&[truth("a", 3), truth("b", 4)], &seen(&["a", "b"])).value(), Some(0.5));
    }
}
