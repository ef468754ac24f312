//! The definition of the API.

use std::sync::LazyLock;

use axum::{http::header::CONTENT_TYPE, response::IntoResponse};
use utoipa::OpenApi;

use super::{dashboards, differences, findings, flow, graph, services, sql, tail, trace, traces};

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
        differences::differences,
        flow::flow,
        flow::record::record,
        graph::graph,
        findings::findings,
        findings::history::finding,
        findings::acknowledgement::acknowledge,
        findings::acknowledgement::withdraw,
        tail::tail,
        dashboards::dashboards,
        dashboards::dashboard
    ),
    components(schemas(tail::Missed))
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
