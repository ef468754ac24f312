//! The metamorphic relations of ANALYSIS 10.4.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_score::{
    analyse::{Pace, observe},
    observed::{Edge, Observed, OperationAt, OperationSeen},
};
use spandrel_shop::{
    Shop, ShopConfig,
    degrade::{Clocks, Degradation, Naming, degrade},
    telemetry::Batch,
};

use crate::change::{merged, permuted, renamed, shifted, split, traces_only, with_other_ids};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

fn recorded() -> Vec<Batch> {
    let config = ShopConfig { seed: 7, rate: 4.0, ..ShopConfig::default() };
    let mut shop = Shop::new(&config);
    let mut batches: Vec<Batch> = shop.due(config.start_time + 150 * SECOND).collect();
    batches.extend(shop.close());
    traces_only(&batches)
}

fn seen(batches: &[Batch]) -> Observed {
    observe(batches, Pace::AtOnce).expect("the readers take what the shop sends")
}

fn degraded(knobs: &Degradation) -> Observed {
    seen(&degrade(recorded(), knobs))
}

fn subjects(observed: &Observed, kind: &str) -> BTreeSet<(String, String)> {
    let of_kind = observed.findings.iter().filter(|finding| kind.is_empty() || finding.kind == kind);
    of_kind.map(|finding| (finding.kind.to_owned(), finding.text.clone())).collect()
}

fn edges(observed: &Observed) -> BTreeSet<&Edge> {
    observed.edges.keys().map(|(_, edge)| edge).collect()
}

/// Where two observations first differ, in a few words rather than megabytes.
fn assert_same(left: &Observed, right: &Observed) {
    for (key, counts) in &left.operations {
        assert_eq!(Some(counts), right.operations.get(key), "{key:?}");
    }
    assert_eq!(left.operations.len(), right.operations.len());
    for (key, counts) in &left.edges {
        assert_eq!(Some(counts), right.edges.get(key), "{key:?}");
    }
    assert_eq!(left.edges.len(), right.edges.len());
    assert!(left.paths == right.paths, "critical paths differ");
    assert!(left.origins == right.origins, "origins differ");
    assert_eq!(left.findings, right.findings);
}

#[test]
fn order_and_batching_do_not_matter() {
    let batches = recorded();
    let expected = seen(&batches);
    assert!(!expected.operations.is_empty() && !expected.edges.is_empty() && !expected.paths.is_empty());
    assert_same(&expected, &seen(&permuted(batches.clone())));
    assert_same(&expected, &seen(&split(&batches)));
    assert_same(&expected, &seen(&merged(batches)));
}

#[test]
fn late_spans_are_counted_as_if_they_had_been_in_time() {
    let late = degrade(recorded(), &Degradation { delay: 20 * SECOND, duplicates: 100_000, ..Degradation::default() });
    let (expected, replayed) = (seen(&recorded()), observe(&late, Pace::Quiet(5 * SECOND)));
    let replayed = replayed.expect("the readers take what the shop sends");
    assert!(expected.operations == replayed.operations);
    assert_eq!(expected.edges, replayed.edges);
}

#[test]
fn whole_minutes_shift_everything() {
    let batches = recorded();
    let (before, mut after) = (seen(&batches), seen(&shifted(batches, 3 * MINUTE)));
    let at = |at: OperationAt| OperationAt { minute: at.minute - 3 * MINUTE, ..at };
    after.operations = after.operations.into_iter().map(|(key, seen)| (at(key), seen)).collect();
    after.edges = after.edges.into_iter().map(|((minute, edge), seen)| ((minute - 3 * MINUTE, edge), seen)).collect();
    for finding in &mut after.findings {
        finding.since -= 3 * MINUTE;
        finding.until -= 3 * MINUTE;
    }
    assert_same(&before, &after);
}

#[test]
fn names_do_not_matter() {
    let batches = recorded();
    let (before, after) = (seen(&batches), seen(&renamed(batches, "x-")));
    let name = |name: &str| format!("x-{name}");
    let operations: BTreeMap<OperationAt, _> = before
        .operations
        .iter()
        .map(|(at, seen)| (OperationAt { service: name(&at.service), ..at.clone() }, seen.clone()))
        .collect();
    assert!(operations == after.operations);
    let edges: BTreeMap<(i64, Edge), _> = before
        .edges
        .iter()
        .map(|((minute, edge), seen)| {
            let edge = Edge { source: name(&edge.source), target: name(&edge.target), ..edge.clone() };
            ((*minute, edge), *seen)
        })
        .collect();
    assert_eq!(edges, after.edges);
    let kinds = |observed: &Observed| {
        let mut kinds: Vec<_> = observed.findings.iter().map(|it| (it.kind, it.since, it.until, it.score)).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(kinds(&before), kinds(&after));
}

#[test]
fn a_system_beside_another_has_the_same_findings() {
    let batches = recorded();
    let alone = seen(&batches);
    let mut both = renamed(with_other_ids(batches.clone()), "zz-");
    both.extend(batches);
    let together = seen(&both);
    let own: BTreeSet<_> = subjects(&together, "").into_iter().filter(|(_, text)| !text.contains("zz-")).collect();
    assert_eq!(subjects(&alone, ""), own);
    for (key, counts) in &alone.operations {
        assert_eq!(Some(counts), together.operations.get(key), "{key:?}");
    }
}

#[test]
fn twice_the_traces_are_twice_the_counts() {
    let batches = recorded();
    let once = seen(&batches);
    let mut both = with_other_ids(batches.clone());
    both.extend(batches);
    let twice = seen(&both);
    for (key, counts) in &once.operations {
        let doubled = &twice.operations[key];
        assert_eq!((counts.requests * 2, counts.failures * 2), (doubled.requests, doubled.failures), "{key:?}");
        assert_eq!(counts.duration_sum * 2, doubled.duration_sum, "{key:?}");
        let p90 = |seen: &OperationSeen| seen.latency.quantile(0.9).map_or(0.0, |nanos| nanos as f64);
        assert!((p90(counts) / p90(doubled) - 1.0).abs() < 0.011, "{key:?}: {} and {}", p90(counts), p90(doubled));
    }
    for (key, counts) in &once.edges {
        let doubled = &twice.edges[key];
        assert_eq!((counts.requests * 2, counts.attempts * 2), (doubled.requests, doubled.attempts), "{key:?}");
    }
}

#[test]
fn old_and_current_names_say_the_same() {
    let with = |naming| degraded(&Degradation { naming: Some(naming), ..Degradation::default() });
    let (old, current, both) = (with(Naming::Old), with(Naming::Current), with(Naming::Both));
    assert_same(&current, &both);
    assert!(old.operations == current.operations);
    assert_eq!(old.edges, current.edges);
    assert!(old.paths == current.paths);
}

#[test]
fn the_clock_of_one_host_changes_no_count() {
    let expected = seen(&recorded());
    let clocks = Clocks { host: Some(host()), max_offset: 40_000_000, ..Clocks::default() };
    let skewed = degraded(&Degradation { clocks, ..Degradation::default() });
    let totals = |observed: &Observed| {
        let mut totals: BTreeMap<(String, String), (u64, u64, i128)> = BTreeMap::new();
        for (at, seen) in &observed.operations {
            let total = totals.entry((at.service.clone(), at.operation.clone())).or_default();
            *total = (total.0 + seen.requests, total.1 + seen.failures, total.2 + seen.duration_sum);
        }
        totals
    };
    assert_eq!(totals(&expected), totals(&skewed));
    assert_eq!(edges(&expected), edges(&skewed));
}

fn host() -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let mut batches = recorded();
    let attributes = crate::change::groups(&mut batches).filter_map(|group| group.resource.as_ref());
    let hosts = attributes.flat_map(|resource| &resource.attributes).filter(|attribute| attribute.key == "host.name");
    let texts = hosts.filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    });
    texts.min().expect("resources name their host")
}

#[test]
fn sidecars_and_internal_spans_are_no_depth() {
    let expected = seen(&recorded());
    for knobs in [
        Degradation { sidecars: true, ..Degradation::default() },
        Degradation { internal_spans: 3, ..Degradation::default() },
        Degradation { nested_clients: 1_000_000, ..Degradation::default() },
    ] {
        let observed = degraded(&knobs);
        assert_eq!(edges(&expected), edges(&observed), "{knobs:?}");
        assert_eq!(subjects(&expected, "SYNC_CHAIN"), subjects(&observed, "SYNC_CHAIN"), "{knobs:?}");
        for (at, seen) in &expected.operations {
            let counts = observed.operations.get(at).map(|other| (other.requests, other.failures));
            assert_eq!(Some((seen.requests, seen.failures)), counts, "{at:?} with {knobs:?}");
        }
    }
}

#[test]
fn what_is_lost_makes_nobody_surer() {
    let mut before = BTreeMap::new();
    for loss in [0, 50_000, 150_000, 400_000] {
        let observed = degraded(&Degradation { loss, ..Degradation::default() });
        let requests: u64 = observed.operations.values().map(|seen| seen.requests).sum();
        assert!(before.get("requests").is_none_or(|before| requests < *before), "{loss}");
        before.insert("requests", requests);
    }
}
