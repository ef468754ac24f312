//! Counts of hand-made traces, and properties of counts of any.

use arrow::{
    array::AsArray,
    compute::{concat_batches, take_record_batch},
    datatypes::{Float64Type, Int64Type, UInt32Type},
    record_batch::RecordBatch,
};
use proptest::prelude::*;
use spandrel_proto::model::{Outcome, Table};

use super::*;
use crate::{
    analysed::{Analysis, MINUTE},
    context::Context,
    peers::PeerMap,
    red::Red,
    skew::Skew,
    span::{Kind, Link, Peer, Protocol, Span, WEIGHT_ONE},
    testing::{Fixture, MS, any_spans},
    trace::Trace,
};

/// Adds the trace of `spans` to `minutes`, or takes it away.
fn count(minutes: &mut Minutes, context: &mut Context, spans: Vec<Span>, sign: Sign) {
    let analysis = Analysis::of(spans, context, &mut PeerMap::default(), &Skew::default());
    observe(minutes, &analysis.analysed(context), sign);
}

/// The counts of all traces of a fixture.
fn counted(fixture: &mut Fixture) -> Minutes {
    let mut minutes = Minutes::new();
    for spans in by_trace(&fixture.spans) {
        count(&mut minutes, &mut fixture.context, spans, Sign::Add);
    }
    minutes
}

fn by_trace(spans: &[Span]) -> Vec<Vec<Span>> {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.trace_id);
    sorted.chunk_by(|a, b| a.trace_id == b.trace_id).map(<[Span]>::to_vec).collect()
}

/// All rows of all minutes.
fn all_rows(minutes: &Minutes, context: &Context) -> Vec<(i64, Vec<(Table, RecordBatch)>)> {
    let filled = minutes.iter().filter(|(_, minute)| !minute.is_empty());
    filled.map(|(time, minute)| (*time, rows(*time, minute, context, 1))).collect()
}

/// An edge as `view source>target kind requests/failures attempts sync blocking paired network`.
fn edges(minutes: &Minutes, context: &Context) -> Vec<String> {
    let mut shown: Vec<String> = minutes
        .values()
        .flat_map(|minute| &minute.edges)
        .map(|(key, stats)| {
            let (source, target) = (context.node_name(key.source), context.node_name(key.target));
            let calls = |weight: u64| weight as f64 / WEIGHT_ONE as f64;
            format!(
                "{} {source}>{target} {:?} {}/{} {} {} {} {} {}",
                key.view.as_str(),
                key.kind,
                calls(stats.calls.weight()),
                calls(stats.calls.failed()),
                calls(stats.attempts),
                calls(stats.sync),
                calls(stats.blocking),
                calls(stats.paired),
                rows::nanoseconds(stats.network) / MS,
            )
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn a_call_has_a_client_and_a_server_view() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (10, 90)).outcome = Outcome::Timeout;
    fixture.span((3, 2), Kind::Server, "cart", (20, 80)).weight = 2 * WEIGHT_ONE;
    let minutes = counted(&mut fixture);
    assert_eq!(
        edges(&minutes, &fixture.context),
        [
            "client shop>cart Request 1/1 1 1 1 1 20",
            "server shop>cart Request 2/0 2 2 2 2 0",
            "server user>shop Entry 1/0 1 1 0 0 0",
        ]
    );
    let minute = &minutes[&0];
    let operation = |service: &str| {
        let found = minute.operations.iter().find(|(key, _)| fixture.context.service_name(key.service) == service);
        let (key, stats) = found.unwrap();
        let nanos = |sum| rows::nanoseconds(sum) / MS;
        (key.view, stats.calls.weight(), stats.entries, nanos(stats.self_time), nanos(stats.calls.busy))
    };
    assert_eq!(operation("shop"), (View::Server, WEIGHT_ONE, WEIGHT_ONE, 20, 100));
    assert_eq!(operation("cart"), (View::Server, 2 * WEIGHT_ONE, 0, 120, 120));
    let owned: i64 = minute.paths.values().map(|stats| rows::nanoseconds(stats.exclusive) / MS).sum();
    assert_eq!(owned, 200, "the path of 100 ms stands for two of them, as its rarest span does");
}

#[test]
fn jobs_are_entries_in_the_clients_view_and_fragments_are_none() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Internal, "job", (0, 100));
    fixture.span((3, 7), Kind::Server, "cart", (20, 80)).trace_id = 2;
    fixture.span((4, 7), Kind::Internal, "lost", (20, 80)).trace_id = 3;
    let minutes = counted(&mut fixture);
    let mut operations: Vec<_> = (minutes[&0].operations.iter())
        .map(|(key, stats)| (fixture.context.service_name(key.service), key.view, stats.calls.records, stats.entries))
        .collect();
    operations.sort_unstable();
    assert_eq!(operations, [("cart", View::Server, 1, 0), ("job", View::Client, 1, WEIGHT_ONE)]);
    assert_eq!(minutes[&0].paths.len(), 1);
    let orphans: u64 = minutes[&0].coverage.values().map(|stats| stats.orphans).sum();
    assert_eq!(orphans, 2);
}

#[test]
fn retries_are_attempts_of_one_call() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (0, 90));
    for attempt in 0..3_u64 {
        let start = 30 * attempt as i64;
        let outcome = if attempt < 2 { Outcome::ServerFault } else { Outcome::Ok };
        fixture.span((10 + attempt, 2), Kind::Client, "shop", (start, start + 20)).outcome = outcome;
        fixture.span((20 + attempt, 10 + attempt), Kind::Server, "cart", (start + 5, start + 15)).outcome = outcome;
    }
    assert_eq!(
        edges(&counted(&mut fixture), &fixture.context),
        [
            "client shop>cart Request 1/0 3 1 1 1 30",
            "server shop>cart Request 3/2 3 3 3 3 0",
            "server user>shop Entry 1/0 1 1 0 0 0",
        ]
    );
}

#[test]
fn messages_go_to_topics_and_from_there_and_from_service_to_service() {
    let mut fixture = Fixture::default();
    let collection = fixture.context.texts.intern("orders");
    let peer = Peer { protocol: Protocol::Messaging, collection, ..Peer::default() };
    let peer = fixture.context.add_peer(peer);
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Producer, "shop", (10, 20)).peer = peer;
    let handled = fixture.span((3, 0), Kind::Consumer, "mail", (50, 60));
    handled.peer = peer;
    handled.links = Some(Box::new([Link { trace_id: 1, span_id: 2 }]));
    let minutes = counted(&mut fixture);
    let shown = edges(&minutes, &fixture.context);
    let counted = |start: &str| shown.iter().filter(|edge| edge.starts_with(start)).count();
    assert_eq!(
        [
            "client shop>orders Publish 1/0 1",
            "server orders>mail Deliver 1/0 1",
            "server shop>mail Deliver 1/0 1",
            "server user>shop Entry 1/0 1",
        ]
        .map(counted),
        [1; 4],
        "{shown:?}"
    );
    let delays: Vec<_> = minutes[&0].edges.values().filter_map(|stats| stats.queue_delay.quantile(0.5)).collect();
    assert_eq!(delays, [30 * MS as u64; 2]);
}

#[test]
fn minutes_are_those_of_each_start_and_busy_time_is_split() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (59_990, 180_010));
    fixture.span((2, 1), Kind::Client, "shop", (60_010, 60_020));
    fixture.span((3, 2), Kind::Server, "cart", (60_012, 60_018));
    let minutes = counted(&mut fixture);
    let busy: Vec<(i64, u64, i64)> = minutes
        .iter()
        .flat_map(|(time, minute)| minute.operations.iter().map(move |(key, stats)| (time, key, stats)))
        .filter(|(_, key, _)| fixture.context.service_name(key.service) == "shop")
        .map(|(time, _, stats)| (time / MINUTE, stats.calls.records, rows::nanoseconds(stats.calls.busy) / MS))
        .collect();
    assert_eq!(busy, [(0, 1, 10), (1, 0, 60_000), (2, 0, 60_000), (3, 0, 10)]);
    let of = |minute: i64| edges(&Minutes::from([(0, minutes[&(minute * MINUTE)].clone())]), &fixture.context);
    assert_eq!(of(0), ["server user>shop Entry 1/0 1 1 0 0 0"]);
    assert!(of(1).contains(&"client shop>cart Request 1/0 1 1 1 1 4".to_owned()), "{:?}", of(1));
}

#[test]
fn rows_have_the_stored_schemas_and_come_in_order() {
    let mut fixture = Fixture::default();
    for service in ["b", "a", "c"] {
        fixture.span((1, 0), Kind::Server, service, (0, 100)).trace_id = service.len() as u128;
    }
    let minutes = counted(&mut fixture);
    let written = rows(0, &minutes[&0], &fixture.context, 7);
    for (table, batch) in &written {
        assert_eq!(batch.schema(), table.schema());
    }
    let operations = &written[0].1;
    let services: Vec<_> = operations["service_name"].as_string::<i32>().iter().flatten().collect();
    assert!(services.is_sorted() && !services.is_empty(), "{services:?}");
    assert_eq!(operations["revision"].as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(rows(0, &Minute::default(), &fixture.context, 1)[1].1.num_rows(), 0);
    assert_eq!(hourly_rows(0, &minutes[&0], &fixture.context, 7)[0], (Table::OperationsHourly, operations.clone()));
}

#[test]
fn a_minute_is_read_from_rows_of_many() {
    let mut fixture = Fixture::default();
    for start in [0, 60_000, 120_000] {
        fixture.span((1, 0), Kind::Server, "shop", (start, start + 100)).trace_id = start as u128 + 1;
    }
    let minutes = counted(&mut fixture);
    let mut written: Vec<(Table, RecordBatch)> = Vec::new();
    for (table, _) in rows(0, &Minute::default(), &fixture.context, 1) {
        let of_all = minutes.iter().flat_map(|(time, minute)| rows(*time, minute, &fixture.context, 1));
        let batches: Vec<RecordBatch> = of_all.filter(|(of, _)| *of == table).map(|(_, batch)| batch).collect();
        written.push((table, concat_batches(&table.schema(), &batches).unwrap()));
    }
    for (time, minute) in &minutes {
        let read = read_minute(*time, &written, &mut fixture.context).unwrap();
        assert_eq!(rows(*time, &read, &fixture.context, 1), rows(*time, minute, &fixture.context, 1));
    }
    assert!(read_minute(7, &written, &mut fixture.context).unwrap().is_empty());
}

#[test]
fn unreadable_rows_are_errors() {
    let context = Context::default();
    let written = rows(0, &Minute::default(), &context, 1);
    let misplaced = [(Table::Spans, written[0].1.clone())];
    assert!(matches!(read(&misplaced, &mut Context::default()), Err(ReadError::Table { .. })));
    let cut = [(Table::Edges, written[1].1.project(&[0, 1]).unwrap())];
    assert!(matches!(read(&cut, &mut Context::default()), Err(ReadError::Missing { column: "source_namespace", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_does_not_matter(spans in any_spans(6, 40), seed in any::<u64>()) {
        let mut straight = spans.fixture();
        let expected = counted(&mut straight);
        let mut shuffled = spans.shuffled(seed).fixture();
        let minutes = counted(&mut shuffled);
        prop_assert_eq!(all_rows(&minutes, &shuffled.context), all_rows(&expected, &straight.context));
    }

    #[test]
    fn what_is_taken_away_leaves_nothing(kept in any_spans(3, 20), taken in any_spans(3, 20)) {
        let mut fixture = kept.fixture();
        let expected = counted(&mut fixture);
        let mut minutes = expected.clone();
        let others: Vec<Vec<Span>> = by_trace(&taken.add_to(&mut fixture, 1000));
        for sign in [Sign::Add, Sign::Remove] {
            for spans in &others {
                count(&mut minutes, &mut fixture.context, spans.clone(), sign);
            }
        }
        for minute in minutes.values_mut().chain(std::iter::once(&mut Minute::default())) {
            minute.edges.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
            minute.operations.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
        }
        let mut expected = expected;
        for minute in expected.values_mut() {
            minute.edges.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
            minute.operations.values_mut().for_each(|stats| (stats.first_seen, stats.last_seen) = (0, 0));
        }
        prop_assert_eq!(all_rows(&minutes, &fixture.context), all_rows(&expected, &fixture.context));
    }

    #[test]
    fn minutes_merge_to_what_all_traces_give(spans in any_spans(6, 40), split in 0_usize..6) {
        let mut fixture = spans.fixture();
        let expected = counted(&mut fixture);
        let traces = by_trace(&fixture.spans);
        let mut merged = Minutes::new();
        for part in [&traces[..split.min(traces.len())], &traces[split.min(traces.len())..]] {
            let mut minutes = Minutes::new();
            for spans in part {
                count(&mut minutes, &mut fixture.context, spans.clone(), Sign::Add);
            }
            for (time, minute) in &minutes {
                merged.entry(*time).or_default().merge(minute);
            }
        }
        prop_assert_eq!(all_rows(&merged, &fixture.context), all_rows(&expected, &fixture.context));
    }

    #[test]
    fn rows_are_read_back(spans in any_spans(6, 40)) {
        let mut fixture = spans.fixture();
        for (time, minute) in &counted(&mut fixture) {
            let written = rows(*time, minute, &fixture.context, 3);
            for context in [&mut Context::default(), &mut fixture.context.clone()] {
                let read = read(&written, context).unwrap();
                prop_assert_eq!(&rows(*time, &read, context, 3), &written);
            }
            let (halves, context) = (split_in_two(&written), &mut Context::default());
            let read = read(&halves, context).unwrap();
            prop_assert_eq!(&rows(*time, &read, context, 3), &written);
        }
    }

    #[test]
    fn the_servers_view_is_red(spans in any_spans(6, 40)) {
        let mut fixture = spans.fixture();
        let minutes = counted(&mut fixture);
        let mut red = Red::default();
        // Copies of a span are one.
        for trace in by_trace(&fixture.spans) {
            let trace = Trace::build(trace, &fixture.context);
            for (index, span) in trace.spans.iter().enumerate() {
                if span.kind.serves() && !is_nested(&trace, index) {
                    let weight = span.weight as f64 / WEIGHT_ONE as f64;
                    red.record(span.duration(), weight, span.outcome.is_failure());
                }
            }
        }
        let mut calls = Calls::default();
        for (key, stats) in minutes.values().flat_map(|minute| &minute.operations) {
            if key.view == View::Server {
                calls.merge(&stats.calls);
            }
        }
        calls.latency.merge(&calls.failure_latency.clone());
        calls.latency.merge(&calls.other_latency.clone());
        let rounded = |weight: u64| (weight + WEIGHT_ONE / 2) / WEIGHT_ONE;
        prop_assert_eq!(rounded(calls.weight()) as i64, red.requests());
        prop_assert_eq!(rounded(calls.failed()) as i64, red.failures());
        prop_assert_eq!(rows::nanoseconds(calls.duration), red.duration_sum_ns());
        prop_assert_eq!(&calls.latency, red.latency());
    }

    #[test]
    fn busy_time_is_the_sum_of_durations(spans in any_spans(6, 40)) {
        let mut fixture = spans.fixture();
        let minutes = counted(&mut fixture);
        let operations = minutes.values().flat_map(|minute| minute.operations.values());
        let (busy, duration) = operations
            .fold((0, 0), |sums, stats| (sums.0 + stats.calls.busy, sums.1 + stats.calls.duration));
        prop_assert_eq!(busy, duration);
    }
}

/// Whether a span is a server span and one above it in its process serves already.
fn is_nested(trace: &Trace, span: usize) -> bool {
    let mut at = span;
    while !trace.is_serving(at)
        && let Some(parent) = trace.parent(at)
    {
        if trace.kind(parent).serves() {
            return trace.kind(span) == Kind::Server;
        }
        at = parent;
    }
    false
}

#[test]
fn server_spans_within_a_request_of_their_process_are_no_requests() {
    let requests = |kinds: &[(Kind, &str)]| {
        let mut fixture = Fixture::default();
        for (id, (kind, service)) in (1..).zip(kinds) {
            fixture.span((id, id - 1), *kind, service, (0, 100));
        }
        let minutes = counted(&mut fixture);
        let operations = minutes[&0].operations.iter().filter(|(key, _)| key.view == View::Server);
        operations.map(|(_, stats)| stats.calls.records).sum::<u64>()
    };
    let cases = [
        (&[(Kind::Server, "shop"), (Kind::Server, "shop")][..], 1),
        (&[(Kind::Server, "shop/1"), (Kind::Internal, "shop/1"), (Kind::Server, "shop/1")], 1),
        (&[(Kind::Internal, "shop"), (Kind::Server, "shop"), (Kind::Server, "shop")], 1),
        (&[(Kind::Consumer, "shop"), (Kind::Server, "shop")], 1),
        (&[(Kind::Internal, "shop"), (Kind::Server, "shop")], 1),
        (&[(Kind::Server, "shop/1"), (Kind::Server, "shop/2")], 2),
        (&[(Kind::Server, "shop"), (Kind::Client, "shop"), (Kind::Server, "shop")], 2),
        (&[(Kind::Server, "shop"), (Kind::Server, "cart")], 2),
        (&[(Kind::Server, "shop"), (Kind::Consumer, "shop")], 2),
    ];
    for (kinds, expected) in cases {
        assert_eq!(requests(kinds), expected, "{kinds:?}");
    }
}

/// The rows of each table as two batches, the second one first.
fn split_in_two(written: &[(Table, RecordBatch)]) -> Vec<(Table, RecordBatch)> {
    let mut halves = Vec::new();
    for (table, batch) in written {
        let middle = batch.num_rows() / 2;
        halves.push((*table, batch.slice(middle, batch.num_rows() - middle)));
        halves.push((*table, batch.slice(0, middle)));
    }
    halves
}

#[test]
fn requests_of_gateways_have_a_view_of_their_own() {
    let requests = testing_requests();
    let mut context = Context::default();
    let mut minutes = Minutes::new();
    observe_requests(&mut minutes, &mut context, &requests).unwrap();
    assert_eq!(
        edges(&minutes, &context),
        [
            "gateway edge>cart Request 1/0 1 1 0 0 0",
            "gateway edge>cart Request 1/1 3 1 0 0 0",
            "gateway shop>10.0.0.1:80 External 1/0 1 1 0 0 0",
            "gateway user>edge Entry 1/0 1 1 0 0 0",
            "gateway user>edge Entry 1/0 1 1 0 0 0",
            "gateway user>edge Entry 1/1 1 1 0 0 0",
        ]
    );
    let written = rows(0, &minutes[&0], &context, 1);
    let operations = &written[0].1;
    assert_eq!(operations["operation"].as_string::<i32>().value(0), "GET /carts/{id}");
    assert_eq!(operations["view"].as_string::<i32>().value(0), "gateway");
    assert_eq!(operations["requests"].as_primitive::<Float64Type>().value(0), 1.0);
    let again = read(&written, &mut Context::default()).unwrap();
    assert_eq!(again.edges.len(), minutes[&0].edges.len());
    let order = arrow::array::PrimitiveArray::<UInt32Type>::from(vec![4, 2, 0, 1, 3]);
    let shuffled = take_record_batch(&requests, &order).unwrap();
    let mut others = Minutes::new();
    let mut context = Context::default();
    observe_requests(&mut others, &mut context, &shuffled).unwrap();
    assert_eq!(rows(0, &others[&0], &context, 1), written);
}

/// Five records: two answered, one of which by the gateway itself, one failed after three tries, one of a proxy beside
/// its caller and one of a proxy beside its callee.
fn testing_requests() -> RecordBatch {
    let schema = Table::Requests.schema();
    let record = |side: &str, gateway: &str, fields: &str| {
        format!(
            r#"{{"start_time":1000,"end_time":2000,"duration_ns":1000,"source":"envoy","side":"{side}",
            "gateway":"{gateway}",{fields}}}"#
        )
    };
    let lines = [
        record(
            "edge",
            "edge",
            r#""http_request_method":"GET","url_path":"/carts/42","upstream_service":"cart","outcome":"ok",
            "upstream_duration_ns":900,"trace_id":"000000000000000000000000000000ab""#,
        ),
        record("edge", "edge", r#""http_request_method":"GET","url_path":"/","outcome":"ok""#),
        record(
            "edge",
            "edge",
            r#""http_request_method":"PUT","http_route":"/carts","upstream_service":"cart","outcome":"server_fault",
            "attempts":[{"address":"a"},{"address":"b"},{"address":"c"}]"#,
        ),
        record("outbound", "shop", r#""upstream_address":"10.0.0.1:80","outcome":"ok""#),
        record("inbound", "cart", r#""upstream_address":"127.0.0.1:80","outcome":"ok""#),
    ];
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone()).build_decoder().unwrap();
    decoder.decode(lines.join("\n").as_bytes()).unwrap();
    let batch = decoder.flush().unwrap().unwrap();
    concat_batches(&schema, [&batch]).unwrap()
}
