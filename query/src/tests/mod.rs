//! Tests over a real store in a temporary directory.

mod analysis;
mod flow;
pub(crate) mod limits;
mod pruning;
mod red;
mod sql;
pub(crate) mod support;
mod tables;
mod trace;
