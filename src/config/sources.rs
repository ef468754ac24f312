//! Values with a structure of their own: `sources`, and the rules for what is derived from records.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::tz::TimeZone;
use spandrel_collector::{FileConfig, Input, SourceConfig, StartAt, StdinConfig, SyslogConfig, TlsListener};
use spandrel_normalize::{
    enrich::{correlation::CorrelationPattern, redact::RedactionRule, services::StaticService},
    envelope::Envelope,
    format::FormatOptions,
    multiline::Rule,
    registry,
    time::zone,
};

use super::{section::Section, values};

/// Reads the list.
pub(super) fn sources(text: &str, problems: &mut Vec<String>) -> Vec<SourceConfig> {
    let mut names = BTreeSet::new();
    Section::list("sources", text, problems, |section| {
        let source = source(section)?;
        if !names.insert(source.name.clone()) {
            section.problem("name", &format!("{:?} is another source's name; give each its own", source.name));
            return None;
        }
        Some(source)
    })
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
    let time_zone = section.parsed("timezone", zone);
    let rule = section.parsed("multiline", |text| Rule::parse(text).map_err(|error| error.to_string()));
    let max_line_bytes = section.parsed("max_line_bytes", values::size);
    let (input, default_name) = match kind.as_deref()? {
        "file" => {
            let file = file(section);
            let name = file.paths.first().cloned().unwrap_or_default();
            (Input::File(file), name)
        }
        "syslog" => {
            let syslog = syslog(section);
            let port =
                [syslog.udp, syslog.tcp, syslog.tls.as_ref().map(|tls| tls.address)].into_iter().flatten().next();
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
    source.zone = time_zone.unwrap_or(TimeZone::UTC);
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
        list_interval: section.parsed("list_interval", values::duration).unwrap_or(defaults.list_interval),
        unterminated_timeout: section
            .parsed("unterminated_timeout", values::duration)
            .unwrap_or(defaults.unterminated_timeout),
        rotated_wait: section.parsed("rotated_wait", values::duration).unwrap_or(defaults.rotated_wait),
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
        Envelope::parse(text)
            .ok_or_else(|| format!("{text:?} is not one of auto, none, cri, docker, compose and syslog"))
    };
    section.parsed("envelope", parse).unwrap_or_default()
}

/// Reads `redaction.rules`.
pub(super) fn redaction_rules(text: &str, problems: &mut Vec<String>) -> Vec<RedactionRule> {
    Section::list("redaction.rules", text, problems, |section| {
        let (name, regex) = (section.required("name"), section.required("pattern"));
        let replacement = section.text("replacement").unwrap_or_else(|| "[REDACTED]".to_owned());
        Some(RedactionRule { name: name?, regex: regex?, replacement })
    })
}

/// Reads `correlation.patterns`.
pub(super) fn correlation_patterns(text: &str, problems: &mut Vec<String>) -> Vec<CorrelationPattern> {
    Section::list("correlation.patterns", text, problems, |section| {
        let (name, regex) = (section.required("name"), section.required("pattern"));
        let mut columns = section.texts("columns");
        if columns.is_empty() {
            columns = vec!["body".to_owned(), "url_path".to_owned()];
        }
        Some(CorrelationPattern { name: name?, columns, regex: regex? })
    })
}

/// Reads `correlation.keys`.
pub(super) fn correlation_keys(text: &str, problems: &mut Vec<String>) -> Vec<String> {
    Section::of("correlation.", "keys", text, problems, |section| section.texts("keys"))
}

/// Reads `services`.
pub(super) fn services(text: &str, problems: &mut Vec<String>) -> Vec<StaticService> {
    let names = Section::of("", "services", text, problems, |section| section.names("services"));
    names.into_iter().map(|(address, service)| StaticService { address, service }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_with_their_defaults() {
        let mut problems = Vec::new();
        let text = "
- {type: file, paths: [/var/log/nginx/*.log], format: nginx, log_format: '$remote_addr $status', service: gateway}
- {type: syslog, udp: 127.0.0.1:5514, tls: {address: '127.0.0.1:6514', certificate: /c.pem, key: /k.pem}, name: routers}
- {type: stdin, format: pino, multiline: indented, timezone: '+08:00', max_line_bytes: 64KiB}
";
        let sources = sources(text, &mut problems);
        assert_eq!(problems, Vec::<String>::new());
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["/var/log/nginx/*.log", "routers", "stdin"]);
        assert_eq!((sources[0].service.as_deref(), sources[1].format.as_str()), (Some("gateway"), "auto"));
        assert!(matches!(&sources[1].input, Input::Syslog(syslog) if syslog.udp.is_some() && syslog.tcp.is_none()));
        assert_eq!(sources[2].max_line_bytes, 64 * 1024);
        assert!(sources[2].multiline.is_some());
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let mut problems = Vec::new();
        let text = "
- {type: file, pahts: [/a], format: ngnix}
- {type: syslog, name: x}
- {type: file, paths: /b, name: x, timezone: Mars, log_format: '$a$b'}
- {paths: [/c]}
- {type: pipe}
";
        sources(text, &mut problems);
        let all = problems.join("\n");
        for expected in [
            "sources[0]: unknown key pahts; did you mean paths?",
            "sources[0].paths: names no file",
            "sources[0].format: there is no format \"ngnix\"",
            "sources[1].type: a syslog source needs one of udp, tcp and tls",
            "sources[2].timezone: \"Mars\" is not a time zone",
            "sources[2].format: log_format and escape are of one format",
            "sources[2].name: \"x\" is another source's name",
            "sources[3].type: is missing",
            "sources[4].type: \"pipe\" is not one of file, syslog and stdin",
        ] {
            assert!(all.contains(expected), "{expected}\n---\n{all}");
        }
    }

    #[test]
    fn rules_are_read() {
        let mut problems = Vec::new();
        let rules = redaction_rules("[{name: account, pattern: 'acc-[0-9]+', replacement: 'acc-*'}]", &mut problems);
        assert_eq!((rules[0].name.as_str(), rules[0].replacement.as_str()), ("account", "acc-*"));
        let patterns = correlation_patterns("[{name: order, pattern: 'order (?<id>[0-9]+)'}]", &mut problems);
        assert_eq!(patterns[0].columns, ["body", "url_path"]);
        assert_eq!(correlation_keys("[sale.id, cart.id]", &mut problems), ["sale.id", "cart.id"]);
        let services = services("{10.0.3.7: stock, '*.payments.svc': payments}", &mut problems);
        assert_eq!(services.len(), 2);
        assert_eq!(problems, Vec::<String>::new());
        assert!(correlation_keys("{a: b}", &mut problems).is_empty());
        assert_eq!(problems, ["correlation.keys: expected a list of values"]);
    }
}
