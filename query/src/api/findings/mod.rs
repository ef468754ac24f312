//! `GET /findings`, and one finding with its history and its acknowledgement.

pub(super) mod acknowledgement;
pub(super) mod history;

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::acknowledgement::{Acknowledgement, AcknowledgementRow};
use super::{
    error::{ApiError, ErrorBody},
    parameters::{Parameters, quote},
    rows::rows,
};
use crate::{engine::Engine, time::format_time};

/// More findings than anyone reads.
const MAX_ROWS: usize = 10_000;
const COLUMNS: &str = "id, kind, subkind, severity, score, method, subject, service_name, operation, target, \
                       deployment_environment_name, CAST(opened AS BIGINT) AS opened_ns, \
                       CAST(closed AS BIGINT) AS closed_ns, evidence, examples, sql, remedy, acknowledgement";

/// Something that is wrong with the shape of the system.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Finding {
    /// The same for the same kind, subject and environment at all times.
    id: String,
    /// `SYNC_CHAIN`, `N_PLUS_ONE`, `BREAKER`, ...
    kind: String,
    subkind: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: String,
    /// 0 to 100.
    score: i32,
    /// How it is known: `explicit`, `measured` or `inferred`.
    method: String,
    /// What it is about, as text.
    subject: String,
    service: String,
    operation: Option<String>,
    target: Option<String>,
    environment: Option<String>,
    #[schema(format = DateTime)]
    opened: String,
    /// None while it is open.
    #[schema(format = DateTime)]
    closed: Option<String>,
    /// The main measure with threshold, interval and sample size, and what else shows that it is right.
    evidence: Value,
    /// Trace ids.
    examples: Vec<String>,
    /// A statement that shows the rows behind it.
    sql: String,
    remedy: String,
    /// None where nobody acknowledged it, or that is over.
    acknowledgement: Option<Acknowledgement>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    kind: String,
    subkind: Option<String>,
    severity: String,
    score: i32,
    method: String,
    subject: String,
    service_name: String,
    operation: Option<String>,
    target: Option<String>,
    deployment_environment_name: Option<String>,
    opened_ns: i64,
    closed_ns: Option<i64>,
    evidence: String,
    examples: Option<Vec<String>>,
    sql: String,
    remedy: String,
    acknowledgement: Option<AcknowledgementRow>,
}

/// What is wrong
///
/// Without a range: what was found as spans came in, and is open (or closed within `recent`). With `from` and `to`: the
/// range is evaluated anew from the stored spans, which takes a second for some hundred thousand of them.
#[utoipa::path(
    get,
    path = "/api/v1/findings",
    operation_id = "findings",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, or relative like `now-1h`; with `to`"),
        ("to" = Option<String>, Query, description = "RFC 3339, or relative like `now`; exclusive; with `from`"),
        ("recent" = Option<String>, Query, description = "Findings that closed so lately are told too, as in `1h` (the default)"),
        ("kind" = Option<String>, Query, description = "Only findings of this kind"),
        ("service" = Option<String>, Query, description = "Only findings about this service"),
        ("acknowledged" = Option<bool>, Query, description = "Only findings that are acknowledged, or only those that are not"),
    ),
    responses(
        (status = 200, description = "Open ones first, then by score", body = Vec<Finding>),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    )
)]
pub(super) async fn findings(
    State(engine): State<Arc<Engine>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Finding>>, ApiError> {
    let mut parameters = Parameters::new(query.as_deref());
    let now_ns = engine.now_ns();
    let (from, to) = (parameters.text("from"), parameters.text("to"));
    let recent = parameters.duration("recent")?.unwrap_or(3_600_000_000_000);
    let (kind, service) = (parameters.text("kind"), parameters.text("service"));
    let acknowledged: Option<bool> = parameters.parsed("acknowledged", "true or false")?;
    parameters.finish()?;
    let mut conditions = Vec::new();
    let source = match (from, to) {
        (Some(from), Some(to)) => format!("findings({}, {})", quote(&from), quote(&to)),
        (None, None) => {
            let since = now_ns.saturating_sub(recent);
            conditions.push(format!("(closed IS NULL OR closed >= to_timestamp_nanos({since}))"));
            "findings".to_owned()
        }
        _ => return Err(ApiError::parameter("to", "a range has both `from` and `to`")),
    };
    conditions.extend(kind.map(|kind| format!("kind = {}", quote(&kind.to_uppercase()))));
    conditions.extend(service.map(|service| format!("(service_name = {0} OR target = {0})", quote(&service))));
    conditions.extend(acknowledged.map(|is| format!("acknowledgement IS {}NULL", if is { "NOT " } else { "" })));
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = format!(
        "SELECT {COLUMNS} FROM ({}){condition} \
         ORDER BY closed IS NOT NULL, score DESC, opened, subject LIMIT {MAX_ROWS}",
        acknowledgement::with_acknowledgements(&source, now_ns)
    );
    let found = rows::<Row>(&engine, &sql).await?;
    Ok(Json(found.into_iter().map(Finding::from).collect()))
}

impl From<Row> for Finding {
    fn from(row: Row) -> Self {
        Finding {
            id: row.id,
            kind: row.kind,
            subkind: row.subkind,
            severity: row.severity,
            score: row.score,
            method: row.method,
            subject: row.subject,
            service: row.service_name,
            operation: row.operation,
            target: row.target,
            environment: row.deployment_environment_name,
            opened: format_time(row.opened_ns),
            closed: row.closed_ns.map(format_time),
            evidence: serde_json::from_str(&row.evidence).unwrap_or(Value::String(row.evidence)),
            examples: row.examples.unwrap_or_default(),
            sql: row.sql,
            remedy: row.remedy,
            acknowledgement: row.acknowledgement.map(Acknowledgement::from),
        }
    }
}
