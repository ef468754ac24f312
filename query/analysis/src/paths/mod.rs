//! What the time of a request was spent on: the critical path, as an exact partition of its duration.

use crate::text::Text;

/// A stretch of time that an entry waited for one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Index of the span in the trace.
    pub span: u32,
    /// By the clock of the root's host.
    pub start: i64,
    pub end: i64,
}

/// How a caller waited for a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It did not wait: a message, or work that went on after the caller's answer.
    Async,
    /// It waited, while something else took longer.
    Sync,
    /// It waited, and most of that time is on the caller's critical path.
    Blocking,
}

/// The critical paths of a trace, one below each root.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// In order of time within each root, roots in order of start.
    pub segments: Vec<Segment>,
    /// Per span, nanoseconds of its root's duration that are its own.
    pub exclusive: Vec<i64>,
    /// Per span, nanoseconds in which none of its children ran, on the critical path or not.
    pub self_time: Vec<i64>,
    /// Per span, its start and end by the clock of its root's host.
    pub adjusted: Vec<(i64, i64)>,
    /// Per hop of [`crate::hops::Hops`].
    pub waiting: Vec<Waiting>,
}

/// How much time a service and operation own of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub service: crate::span::ServiceId,
    pub operation: Text,
    pub exclusive_ns: i64,
}
