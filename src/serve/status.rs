//! `/healthz`, `/ready` and `/metrics`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio_util::sync::CancellationToken;

use super::{exposition, metrics::Sources};

/// What the status routes look at.
#[derive(Clone)]
pub(super) struct Status {
    pub(super) sources: Arc<Sources>,
    pub(super) stop: CancellationToken,
}

impl Status {
    /// Why the server is not ready, if it is not (H-1).
    pub(super) fn problem(&self) -> Option<String> {
        if self.stop.is_cancelled() {
            return Some("the server is stopping".to_owned());
        }
        if self.sources.analyst.as_ref().is_some_and(|analyst| analyst.ended()) {
            return Some("the live analysis has ended abnormally; the log says why".to_owned());
        }
        let ended = self.sources.source_failures.lock().first().cloned();
        ended.or_else(|| self.sources.store.health().err().map(|unhealthy| unhealthy.to_string()))
    }
}

pub(super) fn router(status: Status) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(status)
}

async fn ready(State(status): State<Status>) -> Response {
    match status.problem() {
        None => "ready\n".into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {problem}\n")).into_response(),
    }
}

async fn metrics(State(status): State<Status>) -> Response {
    let text = exposition::text(&status.sources.collect());
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response()
}
