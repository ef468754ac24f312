use spandrel_proto::model::Outcome;

use super::TimeoutInversion;
use crate::{
    findings::{
        Method, Severity,
        load::testing::{Case, Traffic, Writer},
        shared::MAX_DRAGS,
    },
    span::Kind,
    testing::MS,
};

/// The shop waits `wait` milliseconds for the cart, which takes `work` milliseconds.
fn request(writer: &mut Writer<'_>, wait: i64, work: i64) {
    let outcome = if work > wait { Outcome::Timeout } else { Outcome::Ok };
    writer.span((1, 0), Kind::Server, "shop", (0, wait.min(work) + 4)).outcome = outcome;
    writer.call_out((2, 1), "shop", "cart", (1, 3 + wait.min(work)), outcome);
    writer.span((3, 2), Kind::Server, "cart", (2, 2 + work));
}

#[test]
fn a_callee_that_often_takes_longer_than_its_caller_waits_is_an_inversion() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 200, |number, writer| request(writer, 100, if number < 20 { 150 } else { 50 }));
    let found = traffic.candidates::<TimeoutInversion>(0);
    assert_eq!(traffic.fires::<TimeoutInversion>(0), ["TIMEOUT_INVERSION shop -> cart"]);
    assert_eq!((found[0].method, found[0].subkind), (Method::Inferred, None));
    assert_eq!((found[0].evidence.measure, found[0].lost_ms()), (0.1, 900.0));
    assert_eq!((found[0].since, found[0].until), (MS, (19 * 300 + 103) * MS));
}

#[test]
fn what_is_surely_a_hundredth_needs_no_two_hundred_calls() {
    for (calls, slow, expected) in [(60, 6, 1), (29, 6, 0), (600, 6, 0)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, calls, |number, writer| request(writer, 100, if number < slow { 150 } else { 50 }));
        assert_eq!(traffic.fires::<TimeoutInversion>(0).len(), expected, "{slow} of {calls}");
    }
}

#[test]
fn rare_blurred_and_foreign_timeouts_are_none() {
    let cases: [Case; 5] = [
        ("four timeouts", |number, writer| request(writer, 100, if number < 4 { 150 } else { 50 })),
        ("timeouts of any length", |number, writer| {
            request(writer, 50 + number, if number < 20 { 250 } else { 40 });
        }),
        ("the callee fails, and in time", |_, writer| {
            writer.span((1, 0), Kind::Server, "shop", (0, 104)).outcome = Outcome::Timeout;
            writer.call((2, 1), ("shop", "cart"), (1, 101), Outcome::Timeout);
        }),
        ("somebody in between gave up", |_, writer| {
            request(writer, 100, 150);
            writer.each(|span| span.http_status = if span.kind == Kind::Client { 504 } else { 0 });
        }),
        ("slow but waited for", |_, writer| request(writer, 1000, 900)),
    ];
    for (what, write) in cases {
        let mut traffic = Traffic::default();
        traffic.minute(0, 200, write);
        assert_eq!(traffic.fires::<TimeoutInversion>(0), [""; 0], "{what}");
    }
}

#[test]
fn a_stated_deadline_is_explicit() {
    for (deadline, expected) in [(60, 1), (140, 0)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 200, |number, writer| {
            request(writer, 200, if number < 20 { 100 } else { 20 });
            writer.each(|span| span.deadline_ms = if span.kind == Kind::Client { deadline } else { 0 });
        });
        let found = traffic.candidates::<TimeoutInversion>(0);
        assert_eq!(found.len(), expected, "{deadline}");
        assert!(found.iter().all(|found| found.fires && found.method == Method::Explicit));
    }
}

/// The shop has `outer` milliseconds for the cart, which gives the stock `inner` milliseconds.
fn budgets(outer: u32, inner: u32, tries: i64) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |_, writer| {
        writer.span((1, 0), Kind::Server, "shop", (0, 50));
        writer.call((2, 1), ("shop", "cart"), (1, 40), Outcome::Ok);
        for number in 0..tries {
            let outcome = if number + 1 < tries { Outcome::ServerFault } else { Outcome::Ok };
            writer.call((4 + 2 * number as u64, 3), ("cart", "stock"), (11 + 8 * number, 17 + 8 * number), outcome);
        }
        writer.each(|span| {
            span.deadline_ms = match (span.kind, span.span_id) {
                (Kind::Client, 2) => outer,
                (Kind::Client, _) => inner,
                _ => 0,
            };
        });
    });
    traffic
}

#[test]
fn a_callee_that_waits_longer_than_it_has_is_an_inversion() {
    let found = budgets(1000, 2000, 1).candidates::<TimeoutInversion>(0);
    assert_eq!((found.len(), found[0].subject.text.as_str(), found[0].subkind), (1, "shop -> cart", Some("budget")));
    assert!((found[0].evidence.measure - 2000.0 / 990.0).abs() < 1e-9, "ten milliseconds pass before");
    // What remains of a deadline is passed on.
    assert_eq!(budgets(1000, 990, 1).fires::<TimeoutInversion>(0), [""; 0]);
    assert_eq!(budgets(1000, 600, 1).fires::<TimeoutInversion>(0), [""; 0]);
    let tried = budgets(1000, 600, 2).candidates::<TimeoutInversion>(0);
    assert!((tried[0].evidence.measure - 1202.0 / 990.0).abs() < 1e-9, "two tries, and two milliseconds between");
}

#[test]
fn an_endless_call_is_suspect_if_none_ever_timed_out() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 300, |number, writer| request(writer, 100_000, if number == 7 { 70_000 } else { 20 }));
    let found = traffic.candidates::<TimeoutInversion>(0);
    assert_eq!((found[0].subkind, found[0].severity()), (Some("no_timeout"), Severity::Low));
    let mut traffic = Traffic::default();
    traffic.minute(0, 300, |number, writer| request(writer, 70_000, if number == 7 { 80_000 } else { 20 }));
    assert_eq!(traffic.fires::<TimeoutInversion>(0), [""; 0], "it timed out");
}

#[test]
fn a_deadline_that_travels_ends_the_callee_too_but_an_answer_comes_before() {
    // Clocks of whole milliseconds have to be further apart.
    for (end_us, expected) in [(103_001, 1), (102_001, 0), (103_000, 0), (105_000, 1)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 200, |number, writer| {
            if number < 20 {
                request(writer, 100, 101);
                writer.each(|span| {
                    if span.span_id == 3 {
                        (span.end, span.outcome) = (span.start - 2 * MS + end_us * MS / 1000, Outcome::Timeout);
                    }
                });
            } else {
                request(writer, 100, 50);
            }
        });
        assert_eq!(traffic.fires::<TimeoutInversion>(0).len(), expected, "until {end_us} us");
    }
}

#[test]
fn the_first_of_many_timeouts_of_a_trace_say_how_long_was_waited() {
    // So few requests count for nine tenths.
    for (calls, expected_ms) in [(10, 900.0), (MAX_DRAGS as u64, 5_760.0), (80, 5_760.0)] {
        let mut traffic = Traffic::default();
        traffic.minute(0, 100, |_, writer| {
            writer.span((1, 0), Kind::Server, "shop", (0, 10 + 100 * calls as i64));
            for number in 0..calls {
                let (id, start) = (2 + 2 * number, 1 + 100 * number as i64);
                writer.call_out((id, 1), "shop", "cart", (start, start + 100), Outcome::Timeout);
                writer.span((id + 1, id), Kind::Server, "cart", (start + 1, start + 151));
            }
        });
        let found = traffic.candidates::<TimeoutInversion>(0);
        assert_eq!((found.len(), found[0].lost_ms()), (1, expected_ms), "{calls} calls");
    }
}
