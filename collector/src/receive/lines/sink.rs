//! Where lines go.

use std::time::Duration;

use futures::future::BoxFuture;
use spandrel_normalize::batch::Normalized;
use thiserror::Error;

/// Where normalized lines go.
pub trait LineSink: Send + Sync + 'static {
    /// Stores the lines. `Ok` means that they are durable (D-1); after an error the same lines are offered again.
    fn store(&self, lines: Normalized) -> BoxFuture<'_, Result<(), LineSinkError>>;
}

/// Why lines were not stored.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct LineSinkError {
    /// When to try again. `None` where it will hardly help, which HTTP answers with 500.
    pub retry_after: Option<Duration>,
    pub message: String,
}
