//! Collects the settings from file, environment and flags, and checks them all.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use spandrel_collector::{Input, ReceiverConfig, SourceConfig};
use spandrel_normalize::enrich::{EnrichConfig, Enricher};
use spandrel_query::Limits;
use spandrel_store::{Durability, StoreConfig};

use super::{
    Config, LogConfig,
    keys::{self, KEYS},
    sources, values,
};

/// Encoded records that wait for the log writer; a request of the largest size fits twice.
const APPEND_QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// Where settings come from; later ones win.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) file: Option<PathBuf>,
    /// Names and values of the process's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Key, value, and the flag that says so.
    pub(crate) flags: Vec<(String, String, String)>,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems(pub(crate) Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the configuration has {} problem{}",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        for problem in &self.0 {
            write!(formatter, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Reads and checks the configuration.
pub(crate) fn load(sources: &Sources) -> Result<Config, Problems> {
    let mut settings = Settings::default();
    if let Some(path) = &sources.file {
        settings.read_file(path, &sources.environment);
    }
    settings.read_environment(&sources.environment);
    for (path, value, flag) in &sources.flags {
        settings.set(path, value.clone(), flag.clone());
    }
    let config = settings.config();
    if settings.problems.is_empty() { Ok(config) } else { Err(Problems(settings.problems)) }
}

struct Setting {
    text: String,
    source: String,
}

#[derive(Default)]
struct Settings {
    settings: BTreeMap<&'static str, Setting>,
    problems: Vec<String>,
}

impl Settings {
    fn set(&mut self, path: &str, text: String, source: String) {
        match KEYS.iter().find(|key| key.path == path) {
            Some(key) => {
                self.settings.insert(key.path, Setting { text, source });
            }
            None => self.unknown(path, &source),
        }
    }

    fn unknown(&mut self, path: &str, source: &str) {
        let hint = keys::nearest(path).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        self.problems.push(format!("{source}: unknown key {path}{hint}"));
    }

    fn read_file(&mut self, path: &Path, environment: &BTreeMap<String, String>) {
        let source = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.problems.push(format!("{source}: cannot be read: {error}")),
        };
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return;
        }
        match serde_saphyr::from_str::<Value>(&text) {
            Ok(Value::Object(root)) => self.flatten("", &Value::Object(root), &source, environment),
            Ok(_) => self.problems.push(format!("{source}: not a mapping of keys to values")),
            Err(error) => self.problems.push(format!("{source}: not YAML: {error}")),
        }
    }

    /// Walks the tree of a file; its depth is that of the known keys, what lies deeper is unknown.
    fn flatten(&mut self, path: &str, value: &Value, source: &str, environment: &BTreeMap<String, String>) {
        let is_section =
            |path: &str| path.is_empty() || KEYS.iter().any(|key| key.path.starts_with(&format!("{path}.")));
        if KEYS.iter().any(|key| key.path == path && key.is_structured) {
            return match substituted(value, environment) {
                Ok(value) => self.set(path, value.to_string(), source.to_owned()),
                Err(problem) => self.problems.push(format!("{source}: {path}: {problem}")),
            };
        }
        match value {
            Value::Object(section) if is_section(path) => {
                for (name, value) in section {
                    let child = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.flatten(&child, value, source, environment);
                }
            }
            Value::Null if is_section(path) => {}
            _ if KEYS.iter().all(|key| key.path != path) => self.unknown(path, source),
            Value::Object(_) => self.problems.push(format!("{source}: {path} is a value, not a section")),
            _ => match scalar(value).and_then(|text| substitute(&text, environment)) {
                Ok(text) => self.set(path, text, source.to_owned()),
                Err(problem) => self.problems.push(format!("{source}: {path}: {problem}")),
            },
        }
    }

    fn read_environment(&mut self, environment: &BTreeMap<String, String>) {
        for (name, value) in environment {
            // These are flags of commands.
            if !name.starts_with("SPANDREL_") || matches!(name.as_str(), "SPANDREL_CONFIG" | "SPANDREL_URL") {
                continue;
            }
            match KEYS.iter().find(|key| key.variable() == *name) {
                Some(key) => self.set(key.path, value.clone(), name.clone()),
                None => {
                    let path = name.trim_start_matches("SPANDREL_").to_ascii_lowercase();
                    let near = keys::nearest(&path).and_then(|near| KEYS.iter().find(|key| key.path == near));
                    let hint = near.map_or_else(String::new, |key| format!("; did you mean {}?", key.variable()));
                    self.problems.push(format!("environment: unknown variable {name}{hint}"));
                }
            }
        }
    }

    fn text(&self, path: &str) -> &str {
        let default = || KEYS.iter().find(|key| key.path == path).map_or("", |key| key.default);
        self.settings.get(path).map_or_else(default, |setting| setting.text.as_str())
    }

    /// The value of a key; one that is wrong becomes a problem, and `fallback` lets the rest be checked.
    fn value<T>(&mut self, path: &str, fallback: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        match parse(self.text(path)) {
            Ok(value) => value,
            Err(problem) => {
                let source = self.settings.get(path).map_or("default", |setting| setting.source.as_str());
                self.problems.push(format!("{source}: {path}: {problem}"));
                fallback
            }
        }
    }

    fn size(&mut self, path: &str) -> usize {
        let bytes = self.value(path, 0, values::size);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn path(&self, path: &str) -> Option<PathBuf> {
        let text = self.text(path);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn config(&mut self) -> Config {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config {
            otlp_grpc: self.value(keys::OTLP_GRPC_ADDRESS, any, values::address),
            otlp_http: self.value(keys::OTLP_HTTP_ADDRESS, any, values::address),
            http: self.value(keys::HTTP_ADDRESS, any, values::address),
            addresses_file: self.path(keys::ADDRESSES_FILE),
            receiver: self.receiver(),
            store: self.store(),
            sources: self.sources(),
            enrich: self.enrich(),
            query: self.query(),
            analysis: self.value(keys::ANALYSIS_ENABLED, true, values::boolean),
            dashboards: self.path(keys::DASHBOARDS_PATH),
            log: LogConfig {
                format: self.value(keys::LOG_FORMAT, super::LogFormat::Text, values::log_format),
                filter: self.value(keys::LOG_FILTER, String::new(), values::log_filter),
            },
            self_telemetry: self.value(keys::SELF_TELEMETRY, true, values::boolean),
        };
        self.check_exposure(&config);
        config
    }

    fn receiver(&mut self) -> ReceiverConfig {
        let defaults = ReceiverConfig::default();
        let config = ReceiverConfig {
            max_request_bytes: self.size(keys::OTLP_MAX_REQUEST),
            max_decompressed_bytes: self.size(keys::OTLP_MAX_DECOMPRESSED),
            max_inflight_bytes: self.size(keys::OTLP_MAX_INFLIGHT),
            decode_limits: defaults.decode_limits,
            cors: self.value(keys::OTLP_HTTP_CORS_ORIGINS, defaults.cors, values::cors_origins),
        };
        if config.max_inflight_bytes < config.max_decompressed_bytes {
            self.problems.push(format!(
                "{}: must be at least {}, or a request of that size could never be taken",
                keys::OTLP_MAX_INFLIGHT,
                keys::OTLP_MAX_DECOMPRESSED
            ));
        }
        config
    }

    fn store(&mut self) -> StoreConfig {
        let interval = self.value(keys::FSYNC_INTERVAL, std::time::Duration::from_millis(100), values::duration);
        let durability = self.value(keys::DURABILITY, Durability::Fsync, |text| match text {
            "fsync" => Ok(Durability::Fsync),
            "interval" => Ok(Durability::Interval(interval)),
            "memory" => Ok(Durability::Memory),
            _ => Err(format!("{text:?} is not one of fsync, interval and memory")),
        });
        let config = StoreConfig {
            data_dir: self.path(keys::DATA_DIR).unwrap_or_default(),
            durability,
            hot_max_bytes: self.size(keys::HOT_MAX),
            seal_bytes: self.size(keys::SEAL_BYTES),
            seal_age: self.value(keys::SEAL_AGE, std::time::Duration::from_secs(1), values::duration),
            wal_segment_bytes: self.size(keys::WAL_SEGMENT) as u64,
            wal_max_bytes: self.size(keys::WAL_MAX) as u64,
            min_free_disk_bytes: self.size(keys::MIN_FREE_DISK) as u64,
            append_queue_bytes: APPEND_QUEUE_BYTES,
            retention: self.value(keys::RETENTION, None, values::retention),
            ..StoreConfig::default()
        };
        if config.seal_bytes > config.hot_max_bytes {
            self.problems.push(format!(
                "{}: must not be larger than {}, or rows would fill memory before they are written out",
                keys::SEAL_BYTES,
                keys::HOT_MAX
            ));
        }
        config
    }

    fn sources(&mut self) -> Vec<SourceConfig> {
        let text = self.text(keys::SOURCES).to_owned();
        sources::sources(&text, &mut self.problems)
    }

    fn enrich(&mut self) -> EnrichConfig {
        let mut text = |path: &str| self.text(path).to_owned();
        let [keys_text, patterns, services, rules] =
            [keys::CORRELATION_KEYS, keys::CORRELATION_PATTERNS, keys::SERVICES, keys::REDACTION_RULES].map(&mut text);
        let config = EnrichConfig {
            redact: self.value(keys::REDACTION_ENABLED, true, values::boolean),
            redaction_rules: sources::redaction_rules(&rules, &mut self.problems),
            services: sources::services(&services, &mut self.problems),
            correlation_keys: sources::correlation_keys(&keys_text, &mut self.problems),
            correlation_patterns: sources::correlation_patterns(&patterns, &mut self.problems),
        };
        if let Err(errors) = Enricher::new(&config) {
            self.problems.extend(errors.iter().map(ToString::to_string));
        }
        config
    }

    fn query(&mut self) -> Limits {
        Limits {
            time: self.value(keys::QUERY_TIMEOUT, std::time::Duration::from_secs(60), values::duration),
            query_memory: self.size(keys::QUERY_MEMORY),
            total_memory: self.size(keys::QUERY_TOTAL_MEMORY),
            running: self.value(keys::QUERY_RUNNING, 1, values::count).max(1),
            waiting: self.value(keys::QUERY_WAITING, 0, values::count),
            ..Limits::default()
        }
    }

    /// Nobody is asked who they are, so only this machine may come in unless that is said to be wanted.
    fn check_exposure(&mut self, config: &Config) {
        if self.value(keys::INSECURE, false, values::boolean) {
            return;
        }
        let listeners = [
            (keys::OTLP_GRPC_ADDRESS, config.otlp_grpc),
            (keys::OTLP_HTTP_ADDRESS, config.otlp_http),
            (keys::HTTP_ADDRESS, config.http),
        ];
        let syslog = config.sources.iter().flat_map(|source| {
            let addresses = match &source.input {
                Input::Syslog(syslog) => [syslog.udp, syslog.tcp, syslog.tls.as_ref().map(|tls| tls.address)],
                Input::File(_) | Input::Stdin(_) => [None; 3],
            };
            addresses.into_iter().flatten().map(|address| (keys::SOURCES, address))
        });
        for (path, address) in listeners.into_iter().chain(syslog) {
            if !address.ip().is_loopback() {
                self.problems.push(format!(
                    "{path}: {address} can be reached from other machines and nobody is asked who they are; \
                     use a loopback address, or say --insecure"
                ));
            }
        }
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(value) => Ok(value.to_string()),
        Value::String(value) => Ok(value.clone()),
        Value::Array(values) => Ok(values.iter().map(scalar).collect::<Result<Vec<_>, _>>()?.join(",")),
        Value::Object(_) => Err("expected a value, found a section".to_owned()),
    }
}

/// [`substitute`] in all texts of a value.
fn substituted(value: &Value, environment: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(substitute(text, environment)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| substituted(item, environment)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), substituted(value, environment)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// Replaces `${env:NAME}` and `${env:NAME:-default}` by the environment's value.
fn substitute(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${env:") {
        let reference = &rest[start + "${env:".len()..];
        let end = reference.find('}').ok_or_else(|| format!("{text:?} has no }} after ${{env:"))?;
        let (name, default) = match reference[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&reference[..end], None),
        };
        let value = environment.get(name).map(String::as_str).or(default);
        out.push_str(&rest[..start]);
        out.push_str(value.ok_or_else(|| format!("the environment variable {name} is not set and has no default"))?);
        rest = &reference[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(yaml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), yaml).unwrap();
        let sources = Sources {
            file: Some(file.path().to_owned()),
            environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            flags: flags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned(), "--set".to_owned()))
                .collect(),
        };
        load(&sources).map_err(|problems| problems.0)
    }

    #[test]
    fn defaults_need_no_file() {
        let config = load(&Sources::default()).unwrap();
        assert_eq!(config.otlp_grpc.to_string(), "127.0.0.1:4317");
        assert_eq!(config.store.durability, Durability::Fsync);
        assert_eq!(config.store.retention, None);
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let yaml = "storage:\n  retention: 7d\n  seal_age: 30s\nquery:\n  running: 2\n";
        let environment = [("SPANDREL_STORAGE_SEAL_AGE", "40s"), ("SPANDREL_QUERY_RUNNING", "3")];
        let config = loaded(yaml, &environment, &[("query.running", "5")]).unwrap();
        assert_eq!(config.store.retention, Some(std::time::Duration::from_secs(7 * 86400)));
        assert_eq!(config.store.seal_age, std::time::Duration::from_secs(40));
        assert_eq!(config.query.running, 5);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_the_nearest_key() {
        let yaml = "storage:\n  retentoin: 7d\n  seal_bytes: lots\notlp:\n  grpc: {adress: x}\n";
        let problems =
            loaded(yaml, &[("SPANDREL_QUERY_TIMEOUTS", "1s")], &[("http.address", "0.0.0.0:1")]).unwrap_err();
        let all = problems.join("\n");
        assert!(all.contains("unknown key storage.retentoin; did you mean storage.retention?"), "{all}");
        assert!(all.contains("storage.seal_bytes: \"lots\" is not a size"), "{all}");
        assert!(all.contains("unknown key otlp.grpc.adress; did you mean otlp.grpc.address?"), "{all}");
        assert!(
            all.contains("unknown variable SPANDREL_QUERY_TIMEOUTS; did you mean SPANDREL_QUERY_TIMEOUT?"),
            "{all}"
        );
        assert!(all.contains("0.0.0.0:1 can be reached from other machines"), "{all}");
        assert_eq!(problems.len(), 5, "{all}");
    }

    #[test]
    fn environment_references_are_replaced() {
        let yaml = "data_dir: ${env:HOME}/data\nhttp:\n  address: 127.0.0.1:${env:PORT:-1234}\n";
        let config = loaded(yaml, &[("HOME", "/home/me")], &[]).unwrap();
        assert_eq!(config.store.data_dir, PathBuf::from("/home/me/data"));
        assert_eq!(config.http.port(), 1234);
        let problems = loaded("data_dir: ${env:NOWHERE}\n", &[], &[]).unwrap_err();
        assert!(problems[0].contains("NOWHERE is not set"), "{problems:?}");
    }
}
