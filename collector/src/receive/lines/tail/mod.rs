//! Files that are followed while they grow.
//!
//! A file is known by its device, its inode and a checksum of how it begins, so renaming it changes nothing and another
//! file under its name is another file. How far it is stored is kept in a checkpoint, which is written only after the
//! lines before it are durable: after a crash some lines are read again, none is left out.

mod checkpoint;
mod file;
mod globs;
mod identity;
mod known;
mod tailer;
mod watch;

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    config::FileConfig,
    source::{BATCH_AGE, Source, is_full},
};
use checkpoint::Checkpoint;
use globs::Globs;
use tailer::Tailer;

/// Changes are collected for this time before they are looked at.
const GATHER: Duration = Duration::from_millis(20);

/// A file source that was checked and can be run.
pub(super) struct FileSource {
    source: Arc<Source>,
    config: FileConfig,
    globs: Globs,
    checkpoint: Checkpoint,
}

impl FileSource {
    /// # Errors
    /// Says what is wrong with the globs.
    pub(super) fn new(source: Arc<Source>, config: &FileConfig, data_dir: &Path) -> Result<Self, String> {
        let globs = Globs::new(&config.paths, &config.exclude)?;
        let checkpoint = Checkpoint::new(data_dir, &source.name);
        Ok(Self { source, config: config.clone(), globs, checkpoint })
    }

    /// Follows the files until the source is stopped.
    ///
    /// # Errors
    /// The checkpoint is there and cannot be read.
    pub(super) async fn run(self) -> io::Result<()> {
        let Self { source, config, globs, checkpoint } = self;
        let kept = Arc::clone(&source);
        let mut tailer = blocking(move || Tailer::new(kept, config, globs, checkpoint)).await?;
        let changed = tailer.changed();
        loop {
            let more;
            (tailer, more) = blocking(move || {
                let more = tailer.step();
                tailer.write_checkpoint(false);
                (tailer, more)
            })
            .await;
            let stopping = source.stop.is_cancelled();
            let batch_due = tailer.batch_since.map(|since| since + BATCH_AGE);
            let is_due = batch_due.is_some_and(|due| Instant::now() >= due);
            if tailer.has_batch() && (stopping || is_due || is_full(&tailer.batch)) {
                if source.store(tailer.take_batch()).await.is_err() {
                    break;
                }
                tailer.stored();
            }
            if stopping {
                break;
            }
            if !more {
                let due = batch_due.filter(|_| tailer.has_batch()).map_or(tailer.due(), |due| due.min(tailer.due()));
                tokio::select! {
                    () = changed.notified() => tokio::time::sleep(GATHER).await,
                    () = tokio::time::sleep_until(due) => {}
                    () = source.stop.cancelled() => {}
                }
            }
        }
        blocking(move || tailer.write_checkpoint(true)).await;
        Ok(())
    }
}

/// Runs what may block on a thread where that is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
