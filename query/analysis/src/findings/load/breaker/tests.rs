use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BinaryArray, Int64Array, StringArray, new_null_array},
    record_batch::RecordBatch,
};
use spandrel_proto::model::{Outcome, Table};

use super::Breaker;
use crate::{
    findings::{
        Candidate, Method,
        load::testing::{MINUTE_MS, Traffic},
    },
    span::{Kind, SpanFlags},
    testing::MS,
};

/// One call of the cart to the stock.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// The stock answered in 40 ms.
    Good,
    /// It failed after 40 ms.
    Bad,
    /// It was never sent, and failed within a millisecond for no stated reason.
    Fast,
    /// The same, because nobody listens.
    Refused,
    /// The same, because a limiter said no.
    Limited,
    /// The same, because a breaker said no.
    ShortCircuited,
    /// Nobody answered for 40 ms.
    Silent,
}

/// `rate` calls a second from one second to another, of the minute in which the traffic begins.
fn calls(traffic: &mut Traffic, (from, to): (i64, i64), rate: i64, instance: &str, call: impl Fn(i64) -> Call) {
    for number in from * rate..to * rate {
        traffic.trace(number * 1000 / rate, |writer| {
            let call = call(number);
            let is_good = matches!(call, Call::Good);
            let own = if is_good { Outcome::Ok } else { Outcome::ServerFault };
            let service = format!("cart/{instance}");
            writer.span((1, 0), Kind::Server, &service, (0, 50)).outcome = own;
            let (end, outcome, cause) = match call {
                Call::Good | Call::Bad => (41, own, ""),
                Call::Fast => (1, Outcome::ServerFault, "Error"),
                Call::Refused => (1, Outcome::Unreachable, "ECONNREFUSED"),
                Call::Limited => (1, Outcome::Rejected, "RateLimiterRejectedException"),
                Call::ShortCircuited => (1, Outcome::Rejected, "CallNotPermittedException"),
                Call::Silent => (41, Outcome::Timeout, "Timeout"),
            };
            let cause = writer.text(cause);
            let span = writer.call_out((2, 1), &service, "stock", (0, end), outcome);
            span.cause = cause;
            if matches!(call, Call::ShortCircuited | Call::Limited) {
                span.flags.insert(SpanFlags::SHORT_CIRCUITED);
            }
            if end == 1 {
                span.end = span.start + MS / 2;
            }
            if matches!(call, Call::Good | Call::Bad) {
                writer.span((3, 2), Kind::Server, "stock", (1, 40)).outcome = own;
            }
        });
    }
}

fn found(traffic: &Traffic, minute: i64) -> Vec<Candidate> {
    let found = traffic.candidates::<Breaker>(minute);
    assert!(found.iter().all(|candidate| candidate.fires));
    found
}

#[test]
fn fast_failures_after_real_ones_are_an_open_breaker() {
    let mut traffic = Traffic::default();
    calls(&mut traffic, (0, 20), 50, "1", |_| Call::Good);
    calls(&mut traffic, (20, 21), 50, "1", |_| Call::Bad);
    // Now and then a probe fails.
    calls(&mut traffic, (21, 40), 50, "1", |number| if number % 250 == 0 { Call::Bad } else { Call::Fast });
    calls(&mut traffic, (40, 60), 50, "1", |_| Call::Good);
    let found = found(&traffic, 0);
    assert_eq!(found.len(), 1);
    let candidate = &found[0];
    assert_eq!((candidate.subject.text.as_str(), candidate.subkind), ("cart -> stock", Some("inferred")));
    assert_eq!(candidate.method, Method::Inferred);
    assert_eq!((candidate.since, candidate.until), (21_000 * MS, 40_000 * MS));
    assert!((candidate.evidence.measure - 19.0 / 300.0).abs() < 1e-9, "of the last five minutes");
}

#[test]
fn a_breaker_with_a_short_memory_is_seen_and_so_is_that_of_one_process_of_several() {
    let mut traffic = Traffic::default();
    calls(&mut traffic, (0, 60), 50, "2", |_| Call::Good);
    calls(&mut traffic, (0, 20), 50, "1", |_| Call::Good);
    // Ten calls fail within a fifth of a second.
    calls(&mut traffic, (20, 60), 50, "1", |number| if number < 1010 { Call::Bad } else { Call::Fast });
    let found = found(&traffic, 0);
    assert_eq!((found[0].since, found[0].until), (20_200 * MS, 60_000 * MS));
}

#[test]
fn what_looks_like_an_open_breaker_is_none() {
    type Case = (&'static str, fn(i64) -> Call);
    let cases: [Case; 6] = [
        ("an outage", |_| Call::Bad),
        ("silence", |_| Call::Silent),
        ("connections refused", |_| Call::Refused),
        ("a limiter", |number| if number % 10 == 0 { Call::Good } else { Call::Limited }),
        ("some errors", |number| if number % 3 == 0 { Call::Bad } else { Call::Good }),
        ("fast failures without real ones before", |_| Call::Fast),
    ];
    for (what, call) in cases {
        let mut traffic = Traffic::default();
        calls(&mut traffic, (0, 20), 50, "1", |_| Call::Good);
        calls(&mut traffic, (20, 60), 50, "1", call);
        assert_eq!(found(&traffic, 0), [], "{what}");
    }
}

#[test]
fn a_crash_whose_calls_in_flight_fail_late_is_no_breaker() {
    let mut traffic = Traffic::default();
    calls(&mut traffic, (0, 20), 50, "1", |_| Call::Good);
    calls(&mut traffic, (20, 60), 50, "1", |number| if number < 1020 { Call::Silent } else { Call::Refused });
    assert_eq!(found(&traffic, 0), []);
}

#[test]
fn calls_that_a_breaker_says_it_refused_are_explicit_however_few() {
    let mut traffic = Traffic::default();
    calls(&mut traffic, (0, 30), 1, "1", |_| Call::Good);
    calls(&mut traffic, (30, 40), 1, "1", |_| Call::ShortCircuited);
    calls(&mut traffic, (40, 60), 1, "1", |_| Call::Good);
    let found = found(&traffic, 0);
    assert_eq!((found[0].method, found[0].subkind), (Method::Explicit, None));
    assert_eq!((found[0].since, found[0].until), (30_000 * MS, 39_000 * MS + MS / 2));
    let mut traffic = Traffic::default();
    calls(&mut traffic, (0, 60), 1, "1", |number| if number < 4 { Call::ShortCircuited } else { Call::Good });
    assert_eq!(super::tests::found(&traffic, 0), [], "four calls in five minutes");
}

/// Rows of `breakers`: milliseconds, system, breaker, service, event, basis.
fn rows(rows: &[(i64, &str, &str, &str, &str, &str)]) -> RecordBatch {
    let schema = Table::Breakers.schema();
    let texts = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((0..rows.len()).map(|row| Some(text(row))).collect::<StringArray>())
    };
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "time" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0 * MS))) as ArrayRef,
        "system" => texts(&|row| rows[row].1.to_owned()),
        "breaker" => texts(&|row| rows[row].2.to_owned()),
        "service_name" => texts(&|row| rows[row].3.to_owned()),
        "event" => texts(&|row| rows[row].4.to_owned()),
        "basis" => texts(&|row| rows[row].5.to_owned()),
        "signal" | "source_table" => texts(&|_| "log".to_owned()),
        "trace_id" => Arc::new(BinaryArray::from_iter_values(rows.iter().map(|_| 7_u128.to_be_bytes()))),
        _ => new_null_array(field.data_type(), rows.len()),
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).expect("columns as in the schema")
}

#[test]
fn a_breaker_that_says_it_opened_is_open_until_it_says_it_closed() {
    let mut traffic = Traffic::default();
    for minute in 0..20 {
        traffic.minute(minute, 30, |_, writer| writer.chain(&["cart", "stock-service"], 10, |_| Outcome::Ok));
    }
    // In no order, and the opening is told twice.
    traffic.breakers.push(rows(&[
        (18 * MINUTE_MS + 20_000, "resilience4j", "stock", "cart", "close", "explicit"),
        (2 * MINUTE_MS + 10_000, "resilience4j", "stock", "cart", "trip", "explicit"),
        (2 * MINUTE_MS + 10_001, "resilience4j", "stock", "cart", "trip", "explicit"),
        (11 * MINUTE_MS, "resilience4j", "stock", "cart", "half_open", "explicit"),
        (4 * MINUTE_MS, "resilience4j", "other", "cart", "retry", "explicit"),
    ]));
    assert_eq!(found(&traffic, 1), []);
    for (minute, until) in [(2, 3 * MINUTE_MS), (10, 11 * MINUTE_MS), (18, 18 * MINUTE_MS + 20_000)] {
        let found = found(&traffic, minute);
        assert_eq!(found.len(), 1, "minute {minute}");
        assert_eq!((found[0].subject.text.as_str(), found[0].subkind), ("cart -> stock-service", None));
        assert_eq!((found[0].since, found[0].until), ((2 * MINUTE_MS + 10_000) * MS, until * MS));
        assert_eq!(found[0].method, Method::Explicit);
    }
    assert_eq!(found(&traffic, 19), []);
}

#[test]
fn caps_and_ejections_are_varieties_and_conclusions_say_so() {
    let refused = |from: i64, count: i64| {
        (0..count).map(move |number| {
            (from + number * 100, "envoy", "outbound|80||stock.shop.svc", "edge", "short_circuit", "explicit")
        })
    };
    let mut traffic = Traffic::default();
    traffic.breakers.push(rows(&refused(1000, 4).collect::<Vec<_>>()));
    assert_eq!(found(&traffic, 0), [], "four calls are none");
    traffic.breakers.push(rows(&refused(5000, 4).collect::<Vec<_>>()));
    let overflow = found(&traffic, 0);
    assert_eq!((overflow[0].subkind, overflow[0].since, overflow[0].until), (Some("overflow"), 1000 * MS, 5300 * MS));
    assert_eq!(overflow[0].subject.text, "edge -> outbound|80||stock.shop.svc", "nobody knows better");

    let mut traffic = Traffic::default();
    traffic.breakers.push(rows(&[(9000, "envoy", "stock", "edge", "eject", "explicit")]));
    assert_eq!(found(&traffic, 0)[0].subkind, Some("ejection"));

    let mut traffic = Traffic::default();
    traffic.breakers.push(rows(&[(9000, "opossum", "stock", "edge", "trip", "inferred")]));
    assert_eq!(found(&traffic, 0), [], "a conclusion needs traces");
    let mut traffic = Traffic::default();
    let concluded: Vec<_> = (0..50).map(|n| (n, "envoy", "stock", "edge", "short_circuit", "inferred")).collect();
    traffic.breakers.push(rows(&concluded));
    assert_eq!(found(&traffic, 0), [], "no host may be left for other reasons");
}

#[test]
fn a_breaker_without_a_telling_name_stands_where_calls_stopped() {
    let mut traffic = Traffic::default();
    let stopped = 20_000..40_000;
    for number in 0..1200 {
        let start = number * 50;
        traffic.trace(start, |writer| {
            writer.span((1, 0), Kind::Server, "cart", (0, 40));
            writer.call((10, 1), ("cart", "price"), (1, 20), Outcome::Ok);
            if !stopped.contains(&start) {
                writer.call((20, 1), ("cart", "stock"), (21, 40), Outcome::Ok);
            }
        });
    }
    traffic.breakers.push(rows(&[
        (20_000, "gobreaker", "cb-1", "cart", "trip", "explicit"),
        (40_000, "gobreaker", "cb-1", "cart", "close", "explicit"),
    ]));
    assert_eq!(found(&traffic, 0)[0].subject.text, "cart -> stock");
}

#[test]
fn what_is_forgotten_still_counts_as_open() {
    use crate::findings::{Detector, Evaluation, shared::Demand};
    let mut detector = Breaker::default();
    let mut context = crate::context::Context::new();
    detector.observe_breakers(&rows(&[(1000, "gobreaker", "stock", "cart", "trip", "explicit")]), &mut context);
    detector.forget_before(MINUTE_MS * MS);
    let minutes = crate::rollup::Minutes::new();
    let demand = Demand::default();
    let at = |minute: i64| Evaluation {
        context: &context,
        minutes: &minutes,
        demand: &demand,
        minute: minute * MINUTE_MS * MS,
    };
    let found = detector.evaluate(&at(5));
    assert_eq!((found[0].since, found[0].until), (1000 * MS, 6 * MINUTE_MS * MS));
    assert_eq!(detector.evaluate(&at(40)), [], "silent for too long");
    assert!(detector.size() > 0);
}
