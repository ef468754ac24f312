//! The analysis over stored spans: rollups of a range, graphs, critical paths, findings.

mod critical_path;
mod findings;
mod graph;
mod lookup;
mod replay;
mod rollups;
mod slices;

pub(crate) use critical_path::{CriticalPathOf, CriticalPathsOf};
pub(crate) use findings::FindingsOf;
pub(crate) use graph::{GraphDiffOf, GraphOf};
pub(crate) use lookup::TraceLookup;
pub(crate) use replay::ReplayRows;
pub(crate) use rollups::{RollupRows, RollupSum};
pub(crate) use slices::estimated_rows;
