//! The contract between Spandrel's parts: readers over wire formats ([`wire`]) and the canonical
//! Arrow model they fill ([`model`]). No I/O, no async runtime, no clock of its own.

pub mod columns;
pub mod model;
pub mod wire;
