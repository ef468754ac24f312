//! Configuration: one table of keys, each settable in a YAML file, as `SPANDREL_*` and by `--set`; parsed once, with all
//! problems reported together.

mod keys;
mod load;
mod reference;
mod section;
mod sources;
mod values;

use std::{net::SocketAddr, path::PathBuf};

use spandrel_collector::{ReceiverConfig, SourceConfig};
use spandrel_normalize::enrich::EnrichConfig;
use spandrel_query::Limits;
use spandrel_store::StoreConfig;

pub(crate) use load::{Sources, load};
pub(crate) use reference::reference;

/// Everything a server is told, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) addresses_file: Option<PathBuf>,
    pub(crate) receiver: ReceiverConfig,
    pub(crate) store: StoreConfig,
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) enrich: EnrichConfig,
    pub(crate) query: Limits,
    pub(crate) analysis: bool,
    pub(crate) dashboards: Option<PathBuf>,
    pub(crate) log: LogConfig,
    pub(crate) self_telemetry: bool,
}

/// How the process logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}
