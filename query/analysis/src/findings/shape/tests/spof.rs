//! Services of which there is one too few.

use spandrel_proto::model::Outcome;

use super::super::{
    spof::Spof,
    testing::{Traffic, Write, Writer, at_ms},
};
use crate::findings::Method;

/// A request that goes from the front through `services`, one after the other; each may name its instance.
fn chain(writer: &mut Writer<'_>, index: usize, services: &[&str]) -> Vec<u64> {
    let front = format!("web/{}", index % 2);
    let mut above = (front, writer.entry(&format!("web/{}", index % 2), "GET /", (0, 100)));
    let mut spans = vec![above.1];
    for (depth, service) in (1..).zip(services) {
        let id = writer.call(above.1, (&above.0, service), "Get", (depth, 100 - depth));
        spans.push(id);
        above = ((*service).to_owned(), id);
    }
    spans
}

fn fail(writer: &mut Writer<'_>, spans: &[u64]) {
    for span in spans {
        writer.at(*span).outcome = Outcome::ServerFault;
        let client = writer.at(*span).parent_id;
        if client != 0 {
            writer.at(client).outcome = Outcome::ServerFault;
        }
    }
}

#[test]
fn single_points_of_failure() {
    let cases: [(&str, Write, &[&str]); 14] = [
        (
            "all need the one instance",
            |writer, index| {
                chain(writer, index, &["pricing/1"]);
            },
            &["pricing [structural]"],
        ),
        (
            "a service by itself",
            |writer, _| {
                writer.entry("shop/1", "GET /", (0, 100));
            },
            &[],
        ),
        (
            "two instances",
            |writer, index| {
                chain(writer, index, &[["pricing/1", "pricing/2"][index % 2]]);
            },
            &[],
        ),
        (
            "seven in ten need it",
            |writer, index| {
                let all: [&str; 1] = [["other/1", "other/2"][index % 2]];
                chain(writer, index, if index % 10 < 7 { &["pricing/1"] } else { &all });
            },
            &["pricing [potential]"],
        ),
        (
            "half need it, perhaps less",
            |writer, index| {
                chain(writer, index, if index / 2 % 2 == 0 { &["pricing/1"] } else { &[] });
            },
            &[],
        ),
        (
            "its failures are those of the request",
            |writer, index| {
                let spans = chain(writer, index, &["pricing/1"]);
                if index % 5 == 0 {
                    fail(writer, &spans);
                }
            },
            &["pricing [hard]"],
        ),
        (
            "requests do without it when it fails",
            |writer, index| {
                let spans = chain(writer, index, &["pricing/1"]);
                if index % 5 == 0 {
                    fail(writer, &spans[1..]);
                }
            },
            &[],
        ),
        (
            "some callers can do without it, others cannot",
            |writer, index| {
                let spans = chain(writer, index, &[["shelf/1", "shelf/2"][index % 2], "pricing/1"]);
                let direct = writer.call(spans[0], (&format!("web/{}", index % 2), "pricing/1"), "Quote", (1, 50));
                match index % 10 {
                    0..3 => fail(writer, &spans[2..]),
                    3 => fail(writer, &[spans[0], direct]),
                    _ => {}
                }
            },
            &["pricing [hard]"],
        ),
        (
            "restarted once",
            |writer, index| {
                chain(writer, index, &[if index < 100 { "pricing/1" } else { "pricing/2" }]);
            },
            &["pricing [structural]"],
        ),
        (
            "a process per request",
            |writer, index| {
                chain(writer, index, &[&format!("pricing/{index}")]);
            },
            &[],
        ),
        (
            "no instances named",
            |writer, index| {
                chain(writer, index, &["pricing"]);
            },
            &[],
        ),
        (
            "a gateway",
            |writer, index| {
                chain(writer, index, &["api-gateway/1"]);
            },
            &[],
        ),
        (
            "nobody waits for it",
            |writer, index| {
                let entry = writer.entry(&format!("web/{}", index % 2), "GET /", (0, 100));
                let sent =
                    writer.span(entry, crate::span::Kind::Producer, &format!("web/{}", index % 2), "send", (1, 2));
                writer.span(sent, crate::span::Kind::Consumer, "mail/1", "process", (200, 210));
            },
            &[],
        ),
        (
            "a job that runs by itself",
            |writer, index| {
                let job = writer.span(0, crate::span::Kind::Internal, "poller/1", "poll", (0, 100));
                writer.call(job, ("poller/1", ["queue/1", "queue/2"][index % 2]), "Take", (1, 2));
            },
            &[],
        ),
    ];
    for (case, write, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(200, write);
        assert_eq!(traffic.fired(Spof::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_a_single_point_of_failure() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, index| {
        let spans = chain(writer, index, &["pricing/1"]);
        if index % 10 == 0 {
            fail(writer, &spans);
        } else if index % 2 == 0 {
            fail(writer, &spans[..1]);
        }
    });
    let found = &traffic.candidates(Spof::new)[0];
    let of_its_failures = found.evidence.examples.iter().filter(|trace| *trace % 10 == 1).count();
    assert!(of_its_failures >= 3, "not those of others: {:?}", found.evidence.examples);
    assert_eq!((found.method, found.risk()), (Method::Measured, (0.9, 1.0)));
    assert_eq!((found.evidence.measure, found.evidence.samples), (1.0, 100));
    let mut few = Traffic::default();
    few.many(29, |writer, index| {
        chain(writer, index, &["pricing/1"]);
    });
    assert_eq!(few.candidates(Spof::new), [], "too few requests");
}

#[test]
fn instances_in_one_place_lack_only_where_others_are_spread() {
    let traffic = |others_are_spread: bool| {
        let mut traffic = Traffic::default();
        traffic.many(100, |writer, index| {
            let spans = chain(writer, index, &[["pricing/1", "pricing/2"][index % 2]]);
            for (span, service) in spans.iter().zip(["web", "pricing"]) {
                let host = if service == "web" && others_are_spread { ["b", "c"][index % 2] } else { "a" };
                for id in [*span, *span - u64::from(service == "pricing")] {
                    let host = if id == *span {
                        host
                    } else if others_are_spread {
                        ["b", "c"][index % 2]
                    } else {
                        "a"
                    };
                    writer.run_on(id, host);
                }
            }
        });
        traffic.candidates(Spof::new)
    };
    assert_eq!(traffic(false), []);
    let found = traffic(true);
    assert_eq!((found.len(), found[0].risk().1), (1, 0.5));
}

#[test]
fn there_is_one_since_the_others_went() {
    let mut traffic = Traffic::default();
    for minute in 0..6 {
        traffic.in_minute(minute, 60, |writer, index| {
            let instance = if minute < 3 && index % 2 == 0 { "pricing/2" } else { "pricing/1" };
            chain(writer, index, &[instance]);
        });
    }
    let found = traffic.candidates(Spof::new);
    let found = found.iter().find(|found| found.subject.service == "pricing").expect("it is alone for three minutes");
    let last_of_other = at_ms(2 * 60_000 + 58 * 50_000 / 60 + 99);
    assert!(found.fires && found.since == last_of_other, "{} {last_of_other}", found.since);
}
