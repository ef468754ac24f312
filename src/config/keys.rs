//! The keys of the configuration.

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Its path in the YAML file.
    pub(super) path: &'static str,
    pub(super) form: &'static str,
    pub(super) default: &'static str,
    pub(super) meaning: &'static str,
    /// The value is a list or mapping of its own, in YAML.
    pub(super) is_structured: bool,
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(self) -> String {
        format!("SPANDREL_{}", self.path.to_ascii_uppercase().replace('.', "_"))
    }
}

const fn key(path: &'static str, form: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, form, default, meaning, is_structured: false }
}

const fn structured(path: &'static str, form: &'static str, meaning: &'static str) -> Key {
    Key { path, form, default: "", meaning, is_structured: true }
}

const ADDRESS: &str = "address";
const SIZE: &str = "size";
const DURATION: &str = "duration";
const COUNT: &str = "count";

pub(super) const DATA_DIR: &str = "data_dir";
pub(super) const ADDRESSES_FILE: &str = "addresses_file";
pub(super) const INSECURE: &str = "insecure";
pub(super) const OTLP_GRPC_ADDRESS: &str = "otlp.grpc.address";
pub(super) const OTLP_HTTP_ADDRESS: &str = "otlp.http.address";
pub(super) const OTLP_HTTP_CORS_ORIGINS: &str = "otlp.http.cors_origins";
pub(super) const OTLP_MAX_REQUEST: &str = "otlp.max_request_bytes";
pub(super) const OTLP_MAX_DECOMPRESSED: &str = "otlp.max_decompressed_bytes";
pub(super) const OTLP_MAX_INFLIGHT: &str = "otlp.max_inflight_bytes";
pub(super) const HTTP_ADDRESS: &str = "http.address";
pub(super) const DURABILITY: &str = "storage.durability";
pub(super) const FSYNC_INTERVAL: &str = "storage.fsync_interval";
pub(super) const HOT_MAX: &str = "storage.hot_max_bytes";
pub(super) const SEAL_BYTES: &str = "storage.seal_bytes";
pub(super) const SEAL_AGE: &str = "storage.seal_age";
pub(super) const WAL_SEGMENT: &str = "storage.wal_segment_bytes";
pub(super) const WAL_MAX: &str = "storage.wal_max_bytes";
pub(super) const RETENTION: &str = "storage.retention";
pub(super) const MIN_FREE_DISK: &str = "storage.min_free_disk_bytes";
pub(super) const SOURCES: &str = "sources";
pub(super) const CORRELATION_KEYS: &str = "correlation.keys";
pub(super) const CORRELATION_PATTERNS: &str = "correlation.patterns";
pub(super) const SERVICES: &str = "services";
pub(super) const REDACTION_ENABLED: &str = "redaction.enabled";
pub(super) const REDACTION_RULES: &str = "redaction.rules";
pub(super) const QUERY_TIMEOUT: &str = "query.timeout";
pub(super) const QUERY_MEMORY: &str = "query.memory_bytes";
pub(super) const QUERY_TOTAL_MEMORY: &str = "query.total_memory_bytes";
pub(super) const QUERY_RUNNING: &str = "query.running";
pub(super) const QUERY_WAITING: &str = "query.waiting";
pub(super) const ANALYSIS_ENABLED: &str = "analysis.enabled";
pub(super) const DASHBOARDS_PATH: &str = "dashboards.path";
pub(super) const LOG_FORMAT: &str = "log.format";
pub(super) const LOG_FILTER: &str = "log.filter";
pub(super) const SELF_TELEMETRY: &str = "self_telemetry";

/// Every key, in the order of the reference.
pub(super) const KEYS: &[Key] = &[
    key(DATA_DIR, "path", "spandrel-data", "Directory of everything that is kept."),
    key(ADDRESSES_FILE, "path or empty", "", "File that receives the real addresses as JSON once the server is ready."),
    key(
        INSECURE,
        "true or false",
        "false",
        "Allow addresses that other machines can reach, although nobody is asked who they are.",
    ),
    key(OTLP_GRPC_ADDRESS, ADDRESS, "127.0.0.1:4317", "Listener for OTLP over gRPC. Port 0 takes a free one."),
    key(OTLP_HTTP_ADDRESS, ADDRESS, "127.0.0.1:4318", "Listener for OTLP over HTTP."),
    key(
        OTLP_HTTP_CORS_ORIGINS,
        "list of origins, or `*`",
        "",
        "Web origins whose pages may send OTLP over HTTP, such as `https://shop.example`.",
    ),
    key(OTLP_MAX_REQUEST, SIZE, "16MiB", "Largest request body as sent. Larger ones are refused."),
    key(OTLP_MAX_DECOMPRESSED, SIZE, "32MiB", "Largest request body after decompression."),
    key(
        OTLP_MAX_INFLIGHT,
        SIZE,
        "64MiB",
        "Bytes of all requests being worked on. Past it senders are asked to try again.",
    ),
    key(HTTP_ADDRESS, ADDRESS, "127.0.0.1:16686", "Listener for the page, the API, health and metrics."),
    key(
        DURABILITY,
        "fsync, interval or memory",
        "fsync",
        "What an acknowledgement promises: `fsync` survives power loss; `interval` may lose the last \
         `storage.fsync_interval` to a power loss; `memory` may lose whatever the operating system had not written.",
    ),
    key(FSYNC_INTERVAL, DURATION, "100ms", "Loss window of `storage.durability: interval`."),
    key(
        HOT_MAX,
        SIZE,
        "128MiB",
        "Bound on rows in memory. Past it requests wait for room, two seconds and an eighth of it at most; then senders are asked to try again.",
    ),
    key(SEAL_BYTES, SIZE, "32MiB", "A table with this much in memory is written to Parquet files."),
    key(SEAL_AGE, DURATION, "2m", "A table whose oldest row in memory is older is written to Parquet files."),
    key(WAL_SEGMENT, SIZE, "64MiB", "Size at which a segment of the write-ahead log is closed."),
    key(
        WAL_MAX,
        SIZE,
        "1GiB",
        "Size of the write-ahead log past which every table is written out, so that it can be trimmed.",
    ),
    key(RETENTION, "duration or `forever`", "forever", "Whole hours of event time older than this are dropped."),
    key(
        MIN_FREE_DISK,
        SIZE,
        "256MiB",
        "With less free space on the data directory's disk, nothing is accepted and `/ready` fails.",
    ),
    structured(
        SOURCES,
        "list",
        "Files, syslog listeners and standard input to read logs from; see [sources](sources.md).",
    ),
    structured(
        CORRELATION_KEYS,
        "list",
        "Attributes whose value is a correlation id, beside the built-in ones; see [correlation](correlation.md).",
    ),
    structured(
        CORRELATION_PATTERNS,
        "list",
        "Regular expressions with named groups that find correlation ids in messages and paths.",
    ),
    structured(
        SERVICES,
        "mapping",
        "Services by host, address or `address:port`, for gateways' records; see [services](services.md).",
    ),
    key(
        REDACTION_ENABLED,
        "true or false",
        "true",
        "Take credentials, cookies, tokens, card numbers and e-mail addresses in URLs out of everything that is stored, \
         and what `redaction.rules` say; see [redaction](redaction.md).",
    ),
    structured(REDACTION_RULES, "list", "More to take out: `{name, pattern, replacement}`."),
    key(QUERY_TIMEOUT, DURATION, "60s", "Time limit of one query."),
    key(QUERY_MEMORY, SIZE, "96MiB", "Memory limit of one query."),
    key(QUERY_TOTAL_MEMORY, SIZE, "96MiB", "Memory limit of all running queries together."),
    key(QUERY_RUNNING, COUNT, "4", "Queries that run at once. Those of the live analysis do not count."),
    key(QUERY_WAITING, COUNT, "16", "Queries that wait for one of them to end. Past it a query is refused."),
    key(
        ANALYSIS_ENABLED,
        "true or false",
        "true",
        "Keep rollups and look for findings as spans come in; see [analysis](analysis.md). Without it graphs of long \
         ranges are empty, and findings are only there where a range is evaluated.",
    ),
    key(
        DASHBOARDS_PATH,
        "path or empty",
        "",
        "Directory of dashboards beside those that come with the server; see [dashboards](dashboards.md).",
    ),
    key(LOG_FORMAT, "text or json", "text", "Form of the process's own log, on standard error."),
    key(LOG_FILTER, "filter", "info", "What is logged, as in `info,spandrel_store=debug`."),
    key(SELF_TELEMETRY, "true or false", "true", "Store the server's own spans and metrics, as service `spandrel`."),
];

/// The known key nearest to `path`, if one is near.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    KEYS.iter()
        .map(|key| {
            let whole = strsim::jaro_winkler(path, key.path);
            let end = strsim::jaro_winkler(&last(path), &last(key.path)) - 0.02;
            (whole.max(end), key.path)
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, path)| path)
}
