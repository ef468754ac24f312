//! What the instrumentation of the shop's services sends: records of the simulation as OTLP, batched per process.

mod attributes;
mod batch;
mod breakers;
mod calls;
mod errors;
mod exponential;
mod logs;
mod meter;
mod metrics;
mod resource;
mod scope;
mod serve;
mod spans;

pub(crate) use batch::Batcher;
pub use batch::{Batch, Payload, Signal, group_spans};
pub use resource::resource;
pub use scope::Scope;
pub(crate) use spans::show_times;
pub use spans::{RenderedSpan, render_span};
