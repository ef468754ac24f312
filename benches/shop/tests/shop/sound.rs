//! Whatever goes wrong in a system, however it is built and however requests come: the truth is what an exact observer
//! counts, the shares of a request sum to its duration, and every failure has an origin.

use spandrel_shop::{
    ScheduledFault, ShopConfig, System,
    engine::{Arrivals, Spell},
    topology::{Effect, Histogram, Shape},
};

use crate::{
    history::History,
    paths::disagreement,
    truth::{check_edges, check_operations},
};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;

fn check(config: &ShopConfig) -> History {
    let history = History::of(config, 60);
    check_operations(&history);
    check_edges(&history);
    for path in &history.truth.paths {
        assert_eq!(path.exclusive_ns.values().sum::<u64>(), path.duration_ns, "{path:?}");
    }
    let entry = if config.system == System::Shop { "gateway" } else { "edge" };
    let entries = history.truth.operations.iter().filter(|operation| operation.service == entry);
    let (requests, failures) =
        entries.fold((0, 0), |(all, failed), entry| (all + entry.requests, failed + entry.failures));
    assert_eq!((history.truth.paths.len() as u64, history.truth.origins.len() as u64), (requests, failures));
    assert!(requests > 100, "{requests} requests");
    let disagreement = disagreement(&history);
    assert!(disagreement < 0.005, "{disagreement} of the time is somebody else's");
    history
}

fn with(faults: &[(&str, Effect)]) -> History {
    let during = 10 * SECOND..50 * SECOND;
    let scheduled = |(target, effect): &(&str, Effect)| ScheduledFault {
        target: (*target).to_owned(),
        effect: *effect,
        during: during.clone(),
    };
    check(&ShopConfig { rate: 20.0, faults: faults.iter().map(scheduled).collect(), ..ShopConfig::default() })
}

#[test]
fn with_lost_packets() {
    let loss = Effect::Loss { per_million: 60_000 };
    let edges = ["web-bff->catalog", "checkout->payment", "payment->api.cards.example", "catalog->catalog-db"];
    let truth = with(&edges.map(|edge| (edge, loss))).truth;
    let slowed =
        truth.edges.iter().filter(|edge| edge.requests > 0 && edge.duration_sum_ns / edge.requests > 20_000_000);
    assert!(slowed.count() > 0);
}

#[test]
fn with_processes_that_stand_still() {
    let pause = Effect::Pause { length: 400 * MILLISECOND, period: 2 * SECOND };
    with(&[("catalog", pause), ("web-bff", pause), ("auth", pause), ("gateway", pause)]);
}

#[test]
fn with_locks_and_contention() {
    let lock = Effect::Lock { per_mille: 1_000 };
    with(&[("catalog-db", lock), ("users-db", lock), ("web-bff", Effect::Contention { percent: 100 })]);
}

#[test]
fn with_bursts_and_with_users() {
    let bursts = Arrivals::Mmpp {
        calm: Spell { rate_percent: 50, mean: 10 * SECOND },
        burst: Spell { rate_percent: 500, mean: 2 * SECOND },
    };
    let users = Arrivals::Users { count: 60, think: 2 * SECOND, retries: 2, pause: 200 * MILLISECOND };
    let day = Arrivals::Diurnal { period: 40 * SECOND, amplitude_percent: 90 };
    for arrivals in [bursts, users, day] {
        let config = ShopConfig { rate: 15.0, arrivals, ..ShopConfig::default() };
        let first = check(&config);
        let spans = |history: &History| history.batches.iter().map(|batch| batch.payload.encode()).collect::<Vec<_>>();
        assert!(spans(&first) == spans(&check(&config)), "{arrivals:?}: the seed decides every byte");
    }
}

#[test]
fn with_every_shape() {
    let histogram =
        Histogram { degree: [2, 4, 3, 1, 1, 0, 0, 0, 0], depth: [1, 2, 3, 2, 1, 1], repeats: [8, 1, 1, 0, 0, 1, 0, 0] };
    let shapes =
        [Shape::Cyclic, Shape::Hub, Shape::SharedDatabase, Shape::Messaging, Shape::Drawn(histogram), Shape::Tree];
    for (seed, shape) in (1..).zip(shapes) {
        check(&ShopConfig { rate: 20.0, system: System::Generated { seed, shape }, ..ShopConfig::default() });
    }
}
