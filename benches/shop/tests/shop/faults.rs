//! Faults of networks, processes, databases and clocks.

use std::{collections::HashMap, ops::Range};

use spandrel_shop::{
    Fault, Latency, ScheduledFault, ShopConfig,
    engine::{Activity, EdgeKind, Node, SpanRecord, Work},
    telemetry::Payload,
    topology::{Builder, Call, Effect, Endpoint, Language, OnFailure, Query, Step, Topology},
};

use crate::{
    history::History,
    pair::{Happened, MILLISECOND, SECOND, START, pair, run},
};

const ALWAYS: Range<i64> = i64::MIN..i64::MAX;

fn patient(call: Call) -> Call {
    Call { timeout: 120 * SECOND, ..call }
}

fn calls(happened: &Happened) -> Vec<&SpanRecord> {
    happened.spans.iter().filter(|span| matches!(span.activity, Activity::Call { .. })).collect()
}

/// Spans of the service that is called.
fn serves(happened: &Happened) -> Vec<&SpanRecord> {
    let serves = |span: &&SpanRecord| span.parent.is_some() && matches!(span.activity, Activity::Serve { .. });
    happened.spans.iter().filter(serves).collect()
}

fn duration(span: &SpanRecord) -> i64 {
    span.end - span.start
}

/// A service that makes one query each time.
fn with_database(timeout: i64) -> Topology {
    let mut builder = Builder::new(Some(1));
    let store = builder.store("things-db", "postgresql", "things", 5432);
    let service = builder.service("front", "1", Language::Java, 1, 1);
    let query = Query {
        store,
        operation: "SELECT",
        collection: "things",
        text: "SELECT 1",
        latency: Latency::micros(20_000, 21_000),
        timeout,
        faults_per_million: 0,
        on_failure: OnFailure::Fail,
    };
    let endpoint = Endpoint::Http { method: "GET", route: "/" };
    let entry = builder.operation(service, endpoint, &[], vec![Step::Query(query)]);
    builder.entry(entry, 1);
    builder.finish()
}

fn queries(happened: &Happened) -> Vec<&SpanRecord> {
    happened.spans.iter().filter(|span| matches!(span.activity, Activity::Query { .. })).collect()
}

#[test]
fn a_lost_packet_costs_a_retransmission() {
    let mut topology = pair(vec![Step::work(1_000, 2_000)], true, patient);
    let during = START + 20 * SECOND..START + 80 * SECOND;
    assert!(topology.afflict("front->back", &during, Effect::Loss { per_million: 100_000 }));
    let happened = run(topology, 20.0, 100);
    let (mut inside, mut delayed) = (0, 0);
    for call in calls(&happened) {
        // Timeouts are 200, 400, 800 ms; the call itself takes less than 20 ms.
        let lost = duration(call) / (200 * MILLISECOND);
        assert!(duration(call) % (200 * MILLISECOND) < 20 * MILLISECOND, "{} ns", duration(call));
        if during.contains(&call.start) {
            (inside, delayed) = (inside + 1, delayed + usize::from(lost > 0));
        } else {
            assert_eq!(lost, 0);
        }
    }
    // One of two packets.
    let share = f64::from(delayed as u32) / f64::from(inside);
    assert!((share - 0.19).abs() < 0.03, "{share}");
    assert!(happened.called.iter().all(|called| called.fault != Some(Fault::Timeout)));
    assert!(serves(&happened).iter().all(|span| duration(span) < 10 * MILLISECOND), "the callee has no part in it");
}

#[test]
fn lost_packets_make_callers_give_up_on_whom_they_call() {
    let mut topology = pair(vec![Step::work(1_000, 2_000)], true, |call| call);
    assert!(topology.afflict("front->back", &ALWAYS, Effect::Loss { per_million: 100_000 }));
    let happened = run(topology, 20.0, 60);
    let failed: Vec<_> = happened.entries.iter().filter_map(|entry| entry.origin).collect();
    let share = failed.len() as f64 / happened.entries.len() as f64;
    assert!((share - 0.19).abs() < 0.03, "{share}");
    // Whether it was the request or the answer that did not come.
    for origin in failed.iter().filter(|origin| origin.is_slow) {
        assert!(matches!(origin.asked, Work::Peer(Node::Service(_))), "{origin:?}");
        assert_eq!(origin.hops, 1);
    }
    assert!(failed.iter().filter(|origin| origin.is_slow).count() * 100 > failed.len() * 95);
    // Answers get lost as often as requests.
    let (served, called) = (serves(&happened).len() as f64, happened.called.len() as f64);
    assert!(served / called > 0.95, "requests arrive in the end: {served} of {called}");
}

#[test]
fn a_connection_over_which_nothing_comes_is_given_up() {
    let mut topology = pair(vec![Step::work(1_000, 2_000)], true, patient);
    assert!(topology.afflict("front->back", &ALWAYS, Effect::Loss { per_million: 1_000_000 }));
    let happened = run(topology, 5.0, 20);
    assert!(!happened.called.is_empty() && serves(&happened).is_empty());
    for call in happened.called.iter().filter(|called| called.fault != Some(Fault::Refused)) {
        assert_eq!((call.fault, call.timeouts), (Some(Fault::Timeout), 1));
        // 200 ms and its doubles, seven in all.
        assert_eq!((call.end - call.start) / (100 * MILLISECOND), 254);
    }
    let mut topology = with_database(60 * SECOND);
    assert!(topology.afflict("front->things-db", &ALWAYS, Effect::Loss { per_million: 1_000_000 }));
    let happened = run(topology, 5.0, 20);
    assert!(!queries(&happened).is_empty());
    assert!(queries(&happened).iter().all(|query| query.fault == Some(Fault::Timeout)));
    let origins = happened.entries.iter().filter_map(|entry| entry.origin);
    assert!(origins.map(|origin| origin.node).all(|node| matches!(node, Node::Store(_))));
}

#[test]
fn what_is_not_there_cannot_be_hit() {
    let mut topology = with_database(SECOND);
    for (target, effect) in [
        ("front->nobody", Effect::Loss { per_million: 1 }),
        ("things-db->front", Effect::Loss { per_million: 1 }),
        ("front", Effect::Loss { per_million: 1 }),
        ("front", Effect::Lock { per_mille: 1_000 }),
        ("things-db", Effect::Pause { length: 1, period: 100 }),
        ("front", Effect::Pause { length: 0, period: SECOND }),
        ("front", Effect::Pause { length: SECOND, period: -1 }),
        ("things-db", Effect::Clock { ahead: 1 }),
        ("things-db", Effect::Contention { percent: 1 }),
    ] {
        assert!(!topology.afflict(target, &ALWAYS, effect), "{effect:?} of {target}");
    }
}

/// Nanoseconds of a time within pauses of 200 ms each second, from ten seconds on.
fn paused(during: Range<i64>) -> i64 {
    let pauses = (10..50).map(|second| START + second * SECOND..START + second * SECOND + 200 * MILLISECOND);
    pauses.map(|pause| (pause.end.min(during.end) - pause.start.max(during.start)).max(0)).sum()
}

#[test]
fn processes_stand_still_during_pauses() {
    let mut topology = pair(vec![Step::work(5_000, 6_000), Step::work(30_000, 31_000)], true, patient);
    let effect = Effect::Pause { length: 200 * MILLISECOND, period: SECOND };
    let during = START + 10 * SECOND..START + 50 * SECOND;
    assert!(topology.afflict("back", &during, effect));
    let happened = run(topology, 30.0, 60);
    let spans = serves(&happened);
    assert!(spans.len() > 1_500);
    let mut stood_still = 0;
    for span in spans {
        for time in [span.start, span.end] {
            assert_ne!(paused(time - 1..time + 1), 2, "nothing begins or ends during a pause");
        }
        // Computing takes as long as ever, but for the pauses.
        let still = paused(span.start..span.end);
        let computes = duration(span) - still;
        assert!((17_000_000..112_000_000).contains(&computes), "{computes} ns");
        stood_still += usize::from(still > 0);
    }
    assert!(stood_still > 20, "{stood_still} requests stand still");
    let late = calls(&happened).iter().filter(|call| duration(call) > 130 * MILLISECOND).count();
    assert!(late > 100, "{late} calls wait for a pause to end");
}

#[test]
fn a_caller_that_stands_still_reads_its_answers_later() {
    let mut topology = pair(vec![Step::work(5_000, 6_000)], true, patient);
    let effect = Effect::Pause { length: 200 * MILLISECOND, period: SECOND };
    assert!(topology.afflict("front", &(START + 10 * SECOND..START + 50 * SECOND), effect));
    let happened = run(topology, 100.0, 60);
    for call in calls(&happened) {
        assert_ne!(paused(call.start - 1..call.start + 1), 2);
        assert_ne!(paused(call.end - 1..call.end + 1), 2);
    }
    assert!(serves(&happened).iter().all(|span| duration(span) < 20 * MILLISECOND), "the callee goes on");
    let waiting = calls(&happened).iter().filter(|call| duration(call) > 100 * MILLISECOND).count();
    assert!(waiting > 5, "{waiting} answers wait");
    // Those that come during a pause begin when it is over.
    let begun = |second: i64| {
        let just_after = START + second * SECOND + 200 * MILLISECOND;
        happened.entries.iter().filter(|entry| entry.start == just_after).count()
    };
    assert!((10..50).map(begun).sum::<usize>() > 100);
}

#[test]
fn a_pause_as_long_as_its_period_leaves_a_tenth() {
    let mut topology = pair(vec![Step::work(1_000, 2_000)], true, patient);
    assert!(topology.afflict("back", &ALWAYS, Effect::Pause { length: i64::MAX, period: SECOND }));
    let happened = run(topology, 5.0, 20);
    assert!(happened.called.iter().filter(|called| called.fault.is_none()).count() > 50);
    assert!(calls(&happened).iter().any(|call| duration(call) > 800 * MILLISECOND));
    assert!(calls(&happened).iter().all(|call| duration(call) < 2 * SECOND));
}

#[test]
fn locked_queries_run_one_at_a_time() {
    let run_locked = |per_mille| {
        let mut topology = with_database(60 * SECOND);
        assert!(topology.afflict("things-db", &ALWAYS, Effect::Lock { per_mille }));
        run(topology, 30.0, 60)
    };
    let ends = |happened: &Happened| {
        let mut ends: Vec<i64> = queries(happened).iter().map(|query| query.end).collect();
        ends.sort_unstable();
        ends
    };
    let close = |ends: &[i64]| ends.windows(2).filter(|pair| pair[1] - pair[0] < 10 * MILLISECOND).count();
    let (free, hot, locked) = (run_locked(0), run_locked(300), run_locked(1_000));
    // A query runs at least ten milliseconds.
    assert!(close(&ends(&free)) > 100);
    assert_eq!(close(&ends(&locked)), 0);
    let mean = |happened: &Happened| {
        let edges = happened.called.iter().filter(|called| called.kind == EdgeKind::Data);
        edges.map(|called| called.end - called.start).sum::<i64>() / happened.called.len() as i64
    };
    let (free, hot, locked) = (mean(&free), mean(&hot), mean(&locked));
    assert!(free < hot && hot * 5 < locked * 4, "{free}, {hot} and {locked} ns");
    assert!(locked > 3 * free / 2, "{free} and {locked} ns");
}

#[test]
fn whoever_gives_up_before_his_turn_takes_no_turn() {
    let mut topology = with_database(100 * MILLISECOND);
    assert!(topology.afflict("things-db", &ALWAYS, Effect::Lock { per_mille: 1_000 }));
    // Twice as many as can run.
    let happened = run(topology, 100.0, 30);
    let done = queries(&happened).iter().filter(|query| query.fault.is_none()).count();
    assert!(done > 600, "{done} queries of about 20 ms done in 30 s");
    assert!(queries(&happened).iter().all(|query| duration(query) <= 100 * MILLISECOND));
    for origin in happened.entries.iter().filter_map(|entry| entry.origin) {
        assert!(matches!(origin.node, Node::Store(_)) && origin.is_slow, "{origin:?}");
    }
}

#[test]
fn processes_that_do_much_at_once_do_each_slower() {
    let median = |percent, rate| {
        let mut topology = pair(vec![Step::work(50_000, 51_000)], true, patient);
        assert!(topology.afflict("back", &ALWAYS, Effect::Contention { percent }));
        let happened = run(topology, rate, 60);
        let mut durations: Vec<i64> = serves(&happened).iter().map(|span| duration(span)).collect();
        durations.sort_unstable();
        durations[durations.len() / 2]
    };
    let (alone, together, free) = (median(20, 0.5), median(20, 60.0), median(0, 60.0));
    assert!(alone * 3 < together * 2, "{alone} ns alone and {together} ns together");
    assert!((free - alone).abs() < alone / 5, "{free} ns without contention and {alone} ns alone");
    assert!(median(u32::MAX, 1.0) > 0);
}

#[test]
fn wrong_clocks_show_in_telemetry_and_not_in_the_truth() {
    let config = ShopConfig { rate: 10.0, ..ShopConfig::default() };
    let during = 20 * SECOND..40 * SECOND;
    let ahead = -3 * SECOND;
    let fault =
        ScheduledFault { target: "catalog".to_owned(), effect: Effect::Clock { ahead }, during: during.clone() };
    let wrong = History::of(&ShopConfig { faults: vec![fault], ..config.clone() }, 60);
    let right = History::of(&config, 60);
    assert_eq!(wrong.truth, right.truth);
    let is_off = |service: &str, time: u64| service == "catalog" && during.contains(&(time as i64 - config.start_time));
    let mut shifted = 0;
    let (wrong_spans, right_spans) = (wrong.spans(), right.spans());
    assert_eq!(wrong_spans.len(), right_spans.len());
    for (was, is) in right_spans.iter().zip(&wrong_spans) {
        assert_eq!(was.span.span_id, is.span.span_id);
        let shift = if is_off(&was.service, was.span.start_time_unix_nano) { ahead } else { 0 };
        assert_eq!(was.span.start_time_unix_nano.saturating_add_signed(shift), is.span.start_time_unix_nano);
        assert_eq!(was.span.end_time_unix_nano.saturating_add_signed(shift), is.span.end_time_unix_nano);
        shifted += usize::from(shift != 0);
    }
    assert!(shifted > 100, "{shifted} spans");
    let far = |ahead| {
        let effect = Effect::Clock { ahead };
        let fault = ScheduledFault { target: "catalog".to_owned(), effect, during: during.clone() };
        History::of(&ShopConfig { faults: vec![fault], ..config.clone() }, 25)
    };
    assert_eq!(far(i64::MIN).truth, far(i64::MAX).truth);
    let (wrong_logs, right_logs) = (log_times(&wrong), log_times(&right));
    let logs_off = right_logs.iter().filter(|(span, times)| wrong_logs[*span] != **times).count();
    assert!(logs_off > 10 && logs_off < right_logs.len() / 2, "{logs_off} spans with logs");
    for (span, times) in &right_logs {
        let shown = wrong_logs[span].iter().zip(times).all(|(is, was)| is == was || is - was == ahead);
        assert!(shown, "{times:?}");
    }
}

/// When the lines of each span were written, as they say.
fn log_times(history: &History) -> HashMap<Vec<u8>, Vec<i64>> {
    let mut times: HashMap<Vec<u8>, Vec<i64>> = HashMap::new();
    for batch in &history.batches {
        let Payload::Logs(request) = &batch.payload else { continue };
        let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        for record in scopes.flat_map(|scope| &scope.log_records) {
            times.entry(record.span_id.clone()).or_default().push(record.time_unix_nano as i64);
        }
    }
    times
}
