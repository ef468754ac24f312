//! Services that everything goes through.

use super::super::{
    god_gateway::GodGateway,
    testing::{Traffic, Write, Writer},
};

/// A service for each number.
fn service(number: usize) -> String {
    format!("s{number}")
}

/// A request by way of `gateway` to one of `services` services; `through` says whether that one calls its neighbour by
/// way of the gateway, directly, or not at all.
fn routed(writer: &mut Writer<'_>, gateway: &str, index: usize, services: usize, through: Option<bool>) {
    let (one, other) = (service(index % services), service((index + 1) % services));
    let entry = writer.entry(gateway, "GET /", (0, 100));
    let first = writer.call(entry, (gateway, &one), "Do", (1, 99));
    match through {
        Some(true) => {
            let again = writer.call(first, (&one, gateway), "GET /other", (2, 98));
            writer.call(again, (gateway, &other), "Do", (3, 97));
        }
        Some(false) => _ = writer.call(first, (&one, &other), "Do", (2, 98)),
        None => {}
    }
}

/// A request that `centre` answers with one call each to `callees` services, after `own` ms of its own.
fn composed(writer: &mut Writer<'_>, centre: &str, callees: usize, own: i64) {
    let entry = writer.entry(centre, "GET /", (0, 300));
    for number in 0..callees {
        let start = own + number as i64 * (300 - own) / callees as i64;
        writer.call(entry, (centre, &service(number)), "Do", (start, start + (300 - own) / callees as i64));
    }
}

#[test]
fn what_is_too_central() {
    let cases: [(&str, Write, &[&str]); 14] = [
        (
            "services call each other through the gateway",
            |writer, index| routed(writer, "gateway", index, 10, Some(true)),
            &["gateway [east_west]"],
        ),
        (
            "and it is not named so",
            |writer, index| routed(writer, "s-main", index, 10, Some(true)),
            &["s-main [east_west]"],
        ),
        ("they do without it", |writer, index| routed(writer, "gateway", index, 10, Some(false)), &[]),
        (
            "a fifth of its requests come from services",
            |writer, index| routed(writer, "gateway", index, 10, (index % 4 == 0).then_some(true)),
            &[],
        ),
        ("few services", |writer, index| routed(writer, "gateway", index, 6, Some(true)), &[]),
        ("a mesh's egress", |writer, index| routed(writer, "egress-gateway", index, 10, Some(true)), &[]),
        ("one does everything", |writer, _| composed(writer, "orders", 12, 60), &["orders [orchestrator]"]),
        ("with little of its own", |writer, _| composed(writer, "orders", 12, 12), &[]),
        ("nine others", |writer, _| composed(writer, "orders", 9, 60), &[]),
        (
            "a front end that asks everybody",
            |writer, _| composed(writer, "web-bff", 12, 60),
            &["web-bff [orchestrator]"],
        ),
        ("a front end that asks eight", |writer, _| composed(writer, "web-bff", 8, 60), &[]),
        (
            "twelve others, but three a request",
            |writer, index| {
                let entry = writer.entry("orders", "GET /", (0, 300));
                for number in 0..3 {
                    let start = 60 + number as i64 * 80;
                    let callee = service((index + number) % 12);
                    writer.call(entry, ("orders", &callee), "Do", (start, start + 79));
                }
            },
            &[],
        ),
        (
            "everybody calls it and it calls everybody",
            |writer, index| {
                let (one, other) = (service(index % 12), service(12 + index % 12));
                let entry = writer.entry(&one, "GET /", (0, 100));
                let centre = writer.call(entry, (&one, "broker"), &format!("Do {}", index % 12), (1, 99));
                writer.call(centre, ("broker", &other), "Do", (2, 98));
                if index % 2 == 0 {
                    writer.call(centre, ("broker", &service(12 + (index + 5) % 12)), "Do", (2, 50));
                }
            },
            &["broker [hub]"],
        ),
        (
            "a tree",
            |writer, index| {
                let middle = service(1 + index % 3);
                let leaf = service(4 + index % 9);
                let entry = writer.entry("s0", "GET /", (0, 100));
                let called = writer.call(entry, ("s0", &middle), "Do", (1, 99));
                writer.call(called, (&middle, &leaf), "Do", (2, 98));
                writer.call(called, (&middle, &leaf), "More", (2, 98));
            },
            &[],
        ),
    ];
    for (case, write, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(360, write);
        assert_eq!(traffic.fired(GodGateway::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_a_gateway() {
    let mut traffic = Traffic::default();
    traffic.many(200, |writer, index| routed(writer, "gateway", index, 10, Some(true)));
    let found = &traffic.candidates(GodGateway::new)[0];
    assert_eq!((found.subject.service.as_str(), found.evidence.measure), ("gateway", 0.5));
    assert_eq!(found.lost_ms(), 4.0, "its own time");
}
