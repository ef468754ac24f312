//! Requests from outside: in bursts, with the time of day, from users who wait, and what becomes of an overload.

use std::collections::HashMap;

use spandrel_shop::{
    Latency, ShopConfig,
    engine::{Activity, Arrivals, SpanRecord, Spell},
    topology::{Builder, Call, Effect, Step},
};

use crate::{
    history::History,
    pair::{Happened, MILLISECOND, SECOND, START, pair, run, run_with, served},
};

fn quick() -> Vec<Step> {
    vec![Step::work(1_000, 2_000)]
}

fn arrive(arrivals: Arrivals, rate: f64, seconds: i64) -> Happened {
    run_with(arrivals, pair(quick(), true, |call| call), rate, seconds)
}

/// Requests from outside in each second.
fn per_second(happened: &Happened, seconds: i64) -> Vec<f64> {
    let mut counts = vec![0.0; seconds as usize];
    for entry in &happened.entries {
        let second = (entry.start - START) / SECOND;
        counts[second.min(seconds - 1) as usize] += 1.0;
    }
    counts
}

fn mean(counts: &[f64]) -> f64 {
    counts.iter().sum::<f64>() / counts.len() as f64
}

/// Variance by mean, which is one where requests come independently of each other.
fn dispersion(counts: &[f64]) -> f64 {
    let mean = mean(counts);
    counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / counts.len() as f64 / mean
}

#[test]
fn bursts_come_on_top_of_calm_times() {
    let bursts = Arrivals::Mmpp {
        calm: Spell { rate_percent: 50, mean: 20 * SECOND },
        burst: Spell { rate_percent: 400, mean: 5 * SECOND },
    };
    let (calm, rough) = (arrive(Arrivals::Poisson, 10.0, 600), arrive(bursts, 10.0, 600));
    let (calm, rough) = (per_second(&calm, 600), per_second(&rough, 600));
    assert!((0.8..1.2).contains(&dispersion(&calm)), "{}", dispersion(&calm));
    assert!(dispersion(&rough) > 8.0, "{}", dispersion(&rough));
    assert!((bursts.mean_rate(10.0) - 12.0).abs() < 1e-9);
    assert!((mean(&rough) - 12.0).abs() < 3.0, "{}", mean(&rough));
}

#[test]
fn nobody_comes_in_a_state_without_a_rate() {
    let spell = |rate_percent| Spell { rate_percent, mean: 10 * SECOND };
    let counts = per_second(&arrive(Arrivals::Mmpp { calm: spell(0), burst: spell(200) }, 20.0, 300), 300);
    let silent = counts.iter().filter(|count| **count == 0.0).count();
    assert!((60..240).contains(&silent), "{silent} of 300 seconds");
    assert!((mean(&counts) - 20.0).abs() < 8.0, "{}", mean(&counts));
    assert!(arrive(Arrivals::Mmpp { calm: spell(0), burst: spell(0) }, 20.0, 300).entries.is_empty());
    let brief = Arrivals::Mmpp { calm: Spell { mean: 0, ..spell(0) }, burst: Spell { mean: -5, ..spell(200) } };
    let counts = per_second(&arrive(brief, 20.0, 60), 60);
    assert!((mean(&counts) - 20.0).abs() < 4.0, "states of a millisecond: {}", mean(&counts));
}

#[test]
fn the_rate_follows_the_time_of_day() {
    let quarters = |amplitude_percent| {
        let period = 40 * SECOND;
        let counts = per_second(&arrive(Arrivals::Diurnal { period, amplitude_percent }, 20.0, 400), 400);
        let mut quarters = [0.0; 4];
        for (second, count) in counts.iter().enumerate() {
            // The quarter around the time of the highest rate comes first.
            quarters[(second + 35) % 40 / 10] += count / 100.0;
        }
        quarters
    };
    // The mean of a sine over a quarter around its height is 0.9.
    let [high, falling, low, rising] = quarters(80);
    for (seen, expected) in [(high, 34.4), (falling, 20.0), (low, 5.6), (rising, 20.0)] {
        assert!((seen - expected).abs() < 2.0, "{seen} instead of {expected}");
    }
    let [_, _, low, _] = quarters(300);
    assert!(low < 0.01, "{low} where the rate would be below zero");
    let flat = per_second(&arrive(Arrivals::Diurnal { period: 0, amplitude_percent: 80 }, 20.0, 100), 100);
    assert!((mean(&flat) - 20.0).abs() < 1.5 && dispersion(&flat) < 1.4, "without a period");
}

#[test]
fn users_wait_for_their_answers() {
    let users = |count| Arrivals::Users { count, think: SECOND / 2, retries: 0, pause: 0 };
    let slow = vec![Step::work(400_000, 420_000)];
    let patient = |call: Call| Call { timeout: 60 * SECOND, ..call };
    let happened = run_with(users(10), pair(slow, true, patient), 1_000.0, 120);
    let at_once = |time: i64| happened.entries.iter().filter(|entry| (entry.start..entry.end).contains(&time)).count();
    let most = happened.entries.iter().map(|entry| at_once(entry.start)).max();
    assert!((6..=10).contains(&most.unwrap_or_default()), "{most:?} of ten at once");
    // Each asks about once in the time it thinks and waits.
    let cycle = happened.entries.iter().map(|entry| entry.end - entry.start).sum::<i64>() as f64
        / happened.entries.len() as f64
        / SECOND as f64
        + 0.5;
    let expected = 10.0 / cycle * 120.0;
    assert!(
        (happened.entries.len() as f64 - expected).abs() < expected / 10.0,
        "{} {expected}",
        happened.entries.len()
    );
    assert!(run_with(users(0), pair(quick(), true, |call| call), 10.0, 60).entries.is_empty());
    assert!(run_with(users(3), Builder::new(None).finish(), 10.0, 60).entries.is_empty());
}

#[test]
fn users_ask_again_for_what_failed() {
    let pause = 300 * MILLISECOND;
    let users = Arrivals::Users { count: 20, think: 5 * SECOND, retries: 2, pause };
    let mut topology = pair(quick(), true, |call| call);
    assert!(topology.afflict("back", &(i64::MIN..i64::MAX), Effect::Error { per_million: 1_000_000 }));
    let happened = run_with(users, topology, 10.0, 60);
    let mut asked: HashMap<(u32, u32, u32), Vec<&SpanRecord>> = HashMap::new();
    for span in happened.spans.iter().filter(|span| span.parent.is_none()) {
        assert!(matches!(span.activity, Activity::Serve { .. }));
        asked.entry((span.visit.user, span.visit.product, span.visit.order)).or_default().push(span);
    }
    assert!(asked.len() > 100);
    let is_over = |spans: &&Vec<&SpanRecord>| spans[0].start < START + 50 * SECOND;
    for spans in asked.values().filter(is_over) {
        assert_eq!(spans.len(), 3);
        assert!(spans.windows(2).all(|pair| pair[1].start - pair[0].end == pause));
        assert!(spans.windows(2).all(|pair| pair[1].visit.trace != pair[0].visit.trace));
    }
}

#[test]
fn more_traffic_shortens_the_thinking() {
    let mut topology = pair(quick(), true, |call| call);
    assert!(topology.afflict("", &(START + 60 * SECOND..i64::MAX), Effect::Traffic { percent: 300 }));
    let users = Arrivals::Users { count: 30, think: 3 * SECOND, retries: 0, pause: 0 };
    let counts = per_second(&run_with(users, topology, 1.0, 120), 120);
    let (before, after) = (mean(&counts[5..60]), mean(&counts[65..]));
    assert!((before - 10.0).abs() < 1.5 && (after - 30.0).abs() < 3.0, "{before} and {after}");
}

#[test]
fn nobody_waits_for_users_who_think_when_the_shop_closes() {
    let users = Arrivals::Users { count: 200, think: 3_600 * SECOND, retries: 1, pause: i64::MAX };
    let config = ShopConfig { arrivals: users, ..ShopConfig::default() };
    let history = History::of(&config, 60);
    assert!(!history.truth.paths.is_empty());
    let last = history.batches.iter().map(|batch| batch.due).max();
    assert!(last.is_some_and(|last| last < config.start_time + 90 * SECOND), "{last:?}");
}

/// Answers without a failure per second: before a short fault, and long after it. The callee has one worker, who could
/// handle nearly twice what the users ask for.
fn goodput(retries: u32, is_fault: bool) -> (f64, f64) {
    let mut topology = pair(vec![Step::work(10_000, 12_000)], true, |call| call);
    assert!(topology.afflict("back", &(i64::MIN..i64::MAX), Effect::Pool { workers: 1 }));
    if is_fault {
        let fault = START + 30 * SECOND..START + 40 * SECOND;
        assert!(topology.afflict("back", &fault, Effect::Latency { percent: 1_000 }));
    }
    let users = Arrivals::Users { count: 100, think: 2 * SECOND, retries, pause: 50 * MILLISECOND };
    let happened = run_with(users, topology, 1.0, 120);
    let good = |from: i64, to: i64| {
        let times = START + from * SECOND..START + to * SECOND;
        let good = happened.entries.iter().filter(|entry| entry.fault.is_none() && times.contains(&entry.end));
        good.count() as f64 / (to - from) as f64
    };
    (good(5, 30), good(70, 120))
}

#[test]
fn retries_keep_an_overload_alive_after_its_cause_is_gone() {
    let (before, after) = goodput(0, true);
    assert!(before > 40.0 && after > 0.9 * before, "without retries {before}, then {after}");
    let (before, after) = goodput(6, false);
    assert!(before > 40.0 && after > 0.9 * before, "without a fault {before}, then {after}");
    let (before, after) = goodput(6, true);
    assert!(before > 40.0 && after < 0.2 * before, "with retries {before}, then {after}");
}

#[test]
fn service_times_have_two_modes() {
    let work = Step::Work(Latency::micros(2_000, 3_000).or(300, 40_000, 45_000));
    let served = served(&run(pair(vec![work], true, |call| call), 20.0, 120));
    let (fast, slow) = (served.iter().filter(|(millis, _)| *millis < 10), served.iter().filter(|(ms, _)| *ms >= 20));
    let (fast, slow) = (fast.count(), slow.count());
    assert_eq!(fast + slow, served.len(), "nothing in between");
    let share = slow as f64 / served.len() as f64;
    assert!((share - 0.3).abs() < 0.04, "{share}");
}
