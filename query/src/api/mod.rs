//! The HTTP API under `/api/v1`.
//!
//! | route | answers |
//! |---|---|
//! | `POST /sql` | the result of a statement, as JSON, NDJSON, CSV or Arrow |
//! | `GET /services` | the services and how they do |
//! | `GET /operations` | the operations of services and how they do |
//! | `GET /traces` | traces that match |
//! | `GET /traces/{id}` | one trace |
//! | `GET /flows/{id}` | all records of one request |
//! | `GET /graph` | the service graph |
//! | `GET /findings` | what is wrong |
//! | `GET /openapi.json` | the definition of all this |
//!
//! Every error is `{"error":{"code","message","details","request_id"}}` ([`error`]); every answer has the request's id in
//! `x-request-id`.

mod attributes;
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
mod summary;
mod trace;
mod traces;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get, post},
};

use crate::Engine;

pub use flow::flow_document;
pub use openapi::definition;

/// Larger than any statement the engine accepts, so that the engine says what is wrong.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The API over `engine`. Routes below `/api/v1` that are merged into it take precedence over its answer for unknown ones.
pub fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/api/v1/sql", post(sql::sql))
        .route("/api/v1/services", get(services::services))
        .route("/api/v1/operations", get(services::operations))
        .route("/api/v1/traces", get(traces::traces))
        .route("/api/v1/traces/{id}", get(trace::trace))
        .route("/api/v1/flows/{id}", get(flow::flow))
        .route("/api/v1/graph", get(graph::graph))
        .route("/api/v1/findings", get(findings::findings))
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .route("/api/v1/{*unknown}", any(error::unknown_path))
        .method_not_allowed_fallback(error::unknown_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(request_id::identify))
        .with_state(engine)
}

#[cfg(test)]
mod tests;
