//! Repair: whatever spans a trace has, each is kept once and has its place.

use proptest::prelude::*;

use super::{Repairs, Trace};
use crate::{
    span::{Kind, Span},
    testing::Fixture,
};

/// Service, kind and parent's service of each span, in order.
fn family(trace: &Trace, fixture: &Fixture) -> Vec<String> {
    let service = |span: usize| {
        let resource = fixture.context.resource(trace.spans[span].resource);
        format!("{}:{:?}", fixture.context.service_name(resource.service), trace.kind(span))
    };
    (0..trace.len())
        .map(|span| format!("{}<{}", service(span), trace.parent(span).map(service).unwrap_or_default()))
        .collect()
}

#[test]
fn copies_are_left_out_and_the_longest_is_kept() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 10));
    fixture.span((1, 0), Kind::Server, "shop", (0, 12)).http_status = 200;
    fixture.span((1, 0), Kind::Server, "shop", (0, 12));
    fixture.span((2, 1), Kind::Client, "shop", (1, 9));
    let trace = fixture.trace();
    assert_eq!(trace.repairs, Repairs { duplicates: 2, ..Repairs::default() });
    assert_eq!((trace.len(), trace.spans[0].duration(), trace.spans[0].http_status), (2, 12_000_000, 200));
    assert_eq!(trace.parent(1), Some(0));
}

#[test]
fn te7_client_and_server_may_share_an_id() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((2, 1), Kind::Server, "cart", (20, 80));
    fixture.span((3, 2), Kind::Internal, "cart", (30, 70));
    fixture.span((4, 2), Kind::Internal, "shop", (30, 70));
    let trace = fixture.trace();
    assert_eq!(trace.repairs, Repairs { shared_ids: 1, ..Repairs::default() });
    let found = family(&trace, &fixture);
    assert_eq!(found[..3], ["shop:Server<", "shop:Client<shop:Server", "cart:Server<shop:Client"]);
    assert!(found.contains(&"cart:Internal<cart:Server".to_owned()), "{found:?}");
    assert!(found.contains(&"shop:Internal<shop:Client".to_owned()), "{found:?}");
    assert_eq!(trace.find(2), Some(1), "the client keeps the id");
}

#[test]
fn ids_used_again_by_other_services_lose_nothing() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((1, 0), Kind::Server, "cart", (5, 50));
    fixture.span((2, 1), Kind::Internal, "cart", (6, 40));
    fixture.span((3, 1), Kind::Internal, "shop", (7, 40));
    fixture.span((4, 1), Kind::Server, "stock", (8, 40));
    let trace = fixture.trace();
    assert_eq!(trace.repairs, Repairs { id_clashes: 1, ..Repairs::default() });
    assert_eq!(
        family(&trace, &fixture),
        [
            "shop:Server<",
            "cart:Server<",
            "cart:Internal<cart:Server",
            "shop:Internal<shop:Server",
            "stock:Server<shop:Server"
        ]
    );
}

#[test]
fn cycles_are_cut_above_their_earliest_span() {
    let mut fixture = Fixture::default();
    fixture.span((1, 3), Kind::Internal, "a", (5, 10));
    fixture.span((2, 1), Kind::Internal, "a", (0, 10));
    fixture.span((3, 2), Kind::Internal, "a", (6, 10));
    fixture.span((4, 3), Kind::Internal, "a", (7, 10));
    fixture.span((5, 5), Kind::Internal, "a", (8, 10));
    fixture.span((6, 99), Kind::Internal, "a", (9, 10));
    let trace = fixture.trace();
    assert_eq!(trace.repairs, Repairs { cycles: 2, orphans: 1, ..Repairs::default() });
    let ids = |spans: Vec<usize>| spans.into_iter().map(|span| trace.spans[span].span_id).collect::<Vec<_>>();
    assert_eq!(ids(trace.roots().collect()), [2, 5, 6]);
    assert_eq!(ids(trace.order().collect()), [2, 5, 6, 3, 1, 4]);
}

#[test]
fn who_serves_is_told_by_process_and_not_by_kind_alone() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop/1", (0, 100));
    fixture.span((2, 1), Kind::Server, "shop/1", (1, 99));
    fixture.span((3, 2), Kind::Internal, "shop/1", (2, 98));
    fixture.span((4, 3), Kind::Server, "shop/2", (3, 90));
    fixture.span((5, 4), Kind::Internal, "cart/1", (4, 80));
    fixture.span((6, 5), Kind::Client, "cart/1", (5, 70));
    fixture.span((7, 6), Kind::Server, "cart/1", (6, 60));
    let trace = fixture.trace();
    let serving: Vec<usize> = (0..trace.len()).map(|span| trace.serving(span)).collect();
    assert_eq!(serving, [0, 0, 0, 3, 4, 4, 6]);
}

#[test]
fn nothing_is_a_trace_too() {
    let trace = Fixture::default().trace();
    assert!(trace.is_empty() && trace.find(1).is_none() && trace.roots().next().is_none());
}

/// Spans of few ids, services and times, so that everything that can be wrong is.
fn any_spans() -> impl Strategy<Value = Vec<(u64, u64, u8, u8, i64, i64)>> {
    prop::collection::vec((1..8_u64, 0..9_u64, 0..5_u8, 0..3_u8, 0..4_i64, 0..4_i64), 0..24)
}

fn fixture_of(rows: &[(u64, u64, u8, u8, i64, i64)]) -> Fixture {
    const KINDS: [Kind; 5] = [Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer];
    let mut fixture = Fixture::default();
    for (id, parent, kind, service, start, length) in rows {
        let service = ["a", "b", "c"][usize::from(*service)];
        fixture.span((*id, *parent), KINDS[usize::from(*kind)], service, (*start, start + length));
    }
    fixture
}

proptest! {
    #[test]
    fn any_spans_become_a_forest_whatever_their_order(rows in any_spans(), seed in any::<u64>()) {
        let fixture = fixture_of(&rows);
        let trace = fixture.trace();
        let mut order: Vec<usize> = trace.order().collect();
        prop_assert_eq!(trace.len() + trace.repairs.duplicates as usize, rows.len());
        for (place, span) in order.iter().enumerate() {
            let parent = trace.parent(*span);
            prop_assert!(parent.is_none_or(|parent| order[..place].contains(&parent)));
            prop_assert!(trace.is_serving(trace.serving(*span)));
        }
        order.sort_unstable();
        prop_assert!(order.iter().copied().eq(0..trace.len()));

        let mut shuffled = fixture.spans.clone();
        shuffled.sort_by_key(|span| (span.span_id ^ span.start as u64).wrapping_mul(seed | 1) ^ span.end as u64);
        let again = Trace::build(shuffled, &fixture.context);
        let tree = |trace: &Trace| {
            let place = |span: &Span| (span.span_id, span.parent_id, span.start, span.end, span.kind, span.resource);
            let spans: Vec<_> = trace.spans.iter().map(place).collect();
            let parents: Vec<_> = (0..trace.len()).map(|span| trace.parent(span)).collect();
            (spans, trace.order().collect::<Vec<_>>(), parents)
        };
        prop_assert_eq!(tree(&trace), tree(&again));
        prop_assert_eq!(trace.repairs, again.repairs);
    }
}
