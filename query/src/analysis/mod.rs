//! The analysis over stored spans: rollups of a range, graphs, critical paths, findings.

mod lookup;
mod replay;
mod rollups;
mod slices;

pub(crate) use lookup::TraceLookup;
pub(crate) use replay::{Range, Replay, ReplayRows};
pub(crate) use rollups::RollupRows;
pub(crate) use slices::estimated_rows;
