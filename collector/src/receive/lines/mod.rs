//! Sources of lines: followed files, standard input, syslog and HTTP. Lines go through their format into batches, and a
//! source goes on only when its batch is durable.

mod assembler;
mod config;
mod http;
mod runtime;
mod sink;
mod source;
mod splitter;
mod stats;
mod stdin;
mod syslog;
mod tail;

#[cfg(test)]
mod tests;

pub use config::{FileConfig, FormatFactory, Input, SourceConfig, StartAt, StdinConfig, SyslogConfig, TlsListener};
pub use http::{HttpLines, lines_router};
pub use runtime::{RunningSource, SourceError, SourceRuntime};
pub use sink::{LineSink, LineSinkError};
pub use stats::SourceStats;
pub use syslog::SyslogAddresses;
