//! What is counted per minute: operations, edges, critical paths and coverage. Everything adds up, in any order, and
//! everything can be taken away again.

mod calls;
mod minute;

pub use calls::{Calls, LONGEST, OUTCOMES, Sign, busy_minutes};
pub use minute::{
    CoverageStats, EdgeKey, EdgeStats, Examples, Minute, Minutes, OperationKey, OperationStats, PathKey, PathStats,
    View,
};
