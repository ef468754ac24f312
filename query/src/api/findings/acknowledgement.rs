//! `PUT` and `DELETE /findings/{id}/acknowledgement`: somebody knows of a finding, and why nothing is done for the time
//! being.
//!
//! An acknowledgement is of the occurrence of a finding that was the last when it was made. With `until` it is also of
//! those that follow, and ends at that time. The last one of a finding counts.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use spandrel_proto::model::Table;

use crate::{
    api::{
        error::{ApiError, ErrorBody},
        parameters::quote,
        rows::{internal, rows},
    },
    engine::Engine,
    time::{format_time, parse_time},
};

const MAX_REASON_BYTES: usize = 2000;
const MAX_NAME_BYTES: usize = 200;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AcknowledgementRequest {
    /// Why nothing is done about it for the time being. At most 2000 bytes.
    reason: String,
    /// Who says so. At most 200 bytes.
    by: Option<String>,
    /// RFC 3339, or relative like `now+7d`. Until then it is also of later occurrences. Without it, it is of this one.
    until: Option<String>,
}

/// Somebody knows of a finding.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Acknowledgement {
    reason: String,
    by: Option<String>,
    #[schema(format = DateTime)]
    time: String,
    #[schema(format = DateTime)]
    until: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AcknowledgementRow {
    reason: Option<String>,
    by: Option<String>,
    time: i64,
    until: Option<i64>,
}

impl From<AcknowledgementRow> for Acknowledgement {
    fn from(row: AcknowledgementRow) -> Self {
        Acknowledgement {
            reason: row.reason.unwrap_or_default(),
            by: row.by,
            time: format_time(row.time),
            until: row.until.map(format_time),
        }
    }
}

/// The rows of `findings` with a column `acknowledgement`.
pub(super) fn with_acknowledgements(findings: &str, now_ns: i64) -> String {
    // That of an occurrence was made between its beginning and that of the next. Ranges that are evaluated anew may give
    // an occurrence another beginning; it overlaps the time from the one that was acknowledged to the acknowledgement.
    let is_of = format!(
        "id = finding_id AND (closed IS NULL OR of_opened <= closed) AND \
         CASE WHEN of_until IS NULL THEN made >= opened ELSE of_until > to_timestamp_nanos({now_ns}) END"
    );
    format!(
        "SELECT * FROM {findings} LEFT JOIN (SELECT finding_id, opened AS of_opened, time AS made, until AS of_until, \
         named_struct('reason', reason, 'by', acknowledged_by, 'time', CAST(time AS BIGINT), \
                      'until', CAST(until AS BIGINT)) AS acknowledgement \
         FROM acknowledgements WHERE state = 'acknowledged') ON {is_of}"
    )
}

/// Acknowledge a finding
///
/// Answers when it is durable. One that there is already is replaced.
#[utoipa::path(
    put,
    path = "/api/v1/findings/{id}/acknowledgement",
    operation_id = "acknowledge",
    params(("id" = String, Path, description = "The `id` of a finding")),
    request_body = AcknowledgementRequest,
    responses(
        (status = 200, description = "As it was stored", body = Acknowledgement),
        (status = 400, description = "The acknowledgement is wrong", body = ErrorBody),
        (status = 404, description = "There is no such finding", body = ErrorBody),
        (status = 409, description = "This server does not store anything", body = ErrorBody),
        (status = 503, description = "It cannot be stored at present; see Retry-After", body = ErrorBody),
    )
)]
pub(in crate::api) async fn acknowledge(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
    request: Result<Json<AcknowledgementRequest>, JsonRejection>,
) -> Result<Json<Acknowledgement>, ApiError> {
    let Json(request) = request?;
    let now_ns = engine.now_ns();
    let reason = checked("reason", request.reason, MAX_REASON_BYTES)?
        .ok_or_else(|| ApiError::parameter("reason", "reason: say why nothing is done about it for the time being"))?;
    let by = request.by.map(|by| checked("by", by, MAX_NAME_BYTES)).transpose()?.flatten();
    let until = request.until.map(|until| parse_time(&until, now_ns)).transpose();
    let until = until.map_err(|error| ApiError::time("until", &error))?;
    if until.is_some_and(|until| until <= now_ns) {
        return Err(ApiError::parameter("until", "until: that is over; give a time to come, such as now+7d"));
    }
    let state = Stored { reason: Some(reason.clone()), by: by.clone(), until };
    let time = store(&engine, &id, "acknowledged", state).await?;
    Ok(Json(AcknowledgementRow { reason: Some(reason), by, time, until }.into()))
}

/// Take back the acknowledgement of a finding
///
/// Answers when that is durable. Nothing changes if there is none.
#[utoipa::path(
    delete,
    path = "/api/v1/findings/{id}/acknowledgement",
    operation_id = "withdrawAcknowledgement",
    params(("id" = String, Path, description = "The `id` of a finding")),
    responses(
        (status = 204, description = "The finding is not acknowledged"),
        (status = 404, description = "There is no such finding", body = ErrorBody),
        (status = 409, description = "This server does not store anything", body = ErrorBody),
        (status = 503, description = "It cannot be stored at present; see Retry-After", body = ErrorBody),
    )
)]
pub(in crate::api) async fn withdraw(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    store(&engine, &id, "withdrawn", Stored::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked(name: &str, text: String, max_bytes: usize) -> Result<Option<String>, ApiError> {
    if text.len() > max_bytes {
        return Err(ApiError::parameter(
            name,
            format!("{name}: {} bytes, at most {max_bytes} are allowed", text.len()),
        ));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

#[derive(Debug, Default)]
struct Stored {
    reason: Option<String>,
    by: Option<String>,
    until: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct TimeRow {
    time: i64,
}

/// Stores what became of the acknowledgement of a finding's last occurrence, and says when that was.
async fn store(engine: &Engine, id: &str, state: &str, stored: Stored) -> Result<i64, ApiError> {
    let store = engine.store().ok_or_else(ApiError::read_only)?;
    let id = id.to_ascii_lowercase();
    let quoted = quote(&id);
    let opened =
        format!("SELECT CAST(max(opened) AS BIGINT) AS time FROM findings WHERE id = {quoted} HAVING count(*) > 0");
    let opened: Vec<TimeRow> = rows(engine, &opened).await?;
    let opened = opened.first().ok_or_else(|| ApiError::unknown_finding(&id))?.time;
    // Later than the one before, even if the clock was set back: the last one counts.
    let last = format!("SELECT CAST(time AS BIGINT) AS time FROM acknowledgements WHERE finding_id = {quoted}");
    let last: Vec<TimeRow> = rows(engine, &last).await?;
    let time = last.iter().map(|last| last.time + 1).fold(engine.now_ns(), i64::max);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![time])),
        Arc::new(StringArray::from(vec![id])),
        Arc::new(Int64Array::from(vec![opened])),
        Arc::new(StringArray::from(vec![state])),
        Arc::new(StringArray::from(vec![stored.reason])),
        Arc::new(StringArray::from(vec![stored.by])),
        Arc::new(Int64Array::from(vec![stored.until])),
    ];
    let row = RecordBatch::try_new(Table::Acknowledgements.schema(), columns).map_err(internal)?;
    store.append(Table::Acknowledgements, row).await?;
    Ok(time)
}
