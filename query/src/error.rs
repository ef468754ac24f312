//! Why a query did not give its result.

use std::time::Duration;

use crate::suggest::Suggestion;

/// Why a query failed. The message says what is wrong, where, and what to do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not SQL. The message has the line and column.
    #[error("syntax error: {message}")]
    Syntax { message: String },
    #[error("there is no table '{name}'{suggestion}; tables: {}", .tables.join(", "))]
    UnknownTable { name: String, suggestion: Suggestion, tables: Vec<String> },
    #[error("there is no column '{name}'{suggestion}")]
    UnknownColumn { name: String, suggestion: Suggestion },
    /// The statement is SQL but makes no sense: unknown functions, types that do not fit, wrong arguments.
    #[error("{message}")]
    Plan { message: String },
    /// The statement would write, or change the session.
    #[error("{statement} is refused: only queries are allowed (SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE)")]
    NotReadOnly { statement: String },
    #[error("one statement is allowed at a time, but there are {count}")]
    ManyStatements { count: usize },
    #[error("the statement has {found} {what}, more than the limit of {limit}; simplify it or use IN (...) lists")]
    TooComplex { what: &'static str, found: usize, limit: usize },
    /// The query met a value that it cannot compute with: a division by zero, a text that is not a number.
    #[error("{message}")]
    Execution { message: String },
    #[error("the query took longer than the time limit of {}; narrow its time range or add filters", .limit.as_secs_f64().to_string() + " s")]
    TimedOut { limit: Duration },
    #[error(
        "the query needs more than the memory limit of {limit} bytes; narrow its time range, group by fewer columns, or add a LIMIT"
    )]
    MemoryExceeded { limit: usize },
    #[error(
        "the result is larger than the limit of {limit} {unit}; add a LIMIT, or ask for a streamed format (NDJSON, CSV, Arrow)"
    )]
    ResultTooLarge { limit: u64, unit: &'static str },
    #[error("{running} queries are running and the queue is full; try again in {} s", .retry_after.as_secs())]
    TooBusy { running: usize, retry_after: Duration },
    /// A defect or a failing disk, not the query.
    #[error("the query failed inside the server: {message}")]
    Internal { message: String },
}

/// Why an [`Engine`](crate::Engine) could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("cannot start the threads that queries run on")]
    Threads(#[source] std::io::Error),
    #[error("cannot set up the query engine")]
    Setup(#[source] Box<datafusion::error::DataFusionError>),
}
