//! The simulation, its telemetry and its truth; the senders against servers in this process.

mod arrivals;
mod batches;
mod degrade;
mod derive;
mod determinism;
mod faults;
mod history;
mod live;
mod load;
mod observer;
mod pair;
mod paths;
mod policies;
mod scenarios;
mod shapes;
mod sound;
mod stub;
mod traces;
mod truth;
mod wellmade;
