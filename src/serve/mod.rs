//! The running server: the parts wired together, from start to a clean stop.

mod addresses;
mod compression;
mod drain;
mod exposition;
mod listener;
mod logging;
mod metrics;
mod self_telemetry;
mod server;
mod sources;
mod status;

pub(crate) use logging::init_logging;
pub(crate) use server::{Addresses, Server};
