//! The systems that are scored, and their recording.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use spandrel_shop::{
    FindingKind, MINUTE, Scenario, Scheduled, Shop, ShopConfig, System as Architecture, TruthFile,
    engine::{Arrivals, EdgeKind, Spell},
    telemetry::{Batch, Signal},
    topology::{Histogram, Shape},
};

use crate::compare::impact;

/// That of the SDKs, nanoseconds.
const EXPORT_INTERVAL: i64 = 5_000_000_000;

/// Systems for each kind of finding and set: a share of fewer than some eight conditions says little, and each system goes
/// through three degradations.
const SYSTEMS: u64 = 3;
/// Systems of each set that are only sampled. Traces are sampled as a whole, so that the errors of most operations of a
/// minute are one and the same, and a share of few systems says little.
const SAMPLED: u64 = 12;
/// Three times the usual load for ten seconds now and then.
const BURSTS: Arrivals = Arrivals::Mmpp {
    calm: Spell { rate_percent: 70, mean: 40_000_000_000 },
    burst: Spell { rate_percent: 300, mean: 10_000_000_000 },
};
/// Users who ask about as often as others come.
const USERS: Arrivals = Arrivals::Users { count: 60, think: 10_000_000_000, retries: 2, pause: 500_000_000 };
/// What further systems to be held out are like.
const SHAPES: [(&str, Shape); 8] = [
    ("a chain", Shape::Chain),
    ("a star", Shape::Star),
    ("a hub", Shape::Hub),
    ("calls back", Shape::Cyclic),
    ("one database", Shape::SharedDatabase),
    ("drawn", Shape::Drawn(DRAWN)),
    ("drawn 2", Shape::Drawn(DRAWN)),
    ("drawn 3", Shape::Drawn(DRAWN)),
];
/// Few services call many others, and most calls are made once.
const DRAWN: Histogram = Histogram {
    degree: [25, 15, 20, 18, 10, 6, 3, 2, 1],
    depth: [5, 20, 35, 25, 10, 5],
    repeats: [70, 8, 8, 6, 4, 4, 0, 0],
};
/// Minutes before a scenario begins: findings that compare with what is usual need eight.
const QUIET: i64 = 9;
/// Minutes before it in the further systems of kinds that compare with nothing, which take most of the time of scoring.
const BRIEFLY_QUIET: i64 = 2;
/// Minutes that a scenario runs, and afterwards.
const RUNNING: i64 = 5;
const AFTER: i64 = 1;

/// What a system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    /// Thresholds were chosen on it.
    Training,
    /// It was looked at only to be scored.
    HeldOut,
}

impl Set {
    pub const ALL: [Set; 2] = [Set::Training, Set::HeldOut];

    pub fn as_str(self) -> &'static str {
        match self {
            Set::Training => "training",
            Set::HeldOut => "held out",
        }
    }
}

/// Which degradations a system goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    All,
    /// A few that take different things away.
    Few,
    /// Those in which requests stand for others.
    Sampled,
    /// None.
    Clean,
}

/// A system and how long it is watched.
#[derive(Debug, Clone)]
pub struct System {
    pub name: String,
    pub set: Set,
    pub extent: Extent,
    pub config: ShopConfig,
    /// Nanoseconds.
    pub duration: i64,
    /// Its own services leave out spans, so that only its findings can be judged.
    pub leaves_out_spans: bool,
}

/// What is wrong with a system, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub kind: FindingKind,
    /// Nanoseconds since the epoch.
    pub during: Range<i64>,
}

/// What a system sent, and what really happened in it.
#[derive(Debug, Clone)]
pub struct Recording {
    pub batches: Vec<Batch>,
    pub truth: Arc<TruthFile>,
    /// A service that calls none of the others.
    pub leaf: String,
    /// The service that calls most others, but for the one at the edge.
    pub inner: String,
}

impl System {
    /// Everything from opening to closing.
    pub fn record(&self) -> Recording {
        let mut shop = Shop::new(&self.config);
        let mut batches: Vec<Batch> = shop.due(self.config.start_time + self.duration).collect();
        batches.extend(shop.close());
        // Nothing that is scored comes from metrics.
        batches.retain(|batch| batch.payload.signal() != Signal::Metrics);
        let truth = Arc::new(shop.truth().to_file());
        let (leaf, inner) = ends(&truth);
        Recording { batches, truth, leaf, inner }
    }

    /// What is wrong with it, if that costs its users something.
    pub fn condition(&self) -> Option<Condition> {
        let Scheduled { scenario, during } = self.config.scenarios.first()?;
        let during = self.config.start_time + during.start..self.config.start_time + during.end;
        (!scenario.near_miss && impact::costs(scenario.kind)).then_some(Condition { kind: scenario.kind, during })
    }

    /// What would have happened to the same users if nothing were wrong.
    pub fn truth_without_condition(&self) -> TruthFile {
        let mut shop = Shop::new(&ShopConfig { scenarios: Vec::new(), ..self.config.clone() });
        shop.due(self.config.start_time + self.duration).for_each(drop);
        shop.close().for_each(drop);
        shop.truth().to_file()
    }
}

/// A leaf and an inner service of a system.
fn ends(truth: &TruthFile) -> (String, String) {
    let services: BTreeSet<&str> = truth.operations.iter().map(|operation| operation.service.as_str()).collect();
    let mut callees: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut called = BTreeSet::new();
    for edge in truth.edges.iter().filter(|edge| edge.kind != EdgeKind::Data) {
        callees.entry(&edge.source).or_default().insert(&edge.target);
        if edge.kind == EdgeKind::Sync {
            called.insert(edge.target.as_str());
        }
    }
    let leaf = services.iter().find(|service| called.contains(**service) && !callees.contains_key(**service));
    let inner = callees.iter().filter(|(service, _)| called.contains(**service)).max_by_key(|(_, of)| of.len());
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    (name(leaf.copied()), name(inner.map(|(service, _)| *service)))
}

/// All systems: a few that nothing is wrong with, and for each kind of finding some that have it and some that nearly
/// have it, for training and to be held out. Those that are held out are other systems each.
pub fn systems() -> Vec<System> {
    let mut systems = vec![
        plain(Set::Training, "the shop", ShopConfig { seed: 1, ..ShopConfig::default() }),
        plain(Set::HeldOut, "the shop, other seed", ShopConfig { seed: 101, ..ShopConfig::default() }),
        plain(
            Set::HeldOut,
            "a generated system",
            ShopConfig {
                seed: 102,
                system: Architecture::Generated { seed: 1, shape: Shape::Layered },
                ..ShopConfig::default()
            },
        ),
        plain(Set::Training, "in bursts", ShopConfig { seed: 2, arrivals: BURSTS, ..ShopConfig::default() }),
        plain(
            Set::HeldOut,
            "in bursts",
            ShopConfig {
                seed: 103,
                arrivals: BURSTS,
                system: Architecture::Generated { seed: 2, shape: Shape::Layered },
                ..ShopConfig::default()
            },
        ),
        plain(
            Set::HeldOut,
            "messages in batches",
            ShopConfig {
                seed: 105,
                system: Architecture::Generated { seed: 4, shape: Shape::Messaging },
                ..ShopConfig::default()
            },
        ),
        plain(
            Set::HeldOut,
            "users who wait",
            ShopConfig {
                seed: 104,
                arrivals: USERS,
                system: Architecture::Generated { seed: 3, shape: Shape::Tree },
                ..ShopConfig::default()
            },
        ),
    ];
    for (number, (name, shape)) in (1_u64..).zip(SHAPES) {
        let system = Architecture::Generated { seed: 20 + number, shape };
        systems.push(plain(Set::HeldOut, name, ShopConfig { seed: 110 + number, system, ..ShopConfig::default() }));
    }
    for copy in 0..SAMPLED {
        systems.push(sampled(Set::Training, copy, ShopConfig { seed: 300 + copy, ..ShopConfig::default() }));
        let system = Architecture::Generated { seed: 10 + copy, shape: Shape::Layered };
        systems.push(sampled(Set::HeldOut, copy, ShopConfig { seed: 400 + copy, system, ..ShopConfig::default() }));
    }
    for (number, kind) in (1_u64..).zip(FindingKind::ALL) {
        for copy in 0..SYSTEMS {
            for scenario in [Scenario::of(kind), Scenario::near_miss(kind)] {
                let training = ShopConfig { seed: 10 + number + 1000 * copy, ..ShopConfig::default() };
                systems.push(with_scenario(Set::Training, scenario, copy, training));
                let system = Architecture::Generated { seed: 1000 * (copy + 1) + number, shape: Shape::Layered };
                let held_out = ShopConfig { seed: 200 + number + 1000 * copy, system, ..ShopConfig::default() };
                systems.push(with_scenario(Set::HeldOut, scenario, copy, held_out));
            }
        }
    }
    systems
}

fn plain(set: Set, name: &str, config: ShopConfig) -> System {
    let config = ShopConfig { rate: 6.0, export_interval: EXPORT_INTERVAL, ..config };
    System { name: name.to_owned(), set, extent: Extent::All, config, duration: 4 * MINUTE, leaves_out_spans: false }
}

fn sampled(set: Set, copy: u64, config: ShopConfig) -> System {
    System { extent: Extent::Sampled, ..plain(set, &format!("sampled {}", copy + 1), config) }
}

fn with_scenario(set: Set, scenario: Scenario, copy: u64, config: ShopConfig) -> System {
    let quiet = if copy == 0 || compares(scenario.kind) { QUIET } else { BRIEFLY_QUIET };
    let scenarios = vec![Scheduled { scenario, during: quiet * MINUTE..(quiet + RUNNING) * MINUTE }];
    System {
        name: if copy == 0 { scenario.to_string() } else { format!("{scenario} {}", copy + 1) },
        set,
        extent: if scenario.near_miss { Extent::Clean } else { Extent::Few },
        config: ShopConfig { rate: 10.0, export_interval: EXPORT_INTERVAL, scenarios, ..config },
        duration: (quiet + RUNNING + AFTER) * MINUTE,
        leaves_out_spans: scenario.kind == FindingKind::InstrumentationGap,
    }
}

/// Whether a finding of the kind is one in comparison with what is usual.
fn compares(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::Cascade | FindingKind::HotService | FindingKind::RetryStorm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_place() {
        let systems = systems();
        let names: BTreeSet<(Set, &str)> = systems.iter().map(|system| (system.set, system.name.as_str())).collect();
        assert_eq!(names.len(), systems.len());
        for system in systems.iter().filter(|system| !system.config.scenarios.is_empty()) {
            let plans = spandrel_shop::plans(&system.config);
            let made_for = |kind| plans.iter().flat_map(|plan| &plan.expected).any(|expected| expected.kind == kind);
            assert!(made_for(system.config.scenarios[0].scenario.kind), "{}, {}", system.set.as_str(), system.name);
        }
    }
}
