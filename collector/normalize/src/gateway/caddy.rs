//! Caddy's logs, JSON: access records, and the lines of the server itself.

use std::sync::Arc;

use super::fields::{
    go_duration, integer, not_a, not_a_time, other_format, set_host, set_protocol, set_target, status,
    takes_no_log_format, text, without_port,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    json::{Object, Value},
    record::{LogRecord, Output, RequestRecord, Text},
    time,
};

const NAME: &str = "caddy";

/// A duration that is a whole number is one of seconds below this, and of nanoseconds from it on.
const NANOS_FROM: i64 = 10_000;

/// Caddy's log.
///
/// # Errors
/// When options are given that do not apply.
pub fn caddy(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format(NAME, options)?;
    Ok(Arc::new(Caddy))
}

#[derive(Debug)]
struct Caddy;

impl Format for Caddy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let object = Object::parse(line)?;
        let Some(Value::Text(logger)) = object.members.iter().find(|(key, _)| key == "logger").map(|(_, value)| value)
        else {
            return Err(other_format("the JSON object has no logger"));
        };
        let has_request = object.members.iter().any(|(key, value)| key == "request" && value.object().is_some());
        if has_request && logger.starts_with("http.log.access") {
            output.requests.push(access_record(object, context)?);
        } else if matches!(logger.split('.').next(), Some("http" | "tls" | "admin" | "pki" | "events")) {
            output.logs.push(log_record(object, context)?);
        } else {
            return Err(other_format("the logger is none of Caddy's"));
        }
        Ok(())
    }
}

/// Reads an access record. Its time is that of writing, when the request was over.
fn access_record<'a>(object: Object<'a>, context: &LineContext<'a>) -> Result<RequestRecord<'a>, LineError> {
    let mut record = RequestRecord::new(NAME);
    for (key, value) in object.members {
        match (&*key, value) {
            ("ts", value) => record.end_time = Some(instant(&value, context)?),
            ("duration", value) => record.duration_ns = duration(&value)?,
            ("status", value) => record.status = status("status", &value)?,
            ("size", value) => record.response_bytes = integer("size", &value)?,
            ("bytes_read", value) => record.request_bytes = integer("bytes_read", &value)?,
            ("request", Value::Object(request)) => set_request(&mut record, request),
            ("resp_headers", Value::Object(headers)) => set_response_headers(&mut record, headers),
            ("level" | "logger" | "msg" | "common_log", _) => {}
            ("upstream" | "upstream_hostport", value) => record.upstream_address = text(value),
            (_, Value::Object(object)) => object.for_each_flat(&mut |inner, value| {
                record.attribute(format!("caddy.{key}.{inner}"), value);
            }),
            (_, value) => {
                if let Some(value) = text(value)
                    && !record.ids.offer(&key, &value)
                {
                    record.attribute(format!("caddy.{key}"), value);
                }
            }
        }
    }
    Ok(record)
}

fn set_request<'a>(record: &mut RequestRecord<'a>, request: Object<'a>) {
    let mut remote = None;
    for (key, value) in request.members {
        match (&*key, value) {
            ("headers", Value::Object(headers)) => set_request_headers(record, headers),
            ("tls", Value::Object(tls)) => {
                if let Some(name) = tls.text("server_name") {
                    record.attribute("tls.client.server_name", name);
                }
                if let Some(version) = tls.text("version") {
                    record.attribute("tls.protocol.version", version);
                }
            }
            (_, value) => {
                let Some(value) = text(value) else { continue };
                match &*key {
                    "method" => record.method = Some(value),
                    "uri" => set_target(record, &value),
                    "host" => set_host(record, &value),
                    "proto" => set_protocol(record, &value),
                    "client_ip" => record.client_address = Some(value),
                    // The peer, which may be a proxy. Caddy before 2.5 has it in one with the port.
                    "remote_ip" => remote = Some(value),
                    "remote_addr" => remote = Some(without_port(&value)),
                    _ => {}
                }
            }
        }
    }
    if record.client_address.is_none() {
        record.client_address = remote;
    }
}

fn set_request_headers<'a>(record: &mut RequestRecord<'a>, headers: Object<'a>) {
    for (name, value) in headers.members {
        if let Some(value) = first(value) {
            if name.eq_ignore_ascii_case("user-agent") {
                record.user_agent = Some(value);
            } else {
                record.ids.offer(&name, &value);
            }
        }
    }
}

/// Of the response's headers those count that hold ids.
fn set_response_headers<'a>(record: &mut RequestRecord<'a>, headers: Object<'a>) {
    for (name, value) in headers.members {
        if let Some(value) = first(value) {
            record.ids.offer(&name, &value);
        }
    }
}

/// Reads a line of the server's own log, such as those of `http.log.error`.
fn log_record<'a>(object: Object<'a>, context: &LineContext<'a>) -> Result<LogRecord<'a>, LineError> {
    let mut record = LogRecord::default();
    for (key, value) in object.members {
        match (&*key, value) {
            ("ts", value) => record.time = Some(instant(&value, context)?),
            ("level", value) => {
                let level = value.into_text();
                record.severity_number = severity(&level);
                record.severity_text = Some(level);
            }
            ("logger", value) => record.scope_name = Some(value.into_text()),
            ("msg", value) => record.body = Some(value.into_text()),
            (_, Value::Object(object)) => object.for_each_flat(&mut |inner, value| {
                let id = key == "request" && inner.starts_with("headers.") && offer_header(&mut record, &inner, &value);
                if !id {
                    record.attribute(format!("{key}.{inner}"), value);
                }
            }),
            ("status", value) => record.attribute("http.response.status_code", value.into_text()),
            (_, value) => {
                if let Some(value) = text(value)
                    && !record.ids.offer(&key, &value)
                {
                    record.attribute(key, value);
                }
            }
        }
    }
    Ok(record)
}

/// Takes the id in a header, which stands as a list of one in JSON.
fn offer_header<'a>(record: &mut LogRecord<'a>, key: &str, value: &Text<'a>) -> bool {
    let name = &key["headers.".len()..];
    let id = value.trim_start_matches("[\"").trim_end_matches("\"]");
    record.ids.offer(name, &Text::Owned(id.to_owned()))
}

fn severity(level: &str) -> Option<i32> {
    match level {
        "debug" => Some(5),
        "info" => Some(9),
        "warn" => Some(13),
        "error" => Some(17),
        "panic" | "fatal" | "dpanic" => Some(21),
        _ => None,
    }
}

/// `ts`: seconds since the epoch, or by `time_format` another number since the epoch or a text.
fn instant(value: &Value<'_>, context: &LineContext<'_>) -> Result<i64, LineError> {
    let shown = value.to_text().unwrap_or_default();
    time::epoch_guess(&shown)
        .or_else(|| time::iso8601(&shown, context.zone))
        .or_else(|| time::slashed(&shown, context.zone))
        .or_else(|| time::common_log(&shown))
        .ok_or_else(|| not_a_time(&shown))
}

/// Seconds, or by `duration_format` nanoseconds or Go's text.
fn duration(value: &Value<'_>) -> Result<Option<i64>, LineError> {
    let nanos = match value {
        Value::Null => return Ok(None),
        Value::Integer(number) if *number >= NANOS_FROM => Some(*number),
        Value::Integer(_) | Value::Float(_) => time::decimal(&value.to_string(), 9),
        Value::Text(text) => go_duration(text).or_else(|| time::decimal(text, 9)),
        _ => None,
    };
    nanos.map(Some).ok_or_else(|| not_a("duration", "a duration", value))
}

/// A header's value; the first where there are several.
fn first(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::List(values) => values.into_iter().next().and_then(text),
        value => text(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{format::LineReason, gateway::reading};

    fn format() -> Arc<dyn Format> {
        caddy(&FormatOptions::default()).unwrap()
    }

    #[test]
    fn access_records() {
        let line = r#"{"level":"error","ts":1800000000.5,"logger":"http.log.access.shop","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"4100","client_ip":"198.51.100.7","proto":"HTTP/2.0","method":"GET","host":"shop.example:8443","uri":"/api/cart?x=1","headers":{"User-Agent":["curl/8"],"X-Request-Id":["req-1-8f3b5a60"],"Authorization":[]},"tls":{"version":772,"server_name":"shop.example"}},"bytes_read":12,"user_id":"","duration":0.25,"size":34,"status":502,"resp_headers":{"Server":["Caddy"]},"traceID":"4bf92f3577b34da6a3ce929d0e0e4736"}"#;
        let record = reading::request(&*format(), line);
        assert_eq!((record.start_time, record.end_time), (None, Some(1_800_000_000_500_000_000)));
        assert_eq!((record.duration_ns, record.status), (Some(250_000_000), Some(502)));
        assert_eq!((record.request_bytes, record.response_bytes), (Some(12), Some(34)));
        assert_eq!(
            (record.client_address.as_deref(), record.path.as_deref()),
            (Some("198.51.100.7"), Some("/api/cart"))
        );
        assert_eq!(
            (record.server_address.as_deref(), record.user_agent.as_deref()),
            (Some("shop.example"), Some("curl/8"))
        );
        assert_eq!(record.ids.correlation, ["req-1-8f3b5a60"]);
        assert_eq!(record.ids.trace_id.map(|id| id[0]), Some(0x4b));
        assert_eq!(reading::attribute(&record, "network.protocol.version"), Some("2"));
    }

    #[test]
    fn times_and_durations_in_each_form() {
        for (ts, duration, end, nanos) in [
            ("1800000000.000001", "0.000002701", 1_800_000_000_000_001_000, 2_701),
            ("1800000000500", "\"1.5ms\"", 1_800_000_000_500_000_000, 1_500_000),
            ("\"2027-01-15T08:00:00Z\"", "782670468", 1_800_000_000_000_000_000, 782_670_468),
            ("\"2027/01/15 08:00:00\"", "2", 1_800_000_000_000_000_000, 2_000_000_000),
            ("\"15/Jan/2027:08:00:00 +0000\"", "\"0.5\"", 1_800_000_000_000_000_000, 500_000_000),
        ] {
            let line = format!(
                r#"{{"ts":{ts},"logger":"http.log.access","msg":"handled request","request":{{"remote_addr":"[fd00::1]:99","uri":"/"}},"duration":{duration},"status":0}}"#
            );
            let record = reading::request(&*format(), &line);
            assert_eq!((record.end_time, record.duration_ns), (Some(end), Some(nanos)), "{line}");
            assert_eq!((record.status, record.client_address.as_deref()), (None, Some("fd00::1")));
        }
    }

    #[test]
    fn lines_of_the_server_become_logs() {
        let line = r#"{"level":"error","ts":1800000000.5,"logger":"http.log.error.shop","msg":"no upstreams available","request":{"method":"GET","uri":"/a","headers":{"X-Request-Id":["req-1-8f3b5a60"]}},"duration":0.1,"status":503,"err_id":"a1","err_trace":"reverseproxy.go:1"}"#;
        let log = reading::log(&*format(), line);
        assert_eq!((log.severity_number, log.time), (Some(17), Some(1_800_000_000_500_000_000)));
        assert_eq!(log.body.as_deref(), Some("no upstreams available"));
        assert_eq!(log.scope_name.as_deref(), Some("http.log.error.shop"));
        assert_eq!(log.ids.correlation, ["req-1-8f3b5a60"]);
        assert!(log.attributes.iter().any(|(key, value)| key == "request.uri" && value == "/a"));
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, reason) in [
            (r#"{"level":"info","ts":1800000000.5,"logger":"main","msg":"x"}"#, LineReason::Format),
            (r#"{"level":"info","msg":"x"}"#, LineReason::Format),
            ("plain", LineReason::Format),
            (r#"{"logger":"http.log.access","request":{},"ts":"soon"}"#, LineReason::Time),
            (r#"{"logger":"http.log.access","request":{},"ts":1,"duration":"x"}"#, LineReason::Field),
        ] {
            assert_eq!(reading::refusal(&*format(), line), reason, "{line}");
        }
    }

    #[test]
    fn the_sample_data_gives_what_it_should() {
        let Some(lines) = reading::sample("crowdsec/tests/caddy-logs/caddy-logs.log") else { return };
        let (access, other): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains("http.log.access"));
        assert_eq!((access.len(), other.len()), (10, 1));
        // A status of 0 says that there was no response, and is none in `requests`.
        let statuses = [None, None, None, None, None, None, None, Some(401), Some(401), Some(200)];
        for (position, (line, status)) in access.into_iter().zip(statuses).enumerate() {
            let record = reading::request(&*format(), line);
            let client = if (3..7).contains(&position) { "172.17.0.1" } else { "127.0.0.1" };
            assert_eq!((record.status, record.client_address.as_deref()), (status, Some(client)), "{line}");
            assert_eq!((record.method.as_deref(), record.path.as_deref()), (Some("GET"), Some("/")));
            assert!(record.user_agent.as_deref().is_some_and(|agent| agent.starts_with("curl/7.")));
            assert!(record.end_time.is_some() && record.duration_ns.is_some());
        }
        assert_eq!(reading::log(&*format(), other[0]).body.as_deref(), Some("selected upstream"));
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "\\PC{0,120}", number in any::<f64>()) {
            reading::survives(&*format(), &line);
            for logger in ["http.log.access", "http.log.error"] {
                let record = serde_json::json!({
                    "logger": logger, "ts": number, "duration": line,
                    "request": {"uri": line, "host": line, "headers": {"traceparent": [line], "X-Request-Id": line}},
                });
                reading::survives(&*format(), &record.to_string());
            }
        }
    }
}
