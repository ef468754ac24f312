use spandrel_proto::model::Outcome;

use super::SyncChain;
use crate::{
    findings::load::testing::{Traffic, Writer},
    span::Kind,
    testing::MS,
};

const LONG: [&str; 5] = ["shop", "cart", "price", "tax", "rates"];

fn ok(_: usize) -> Outcome {
    Outcome::Ok
}

#[test]
fn four_hops_in_a_row_that_are_waited_for_are_a_chain() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| writer.chain(&LONG, 100, ok));
    let found = traffic.candidates::<SyncChain>(0);
    assert_eq!(traffic.fires::<SyncChain>(0), ["SYNC_CHAIN shop -> cart -> price -> tax -> rates"]);
    let candidate = &found[0];
    assert_eq!((candidate.subject.service.as_str(), candidate.subject.target.as_deref()), ("shop", Some("rates")));
    assert_eq!(candidate.evidence.measure, 4.0);
    assert_eq!((candidate.since, candidate.until), (0, (59_400 + 100) * MS));
    assert_eq!(candidate.lost_ms(), 0.9 * 86.0, "what the last service takes, and the way to it");
}

#[test]
fn gateways_are_on_the_way_and_do_not_count() {
    let [front, between, behind] =
        [["api-gateway", "shop", "cart", "price", "tax"], ["shop", "cart", "egress-proxy", "price", "tax"], LONG];
    for chain in [front, between] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 100, |_, writer| writer.chain(&chain, 100, ok));
        assert_eq!(traffic.fires::<SyncChain>(0), [""; 0], "{chain:?}");
    }
    let mut traffic = Traffic::default();
    let chain: Vec<&str> = ["api-gateway"].into_iter().chain(behind).collect();
    traffic.minute(0, 100, |_, writer| {
        writer.chain(&chain, 100, ok);
        let passes_on = writer.text("/**");
        writer.each(|span| {
            if span.parent_id == 0 {
                span.operation = passes_on;
            }
        });
    });
    let found = traffic.candidates::<SyncChain>(0);
    assert_eq!(traffic.fires::<SyncChain>(0), ["SYNC_CHAIN shop -> cart -> price -> tax -> rates"]);
    assert_eq!((found[0].subject.service.as_str(), found[0].evidence.measure), ("shop", 4.0));
    assert_eq!(found[0].subject.operation.as_deref(), Some("op"), "not the gateway's");
}

#[test]
fn shorter_rarer_and_unimportant_chains_are_none() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| writer.chain(&LONG[..4], 100, ok));
    assert_eq!(traffic.fires::<SyncChain>(0), [""; 0], "three hops");

    for (count, expected) in [(8, 0), (14, 1)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 100, |number, writer| writer.chain(&LONG[..if number < count { 5 } else { 2 }], 100, ok));
        assert_eq!(traffic.fires::<SyncChain>(0).len(), expected, "{count} of a hundred, lower end of the range");
    }

    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| slow_entry(writer));
    assert_eq!(traffic.fires::<SyncChain>(0), [""; 0], "a tenth of the time");
}

/// A chain of five that takes a tenth of its request.
fn slow_entry(writer: &mut Writer<'_>) {
    writer.span((1, 0), Kind::Server, "shop", (0, 200));
    for (index, pair) in LONG.windows(2).enumerate() {
        let (id, inset) = (2 + 2 * index as u64, 1 + 2 * index as i64);
        writer.call((id, id - 1), (pair[0], pair[1]), (inset, 20 - inset), Outcome::Ok);
    }
}

#[test]
fn messages_and_calls_beside_longer_ones_do_not_block() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 100));
        writer.call((2, 1), ("shop", "cart"), (1, 90), Outcome::Ok);
        writer.call((4, 3), ("cart", "price"), (3, 80), Outcome::Ok);
        // The price waits for something else at the same time, which takes longer.
        writer.call((6, 5), ("price", "tax"), (5, 20), Outcome::Ok);
        writer.call((8, 7), ("tax", "rates"), (7, 18), Outcome::Ok);
        writer.call((10, 5), ("price", "stock"), (5, 78), Outcome::Ok);
    });
    traffic.minute(0, 100, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 100));
        writer.call((2, 1), ("shop", "cart"), (1, 90), Outcome::Ok);
        writer.span((4, 3), Kind::Producer, "cart", (3, 4));
        writer.span((5, 4), Kind::Consumer, "price", (10, 80));
        writer.call((6, 5), ("price", "tax"), (15, 78), Outcome::Ok);
        writer.call((8, 7), ("tax", "rates"), (17, 70), Outcome::Ok);
    });
    assert_eq!(traffic.fires::<SyncChain>(0), [""; 0]);
}

#[test]
fn the_longest_chain_counts_and_requests_with_more_of_it_count_for_less() {
    let mut traffic = Traffic::default();
    let longer = ["shop", "cart", "price", "tax", "rates", "bank"];
    traffic.minute(
        0,
        100,
        |number, writer| {
            if number % 2 == 0 { writer.chain(&LONG, 100, ok) } else { writer.chain(&longer, 100, ok) }
        },
    );
    assert_eq!(traffic.fires::<SyncChain>(0), ["SYNC_CHAIN shop -> cart -> price -> tax -> rates -> bank"]);
    // Too rare itself, it is part of the shorter one.
    let mut traffic = Traffic::default();
    traffic.minute(
        0,
        100,
        |number, writer| {
            if number > 2 { writer.chain(&LONG, 100, ok) } else { writer.chain(&longer, 100, ok) }
        },
    );
    let found = traffic.candidates::<SyncChain>(0);
    assert_eq!((found.len(), found[0].subject.target.as_deref()), (1, Some("rates")));
    assert_eq!(traffic.candidates::<SyncChain>(4)[0].until, found[0].until, "for five minutes");
    assert_eq!(traffic.candidates::<SyncChain>(5), []);
}

#[test]
fn a_chain_that_fails_in_several_places_matters_however_fast() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 1000, |number, writer| {
        let fails = |position: usize| number < 40 && number as usize % 4 + 1 == position;
        writer.span((1, 0), Kind::Server, "shop", (0, 400)).outcome =
            if number < 40 { Outcome::ServerFault } else { Outcome::Ok };
        for (index, pair) in LONG.windows(2).enumerate() {
            let (id, inset) = (2 + 2 * index as u64, 1 + 2 * index as i64);
            let position = index + 1;
            let fails_from = (position..5).any(fails);
            let outcome = if fails_from { Outcome::ServerFault } else { Outcome::Ok };
            writer.call((id, id - 1), (pair[0], pair[1]), (inset, 20 - inset), outcome);
        }
    });
    // One percent of failures begins with each of four services: together, more than twice the worst.
    assert_eq!(traffic.fires::<SyncChain>(0).len(), 1);
    // A single failure of each of two services is chance.
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |number, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 400));
        for (index, pair) in LONG.windows(2).enumerate() {
            let (id, inset) = (2 + 2 * index as u64, 1 + 2 * index as i64);
            let outcome = if number == index as i64 * 2 { Outcome::ServerFault } else { Outcome::Ok };
            writer.call((id, id - 1), (pair[0], pair[1]), (inset, 20 - inset), outcome);
        }
    });
    assert_eq!(traffic.fires::<SyncChain>(0), [""; 0]);
}
