//! Detectors of what goes wrong under load and under failure.

use super::Detector;

/// The detectors of this group.
pub fn detectors() -> Vec<Box<dyn Detector>> {
    Vec::new()
}
