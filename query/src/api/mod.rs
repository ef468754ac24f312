//! The HTTP API under `/api/v1`.
//!
//! | route | answers |
//! |---|---|
//! | `POST /sql` | the result of a statement, as JSON, NDJSON, CSV or Arrow |
//! | `GET /services` | the services and how they do |
//! | `GET /operations` | the operations of services and how they do |
//! | `GET /traces` | traces that match |
//! | `GET /traces/{id}` | one trace |
//! | `GET /differences` | how some spans differ from others |
//! | `GET /flows/{id}` | all records of one request |
//! | `GET /flows/{id}/records/{record}` | one of them |
//! | `GET /graph` | the service graph |
//! | `GET /findings` | what is wrong |
//! | `GET /findings/{id}` | one finding and its history |
//! | `PUT`, `DELETE /findings/{id}/acknowledgement` | somebody knows of it |
//! | `GET /logs/tail` | log records as they become durable |
//! | `GET /dashboards`, `GET /dashboards/{name}` | panels with their statements |
//! | `GET /openapi.json` | the definition of all this |
//!
//! Every error is `{"error":{"code","message","details","request_id"}}` ([`error`]); every answer has the request's id in
//! `x-request-id`.

mod attributes;
mod dashboards;
mod differences;
mod error;
mod findings;
mod flow;
mod graph;
mod openapi;
mod parameters;
mod request_id;
mod rows;
mod services;
mod sql;
mod tail;
mod trace;
mod traces;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    middleware,
    routing::{any, get, post, put},
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Engine;

pub use flow::flow_document;
pub use openapi::definition;

/// Larger than any statement the engine accepts, so that the engine says what is wrong.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What the API is told beside the engine.
#[derive(Debug, Clone, Default)]
pub struct ApiConfig {
    /// Cancelled when the server stops: answers that have no end of their own end then.
    pub stop: CancellationToken,
    /// Directory of dashboards beside those that come with the server.
    pub dashboards: Option<PathBuf>,
}

/// What handlers share.
#[derive(Debug, Clone)]
struct ApiState {
    engine: Arc<Engine>,
    /// A place for each tail.
    tails: Arc<Semaphore>,
    stop: CancellationToken,
    dashboards: Option<PathBuf>,
}

impl FromRef<ApiState> for Arc<Engine> {
    fn from_ref(state: &ApiState) -> Self {
        Arc::clone(&state.engine)
    }
}

/// The API over `engine`. Routes below `/api/v1` that are merged into it take precedence over its answer for unknown ones.
pub fn router(engine: Arc<Engine>, config: ApiConfig) -> Router {
    let ApiConfig { stop, dashboards } = config;
    let state = ApiState { engine, tails: tail::places(), stop, dashboards };
    Router::new()
        .route("/api/v1/sql", post(sql::sql))
        .route("/api/v1/services", get(services::services))
        .route("/api/v1/operations", get(services::operations))
        .route("/api/v1/traces", get(traces::traces))
        .route("/api/v1/traces/{id}", get(trace::trace))
        .route("/api/v1/differences", get(differences::differences))
        .route("/api/v1/flows/{id}", get(flow::flow))
        .route("/api/v1/flows/{id}/records/{record}", get(flow::record::record))
        .route("/api/v1/graph", get(graph::graph))
        .route("/api/v1/findings", get(findings::findings))
        .route("/api/v1/findings/{id}", get(findings::history::finding))
        .route(
            "/api/v1/findings/{id}/acknowledgement",
            put(findings::acknowledgement::acknowledge).delete(findings::acknowledgement::withdraw),
        )
        .route("/api/v1/logs/tail", get(tail::tail))
        .route("/api/v1/dashboards", get(dashboards::dashboards))
        .route("/api/v1/dashboards/{name}", get(dashboards::dashboard))
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .route("/api/v1/{*unknown}", any(error::unknown_path))
        .method_not_allowed_fallback(error::unknown_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(request_id::identify))
        .with_state(state)
}

#[cfg(test)]
mod tests;
