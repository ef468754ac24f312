//! From rows in memory to files: sort, split by hour, encode, write, commit, and only then swap what is visible.
//!
//! A crash between any two steps loses and duplicates nothing. Before the commit, the rows are in the write-ahead log
//! and the files are in no table; they are removed when the store is opened. The commit adds the files and moves the
//! position in one entry (D-2). After it, the rows are in the files, and whatever the log still has of them is behind
//! the position.

mod encode;
mod order;
mod properties;
mod sealer;
mod statistics;
mod worker;

#[cfg(test)]
pub(crate) use sealer::SealStep;
pub(crate) use sealer::{Hooks, SealContext, seal_next};
pub(crate) use worker::{GoneOnDrop, SealPolicy, Worker, WorkerStatus};
