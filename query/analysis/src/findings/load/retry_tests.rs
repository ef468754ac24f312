use spandrel_proto::model::Outcome;

use super::Retry;
use crate::{
    findings::load::testing::{MINUTE_MS, Traffic, Writer},
    span::Kind,
    testing::MS,
};

/// A request to the shop, which tries to ask the cart until an attempt ends `ok`: sibling client spans.
fn tried(writer: &mut Writer<'_>, attempts: i64, last: Outcome) {
    writer.span((1, 0), Kind::Server, "shop", (0, 20 * attempts)).outcome = last;
    for attempt in 0..attempts {
        let outcome = if attempt + 1 == attempts { last } else { Outcome::ServerFault };
        let id = 10 * (attempt as u64 + 1);
        writer.call((id, 1), ("shop", "cart"), (20 * attempt, 20 * attempt + 10), outcome);
    }
}

#[test]
fn calls_that_are_often_tried_again_are_amplification() {
    for (retried, expected) in [(20, vec!["RETRY_AMPLIFICATION shop -> cart"]), (19, vec![]), (0, vec![])] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 100, |number, writer| tried(writer, if number < retried { 2 } else { 1 }, Outcome::Ok));
        assert_eq!(traffic.fires::<Retry>(0), expected, "{retried} of a hundred");
    }
}

#[test]
fn a_hundred_calls_it_takes_in_five_minutes_at_most() {
    let mut traffic = Traffic::default();
    for minute in 0..5 {
        traffic.minute(minute, 20, |_, writer| tried(writer, 3, Outcome::Ok));
    }
    assert_eq!(traffic.fires::<Retry>(3), [""; 0]);
    assert_eq!(traffic.fires::<Retry>(4), ["RETRY_AMPLIFICATION shop -> cart"]);
    let candidate = &traffic.candidates::<Retry>(4)[0];
    assert_eq!(candidate.evidence.measure, 3.0);
    assert_eq!(candidate.lost_ms(), 0.9 * 40.0, "until the last try");
    assert_eq!((candidate.since, candidate.until), (0, (4 * MINUTE_MS + 57_000 + 50) * MS));
}

#[test]
fn redirects_hedges_and_repeated_calls_are_no_retries() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 200, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 100));
        // Sent again for a redirect.
        writer.call((10, 1), ("shop", "cart"), (0, 10), Outcome::Ok);
        writer.call_out((20, 1), "shop", "cart", (10, 20), Outcome::Ok).resend = 1;
        // Polled, twice without a failure.
        writer.call((30, 1), ("shop", "cart"), (20, 30), Outcome::Ok);
        writer.call((40, 1), ("shop", "cart"), (30, 40), Outcome::Ok);
        // Sent to two at once within one span around them.
        writer.call_out((50, 1), "shop", "stock", (40, 60), Outcome::Ok);
        writer.call((60, 50), ("shop", "stock"), (40, 60), Outcome::Ok);
        writer.call((70, 50), ("shop", "stock"), (42, 58), Outcome::Ok);
    });
    assert_eq!(traffic.fires::<Retry>(0), [""; 0]);
}

#[test]
fn retries_of_two_layers_multiply() {
    let mut traffic = Traffic::default();
    // One request in four is tried twice by the shop, and each of these twice by the cart.
    traffic.minute(0, 60, |number, writer| {
        let tries = if number % 4 == 0 { 2 } else { 1 };
        writer.span((1, 0), Kind::Server, "shop", (0, 100)).outcome = Outcome::Ok;
        for outer in 0..tries {
            let (id, start) = (100 * (outer + 1) as u64, 50 * outer);
            let outcome = if outer + 1 < tries { Outcome::ServerFault } else { Outcome::Ok };
            writer.call((id, 1), ("shop", "cart"), (start, start + 45), outcome);
            for inner in 0..tries {
                let start = start + 2 + 20 * inner;
                let outcome = if inner + 1 < tries || outer + 1 < tries { Outcome::ServerFault } else { Outcome::Ok };
                writer.call((id + 10 * (inner + 1) as u64, id + 1), ("cart", "stock"), (start, start + 15), outcome);
            }
        }
    });
    let found = traffic.candidates::<Retry>(0);
    let firing: Vec<&str> = found.iter().filter(|found| found.fires).map(|found| found.subject.text.as_str()).collect();
    assert_eq!(firing, ["cart -> stock"], "sixty calls of the shop are too few");
    // 45 calls arrive once, 15 four times.
    assert!(format!("{:?}", found[0].evidence.details).contains("(\"at_callee\", Number(1.75))"));
}

/// Ten quiet minutes with a hundred calls each, and minutes in which all but `good` of them are tried three times in
/// vain, before which `load` calls come instead of a hundred.
fn storm(good: i64, minutes: i64, load: i64) -> Traffic {
    let mut traffic = Traffic::default();
    for minute in 0..10 {
        traffic.minute(minute, 100, |_, writer| tried(writer, 1, Outcome::Ok));
    }
    for minute in 10..10 + minutes {
        let count = if minute == 10 { load } else { 100 };
        traffic.minute(minute, count, |number, writer| {
            let is_good = number < good;
            tried(writer, if is_good { 1 } else { 3 }, if is_good { Outcome::Ok } else { Outcome::ServerFault });
        });
    }
    traffic
}

#[test]
fn retries_that_add_load_while_less_succeeds_are_a_storm() {
    let both = ["RETRY_STORM shop -> cart", "RETRY_AMPLIFICATION shop -> cart"];
    let traffic = storm(50, 1, 100);
    assert_eq!(traffic.fires::<Retry>(10), both);
    let found = traffic.candidates::<Retry>(10);
    assert_eq!((found[0].subkind, found[0].since), (None, (10 * MINUTE_MS + 30_000) * MS));
    assert_eq!(found[0].evidence.baseline, Some(100.0));
    assert_eq!(traffic.fires::<Retry>(9), [""; 0]);
    // Four fifths and more still succeed.
    assert_eq!(storm(92, 1, 100).fires::<Retry>(10), [""; 0]);
}

#[test]
fn without_a_baseline_there_is_no_storm() {
    let mut traffic = Traffic::default();
    for minute in 0..3 {
        traffic.minute(minute, 100, |_, writer| tried(writer, 3, Outcome::ServerFault));
    }
    assert_eq!(traffic.fires::<Retry>(2), ["RETRY_AMPLIFICATION shop -> cart"]);
}

#[test]
fn a_storm_that_outlives_its_cause_feeds_itself() {
    let storm_of = |traffic: &Traffic, minute| traffic.candidates::<Retry>(minute)[0].clone();
    assert_eq!(storm_of(&storm(20, 4, 200), 13).subkind, Some("metastable"));
    assert_eq!(storm_of(&storm(20, 4, 100), 13).subkind, None, "nothing set it off");
    assert_eq!(storm_of(&storm(20, 2, 200), 11).subkind, None, "too soon to tell");
}
