//! The shop as a source of OTLP requests in virtual time.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use crate::{
    engine::{Arrivals, Engine, EngineConfig},
    random::Dice,
    scenario::{Place, Scheduled, Stage, likely, standing},
    telemetry::{Batch, Batcher},
    topology::{self, Effect, Shape, Topology},
    truth::{Plan, Truth},
};

const SECOND: i64 = 1_000_000_000;

/// What a shop is like. Everything it sends follows from this.
#[derive(Debug, Clone, PartialEq)]
pub struct ShopConfig {
    /// Decides everything that is random.
    pub seed: u64,
    /// Mean number of requests from users per second. Each makes about 20 spans.
    pub rate: f64,
    /// How these come.
    pub arrivals: Arrivals,
    /// When it opens, nanoseconds since the Unix epoch.
    pub start_time: i64,
    /// Instances of every service; two or three each when not given.
    pub instances: Option<u32>,
    /// Nanoseconds between the exports of spans and logs of a process, unless a batch of 512 is full earlier.
    pub export_interval: i64,
    /// Nanoseconds between the exports of metrics of a process.
    pub metric_interval: i64,
    /// Which system it is.
    pub system: System,
    /// What is wrong with it, and when. In a generated system the seed chooses where.
    pub scenarios: Vec<Scheduled>,
    /// What else goes wrong.
    pub faults: Vec<ScheduledFault>,
}

/// Who is there and who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// The usual shop.
    Shop,
    /// One that this seed makes.
    Generated { seed: u64, shape: Shape },
}

/// Something that goes wrong for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledFault {
    /// Name of the service, database or outsider, or of an edge, as in `caller->callee`.
    pub target: String,
    /// What happens to it.
    pub effect: Effect,
    /// When, in nanoseconds since the shop opened.
    pub during: Range<i64>,
}

impl Default for ShopConfig {
    /// Opens on 2026-01-01, serves 20 users per second.
    fn default() -> Self {
        Self {
            seed: 1,
            rate: 20.0,
            arrivals: Arrivals::default(),
            start_time: 1_767_225_600 * SECOND,
            instances: None,
            export_interval: SECOND,
            metric_interval: 15 * SECOND,
            system: System::Shop,
            scenarios: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// What the scenarios of a configuration bring about, in the order of the configuration.
pub fn plans(config: &ShopConfig) -> Vec<Plan> {
    stage(config).1
}

/// The system of a configuration, and what its scenarios bring about. A scenario that fits nowhere in a generated
/// system, and a fault of somebody who is not there, are left out.
fn stage(config: &ShopConfig) -> (Topology, Vec<Plan>) {
    let start = config.start_time;
    let at = |during: &Range<i64>| start.saturating_add(during.start)..start.saturating_add(during.end);
    let mut topology = match config.system {
        System::Shop => topology::shop(config.instances),
        System::Generated { seed, shape } => topology::generated(seed, shape, config.instances),
    };
    for fault in &config.faults {
        topology.afflict(&fault.target, &at(&fault.during), fault.effect);
    }
    let mut stage = Stage::new(topology, config.arrivals.mean_rate(config.rate));
    let mut plans = match config.system {
        System::Shop => Vec::new(),
        // A system that a seed makes may have a service that much of the time goes to, or be built in a bad way.
        System::Generated { .. } => {
            let (expected, side_effects) = (standing(stage.topology(), start), likely(stage.topology(), start));
            vec![Plan::usual(start, expected, side_effects)]
        }
    };
    for Scheduled { scenario, during } in &config.scenarios {
        let place = match config.system {
            System::Shop => Place::in_shop(stage.topology(), scenario.kind),
            System::Generated { seed, .. } => {
                let mut dice = Dice::new(seed, 1 + scenario.kind as u64);
                Place::drawn(stage.topology(), scenario.kind, at(during).start, &mut dice)
            }
        };
        if let Some(place) = place {
            plans.push(stage.play(*scenario, place, at(during)));
        }
    }
    (stage.finish(), plans)
}

/// A shop, what it has to send, and what really happened in it.
#[derive(Debug)]
pub struct Shop {
    topology: Arc<Topology>,
    engine: Engine,
    batcher: Batcher,
    truth: Truth,
    now: i64,
    ready: VecDeque<Batch>,
}

impl Shop {
    /// A shop that has just opened.
    pub fn new(config: &ShopConfig) -> Self {
        let &ShopConfig { seed, rate, arrivals, start_time, export_interval, metric_interval, .. } = config;
        let (topology, plans) = stage(config);
        let topology = Arc::new(topology);
        let mut truth = Truth::new(Arc::clone(&topology));
        for plan in plans {
            truth.expect(plan);
        }
        Self {
            engine: Engine::new(Arc::clone(&topology), EngineConfig { seed, rate, arrivals, start_time }),
            batcher: Batcher::new(Arc::clone(&topology), start_time, export_interval, metric_interval),
            truth,
            now: start_time,
            ready: VecDeque::new(),
            topology,
        }
    }

    /// Who is in the shop.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The next request sent at or before the virtual time `until`. The shop moves on to the time of its sending.
    pub fn next_due(&mut self, until: i64) -> Option<Batch> {
        while self.ready.is_empty() && self.advance(until) {}
        self.ready.pop_front()
    }

    /// The requests sent up to and including the virtual time `until`, in the order of their sending. The shop moves on
    /// as the iterator does; dropping it early loses nothing.
    pub fn due(&mut self, until: i64) -> impl Iterator<Item = Batch> {
        std::iter::from_fn(move || self.next_due(until))
    }

    /// Lets no more users in, waits for those inside, and gives the requests not sent so far. Some of what they contain
    /// happens later than anything seen before: a few seconds, the time the slowest flow takes to end.
    pub fn close(&mut self) -> impl Iterator<Item = Batch> + use<> {
        self.engine.close();
        while self.engine.next_time().is_some() {
            self.advance(i64::MAX);
        }
        let data_points = self.batcher.flush(self.now, &mut self.ready);
        self.truth.observe_data_points(data_points);
        std::mem::take(&mut self.ready).into_iter()
    }

    /// What has happened so far, including spans and logs that are not sent yet.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Forgets the truth about the minutes before `time`, except for the totals.
    pub fn forget_before(&mut self, time: i64) {
        self.truth.forget_before(time);
    }

    /// From here on, the time between the exports of spans and logs of a process, nanoseconds.
    pub fn set_export_interval(&mut self, interval: i64) {
        self.batcher.set_export_interval(interval, self.now);
    }

    /// Moves to the next event or export; false if that is later than `until`.
    fn advance(&mut self, until: i64) -> bool {
        let export = self.batcher.next_time();
        let event = self.engine.next_time().unwrap_or(i64::MAX);
        let next = export.min(event);
        if next > until || next == i64::MAX {
            return false;
        }
        self.now = next;
        if event <= export {
            if let Some(records) = self.engine.step() {
                self.truth.observe(records);
                self.batcher.observe(records, next, &mut self.ready);
            }
        } else {
            let data_points = self.batcher.tick(&mut self.ready);
            self.truth.observe_data_points(data_points);
        }
        true
    }
}
