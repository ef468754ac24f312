//! `GET /differences`.

mod comparison;
mod sample;
mod selection;

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde::{Deserialize, Serialize};

use self::{
    comparison::{Compared, Comparison, Side},
    sample::SPANS_PER_SIDE,
    selection::Selection,
};
use super::{
    error::{ApiError, ErrorBody},
    rows::rows,
};
use crate::engine::Engine;

/// How the attributes of a selection of spans differ from those of the rest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Differences {
    selection: SideSize,
    rest: SideSize,
    /// The most different first; those that may be alike are not there.
    attributes: Vec<DifferentAttribute>,
    /// Attributes with nearly as many values as spans: ids, times, texts.
    left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SideSize {
    /// Spans that there are.
    spans: u64,
    /// The newest of them, whose attributes were compared.
    compared: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DifferentAttribute {
    name: String,
    /// `span`, `resource`, or `gateway`: of the access record of the trace at the edge.
    origin: &'static str,
    /// The greatest difference of shares of one value that is certain with 95 %: 0 to 1.
    score: f64,
    /// The most different first, at most ten.
    values: Vec<DifferentValue>,
    /// How many values it has, "absent" included.
    distinct: u64,
    /// A statement that counts all spans of both sides by the values of this attribute.
    sql: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DifferentValue {
    /// None for spans without the attribute. Cut after 256 bytes.
    value: Option<String>,
    selection: Share,
    rest: Share,
    /// Share in the selection less that in the rest, and the range it lies in with 95 %.
    difference: f64,
    difference_low: f64,
    difference_high: f64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Share {
    spans: u64,
    /// Of the spans of that side that were compared.
    share: f64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LeftOut {
    name: String,
    origin: &'static str,
    /// Different values seen.
    distinct: u64,
}

#[derive(Debug, Deserialize)]
struct SizeRow {
    selected: u64,
    others: u64,
}

/// What differs between a selection of spans and the rest
///
/// Of the spans of a service (and operation) in `[from, to)`, those that meet the conditions of the selection are
/// compared with all others. Attributes are ranked by the difference of shares of their values, counted with what is
/// certain of it: the bound of Newcombe's 95 % interval that is nearer to 0. At most the newest 5000 spans of each side are compared.
#[utoipa::path(
    get,
    path = "/api/v1/differences",
    operation_id = "differences",
    params(
        ("service" = String, Query, description = "Name of the spans' service"),
        ("operation" = Option<String>, Query, description = "Name or operation of the spans; without it, the service's `SERVER` and `CONSUMER` spans"),
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h` (the default)"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now` (the default); exclusive"),
        ("selection_from" = Option<String>, Query, description = "Selected are spans that start at this time or later"),
        ("selection_to" = Option<String>, Query, description = "Selected are spans that start before this time"),
        ("min_duration" = Option<String>, Query, description = "Selected are spans that take at least so long, like `250ms`"),
        ("max_duration" = Option<String>, Query, description = "Selected are spans that take at most so long"),
        ("error" = Option<bool>, Query, description = "`true`: selected are spans that failed; `false`: that did not"),
        ("attribute" = Option<Vec<String>>, Query, description = "`key=value`: selected are spans with this attribute; may be repeated"),
        ("limit" = Option<u16>, Query, description = "At most so many attributes: 20 by default, at most 100"),
    ),
    responses(
        (status = 200, description = "The most different attributes first", body = Differences),
        (status = 400, description = "A parameter is wrong, or nothing is selected by any", body = ErrorBody),
    )
)]
pub(super) async fn differences(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Differences>, ApiError> {
    let selection = Selection::read(query.as_deref(), engine.now_ns())?;
    let sizes: Vec<SizeRow> = rows(&engine, &selection.sizes()).await?;
    let (selected, others) = sizes.first().map_or((0, 0), |sizes| (sizes.selected, sizes.others));
    let mut comparison = Comparison::default();
    if selected > 0 && others > 0 {
        for side in [Side::Selection, Side::Rest] {
            sample::add_spans(&engine, &selection, side, &mut comparison).await?;
            sample::add_gateway_records(&engine, &selection, side, &mut comparison).await?;
        }
    }
    let (mut different, left_out) = comparison.finish();
    different.truncate(selection.limit);
    let attributes = different.into_iter().map(|compared| attribute(compared, &selection)).collect();
    let left_out = left_out
        .into_iter()
        .map(|(key, distinct)| LeftOut { origin: key.origin.as_str(), name: key.name, distinct })
        .collect();
    let side = |spans: u64| SideSize { spans, compared: spans.min(SPANS_PER_SIDE as u64) };
    Ok(Json(Differences { selection: side(selected), rest: side(others), attributes, left_out }))
}

fn attribute(compared: Compared, selection: &Selection) -> DifferentAttribute {
    let values = compared.values.into_iter().map(|value| DifferentValue {
        value: value.value,
        selection: Share { spans: value.selection, share: value.shares.0 },
        rest: Share { spans: value.rest, share: value.shares.1 },
        difference: value.shares.0 - value.shares.1,
        difference_low: value.interval.0,
        difference_high: value.interval.1,
    });
    DifferentAttribute {
        origin: compared.key.origin.as_str(),
        score: compared.score,
        values: values.collect(),
        distinct: compared.distinct,
        sql: selection.sql_of(&compared.key),
        name: compared.key.name,
    }
}
