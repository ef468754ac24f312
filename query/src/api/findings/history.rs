//! `GET /findings/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::{COLUMNS, Finding, Row, acknowledgement};
use crate::{
    api::{
        error::{ApiError, ErrorBody},
        parameters::quote,
        rows::rows,
    },
    engine::Engine,
    time::format_time,
};

/// The last states of a finding that are told.
const MAX_STATES: usize = 1000;

/// A finding and what became of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct FindingWithHistory {
    #[serde(flatten)]
    finding: Finding,
    /// The latest first.
    occurrences: Vec<Occurrence>,
    /// There are more states than are told.
    is_cut: bool,
}

/// From when a finding opened until it closed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Occurrence {
    #[schema(format = DateTime)]
    opened: String,
    #[schema(format = DateTime)]
    closed: Option<String>,
    /// In order of time.
    states: Vec<FindingState>,
}

/// What was told of a finding at one time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FindingState {
    #[schema(format = DateTime)]
    time: String,
    /// `opened`, `updated` or `closed`.
    state: String,
    severity: String,
    score: i32,
}

#[derive(Debug, Deserialize)]
struct StateRow {
    time_ns: i64,
    state: String,
    severity: String,
    score: i32,
    opened_ns: i64,
    closed_ns: Option<i64>,
}

/// One finding with its history
#[utoipa::path(
    get,
    path = "/api/v1/findings/{id}",
    operation_id = "finding",
    params(("id" = String, Path, description = "The `id` of a finding that was found as spans came in")),
    responses(
        (status = 200, description = "The finding as it was told last, and all its occurrences", body = FindingWithHistory),
        (status = 404, description = "There is no such finding", body = ErrorBody),
    )
)]
pub(in crate::api) async fn finding(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
) -> Result<Json<FindingWithHistory>, ApiError> {
    let id = id.to_ascii_lowercase();
    let quoted = quote(&id);
    let sql = format!(
        "SELECT {COLUMNS} FROM ({}) WHERE id = {quoted} ORDER BY opened DESC LIMIT 1",
        acknowledgement::with_acknowledgements("findings", engine.now_ns())
    );
    let found: Vec<Row> = rows(&engine, &sql).await?;
    let last = found.into_iter().next().ok_or_else(|| ApiError::unknown_finding(&id))?;
    let sql = format!(
        "SELECT CAST(time AS BIGINT) AS time_ns, state, severity, score, CAST(opened AS BIGINT) AS opened_ns, \
         CAST(closed AS BIGINT) AS closed_ns FROM finding_history({quoted}) \
         ORDER BY opened DESC, time DESC LIMIT {}",
        MAX_STATES + 1
    );
    let mut states: Vec<StateRow> = rows(&engine, &sql).await?;
    let is_cut = states.len() > MAX_STATES;
    states.truncate(MAX_STATES);
    Ok(Json(FindingWithHistory { finding: last.into(), occurrences: occurrences(states), is_cut }))
}

/// From states of which the latest come first.
fn occurrences(states: Vec<StateRow>) -> Vec<Occurrence> {
    let mut occurrences: Vec<Occurrence> = Vec::new();
    for row in states {
        let opened = format_time(row.opened_ns);
        if occurrences.last().is_none_or(|last| last.opened != opened) {
            occurrences.push(Occurrence { opened, closed: row.closed_ns.map(format_time), states: Vec::new() });
        }
        if let Some(occurrence) = occurrences.last_mut() {
            let StateRow { time_ns, state, severity, score, .. } = row;
            occurrence.states.push(FindingState { time: format_time(time_ns), state, severity, score });
        }
    }
    occurrences.iter_mut().for_each(|occurrence| occurrence.states.reverse());
    occurrences
}
