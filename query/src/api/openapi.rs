//! The definition of the API.

use std::sync::LazyLock;

use axum::{http::header::CONTENT_TYPE, response::IntoResponse};
use utoipa::OpenApi;

use super::{findings, flow, graph, services, sql, trace, traces};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spandrel",
        description = "Traces, logs and metrics in SQL. Times are RFC 3339, or relative to the server's clock like `now-1h`.",
        version = "v1",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        sql::sql,
        services::services,
        services::operations,
        traces::traces,
        trace::trace,
        flow::flow,
        graph::graph,
        findings::findings
    )
)]
struct Definition;

/// The OpenAPI definition as JSON, checked in as `query/openapi.json`.
pub fn definition() -> &'static str {
    static DEFINITION: LazyLock<String> = LazyLock::new(|| {
        let mut json = Definition::openapi().to_pretty_json().expect("the definition is valid JSON");
        json.push('\n');
        json
    });
    &DEFINITION
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], definition())
}
