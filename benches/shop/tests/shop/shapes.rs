//! Systems of each shape look like it in their spans, and the truth says what is wrong with how they are built.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spandrel_shop::{
    FindingKind, MINUTE, Scenario, Scheduled, ShopConfig, System,
    engine::EdgeKind,
    topology::{Histogram, Shape},
};

use crate::{
    derive::{is_query, text, texts},
    history::History,
    observer::{Observer, Seen},
};

fn config(seed: u64, shape: Shape) -> ShopConfig {
    ShopConfig { seed, rate: 20.0, system: System::Generated { seed, shape }, ..ShopConfig::default() }
}

fn history(seed: u64, shape: Shape) -> History {
    History::of(&config(seed, shape), 60)
}

/// Service and target of the findings of a kind that are there to be found.
fn findings(history: &History, kind: FindingKind) -> BTreeSet<(&str, Option<&str>)> {
    let findings = history.truth.findings.iter().filter(|finding| finding.kind == kind && !finding.side_effect);
    findings.map(|finding| (finding.service.as_str(), finding.target.as_deref())).collect()
}

/// Callers and callees of synchronous calls.
fn edges(history: &History) -> BTreeSet<(&str, &str)> {
    let edges = history.truth.edges.iter().filter(|edge| edge.kind == EdgeKind::Sync);
    edges.map(|edge| (edge.source.as_str(), edge.target.as_str())).collect()
}

/// The services from the entry down to each span that serves.
fn chains<'a>(observer: &'a Observer<'_>) -> Vec<Vec<&'a str>> {
    let serves = |seen: &&Seen<'_>| seen.kind() == SpanKind::Server;
    observer.spans.iter().filter(serves).map(|seen| observer.chain(seen)).collect()
}

#[test]
fn circles_call_back() {
    for seed in 1..4 {
        let history = history(seed, Shape::Cyclic);
        let spans = history.spans();
        let observer = Observer::new(&spans, 0..i64::MAX);
        let mut circles = BTreeSet::new();
        for chain in chains(&observer) {
            let [last, between @ ..] = chain.as_slice() else { continue };
            if let Some(length) = between.iter().position(|service| service == last) {
                circles.extend(chain[..=length].iter().min().map(|first| (*first, None)));
            }
            assert!(chain.len() <= 4, "{chain:?}");
        }
        assert_eq!(circles.len(), 3);
        assert_eq!(findings(&history, FindingKind::Cycle), circles);
    }
    assert!(findings(&history(1, Shape::Tree), FindingKind::Cycle).is_empty());
}

#[test]
fn all_services_write_one_database() {
    let history = history(1, Shape::SharedDatabase);
    let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sent in history.spans().iter().filter(|sent| is_query(&sent.span)) {
        let attributes = texts(&sent.span.attributes);
        let collection = text(&attributes, &["db.collection.name"]).to_owned();
        assert_eq!(text(&attributes, &["server.address"]), "main-db");
        if text(&attributes, &["db.operation.name"]) == "UPDATE" {
            writers.entry(collection).or_default().insert(sent.service.clone());
        }
    }
    assert!(writers.values().map(BTreeSet::len).sum::<usize>() > 10, "{writers:?}");
    let shared = writers.iter().filter(|(_, writers)| writers.len() > 1);
    let shared: BTreeSet<(&str, Option<&str>)> = shared.map(|(name, _)| ("main-db", Some(name.as_str()))).collect();
    assert!(!shared.is_empty());
    assert_eq!(findings(&history, FindingKind::SharedDb), shared);
}

#[test]
fn everything_goes_through_a_hub() {
    let history = history(1, Shape::Hub);
    let edges = edges(&history);
    let count = |service: &str, is_caller: bool| {
        let ends =
            edges.iter().filter(|(caller, callee)| if is_caller { *caller == service } else { *callee == service });
        ends.count()
    };
    let services: BTreeSet<&str> = edges.iter().flat_map(|(caller, callee)| [*caller, *callee]).collect();
    let hubs: Vec<&&str> =
        services.iter().filter(|service| count(service, false) == 4 && count(service, true) == 6).collect();
    assert_eq!(hubs.len(), 1, "{edges:?}");
    let hub = *hubs[0];
    let others = edges.iter().filter(|(caller, callee)| *caller != "edge" && *caller != hub && *callee != hub);
    assert_eq!(others.count(), 0, "{edges:?}");
}

#[test]
fn messages_go_to_partitions_and_groups() {
    let history = history(1, Shape::Messaging);
    let spans = history.spans();
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut partitions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sent in spans.iter().filter(|sent| sent.span.kind() == SpanKind::Consumer) {
        let attributes = texts(&sent.span.attributes);
        let topic = text(&attributes, &["messaging.destination.name"]).to_owned();
        let group = text(&attributes, &["messaging.consumer.group.name"]).to_owned();
        let partition = text(&attributes, &["messaging.destination.partition.id"]).to_owned();
        groups.entry(topic.clone()).or_default().insert(group);
        partitions.entry(topic).or_default().insert(partition);
    }
    // Three services below the edge and their six callees send, and so does the edge.
    let mut sizes: Vec<usize> = groups.values().map(BTreeSet::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 1, 1, 1, 1, 2, 2, 2], "{groups:?}");
    assert!(partitions.values().all(|partitions| partitions.len() >= 2), "{partitions:?}");
    assert!(edges(&history).iter().all(|(caller, _)| *caller == "edge"), "all others get messages");
    let queued: BTreeSet<(&str, &str)> = history
        .truth
        .edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Async)
        .map(|edge| (edge.source.as_str(), edge.target.as_str()))
        .collect();
    assert_eq!(queued.len(), 13, "{queued:?}");
}

#[test]
fn drawn_systems_follow_their_histograms() {
    let mut histogram = Histogram { degree: [0; 9], depth: [0; 6], repeats: [0; 8] };
    (histogram.degree[2], histogram.depth[1], histogram.depth[3], histogram.repeats[2]) = (1, 1, 1, 1);
    for seed in 1..4 {
        let history = history(seed, Shape::Drawn(histogram));
        let spans = history.spans();
        let observer = Observer::new(&spans, 0..i64::MAX);
        let longest = chains(&observer).iter().map(Vec::len).max().unwrap_or_default();
        assert!((3..=5).contains(&longest), "{longest} services in a row");
        let mut callees: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (caller, callee) in edges(&history) {
            callees.entry(caller).or_default().insert(callee);
        }
        let total: usize = callees.values().map(BTreeSet::len).sum();
        assert!(callees.values().all(|callees| callees.len() <= 2) && total * 10 >= callees.len() * 18, "{callees:?}");
        // Whoever is called by another service than the edge is called three times in a row.
        for parent in
            observer.spans.iter().filter(|seen| seen.kind() == SpanKind::Server && seen.sent.service != "edge")
        {
            let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
            let children = parent.children.iter().map(|child| &observer.spans[*child]);
            for child in children.filter(|child| child.kind() == SpanKind::Client && !is_query(&child.sent.span)) {
                *calls.entry(&child.peer).or_default() += 1;
            }
            let is_whole = parent.outcome == "ok";
            assert!(!is_whole || calls.values().all(|calls| *calls == 3), "{calls:?}");
        }
        let deep = longest == 5;
        let chain = history.truth.findings.iter().any(|finding| finding.kind == FindingKind::SyncChain);
        assert_eq!(chain, deep, "what may be found as a chain is there if there is one");
    }
    let alone = history(1, Shape::Drawn(Histogram { degree: [0; 9], depth: [0; 6], repeats: [0; 8] }));
    assert_eq!(edges(&alone).len(), 1, "the edge calls one service at least");
}

#[test]
fn scenarios_go_where_they_change_something() {
    let during = MINUTE / 4..MINUTE;
    for shape in [Shape::Cyclic, Shape::SharedDatabase, Shape::Hub, Shape::Messaging] {
        let scheduled = |kind: FindingKind| Scheduled { scenario: Scenario::of(kind), during: during.clone() };
        let scenarios = FindingKind::ALL.into_iter().map(scheduled).collect();
        let config = ShopConfig { scenarios, ..config(2, shape) };
        let plans = spandrel_shop::plans(&config);
        let expected = plans.iter().flat_map(|plan| &plan.expected);
        let mut seen = BTreeSet::new();
        for expected in expected {
            let subject = (expected.kind, &expected.service, &expected.target, &expected.operation);
            assert!(seen.insert(subject), "{shape:?} has it twice: {expected:?}");
        }
        assert!(plans.len() >= 2, "{shape:?}: no scenario has a place");
    }
}
