//! What sources of lines are told at start.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use spandrel_normalize::{
    envelope::Envelope,
    format::{Format, FormatError, FormatOptions},
    multiline::Rule,
};

/// One configured source.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Names it in `rejects`, in metrics and in its checkpoint file.
    pub name: String,
    /// Name of the format of its lines.
    pub format: String,
    pub format_options: FormatOptions,
    /// Service that its lines are of, where they do not say it.
    pub service: Option<String>,
    /// Zone of times that name none.
    pub zone: TimeZone,
    /// Longer lines are rejected, in constant memory.
    pub max_line_bytes: usize,
    /// How lines of files and standard input are joined to records; without it every line is one.
    pub multiline: Option<Rule>,
    pub input: Input,
}

impl SourceConfig {
    pub const MAX_LINE_BYTES: usize = 1024 * 1024;

    /// A source with the defaults.
    pub fn new(name: &str, format: &str, input: Input) -> Self {
        Self {
            name: name.to_owned(),
            format: format.to_owned(),
            format_options: FormatOptions::default(),
            service: None,
            zone: TimeZone::UTC,
            max_line_bytes: Self::MAX_LINE_BYTES,
            multiline: None,
            input,
        }
    }
}

/// Where lines come from.
#[derive(Debug, Clone)]
pub enum Input {
    File(FileConfig),
    Stdin(StdinConfig),
    Syslog(SyslogConfig),
}

/// Files that are followed.
#[derive(Debug, Clone)]
pub struct FileConfig {
    /// Globs: `*` and `?` stay within a name, `**` stands for any directories.
    pub paths: Vec<String>,
    /// Globs of paths that are left out.
    pub exclude: Vec<String>,
    pub envelope: Envelope,
    pub start_at: StartAt,
    /// Files kept open at once.
    pub max_open_files: usize,
    /// Files are listed again at least this often where changes are reported by the system; more seldom where listing
    /// takes long.
    pub list_interval: Duration,
    /// A last line without line end is taken as it is after this time.
    pub unterminated_timeout: Duration,
    /// A file that was renamed or removed is given up when nothing was written to it for this time.
    pub rotated_wait: Duration,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            exclude: Vec::new(),
            envelope: Envelope::Auto,
            start_at: StartAt::Beginning,
            max_open_files: 256,
            list_interval: Duration::from_secs(10),
            unterminated_timeout: Duration::from_secs(30),
            rotated_wait: Duration::from_secs(30),
        }
    }
}

/// Where files are begun that exist when the source has no checkpoint. Files that appear later are always read whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartAt {
    #[default]
    Beginning,
    End,
}

/// Standard input.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdinConfig {
    pub envelope: Envelope,
}

/// Listeners for syslog; at least one.
#[derive(Debug, Clone)]
pub struct SyslogConfig {
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub tls: Option<TlsListener>,
    /// Connections at once, TCP and TLS together. More are closed at once.
    pub max_connections: usize,
    /// Messages that have begun to arrive, of all connections together.
    pub max_pending_bytes: usize,
    /// A connection on which nothing arrives for this time is closed.
    pub idle_timeout: Duration,
}

impl Default for SyslogConfig {
    fn default() -> Self {
        Self {
            udp: None,
            tcp: None,
            tls: None,
            max_connections: 1024,
            max_pending_bytes: 16 * 1024 * 1024,
            idle_timeout: Duration::from_secs(600),
        }
    }
}

/// A listener for syslog over TLS (RFC 5425).
#[derive(Debug, Clone)]
pub struct TlsListener {
    pub address: SocketAddr,
    /// Certificate chain, PEM.
    pub certificate_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
}

/// Makes formats by name.
pub trait FormatFactory: Send + Sync + 'static {
    /// # Errors
    /// There is no format of that name, or not with these options.
    fn format(&self, name: &str, options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError>;
}

impl<F> FormatFactory for F
where
    F: Fn(&str, &FormatOptions) -> Result<Arc<dyn Format>, FormatError> + Send + Sync + 'static,
{
    fn format(&self, name: &str, options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
        self(name, options)
    }
}
