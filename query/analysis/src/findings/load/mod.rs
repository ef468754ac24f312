//! Detectors of what goes wrong under load and under failure.

mod breaker;
mod cascade;
mod hidden_errors;
mod hot_service;
mod retry;
mod sync_chain;
#[cfg(test)]
mod testing;
mod timeout_inversion;
mod waste;

use super::Detector;

/// The detectors of this group.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    vec![
        Box::<sync_chain::SyncChain>::default(),
        Box::<cascade::Cascade>::default(),
        Box::<hot_service::HotService>::default(),
        Box::<breaker::Breaker>::default(),
        Box::<retry::Retry>::default(),
        Box::<timeout_inversion::TimeoutInversion>::default(),
        Box::<waste::Waste>::default(),
        Box::<hidden_errors::HiddenErrors>::default(),
    ]
}
