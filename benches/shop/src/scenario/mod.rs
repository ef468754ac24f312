//! Conditions switched on for a time: each kind of finding, and each nearly.
//!
//! A scenario changes what some operations do, or lets something go wrong, at a [`Place`] of a topology. What it brings
//! about is known from how it is made, and goes into the truth as a [`Plan`].

mod failing;
mod place;
mod standing;
mod structural;

use std::{fmt, ops::Range, str::FromStr};

pub use place::Place;
pub(crate) use standing::{likely, standing};

use crate::{
    topology::{Builder, Topology},
    truth::{Expectation, FindingKind, MINUTE, Plan},
};

const NEAR_MISS: &str = "_near_miss";

/// A condition to bring about, or to stay just below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scenario {
    /// What shall be found.
    pub kind: FindingKind,
    /// Whether it stays below the threshold, so that nothing shall be found.
    pub near_miss: bool,
}

/// A scenario and when it runs, in nanoseconds since the shop opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// What happens.
    pub scenario: Scenario,
    /// When.
    pub during: Range<i64>,
}

/// Scenarios one after the other from `from` on, again and again until `until`. Each has `slot` nanoseconds, of which it
/// runs for five sixths. Times are in nanoseconds since the shop opened.
pub fn in_turn(scenarios: &[Scenario], from: i64, slot: i64, until: i64) -> Vec<Scheduled> {
    let slot = slot.max(1);
    let starts = (0..).map(|number| from + number * slot).take_while(|start| *start < until);
    let scenarios = scenarios.iter().cycle();
    scenarios
        .zip(starts)
        .map(|(scenario, start)| Scheduled { scenario: *scenario, during: start..start + slot / 6 * 5 })
        .collect()
}

/// How long each scenario of a demonstration has, nanoseconds.
const DEMO_SLOT: i64 = 6 * MINUTE;
/// How far ahead of its history a demonstration is planned, nanoseconds.
const DEMO_AHEAD: i64 = 24 * 60 * MINUTE;

/// The timeline of a demonstration with so many nanoseconds of history: all scenarios take their turn in the history, if
/// it is long enough, and from then on again and again.
pub fn demonstration(scenarios: &[Scenario], history: i64) -> Vec<Scheduled> {
    let first = (history - scenarios.len() as i64 * DEMO_SLOT).max(MINUTE);
    in_turn(scenarios, first, DEMO_SLOT, history + DEMO_AHEAD)
}

/// A name that no scenario has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called `{0}`")]
pub struct UnknownScenario(String);

impl Scenario {
    /// One that shall be found.
    pub fn of(kind: FindingKind) -> Self {
        Self { kind, near_miss: false }
    }

    /// One that shall nearly be found.
    pub fn near_miss(kind: FindingKind) -> Self {
        Self { kind, near_miss: true }
    }

    /// The first of two numbers, or the second one for a near miss.
    fn either<T>(self, real: T, near_miss: T) -> T {
        if self.near_miss { near_miss } else { real }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.near_miss { NEAR_MISS } else { "" };
        write!(formatter, "{}{suffix}", self.kind.as_str().to_lowercase())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    /// As in `n_plus_one` and `n_plus_one_near_miss`.
    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        let (kind, near_miss) = name.strip_suffix(NEAR_MISS).map_or((name, false), |kind| (kind, true));
        let found = FindingKind::ALL.into_iter().find(|other| other.as_str().to_lowercase() == kind);
        found.map(|kind| Self { kind, near_miss }).ok_or_else(|| UnknownScenario(name.to_owned()))
    }
}

/// Switches scenarios on, each at its place. Times are in nanoseconds since the Unix epoch.
pub(crate) struct Stage {
    builder: Builder,
    /// Requests from outside per second.
    rate: f64,
}

/// What a scenario has to know.
struct Scene<'a> {
    builder: &'a mut Builder,
    scenario: Scenario,
    place: Place,
    during: Range<i64>,
    rate: f64,
    side_effects: Vec<Expectation>,
}

impl Stage {
    pub(crate) fn new(topology: Topology, rate: f64) -> Self {
        Self { builder: Builder::resume(topology), rate }
    }

    pub(crate) fn topology(&self) -> &Topology {
        self.builder.topology()
    }

    /// Switches a scenario on, and says what comes of it.
    pub(crate) fn play(&mut self, scenario: Scenario, place: Place, during: Range<i64>) -> Plan {
        let (builder, rate) = (&mut self.builder, self.rate);
        let mut scene = Scene { builder, scenario, place, during: during.clone(), rate, side_effects: Vec::new() };
        let expected = scene.play();
        let side_effects = scene.side_effects;
        Plan { scenario: scenario.to_string(), during, near_miss: scenario.near_miss, expected, side_effects }
    }

    pub(crate) fn finish(self) -> Topology {
        self.builder.finish()
    }
}

impl Scene<'_> {
    fn play(&mut self) -> Vec<Expectation> {
        match self.scenario.kind {
            FindingKind::SyncChain => self.sync_chain(),
            FindingKind::Cascade => self.cascade(),
            FindingKind::HotService => self.hot_service(),
            FindingKind::Breaker => self.breaker(),
            FindingKind::RetryStorm => self.retry_storm(),
            FindingKind::RetryAmplification => self.retry_amplification(),
            FindingKind::Chatty => self.chatty(),
            FindingKind::NPlusOne => self.n_plus_one(),
            FindingKind::SharedDb => self.shared_db(),
            FindingKind::Cycle => self.cycle(),
            FindingKind::FanoutBurst => self.fanout_burst(),
            FindingKind::Spof => self.spof(),
            FindingKind::TimeoutInversion => self.timeout_inversion(),
            FindingKind::WastedWork => self.wasted_work(),
            FindingKind::DistributedMonolith => self.distributed_monolith(),
            FindingKind::Nanoservice => self.nanoservice(),
            FindingKind::GodGateway => self.god_gateway(),
            FindingKind::HiddenErrors => self.hidden_errors(),
            FindingKind::InstrumentationGap => self.instrumentation_gap(),
        }
    }

    fn caller(&self) -> String {
        self.builder.topology().service(self.place.caller).name.to_string()
    }

    fn callee(&self) -> String {
        self.builder.topology().service(self.place.callee).name.to_string()
    }

    /// A finding about one service.
    fn about(&self, service: String) -> Vec<Expectation> {
        vec![Expectation { kind: self.scenario.kind, service, target: None, operation: None }]
    }

    /// A finding about the edge from the caller to the callee.
    fn about_edge(&self) -> Vec<Expectation> {
        let (service, target) = (self.caller(), Some(self.callee()));
        vec![Expectation { kind: self.scenario.kind, service, target, operation: None }]
    }
}
