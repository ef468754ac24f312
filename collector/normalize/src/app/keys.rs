//! The keys of structured logs and what their values are: one table for all libraries, and for each library the few keys
//! that mean something else there.

use std::{collections::HashMap, sync::LazyLock};

use super::severity::Levels;

/// A field of a record that has one value. Of several keys for it the one that stands first in the table counts, and the
/// others are attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Time,
    /// Seconds since the epoch in a key of their own.
    Seconds,
    /// Nanoseconds of that second.
    NanosOfSecond,
    Severity,
    /// A number beside the level's text.
    SeverityNumber,
    Body,
    Template,
    EventName,
    ServiceName,
    ServiceNamespace,
    ServiceVersion,
    ServiceInstance,
    Environment,
    Host,
    Logger,
    /// The logger, which is named like the service where the source names no service.
    LoggerOrService,
    ExceptionType,
    ExceptionMessage,
    Stacktrace,
}

impl Slot {
    pub(crate) const COUNT: usize = Slot::Stacktrace as usize + 1;
}

/// What the value under a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Slot(Slot),
    /// An attribute that OpenTelemetry has a name for.
    Attribute(&'static str),
    /// An id whose key says so to [`crate::ids::Ids::offer`] under this name.
    Id(&'static str),
    /// `projects/<name>/traces/<trace id>`.
    GoogleTrace,
    /// Holds members as if they stood beside it.
    Hoist,
    /// Says nothing of the event, such as the version of the layout.
    Drop,
}

/// Roles and their keys, the ones that count most first. Case and the separators `_ - .` and space do not matter, and
/// members of nested objects are written with dots, so that `log.level` stands for `{"log": {"level": ..}}` as well.
const TABLE: &[(Role, &[&str])] = &[
    (
        Role::Slot(Slot::Time),
        &["@t", "@timestamp", "timestamp", "time", "ts", "asctime", "datetime", "eventTime", "t", "timeMillis"],
    ),
    (Role::Slot(Slot::Seconds), &["timestampSeconds", "timestamp.seconds", "instant.epochSecond"]),
    (Role::Slot(Slot::NanosOfSecond), &["timestampNanos", "timestamp.nanos", "instant.nanoOfSecond"]),
    (
        Role::Slot(Slot::Severity),
        &["@l", "severity_text", "log.level", "level", "severity", "levelname", "lvl", "loglevel", "log.severity"],
    ),
    (Role::Slot(Slot::SeverityNumber), &["severity_number", "level_value", "levelno"]),
    (
        Role::Slot(Slot::Body),
        &[
            "@m",
            "message",
            "msg",
            "RenderedMessage",
            "short_message",
            "body",
            "textPayload",
            "event",
            "full_message",
            "log",
        ],
    ),
    (Role::Slot(Slot::Template), &["@mt", "MessageTemplate", "{OriginalFormat}"]),
    (Role::Slot(Slot::EventName), &["event.name", "event_name", "EventId.Name"]),
    (
        Role::Slot(Slot::ServiceName),
        &[
            "service.name",
            "service",
            "dd.service",
            "otelServiceName",
            "serviceContext.service",
            "Application",
            "application.name",
            "app.name",
            "app",
        ],
    ),
    (Role::Slot(Slot::ServiceNamespace), &["service.namespace"]),
    (Role::Slot(Slot::ServiceVersion), &["service.version", "dd.version", "serviceContext.version"]),
    (Role::Slot(Slot::ServiceInstance), &["service.instance.id", "service.node.name"]),
    (
        Role::Slot(Slot::Environment),
        &[
            "deployment.environment.name",
            "deployment.environment",
            "service.environment",
            "dd.env",
            "environment",
            "env",
        ],
    ),
    (Role::Slot(Slot::Host), &["host.name", "host.hostname", "MachineName"]),
    (
        Role::Slot(Slot::Logger),
        &[
            "log.logger",
            "logger_name",
            "loggerName",
            "logger",
            "SourceContext",
            "Category",
            "name",
            "target",
            "logger.name",
        ],
    ),
    (
        Role::Slot(Slot::ExceptionType),
        &[
            "exception.type",
            "error.type",
            "err.type",
            "exception.class",
            "exception.exception_class",
            "thrown.name",
            "error.kind",
            "error.name",
            "err.name",
        ],
    ),
    (
        Role::Slot(Slot::ExceptionMessage),
        &[
            "exception.message",
            "error.message",
            "err.message",
            "exception.exception_message",
            "thrown.message",
            "error",
            "err",
        ],
    ),
    (
        Role::Slot(Slot::Stacktrace),
        &[
            "exception.stacktrace",
            "error.stack_trace",
            "stack_trace",
            "stacktrace",
            "error.stack",
            "err.stack",
            "stack",
            "@x",
            "exception",
            "exc_info",
            "exc_text",
            "traceback",
            "exception.stack",
            "thrown.extendedStackTrace",
        ],
    ),
    (Role::Attribute("thread.name"), &["thread_name", "thread.name", "thread", "process.thread.name", "threadName"]),
    (Role::Attribute("thread.id"), &["thread_id", "thread.id", "ThreadId", "process.thread.id"]),
    (Role::Attribute("process.pid"), &["pid", "process.pid", "ProcessId"]),
    (
        Role::Attribute("code.function.name"),
        &[
            "source.function",
            "log.origin.function",
            "logging.googleapis.com/sourceLocation.function",
            "code.function",
            "code.function.name",
            "funcName",
        ],
    ),
    (
        Role::Attribute("code.file.path"),
        &[
            "source.file",
            "log.origin.file.name",
            "logging.googleapis.com/sourceLocation.file",
            "code.filepath",
            "code.file.path",
            "pathname",
        ],
    ),
    (
        Role::Attribute("code.line.number"),
        &[
            "source.line",
            "log.origin.file.line",
            "logging.googleapis.com/sourceLocation.line",
            "code.lineno",
            "code.line.number",
            "lineno",
        ],
    ),
    (Role::GoogleTrace, &["logging.googleapis.com/trace", "trace"]),
    (Role::Id("span_id"), &["logging.googleapis.com/spanId"]),
    (
        Role::Hoist,
        &[
            "Properties",
            "State",
            "Scopes",
            "jsonPayload",
            "fields",
            "mdc",
            "contextMap",
            "logging.googleapis.com/labels",
        ],
    ),
    (
        Role::Drop,
        &["@version", "ecs.version", "trace_flags", "otelTraceSampled", "logging.googleapis.com/trace_sampled"],
    ),
];

/// A library whose logs are read with the table, but for what differs.
#[derive(Debug)]
pub(crate) struct Preset {
    /// The format's name in configuration.
    pub(crate) name: &'static str,
    /// What a number under the key of a level is.
    pub(crate) levels: Levels,
    /// Keys that mean something else here.
    pub(crate) overrides: &'static [(&'static str, Role)],
    /// Severity of a record without a level.
    pub(crate) default_severity: Option<i32>,
    /// User's fields have a leading underscore.
    pub(crate) underscored: bool,
}

const PLAIN: Preset =
    Preset { name: "json", levels: Levels::Guess, overrides: &[], default_severity: None, underscored: false };
const NODE_NAME: &[(&str, Role)] = &[("name", Role::Slot(Slot::LoggerOrService)), ("hostname", Role::Slot(Slot::Host))];
const BUNYAN: &[(&str, Role)] =
    &[("name", Role::Slot(Slot::LoggerOrService)), ("hostname", Role::Slot(Slot::Host)), ("v", Role::Drop)];

/// The presets by name; the first is `json`, for logs of unknown or mixed libraries.
pub(crate) const PRESETS: [Preset; 17] = [
    Preset { overrides: NODE_NAME, ..PLAIN },
    Preset { name: "winston", ..PLAIN },
    Preset { name: "pino", levels: Levels::Pino, overrides: NODE_NAME, ..PLAIN },
    Preset { name: "bunyan", levels: Levels::Pino, overrides: BUNYAN, ..PLAIN },
    Preset { name: "zap", ..PLAIN },
    Preset { name: "zerolog", ..PLAIN },
    Preset { name: "logrus", ..PLAIN },
    Preset { name: "slog", ..PLAIN },
    Preset { name: "logback", levels: Levels::Logback, ..PLAIN },
    Preset { name: "log4j2", levels: Levels::Logback, ..PLAIN },
    Preset { name: "ecs", ..PLAIN },
    Preset { name: "serilog", default_severity: Some(9), ..PLAIN },
    Preset { name: "dotnet", ..PLAIN },
    Preset { name: "structlog", levels: Levels::Python, ..PLAIN },
    Preset { name: "python-json-logger", levels: Levels::Python, ..PLAIN },
    Preset { name: "google-cloud", levels: Levels::Google, ..PLAIN },
    Preset {
        name: "gelf",
        levels: Levels::Syslog,
        overrides: &[("host", Role::Slot(Slot::Host)), ("version", Role::Drop)],
        underscored: true,
        ..PLAIN
    },
];

/// The preset of a name.
pub(crate) fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// A key in lower case without separators, which is how spellings of the same key differ.
pub(crate) struct Squeezed {
    bytes: [u8; Squeezed::LONGEST],
    len: usize,
}

impl Squeezed {
    /// Longer than any key of the tables.
    const LONGEST: usize = 48;

    /// `None` for a key that is longer than all that are known.
    pub(crate) fn new(key: &str) -> Option<Self> {
        let mut squeezed = Squeezed { bytes: [0; Squeezed::LONGEST], len: 0 };
        for byte in key.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b' ')) {
            *squeezed.bytes.get_mut(squeezed.len)? = byte.to_ascii_lowercase();
            squeezed.len += 1;
        }
        Some(squeezed)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The role of a key by the table, and its place among the keys of that role.
pub(crate) fn role(key: &Squeezed) -> Option<(Role, u8)> {
    static ROLES: LazyLock<HashMap<Vec<u8>, (Role, u8)>> = LazyLock::new(|| {
        let mut roles = HashMap::new();
        for (role, keys) in TABLE {
            // Place 0 is that of keys that configuration names.
            for (key, place) in keys.iter().zip(1..) {
                let squeezed = Squeezed::new(key).expect("keys of the table are shorter than Squeezed::LONGEST");
                roles.entry(squeezed.as_bytes().to_vec()).or_insert((*role, place));
            }
        }
        roles
    });
    ROLES.get(key.as_bytes()).copied()
}

/// The role that a name of a column or attribute stands for in a configured key map. `None` is an attribute's name.
pub(crate) fn canonical(name: &str) -> Option<Role> {
    let role = match name {
        "time" => Role::Slot(Slot::Time),
        "severity_text" | "severity" | "level" => Role::Slot(Slot::Severity),
        "severity_number" => Role::Slot(Slot::SeverityNumber),
        "body" | "message" => Role::Slot(Slot::Body),
        "event_name" => Role::Slot(Slot::EventName),
        "service_name" | "service" => Role::Slot(Slot::ServiceName),
        "service_namespace" => Role::Slot(Slot::ServiceNamespace),
        "service_version" => Role::Slot(Slot::ServiceVersion),
        "service_instance_id" => Role::Slot(Slot::ServiceInstance),
        "deployment_environment_name" => Role::Slot(Slot::Environment),
        "host_name" => Role::Slot(Slot::Host),
        "scope_name" => Role::Slot(Slot::Logger),
        "exception.type" => Role::Slot(Slot::ExceptionType),
        "exception.message" => Role::Slot(Slot::ExceptionMessage),
        "exception.stacktrace" => Role::Slot(Slot::Stacktrace),
        "trace_id" => Role::Id("trace_id"),
        "span_id" => Role::Id("span_id"),
        "traceparent" => Role::Id("traceparent"),
        "correlation_id" => Role::Id("correlation_id"),
        _ => return None,
    };
    Some(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_key_are_one() {
        for key in ["log.level", "LogLevel", "log_level", "LOG-LEVEL"] {
            let (role, _) = role(&Squeezed::new(key).unwrap()).unwrap();
            assert_eq!(role, Role::Slot(Slot::Severity), "{key}");
        }
        assert!(role(&Squeezed::new("colour").unwrap()).is_none());
        assert!(Squeezed::new(&"k".repeat(1000)).is_none());
    }

    #[test]
    fn no_key_of_the_table_has_two_roles() {
        let mut seen = HashMap::new();
        for (role, keys) in TABLE {
            for key in *keys {
                let squeezed = Squeezed::new(key).unwrap().as_bytes().to_vec();
                if let Some(other) = seen.insert(squeezed, role) {
                    assert_eq!(other, role, "{key}");
                }
            }
        }
    }

    /// The table as the reference shows it.
    fn reference() -> String {
        let name = |role: &Role| match role {
            Role::Slot(slot) => match slot {
                Slot::Time => "`time`",
                Slot::Seconds => "`time`, its seconds",
                Slot::NanosOfSecond => "`time`, nanoseconds of that second",
                Slot::Severity => "`severity_text`, `severity_number`",
                Slot::SeverityNumber => "`severity_number` where the text names none",
                Slot::Body => "`body`",
                Slot::Template => "`body` as a template, rendered where nothing above is there",
                Slot::EventName => "`event_name`",
                Slot::ServiceName => "`service_name`",
                Slot::ServiceNamespace => "`service_namespace`",
                Slot::ServiceVersion => "`service_version`",
                Slot::ServiceInstance => "`service_instance_id`",
                Slot::Environment => "`deployment_environment_name`",
                Slot::Host => "`host_name`",
                Slot::Logger | Slot::LoggerOrService => "`scope_name`",
                Slot::ExceptionType => "attribute `exception.type`",
                Slot::ExceptionMessage => "attribute `exception.message`",
                Slot::Stacktrace => "attribute `exception.stacktrace`",
            }
            .to_owned(),
            Role::Attribute(name) => format!("attribute `{name}`"),
            Role::Id(_) => "`span_id`".to_owned(),
            Role::GoogleTrace => "`trace_id`, as `projects/<name>/traces/<id>`".to_owned(),
            Role::Hoist => "nothing: its members count as if they stood beside it".to_owned(),
            Role::Drop => "nothing: left out".to_owned(),
        };
        let mut text = String::from("| becomes | keys |\n|---|---|\n");
        for (role, keys) in TABLE {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            text.push_str(&format!("| {} | {} |\n", name(role), keys.join(" ")));
        }
        text
    }

    #[test]
    fn the_reference_shows_the_table() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/formats/json.md");
        let page = std::fs::read_to_string(page).unwrap();
        let table = reference();
        assert!(page.contains(&table), "docs/reference/formats/json.md should have this table:\n{table}");
        for preset in &PRESETS {
            assert!(page.contains(&format!("`{}`", preset.name)), "{}", preset.name);
        }
    }

    #[test]
    fn presets_have_names_of_their_own() {
        for (position, one) in PRESETS.iter().enumerate() {
            assert_eq!(PRESETS.iter().position(|other| other.name == one.name), Some(position), "{}", one.name);
        }
    }
}
