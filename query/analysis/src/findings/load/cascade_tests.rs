use spandrel_proto::model::Outcome;

use super::Cascade;
use crate::{
    findings::{
        Value,
        load::testing::{MINUTE_MS, Traffic},
        track::{State, Tracker},
    },
    span::Kind,
    testing::MS,
};

const CHAIN: [&str; 4] = ["shop", "cart", "stock", "store"];

/// A minute of 100 requests over a chain, of which those with a number below `failing` fail from `origin` up to `top`.
fn minute(traffic: &mut Traffic, minute: i64, failing: i64, origin: usize, top: usize) {
    traffic.minute(minute, 100, |number, writer| {
        writer.chain(&CHAIN, 50, |position| {
            let fails = number < failing && (top..=origin).contains(&position);
            if fails { Outcome::ServerFault } else { Outcome::Ok }
        });
    });
}

#[test]
fn failures_of_a_leaf_that_reach_the_entry_are_a_cascade() {
    let mut traffic = Traffic::default();
    minute(&mut traffic, 0, 10, 3, 0);
    let found = traffic.candidates::<Cascade>(0);
    assert_eq!(traffic.fires::<Cascade>(0), ["CASCADE store => shop op"]);
    let subject = &found[0].subject;
    assert_eq!((subject.service.as_str(), subject.target.as_deref()), ("store", Some("shop")));
    assert_eq!(subject.operation.as_deref(), Some("op"));
    assert_eq!(found[0].lost_ms(), 900.0, "a tenth of the requests of a service without criticality fails");
    assert_eq!((found[0].since, found[0].until), (0, 9 * 600 * MS + 50 * MS));
}

#[test]
fn what_an_origin_costs_is_told_of_all_that_it_fails() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |number, writer| {
        let entry = if number % 2 == 0 { "shop" } else { "admin" };
        let outcome = if number < 20 { Outcome::ServerFault } else { Outcome::Ok };
        writer.chain(&[entry, "cart", "store"], 50, |_| outcome);
    });
    let found = traffic.candidates::<Cascade>(0);
    assert_eq!(traffic.fires::<Cascade>(0), ["CASCADE store => admin op", "CASCADE store => shop op"]);
    for candidate in found {
        let own = candidate.evidence.details.iter().find_map(|(name, value)| match value {
            Value::Number(lost) if *name == "lost_by_operation_ms" => Some(lost.round()),
            _ => None,
        });
        assert_eq!((candidate.lost_ms(), own), (1800.0, Some(900.0)));
    }
}

#[test]
fn what_looks_like_a_cascade_is_none() {
    for (what, failing, origin, top) in [
        ("too few fail", 2, 3, 0),
        ("the entry fails by itself", 30, 0, 0),
        ("one hop only", 30, 1, 0),
        ("a fallback absorbs the failures", 30, 3, 1),
        ("nothing fails", 0, 3, 0),
    ] {
        let mut traffic = Traffic::default();
        minute(&mut traffic, 0, failing, origin, top);
        assert_eq!(traffic.fires::<Cascade>(0), [""; 0], "{what}");
    }
}

#[test]
fn faults_of_clients_and_recovered_retries_are_no_cascade() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| {
        writer.chain(&CHAIN, 50, |_| Outcome::ClientFault);
        writer.span((1, 0), Kind::Server, "shop", (0, 50));
        writer.call((2, 1), ("shop", "cart"), (1, 40), Outcome::Ok);
        writer.call((4, 3), ("cart", "store"), (3, 10), Outcome::ServerFault);
        writer.call((6, 3), ("cart", "store"), (12, 20), Outcome::Ok);
    });
    assert_eq!(traffic.fires::<Cascade>(0), [""; 0]);
}

#[test]
fn several_origins_of_which_none_explains_half_are_no_cascade() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |number, writer| {
        let leaf = ["a", "b", "c"][number as usize % 3];
        let outcome = if number < 30 { Outcome::ServerFault } else { Outcome::Ok };
        writer.chain(&["shop", "cart", leaf], 50, |_| outcome);
    });
    assert_eq!(traffic.fires::<Cascade>(0), [""; 0]);
}

#[test]
fn a_share_of_failures_that_is_usual_is_no_cascade_until_it_is_three_times_as_high() {
    let mut traffic = Traffic::default();
    for number in 0..10 {
        // The entry itself fails now and then; later a leaf does as often.
        minute(&mut traffic, number, 6, 0, 0);
    }
    minute(&mut traffic, 10, 9, 3, 0);
    assert_eq!(traffic.fires::<Cascade>(10), [""; 0]);
    let mut traffic = Traffic::default();
    for number in 0..10 {
        minute(&mut traffic, number, 6, 0, 0);
    }
    minute(&mut traffic, 10, 50, 3, 0);
    assert_eq!(traffic.fires::<Cascade>(10), ["CASCADE store => shop op"]);
}

#[test]
fn a_callee_without_spans_is_an_origin_and_few_requests_are_taken_together() {
    let mut traffic = Traffic::default();
    for minute in 0..4 {
        traffic.minute(minute, 10, |number, writer| {
            let outcome = if number < 5 { Outcome::Unreachable } else { Outcome::Ok };
            let own = if number < 5 { Outcome::ServerFault } else { Outcome::Ok };
            writer.span((1, 0), Kind::Server, "shop", (0, 50)).outcome = own;
            writer.call((2, 1), ("shop", "cart"), (1, 40), own);
            writer.call_out((4, 3), "cart", "bank", (3, 10), outcome);
        });
    }
    assert_eq!(traffic.fires::<Cascade>(0), [""; 0], "ten requests say nothing");
    assert_eq!(traffic.fires::<Cascade>(3), ["CASCADE bank => shop op"]);
    let path = format!("{:?}", traffic.candidates::<Cascade>(3)[0].evidence.details);
    assert!(path.contains("\"cart\"") && path.contains("\"bank\""), "{path}");
}

#[test]
fn one_incident_is_one_finding_with_its_beginning_and_end() {
    let mut traffic = Traffic::default();
    for (number, failing) in [0, 0, 30, 40, 30, 0, 0, 0, 0].into_iter().enumerate() {
        minute(&mut traffic, number as i64, failing, 3, 0);
    }
    let mut tracker = Tracker::default();
    let mut states = Vec::new();
    for minute in 0..9 {
        let begins = minute * MINUTE_MS * MS;
        let changes = tracker.step(begins, traffic.candidates::<Cascade>(minute));
        states.extend(changes.into_iter().map(|change| (minute, change.state, change.finding)));
    }
    assert_eq!(
        states.iter().map(|(minute, state, _)| (*minute, *state)).collect::<Vec<_>>(),
        [(2, State::Opened), (7, State::Closed)]
    );
    let closed = &states[1].2;
    assert_eq!(closed.opened, 2 * MINUTE_MS * MS);
    assert_eq!(closed.closed, Some((4 * MINUTE_MS + 29 * 600 + 50) * MS));
}
