//! Detectors of what is wrong with how services are cut and how they talk.

mod calls;
mod chatty;
mod cycle;
mod distributed_monolith;
mod fanout_burst;
mod god_gateway;
mod graph;
mod hubs;
mod instrumentation_gap;
mod n_plus_one;
mod nanoservice;
mod redundancy;
mod reentrance;
mod seen;
mod shared_db;
mod spof;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use super::Detector;

/// The detectors of this group.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(n_plus_one::NPlusOne::new()),
        Box::new(chatty::Chatty::new()),
        Box::new(shared_db::SharedDb::new()),
        Box::new(cycle::Cycles::new()),
        Box::new(fanout_burst::FanoutBurst::new()),
        Box::new(spof::Spof::new()),
        Box::new(distributed_monolith::DistributedMonolith::new()),
        Box::new(nanoservice::Nanoservice::new()),
        Box::new(god_gateway::GodGateway::new()),
        Box::new(instrumentation_gap::InstrumentationGap::new()),
    ]
}
