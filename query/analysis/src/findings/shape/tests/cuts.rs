//! Services that are cut too fine or not at all.

use super::super::{
    distributed_monolith::DistributedMonolith,
    nanoservice::Nanoservice,
    testing::{ROWS, Traffic, Write, Writer},
};
use crate::{findings::Severity, span::Kind};

/// A request of one of four operations that `services` pass on, each to the next.
fn chain(writer: &mut Writer<'_>, index: usize, services: &[&str]) {
    let operation = ["GET /a", "GET /b", "GET /c", "GET /d"][index % 4];
    let mut above = writer.entry(services[0], operation, (0, 100));
    for (depth, pair) in (1..).zip(services.windows(2)) {
        above = writer.call(above, (pair[0], pair[1]), "Do", (depth, 100 - depth));
    }
}

#[test]
fn services_that_are_one() {
    let cases: [(&str, Write, &[&str]); 10] = [
        (
            "three are always called together",
            |writer, index| chain(writer, index, &["gateway", "orders", "stock", "prices"]),
            &["orders + prices + stock"],
        ),
        ("the first of three is the entry", |writer, index| chain(writer, index, &["a", "b", "c"]), &["a + b + c"]),
        ("two", |writer, index| chain(writer, index, &["gateway", "orders", "stock"]), &[]),
        (
            "one is called alone, too",
            |writer, index| match index % 5 {
                0 => chain(writer, index, &["gateway", "orders"]),
                _ => chain(writer, index, &["gateway", "orders", "stock", "prices"]),
            },
            &[],
        ),
        (
            "by two operations only",
            |writer, index| chain(writer, index % 2, &["gateway", "orders", "stock", "prices"]),
            &[],
        ),
        (
            "a front end asks three services",
            |writer, index| {
                let front = writer.entry("pages", ["GET /a", "GET /b", "GET /c"][index % 3], (0, 100));
                for (service, start) in [("orders", 1), ("stock", 30), ("prices", 60)] {
                    writer.call(front, ("pages", service), "Do", (start, start + 20));
                }
            },
            &[],
        ),
        ("a gateway, a front and sessions", |writer, index| chain(writer, index, &["gateway", "web-bff", "auth"]), &[]),
        (
            "everybody's service",
            |writer, index| {
                let front = writer.entry("pages", ["GET /a", "GET /b", "GET /c"][index % 3], (0, 100));
                for (service, start) in [("orders", 1), ("stock", 30), ("prices", 60)] {
                    let called = writer.call(front, ("pages", service), "Do", (start, start + 20));
                    writer.call(called, (service, "ids"), "Next", (start + 1, start + 2));
                }
            },
            &[],
        ),
        (
            "by messages",
            |writer, index| {
                let operation = ["GET /a", "GET /b", "GET /c"][index % 3];
                let mut above = writer.entry("orders", operation, (0, 100));
                for (from, to) in [("orders", "stock"), ("stock", "prices")] {
                    let sent = writer.span(above, Kind::Producer, from, "send", (10, 11));
                    above = writer.span(sent, Kind::Consumer, to, "process", (12, 20));
                }
            },
            &[],
        ),
        (
            "asking how they are",
            |writer, _| {
                let entry = writer.entry("a", "GET /healthz", (0, 100));
                let called = writer.call(entry, ("a", "b"), "GET /healthz", (1, 99));
                writer.call(called, ("b", "c"), "GET /healthz", (2, 98));
            },
            &[],
        ),
    ];
    for (case, write, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(300, write);
        assert_eq!(traffic.fired(DistributedMonolith::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_services_that_are_one() {
    let mut traffic = Traffic::default();
    traffic.many(400, |writer, index| match index / 4 % 2 {
        0 => chain(writer, index, &["gateway", "orders", "stock", "prices"]),
        _ => chain(writer, index, &["gateway", "users"]),
    });
    let found = &traffic.candidates(DistributedMonolith::new)[0];
    assert!(found.fires);
    assert_eq!((found.subject.service.as_str(), found.evidence.samples, found.completeness), ("orders", 200, 0.7));
    assert_eq!(found.risk().0, 0.45);
    let mut few = Traffic::default();
    few.many(150, |writer, index| chain(writer, index, &["gateway", "orders", "stock", "prices"]));
    assert_eq!(few.candidates(DistributedMonolith::new), [], "too few requests");
    let mut both_ways = Traffic::default();
    both_ways.many(300, |writer, index| chain(writer, index, &["gateway", "orders", "stock", "prices", "orders"]));
    assert_eq!(both_ways.candidates(DistributedMonolith::new)[0].completeness, 1.0);
}

/// A call of 5 ms of `rounding`, which takes `own` ms of it.
fn round(writer: &mut Writer<'_>, caller: &str, callee: &str, operation: &str, own: i64) -> u64 {
    let entry = writer.entry(caller, "GET /", (0, 50));
    let client = writer.span(entry, Kind::Client, caller, operation, (10, 15));
    writer.span(client, Kind::Server, callee, operation, (11, 11 + own))
}

#[test]
fn services_that_are_next_to_nothing() {
    let cases: [(&str, Write, bool); 15] = [
        ("one millisecond of five", |writer, _| _ = round(writer, "shop", "rounding", "Round", 1), true),
        ("two milliseconds of its own", |writer, _| _ = round(writer, "shop", "rounding", "Round", 2), false),
        (
            "more than half of the time is its own",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 50));
                let client = writer.span(entry, Kind::Client, "shop", "Round", (10, 11));
                writer.span(client, Kind::Server, "rounding", "Round", (10, 11));
            },
            false,
        ),
        (
            "three operations",
            |writer, index| {
                round(writer, "shop", "rounding", ["Up", "Down", "Even"][index % 3], 1);
            },
            false,
        ),
        ("two callers", |writer, index| _ = round(writer, ["shop", "till"][index % 2], "rounding", "Round", 1), false),
        (
            "called by half of the requests",
            |writer, index| match index % 2 {
                0 => _ = round(writer, "shop", "rounding", "Round", 1),
                _ => _ = writer.entry("shop", "GET /", (0, 50)),
            },
            false,
        ),
        (
            "called from outside too",
            |writer, index| match index % 20 {
                0 => _ = writer.entry("rounding", "Round", (0, 1)),
                _ => _ = round(writer, "shop", "rounding", "Round", 1),
            },
            false,
        ),
        (
            "who calls is lost now and then",
            |writer, index| {
                if index % 20 > 0 {
                    round(writer, "shop", "rounding", "Round", 1);
                } else {
                    writer.span(99, Kind::Server, "rounding", "Round", (11, 12));
                }
            },
            true,
        ),
        (
            "its own span is lost now and then",
            |writer, index| {
                if index % 20 != 10 {
                    round(writer, "shop", "rounding", "Round", 1);
                } else {
                    let entry = writer.entry("shop", "GET /", (0, 50));
                    writer.outside(entry, ("shop", "rounding"), "Round", (10, 15));
                }
            },
            true,
        ),
        (
            "with data of its own",
            |writer, _| {
                let server = round(writer, "shop", "rounding", "Round", 1);
                writer.query(server, "rounding", &ROWS, "SELECT", (11, 12));
            },
            false,
        ),
        ("a boundary", |writer, _| _ = round(writer, "shop", "token-vault", "Open", 1), false),
        (
            "a sidecar",
            |writer, index| {
                let (caller, callee) = [("shop/a", "rounding/a"), ("shop/b", "rounding/b")][index % 2];
                let server = round(writer, caller, callee, "Round", 1);
                writer.run_on(server, ["a", "b"][index % 2]);
            },
            false,
        ),
        (
            "on other hosts",
            |writer, index| {
                let (caller, callee) = [("shop/a", "rounding/c"), ("shop/b", "rounding/d")][index % 2];
                round(writer, caller, callee, "Round", 1);
            },
            true,
        ),
        (
            "its work has a span of its own",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 50));
                let client = writer.span(entry, Kind::Client, "shop", "Round", (10, 20));
                let server = writer.span(client, Kind::Server, "rounding", "Round", (11, 15));
                writer.span(server, Kind::Internal, "rounding", "compute", (11, 15));
            },
            false,
        ),
        ("a gateway", |writer, _| _ = round(writer, "shop", "egress-proxy", "Pass", 1), false),
    ];
    for (case, write, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(200, write);
        let expected: &[&str] = if expected { &["rounding"] } else { &[] };
        assert_eq!(traffic.fired(Nanoservice::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_a_small_service() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, _| _ = round(writer, "shop", "rounding", "Round", 1));
    let found = &traffic.candidates(Nanoservice::new)[0];
    assert_eq!((found.subject.service.as_str(), found.subject.target.as_deref()), ("rounding", Some("shop")));
    assert_eq!((found.at_most, found.evidence.measure), (Severity::Medium, 0.8));
    assert_eq!(found.lost_ms(), 0.9 * 4.0);
}
