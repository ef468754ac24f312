//! The systems that are scored, and their recording.

use std::sync::Arc;

use spandrel_shop::{Shop, ShopConfig, TruthFile, telemetry::Batch};

const SECOND: i64 = 1_000_000_000;

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

/// A system and how long it is watched.
#[derive(Debug, Clone)]
pub struct System {
    pub name: String,
    pub set: Set,
    pub config: ShopConfig,
    pub seconds: i64,
    /// A service that calls none of the others.
    pub leaf: &'static str,
    /// A service that calls others.
    pub inner: &'static str,
}

/// What a system sent, and what really happened in it.
#[derive(Debug, Clone)]
pub struct Recording {
    pub batches: Vec<Batch>,
    pub truth: Arc<TruthFile>,
}

impl System {
    /// Everything from opening to closing.
    pub fn record(&self) -> Recording {
        let mut shop = Shop::new(&self.config);
        let mut batches: Vec<Batch> = shop.due(self.config.start_time + self.seconds * SECOND).collect();
        batches.extend(shop.close());
        Recording { batches, truth: Arc::new(shop.truth().to_file()) }
    }
}

/// All systems.
pub fn systems() -> Vec<System> {
    let shop = |set: Set, seed: u64| System {
        name: format!("shop, seed {seed}"),
        set,
        config: ShopConfig { seed, rate: 6.0, ..ShopConfig::default() },
        seconds: 240,
        leaf: "inventory",
        inner: "web-bff",
    };
    vec![shop(Set::Training, 1), shop(Set::HeldOut, 101)]
}
