use thiserror::Error;

/// Why records cannot be enriched as configured.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{what} `{name}`: {problem}")]
pub struct EnrichError {
    /// What is wrong: a redaction rule, a correlation pattern.
    pub what: &'static str,
    pub name: String,
    pub problem: String,
}

impl EnrichError {
    pub(super) fn new(what: &'static str, name: &str, problem: &dyn ToString) -> Self {
        Self { what, name: name.to_owned(), problem: problem.to_string() }
    }
}
