//! `GET /dashboards` and `GET /dashboards/{name}`.

mod file;
mod statement;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use serde::Serialize;

use self::{
    file::{Dashboard, DashboardProblem, PanelKind, read_all},
    statement::{Window, fill},
};
use super::{
    ApiState,
    error::{ApiError, ErrorBody},
    parameters::{Parameters, TimeRange},
};
use crate::time::format_time;

/// Buckets of a range, at most.
const MAX_BUCKETS: i64 = 10_000;

/// All dashboards.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Dashboards {
    /// By name.
    dashboards: Vec<DashboardSummary>,
    /// Files of `dashboards.path` that are not among them.
    problems: Vec<DashboardProblem>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DashboardSummary {
    name: String,
    title: String,
    description: Option<String>,
    panels: u64,
    /// None for those that come with the server.
    file: Option<String>,
}

/// A dashboard for a range.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct DashboardWithPanels {
    name: String,
    title: String,
    description: Option<String>,
    /// None for those that come with the server.
    file: Option<String>,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    bucket_seconds: f64,
    panels: Vec<DashboardPanel>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DashboardPanel {
    title: String,
    description: Option<String>,
    kind: PanelKind,
    unit: Option<String>,
    /// Of 12 columns.
    width: u8,
    /// As in the file, with `$from`, `$to`, `$bucket`, `$bucket_seconds` and `$range_seconds`.
    sql: String,
    /// With literals for the range in their place, for `POST /api/v1/sql`.
    statement: String,
}

/// The dashboards there are
///
/// Those that come with the server, and the files of `dashboards.path`, read on request.
#[utoipa::path(
    get,
    path = "/api/v1/dashboards",
    operation_id = "dashboards",
    responses((status = 200, description = "By name", body = Dashboards))
)]
pub(super) async fn dashboards(State(state): State<ApiState>) -> Json<Dashboards> {
    let (dashboards, problems) = read_all(state.dashboards.as_deref()).await;
    let summary = |dashboard: Dashboard| DashboardSummary {
        name: dashboard.name,
        title: dashboard.title,
        description: dashboard.description,
        panels: dashboard.panels.len() as u64,
        file: dashboard.file,
    };
    Json(Dashboards { dashboards: dashboards.into_iter().map(summary).collect(), problems })
}

/// One dashboard, with its statements for a range
#[utoipa::path(
    get,
    path = "/api/v1/dashboards/{name}",
    operation_id = "dashboard",
    params(
        ("name" = String, Path, description = "The `name` of a dashboard"),
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
        ("bucket" = Option<String>, Query, description = "Length of a bucket, like `30s`; by default one of which the range has at most 120"),
    ),
    responses(
        (status = 200, description = "The dashboard", body = DashboardWithPanels),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 404, description = "There is no such dashboard", body = ErrorBody),
        (status = 422, description = "The file of that name is wrong; `details` says where", body = ErrorBody),
    )
)]
pub(super) async fn dashboard(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<DashboardWithPanels>, ApiError> {
    let window = window(query.as_deref(), state.engine.now_ns())?;
    let (dashboards, problems) = read_all(state.dashboards.as_deref()).await;
    if let Some(problem) = problems.iter().find(|problem| problem.name == name) {
        return Err(ApiError::wrong_dashboard(&problem.message, problem));
    }
    let names: Vec<String> = dashboards.iter().map(|dashboard| dashboard.name.clone()).collect();
    let dashboard = dashboards
        .into_iter()
        .find(|dashboard| dashboard.name == name)
        .ok_or_else(|| ApiError::unknown_dashboard(&name, &names))?;
    let panels = dashboard.panels.into_iter().map(|panel| DashboardPanel {
        statement: fill(&panel.sql, window),
        title: panel.title,
        description: panel.description,
        kind: panel.kind,
        unit: panel.unit,
        width: panel.width,
        sql: panel.sql,
    });
    Ok(Json(DashboardWithPanels {
        name: dashboard.name,
        title: dashboard.title,
        description: dashboard.description,
        file: dashboard.file,
        from: format_time(window.from_ns),
        to: format_time(window.to_ns),
        bucket_seconds: window.bucket_ns as f64 / 1e9,
        panels: panels.collect(),
    }))
}

fn window(query: Option<&str>, now_ns: i64) -> Result<Window, ApiError> {
    let mut parameters = Parameters::new(query);
    let TimeRange { from_ns, to_ns } = TimeRange::read(&mut parameters, now_ns)?;
    let bucket = parameters.duration("bucket")?;
    parameters.finish()?;
    let range = to_ns.saturating_sub(from_ns);
    match bucket {
        Some(bucket_ns) if bucket_ns < 1_000_000 || range / bucket_ns > MAX_BUCKETS => {
            let message = format!("bucket: give one of at least 1ms, of which the range has at most {MAX_BUCKETS}");
            Err(ApiError::parameter("bucket", message))
        }
        Some(bucket_ns) => Ok(Window { from_ns, to_ns, bucket_ns }),
        None => Ok(Window { from_ns, to_ns, bucket_ns: Window::usual_bucket(from_ns, to_ns) }),
    }
}
