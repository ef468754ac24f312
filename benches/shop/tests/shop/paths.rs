//! What requests waited for, as the simulation knows it, and as the partition of ANALYSIS 6.2 takes it from spans.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spandrel_shop::{FindingKind, MINUTE, Scenario, Scheduled, ShopConfig};

use crate::{
    history::History,
    observer::{Observer, Seen},
};

/// Nanoseconds by service of the time below a span.
fn partition(observer: &Observer<'_>, root: usize) -> BTreeMap<String, u64> {
    let mut exclusive: BTreeMap<String, u64> = BTreeMap::new();
    let spans = &observer.spans;
    let mut todo = vec![(root, spans[root].start(), spans[root].end())];
    while let Some((parent, low, high)) = todo.pop() {
        let mut children: Vec<usize> = spans[parent].children.clone();
        children.retain(|child| blocks(&spans[*child], &spans[parent]));
        children.sort_by_key(|child| (-spans[*child].end().min(high), spans[*child].start()));
        let (mut time, mut own) = (high, 0);
        for child in children {
            let end = spans[child].end().min(high);
            let start = spans[child].start().max(low);
            if end <= time && start < end {
                own += time - end;
                todo.push((child, start, end));
                time = start;
            }
        }
        own += time - low;
        *exclusive.entry(spans[parent].sent.service.clone()).or_default() += own as u64;
    }
    exclusive.retain(|_, nanos| *nanos > 0);
    exclusive
}

fn blocks(child: &Seen<'_>, parent: &Seen<'_>) -> bool {
    let is_message = matches!(child.kind(), SpanKind::Producer | SpanKind::Consumer);
    let is_detached = child.sent.instance == parent.sent.instance && child.end() > parent.end();
    !is_message && !is_detached && child.start() < parent.end()
}

/// The share of all time that both put down to another service.
pub(crate) fn disagreement(history: &History) -> f64 {
    let spans = history.spans();
    let observer = Observer::new(&spans, 0..i64::MAX);
    let mut roots: HashMap<String, usize> = HashMap::new();
    for (place, seen) in observer.spans.iter().enumerate() {
        if seen.sent.span.parent_span_id.is_empty() {
            let trace: String = seen.sent.span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            roots.insert(trace, place);
        }
    }
    let (mut differing, mut total) = (0, 0);
    for path in &history.truth.paths {
        let seen = partition(&observer, roots[&path.trace_id]);
        assert_eq!(seen.values().sum::<u64>(), path.duration_ns);
        let shares = path.exclusive_ns.iter();
        let same: u64 = shares.map(|(service, nanos)| *nanos.min(seen.get(service).unwrap_or(&0))).sum();
        differing += path.duration_ns - same;
        total += path.duration_ns;
    }
    assert!(total > 0);
    differing as f64 / total as f64
}

#[test]
fn who_waited_for_whom_agrees_with_the_spans() {
    let during = MINUTE / 2..3 * MINUTE / 2;
    for kinds in [
        &[][..],
        &[FindingKind::Cascade, FindingKind::HotService],
        &[FindingKind::FanoutBurst],
        &[FindingKind::WastedWork],
    ] {
        let played = |kind: &FindingKind| Scheduled { scenario: Scenario::of(*kind), during: during.clone() };
        let scenarios = kinds.iter().map(played).collect();
        let config = ShopConfig { seed: 4, rate: 10.0, scenarios, ..ShopConfig::default() };
        let share = disagreement(&History::of(&config, 120));
        println!("{kinds:?}: {share}");
        assert!(share < 0.002, "{kinds:?}: {share}");
    }
}
