//! Kong's log serializer (file-log, http-log, tcp-log, ...), one record or an array of them.

use std::{borrow::Cow, sync::Arc};

use super::fields::{integer, millis, other_format, set_host, set_target, status, takes_no_log_format, text};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    ids::IdKind,
    json::{Object, Value},
    record::{Attempt, Output, RequestRecord, Text},
    time::NANOS_PER_MILLI,
};

const NAME: &str = "kong";

/// Kong's log records.
///
/// # Errors
/// When options are given that do not apply.
pub fn kong(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format(NAME, options)?;
    Ok(Arc::new(Kong))
}

#[derive(Debug)]
struct Kong;

impl Format for Kong {
    fn name(&self) -> &'static str {
        NAME
    }

    fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        if !line.starts_with('[') {
            output.requests.push(record(Object::parse(line)?)?);
            return Ok(());
        }
        if !line[1..].trim_start().starts_with('{') {
            return Err(other_format("the line is not a JSON object, nor an array of them"));
        }
        let records: Vec<Value<'a>> = serde_json::from_str(line)
            .map_err(|error| LineError::new(LineReason::Json, format!("broken JSON: {error}")))?;
        for value in records {
            let Value::Object(object) = value else {
                return Err(other_format("the array holds other things than objects"));
            };
            output.requests.push(record(object)?);
        }
        Ok(())
    }
}

/// Reads one record. What all of them have are latencies, and the request or the session they are of.
fn record(object: Object<'_>) -> Result<RequestRecord<'_>, LineError> {
    let is_object = |key: &str| object.members.iter().any(|(name, value)| name == key && value.object().is_some());
    if !is_object("latencies") || !(is_object("request") || is_object("session")) {
        return Err(other_format("the JSON object has no latencies and request or session"));
    }
    let mut record = RequestRecord::new(NAME);
    let mut balanced_at = None;
    let mut kong_time = None;
    let mut tried_status = None;
    for (key, value) in object.members {
        match (&*key, value) {
            ("request", Value::Object(request)) => set_request(&mut record, request)?,
            ("response", Value::Object(response)) => set_response(&mut record, response)?,
            ("session", Value::Object(session)) => set_session(&mut record, session)?,
            ("latencies", Value::Object(latencies)) => kong_time = set_latencies(&mut record, latencies)?,
            ("tries", Value::List(tries)) => balanced_at = set_tries(&mut record, tries)?,
            ("service", Value::Object(service)) => record.upstream_service = named(service, &["name", "host"]),
            ("route", Value::Object(route)) => record.route = named(route, &["name", "id"]),
            // Kong before 0.13 has one thing for service and route.
            ("api", Value::Object(api)) => {
                record.upstream_service = named(api, &["name", "id"]);
                record.route = record.upstream_service.clone();
            }
            ("consumer", Value::Object(consumer)) => {
                if let Some(name) = named(consumer, &["username", "custom_id", "id"]) {
                    record.attribute("kong.consumer", name);
                }
            }
            ("trace_id", value) => set_trace_ids(&mut record, value),
            ("started_at", value) => record.start_time = millis("started_at", &value)?,
            ("client_ip", value) => record.client_address = text(value),
            ("upstream_status", value) => tried_status = text(value),
            // What is left of lists and objects tells nothing of the request.
            (_, Value::Object(_) | Value::List(_)) => {}
            (_, value) => {
                if let Some(value) = text(value) {
                    record.attribute(format!("kong.{key}"), value);
                }
            }
        }
    }
    if let Some(statuses) = tried_status {
        set_upstream_statuses(&mut record, &statuses)?;
    }
    if record.start_time.is_none() {
        // The balancer was asked when Kong's own work before it was done.
        record.start_time = balanced_at.map(|time: i64| time.saturating_sub(kong_time.unwrap_or(0)));
    }
    Ok(record)
}

fn set_request<'a>(record: &mut RequestRecord<'a>, request: Object<'a>) -> Result<(), LineError> {
    for (key, value) in request.members {
        match (&*key, value) {
            ("method", value) => record.method = text(value),
            ("uri", value) => {
                if let Some(target) = text(value) {
                    set_target(record, &target);
                }
            }
            ("size", value) => record.request_bytes = integer("request.size", &value)?,
            ("id", value) => {
                if let Some(id) = text(value) {
                    record.ids.set(IdKind::Correlation, &id);
                }
            }
            ("headers", Value::Object(headers)) => {
                for (name, value) in headers.members {
                    let Some(value) = header_text(value) else { continue };
                    if name.eq_ignore_ascii_case("host") {
                        set_host(record, &value);
                    } else if name.eq_ignore_ascii_case("user-agent") {
                        record.user_agent = Some(value);
                    } else {
                        record.ids.offer(&name, &value);
                    }
                }
            }
            ("tls", Value::Object(tls)) => {
                if let Some(version) = named(tls, &["version"]) {
                    record.attribute("tls.protocol.version", version);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn set_response<'a>(record: &mut RequestRecord<'a>, response: Object<'a>) -> Result<(), LineError> {
    let mut from_upstream = false;
    for (key, value) in response.members {
        match (&*key, value) {
            ("status", value) => record.status = status("response.status", &value)?,
            ("size", value) => record.response_bytes = integer("response.size", &value)?,
            ("headers", Value::Object(headers)) => {
                for (name, value) in headers.members {
                    from_upstream |= name.eq_ignore_ascii_case("x-kong-upstream-latency");
                    if let Some(value) = header_text(value) {
                        if name.eq_ignore_ascii_case("x-kong-request-id") {
                            record.ids.set(IdKind::Correlation, &value);
                        } else if name.eq_ignore_ascii_case("grpc-status") {
                            record.rpc_status = value
                                .parse()
                                .ok()
                                .and_then(spandrel_proto::model::alias::grpc_code_name)
                                .map(Cow::Borrowed);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    if from_upstream {
        record.upstream_status = record.status;
    }
    Ok(())
}

/// The stream subsystem: a TCP or TLS connection.
fn set_session<'a>(record: &mut RequestRecord<'a>, session: Object<'a>) -> Result<(), LineError> {
    for (key, value) in session.members {
        match &*key {
            "received" => record.request_bytes = integer("session.received", &value)?,
            "sent" => record.response_bytes = integer("session.sent", &value)?,
            "status" => record.status = status("session.status", &value)?,
            "server_port" => {
                if let Some(port) = text(value) {
                    record.attribute("server.port", port);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sets the times, and returns what Kong itself took.
fn set_latencies<'a>(record: &mut RequestRecord<'a>, latencies: Object<'a>) -> Result<Option<i64>, LineError> {
    let mut own = None;
    for (key, value) in latencies.members {
        match &*key {
            "request" | "session" => record.duration_ns = millis("latencies.request", &value)?,
            "proxy" => record.upstream_duration_ns = millis("latencies.proxy", &value)?,
            "kong" => {
                own = millis("latencies.kong", &value)?;
                record.attribute("kong.latencies.kong", value.into_text());
            }
            _ => {
                if let Some(value) = text(value) {
                    record.attribute(format!("kong.latencies.{key}"), value);
                }
            }
        }
    }
    Ok(own)
}

/// Sets the tries, and returns when the balancer was first asked.
fn set_tries<'a>(record: &mut RequestRecord<'a>, tries: Vec<Value<'a>>) -> Result<Option<i64>, LineError> {
    let mut first = None;
    for value in tries {
        let Value::Object(tried) = value else { continue };
        let (mut attempt, mut port) = (Attempt::default(), None);
        for (key, value) in tried.members {
            match &*key {
                "ip" => attempt.address = text(value),
                "port" => port = integer("tries.port", &value)?,
                "code" => attempt.status = status("tries.code", &value)?,
                "balancer_start" if first.is_none() => {
                    first = integer("tries.balancer_start", &value)?.and_then(|time| time.checked_mul(NANOS_PER_MILLI));
                }
                _ => {}
            }
        }
        if let (Some(address), Some(port)) = (&attempt.address, port) {
            let is_bare_v6 = address.contains(':') && !address.starts_with('[');
            let joined = if is_bare_v6 { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
            attempt.address = Some(Cow::Owned(joined));
        }
        record.attempts.push(attempt);
    }
    record.upstream_address = record.attempts.last().and_then(|attempt| attempt.address.clone());
    Ok(first)
}

/// `502, 200`: the status of each try.
fn set_upstream_statuses(record: &mut RequestRecord<'_>, statuses: &str) -> Result<(), LineError> {
    for (position, code) in statuses.split([',', ':']).map(str::trim).enumerate() {
        let code = status("upstream_status", &Value::Text(Cow::Borrowed(code)))?;
        record.upstream_status = code;
        if let Some(attempt) = record.attempts.get_mut(position) {
            attempt.status = attempt.status.or(code);
        }
    }
    Ok(())
}

/// One id in the spellings of several tracers, `{"w3c": "...", "datadog": "..."}`, or one text.
fn set_trace_ids<'a>(record: &mut RequestRecord<'a>, value: Value<'a>) {
    match value {
        Value::Object(ids) => {
            for (tracer, id) in ids.members {
                let Some(id) = text(id) else { continue };
                // Datadog's is a decimal number, of which 16 digits would pass for hex.
                if tracer != "datadog" && record.ids.trace_id.is_none() {
                    record.ids.set(IdKind::TraceId, &id);
                } else {
                    record.attribute(format!("kong.trace_id.{tracer}"), id);
                }
            }
        }
        value => {
            if let Some(id) = text(value) {
                record.ids.set(IdKind::TraceId, &id);
            }
        }
    }
}

/// The first of these members that is a text.
fn named<'a>(object: Object<'a>, keys: &[&str]) -> Option<Text<'a>> {
    let mut best = None;
    for (key, value) in object.members {
        let Some(rank) = keys.iter().position(|name| *name == key) else { continue };
        if best.as_ref().is_none_or(|(other, _)| rank < *other)
            && let Some(value) = text(value)
        {
            best = Some((rank, value));
        }
    }
    best.map(|(_, value)| value)
}

/// A header's value; the first where there are several.
fn header_text(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::List(values) => values.into_iter().next().and_then(text),
        value => text(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::reading;

    fn format() -> Arc<dyn Format> {
        kong(&FormatOptions::default()).unwrap()
    }

    #[test]
    fn a_request_with_two_tries() {
        let line = r#"{"latencies":{"request":57.000000000001,"kong":3,"proxy":40,"receive":2},"service":{"name":"cart","host":"cart.internal","tags":{}},"route":{"id":"r-1","name":"cart-route"},"request":{"querystring":{"x":"1"},"size":"155","uri":"\/api\/cart?x=1","url":"http:\/\/shop.example:8000\/api\/cart?x=1","headers":{"host":"shop.example:8000","user-agent":"curl\/8","x-request-id":"req-1-8f3b5a60"},"method":"GET","id":"5e1d7a"},"client_ip":"198.51.100.7","tries":[{"ip":"10.0.0.1","port":80,"balancer_start":1800000000003,"balancer_latency":1,"state":"failed","code":502},{"ip":"fd00::2","port":80,"balancer_start":1800000000020,"balancer_latency":0}],"response":{"status":200,"size":271,"headers":{"x-kong-upstream-latency":"40"}},"upstream_status":"502, 200","upstream_uri":"\/cart","consumer":{"username":"app"},"workspace":"w","trace_id":{"w3c":"4bf92f3577b34da6a3ce929d0e0e4736","datadog":"1234567890123456"},"started_at":1800000000000}"#;
        let record = reading::request(&*format(), line);
        assert_eq!(record.start_time, Some(1_800_000_000_000_000_000));
        assert_eq!((record.duration_ns, record.upstream_duration_ns), (Some(57_000_000), Some(40_000_000)));
        assert_eq!((record.status, record.upstream_status), (Some(200), Some(200)));
        assert_eq!((record.request_bytes, record.response_bytes), (Some(155), Some(271)));
        assert_eq!((record.path.as_deref(), record.route.as_deref()), (Some("/api/cart"), Some("cart-route")));
        assert_eq!(
            (record.server_address.as_deref(), record.upstream_service.as_deref()),
            (Some("shop.example"), Some("cart"))
        );
        let attempt = |address, status| Attempt { address: Some(Cow::Borrowed(address)), status, duration_ns: None };
        assert_eq!(record.attempts, [attempt("10.0.0.1:80", Some(502)), attempt("[fd00::2]:80", Some(200))]);
        assert_eq!(record.upstream_address.as_deref(), Some("[fd00::2]:80"));
        assert!(record.ids.correlation.contains(&Cow::Borrowed("req-1-8f3b5a60")));
        assert_eq!(record.ids.trace_id.map(|id| id[0]), Some(0x4b));
        assert_eq!(reading::attribute(&record, "kong.trace_id.datadog"), Some("1234567890123456"));
        assert_eq!(reading::attribute(&record, "kong.consumer"), Some("app"));
    }

    #[test]
    fn requests_that_were_not_proxied_and_streams() {
        let line = r#"{"latencies":{"request":2,"kong":2,"proxy":-1},"request":{"uri":"/no","method":"GET","headers":{}},"response":{"status":404,"size":"52"},"tries":{},"client_ip":"198.51.100.7","started_at":1800000000000}"#;
        let record = reading::request(&*format(), line);
        assert_eq!((record.status, record.upstream_status, record.upstream_duration_ns), (Some(404), None, None));
        assert!(record.attempts.is_empty());
        let line = r#"{"latencies":{"session":120,"kong":1},"session":{"received":10,"sent":20,"status":200,"server_port":9000},"upstream":{"received":20,"sent":10},"tries":[{"ip":"10.0.0.1","port":5432}],"client_ip":"198.51.100.7","started_at":1800000000000}"#;
        let record = reading::request(&*format(), line);
        assert_eq!(
            (record.duration_ns, record.request_bytes, record.response_bytes),
            (Some(120_000_000), Some(10), Some(20))
        );
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, reason) in [
            (r#"{"request":{"method":"GET"},"status":200}"#, LineReason::Format),
            ("[2026-03-01T10:00:00Z] x", LineReason::Format),
            ("[1,2]", LineReason::Format),
            (r#"[{"latencies":{},"request":{}},"#, LineReason::Json),
            (r#"{"latencies":{"request":"soon"},"request":{}}"#, LineReason::Field),
        ] {
            assert_eq!(reading::refusal(&*format(), line), reason, "{line}");
        }
    }

    #[test]
    fn the_sample_data_gives_what_it_should() {
        let Some(lines) = reading::sample("kong-file-log/kong.jsonl") else { return };
        let expected = [
            // Without started_at: the balancer's start less what Kong took before it.
            (1_564_527_732_522 - 5, 8, 3, None, "grpc", 46, None, "127.0.0.1:15002"),
            (1_509_202_924_971, 33, 0, Some(200), "myapi", 423, Some(271), "172.17.0.3:3000"),
            (1_666_449_742_317, 44, 3, Some(200), "book-store-service", 155, Some(417), "129.153.98.232:8080"),
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, (start, duration, upstream, status, service, received, sent, address)) in lines.iter().zip(expected)
        {
            let record = reading::request(&*format(), line);
            assert_eq!(record.start_time, Some(start * NANOS_PER_MILLI));
            assert_eq!(record.duration_ns, Some(duration * NANOS_PER_MILLI));
            assert_eq!(record.upstream_duration_ns, Some(upstream * NANOS_PER_MILLI));
            assert_eq!((record.status, record.upstream_service.as_deref()), (status, Some(service)));
            assert_eq!((record.request_bytes, record.response_bytes), (Some(received), sent));
            assert_eq!(record.upstream_address.as_deref(), Some(address));
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "\\PC{0,120}", number in any::<f64>()) {
            reading::survives(&*format(), &line);
            reading::survives(&*format(), &format!("[{line}"));
            let record = serde_json::json!({
                "latencies": {"request": number, "kong": line}, "request": {"uri": line, "headers": {"host": line}},
                "tries": [{"ip": line, "port": 1}, line], "started_at": number, "upstream_status": line,
            });
            reading::survives(&*format(), &record.to_string());
        }
    }
}
