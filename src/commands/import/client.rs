//! Sends lines to a server, and sends them again while it is busy.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use reqwest::{
    StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::Value;

use crate::cli::{Failure, ImportArgs};

/// How often a busy server is asked again, with its own pauses.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What became of lines.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) requests: u64,
    pub(super) logs: u64,
    pub(super) rejected: u64,
    /// Lines by the format they were read as.
    pub(super) formats: BTreeMap<String, u64>,
    pub(super) reasons: BTreeMap<String, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, other: Totals) {
        self.lines += other.lines;
        self.requests += other.requests;
        self.logs += other.logs;
        self.rejected += other.rejected;
        for (format, lines) in other.formats {
            *self.formats.entry(format).or_default() += lines;
        }
        for (reason, lines) in other.reasons {
            *self.reasons.entry(reason).or_default() += lines;
        }
    }

    fn of_answer(answer: &Value) -> Self {
        let count = |name: &str| answer[name].as_u64().unwrap_or_default();
        let lines = count("lines");
        let format = answer["format"].as_str().unwrap_or("unknown").to_owned();
        let reasons = answer["reasons"].as_object().into_iter().flatten();
        Self {
            lines,
            requests: count("requests"),
            logs: count("logs"),
            rejected: count("rejected"),
            formats: BTreeMap::from([(format, lines)]),
            reasons: reasons
                .filter_map(|(reason, lines)| Some((reason.clone(), lines.as_u64().filter(|lines| *lines > 0)?)))
                .collect(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::json!({
            "lines": self.lines, "requests": self.requests, "logs": self.logs, "rejected": self.rejected,
            "formats": self.formats, "reasons": self.reasons,
        })
    }
}

pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Url,
}

impl Client {
    pub(super) fn new(args: &ImportArgs) -> anyhow::Result<Self> {
        let base = args.url.trim_end_matches('/');
        let mut endpoint = Url::parse(&format!("{base}/api/v1/logs/"))
            .and_then(|endpoint| endpoint.join(&args.format))
            .map_err(|error| Failure::Usage(format!("--url {}: {error}", args.url)))?;
        let options = [
            ("log_format", &args.log_format),
            ("escape", &args.escape),
            ("timezone", &args.timezone),
            ("envelope", &args.envelope),
            ("multiline", &args.multiline),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                endpoint.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(Self { http: reqwest::Client::new(), endpoint })
    }

    /// Sends lines until the server has them for good; what is too much for one request in as many as it takes.
    pub(super) async fn send(&self, lines: Vec<u8>, source: &str, service: Option<&str>) -> anyhow::Result<Totals> {
        let mut totals = Totals::default();
        let mut parts = vec![&lines[..]];
        while let Some(part) = parts.pop() {
            let middle = memchr::memchr(b'\n', &part[part.len() / 2..]).map(|end| part.len() / 2 + end + 1);
            match (self.send_part(part, source, service).await?, middle) {
                (Some(sent), _) => totals.add(sent),
                (None, Some(middle)) if middle < part.len() => parts.extend([&part[middle..], &part[..middle]]),
                (None, _) => anyhow::bail!("the server takes no request with a line as long as one here"),
            }
        }
        Ok(totals)
    }

    /// Sends lines in one request; `None` if they are too much for one.
    async fn send_part(&self, lines: &[u8], source: &str, service: Option<&str>) -> anyhow::Result<Option<Totals>> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("source", source);
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let body = bytes::Bytes::from(zstd::encode_all(lines, 1)?);
        for _ in 0..TRIES {
            let request = self.http.post(url.clone()).header(CONTENT_TYPE, "text/plain");
            let response = request
                .header(CONTENT_ENCODING, "zstd")
                .body(body.clone())
                .send()
                .await
                .map_err(|error| Failure::Connection(format!("no answer from {}: {error}", self.endpoint)))?;
            let status = response.status();
            let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            let answer: Value = response.json().await.unwrap_or_default();
            if status.is_success() {
                return Ok(Some(Totals::of_answer(&answer)));
            }
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                return Ok(None);
            }
            if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                return Err(refusal(status, &answer));
            }
            tokio::time::sleep(after.map_or(PAUSE, Duration::from_secs).min(LONGEST_PAUSE)).await;
        }
        Err(anyhow::anyhow!("the server stayed busy")).context(format!("{TRIES} tries"))
    }
}

fn refusal(status: StatusCode, answer: &Value) -> anyhow::Error {
    let message = answer["error"]["message"].as_str().unwrap_or("the answer has no error message");
    if status.is_client_error() {
        return Failure::Usage(message.to_owned()).into();
    }
    anyhow::anyhow!("{status}: {message}")
}
