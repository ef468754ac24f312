//! Sources against real files and sockets. Nothing is timed: conditions are awaited until a deadline.

mod http;
mod stdin;
mod syslog;
mod tail;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arrow::util::display::array_value_to_string;
use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use spandrel_normalize::{
    batch::Normalized,
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    record::{LogRecord, Output},
};
use spandrel_proto::model::{SystemClock, Table};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    config::{Input, SourceConfig},
    runtime::{RunningSource, SourceRuntime},
    sink::{LineSink, LineSinkError},
    source::Source,
    stats::SourceStats,
};

/// Every line is a log.
#[derive(Debug)]
pub(super) struct TextFormat;

impl Format for TextFormat {
    fn name(&self) -> &'static str {
        "text"
    }

    fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        output.logs.push(LogRecord { body: Some(line.into()), ..LogRecord::default() });
        Ok(())
    }
}

/// A stored log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) body: String,
    pub(super) service: String,
    pub(super) host: String,
}

/// Keeps what is stored; refuses while it is told to.
#[derive(Debug, Default)]
pub(super) struct Sink {
    logs: Mutex<Vec<Stored>>,
    refusing: AtomicBool,
    refused: AtomicU64,
}

impl Sink {
    pub(super) fn bodies(&self) -> Vec<String> {
        self.logs.lock().iter().map(|log| log.body.clone()).collect()
    }

    pub(super) fn logs(&self) -> Vec<Stored> {
        self.logs.lock().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.logs.lock().len()
    }

    pub(super) fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::SeqCst);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }
}

impl LineSink for Sink {
    fn store(&self, lines: Normalized) -> BoxFuture<'_, Result<(), LineSinkError>> {
        async move {
            if self.refusing.load(Ordering::SeqCst) {
                self.refused.fetch_add(1, Ordering::SeqCst);
                let retry_after = Some(Duration::from_millis(5));
                return Err(LineSinkError { retry_after, message: "refusing".to_owned() });
            }
            for (table, batch) in lines.tables {
                let text =
                    |column: &str, row| array_value_to_string(batch.column_by_name(column).unwrap(), row).unwrap();
                let rows = if table == Table::Logs { batch.num_rows() } else { 0 };
                let stored = |row| Stored {
                    body: text("body", row),
                    service: text("service_name", row),
                    host: text("host_name", row),
                };
                self.logs.lock().extend((0..rows).map(stored));
            }
            Ok(())
        }
        .boxed()
    }
}

/// A source and what it stores.
pub(super) struct Running {
    pub(super) source: RunningSource,
    pub(super) stop: CancellationToken,
}

impl Running {
    pub(super) async fn start(sink: &Arc<Sink>, config: &SourceConfig, data_dir: &Path) -> Self {
        let stop = CancellationToken::new();
        let runtime = SourceRuntime {
            formats: Arc::new(formats),
            sink: Arc::clone(sink) as Arc<dyn LineSink>,
            clock: Arc::new(SystemClock),
            stop: stop.clone(),
        };
        let source = runtime.start(config, data_dir).await.unwrap();
        Self { source, stop }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.source.task.await.unwrap().unwrap();
    }

    /// Ends it as a kill would.
    pub(super) async fn kill(self) {
        self.source.task.abort();
        assert!(self.source.task.await.unwrap_err().is_cancelled());
    }
}

pub(super) fn formats(name: &str, _: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    match name {
        "text" => Ok(Arc::new(TextFormat)),
        _ => Err(FormatError(format!("no format {name:?}"))),
    }
}

pub(super) fn config(input: Input) -> SourceConfig {
    SourceConfig { max_line_bytes: 64 * 1024, ..SourceConfig::new("test", "text", input) }
}

pub(super) fn source(sink: &Arc<Sink>, stop: &CancellationToken) -> Arc<Source> {
    Arc::new(Source {
        name: "test".to_owned(),
        format: Arc::new(TextFormat),
        service: None,
        zone: jiff::tz::TimeZone::UTC,
        max_line_bytes: 64 * 1024,
        multiline: None,
        sink: Arc::clone(sink) as Arc<dyn LineSink>,
        clock: Arc::new(SystemClock),
        stats: Arc::new(SourceStats::default()),
        stop: stop.clone(),
    })
}

pub(super) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
