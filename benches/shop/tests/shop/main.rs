//! The simulation, its telemetry and its truth; the senders against servers in this process.

mod degrade;
mod derive;
mod determinism;
mod history;
mod live;
mod load;
mod observer;
mod paths;
mod policies;
mod scenarios;
mod stub;
mod traces;
mod truth;
mod wellmade;
