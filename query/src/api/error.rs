//! Errors as HTTP: the one place that gives an error its status and code.

use std::{borrow::Cow, time::Duration};

use axum::{
    extract::rejection::JsonRejection,
    http::{HeaderValue, Method, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use spandrel_store::AppendError;

use crate::{error::QueryError, suggest::Suggestion, time::TimeError};

/// What is wrong with a request, or with answering it.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    details: Value,
    retry_after: Option<Duration>,
}

/// The body of every error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorObject,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ErrorObject {
    /// What kind of error it is, for programs.
    code: String,
    /// What is wrong, where, and what to do about it.
    message: String,
    /// More about it, depending on the code.
    details: Value,
    /// The id of the request, as in the header `x-request-id`.
    request_id: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), details: Value::Null, retry_after: None }
    }

    fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub(super) fn parameter(parameter: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", message).with_details(json!({ "parameter": parameter }))
    }

    pub(super) fn time(parameter: &str, error: &TimeError) -> Self {
        Self::parameter(parameter, format!("{parameter}: {error}"))
    }

    pub(super) fn unknown_trace(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_trace", format!("there is no trace {id}"))
    }

    pub(super) fn unknown_flow(message: String, searched: &Value) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_flow", message).with_details(json!({ "searched": searched }))
    }

    pub(super) fn unknown_finding(id: &str) -> Self {
        let message = format!(
            "there is no finding {id}: none with that id was stored as it happened. `GET /api/v1/findings` lists those \
             that were; ranges that are evaluated anew store none"
        );
        Self::new(StatusCode::NOT_FOUND, "unknown_finding", message)
    }

    pub(super) fn unknown_record(index: u32, records: u64) -> Self {
        let message = format!("there is no record {index}: the flow has {records}, counted from 0");
        Self::new(StatusCode::NOT_FOUND, "unknown_record", message).with_details(json!({ "records": records }))
    }

    pub(super) fn unknown_dashboard(name: &str, names: &[String]) -> Self {
        let suggestion = Suggestion::nearest(name, names.iter().map(String::as_str));
        let message = format!("there is no dashboard '{name}'{suggestion}; see /api/v1/dashboards");
        Self::new(StatusCode::NOT_FOUND, "unknown_dashboard", message)
    }

    pub(super) fn wrong_dashboard(message: &str, problem: impl Serialize) -> Self {
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_dashboard", message.to_owned());
        error.with_details(serde_json::to_value(problem).unwrap_or_default())
    }

    pub(super) fn too_many_tails(limit: usize) -> Self {
        let message = format!("{limit} readers follow the log records already; close one of them, or try again later");
        let retry_after = Some(Duration::from_secs(5));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_busy", message) }
    }

    pub(super) fn read_only() -> Self {
        let message = "this server reads a data directory that it does not write: ask the one that stores";
        Self::new(StatusCode::CONFLICT, "read_only", message)
    }

    pub(super) fn not_acceptable(wanted: &str) -> Self {
        let message = format!(
            "none of '{wanted}' can be answered; ask for application/json, application/x-ndjson, text/csv or \
             application/vnd.apache.arrow.stream"
        );
        Self::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message)
    }

    /// Where something was too large: that it is smaller without attributes.
    pub(super) fn or_without_attributes(mut self) -> Self {
        if matches!(self.code, "memory_limit" | "result_too_large") {
            self.message = format!("{}. Or ask without attributes: attributes=false", self.message).into();
        }
        self
    }

    /// An answer with the error's body.
    pub(super) fn respond(&self, request_id: &str) -> Response {
        let body = ErrorBody {
            error: ErrorObject {
                code: self.code.to_owned(),
                message: self.message.to_string(),
                details: self.details.clone(),
                request_id: request_id.to_owned(),
            },
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(retry_after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Leaves the body to [`super::request_id::identify`], which knows the id of the request.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let (status, code, details) = match &error {
            QueryError::Syntax { .. } => (StatusCode::BAD_REQUEST, "syntax_error", Value::Null),
            QueryError::UnknownTable { suggestion, tables, .. } => {
                let details = json!({ "suggestion": suggestion.name(), "tables": tables });
                (StatusCode::BAD_REQUEST, "unknown_table", details)
            }
            QueryError::UnknownColumn { suggestion, .. } => {
                (StatusCode::BAD_REQUEST, "unknown_column", json!({ "suggestion": suggestion.name() }))
            }
            QueryError::Plan { .. } => (StatusCode::BAD_REQUEST, "invalid_query", Value::Null),
            QueryError::NotReadOnly { .. } => (StatusCode::FORBIDDEN, "not_read_only", Value::Null),
            QueryError::ManyStatements { .. } => (StatusCode::BAD_REQUEST, "many_statements", Value::Null),
            QueryError::TooComplex { limit, .. } => (StatusCode::BAD_REQUEST, "too_complex", json!({ "limit": limit })),
            QueryError::Execution { .. } => (StatusCode::BAD_REQUEST, "execution_error", Value::Null),
            QueryError::TimedOut { limit } => {
                (StatusCode::GATEWAY_TIMEOUT, "timed_out", json!({ "limit_seconds": limit.as_secs_f64() }))
            }
            QueryError::MemoryExceeded { limit } => {
                (StatusCode::INSUFFICIENT_STORAGE, "memory_limit", json!({ "limit_bytes": limit }))
            }
            QueryError::ResultTooLarge { limit, unit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "result_too_large", json!({ "limit": limit, "unit": unit }))
            }
            QueryError::TooBusy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too_busy", Value::Null),
            QueryError::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal", Value::Null),
        };
        let retry_after = match &error {
            QueryError::TooBusy { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        Self { retry_after, ..Self::new(status, code, error.to_string()).with_details(details) }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        let retry_after = error.retry_after();
        let (status, code) = match retry_after {
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "cannot_store"),
            None => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self { retry_after, ..Self::new(status, code, format!("it cannot be stored: {error}")) }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let (status, code) = match rejection {
            JsonRejection::MissingJsonContentType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            JsonRejection::BytesRejection(_) => (status, "unreadable_body"),
            _ => (StatusCode::BAD_REQUEST, "invalid_json"),
        };
        Self::new(status, code, rejection.body_text())
    }
}

pub(super) async fn unknown_path(uri: Uri) -> ApiError {
    let message = format!("there is no {}; see /api/v1/openapi.json", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "unknown_path", message)
}

pub(super) async fn unknown_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; see /api/v1/openapi.json", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", message)
}
