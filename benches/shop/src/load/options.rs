//! What a load run does.

use std::{path::PathBuf, time::Duration};

use thiserror::Error;

use crate::send::{EndpointError, Protocol, RetryPolicy};

/// Most spans in a request: ids are made of the request's number and the span's number within it.
pub(super) const MAX_BATCH: usize = 1 << 16;

/// What to send, where, how fast and how long.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// OTLP endpoint.
    pub endpoint: String,
    /// How it speaks OTLP.
    pub protocol: Protocol,
    /// Spans per second; as fast as answers come if not given.
    pub rate: Option<f64>,
    /// How long to send; without it, until the spans are sent or the run is cancelled.
    pub duration: Option<Duration>,
    /// How many spans to send, rounded up to whole requests.
    pub spans: Option<u64>,
    /// Connections (gRPC only; HTTP opens one per request in flight).
    pub connections: usize,
    /// Most requests sent and not answered. A schedule that needs more runs late, and its latencies show it.
    pub in_flight: usize,
    /// Spans in a request.
    pub batch: usize,
    /// Different requests to send in turn.
    pub templates: usize,
    /// Decides what the requests look like. Ids are different in every run all the same.
    pub seed: u64,
    /// An attempt without an answer after this time has failed.
    pub timeout: Duration,
    /// What to do when the endpoint is not there or busy.
    pub retry: RetryPolicy,
    /// A file to which a line `<trace id> <spans>` is appended for every trace of a request that was accepted whole. The
    /// line is written after the answer has arrived and before the request counts as accepted.
    pub acked_file: Option<PathBuf>,
    /// Whether to draw a progress line on the standard error output, if that is a terminal.
    pub progress: bool,
}

impl LoadOptions {
    /// As fast as `endpoint` takes it by gRPC, until cancelled.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol: Protocol::Grpc,
            rate: None,
            duration: None,
            spans: None,
            connections: 4,
            in_flight: 32,
            batch: 512,
            templates: 16,
            seed: 1,
            timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            acked_file: None,
            progress: false,
        }
    }

    pub(super) fn validate(&self) -> Result<(), LoadError> {
        let problem = if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            "rate must be a positive number of spans per second"
        } else if !(1..=MAX_BATCH).contains(&self.batch) {
            "batch must be between 1 and 65536 spans"
        } else if self.connections == 0 || self.in_flight == 0 || self.templates == 0 {
            "connections, requests in flight and templates must be at least 1"
        } else {
            return Ok(());
        };
        Err(LoadError::Options(problem))
    }
}

/// A load run that cannot begin, or cannot go on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The options contradict themselves.
    #[error("load options: {0}")]
    Options(&'static str),
    /// The endpoint is not one.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The file of acknowledged traces cannot be written.
    #[error("file of acknowledged traces {path:?} cannot be written")]
    AckedFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
