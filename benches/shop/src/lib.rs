//! A simulated e-commerce system with known truth, and an OTLP load generator.
//!
//! [`Shop`] turns a seed into OTLP requests in virtual time and counts what really happened ([`Truth`]); [`scenario`]
//! makes something wrong with it for a time, or nearly wrong; [`live`] sends its requests to an endpoint by the wall
//! clock; [`load`] sends spans to an endpoint at a given rate and measures how it copes.
//! The crate uses no other crate of Spandrel, so that it can bear witness against them.

mod clock;
pub mod degrade;
pub mod engine;
pub mod live;
pub mod load;
mod outcome;
mod random;
pub mod scenario;
pub mod send;
mod shop;
pub mod telemetry;
mod text;
pub mod topology;
mod truth;

pub use clock::WallClock;
pub use outcome::{Fault, Outcome};
pub use random::{Dice, Latency};
pub use scenario::{Scenario, Scheduled, UnknownScenario, demonstration, in_turn};
pub use shop::{ScheduledFault, Shop, ShopConfig, System, plans};
pub use truth::{
    BreakerTruth, EdgeTruth, Expectation, FindingKind, FindingTruth, MINUTE, OperationTruth, OriginTruth, PathTruth,
    Plan, Totals, Truth, TruthFile, WasteTruth, effects, minute_of,
};
