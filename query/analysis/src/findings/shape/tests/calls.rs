//! Repeated calls, talkative edges and bursts.

use spandrel_proto::model::Outcome;

use super::super::{
    chatty::Chatty,
    fanout_burst::FanoutBurst,
    n_plus_one::NPlusOne,
    testing::{Data, ROWS, Traffic, Write, Writer, at_ms},
};
use crate::{
    findings::{Severity, Value},
    span::Kind,
};

/// What a request does, for tables of cases.
type Request = fn(&mut Writer<'_>, u64);

/// A request of 200 ms that runs `queries` of 10 ms, one every `every` ms, with parameters of `parameter`.
fn queries(writer: &mut Writer<'_>, parent: u64, queries: i64, every: i64, parameter: impl Fn(i64) -> u64) {
    for query in 0..queries {
        let start = 1 + query * every;
        let id = writer.query(parent, "cart", &ROWS, "SELECT items", (start, start + 10));
        writer.at(id).parameter = parameter(query);
    }
}

fn requests(count: usize, request: Request) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.many(count, |writer, _| {
        let entry = writer.entry("cart", "GET /cart/{id}", (0, 400));
        request(writer, entry);
    });
    traffic
}

#[test]
fn a_query_for_every_row_is_found_with_its_share_and_time() {
    let traffic = requests(100, |writer, entry| queries(writer, entry, 10, 12, |query| query as u64 + 1));
    let found = traffic.candidates(NPlusOne::new);
    assert_eq!(found.len(), 1);
    let found = &found[0];
    assert!(found.fires);
    assert_eq!(found.subject.text, "cart GET /cart/{id} -> db");
    assert_eq!(found.subject.service, "cart");
    assert_eq!(found.subject.operation.as_deref(), Some("GET /cart/{id}"));
    assert_eq!(found.subject.target.as_deref(), Some("db"));
    assert_eq!((found.subkind, found.evidence.measure, found.evidence.samples), (None, 1.0, 100));
    // Nine of the ten queries could be saved: 90 of 400 ms, and an entry of no stated criticality counts 0.9.
    assert_eq!(found.lost_ms(), 0.9 * 90.0);
    assert_eq!((found.since, found.until), (at_ms(0), at_ms(49_500 + 400)));
    assert!(found.evidence.details.contains(&("calls_per_request", Value::Number(10.0))));
    assert!(found.evidence.examples.len() >= 3);
    assert!(found.evidence.caveats.is_empty());
}

#[test]
fn repeats_of_all_sorts() {
    let text = "cart GET /cart/{id} -> db";
    let cases: [(&str, Request, Option<&str>); 12] = [
        ("five queries of 10 ms", |writer, entry| queries(writer, entry, 5, 12, |query| query as u64 + 1), Some("")),
        ("four queries", |writer, entry| queries(writer, entry, 4, 12, |query| query as u64 + 1), None),
        ("at the same time", |writer, entry| queries(writer, entry, 10, 2, |query| query as u64 + 1), None),
        ("parameters hidden", |writer, entry| queries(writer, entry, 8, 12, |_| 0), Some("")),
        ("the same every time", |writer, entry| queries(writer, entry, 8, 12, |_| 7), Some(" [redundant_calls]")),
        (
            "less than 50 ms",
            |writer, entry| {
                for query in 0..12 {
                    writer.query(entry, "cart", &ROWS, "SELECT items", (query * 5, query * 5 + 4));
                }
            },
            None,
        ),
        (
            "less than a tenth of the request",
            |writer, entry| {
                let last = writer.at(entry);
                last.end = last.start + 900 * 1_000_000;
                queries(writer, entry, 6, 12, |query| query as u64 + 1);
            },
            None,
        ),
        (
            "retries of one query",
            |writer, entry| {
                for attempt in 0..10 {
                    let id = writer.query(entry, "cart", &ROWS, "SELECT items", (attempt * 12, attempt * 12 + 10));
                    if attempt < 9 {
                        writer.at(id).outcome = Outcome::Timeout;
                    }
                }
            },
            None,
        ),
        (
            "each in a span of the mapper's",
            |writer, entry| {
                for query in 0..8 {
                    let time = (query * 12, query * 12 + 10);
                    let mapper = writer.span(entry, Kind::Internal, "cart", "Repository.find", time);
                    writer.query(mapper, "cart", &ROWS, "SELECT items", time);
                }
            },
            Some(""),
        ),
        (
            "a cursor",
            |writer, entry| {
                for page in 0..8 {
                    writer.query(entry, "cart", &ROWS, "getMore items", (page * 12, page * 12 + 10));
                }
            },
            Some(" [pagination]"),
        ),
        (
            "asking whether it is well",
            |writer, entry| {
                for poll in 0..8 {
                    writer.outside(entry, ("cart", "db"), "GET /healthz", (poll * 12, poll * 12 + 10));
                }
            },
            None,
        ),
        (
            "different queries",
            |writer, entry| {
                for query in 0..8 {
                    writer.query(entry, "cart", &ROWS, &format!("SELECT {query}"), (query * 12, query * 12 + 10));
                }
            },
            None,
        ),
    ];
    for (case, request, expected) in cases {
        let fired = requests(60, request).fired(NPlusOne::new);
        let expected: Vec<String> = expected.iter().map(|subkind| format!("{text}{subkind}")).collect();
        assert_eq!(fired, expected, "{case}");
    }
}

#[test]
fn repeats_need_a_fifth_of_the_requests_and_enough_of_them() {
    let share = |count: usize, every: usize| {
        let mut traffic = Traffic::default();
        traffic.many(count, |writer, index| {
            let entry = writer.entry("cart", "GET /cart/{id}", (0, 400));
            if index % every == 0 {
                queries(writer, entry, 8, 12, |query| query as u64 + 1);
            }
        });
        traffic.candidates(NPlusOne::new).iter().map(|found| found.fires).collect::<Vec<_>>()
    };
    assert_eq!(share(29, 1), [false; 0], "too few requests");
    assert_eq!(share(30, 1), [true]);
    assert_eq!(share(400, 3), [true], "a third, and surely above a fifth");
    assert_eq!(share(400, 5), [false], "a fifth, which may be less, does not open but keeps open");
    assert_eq!(share(400, 8), [false; 0]);
}

#[test]
fn a_page_of_pages_is_low_and_hidden_parameters_are_said() {
    let pages = requests(100, |writer, entry| {
        for page in 0..20 {
            writer.query(entry, "cart", &ROWS, "getMore items", (page * 12, page * 12 + 10));
        }
    });
    let found = pages.candidates(NPlusOne::new);
    assert_eq!(found[0].severity(), Severity::Low);
    assert_eq!(found[0].evidence.caveats.len(), 1, "{:?}", found[0].evidence.caveats);
}

#[test]
fn old_repeats_are_not_counted() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, _| {
        let entry = writer.entry("cart", "GET /cart/{id}", (0, 400));
        queries(writer, entry, 10, 12, |query| query as u64 + 1);
    });
    traffic.in_minute(5, 100, |writer, _| {
        writer.entry("cart", "GET /cart/{id}", (0, 400));
    });
    assert_eq!(traffic.candidates(NPlusOne::new), []);
}

/// A request with `calls` short calls of two operations to a service.
fn talk(writer: &mut Writer<'_>, calls: i64, operations: i64) {
    let entry = writer.entry("web", "GET /", (0, 400));
    for call in 0..calls {
        let operation = format!("Get{}", call % operations);
        writer.call(entry, ("web", "profile"), &operation, (call * 4, call * 4 + 3));
    }
}

#[test]
fn talkative_edges() {
    let cases: [(&str, Write, bool); 9] = [
        ("twelve calls of two sorts", |writer, _| talk(writer, 12, 2), true),
        ("ten on average", |writer, _| talk(writer, 10, 3), true),
        ("nine calls", |writer, _| talk(writer, 9, 3), false),
        ("ten by chance", |writer, index| talk(writer, if index % 2 == 0 { 1 } else { 19 }, 3), false),
        ("one sort", |writer, _| talk(writer, 20, 1), false),
        ("a tenth talks much", |writer, index| talk(writer, if index % 10 == 0 { 32 } else { 2 }, 3), true),
        ("one in fifty talks much", |writer, index| talk(writer, if index % 50 == 0 { 32 } else { 2 }, 3), false),
        (
            "commands sent at once to a cache",
            |writer, _| {
                let cache = Data { system: "redis", address: "profile", collection: "", ..ROWS };
                let entry = writer.entry("web", "GET /", (0, 400));
                for command in 0..30 {
                    let operation = if command % 2 == 0 { "GET" } else { "HGET" };
                    writer.query(entry, "web", &cache, operation, (command / 10, 20 + command));
                }
            },
            false,
        ),
        (
            "repeated calls, which are another finding",
            |writer, _| {
                let entry = writer.entry("web", "GET /", (0, 400));
                for call in 0..20 {
                    let operation = if call < 2 { "List" } else { "Get" };
                    writer.call(entry, ("web", "profile"), operation, (call * 12, call * 12 + 10));
                }
            },
            false,
        ),
    ];
    for (case, request, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(200, request);
        let expected: &[&str] = if expected { &["web -> profile"] } else { &[] };
        assert_eq!(traffic.fired(Chatty::new), expected, "{case}");
    }
}

#[test]
fn a_talkative_edge_says_how_much_of_the_time_it_takes() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, _| talk(writer, 20, 2));
    let found = &traffic.candidates(Chatty::new)[0];
    assert_eq!(found.lost_ms(), 0.9 * 60.0 * 19.0 / 20.0, "all calls but one");
    assert_eq!((found.evidence.measure, found.evidence.interval), (20.0, Some((20.0, 20.0))));
    assert_eq!(found.subject.target.as_deref(), Some("profile"));
}

/// A request with so many calls, of which so many start at once.
fn burst(writer: &mut Writer<'_>, kind: Kind, calls: i64, at_once: i64, instances: i64) {
    let entry = writer.span(0, kind, "search", "GET /search", (0, 400));
    for call in 0..calls {
        let start = (call / at_once) * 30;
        let client = writer.span(entry, Kind::Client, "search", "Lookup", (start, start + 20 + call % 3));
        writer.span(client, Kind::Server, &format!("index/{}", call % instances), "Lookup", (start + 1, start + 19));
    }
}

#[test]
fn bursts_of_calls() {
    let cases: [(&str, Write, bool); 8] = [
        ("forty at once", |writer, _| burst(writer, Kind::Server, 40, 40, 2), true),
        ("twenty, ten at a time", |writer, _| burst(writer, Kind::Server, 20, 10, 2), true),
        ("nineteen at once", |writer, _| burst(writer, Kind::Server, 19, 19, 2), false),
        ("forty, nine at a time", |writer, _| burst(writer, Kind::Server, 40, 9, 2), false),
        ("forty, one after the other", |writer, _| burst(writer, Kind::Server, 12, 1, 2), false),
        ("forty shards, each asked once", |writer, _| burst(writer, Kind::Server, 40, 40, 40), false),
        ("a job", |writer, _| burst(writer, Kind::Internal, 40, 40, 2), false),
        (
            "five calls, each tried often",
            |writer, _| {
                let entry = writer.entry("search", "GET /search", (0, 400));
                for call in 0..5 {
                    let around = writer.span(entry, Kind::Client, "search", "Lookup", (0, 300));
                    for attempt in 0..5 {
                        let time = (attempt * 50 + call, attempt * 50 + call + 40);
                        let id = writer.span(around, Kind::Client, "search", "Lookup", time);
                        writer.span(id, Kind::Server, "index/1", "Lookup", time);
                        if attempt < 4 {
                            writer.at(id).outcome = Outcome::Timeout;
                        }
                    }
                }
            },
            false,
        ),
    ];
    for (case, request, expected) in cases {
        let mut traffic = Traffic::default();
        traffic.many(60, request);
        let expected: &[&str] = if expected { &["search GET /search -> index"] } else { &[] };
        assert_eq!(traffic.fired(FanoutBurst::new), expected, "{case}");
    }
}

#[test]
fn a_burst_says_what_waiting_for_the_slowest_costs() {
    let mut traffic = Traffic::default();
    traffic.many(50, |writer, _| burst(writer, Kind::Server, 20, 20, 2));
    let found = &traffic.candidates(FanoutBurst::new)[0];
    assert_eq!((found.evidence.measure, found.evidence.threshold), (20.0, 20.0));
    let expected = found.evidence.details.iter().find(|(name, _)| *name == "expected_quantile");
    let Some((_, Value::Number(quantile))) = expected else { panic!("{:?}", found.evidence.details) };
    assert!((quantile - 0.966).abs() < 1e-3, "{quantile}");
    let mut rare = Traffic::default();
    rare.many(100, |writer, index| match index {
        0 | 1 => burst(writer, Kind::Server, 40, 40, 2),
        _ => burst(writer, Kind::Server, 2, 2, 2),
    });
    assert_eq!(rare.candidates(FanoutBurst::new), [], "two traces are not enough");
}

#[test]
fn calls_of_lost_requests_are_no_requests() {
    let mut traffic = Traffic::default();
    traffic.many(100, |writer, index| {
        if index % 4 > 0 {
            return talk(writer, 11, 2);
        }
        // The span of the request is lost, and its calls stand by themselves.
        for call in 0..11 {
            writer.call(99, ("web", "profile"), &format!("Get{}", call % 2), (call * 4, call * 4 + 3));
        }
    });
    assert_eq!(traffic.fired(Chatty::new).len(), 1);
}
