//! The discrete-event simulation: one seed in, a stream of records of what happened out.
//!
//! Virtual time is an integer of nanoseconds since the Unix epoch. Events are handled in the order of (time, order of
//! scheduling), every flow has random numbers of its own, and nothing else is an input: the same configuration gives
//! the same records on every machine.

mod arrivals;
mod call;
mod capacity;
mod core;
mod flow;
mod frame;
mod guard;
mod messages;
mod network;
mod pause;
mod query;
mod record;
mod schedule;
mod waiting;

pub use self::core::{Engine, EngineConfig};
pub use arrivals::{Arrivals, Spell};
pub use record::{
    Activity, BreakerChange, BreakerEvent, Called, Client, EdgeKind, EntryEnded, Handled, Line, LogRecord, Node,
    Origin, Records, Severity, SpanRecord, SpanRef, Visit, Wasted, Work,
};
