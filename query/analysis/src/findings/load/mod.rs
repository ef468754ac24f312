//! Detectors of what goes wrong under load and under failure.

mod breaker;
mod cascade;
mod retry;
#[cfg(test)]
mod testing;

use super::Detector;

/// The detectors of this group.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    vec![Box::<cascade::Cascade>::default(), Box::<breaker::Breaker>::default(), Box::<retry::Retry>::default()]
}
