//! `POST /api/v1/logs/{format}`: lines, NDJSON or a JSON array of objects as the body.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, RETRY_AFTER},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use spandrel_normalize::{
    batch::{LineBatch, LineCounts, Normalized},
    envelope::Envelope,
    format::{Format, FormatOptions, LineContext, LineError, LineReason},
    multiline::Rule,
    time::zone,
};
use spandrel_proto::model::Clock;

use super::{
    super::{admission::Admission, admission::Charge, body::read_body, compression::Compression, error::ReceiveError},
    assembler::Assembler,
    config::FormatFactory,
    sink::LineSink,
    stats::SourceStats,
};

/// Bodies up to this are read where they arrive; larger ones on a thread that may block.
const INLINE_BYTES: usize = 512 * 1024;

/// What the lines of one request may become in memory, roughly.
const MAX_EXPANDED_BYTES: usize = 48 * 1024 * 1024;

fn is_too_large(batch: &LineBatch) -> bool {
    batch.expanded_bytes() > MAX_EXPANDED_BYTES
}

/// What receives lines over HTTP.
#[expect(missing_debug_implementations, reason = "it holds only what others hand in")]
pub struct HttpLines {
    pub formats: Arc<dyn FormatFactory>,
    pub sink: Arc<dyn LineSink>,
    pub clock: Arc<dyn Clock>,
    /// Shared with the other receivers.
    pub admission: Admission,
    pub max_request_bytes: usize,
    pub max_decompressed_bytes: usize,
    pub max_line_bytes: usize,
    pub stats: Arc<SourceStats>,
}

/// What the query says of the lines.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    service: Option<String>,
    timezone: Option<String>,
    log_format: Option<String>,
    escape: Option<String>,
    envelope: Option<String>,
    multiline: Option<String>,
    /// Names the lines in `rejects`.
    source: Option<String>,
}

/// Why lines were not taken.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into(), retry_after: None }
    }
}

/// Lines whose format is known.
struct Lines {
    format: Arc<dyn Format>,
    assembler: Assembler,
    zone: TimeZone,
    service: Option<String>,
    source: String,
    compression: Compression,
    body: Bytes,
    charge: Charge,
}

/// The route of lines over HTTP. An answer says 200 only when the lines are durable (D-1).
pub fn lines_router(lines: Arc<HttpLines>) -> Router {
    Router::new().route("/api/v1/logs/{format}", post(receive)).with_state(lines)
}

async fn receive(
    State(lines): State<Arc<HttpLines>>,
    Path(format): Path<String>,
    query: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let parameters = query.map_err(|rejection| Refusal::invalid("invalid_parameter", rejection.body_text()));
    let taken = match parameters {
        Ok(Query(parameters)) => lines.take(&format, parameters, &headers, body).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok((format, counts)) => accepted(format, &counts),
        Err(refusal) => refused(&refusal, &headers),
    }
}

impl HttpLines {
    async fn take(
        self: &Arc<Self>,
        format: &str,
        parameters: Parameters,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(&'static str, LineCounts), Refusal> {
        let options =
            FormatOptions { log_format: parameters.log_format, escape: parameters.escape, ..FormatOptions::default() };
        let format = self
            .formats
            .format(format, &options)
            .map_err(|error| Refusal::invalid("invalid_format", error.to_string()))?;
        let zone = parameters.timezone.as_deref().map_or(Ok(TimeZone::UTC), zone);
        let zone = zone.map_err(|problem| Refusal::invalid("invalid_timezone", format!("timezone: {problem}")))?;
        let envelope =
            parameters.envelope.as_deref().map_or(Some(Envelope::Auto), Envelope::parse).ok_or_else(|| {
                Refusal::invalid("invalid_envelope", "envelope: not one of auto, none, cri, docker, compose and syslog")
            })?;
        let multiline = parameters.multiline.as_deref().map(Rule::parse).transpose();
        let multiline = multiline.map_err(|error| Refusal::invalid("invalid_multiline", error.to_string()))?;
        let encoding = headers.get(CONTENT_ENCODING).map_or(Ok(""), HeaderValue::to_str).unwrap_or("?");
        let compression = Compression::parse(encoding).ok_or_else(|| {
            let supported = "gzip, zstd, deflate, identity";
            Refusal::from(ReceiveError::Compression { given: encoding.to_owned(), supported })
        })?;
        let mut charge = self.admission.begin();
        let body = read_body(headers, body, self.max_request_bytes, &mut charge).await?;
        let service = parameters.service;
        let source = parameters.source.unwrap_or_else(|| "http".to_owned());
        let assembler = Assembler::new(envelope, multiline.as_ref(), self.max_line_bytes);
        let lines = Lines { format, assembler, zone, service, source, compression, body, charge };
        let (normalized, bytes, mut charge) = if lines.body.len() <= INLINE_BYTES {
            self.normalize(lines)?
        } else {
            let this = Arc::clone(self);
            let work = tokio::task::spawn_blocking(move || this.normalize(lines));
            work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?
        };
        let (format, counts) = (normalized.format, normalized.counts);
        let memory = normalized.tables.iter().map(|(_, batch)| batch.get_array_memory_size()).sum();
        charge.replace(memory).map_err(|_| ReceiveError::Busy)?;
        if !normalized.tables.is_empty() {
            self.sink.store(normalized).await.map_err(|error| Refusal {
                status: error
                    .retry_after
                    .map_or(StatusCode::INTERNAL_SERVER_ERROR, |_| StatusCode::SERVICE_UNAVAILABLE),
                code: if error.retry_after.is_some() { "unavailable" } else { "internal" },
                message: error.message,
                retry_after: error.retry_after,
            })?;
        }
        self.stats.count_stored(&counts, bytes);
        Ok((format, counts))
    }

    fn normalize(&self, lines: Lines) -> Result<(Normalized, usize, Charge), Refusal> {
        let Lines { format, assembler, zone, service, source, compression, body, mut charge } = lines;
        let compressed = body.len();
        let body = compression.decompress(body, self.max_decompressed_bytes)?;
        if compression != Compression::Identity {
            charge.grow(body.len().saturating_sub(compressed)).map_err(|_| ReceiveError::Busy)?;
        }
        let context = LineContext {
            received_at: self.clock.now_unix_nano(),
            envelope_time: None,
            zone: &zone,
            service: service.as_deref(),
            host: None,
            program: None,
            severity_number: None,
        };
        let mut batch = LineBatch::new(format, &source, self.max_line_bytes);
        push_body(&body, assembler, &mut batch, &context);
        if is_too_large(&batch) {
            return Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: "too_large",
                message: format!("the lines become more than {MAX_EXPANDED_BYTES} bytes; send fewer at once"),
                retry_after: None,
            });
        }
        let bytes = batch.bytes();
        Ok((batch.finish(), bytes, charge))
    }
}

/// Gives the batch the lines of a body, or the objects of a JSON array.
fn push_body(body: &[u8], mut assembler: Assembler, batch: &mut LineBatch, context: &LineContext<'_>) {
    let trimmed = body.trim_ascii();
    if let Some(elements) = trimmed.strip_prefix(b"[")
        && elements.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b']'))
    {
        return push_array(elements, batch, context);
    }
    // One object over several lines; NDJSON has more than one.
    if trimmed.starts_with(b"{") && trimmed.contains(&b'\n') && serde_json::from_slice::<IgnoredAny>(trimmed).is_ok() {
        return batch.push(trimmed, context);
    }
    for line in body.split(|byte| *byte == b'\n') {
        if is_too_large(batch) {
            return;
        }
        assembler.push(line, 0, batch, context);
    }
    assembler.flush(batch, context);
}

fn push_array(elements: &[u8], batch: &mut LineBatch, context: &LineContext<'_>) {
    let mut rest = elements.trim_ascii_start();
    while !rest.is_empty() && !rest.starts_with(b"]") && !is_too_large(batch) {
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        let Some(Ok(_)) = values.next() else {
            let error = LineError::new(LineReason::Json, "the JSON array is broken from here on");
            return batch.reject(rest, context, error);
        };
        let (element, after) = rest.split_at(values.byte_offset());
        batch.push(element, context);
        rest = after.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    }
}

impl From<ReceiveError> for Refusal {
    fn from(error: ReceiveError) -> Self {
        let status = error.http_status();
        Self { status, code: error.label(), message: error.full_message(), retry_after: error.retry_after() }
    }
}

fn accepted(format: &str, counts: &LineCounts) -> Response {
    let reasons: BTreeMap<_, _> = LineReason::ALL
        .into_iter()
        .zip(counts.rejected)
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.label(), count))
        .collect();
    let (lines, rejected) = (counts.lines, counts.rejected_total());
    let (requests, logs) = (counts.requests, counts.logs);
    Json(json!({
        "lines": lines, "requests": requests, "logs": logs, "rejected": rejected, "reasons": reasons, "format": format,
    }))
    .into_response()
}

fn refused(refusal: &Refusal, headers: &HeaderMap) -> Response {
    let request_id = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let error = json!({
        "code": refusal.code, "message": refusal.message, "details": serde_json::Value::Null, "request_id": request_id,
    });
    let mut response = (refusal.status, Json(json!({ "error": error }))).into_response();
    if let Some(after) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}
