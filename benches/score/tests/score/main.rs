//! Relations between what the analysis says of telemetry and of the same telemetry changed in a known way; and the demo.

mod change;
mod demonstration;
mod relations;
