//! From DataFusion's errors to ours.

use arrow::error::ArrowError;
use datafusion::{
    common::{Column, SchemaError},
    error::DataFusionError,
};

use crate::{error::QueryError, suggest::Suggestion};

/// What went wrong before the query ran.
pub(crate) fn planning_error(error: &DataFusionError, memory_limit: usize) -> QueryError {
    classify(error, memory_limit, |message| QueryError::Plan { message })
}

/// What went wrong while the query ran.
pub(crate) fn execution_error(error: &DataFusionError, memory_limit: usize) -> QueryError {
    classify(error, memory_limit, |message| QueryError::Execution { message })
}

/// `error` as the caller's fault where it is one, built by `callers_fault`.
fn classify(
    error: &DataFusionError,
    memory_limit: usize,
    callers_fault: impl FnOnce(String) -> QueryError,
) -> QueryError {
    let place = error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| span.start);
    let root = error.find_root();
    match root {
        DataFusionError::SQL(parser, _) => QueryError::Syntax { message: syntax_message(&parser.to_string()) },
        DataFusionError::SchemaError(schema, _) => schema_error(schema, callers_fault),
        DataFusionError::ResourcesExhausted(_) => QueryError::MemoryExceeded { limit: memory_limit },
        DataFusionError::ArrowError(arrow, _) if !is_internal(arrow) => callers_fault(arrow.to_string()),
        DataFusionError::Plan(message)
        | DataFusionError::NotImplemented(message)
        | DataFusionError::Configuration(message)
        | DataFusionError::Execution(message) => callers_fault(match place {
            Some(place) => format!("{message} (line {}, column {})", place.line, place.column),
            None => message.clone(),
        }),
        other => {
            tracing::error!(error = %error, "query failed");
            QueryError::Internal { message: first_line(&other.to_string()).to_owned() }
        }
    }
}

fn schema_error(error: &SchemaError, callers_fault: impl FnOnce(String) -> QueryError) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => QueryError::UnknownColumn {
            name: field.flat_name(),
            suggestion: Suggestion::nearest(field.name(), valid_fields.iter().map(Column::name)),
        },
        other => callers_fault(other.to_string()),
    }
}

/// Arrow errors that no value in a query can cause.
fn is_internal(error: &ArrowError) -> bool {
    matches!(error, ArrowError::IoError(..) | ArrowError::IpcError(_) | ArrowError::ParquetError(_))
}

fn syntax_message(message: &str) -> String {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    if message.starts_with("recursion limit exceeded") {
        return "the statement nests too deeply; flatten its parentheses and subqueries".to_owned();
    }
    message.to_owned()
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
