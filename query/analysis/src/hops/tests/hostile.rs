//! Traces that nobody should send.

use proptest::prelude::*;

use super::{built, shown, words};
use crate::{
    hops::{HopFlags, Hops},
    peers::PeerMap,
    span::{Kind, MessageStep, Span},
    testing::Fixture,
    trace::Trace,
};

#[test]
fn a_chain_of_70_000_services() {
    let mut fixture = Fixture::default();
    for id in 1..=70_000_u64 {
        let kind = if id % 2 == 1 { Kind::Server } else { Kind::Client };
        let service = ["a", "b"][((id - 1) / 2 % 2) as usize];
        fixture.span((id, id - 1), kind, service, (id as i64, 200_000 - id as i64));
    }
    assert_eq!(built(&mut fixture).hops.len(), 35_000 + 1, "each server and the last client");
}

#[test]
fn a_chain_of_70_000_client_spans_is_one_call() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "a", (0, 200_000));
    for id in 2..=70_000_u64 {
        fixture.span((id, id - 1), Kind::Client, "a", (id as i64, 200_000 - id as i64));
    }
    let hops = built(&mut fixture);
    assert_eq!((hops.hops.len(), hops.hops[1].wire), (2, Some(69_999)));
}

#[test]
fn a_hundred_thousand_siblings() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "a", (0, 200_000));
    for id in 2..=100_000_u64 {
        fixture.span((id, 1), Kind::Client, "a", (id as i64, id as i64 + 1)).outcome =
            spandrel_proto::model::Outcome::ServerFault;
        fixture.http("b", 80);
    }
    let hops = built(&mut fixture);
    assert_eq!((hops.hops.len(), hops.hops[1].attempt_count()), (2, 99_999));
    assert!(hops.hops[1].flags.contains(HopFlags::ATTEMPTS_INFERRED));
}

#[test]
fn a_hundred_thousand_spans_of_one_id() {
    let mut fixture = Fixture::default();
    for number in 0..100_000_i64 {
        let service = ["a", "b", "c"][number as usize % 3];
        fixture.span((1, 1), Kind::Client, service, (number, number + 1));
    }
    let trace = fixture.trace();
    assert_eq!((trace.len(), trace.repairs.id_clashes, trace.repairs.cycles), (100_000, 99_999, 3));
}

#[test]
fn two_roots_are_two_requests_and_no_root_is_none() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "a", (0, 10));
    fixture.span((2, 0), Kind::Server, "b", (0, 10));
    assert_eq!(shown(&mut fixture), ["user>a Entry 1/1 ok", "user>b Entry 1/1 ok"]);
    let mut fixture = Fixture::default();
    fixture.span((1, 2), Kind::Server, "a", (0, 10));
    fixture.span((2, 1), Kind::Server, "b", (1, 9));
    assert_eq!(shown(&mut fixture), ["unknown>a Entry 1/1 ok orphan", "a>b Request 1/1 ok client_missing"]);
}

type Row = ((u64, u64), u8, u8, (i64, i64), u8, (bool, bool));

/// Spans of all kinds and steps, few ids and times: a forest, and everything else too.
fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = ((1..12_u64, 0..12_u64), 0..5_u8, 0..3_u8, (0..20_i64, 0..8_i64), 0..9_u8, any::<(bool, bool)>());
    prop::collection::vec(row, 0..30)
}

fn fixture_of(rows: &[Row]) -> Fixture {
    const KINDS: [Kind; 5] = [Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer];
    const STEPS: [MessageStep; 5] =
        [MessageStep::Create, MessageStep::Send, MessageStep::Receive, MessageStep::Process, MessageStep::Settle];
    let mut fixture = Fixture::default();
    for (ids, kind, service, (start, length), says, (fails, links)) in rows {
        let service = ["a", "b/1", "b/2"][usize::from(*service)];
        fixture.span(*ids, KINDS[usize::from(*kind)], service, (*start, start + length));
        match says {
            0 => fixture.http("c", 80),
            1 => fixture.query("redis", "d", ""),
            2 => fixture.peer(|peer, texts| peer.service = texts.intern("b")),
            3..8 => fixture.message(STEPS[usize::from(*says) - 3], "t"),
            _ => fixture.named("other"),
        };
        if *links {
            fixture.linked(&[(1, 1), (1, 2), (2, 3)]);
        }
        if *fails {
            fixture.spans.last_mut().expect("it was added").outcome = spandrel_proto::model::Outcome::ServerFault;
        }
    }
    fixture
}

fn permuted(spans: &[Span], seed: u64) -> Vec<Span> {
    let mut keyed: Vec<(u64, Span)> = (0..)
        .zip(spans)
        .map(|(place, span)| ((place + 1_u64).wrapping_mul(seed | 1).rotate_left(17) ^ seed, span.clone()))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, span)| span).collect()
}

proptest! {
    #[test]
    fn the_order_of_spans_does_not_matter(rows in any_rows(), seed in any::<u64>()) {
        let mut fixture = fixture_of(&rows);
        let hops = |spans: Vec<Span>, fixture: &mut Fixture| {
            let trace = Trace::build(spans, &fixture.context);
            let hops = Hops::build(&trace, &mut fixture.context, &mut PeerMap::default());
            let attempts: Vec<_> = hops.hops.iter().map(|hop| hops.attempts(hop).to_vec()).collect();
            let servers: Vec<_> = hops.hops.iter().map(|hop| hops.servers(hop).to_vec()).collect();
            (words(&hops, &fixture.context), attempts, servers, hops.links)
        };
        let spans = fixture.spans.clone();
        let found = hops(spans.clone(), &mut fixture);
        prop_assert_eq!(found, hops(permuted(&spans, seed), &mut fixture));
    }

    #[test]
    fn every_span_that_came_in_has_one_hop(rows in any_rows()) {
        let mut fixture = fixture_of(&rows);
        let trace = fixture.trace();
        let hops = Hops::build(&trace, &mut fixture.context, &mut PeerMap::default());
        for span in 0..trace.len() {
            let requests = hops.hops.iter().filter(|hop| hops.servers(hop).contains(&(span as u32)));
            let requests = requests.filter(|hop| hop.kind != crate::hops::HopKind::Deliver).count();
            prop_assert!(requests <= 1, "span {} is served by {} requests", span, requests);
            let service = |span: usize| fixture.context.resource(trace.spans[span].resource).service;
            let elsewhere = trace.parent(span).is_some_and(|parent| service(parent) != service(span));
            let fetched = fixture.context.peer(trace.spans[span].peer).step == MessageStep::Receive;
            prop_assert!(!elsewhere || fetched || hops.index_into(span).is_some(), "span {} came in", span);
        }
        for hop in &hops.hops {
            prop_assert!(hop.end >= hop.start && !hops.attempts(hop).is_empty());
        }
    }
}
