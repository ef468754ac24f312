//! What is counted per minute: operations, edges, critical paths and coverage. Everything adds up, in any order, and
//! everything can be taken away again.

mod calls;
mod columns;
mod examples;
mod minute;
mod observe;
mod read;
mod requests;
mod rows;
#[cfg(test)]
mod tests;

pub use calls::{Calls, LONGEST, OUTCOMES, Sign, busy_minutes};
pub(crate) use columns::Columns;
pub use columns::ReadError;
pub use examples::Examples;
pub(crate) use examples::hash;
pub use minute::{
    CoverageStats, EdgeKey, EdgeStats, Minute, Minutes, OperationKey, OperationStats, PathKey, PathStats, View,
};
pub use observe::{observe, observe_within};
pub(crate) use read::{EdgeRows, KeyedRows, OperationRows, rows_within};
pub use read::{read, read_minute};
pub use requests::observe_requests;
pub(crate) use rows::nanoseconds;
pub use rows::{edge_kind, hourly_rows, rows};
