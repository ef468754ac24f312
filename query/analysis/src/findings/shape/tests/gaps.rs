//! What services do not say, or say wrongly.

use spandrel_proto::model::Outcome;

use super::super::{
    instrumentation_gap::InstrumentationGap,
    testing::{Traffic, Write, Writer},
};
use crate::{
    findings::Severity,
    span::{Kind, SpanFlags, WEIGHT_ONE},
};

/// A request of `shop` that calls `cart`, of which the server's span is there if `is_there`.
fn call(writer: &mut Writer<'_>, is_there: bool) -> u64 {
    let entry = writer.entry("shop", "GET /", (0, 100));
    let client = writer.outside(entry, ("shop", "cart"), "Get", (10, 90));
    if is_there {
        writer.span(client, Kind::Server, "cart", "Get", (12, 88));
    }
    client
}

#[test]
fn gaps_of_all_sorts() {
    let cases: [(&str, Write, &[&str]); 15] = [
        ("all is there", |writer, _| _ = call(writer, true), &[]),
        (
            "server spans are missing",
            |writer, index| _ = call(writer, index % 4 != 0),
            &["cart [server_spans_missing]"],
        ),
        ("one in thirty", |writer, index| _ = call(writer, index % 30 != 0), &[]),
        (
            "calls failed before they reached anybody",
            |writer, index| {
                let client = call(writer, index % 4 != 0);
                if index % 4 == 0 {
                    writer.at(client).outcome = Outcome::Unreachable;
                }
            },
            &[],
        ),
        (
            "one in four is sampled and stands for four",
            |writer, index| {
                let client = call(writer, index % 4 == 0);
                if index % 4 == 0 {
                    writer.at(client + 1).weight = 4 * WEIGHT_ONE;
                }
            },
            &[],
        ),
        (
            "client spans are missing",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 100));
                writer.span(entry, Kind::Server, "cart", "Get", (12, 88));
            },
            &["shop [client_spans_missing]"],
        ),
        (
            "somebody who sends no telemetry",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 100));
                writer.outside(entry, ("shop", "api.cards.example"), "POST", (10, 90));
            },
            &[],
        ),
        (
            "somebody who sends none but passes trace ids on",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 100));
                writer.outside(entry, ("shop", "legacy"), "POST", (10, 90));
                writer.span(9999, Kind::Server, "cart", "Get", (20, 80));
            },
            &["legacy [trace_cut_off]"],
        ),
        (
            "parents are lost",
            |writer, index| match index % 5 {
                0 => _ = writer.span(9999, Kind::Server, "cart", "Get", (20, 80)),
                _ => _ = call(writer, true),
            },
            &["cart [orphans]"],
        ),
        (
            "three in a hundred are",
            |writer, index| match index % 33 {
                0 => _ = writer.span(9999, Kind::Server, "cart", "Get", (20, 80)),
                _ => _ = call(writer, true),
            },
            &[],
        ),
        (
            "browsers begin the traces",
            |writer, _| _ = writer.span(9999, Kind::Server, "shop", "GET /", (20, 80)),
            &["shop [outside_parents]"],
        ),
        (
            "old and current names differ",
            |writer, index| {
                let client = call(writer, true);
                if index % 5 == 0 {
                    writer.at(client + 1).flags.insert(SpanFlags::ALIAS_CONFLICT);
                }
            },
            &["cart [attributes_contradict]"],
        ),
        (
            "spans end before they start",
            |writer, index| {
                let client = call(writer, true);
                if index % 5 == 0 {
                    writer.at(client + 1).flags.insert(SpanFlags::NEGATIVE_DURATION);
                }
            },
            &["cart [negative_durations]"],
        ),
        (
            "a call of the wrong kind",
            |writer, _| {
                let entry = writer.entry("shop", "GET /", (0, 100));
                let inner = writer.outside(entry, ("shop", "cart"), "Get", (10, 90));
                writer.at(inner).kind = Kind::Internal;
                writer.span(inner, Kind::Server, "cart", "Get", (12, 88));
            },
            &["shop [kind_misused]"],
        ),
        (
            "a service without a name",
            |writer, _| {
                let entry = writer.entry("unknown_service:java", "GET /", (0, 100));
                writer.at(entry).flags.insert(SpanFlags::UNKNOWN_SERVICE);
            },
            &["unknown_service:java [service_has_no_name]"],
        ),
    ];
    for (case, write, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(200, write);
        assert_eq!(traffic.fired(InstrumentationGap::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_a_gap() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, index| _ = call(writer, index % 4 != 0));
    let found = &traffic.candidates(InstrumentationGap::new)[0];
    assert_eq!((found.evidence.measure, found.evidence.samples), (0.25, 100));
    assert_eq!(found.risk().0, 0.67, "requests in which it is seen");
    let mut few = Traffic::default();
    few.many(29, |writer, index| _ = call(writer, index % 2 == 0));
    assert_eq!(few.candidates(InstrumentationGap::new), []);
    let mut outside = Traffic::default();
    outside.many(100, |writer, _| _ = writer.span(9999, Kind::Server, "shop", "GET /", (20, 80)));
    assert_eq!(outside.candidates(InstrumentationGap::new)[0].severity(), Severity::Low);
}
