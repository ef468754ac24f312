//! Detectors of what is wrong with how services are cut and how they talk.

mod calls;
mod chatty;
mod fanout_burst;
mod graph;
mod n_plus_one;
mod roles;
mod seen;

use super::Detector;

/// The detectors of this group.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(n_plus_one::NPlusOne::new()),
        Box::new(chatty::Chatty::new()),
        Box::new(fanout_burst::FanoutBurst::new()),
    ]
}
