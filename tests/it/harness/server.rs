//! A running server, and what it leaves behind.

use std::path::PathBuf;

use opentelemetry_proto::tonic::collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest};
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::{
    Export, Finished, Partial, Process, RawAnswer, Refused, Rows, Transport, eventually,
    export::{self, HttpRefusal},
    grpc, run,
};

/// `spandrel serve` (or `demo`) over its own directory.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) otlp_grpc: String,
    pub(crate) otlp_http: String,
    pub(crate) http: String,
    client: reqwest::Client,
    channel: Channel,
    site: Site,
}

/// Where a server was, and how to start it there again.
#[derive(Debug)]
pub(crate) struct Stopped {
    site: Site,
}

#[derive(Debug)]
struct Site {
    directory: TempDir,
    arguments: Vec<String>,
}

impl Server {
    /// Starts `spandrel serve` with `arguments` besides the ones for directory and addresses.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_command("serve", arguments).await
    }

    /// Starts `spandrel serve` or `spandrel demo`.
    pub(crate) async fn start_command(command: &str, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let mut all: Vec<String> = vec![command.to_owned()];
        for (flag, value) in [
            ("--data-dir", path("data")),
            ("--otlp-grpc", "127.0.0.1:0".to_owned()),
            ("--otlp-http", "127.0.0.1:0".to_owned()),
            ("--http", "127.0.0.1:0".to_owned()),
            ("--addresses-file", path("addresses.json")),
        ] {
            // A test may bring its own.
            if !arguments.contains(&flag) {
                all.extend([flag.to_owned(), value]);
            }
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        Stopped { site: Site { directory, arguments: all } }.start().await
    }

    /// A file or directory beside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.site.directory.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The result of a statement, which must be a good one.
    pub(crate) async fn sql(&self, statement: &str) -> Rows {
        let response = self.ask(statement).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, 200, "{statement}: {body}");
        Rows::parse(&serde_json::from_str(&body).unwrap())
    }

    /// The HTTP answer to a statement.
    pub(crate) async fn ask(&self, statement: &str) -> reqwest::Response {
        let request = self.client.post(self.url("/api/v1/sql")).json(&serde_json::json!({"sql": statement}));
        request.send().await.unwrap()
    }

    pub(crate) async fn count(&self, table: &str, condition: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {table} WHERE {condition}")).await.count()
    }

    pub(crate) async fn export<R: Export>(&self, transport: Transport, request: R) -> Result<Partial, Refused> {
        export::export(self, transport, request).await
    }

    /// Sends what is to be taken whole, without remarks.
    pub(crate) async fn send<R: Export>(&self, transport: Transport, request: R) {
        let partial = self.export(transport, request).await.unwrap();
        assert_eq!(partial, Partial::default(), "{transport:?}");
    }

    pub(crate) async fn send_spans(&self, request: ExportTraceServiceRequest) {
        self.send(Transport::Grpc(None), request).await;
    }

    pub(crate) async fn send_logs(&self, request: ExportLogsServiceRequest) {
        self.send(Transport::Grpc(None), request).await;
    }

    pub(crate) async fn post_otlp(
        &self,
        signal: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self.client.post(format!("http://{}/v1/{signal}", self.otlp_http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).send().await
    }

    /// What the server says to a body over HTTP that it must refuse.
    pub(crate) async fn refusal(&self, signal: &str, headers: &[(&str, &str)], body: Vec<u8>) -> HttpRefusal {
        export::refusal(self, signal, headers, body).await
    }

    /// Calls a gRPC method with a body as it is.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> RawAnswer {
        grpc::call(self.channel(), path, headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// The value of a series in `/metrics`, named as it stands there; a series that is not there is zero.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    pub(crate) async fn kill9(mut self) -> Stopped {
        self.process.kill9();
        Stopped { site: self.site }
    }

    /// Stops the server as an operator would.
    pub(crate) async fn terminate(mut self) -> Stopped {
        let status = self.process.terminate().await;
        assert_eq!(status.code(), Some(0), "{}", self.process.log());
        Stopped { site: self.site }
    }
}

impl Stopped {
    pub(crate) async fn start(self) -> Server {
        let file = self.site.directory.path().join("addresses.json");
        // That of an earlier start would be mistaken for this one's.
        let _ = std::fs::remove_file(&file);
        let mut process = Process::start(&self.site.arguments, &self.site.directory.path().join("log"));
        let addresses: Value = eventually("the server writes its addresses", async || {
            if let Some(status) = process.exited() {
                panic!("the server ended with {status}:\n{}", process.log());
            }
            let text = std::fs::read_to_string(&file).ok()?;
            Some(serde_json::from_str(&text).unwrap())
        })
        .await;
        let address = |name: &str| addresses[name].as_str().unwrap().to_owned();
        let otlp_grpc = address("otlp_grpc");
        Server {
            process,
            channel: Endpoint::from_shared(format!("http://{otlp_grpc}")).unwrap().connect_lazy(),
            otlp_grpc,
            otlp_http: address("otlp_http"),
            http: address("http"),
            client: reqwest::Client::new(),
            site: self.site,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.site.directory.path().join(name)
    }

    /// Runs a statement over the directory, with no server.
    pub(crate) fn sql(&self, statement: &str) -> Rows {
        let finished = self.run_sql(statement);
        assert_eq!(finished.code, Some(0), "{statement}: {}", finished.stderr);
        Rows::parse(&serde_json::from_slice(&finished.stdout).unwrap())
    }

    pub(crate) fn run_sql(&self, statement: &str) -> Finished {
        let data_dir = self.path("data").display().to_string();
        run(&["sql", "--data-dir", &data_dir, "--format", "json", statement])
    }
}
