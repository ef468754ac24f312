//! Envelopes: what container runtimes put around each line of a log, and the parts they cut long lines into.

mod compose;
mod container_path;
mod cri;
mod docker;
mod partial;

#[cfg(test)]
mod tests;

pub use container_path::service_of_path;
use partial::Partial;

/// Which envelope the lines of a source have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Envelope {
    /// Found for each line by itself. A compose prefix counts when it ends in the container's number.
    #[default]
    Auto,
    None,
    /// Kubernetes: `2025-12-31T17:37:40.493035218+01:00 stdout F line`.
    Cri,
    /// Docker's json-file driver: `{"log":"line\n","stream":"stdout","time":"..."}`.
    DockerJson,
    /// `docker compose logs`: `nginx_1  | line`.
    Compose,
    /// The header of RFC 3164 or 5424, which [`SyslogFormat`](crate::syslog::SyslogFormat) reads.
    Syslog,
}

impl Envelope {
    pub const ALL: [Envelope; 6] =
        [Envelope::Auto, Envelope::None, Envelope::Cri, Envelope::DockerJson, Envelope::Compose, Envelope::Syslog];

    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Envelope::Auto => "auto",
            Envelope::None => "none",
            Envelope::Cri => "cri",
            Envelope::DockerJson => "docker",
            Envelope::Compose => "compose",
            Envelope::Syslog => "syslog",
        }
    }

    pub fn parse(name: &str) -> Option<Envelope> {
        Envelope::ALL.into_iter().find(|envelope| envelope.name() == name)
    }
}

/// Which of its two outputs a container wrote to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stream {
    #[default]
    Stdout,
    Stderr,
}

impl Stream {
    pub const ALL: [Stream; 2] = [Stream::Stdout, Stream::Stderr];
}

/// A line without its envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unwrapped<'a> {
    pub line: &'a [u8],
    /// Time of the envelope, nanoseconds since the Unix epoch.
    pub time: Option<i64>,
    pub stream: Stream,
    /// Service that the envelope names.
    pub service: Option<&'a str>,
    /// The parts are longer together than the limit; `line` is how they began.
    pub too_long: bool,
}

impl<'a> Unwrapped<'a> {
    fn bare(line: &'a [u8]) -> Self {
        Self { line, ..Self::default() }
    }
}

/// One line of an envelope.
struct Part<'a> {
    text: std::borrow::Cow<'a, [u8]>,
    time: Option<i64>,
    stream: Stream,
    /// More of the same line follows on the same stream.
    continues: bool,
}

/// Takes the envelopes off the lines of one file, and joins what they cut apart.
#[derive(Debug)]
pub struct Unwrapper {
    envelope: Envelope,
    partials: [Partial; 2],
    /// The line handed out last, where it is not borrowed.
    joined: Vec<u8>,
}

impl Unwrapper {
    /// Lines of at most `max_line_bytes` are joined.
    pub fn new(envelope: Envelope, max_line_bytes: usize) -> Self {
        Self { envelope, partials: [Partial::new(max_line_bytes), Partial::new(max_line_bytes)], joined: Vec::new() }
    }

    /// Takes one line of the file, without its line end. `None` when it is a part whose end is to come. A line that is
    /// not in the envelope is handed out as it is.
    pub fn unwrap<'a>(&'a mut self, line: &'a [u8]) -> Option<Unwrapped<'a>> {
        match self.envelope {
            Envelope::None | Envelope::Syslog => Some(Unwrapped::bare(line)),
            Envelope::Cri => match cri::part(line) {
                Some(part) => self.join(part),
                None => Some(Unwrapped::bare(line)),
            },
            Envelope::DockerJson => match docker::part(line) {
                Some(part) => self.join(part),
                None => Some(Unwrapped::bare(line)),
            },
            Envelope::Compose => Some(compose::unwrap(line, false).unwrap_or(Unwrapped::bare(line))),
            Envelope::Auto => match cri::part(line).or_else(|| docker::part(line)) {
                Some(part) => self.join(part),
                None => Some(compose::unwrap(line, true).unwrap_or(Unwrapped::bare(line))),
            },
        }
    }

    /// Bytes of lines whose ends are to come.
    pub fn pending_bytes(&self) -> usize {
        self.partials.iter().map(Partial::bytes).sum()
    }

    /// Whether there are lines whose ends are to come.
    pub fn is_pending(&self) -> bool {
        self.partials.iter().any(Partial::is_pending)
    }

    /// Whether there is a line on this stream whose end is to come.
    pub fn is_pending_on(&self, stream: Stream) -> bool {
        self.partials[stream as usize].is_pending()
    }

    /// Hands out the next line whose end will not come, because the file has ended.
    pub fn take_pending(&mut self) -> Option<Unwrapped<'_>> {
        let stream = Stream::ALL.into_iter().find(|stream| self.is_pending_on(*stream))?;
        Some(self.finish(stream))
    }

    fn join<'a>(&'a mut self, part: Part<'a>) -> Option<Unwrapped<'a>> {
        let partial = &mut self.partials[part.stream as usize];
        if part.continues || partial.is_pending() {
            partial.push(&part.text, part.time);
            return if part.continues { None } else { Some(self.finish(part.stream)) };
        }
        let (time, stream) = (part.time, part.stream);
        let line = match part.text {
            std::borrow::Cow::Borrowed(line) => line,
            std::borrow::Cow::Owned(line) => {
                self.joined = line;
                &self.joined
            }
        };
        Some(Unwrapped { line, time, stream, service: None, too_long: false })
    }

    fn finish(&mut self, stream: Stream) -> Unwrapped<'_> {
        let (time, too_long) = self.partials[stream as usize].take(&mut self.joined);
        Unwrapped { line: &self.joined, time, stream, service: None, too_long }
    }
}
