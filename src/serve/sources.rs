//! The sources of log lines, from start to stop.

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use spandrel_collector::{RunningSource, SourceConfig, SourceRuntime, SourceStats, SyslogAddresses};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A source as the rest of the server sees it.
#[derive(Debug, Clone)]
pub(super) struct SourceView {
    pub(super) name: String,
    pub(super) stats: Arc<SourceStats>,
    pub(super) addresses: SyslogAddresses,
}

/// The sources that run.
#[derive(Debug)]
pub(super) struct LineSources {
    views: Vec<SourceView>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    failures: Arc<Mutex<Vec<String>>>,
}

impl LineSources {
    /// Starts all of them.
    pub(super) async fn start(
        runtime: &SourceRuntime,
        configs: &[SourceConfig],
        data_dir: &Path,
    ) -> anyhow::Result<Self> {
        let mut sources =
            Self { views: Vec::new(), tasks: JoinSet::new(), stop: runtime.stop.clone(), failures: Arc::default() };
        for config in configs {
            let RunningSource { name, stats, addresses, task } = runtime.start(config, data_dir).await?;
            let (failures, stop) = (Arc::clone(&sources.failures), runtime.stop.clone());
            sources.views.push(SourceView { name: name.clone(), stats, addresses });
            sources.tasks.spawn(async move {
                let problem = match task.await {
                    // Standard input ends by itself.
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => panic.to_string(),
                };
                tracing::error!(source = name, problem, "a source of lines ended");
                if !stop.is_cancelled() {
                    failures.lock().push(format!("the source {name} ended: {problem}"));
                }
            });
        }
        Ok(sources)
    }

    pub(super) fn views(&self) -> &[SourceView] {
        &self.views
    }

    /// Why sources ended that should run (H-1).
    pub(super) fn failures(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.failures)
    }

    /// Ends the sources; what they had read is stored, or will be read again.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
