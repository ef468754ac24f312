//! The OTLP reader against the rules: prost structs and ordinary builders say what each request is to become, and bytes
//! that are not a request are an error, whatever they are.

mod agreement;
mod build;
mod check;
mod conventions;
mod faults;
mod generate;
mod generate_metrics;
mod hostile;
mod json;
mod limits;
#[path = "../oracle/mod.rs"]
mod oracle;
mod order;
mod samples;
mod truncation;
mod wire_format;
