//! Relations between what the analysis says of telemetry and of the same telemetry changed in a known way.

mod change;
mod relations;
