//! Lines of gateway, mesh and application logs to canonical records: text in, Arrow out. No I/O, no async runtime, no
//! clock of its own.
//!
//! A [`Format`](format::Format) reads one line into an [`Output`](record::Output); a [`Normalizer`](batch::Normalizer)
//! collects the outputs of many lines into batches of `requests`, `logs` and `rejects`. What is derived from records
//! whatever their origin (requests inside application logs, breaker events, services of addresses, redaction) works on
//! those batches, and so serves OTLP as well.

pub mod app;
pub mod batch;
pub mod detect;
pub mod enrich;
pub mod envelope;
pub mod format;
pub mod gateway;
pub mod ids;
pub mod json;
pub mod kubernetes;
pub mod multiline;
mod outcome;
pub mod record;
pub mod registry;
mod response_flags;
pub mod rows;
pub mod syslog;
pub mod time;
