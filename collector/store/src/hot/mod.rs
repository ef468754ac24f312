//! What is visible: rows in memory and the list of files, for all tables under one lock (V-1).

mod buffer;
mod tables;

pub(crate) use buffer::{HotBatch, HotBuffer, SealUnit};
pub(crate) use tables::{FileChange, NewRows, TableView, Tables};
