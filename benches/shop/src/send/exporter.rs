//! One exporter for both protocols, with retries.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{grpc::GrpcTransport, http::HttpTransport, retry::RetryPolicy};
use crate::telemetry::Signal;

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// OTLP/gRPC.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    Http,
}

/// An endpoint that cannot be used.
#[derive(Debug, Error)]
#[error("endpoint {endpoint:?} is not usable: {reason}")]
pub struct EndpointError {
    pub(super) endpoint: String,
    pub(super) reason: String,
}

/// A request that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Items that the server says it did not take (`partial_success`).
    pub rejected: u64,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The server does not want it, now or ever.
    #[error("refused: {0}")]
    Refused(String),
    /// It was worth another attempt, but there was no time for one.
    #[error("gave up: {0}")]
    GaveUp(String),
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How it ended.
    pub result: Result<Accepted, Failure>,
    /// Attempts after the first.
    pub retries: u32,
}

/// The answer to one attempt.
#[derive(Debug)]
pub(super) enum Answer {
    Accepted(Accepted),
    /// Come back later, not before the time if one is given.
    Later {
        after: Option<Duration>,
        reason: String,
    },
    Refused(String),
}

/// A connection, or several, to an OTLP endpoint. Connects when first used and again whenever that is needed.
#[derive(Debug)]
pub struct Exporter {
    transport: Transport,
    timeout: Duration,
    salt: AtomicU64,
}

#[derive(Debug)]
enum Transport {
    Grpc(GrpcTransport),
    Http(Box<HttpTransport>),
}

impl Exporter {
    /// An exporter for `endpoint`, such as `http://127.0.0.1:4317`; the scheme may be missing. `connections` counts for
    /// gRPC; HTTP/1.1 opens one per request in flight. An attempt without an answer after `timeout` has failed.
    ///
    /// Has to be called within a tokio runtime.
    pub fn new(
        endpoint: &str,
        protocol: Protocol,
        connections: usize,
        timeout: Duration,
    ) -> Result<Self, EndpointError> {
        let url = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        if !url.starts_with("http://") {
            let reason = "only http:// is spoken here".to_owned();
            return Err(EndpointError { endpoint: endpoint.to_owned(), reason });
        }
        let transport = match protocol {
            Protocol::Grpc => Transport::Grpc(GrpcTransport::new(&url, connections)?),
            Protocol::Http => Transport::Http(Box::new(HttpTransport::new(&url)?)),
        };
        Ok(Self { transport, timeout, salt: AtomicU64::new(1) })
    }

    /// Sends a request, again and again as `policy` allows and the answers permit. `cancel` ends the waiting between
    /// attempts, not an attempt.
    pub async fn send(
        &self,
        signal: Signal,
        body: Bytes,
        policy: &RetryPolicy,
        cancel: &CancellationToken,
    ) -> Delivery {
        let begun = Instant::now();
        let mut retries = 0;
        loop {
            let (after, reason) = match self.attempt(signal, body.clone()).await {
                Answer::Accepted(accepted) => return Delivery { result: Ok(accepted), retries },
                Answer::Refused(reason) => return Delivery { result: Err(Failure::Refused(reason)), retries },
                Answer::Later { after, reason } => (after, reason),
            };
            let pause = policy.pause(retries + 1, after, self.salt.fetch_add(1, Ordering::Relaxed));
            if !policy.allows(begun.elapsed() + pause) {
                return Delivery { result: Err(Failure::GaveUp(reason)), retries };
            }
            tokio::select! {
                () = cancel.cancelled() => return Delivery { result: Err(Failure::GaveUp(reason)), retries },
                () = tokio::time::sleep(pause) => retries += 1,
            }
        }
    }

    async fn attempt(&self, signal: Signal, body: Bytes) -> Answer {
        let answer = async {
            match &self.transport {
                Transport::Grpc(transport) => transport.attempt(signal, body).await,
                Transport::Http(transport) => transport.attempt(signal, body).await,
            }
        };
        tokio::time::timeout(self.timeout, answer).await.unwrap_or_else(|_elapsed| Answer::Later {
            after: None,
            reason: format!("no answer within {:?}", self.timeout),
        })
    }
}
