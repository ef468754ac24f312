//! Data that several services work on.

use super::super::{
    shared_db::SharedDb,
    testing::{Data, ROWS, Traffic, Writer, at_ms},
};
use crate::{
    findings::Method,
    span::{Access, Kind},
};

const READ: Data = Data { address: "orders-db", namespace: "orders", collection: "orders", ..ROWS };
const WRITE: Data = Data { access: Access::Write, ..READ };

/// A request to `service` that runs one query.
fn request(writer: &mut Writer<'_>, service: &str, data: Data) {
    let entry = writer.entry(service, "op", (0, 50));
    writer.query(entry, service, &data, "query", (10, 20));
}

/// The queries of two services in turn, 30 each.
fn two(first: (&str, Data), second: (&str, Data)) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.many(60, |writer, index| {
        let (service, data) = if index % 2 == 0 { first } else { second };
        request(writer, service, data);
    });
    traffic
}

#[test]
fn who_shares_what() {
    let unknown = Data { access: Access::Unknown, ..READ };
    let cases = [
        ("two writers", ("checkout", WRITE), ("shipping", WRITE), Some("writers")),
        ("a writer and a reader", ("checkout", WRITE), ("reports", READ), Some("readers")),
        ("a writer and somebody", ("checkout", WRITE), ("reports", unknown), Some("readers")),
        ("two readers", ("checkout", READ), ("reports", READ), None),
        ("one service", ("checkout", WRITE), ("checkout", READ), None),
        ("two tables", ("checkout", WRITE), ("shipping", Data { collection: "parcels", ..WRITE }), None),
        ("two schemas", ("checkout", WRITE), ("shipping", Data { namespace: "shipping", ..WRITE }), None),
        ("two hosts", ("checkout", WRITE), ("shipping", Data { address: "other-db", ..WRITE }), None),
        ("no address", ("checkout", Data { address: "", ..WRITE }), ("shipping", Data { address: "", ..WRITE }), None),
        ("a migration", ("checkout", WRITE), ("orders-migrations", WRITE), None),
        (
            "an outbox",
            ("checkout", Data { collection: "order_outbox", ..WRITE }),
            ("relay", Data { collection: "order_outbox", ..WRITE }),
            None,
        ),
        ("a cache", ("a", Data { system: "redis", ..WRITE }), ("b", Data { system: "redis", ..WRITE }), None),
        (
            "no tables named",
            ("checkout", Data { collection: "", ..WRITE }),
            ("shipping", Data { collection: "", ..WRITE }),
            Some("writers"),
        ),
    ];
    for (case, first, second, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|subkind| format!("orders-db orders [{subkind}]")).collect();
        assert_eq!(two(first, second).fired(SharedDb::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_shared_data() {
    let strong = &two(("checkout", WRITE), ("shipping", WRITE)).candidates(SharedDb::new)[0];
    assert_eq!((strong.subject.service.as_str(), strong.subject.target.as_deref()), ("orders-db", Some("orders")));
    assert_eq!((strong.method, strong.evidence.measure), (Method::Measured, 2.0));
    assert_eq!(strong.risk(), (0.45, 0.0), "each is half of the entries");
    assert_eq!(strong.completeness, 1.0);
    let unknown = &two(("checkout", WRITE), ("reports", Data { access: Access::Unknown, ..READ }));
    let unknown = &unknown.candidates(SharedDb::new)[0];
    assert_eq!((unknown.completeness, unknown.evidence.caveats.len()), (0.7, 1));
    let unnamed = Data { collection: "", ..WRITE };
    let unnamed = &two(("checkout", unnamed), ("shipping", unnamed)).candidates(SharedDb::new)[0];
    assert_eq!(unnamed.method, Method::Inferred);
}

#[test]
fn jobs_and_few_queries_do_not_share() {
    let mut traffic = Traffic::default();
    traffic.many(60, |writer, index| match index {
        0..9 => request(writer, "shipping", WRITE),
        9..30 => {
            let job = writer.span(0, Kind::Internal, "nightly", "export", (0, 50));
            writer.query(job, "nightly", &WRITE, "query", (10, 20));
        }
        _ => request(writer, "checkout", WRITE),
    });
    let found = traffic.candidates(SharedDb::new);
    assert_eq!(found.len(), 1, "nine writes are nearly enough");
    assert!(!found[0].fires);
}

#[test]
fn what_was_long_ago_is_still_counted_for_half_an_hour() {
    let shared = |minute: i64| {
        let mut traffic = two(("checkout", WRITE), ("shipping", WRITE));
        traffic.in_minute(minute, 10, |writer, _| {
            writer.entry("checkout", "op", (0, 50));
        });
        traffic.fired(SharedDb::new).len()
    };
    assert_eq!((shared(29), shared(30)), (1, 0));
}

#[test]
fn data_is_shared_while_there_are_two() {
    let mut traffic = Traffic::default();
    for minute in 0..6 {
        traffic.in_minute(minute, 20, |writer, index| {
            request(writer, "checkout", WRITE);
            if (2..4).contains(&minute) && index >= 10 {
                request(writer, "shipping", WRITE);
            }
        });
    }
    let found = &traffic.candidates(SharedDb::new)[0];
    // Its first query begins and its last ends with a half and a whole of what is written of a minute.
    let (first, last) = (at_ms(2 * 60_000 + 25_000 + 10), at_ms(3 * 60_000 + 47_500 + 20));
    assert!(found.fires && (found.since, found.until) == (first, last), "{found:?}");
}
