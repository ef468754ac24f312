//! Same seed, same bytes.

use std::hash::{DefaultHasher, Hash, Hasher};

use spandrel_shop::{
    FindingKind, Scenario, Scheduled, ScheduledFault, ShopConfig, System,
    topology::{Effect, Shape},
};

use crate::history::History;

fn fingerprint(history: &History) -> u64 {
    let mut hasher = DefaultHasher::new();
    for batch in &history.batches {
        (batch.due, batch.instance, batch.payload.encode()).hash(&mut hasher);
    }
    serde_json::to_string(&history.truth).expect("the truth is plain data").hash(&mut hasher);
    hasher.finish()
}

#[test]
fn the_seed_decides_every_byte() {
    let config = ShopConfig { rate: 10.0, ..ShopConfig::default() };
    let first = fingerprint(&History::of(&config, 20));
    assert_eq!(first, fingerprint(&History::of(&config, 20)));
    assert_ne!(first, fingerprint(&History::of(&ShopConfig { seed: 2, ..config }, 20)));
}

#[test]
fn scenarios_faults_and_made_systems_follow_from_the_seed_too() {
    let minute = 60_000_000_000;
    let scenarios: Vec<Scheduled> = FindingKind::ALL
        .into_iter()
        .map(|kind| Scheduled { scenario: Scenario::of(kind), during: minute / 4..minute })
        .collect();
    let faults = vec![ScheduledFault {
        target: "catalog".to_owned(),
        effect: Effect::Crash { instances: 1 },
        during: minute / 2..minute,
    }];
    for system in [System::Shop, System::Generated { seed: 9, shape: Shape::Layered }] {
        let (scenarios, faults) = (scenarios.clone(), faults.clone());
        let config = ShopConfig { rate: 10.0, system, scenarios, faults, ..ShopConfig::default() };
        let first = fingerprint(&History::of(&config, 60));
        assert_eq!(first, fingerprint(&History::of(&config, 60)), "{system:?}");
        assert_ne!(first, fingerprint(&History::of(&ShopConfig { seed: 2, ..config }, 60)), "{system:?}");
    }
}

#[test]
fn the_start_time_shifts_everything_and_renames_the_traces() {
    let config = ShopConfig { rate: 10.0, ..ShopConfig::default() };
    let minute = 60_000_000_000;
    let later = ShopConfig { start_time: config.start_time + minute, ..config.clone() };
    let (early, late) = (History::of(&config, 20), History::of(&later, 20));
    assert_eq!(early.truth.totals, late.truth.totals);
    for (before, after) in early.truth.operations.iter().zip(&late.truth.operations) {
        assert_eq!(before.minute_unix_nano + minute, after.minute_unix_nano);
        assert_eq!((&before.operation, &before.durations_ns), (&after.operation, &after.durations_ns));
    }
    let (early, late) = (early.spans(), late.spans());
    assert_eq!(early.len(), late.len());
    for (before, after) in early.iter().zip(&late) {
        assert_eq!(before.span.start_time_unix_nano + minute as u64, after.span.start_time_unix_nano);
        assert_ne!(before.span.trace_id, after.span.trace_id);
    }
}

#[test]
fn the_truth_survives_being_written() {
    let truth = History::of(&ShopConfig::default(), 5).truth;
    let text = serde_json::to_string(&truth).expect("the truth is plain data");
    assert_eq!(truth, serde_json::from_str(&text).expect("what was written can be read"));
}
