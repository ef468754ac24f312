//! Starts sources and waits for them to end.

use std::{fs::File, io, os::fd::AsFd, path::Path, sync::Arc};

use spandrel_normalize::{envelope::Envelope, format::FormatError, syslog::SyslogFormat};
use spandrel_proto::model::Clock;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    config::{FormatFactory, Input, SourceConfig},
    sink::LineSink,
    source::Source,
    stats::SourceStats,
    stdin,
    syslog::{SyslogAddresses, SyslogSource},
    tail::FileSource,
};

/// What sources are made with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds only what others hand in")]
pub struct SourceRuntime {
    pub formats: Arc<dyn FormatFactory>,
    pub sink: Arc<dyn LineSink>,
    pub clock: Arc<dyn Clock>,
    /// Ends the sources.
    pub stop: CancellationToken,
}

/// Why a source cannot be started.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("source {source_name:?}: {error}")]
    Format { source_name: String, error: FormatError },
    #[error("source {source_name:?}: {problem}")]
    Paths { source_name: String, problem: String },
    #[error("source {source_name:?} cannot open its input")]
    Listen {
        source_name: String,
        #[source]
        error: io::Error,
    },
}

/// A source that runs.
#[derive(Debug)]
pub struct RunningSource {
    pub name: String,
    pub stats: Arc<SourceStats>,
    /// Of a syslog source.
    pub addresses: SyslogAddresses,
    /// Ends when the source has been stopped and what it read is stored, or when it cannot go on.
    pub task: JoinHandle<io::Result<()>>,
}

impl SourceRuntime {
    /// Starts a source. Its checkpoint, if it has one, is in `tail` of the data directory.
    ///
    /// # Errors
    /// The format, the globs, the certificate or an address cannot be used.
    pub async fn start(&self, config: &SourceConfig, data_dir: &Path) -> Result<RunningSource, SourceError> {
        let (source_name, stats) = (config.name.clone(), Arc::new(SourceStats::default()));
        let source = Arc::new(self.source(config, &stats)?);
        let mut addresses = SyslogAddresses::default();
        let task = match &config.input {
            Input::File(files) => {
                let files = FileSource::new(source, files, data_dir)
                    .map_err(|problem| SourceError::Paths { source_name: source_name.clone(), problem })?;
                tokio::spawn(files.run())
            }
            Input::Stdin(stdin) => {
                let input = std::io::stdin().as_fd().try_clone_to_owned();
                let input = input.map_err(|error| SourceError::Listen { source_name: source_name.clone(), error })?;
                let run = stdin::run(source, *stdin, tokio::fs::File::from_std(File::from(input)));
                tokio::spawn(async { run.await.map_err(|_| not_stored()) })
            }
            Input::Syslog(listeners) => {
                let listen = |error| SourceError::Listen { source_name: source_name.clone(), error };
                let syslog = SyslogSource::bind(source, listeners).await.map_err(listen)?;
                addresses = syslog.addresses().map_err(listen)?;
                tokio::spawn(async { syslog.run().await.map_err(|_| not_stored()) })
            }
        };
        Ok(RunningSource { name: source_name, stats, addresses, task })
    }

    fn source(&self, config: &SourceConfig, stats: &Arc<SourceStats>) -> Result<Source, SourceError> {
        let format = self
            .formats
            .format(&config.format, &config.format_options)
            .map_err(|error| SourceError::Format { source_name: config.name.clone(), error })?;
        let envelope = match &config.input {
            Input::File(files) => files.envelope,
            Input::Stdin(stdin) => stdin.envelope,
            Input::Syslog(_) => Envelope::Syslog,
        };
        Ok(Source {
            name: config.name.clone(),
            format: if envelope == Envelope::Syslog { Arc::new(SyslogFormat::new(format)) } else { format },
            service: config.service.clone(),
            zone: config.zone.clone(),
            max_line_bytes: config.max_line_bytes,
            multiline: config.multiline.clone(),
            sink: Arc::clone(&self.sink),
            clock: Arc::clone(&self.clock),
            stats: Arc::clone(stats),
            stop: self.stop.clone(),
        })
    }
}

fn not_stored() -> io::Error {
    io::Error::other("the last lines could not be stored before the source was stopped")
}
