//! Commands and their flags. Help, completions and the reference come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Traces, logs, metrics and access records in open columnar tables: SQL, request flows, service graph and findings.
#[derive(Debug, Parser)]
#[command(name = "spandrel", version, about, long_about = None, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, configuration or statement, 3 no connection to a server."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive, store and answer.
    Serve(ServeArgs),
    /// Start a server in a fresh directory and a simulated shop that sends to it.
    Demo(DemoArgs),
    /// Send log files to a server: access logs, error logs, application logs.
    Import(ImportArgs),
    /// Run one SQL statement, against a server or over a data directory.
    Sql(SqlArgs),
    /// Print the spans of one trace as a tree.
    Trace(TraceArgs),
    /// Print everything that is stored of one request as a tree: spans, gateway records, logs, breaker events.
    Flow(FlowArgs),
    /// Print the service graph of a range, an edge a line, or how two ranges differ.
    Graph(GraphArgs),
    /// Print what is wrong with the shape of the system: what is open, or what a range shows.
    Findings(FindingsArgs),
    /// Send spans to any OTLP endpoint at a given rate and measure how it copes.
    Load(LoadArgs),
    /// Check or describe the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (YAML). None is needed.
    #[arg(long, value_name = "FILE", env = "SPANDREL_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of everything that is kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Address for OTLP over gRPC; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_grpc: Option<String>,
    /// Address for OTLP over HTTP.
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_http: Option<String>,
    /// Address for the page and the API.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// File that receives the real addresses as JSON once the server is ready.
    #[arg(long, value_name = "FILE")]
    pub(crate) addresses_file: Option<String>,
    /// Allow addresses that other machines can reach, although nobody is asked who they are.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Set any configuration key, as in `--set storage.retention=7d`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Seed of the simulation: the same seed makes the same shop.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Requests a second from the shop's customers.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) rate: f64,
    /// Minutes of history to send first.
    #[arg(long, visible_alias = "backfill", default_value_t = 120)]
    pub(crate) history: u32,
    /// What is wrong with the shop, such as `n_plus_one` or `cascade_near_miss`: one after the other, six minutes each.
    /// `all` is one of every kind of finding, `none` a shop with nothing wrong.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "all")]
    pub(crate) scenario: Vec<String>,
    /// Stop the shop after this many minutes past its history; the server stays. Without it the shop goes on.
    #[arg(long)]
    pub(crate) stop_shop_after: Option<u32>,
    /// File that receives the simulation's truth (JSON) when the shop stops.
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, plain or compressed with gzip or zstd; `-` is standard input.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Format of the lines, such as `nginx`, `envoy` or `json`; `auto` finds it from the first lines.
    #[arg(long, default_value = "auto")]
    pub(crate) format: String,
    /// Service that wrote the lines; without it a file named as Kubernetes names pods says it.
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The server's own format string, as in `--format nginx --log-format '$remote_addr ...'`.
    #[arg(long)]
    pub(crate) log_format: Option<String>,
    /// Escaping of nginx: `default`, `json` or `none`.
    #[arg(long)]
    pub(crate) escape: Option<String>,
    /// Zone of times that name none, as in `Europe/Berlin` or `+08:00`; UTC without it.
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    /// What the container runtime put around the lines: `auto`, `none`, `cri`, `docker`, `compose` or `syslog`.
    #[arg(long)]
    pub(crate) envelope: Option<String>,
    /// Rule that joins lines to records: `indented`, or a regular expression that a record's first line matches.
    #[arg(long)]
    pub(crate) multiline: Option<String>,
    /// Server to send to.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Print the totals as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The statement; read from standard input if absent or `-`.
    pub(crate) statement: Option<String>,
    /// Server to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Read this data directory instead, with no server. Refused while a server has it open.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// Trace id: 32 hex digits, or 16 of a 64-bit id.
    pub(crate) id: String,
    /// Server to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Read this data directory instead, with no server.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Beginning of the range: RFC 3339, or relative as in `now-1h`.
    #[arg(long, value_name = "TIME", default_value = "now-1h")]
    pub(crate) from: String,
    /// End of the range, not in it.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(crate) to: String,
    /// Beginning of another range: print what is different in the range since then.
    #[arg(long, value_name = "TIME", requires = "compare_to")]
    pub(crate) compare_from: Option<String>,
    /// End of the other range.
    #[arg(long, value_name = "TIME", requires = "compare_from")]
    pub(crate) compare_to: Option<String>,
    /// Server to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Read this data directory instead, with no server.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct FindingsArgs {
    /// Beginning of the range to evaluate; without one, what the server found as it came in is printed.
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<String>,
    /// End of the range, not in it.
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// Only findings of this kind, such as `N_PLUS_ONE`.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Those that are over, too.
    #[arg(long, conflicts_with = "from")]
    pub(crate) all: bool,
    /// With evidence and SQL.
    #[arg(long)]
    pub(crate) evidence: bool,
    /// Server to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Read this data directory instead, with no server.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct FlowArgs {
    /// Trace id, request id, or any other correlation id of at least 8 characters.
    pub(crate) id: String,
    /// Server to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686", env = "SPANDREL_URL")]
    pub(crate) url: String,
    /// Read this data directory instead, with no server. Refused while a server has it open.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Form of the result: a tree (`table`), the answer of `GET /api/v1/flows/{id}` (`json`), or the rows of `flow('id')`.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Json,
    Ndjson,
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadProtocol {
    Grpc,
    Http,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// OTLP endpoint.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    pub(crate) endpoint: String,
    #[arg(long, value_enum, default_value_t = LoadProtocol::Grpc)]
    pub(crate) protocol: LoadProtocol,
    /// Spans a second; without it as fast as the endpoint answers.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// How long to send, as in `30s`.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) duration: std::time::Duration,
    #[arg(long, default_value_t = 2)]
    pub(crate) connections: usize,
    /// Requests under way at once, over all connections.
    #[arg(long, default_value_t = 8)]
    pub(crate) in_flight: usize,
    /// Spans in one request.
    #[arg(long, default_value_t = 512)]
    pub(crate) batch: usize,
    /// File that receives a line `trace_id spans` for each acknowledged trace.
    #[arg(long, value_name = "FILE")]
    pub(crate) acked_file: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file and the environment; print every problem.
    Check {
        /// Configuration file (YAML); only the environment is checked without one.
        config: Option<PathBuf>,
    },
    /// Print every key with its default and meaning, in Markdown.
    Reference,
}
