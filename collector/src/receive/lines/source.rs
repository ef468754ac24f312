//! What all sources share: from lines to durable rows.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use jiff::tz::TimeZone;
use spandrel_normalize::{
    batch::{LineBatch, Normalized},
    format::{Format, LineContext},
    multiline::Rule,
};
use spandrel_proto::model::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{sink::LineSink, stats::SourceStats};

/// A batch is stored when its lines have this many bytes,
const BATCH_BYTES: usize = 1024 * 1024;
/// or become this much in memory,
const BATCH_EXPANDED_BYTES: usize = 6 * 1024 * 1024;
/// or when its first line is this old.
pub(super) const BATCH_AGE: Duration = Duration::from_millis(200);
/// A record that further lines may belong to is complete when none has come for this time.
pub(super) const RECORD_TIMEOUT: Duration = Duration::from_secs(2);
/// At stop a batch that cannot be stored is given up after this time.
const STOP_GRACE: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// One running source.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) format: Arc<dyn Format>,
    pub(super) service: Option<String>,
    pub(super) zone: TimeZone,
    pub(super) max_line_bytes: usize,
    pub(super) multiline: Option<Rule>,
    pub(super) sink: Arc<dyn LineSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stats: Arc<SourceStats>,
    pub(super) stop: CancellationToken,
}

/// Whether a batch is to be stored before it takes more lines.
pub(super) fn is_full(batch: &LineBatch) -> bool {
    batch.bytes() >= BATCH_BYTES || batch.expanded_bytes() >= BATCH_EXPANDED_BYTES
}

/// The source was stopped before its lines were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

impl Source {
    pub(super) fn batch(&self) -> LineBatch {
        LineBatch::new(Arc::clone(&self.format), &self.name, self.max_line_bytes)
    }

    /// What is known of a line that is read at present.
    pub(super) fn context(&self) -> LineContext<'_> {
        LineContext {
            received_at: self.clock.now_unix_nano(),
            envelope_time: None,
            zone: &self.zone,
            service: self.service.as_deref(),
            host: None,
            program: None,
            severity_number: None,
        }
    }

    /// Stores a batch, trying until it succeeds or the source was stopped and has waited long enough.
    pub(super) async fn store(&self, batch: LineBatch) -> Result<(), Stopped> {
        let bytes = batch.bytes();
        let lines = batch.finish();
        let mut backoff = FIRST_BACKOFF;
        let mut give_up_at = None;
        while !lines.tables.is_empty() {
            let Err(error) = self.sink.store(again(&lines)).await else { break };
            self.stats.count_retry();
            let wait = error.retry_after.unwrap_or(backoff).min(MAX_BACKOFF);
            tracing::warn!(source = self.name, %error, retry_in = ?wait, "lines cannot be stored");
            backoff = (backoff * 2).min(MAX_BACKOFF);
            if self.stop.is_cancelled() {
                let give_up_at = *give_up_at.get_or_insert_with(|| Instant::now() + STOP_GRACE);
                if Instant::now() + wait > give_up_at {
                    return Err(Stopped);
                }
                tokio::time::sleep(wait).await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.stop.cancelled() => {}
                }
            }
        }
        self.stats.count_stored(&lines.counts, bytes);
        Ok(())
    }

    /// [`Source::store`] for lines that nobody can send again: what is given up is lost, and counted.
    pub(super) async fn store_or_lose(&self, batch: LineBatch, lines: u64) -> Result<(), Stopped> {
        let stored = self.store(batch).await;
        if stored.is_err() {
            self.stats.lost.fetch_add(lines, Ordering::Relaxed);
            tracing::error!(source = self.name, lines, "lines were lost at stop: they could not be stored");
        }
        stored
    }
}

/// The same lines once more; the columns are shared.
fn again(lines: &Normalized) -> Normalized {
    Normalized { tables: lines.tables.clone(), counts: lines.counts, format: lines.format }
}
