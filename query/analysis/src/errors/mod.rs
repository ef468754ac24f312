//! Where failures come from and how far they go.

mod build;
mod slow;
#[cfg(test)]
mod tests;

use spandrel_proto::model::Outcome;

use crate::{context::NodeId, text::Text};

/// Where a failure began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Who failed first.
    pub node: NodeId,
    /// What was asked of it.
    pub operation: Text,
    /// The span that failed first; `None` if it sent none.
    pub span: Option<u32>,
    pub outcome: Outcome,
    /// `error.type` of what failed first. Of something slow, that of the caller that did not wait.
    pub cause: Text,
    /// It did not fail but took longer than its caller waited.
    pub is_slow: bool,
    /// Remote hops from the origin up to the highest span that failed with it.
    pub hops: u32,
}

/// The failures of a trace.
#[derive(Debug, Clone, Default)]
pub struct Errors {
    /// Per span: where its failure began, if it serves (or is a root) and failed.
    pub origins: Vec<Option<Origin>>,
    /// Hops of [`crate::hops::Hops`] that failed for good and whose caller answered all the same, ascending.
    pub absorbed: Vec<u32>,
    /// Timeouts for which the slow span was not looked for, because they nest too deeply; the callee stands for it.
    pub not_searched: u32,
}
