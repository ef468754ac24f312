use spandrel_proto::model::Outcome;

use super::Waste;
use crate::{
    findings::load::testing::{Traffic, Writer},
    span::{Kind, Peer, Protocol},
    testing::MS,
};

/// The shop asks the cart for `wait` milliseconds, and the cart works `work` milliseconds on it.
fn request(writer: &mut Writer<'_>, wait: i64, work: i64, outcome: Outcome) {
    writer.span((1, 0), Kind::Server, "shop", (0, wait + 2)).outcome = outcome;
    writer.call_out((2, 1), "shop", "cart", (1, 1 + wait), outcome);
    writer.span((3, 2), Kind::Server, "cart", (1, 1 + work));
}

#[test]
fn work_after_the_caller_gave_up_is_wasted() {
    let mut traffic = Traffic::default();
    // 20 a second work 90 of 100 milliseconds in vain: 1.8 at a time.
    traffic.minute(0, 1200, |_, writer| request(writer, 10, 100, Outcome::Timeout));
    let found = traffic.candidates::<Waste>(0);
    assert_eq!(traffic.fires::<Waste>(0), ["WASTED_WORK cart"]);
    assert!((found[0].evidence.measure - 0.9).abs() < 1e-9);
    assert_eq!(found[0].lost_ms(), 8999.9, "all requests fail for it");
    assert_eq!((found[0].since, found[0].until), (11 * MS, 60_000 * MS));
}

#[test]
fn what_is_not_in_vain_or_not_much_is_no_waste() {
    type Amount = (&'static str, i64, fn(&mut Writer<'_>));
    let cases: [Amount; 5] = [
        ("half a core", 300, |writer| request(writer, 10, 100, Outcome::Timeout)),
        ("nobody gave up", 6000, |writer| request(writer, 100, 90, Outcome::Ok)),
        ("streams end after their client", 6000, |writer| request(writer, 10, 100, Outcome::Ok)),
        ("a millisecond is the clocks' doing", 6000, |writer| request(writer, 10, 11, Outcome::Timeout)),
        ("a failure that is not tried again", 6000, |writer| {
            writer.span((1, 0), Kind::Server, "shop", (0, 102)).outcome = Outcome::ServerFault;
            writer.call((2, 1), ("shop", "cart"), (1, 101), Outcome::ServerFault);
        }),
    ];
    for (what, count, write) in cases {
        let mut traffic = Traffic::default();
        traffic.minute(0, count, |_, writer| write(writer));
        assert_eq!(traffic.fires::<Waste>(0), [""; 0], "{what}");
    }
    let mut traffic = Traffic::default();
    traffic.minute(0, 4000, |number, writer| {
        if number % 25 == 0 {
            request(writer, 50, 100, Outcome::Timeout);
        } else {
            request(writer, 101, 100, Outcome::Ok);
        }
    });
    assert_eq!(traffic.fires::<Waste>(0), [""; 0], "a fiftieth of the time");
}

#[test]
fn what_is_done_for_work_in_vain_is_in_vain_but_messages_are_not() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 1200, |_, writer| {
        request(writer, 10, 200, Outcome::Timeout);
        writer.call((10, 3), ("cart", "stock"), (50, 150), Outcome::Ok);
        writer.span((20, 3), Kind::Producer, "cart", (60, 61));
        writer.span((21, 20), Kind::Consumer, "mail", (62, 162));
    });
    assert_eq!(traffic.fires::<Waste>(0), ["WASTED_WORK cart", "WASTED_WORK stock"]);
}

#[test]
fn tries_that_are_repeated_are_in_vain() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 1200, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 300));
        writer.call((2, 1), ("shop", "cart"), (0, 102), Outcome::ServerFault);
        writer.call((4, 1), ("shop", "cart"), (110, 212), Outcome::Ok);
    });
    let found = traffic.candidates::<Waste>(0);
    assert_eq!(found.len(), 1);
    assert!((found[0].evidence.measure - 0.5).abs() < 1e-3, "one of two tries");
}

#[test]
fn what_others_did_for_a_try_that_is_repeated_is_not_theirs_to_spare() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 1200, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 300));
        writer.call((2, 1), ("shop", "cart"), (0, 102), Outcome::ServerFault);
        writer.call((10, 3), ("cart", "stock"), (1, 101), Outcome::Ok);
        writer.call((4, 1), ("shop", "cart"), (110, 212), Outcome::Ok);
    });
    assert_eq!(traffic.fires::<Waste>(0), ["WASTED_WORK cart"]);
}

#[test]
fn a_fifth_of_the_time_of_databases_is_much_however_little_it_is() {
    // One call of four comes after the shop gave up, or none. A quarter of few may be less than a fifth of many.
    for (late, requests, expected) in [(0, 400, 1), (0, 60, 0), (4, 400, 0)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, requests, |number, writer| {
            request(writer, 10, 20, Outcome::Timeout);
            let (system, address) = (writer.text("mysql"), writer.text("db"));
            let peer = writer.peer(Peer { protocol: Protocol::Database, system, address, ..Peer::default() });
            let start = if number % 4 == late { 15 } else { 2 };
            writer.span((10, 3), Kind::Client, "cart", (start, start + 4)).peer = peer;
        });
        assert_eq!(traffic.fires::<Waste>(0).len(), expected, "{late}, {requests} requests");
    }
}

#[test]
fn of_very_many_calls_given_up_some_tell_how_long_they_were_waited_for() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 2000));
        for call in 0..200 {
            let (id, start) = (10 + 2 * call as u64, 10 * call);
            writer.call_out((id, 1), "shop", "cart", (start, start + 10), Outcome::Timeout);
            writer.span((id + 1, id), Kind::Server, "cart", (start, start + 100));
        }
    });
    assert_eq!(traffic.candidates::<Waste>(0)[0].lost_ms(), 0.9 * 64.0 * 10.0);
}
