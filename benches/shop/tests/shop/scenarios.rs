//! Each scenario shows the condition it is made for, and its near miss does not: in the spans, and in the truth.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spandrel_shop::{
    FindingKind, MINUTE, Scenario, Scheduled, ScheduledFault, Shop, ShopConfig, System, in_turn, minute_of,
    telemetry::Payload,
    topology::{Effect, Shape},
};

use crate::{
    derive::{text, texts},
    history::History,
    observer::Observer,
};

const SECOND: i64 = 1_000_000_000;

fn played(scenario: Scenario) -> (ShopConfig, History) {
    let scheduled = Scheduled { scenario, during: MINUTE..3 * MINUTE };
    let config = ShopConfig { seed: 11, rate: 12.0, scenarios: vec![scheduled], ..ShopConfig::default() };
    let history = History::of(&config, 200);
    (config, history)
}

/// Plays a scenario and looks at it from both sides.
fn check(scenario: Scenario) {
    let (config, history) = played(scenario);
    let spans = history.spans();
    let during = config.start_time + MINUTE..config.start_time + 3 * MINUTE;
    let observer = Observer::new(&spans, during.clone());
    assert_eq!(observer.sees(scenario.kind), !scenario.near_miss, "{scenario} in the spans");

    let aimed_at: Vec<_> = history.truth.findings.iter().filter(|finding| !finding.side_effect).collect();
    assert!(!aimed_at.is_empty(), "{scenario} in the truth");
    for finding in aimed_at {
        assert_eq!((finding.kind, finding.near_miss), (scenario.kind, scenario.near_miss), "{finding:?}");
        assert_eq!(finding.scenario, scenario.to_string());
        assert!(during.start <= finding.from_unix_nano && finding.to_unix_nano <= during.end, "{finding:?}");
    }
    let roots = observer.spans.iter().filter(|seen| seen.parent.is_none() && seen.kind() == SpanKind::Server);
    let entries = roots.filter(|seen| seen.sent.service == "gateway").count();
    assert_eq!(history.truth.paths.len(), entries, "every request from outside is answered once");
    for path in &history.truth.paths {
        assert_eq!(path.exclusive_ns.values().sum::<u64>(), path.duration_ns, "{path:?}");
    }
    let failed = history.truth.operations.iter().filter(|operation| operation.service == "gateway");
    assert_eq!(history.truth.origins.len() as u64, failed.map(|operation| operation.failures).sum::<u64>());
}

macro_rules! scenarios {
    ($($name:ident: $($kind:ident)*;)*) => {$(
        #[test]
        fn $name() {
            for kind in [$(FindingKind::$kind),*] {
                check(Scenario::of(kind));
                check(Scenario::near_miss(kind));
            }
        }
    )*};
}

scenarios! {
    chains_and_circles_show: SyncChain Cycle DistributedMonolith Nanoservice GodGateway;
    many_calls_show: Chatty NPlusOne FanoutBurst SharedDb Spof;
    failures_show: Cascade HiddenErrors Breaker RetryStorm RetryAmplification;
    slowness_shows: HotService TimeoutInversion WastedWork InstrumentationGap;
}

#[test]
fn names_can_be_read() {
    for kind in FindingKind::ALL {
        for scenario in [Scenario::of(kind), Scenario::near_miss(kind)] {
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
    }
    assert!("n_plus_two".parse::<Scenario>().is_err());
}

#[test]
fn breakers_turn_calls_away_while_they_are_open() {
    let (_, history) = played(Scenario::of(FindingKind::Breaker));
    assert!(!history.truth.breakers.is_empty());
    let mut rejected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for sent in history.spans() {
        if text(&texts(&sent.span.attributes), &["error.type"]) == "EOPENBREAKER" {
            assert!(sent.span.end_time_unix_nano - sent.span.start_time_unix_nano < 1_000_000);
            rejected.entry(sent.instance.clone()).or_default().push(sent.span.start_time_unix_nano as i64);
        }
    }
    for breaker in &history.truth.breakers {
        assert_eq!((&*breaker.service, &*breaker.target), ("web-bff", "recommendation"));
        let times = rejected.remove(&breaker.instance).unwrap_or_default();
        assert_eq!(times.len() as u64, breaker.rejected);
        for time in times {
            let is_open = breaker.open.iter().any(|(since, until)| (*since..=*until).contains(&time));
            assert!(is_open, "turned away at {time}, open {:?}", breaker.open);
        }
    }
    assert!(rejected.is_empty());
    let edges = history.truth.edges.iter().filter(|edge| edge.target == "recommendation");
    let by_edge: u64 = edges.map(|edge| edge.rejected).sum();
    assert_eq!(by_edge, history.truth.breakers.iter().map(|breaker| breaker.rejected).sum::<u64>());
    let mut events: Vec<String> = Vec::new();
    for batch in &history.batches {
        let Payload::Logs(request) = &batch.payload else { continue };
        let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        for record in scopes.flat_map(|scope| &scope.log_records) {
            let attributes = texts(&record.attributes);
            if text(&attributes, &["breaker"]) == "recommendation" {
                events.push(text(&attributes, &["event"]).to_owned());
            }
        }
    }
    for event in ["open", "halfOpen", "close"] {
        assert!(events.iter().any(|seen| seen == event), "no {event} among {events:?}");
    }
}

#[test]
fn origins_name_who_failed() {
    let (config, history) = played(Scenario::of(FindingKind::Cascade));
    let during = config.start_time + MINUTE..config.start_time + 3 * MINUTE;
    let inside: Vec<_> =
        history.truth.origins.iter().filter(|origin| during.contains(&origin.start_unix_nano)).collect();
    let pricing = inside.iter().filter(|origin| origin.service == "pricing").count();
    assert!(pricing > 50 && pricing * 10 >= inside.len() * 9, "{pricing} of {}", inside.len());
    for origin in inside.iter().filter(|origin| origin.service == "pricing") {
        assert_eq!(origin.hops, 2, "{origin:?}");
        assert!(!origin.is_slow && origin.outcome == "server_fault");
    }
}

#[test]
fn waste_is_what_runs_after_the_caller_has_gone() {
    let (config, history) = played(Scenario::of(FindingKind::WastedWork));
    let minute = minute_of(config.start_time + 2 * MINUTE);
    let waste =
        history.truth.waste.iter().find(|waste| waste.service == "recommendation" && waste.minute_unix_nano == minute);
    let waste = waste.expect("recommendation works in vain");
    assert!(waste.wasted_ns as i64 >= MINUTE && waste.wasted_ns <= waste.busy_ns, "{waste:?}");
}

#[test]
fn two_hours_show_one_of_every_kind() {
    let scenarios = in_turn(&FindingKind::ALL.map(Scenario::of), 6 * MINUTE, 6 * MINUTE, 120 * MINUTE);
    let config = ShopConfig { rate: 4.0, scenarios, ..ShopConfig::default() };
    let mut shop = Shop::new(&config);
    let batches = shop.due(config.start_time + 120 * MINUTE).count();
    let truth = shop.truth().to_file();
    println!("{:?} in {batches} requests", truth.totals);
    assert!(truth.totals.spans < 1_000_000, "{:?}", truth.totals);
    for kind in FindingKind::ALL {
        let shows = truth.findings.iter().any(|finding| finding.kind == kind && !finding.side_effect);
        assert!(shows, "{}", kind.as_str());
    }
}

#[test]
fn a_deploy_shows_as_another_version() {
    let during = MINUTE / 2..MINUTE;
    let effect = Effect::Deploy { per_million: 100_000 };
    let faults = vec![ScheduledFault { target: "pricing".to_owned(), effect, during: during.clone() }];
    let config = ShopConfig { rate: 5.0, faults, ..ShopConfig::default() };
    let history = History::of(&config, 90);
    for sent in history.spans().iter().filter(|sent| sent.service == "pricing") {
        let is_during = during.contains(&(sent.span.end_time_unix_nano as i64 - config.start_time));
        assert_eq!(sent.version == "99.0.0-rc1", is_during, "{}", sent.version);
    }
}

#[test]
fn a_slow_database_is_where_timeouts_begin() {
    let during = MINUTE / 2..MINUTE;
    let effect = Effect::Latency { percent: 200_000 };
    let faults = vec![ScheduledFault { target: "users-db".to_owned(), effect, during: during.clone() }];
    let config = ShopConfig { rate: 20.0, faults, ..ShopConfig::default() };
    let truth = History::of(&config, 70).truth;
    let slow: Vec<_> = truth.origins.iter().filter(|origin| origin.is_slow).collect();
    assert!(!slow.is_empty());
    for origin in slow {
        assert_eq!((&*origin.service, &*origin.outcome), ("users-db", "timeout"), "{origin:?}");
        assert!(during.contains(&(origin.start_unix_nano - config.start_time)), "{origin:?}");
    }
}

#[test]
fn scenarios_find_a_place_in_systems_made_from_a_seed() {
    let mut played: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for (seed, shape) in [(1, Shape::Layered), (2, Shape::Tree), (3, Shape::Layered)] {
        let at = |number: i64| 2 * number * MINUTE..(2 * number + 1) * MINUTE;
        let scenarios = (0..).zip(FindingKind::ALL);
        let scenarios =
            scenarios.map(|(number, kind)| Scheduled { scenario: Scenario::of(kind), during: at(number) }).collect();
        let system = System::Generated { seed, shape };
        let config = ShopConfig { seed, rate: 6.0, system, scenarios, ..ShopConfig::default() };
        let history = History::of(&config, 2 * 19 * MINUTE / SECOND);
        let findings = &history.truth.findings;
        for finding in findings.iter().filter(|finding| !finding.side_effect) {
            assert!(!finding.near_miss);
            assert_eq!(finding.kind.as_str().to_lowercase(), finding.scenario);
        }
        let mut kinds: Vec<FindingKind> =
            findings.iter().filter(|finding| !finding.side_effect).map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            *played.entry(kind).or_default() += 1;
        }
        for path in &history.truth.paths {
            assert_eq!(path.exclusive_ns.values().sum::<u64>(), path.duration_ns);
        }
    }
    assert_eq!(played.len(), FindingKind::ALL.len(), "{played:?}");
}
