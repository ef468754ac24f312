//! Requests inside application logs: access records that web frameworks, loggers and Envoy's OpenTelemetry access logger
//! write as attributes of a log.

mod keys;

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{Array, ArrayRef, BinaryArray, Int64Array, MapArray, StringArray},
    record_batch::RecordBatch,
};
use jiff::tz::TimeZone;
use keys::{Part, part_of};
use spandrel_proto::model::id::{SPAN_ID_LEN, TRACE_ID_LEN};

use crate::{
    format::{Format, FormatOptions, LineContext},
    gateway::envoy,
    ids::{Ids, correlation_key},
    record::{Output, RequestRecord, Side, Text},
    rows::RequestRows,
    time,
};

/// Loggers of HTTP clients, whose records are of requests that the service sent and not of those that it served.
const CLIENT_LOGGERS: [&str; 2] = ["System.Net.Http.HttpClient", "org.apache.hc.client5"];

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// The rows of `requests` for those rows of `logs` that hold an access record: in their attributes a method, a path or
/// URL, and a status or a duration; or as their body a line of Envoy's, as Istio's OpenTelemetry provider sends it.
/// `None` where no row does.
pub fn requests_in_logs(logs: &RecordBatch) -> Option<RecordBatch> {
    let columns = Columns::of(logs)?;
    // The texts of all rows are one buffer: most batches have no key of a method at all, and no such line.
    let has_attributes = holds(columns.keys, b"ethod");
    let has_lines = columns.body.is_some_and(|bodies| holds(bodies, b"] \""));
    let mut rows = RequestRows::default();
    for row in 0..if has_attributes || has_lines { logs.num_rows() } else { 0 } {
        let in_attributes = if has_attributes { columns.request(row) } else { None };
        if let Some(request) = in_attributes.or_else(|| if has_lines { columns.line(row) } else { None }) {
            let gateway = Columns::text(columns.service_name, row).unwrap_or_default();
            rows.push(&request, gateway, columns.time.value(row));
        }
    }
    (!rows.is_empty()).then(|| rows.finish())
}

fn holds(texts: &StringArray, part: &[u8]) -> bool {
    let offsets = texts.value_offsets();
    let edge = |offset: Option<&i32>| offset.and_then(|offset| usize::try_from(*offset).ok()).unwrap_or_default();
    let span = edge(offsets.first())..edge(offsets.last());
    texts.value_data().get(span).is_some_and(|bytes| memchr::memmem::find(bytes, part).is_some())
}

/// The text layouts of Envoy and the meshes built on it, in the order in which they are told apart.
static LINES: LazyLock<Vec<Arc<dyn Format>>> = LazyLock::new(|| {
    let plain = FormatOptions::default();
    [envoy::istio(&plain), envoy::kuma(&plain), envoy::emissary(&plain), envoy::envoy(&plain)]
        .into_iter()
        .map(|format| format.expect("the layouts are built in"))
        .collect()
});
static UTC: TimeZone = TimeZone::UTC;

struct Columns<'b> {
    body: Option<&'b StringArray>,
    time: &'b Int64Array,
    service_name: Option<&'b StringArray>,
    source: Option<&'b StringArray>,
    scope_name: Option<&'b StringArray>,
    correlation_id: Option<&'b StringArray>,
    trace_id: Option<&'b BinaryArray>,
    span_id: Option<&'b BinaryArray>,
    attributes: &'b MapArray,
    keys: &'b StringArray,
    values: &'b StringArray,
}

impl<'b> Columns<'b> {
    fn of(logs: &'b RecordBatch) -> Option<Self> {
        fn column<'b, A: 'static>(logs: &'b RecordBatch, name: &str) -> Option<&'b A> {
            logs.column_by_name(name).map(ArrayRef::as_any).and_then(|column| column.downcast_ref())
        }
        let attributes: &MapArray = column(logs, "attributes")?;
        Some(Self {
            body: column(logs, "body"),
            time: column(logs, "time")?,
            service_name: column(logs, "service_name"),
            source: column(logs, "source"),
            scope_name: column(logs, "scope_name"),
            correlation_id: column(logs, "correlation_id"),
            trace_id: column(logs, "trace_id"),
            span_id: column(logs, "span_id"),
            attributes,
            keys: attributes.keys().as_any().downcast_ref()?,
            values: attributes.values().as_any().downcast_ref()?,
        })
    }

    fn text(column: Option<&'b StringArray>, row: usize) -> Option<&'b str> {
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    fn request(&self, row: usize) -> Option<RequestRecord<'b>> {
        let logger = Self::text(self.scope_name, row).unwrap_or_default();
        if self.attributes.is_null(row) || CLIENT_LOGGERS.iter().any(|client| logger.starts_with(client)) {
            return None;
        }
        let offsets = self.attributes.value_offsets();
        let entries = usize::try_from(offsets[row]).ok()?..usize::try_from(offsets[row + 1]).ok()?;
        if !entries.clone().any(|entry| memchr::memmem::find(self.keys.value(entry).as_bytes(), b"ethod").is_some()) {
            return None;
        }
        let mut found = Found::new(Self::text(self.source, row).unwrap_or_default());
        for entry in entries.filter(|entry| self.values.is_valid(*entry)) {
            found.take(self.keys.value(entry), self.values.value(entry));
        }
        let mut request = found.finish(self.time.value(row))?;
        self.take_ids(row, &mut request.ids);
        Some(request)
    }

    /// The access record that the body is, as a line: `[2026-03-04T12:00:00.000Z] "GET / HTTP/1.1" 200 ...`.
    fn line(&self, row: usize) -> Option<RequestRecord<'b>> {
        let body = Self::text(self.body, row)?;
        let line = body.strip_prefix("ACCESS ").unwrap_or(body);
        if !line.starts_with('[') || line.as_bytes().get(5) != Some(&b'-') {
            return None;
        }
        let context = LineContext {
            received_at: self.time.value(row),
            envelope_time: None,
            zone: &UTC,
            service: Self::text(self.service_name, row),
            host: None,
            program: None,
            severity_number: None,
        };
        let mut request = LINES.iter().find_map(|format| {
            let mut output = Output::default();
            format.parse(body.trim_end(), &context, &mut output).ok()?;
            output.requests.pop()
        })?;
        self.take_ids(row, &mut request.ids);
        Some(request)
    }

    /// The ids that the log is known by go before those that its attributes tell.
    fn take_ids(&self, row: usize, ids: &mut Ids<'b>) {
        fn id<const LEN: usize>(column: Option<&BinaryArray>, row: usize) -> Option<[u8; LEN]> {
            column.filter(|column| column.is_valid(row)).and_then(|column| column.value(row).try_into().ok())
        }
        ids.trace_id = id::<TRACE_ID_LEN>(self.trace_id, row).or(ids.trace_id);
        ids.span_id = id::<SPAN_ID_LEN>(self.span_id, row).or(ids.span_id);
        if let Some(first) = Self::text(self.correlation_id, row) {
            // The column has the form by which ids join; the attribute has it as it was written.
            match ids.correlation.iter().position(|id| correlation_key(id) == first) {
                Some(position) => ids.correlation[..=position].rotate_right(1),
                None => ids.correlation.insert(0, Cow::Borrowed(first)),
            }
        }
    }
}

/// What the attributes of one log say of a request.
struct Found<'b> {
    request: RequestRecord<'b>,
    /// Nanoseconds that one of a number without a unit stands for.
    unit_ns: i64,
    is_envoy: bool,
    url: Option<&'b str>,
}

impl<'b> Found<'b> {
    /// `source` is the format of the log, which tells the unit of its durations.
    fn new(source: &str) -> Self {
        let unit_ns = match source {
            "zap" => time::NANOS_PER_SECOND,
            "slog" => 1,
            _ => time::NANOS_PER_MILLI,
        };
        Self { request: RequestRecord::new("app"), unit_ns, is_envoy: false, url: None }
    }

    fn take(&mut self, key: &'b str, value: &'b str) {
        if value.is_empty() || value == "-" {
            return;
        }
        let Some(part) = part_of(key) else { return self.other(key, value) };
        let request = &mut self.request;
        let text = || Some(Cow::Borrowed(value));
        match part {
            Part::Method if METHODS.iter().any(|method| method.eq_ignore_ascii_case(value)) => {
                request.method = Some(Cow::Owned(value.to_ascii_uppercase()));
            }
            Part::Path if value.starts_with('/') => self.path(value),
            Part::Url => self.url = Some(value),
            Part::Query => request.attribute("url.query", value.trim_start_matches('?')),
            Part::Route => request.route = text(),
            Part::Status if status(value).is_some() => request.status = status(value),
            Part::Duration(unit) => {
                let unit = unit.unwrap_or(self.unit_ns);
                match duration(value, unit) {
                    Some(duration) => request.duration_ns = Some(duration),
                    None => request.attribute(key, value),
                }
            }
            Part::RequestBytes => request.request_bytes = time::decimal(value, 0).filter(|bytes| *bytes >= 0),
            Part::ResponseBytes => request.response_bytes = time::decimal(value, 0).filter(|bytes| *bytes >= 0),
            Part::ClientAddress => request.client_address = Some(Cow::Borrowed(without_port(first_of_list(value)))),
            Part::UserAgent => request.user_agent = text(),
            Part::ServerAddress => request.server_address = Some(Cow::Borrowed(without_port(value))),
            Part::StartTime => match time::iso8601(value, &jiff::tz::TimeZone::UTC) {
                Some(start) => request.start_time = Some(start),
                None => request.attribute(key, value),
            },
            Part::Envoy(part) => {
                self.is_envoy = true;
                self.envoy(part, key, value);
            }
            _ => self.other(key, value),
        }
    }

    fn envoy(&mut self, part: keys::Envoy, key: &'b str, value: &'b str) {
        let request = &mut self.request;
        match part {
            keys::Envoy::Status => request.status = status(value),
            keys::Envoy::Flags => request.response_flags = Some(Cow::Borrowed(value)),
            keys::Envoy::Details => request.attribute(key, value),
            keys::Envoy::UpstreamHost => {
                request.upstream_address = Some(Cow::Borrowed(value.trim_start_matches("tcp://")));
            }
            keys::Envoy::UpstreamCluster => {
                // Istio's clusters are `outbound|<port>|<subset>|<host>` at the caller and `inbound|<port>||` at the callee.
                request.side = match value.split_once('|') {
                    Some(("outbound", _)) => Side::Outbound,
                    Some(("inbound", _)) => Side::Inbound,
                    _ => Side::Edge,
                };
                request.upstream_service =
                    value.rsplit('|').next().filter(|service| !service.is_empty()).map(Cow::Borrowed);
                request.attribute(key, value);
            }
            keys::Envoy::UpstreamTime => {
                request.upstream_duration_ns = time::decimal(value, 6).filter(|duration| *duration >= 0);
            }
            keys::Envoy::FailureReason => request.error = Some(Cow::Borrowed(value)),
        }
    }

    fn path(&mut self, path: &'b str) {
        match path.split_once('?') {
            Some((path, query)) => {
                self.request.path = Some(Cow::Borrowed(path));
                self.request.attribute("url.query", query);
            }
            None => self.request.path = Some(Cow::Borrowed(path)),
        }
    }

    fn other(&mut self, key: &'b str, value: &'b str) {
        let value: Text<'b> = Cow::Borrowed(value);
        let name = key.rsplit_once("headers.").map_or(key, |(_, header)| header);
        if !self.request.ids.offer(name, &value) {
            self.request.attribute(key, value);
        }
    }

    /// The request, if there is one. `logged_at` is its end, but Envoy's records are dated by their start.
    fn finish(mut self, logged_at: i64) -> Option<RequestRecord<'b>> {
        match self.url {
            Some(url) if self.request.path.is_none() => self.url(url),
            Some(url) => self.request.attribute("url.full", url),
            None => {}
        }
        let request = &mut self.request;
        let is_record = request.method.is_some()
            && request.path.is_some()
            && (request.status.is_some() || request.duration_ns.is_some());
        if !is_record {
            return None;
        }
        if self.is_envoy {
            request.source = "envoy";
            request.start_time.get_or_insert(logged_at);
            request.cancelled = request.status.is_none()
                && request.response_flags.as_deref().is_some_and(|flags| flags.split(',').any(|flag| flag == "DC"));
        } else {
            request.side = Side::Inbound;
            if request.start_time.is_none() || request.duration_ns.is_none() {
                request.end_time = Some(logged_at);
            }
            request.cancelled = request.status == Some(499);
        }
        Some(self.request)
    }

    fn url(&mut self, url: &'b str) {
        let Some((_, rest)) = url.split_once("://") else {
            return if url.starts_with('/') { self.path(url) } else { self.request.attribute("url.full", url) };
        };
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if self.request.server_address.is_none() {
            self.request.server_address = Some(Cow::Borrowed(without_port(host)));
        }
        self.path(if path.is_empty() { "/" } else { path });
    }
}

/// A status code of HTTP; 0 and others that are none stand for no response.
fn status(value: &str) -> Option<i32> {
    value.trim().parse().ok().filter(|status| (100..=599).contains(status))
}

/// A duration as a number of units, or with its unit behind it as in `45.2ms`.
fn duration(value: &str, unit_ns: i64) -> Option<i64> {
    let value = value.trim();
    let number_end = value.find(|character: char| !matches!(character, '0'..='9' | '.')).unwrap_or(value.len());
    let unit_ns = match value[number_end..].trim() {
        "" => unit_ns,
        "ns" => 1,
        "us" | "µs" | "μs" => time::NANOS_PER_MICRO,
        "ms" => time::NANOS_PER_MILLI,
        "s" => time::NANOS_PER_SECOND,
        _ => return None,
    };
    // Units are powers of ten, so that the number is read exactly.
    time::decimal(&value[..number_end], unit_ns.ilog10())
}

fn first_of_list(value: &str) -> &str {
    value.split(',').next().unwrap_or(value).trim()
}

fn without_port(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests;
