//! `GET /traces`.

mod find;
mod search;
mod structure;
mod summary;

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use futures::TryStreamExt;

use self::{
    find::{Found, find},
    search::{Cursor, OPERATION, Order, Search},
    summary::{COLUMNS, Summaries, TraceSummary},
};
use super::{
    error::{ApiError, ErrorBody},
    parameters::quote,
    rows::internal,
};
use crate::{engine::Engine, error::QueryError};

pub(super) use search::{attribute_condition, failed, operation_condition};

/// Traces that match
///
/// All conditions must hold of one span of a trace. With `calls` that span, or one below it in the same service, must
/// also call what `calls` names. With `order=recent` the traces with the latest such spans come first, with
/// `order=slowest` those with the longest, with `order=errors` those with one that failed, the latest first. Ties are
/// broken by trace id.
#[utoipa::path(
    get,
    path = "/api/v1/traces",
    operation_id = "traces",
    params(
        ("service" = Option<String>, Query, description = "Name of the span's service"),
        ("operation" = Option<String>, Query, description = "Name of the span or its operation"),
        ("calls" = Option<String>, Query, description = "Name of what the span calls, as in the graph: a service that has a child of it or a consumer linked to it, or a database, topic or other peer that a client span names"),
        ("calls_operation" = Option<String>, Query, description = "Name or operation of the span that is called; with `calls`"),
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
        ("min_duration" = Option<String>, Query, description = "Of the span, like `250ms`"),
        ("max_duration" = Option<String>, Query, description = "Of the span, like `2s`"),
        ("error" = Option<bool>, Query, description = "`true`: only spans that failed"),
        ("attribute" = Option<Vec<String>>, Query, description = "`key=value`, an attribute of the span or its resource; may be repeated"),
        ("limit" = Option<u16>, Query, description = "At most so many traces: 20 by default, at most 200"),
        ("order" = inline(Option<Order>), Query, description = "`recent` by default"),
        ("after" = Option<String>, Query, description = "The `cursor` of the last trace of a page: goes on behind it, in the same order and with the same conditions"),
    ),
    responses(
        (status = 200, description = "In the order that was asked for", body = Vec<TraceSummary>),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn traces(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<TraceSummary>>, ApiError> {
    let search = Search::read(query.as_deref(), engine.now_ns())?;
    let found = find(&engine, &search).await?;
    if found.is_empty() {
        return Ok(Json(Vec::new()));
    }
    Ok(Json(hydrate(&engine, found, search.order).await?))
}

/// The traces that were found, with what all their spans say.
async fn hydrate(engine: &Engine, found: Vec<Found>, order: Order) -> Result<Vec<TraceSummary>, QueryError> {
    let columns = COLUMNS.map(|column| match column {
        "operation" => format!("{OPERATION} AS operation"),
        column => column.to_owned(),
    });
    let condition = is_one_of(found.iter().map(|found| found.trace_id.as_str()));
    let sql = format!("SELECT {} FROM spans WHERE {condition}", columns.join(", "));
    let mut stream = engine.sql(&sql).await?;
    let mut summaries = Summaries::default();
    while let Some(batch) = stream.try_next().await? {
        summaries.add(&batch).map_err(internal)?;
    }
    let summary = |found: Found| {
        let cursor = Cursor::of(&found, order).to_string();
        let trace_id = found.trace_id.clone();
        summaries.take(&trace_id, found.into(), cursor)
    };
    Ok(found.into_iter().filter_map(summary).collect())
}

/// As a condition on the column `trace_id`.
fn is_one_of<'a>(trace_ids: impl Iterator<Item = &'a str>) -> String {
    format!("trace_id IN ({})", trace_ids.map(quote).collect::<Vec<_>>().join(", "))
}
