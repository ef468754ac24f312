//! Linkerd's proxy: its access log, JSON or in Apache's form, between the lines of its own log.

use std::{borrow::Cow, sync::Arc};

use super::fields::{
    integer, nanos, not_a_time, other_format, set_host, set_protocol, set_target, status, takes_no_log_format, text,
    without_port,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    ids::IdKind,
    json::{Object, Value},
    kubernetes::service_of_host,
    record::{LogRecord, Output, RequestRecord, Side, Text},
    time,
};

const NAME: &str = "linkerd";

/// Linkerd's access log.
///
/// # Errors
/// When options are given that do not apply.
pub fn linkerd(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format(NAME, options)?;
    Ok(Arc::new(Linkerd))
}

#[derive(Debug)]
struct Linkerd;

impl Format for Linkerd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        if line.starts_with('{') {
            let object = Object::parse(line)?;
            if object.members.iter().any(|(key, _)| key == "client.addr") {
                output.requests.push(json_record(object, context)?);
            } else if is_proxy_log(&object) {
                output.logs.push(json_log(object));
            } else {
                return Err(other_format("the JSON object has no client.addr"));
            }
        } else if let Some(rest) = line.strip_prefix('[') {
            output.logs.push(text_log(rest).ok_or_else(|| other_format("not a line of Linkerd's log"))?);
        } else {
            output.requests.push(apache_record(line, context)?);
        }
        Ok(())
    }
}

/// The proxy logs the requests that it serves for its pod.
fn inbound() -> RequestRecord<'static> {
    RequestRecord { side: Side::Inbound, ..RequestRecord::new(NAME) }
}

fn json_record<'a>(object: Object<'a>, context: &LineContext<'a>) -> Result<RequestRecord<'a>, LineError> {
    let mut record: RequestRecord<'a> = inbound();
    for (key, value) in object.members {
        match &*key {
            "timestamp" => {
                if let Some(value) = text(value) {
                    record.start_time = Some(time::iso8601(&value, context.zone).ok_or_else(|| not_a_time(&value))?);
                }
            }
            "total_ns" => record.duration_ns = nanos("total_ns", &value)?,
            "status" => record.status = status("status", &value)?,
            "request_bytes" => record.request_bytes = integer("request_bytes", &value)?,
            "response_bytes" => record.response_bytes = integer("response_bytes", &value)?,
            _ => {
                if let Some(value) = text(value) {
                    set_text(&mut record, &key, value);
                }
            }
        }
    }
    record.upstream_status = record.status;
    Ok(record)
}

fn set_text<'a>(record: &mut RequestRecord<'a>, key: &str, value: Text<'a>) {
    match key {
        "client.addr" => record.client_address = Some(without_port(&value)),
        "method" => record.method = Some(value),
        "uri" => set_uri(record, &value),
        "version" => set_protocol(record, &value),
        "user_agent" => record.user_agent = Some(value),
        "host" => set_service_host(record, &value),
        // It may be an x-request-id, which is then kept as a correlation id.
        "trace_id" => record.ids.set(IdKind::TraceId, &value),
        _ => record.attribute(format!("linkerd.{key}"), value),
    }
}

/// A URI, whole as HTTP/2 has it or a path.
fn set_uri<'a>(record: &mut RequestRecord<'a>, uri: &Text<'a>) {
    set_target(record, uri);
    if let Some(scheme) = uri.find("://").filter(|_| !uri.starts_with('/')) {
        let rest = &uri[scheme + 3..];
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let host = super::fields::part(uri, scheme + 3..scheme + 3 + end);
        set_service_host(record, &host);
    }
}

fn set_service_host<'a>(record: &mut RequestRecord<'a>, host: &Text<'a>) {
    if host.is_empty() || record.server_address.is_some() {
        return;
    }
    set_host(record, host);
    if let Some((service, namespace)) = service_of_host(host) {
        record.upstream_service = Some(Cow::Owned(service.to_owned()));
        if let Some(namespace) = namespace {
            record.attribute("service.peer.namespace", namespace.to_owned());
        }
    }
}

/// `<client.addr> <client.id> - [<time>] "<method> <uri> <version>" <status>`. Lines without a status had no response.
fn apache_record<'a>(line: &'a str, context: &LineContext<'a>) -> Result<RequestRecord<'a>, LineError> {
    let other = || other_format("not an access record of Linkerd");
    let (client, rest) = line.split_once(' ').ok_or_else(other)?;
    let (id, rest) = rest.split_once(" - [").ok_or_else(other)?;
    let (when, rest) = rest.split_once("] \"").ok_or_else(other)?;
    let (request, code) = rest.rsplit_once('"').ok_or_else(other)?;
    let mut parts = request.splitn(3, ' ');
    let (Some(method), Some(uri), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(other());
    };
    // A time of RFC 3339 tells these lines from Apache's own, and nothing stands behind the status.
    let start = time::iso8601(when, context.zone).ok_or_else(other)?;
    let code = code.trim();
    if id.contains(' ') || code.contains(' ') {
        return Err(other());
    }
    let mut record: RequestRecord<'a> = inbound();
    record.start_time = Some(start);
    record.client_address = Some(without_port(&Cow::Borrowed(client)));
    record.method = Some(Cow::Borrowed(method));
    set_uri(&mut record, &Cow::Borrowed(uri));
    set_protocol(&mut record, &Cow::Borrowed(version));
    record.attribute("linkerd.client.id", id);
    record.status = status("status", &Value::Text(Cow::Borrowed(code)))?;
    record.upstream_status = record.status;
    Ok(record)
}

fn is_proxy_log(object: &Object<'_>) -> bool {
    let target = object.text("target");
    object.get("level").is_some() && target.is_some_and(|target| target.starts_with("linkerd"))
}

/// The proxy's own log as JSON. Its timestamp counts from the start of the proxy, so the envelope's time stands.
fn json_log(object: Object<'_>) -> LogRecord<'_> {
    let mut record = LogRecord::default();
    for (key, value) in object.members {
        match (&*key, value) {
            ("level", value) => set_level(&mut record, value.into_text()),
            ("target", value) => record.scope_name = Some(value.into_text()),
            ("timestamp", value) => record.attribute("linkerd.uptime", value.into_text()),
            ("fields", Value::Object(fields)) => fields.for_each_flat(&mut |name, value| {
                if name == "message" {
                    record.body = Some(value);
                } else {
                    record.attribute(name, value);
                }
            }),
            (_, value) => {
                if let Some(value) = text(value) {
                    record.attribute(key, value);
                }
            }
        }
    }
    record
}

/// `    12.345678s]  WARN ThreadId(01) outbound:proxy{addr=..}: linkerd_app_core: message`, behind the first bracket.
fn text_log(rest: &str) -> Option<LogRecord<'_>> {
    let (uptime, rest) = rest.split_once(']')?;
    let seconds = uptime.trim().strip_suffix('s')?;
    time::decimal(seconds, 9)?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let mut record = LogRecord::default();
    set_level(&mut record, Cow::Borrowed(level));
    record.severity_number?;
    let rest = rest.trim_start();
    let rest = if rest.starts_with("ThreadId(") { rest.split_once(' ')?.1 } else { rest };
    record.attribute("linkerd.uptime", uptime.trim());
    let scope = rest.split(": ").find(|part| part.starts_with("linkerd") && !part.contains([' ', '{']));
    record.scope_name = scope.map(Cow::Borrowed);
    record.body = Some(Cow::Borrowed(rest));
    Some(record)
}

fn set_level<'a>(record: &mut LogRecord<'a>, level: Text<'a>) {
    record.severity_number = match &*level {
        "TRACE" => Some(1),
        "DEBUG" => Some(5),
        "INFO" => Some(9),
        "WARN" => Some(13),
        "ERROR" => Some(17),
        _ => None,
    };
    record.severity_text = Some(level);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{format::LineReason, gateway::reading};

    fn format() -> Arc<dyn Format> {
        linkerd(&FormatOptions::default()).unwrap()
    }

    #[test]
    fn json_records() {
        let line = r#"{"client.addr":"10.2.0.5:41604","client.id":"web.shop.serviceaccount.identity.linkerd.cluster.local","host":"cart.shop.svc.cluster.local:8080","method":"POST","processing_ns":"39500","request_bytes":"12","response_bytes":"19","status":201,"timestamp":"2026-03-01T10:00:00.310424Z","total_ns":"4193205","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","uri":"http://cart.shop.svc.cluster.local:8080/api/cart?x=1","user_agent":"curl/8","version":"HTTP/2.0"}"#;
        let record = reading::request(&*format(), line);
        assert_eq!(record.start_time, reading::nanos("2026-03-01T10:00:00.310424Z"));
        assert_eq!((record.duration_ns, record.status, record.side), (Some(4_193_205), Some(201), Side::Inbound));
        assert_eq!((record.request_bytes, record.response_bytes), (Some(12), Some(19)));
        assert_eq!((record.path.as_deref(), record.client_address.as_deref()), (Some("/api/cart"), Some("10.2.0.5")));
        assert_eq!(record.upstream_service.as_deref(), Some("cart"));
        assert_eq!(record.ids.trace_id.map(|id| id[0]), Some(0x4b));
        assert_eq!(reading::attribute(&record, "service.peer.namespace"), Some("shop"));
        assert_eq!(reading::attribute(&record, "linkerd.processing_ns"), Some("39500"));
    }

    #[test]
    fn records_without_response() {
        let line = r#"{"client.addr":"10.2.0.5:41604","client.id":"-","host":"","method":"GET","processing_ns":"39500","request_bytes":"","timestamp":"2026-03-01T10:00:00.310424Z","trace_id":"","uri":"/","user_agent":"","version":"HTTP/1.1"}"#;
        let record = reading::request(&*format(), line);
        assert_eq!((record.status, record.duration_ns, record.request_bytes), (None, None, None));
    }

    #[test]
    fn the_form_of_apache() {
        let line = r#"10.2.0.5:41604 web.shop.serviceaccount.identity.linkerd.cluster.local - [2026-03-01T10:00:00.310424Z] "GET /api/cart?x=1 HTTP/1.1" 503"#;
        let record = reading::request(&*format(), line);
        assert_eq!((record.status, record.method.as_deref()), (Some(503), Some("GET")));
        assert_eq!(record.path.as_deref(), Some("/api/cart"));
        assert_eq!(record.start_time, reading::nanos("2026-03-01T10:00:00.310424Z"));
        for bad in [
            r#"10.0.0.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5"#,
            r#"10.0.0.1 - - [2026-03-01T10:00:00Z] "GET / HTTP/1.1" 200 5"#,
            r#"{"method":"GET","status":200}"#,
            "plain words",
            "[not a log]",
        ] {
            assert_eq!(reading::refusal(&*format(), bad), LineReason::Format, "{bad}");
        }
    }

    #[test]
    fn the_log_of_the_proxy() {
        for line in [
            "[    12.345678s]  WARN ThreadId(01) outbound:proxy{addr=10.0.0.1:80}: linkerd_app_core::breaker: Consecutive failure-accrual breaker closed",
            r#"{"timestamp":"[    12.345678s]","level":"WARN","fields":{"message":"Consecutive failure-accrual breaker closed"},"target":"linkerd_app_core::breaker","threadId":"ThreadId(1)"}"#,
        ] {
            let log = reading::log(&*format(), line);
            assert_eq!((log.severity_number, log.time), (Some(13), None), "{line}");
            assert_eq!(log.scope_name.as_deref(), Some("linkerd_app_core::breaker"), "{line}");
            assert!(log.body.unwrap().ends_with("breaker closed"), "{line}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "\\PC{0,120}", inside in "[\\[\\]\" s0-9.:TZ/-]{0,80}") {
            reading::survives(&*format(), &line);
            reading::survives(&*format(), &inside);
            reading::survives(&*format(), &format!("[{inside}] WARN {line}"));
            reading::survives(&*format(), &serde_json::json!({"client.addr": line, "uri": inside, "host": line}).to_string());
        }
    }
}
