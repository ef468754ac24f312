//! `sources`: where lines are read from.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::tz::TimeZone;
use spandrel_collector::{FileConfig, Input, SourceConfig, StartAt, StdinConfig, SyslogConfig, TlsListener};
use spandrel_normalize::{envelope::Envelope, format::FormatOptions, multiline::Rule, registry};

use super::{section::Section, values};

/// Reads the list.
pub(super) fn sources(text: &str, problems: &mut Vec<String>) -> Vec<SourceConfig> {
    let mut names = BTreeMap::new();
    let sources = Section::list("sources", text, problems, |section| {
        let source = source(section)?;
        match names.insert(source.name.clone(), ()) {
            None => Some(source),
            Some(()) => {
                section.problem("name", &format!("{:?} is another source's name; give each its own", source.name));
                None
            }
        }
    });
    sources
}

fn source(section: &mut Section<'_>) -> Option<SourceConfig> {
    let kind = section.required("type");
    let format = section.text("format").unwrap_or_else(|| "auto".to_owned());
    let options = FormatOptions {
        log_format: section.text("log_format"),
        escape: section.text("escape"),
        keys: section.names("keys"),
    };
    if let Err(error) = registry::format(&format, &options) {
        section.problem("format", &error.to_string());
    }
    let name = section.text("name");
    let service = section.text("service");
    let zone = section.parsed("timezone", time_zone);
    let rule = section.parsed("multiline", multiline_rule);
    let max_line_bytes = section.parsed("max_line_bytes", values::size);
    let (input, default_name) = match kind.as_deref()? {
        "file" => {
            let file = file(section);
            let name = file.paths.first().cloned().unwrap_or_default();
            (Input::File(file), name)
        }
        "syslog" => {
            let syslog = syslog(section);
            let port = [syslog.udp, syslog.tcp, syslog.tls.as_ref().map(|tls| tls.address)].into_iter().flatten().next();
            (Input::Syslog(syslog), port.map_or_else(|| "syslog".to_owned(), |port| format!("syslog:{port}")))
        }
        "stdin" => (Input::Stdin(StdinConfig { envelope: envelope(section) }), "stdin".to_owned()),
        other => {
            section.problem("type", &format!("{other:?} is not one of file, syslog and stdin"));
            return None;
        }
    };
    let mut source = SourceConfig::new(&name.unwrap_or(default_name), &format, input);
    source.format_options = options;
    source.service = service;
    source.zone = zone.unwrap_or(TimeZone::UTC);
    source.multiline = rule;
    if let Some(bytes) = max_line_bytes {
        source.max_line_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    Some(source)
}

fn file(section: &mut Section<'_>) -> FileConfig {
    let paths = section.texts("paths");
    if paths.is_empty() {
        section.problem("paths", "names no file; give paths or globs, as in [/var/log/nginx/*.log]");
    }
    let defaults = FileConfig::default();
    FileConfig {
        paths,
        exclude: section.texts("exclude"),
        envelope: envelope(section),
        start_at: section
            .parsed("start_at", |text| match text {
                "beginning" => Ok(StartAt::Beginning),
                "end" => Ok(StartAt::End),
                _ => Err(format!("{text:?} is neither beginning nor end")),
            })
            .unwrap_or_default(),
        max_open_files: section.parsed("max_open_files", values::count).unwrap_or(defaults.max_open_files),
        ..defaults
    }
}

fn syslog(section: &mut Section<'_>) -> SyslogConfig {
    let syslog = SyslogConfig {
        udp: section.parsed("udp", values::address),
        tcp: section.parsed("tcp", values::address),
        tls: section.section("tls", |section| {
            let address = section.parsed("address", values::address);
            let certificate = section.required("certificate");
            let key = section.required("key");
            Some(TlsListener {
                address: address?,
                certificate_file: PathBuf::from(certificate?),
                key_file: PathBuf::from(key?),
            })
        }),
        ..SyslogConfig::default()
    };
    if syslog.udp.is_none() && syslog.tcp.is_none() && syslog.tls.is_none() {
        section.problem("type", "a syslog source needs one of udp, tcp and tls");
    }
    syslog
}

fn envelope(section: &mut Section<'_>) -> Envelope {
    let parse = |text: &str| {
        Envelope::parse(text).ok_or_else(|| format!("{text:?} is not one of auto, cri, docker, compose and none"))
    };
    section.parsed("envelope", parse).unwrap_or_default()
}

fn multiline_rule(text: &str) -> Result<Rule, String> {
    match text {
        "indented" => Ok(Rule::Indented),
        pattern => Rule::start(pattern).map_err(|error| error.to_string()),
    }
}

/// A zone by its name in the time zone database, or by its offset as in `+08:00`.
fn time_zone(text: &str) -> Result<TimeZone, String> {
    spandrel_normalize::time::zone(text)
}
