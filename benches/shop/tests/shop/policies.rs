//! Policies of callers, capacity of callees, and faults, each in a system of two services.

use spandrel_shop::{
    Fault, Latency, Outcome,
    engine::{Activity, Called, EdgeKind, Node, SpanRecord},
    topology::{Breaker, Builder, Call, Effect, Endpoint, Language, Step, Target, Topology, Window},
};

use crate::pair::{Happened, MILLISECOND, SECOND, START, pair, run, served};

fn slow() -> Vec<Step> {
    // Between 100 and 130 ms each.
    let constant = |name| Step::Internal { name, latency: Latency::micros(100_000, 101_000) };
    vec![constant("first"), constant("second")]
}

#[test]
fn deadlines_travel_by_grpc_and_cancellation_stops_the_callee_at_its_next_step() {
    let unanswered = |happened: &Happened| happened.called.iter().all(|called| called.fault == Some(Fault::Timeout));

    let travels = run(pair(slow(), false, |call| call), 5.0, 20);
    assert!(
        unanswered(&travels)
            && served(&travels).iter().all(|(millis, outcome)| *millis <= 60 && *outcome == Outcome::Timeout)
    );
    assert_eq!(travels.wasted, 0);

    let stays = run(pair(slow(), false, |call| Call { propagates_deadline: false, ..call }), 5.0, 20);
    assert!(
        unanswered(&stays) && served(&stays).iter().all(|(millis, outcome)| *millis > 95 && *outcome == Outcome::Ok)
    );
    assert!(stays.wasted > stays.handled.len() as i64 / 2 * 40 * MILLISECOND);

    let ignored = run(pair(slow(), true, |call| call), 5.0, 20);
    assert_eq!(served(&ignored).len(), served(&stays).len());

    let cancelled = run(pair(slow(), true, |call| Call { cancels: true, ..call }), 5.0, 20);
    assert!(unanswered(&cancelled));
    let (longest, outcome) = served(&cancelled).pop().expect("somebody was served");
    assert!(outcome == Outcome::Cancelled && longest < 160, "{longest} ms");
    assert!(cancelled.wasted < stays.wasted);
}

/// The names of INTERNAL spans.
fn names(happened: &Happened) -> Vec<&'static str> {
    let names = happened.spans.iter().filter_map(|span| match span.activity {
        Activity::Internal { name } => Some(name),
        _ => None,
    });
    names.collect()
}

/// `front` asks `back` and uses what it says; if that fails, it asks `spare`. Both fail as often.
fn with_fallback(per_million: u32) -> Topology {
    let mut builder = Builder::new(Some(1));
    let mut ask = |name, method| {
        let service = builder.service(name, "1", Language::Java, 1, 1);
        let operation = builder.operation(service, Endpoint::Rpc { method }, &[], vec![Step::work(1_000, 2_000)]);
        Step::Call(Call::to(Target::Operation(operation), 60))
    };
    let (back, spare) = (ask("back", "b.B/Back"), ask("spare", "s.S/Spare"));
    let front = builder.service("front", "1", Language::Java, 1, 1);
    let steps = [Step::sometimes(1_000, [back]), Step::internal("use", 100, 200)];
    let steps = vec![Step::or_else(steps, [Step::internal("instead", 100, 200), spare]), Step::internal("end", 10, 20)];
    let entry = builder.operation(front, Endpoint::Http { method: "GET", route: "/" }, &[], steps);
    builder.entry(entry, 1);
    let mut topology = builder.finish();
    for name in ["back", "spare"] {
        assert!(topology.afflict(name, &(i64::MIN..i64::MAX), Effect::Error { per_million }));
    }
    topology
}

#[test]
fn a_fallback_runs_instead_of_what_failed() {
    let happened = run(with_fallback(300_000), 50.0, 60);
    let count = |name| names(&happened).iter().filter(|other| **other == name).count();
    let (mut whole, mut fallen, mut failed) = (0, 0, 0);
    for entry in &happened.entries {
        match (entry.fault, entry.absorbed) {
            (None, 0) => whole += 1,
            (None, 1) => fallen += 1,
            (Some(_), 1) => failed += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(entry.drag > 0, entry.absorbed > 0, "what failed was waited for");
        assert!(entry.drag < entry.end - entry.start);
    }
    assert!(whole > 1_500 && fallen > 400 && failed > 150, "{whole}, {fallen}, {failed}");
    assert_eq!((count("use"), count("instead"), count("end")), (whole, fallen + failed, whole + fallen));
}

#[test]
fn a_request_fails_by_what_its_fallback_failed_by() {
    let topology = with_fallback(1_000_000);
    let spare = topology.service_named("spare").expect("it is there");
    let happened = run(topology, 10.0, 20);
    let origins: Vec<Node> = happened.entries.iter().filter_map(|entry| Some(entry.origin?.node)).collect();
    assert!(origins.len() > 100 && origins.len() == happened.entries.len());
    assert!(origins.iter().all(|node| *node == Node::Service(spare)));
}

#[test]
fn a_hedge_answers_for_an_attempt_that_hangs() {
    let hangs = vec![Step::work(1_000, 2_000), Step::sometimes(200, [Step::work(40_000, 41_000)])];
    let plain = run(pair(hangs.clone(), true, |call| call), 20.0, 20);
    let hedged = run(pair(hangs, true, |call| call.hedged(8)), 20.0, 20);
    let mean = |happened: &Happened| {
        let total: i64 = happened.called.iter().map(|called| called.end - called.start).sum();
        total / happened.called.len() as i64
    };
    assert!(mean(&hedged) * 3 < mean(&plain) * 2, "{} and {}", mean(&hedged), mean(&plain));
    let twice = hedged.called.iter().filter(|called| called.attempts == 2).count();
    assert!(twice > 20 && twice * 3 < hedged.called.len(), "{twice} hedged of {}", hedged.called.len());
    assert!(hedged.spans.iter().any(|span| span.fault == Some(Fault::Cancelled)));
}

#[test]
fn only_what_may_end_better_is_tried_again() {
    let attempts = |effect: Effect, retries_on: &'static [Fault]| {
        let policy = |call: Call| Call { retries_on, ..call.retried(2, 1) };
        let mut topology = pair(vec![Step::work(1_000, 2_000)], true, policy);
        assert!(topology.afflict("back", &(i64::MIN..i64::MAX), effect));
        let called = run(topology, 10.0, 20).called;
        called.iter().filter(|called| called.attempts == 3).count() as f64 / called.len() as f64
    };
    let (breaks, refuses) = (Effect::Error { per_million: 1_000_000 }, Effect::Refuse);
    assert!(attempts(breaks, Fault::RETRYABLE) > 0.99 && attempts(refuses, Fault::RETRYABLE) > 0.99);
    assert!(attempts(breaks, &[Fault::Refused]) < 0.01 && attempts(refuses, &[Fault::Refused]) > 0.99);
    assert_eq!(attempts(breaks, &[]), 0.0);
}

#[test]
fn a_bulkhead_bounds_what_is_under_way() {
    let work = vec![Step::work(20_000, 30_000)];
    let limited = run(pair(work, true, |call| call.limited(1)), 60.0, 10);
    let calls = limited.spans.iter().filter(|span| matches!(span.activity, Activity::Call { .. }));
    let mut admitted: Vec<(i64, i64)> =
        calls.filter(|span| span.fault != Some(Fault::Bulkhead)).map(|span| (span.start, span.end)).collect();
    admitted.sort_unstable();
    assert!(admitted.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two at once");
    let rejected: u32 = limited.called.iter().map(|called| called.rejected).sum();
    assert!(rejected > 50, "{rejected} turned away");
}

#[test]
fn breakers_open_by_share_and_close_after_probes() {
    let breaker =
        Breaker { window: Window::Count(20), failure_percent: 50, min_calls: 10, wait: 2 * SECOND, half_open_calls: 3 };
    let mut topology = pair(vec![Step::work(1_000, 2_000)], true, |call| call.guarded(breaker));
    let broken = START + 10 * SECOND..START + 20 * SECOND;
    assert!(topology.afflict("back", &broken, Effect::Error { per_million: 1_000_000 }));
    let happened = run(topology, 20.0, 40);
    let reached_in = |from: i64, to: i64| {
        let within = START + from * SECOND..START + to * SECOND;
        let serves = |span: &&SpanRecord| span.parent.is_some() && matches!(span.activity, Activity::Serve { .. });
        happened.spans.iter().filter(serves).filter(|span| within.contains(&span.start)).count()
    };
    let (before, open, after) = (reached_in(0, 10), reached_in(12, 20), reached_in(24, 34));
    assert!(before > 150 && open < 20 && after > 150, "{before} before, {open} while open, {after} after");
}

#[test]
fn a_breaker_that_remembers_a_time_needs_enough_calls_in_it() {
    let rejected = |window: Window, rate: f64| {
        let breaker = Breaker { window, failure_percent: 50, min_calls: 10, wait: 2 * SECOND, half_open_calls: 3 };
        let mut topology = pair(vec![Step::work(1_000, 2_000)], true, |call| call.guarded(breaker));
        assert!(topology.afflict("back", &(i64::MIN..i64::MAX), Effect::Error { per_million: 1_000_000 }));
        run(topology, rate, 60).called.iter().map(|called| called.rejected).sum::<u32>()
    };
    // One call a second: never ten within two seconds, but ten soon enough.
    assert_eq!(rejected(Window::Time(2 * SECOND), 1.0), 0);
    assert!(rejected(Window::Count(20), 1.0) > 10);
    assert!(rejected(Window::Time(2 * SECOND), 20.0) > 500);
    assert_eq!(rejected(Window::Time(-SECOND), 20.0), 0, "a window without a length remembers nothing");
}

#[test]
fn a_breaker_forgets_failures_that_are_long_ago() {
    let window = |window| Breaker { window, failure_percent: 50, min_calls: 10, wait: SECOND, half_open_calls: 3 };
    let opens_late = |breaker: Breaker| {
        let mut topology = pair(vec![Step::work(1_000, 2_000)], true, |call| call.guarded(breaker));
        // At twenty calls a second, as many fail as succeed, but not at the same time.
        let (well, badly) = (START + 5 * SECOND, START + 10 * SECOND);
        assert!(topology.afflict("back", &(well..badly), Effect::Error { per_million: 1_000_000 }));
        let calls = run(topology, 20.0, 10).called;
        calls.iter().find(|called| called.rejected > 0).map_or(i64::MAX, |called| called.start - well)
    };
    let (short, long) = (opens_late(window(Window::Time(SECOND))), opens_late(window(Window::Time(10 * SECOND))));
    assert!(short < 2 * SECOND && short * 2 < long, "after {short} and {long} ns");
}

#[test]
fn a_pool_that_is_too_small_makes_requests_wait() {
    let median = |rate: f64| {
        let mut topology = pair(vec![Step::work(10_000, 12_000)], true, |call| Call { timeout: 5 * SECOND, ..call });
        assert!(topology.afflict("back", &(i64::MIN..i64::MAX), Effect::Pool { workers: 1 }));
        let served = served(&run(topology, rate, 60));
        served[served.len() / 2].0
    };
    let (idle, busy) = (median(5.0), median(85.0));
    assert!(busy * 2 >= idle * 3, "{idle} ms and {busy} ms");
    // All workers of the front wait for the one behind it, until its own queue is full.
    let mut topology = pair(vec![Step::work(10_000, 12_000)], true, |call| Call { timeout: 5 * SECOND, ..call });
    assert!(topology.afflict("back", &(i64::MIN..i64::MAX), Effect::Pool { workers: 1 }));
    let flooded = run(topology, 300.0, 20);
    assert!(flooded.entries.iter().any(|entry| entry.fault == Some(Fault::Limited)), "the queue has an end");
}

#[test]
fn faults_keep_to_their_time() {
    let during = START + 10 * SECOND..START + 20 * SECOND;
    let with = |effect: Effect| {
        let mut topology = pair(vec![Step::work(5_000, 6_000)], true, |call| call);
        assert!(topology.afflict("back", &during, effect));
        run(topology, 20.0, 30)
    };
    let share_failed = |happened: &Happened, inside: bool| {
        let calls = happened.called.iter().filter(|called| called.kind == EdgeKind::Sync);
        let calls: Vec<&Called> = calls.filter(|called| during.contains(&called.start) == inside).collect();
        calls.iter().filter(|called| called.fault.is_some()).count() as f64 / calls.len() as f64
    };
    for (effect, least) in [
        (Effect::Refuse, 1.0),
        (Effect::Crash { instances: 1 }, 1.0),
        (Effect::Error { per_million: 500_000 }, 0.35),
        (Effect::Deploy { per_million: 300_000 }, 0.15),
        (Effect::Latency { percent: 2_000 }, 0.8),
    ] {
        let happened = with(effect);
        let (inside, outside) = (share_failed(&happened, true), share_failed(&happened, false));
        assert!(inside >= least && outside < 0.01, "{effect:?}: {inside} inside, {outside} outside");
    }
    let spike = with(Effect::Traffic { percent: 300 });
    let inside = spike.entries.iter().filter(|entry| during.contains(&entry.start)).count();
    assert!(inside > spike.entries.len() / 2, "{inside} of {}", spike.entries.len());
    let mut topology = pair(Vec::new(), true, |call| call);
    assert!(!topology.afflict("nobody", &during, Effect::Refuse));
}

#[test]
fn a_timeout_begins_with_whoever_was_slow() {
    let happened = run(pair(slow(), true, |call| call), 5.0, 20);
    for entry in &happened.entries {
        let origin = entry.origin.expect("every request fails");
        assert!(matches!(origin.node, Node::Service(_)) && origin.is_slow && origin.hops == 1, "{origin:?}");
    }
}
