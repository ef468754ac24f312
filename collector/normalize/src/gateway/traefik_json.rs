//! Traefik's access log as JSON.

use std::sync::Arc;

use super::fields::{
    first_address, integer, nanos, not_a_time, other_format, part, set_host, set_protocol, set_target, status,
    takes_no_log_format, text,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    ids::IdKind,
    json::{Object, Value},
    record::{Output, RequestRecord, Text},
    time,
};

const NAME: &str = "traefik";

/// Traefik's access log with `format: json`.
///
/// # Errors
/// When options are given that do not apply.
pub(super) fn traefik_json(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("traefik", options)?;
    Ok(Arc::new(TraefikJson))
}

#[derive(Debug)]
struct TraefikJson;

impl Format for TraefikJson {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let object = Object::parse(line)?;
        let mut reader = Reader { record: RequestRecord::new(NAME), ..Reader::default() };
        let mut read = Ok(());
        for (key, value) in object.members {
            read = read.and(reader.set(&key, value, context));
        }
        // What is wrong with a field matters only in a line that is of this format.
        if reader.marks < 3 {
            return Err(other_format("the JSON object has no keys of a Traefik access record"));
        }
        read?;
        output.requests.push(reader.finish());
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Reader<'a> {
    record: RequestRecord<'a>,
    service: Option<Text<'a>>,
    kubernetes_service: Option<Text<'a>>,
    service_url: Option<Text<'a>>,
    client_host: Option<Text<'a>>,
    written_at: Option<i64>,
    /// Keys that only Traefik has.
    marks: u32,
}

impl<'a> Reader<'a> {
    fn set(&mut self, key: &str, value: Value<'a>, context: &LineContext<'a>) -> Result<(), LineError> {
        let record = &mut self.record;
        let is_mark = matches!(
            key,
            "Duration"
                | "DownstreamStatus"
                | "DownstreamContentSize"
                | "OriginStatus"
                | "OriginDuration"
                | "Overhead"
                | "RequestMethod"
                | "RequestHost"
                | "StartUTC"
                | "StartLocal"
                | "entryPointName"
                | "RouterName"
        );
        self.marks += u32::from(is_mark);
        match key {
            "Duration" => record.duration_ns = nanos("Duration", &value)?,
            "OriginDuration" => {
                record.upstream_duration_ns = nanos("OriginDuration", &value)?.filter(|nanos| *nanos > 0);
            }
            "DownstreamStatus" => record.status = status("DownstreamStatus", &value)?,
            "OriginStatus" => record.upstream_status = status("OriginStatus", &value)?,
            "DownstreamContentSize" => record.response_bytes = integer("DownstreamContentSize", &value)?,
            "RequestContentSize" => record.request_bytes = integer("RequestContentSize", &value)?,
            "RetryAttempts" => {
                if let Some(count) = integer("RetryAttempts", &value)?.filter(|count| *count > 0) {
                    record.attribute("http.request.resend_count", count.to_string());
                }
            }
            // A URL in parts up to 2.x, a text since.
            "ServiceURL" => {
                self.service_url = match value {
                    Value::Object(url) => url.text("Host").filter(|host| !host.is_empty()),
                    value => text(value).map(|url| host_of_url(&url)),
                };
            }
            _ => {
                if let Some(value) = text(value) {
                    self.set_text(key, value, context)?;
                }
            }
        }
        Ok(())
    }

    fn set_text(&mut self, key: &str, value: Text<'a>, context: &LineContext<'a>) -> Result<(), LineError> {
        let record = &mut self.record;
        let instant = |value: &Text<'_>| time::iso8601(value, context.zone).ok_or_else(|| not_a_time(value));
        match key {
            "StartUTC" => record.start_time = Some(instant(&value)?),
            "StartLocal" if record.start_time.is_none() => record.start_time = Some(instant(&value)?),
            // With a precision of a second, and only when the record is written.
            "time" => self.written_at = Some(instant(&value)?),
            "RequestMethod" => record.method = Some(value),
            "RequestPath" => set_target(record, &value),
            "RequestHost" => set_host(record, &value),
            "RequestPort" => record.attribute("server.port", value),
            "RequestProtocol" => set_protocol(record, &value),
            "RequestScheme" => record.attribute("url.scheme", value),
            "ClientHost" => self.client_host = Some(value),
            "ClientUsername" => record.attribute("user.name", value),
            "RouterName" => record.route = Some(leaf(&value)),
            "ServiceName" => self.service = Some(without_provider(&value)),
            "ServiceAddr" => record.upstream_address = Some(value),
            "KubernetesServiceName" => self.kubernetes_service = Some(value),
            "TLSVersion" => record.attribute("tls.protocol.version", value),
            "TLSCipher" => record.attribute("tls.cipher", value),
            "TraceId" | "trace_id" => record.ids.set(IdKind::TraceId, &value),
            "SpanId" | "span_id" => record.ids.set(IdKind::SpanId, &value),
            "StartLocal" | "ClientAddr" | "ClientPort" | "RequestAddr" | "level" | "msg" => {}
            _ => self.set_other(key, value),
        }
        Ok(())
    }

    /// Captured headers, and the rest.
    fn set_other(&mut self, key: &str, value: Text<'a>) {
        let record = &mut self.record;
        if let Some(name) = key.strip_prefix("request_") {
            if name.eq_ignore_ascii_case("user-agent") {
                record.user_agent = Some(value);
            } else if !record.ids.offer(name, &value) {
                record.attribute(format!("http.request.header.{}", name.to_ascii_lowercase()), value);
            }
        } else if let Some(name) = key.strip_prefix("downstream_") {
            if !record.ids.offer(name, &value) {
                record.attribute(format!("http.response.header.{}", name.to_ascii_lowercase()), value);
            }
        } else {
            record.attribute(format!("traefik.{key}"), value);
        }
    }

    fn finish(mut self) -> RequestRecord<'a> {
        let record = &mut self.record;
        if let Some(hosts) = self.client_host {
            let client = first_address(&hosts);
            if client != hosts {
                record.attribute("traefik.ClientHost", hosts);
            }
            record.client_address = Some(client);
        }
        record.upstream_service = self.kubernetes_service.or(self.service);
        if record.upstream_address.is_none() {
            record.upstream_address = self.service_url;
        }
        if record.start_time.is_none() {
            record.end_time = self.written_at;
        }
        record.cancelled = record.status == Some(499);
        self.record
    }
}

/// `leaf` of `root@file -> leaf@file`, a chain of routers.
fn leaf<'a>(routers: &Text<'a>) -> Text<'a> {
    let start = routers.rfind("-> ").map_or(0, |arrow| arrow + 3);
    without_provider(&part(routers, start..routers.len()))
}

/// `cart` of `cart@docker`.
fn without_provider<'a>(name: &Text<'a>) -> Text<'a> {
    part(name, 0..name.rfind('@').unwrap_or(name.len()))
}

/// `10.0.0.1:80` of `http://10.0.0.1:80/path`.
fn host_of_url<'a>(url: &Text<'a>) -> Text<'a> {
    let start = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |length| start + length);
    part(url, start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{format::LineReason, gateway::reading};

    fn format() -> Arc<dyn Format> {
        traefik_json(&FormatOptions::default()).unwrap()
    }

    const START: &str = r#""ClientHost":"198.51.100.7","ClientUsername":"-","DownstreamContentSize":34,"DownstreamStatus":200,"Duration":2337877,"OriginContentSize":34,"OriginDuration":1935291,"OriginStatus":200,"Overhead":402586,"RequestContentSize":12,"RequestHost":"shop.example","RequestMethod":"GET","RequestPath":"/api/cart?x=1","RequestPort":"-","RequestProtocol":"HTTP/2.0","RequestScheme":"https","StartUTC":"2026-03-01T09:00:00.645779561Z","entryPointName":"web","level":"info","msg":"","time":"2026-03-01T10:00:00+01:00""#;

    #[test]
    fn service_urls_of_both_ages() {
        for url in [r#"{"Scheme":"http","Host":"10.0.0.9:80","Path":""}"#, r#""http://10.0.0.9:80/""#] {
            let line = format!(
                r#"{{{START},"RetryAttempts":1,"RouterName":"root@file -> cart-router@file","ServiceName":"cart@docker","ServiceURL":{url},"request_User-Agent":"curl/8","request_X-Request-Id":"req-1-8f3b5a60","downstream_Content-Type":"text/plain"}}"#
            );
            let record = reading::request(&*format(), &line);
            assert_eq!(record.start_time, reading::nanos("2026-03-01T09:00:00.645779561Z"));
            assert_eq!((record.duration_ns, record.upstream_duration_ns), (Some(2_337_877), Some(1_935_291)));
            assert_eq!((record.status, record.upstream_status), (Some(200), Some(200)));
            assert_eq!((record.request_bytes, record.response_bytes), (Some(12), Some(34)));
            assert_eq!(
                (record.route.as_deref(), record.upstream_service.as_deref()),
                (Some("cart-router"), Some("cart"))
            );
            assert_eq!(record.upstream_address.as_deref(), Some("10.0.0.9:80"));
            assert_eq!((record.user_agent.as_deref(), record.path.as_deref()), (Some("curl/8"), Some("/api/cart")));
            assert_eq!(record.ids.correlation, ["req-1-8f3b5a60"]);
            assert_eq!(reading::attribute(&record, "http.request.resend_count"), Some("1"));
            assert_eq!(reading::attribute(&record, "http.response.header.content-type"), Some("text/plain"));
        }
    }

    #[test]
    fn requests_without_a_route_and_cancelled_ones() {
        let line = r#"{"DownstreamStatus":499,"Duration":10158,"OriginDuration":0,"OriginStatus":0,"RequestMethod":"GET","time":"2026-03-01T10:00:00Z","ClientHost":"198.51.100.7, 10.0.0.5"}"#;
        let record = reading::request(&*format(), line);
        assert_eq!((record.upstream_status, record.upstream_duration_ns, record.route.as_deref()), (None, None, None));
        assert!(record.cancelled);
        assert_eq!((record.start_time, record.end_time), (None, reading::nanos("2026-03-01T10:00:00Z")));
        assert_eq!(record.client_address.as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, reason) in [
            (r#"{"level":"info","msg":"Configuration loaded","time":"2026-03-01T10:00:00Z"}"#, LineReason::Format),
            ("DEBUG: a plugin's line", LineReason::Format),
            (r#"{"Duration":1,"#, LineReason::Json),
            (r#"{"Duration":"long","DownstreamStatus":200,"OriginStatus":0}"#, LineReason::Field),
            (r#"{"StartUTC":"soon","DownstreamStatus":200,"OriginStatus":0}"#, LineReason::Time),
        ] {
            assert_eq!(reading::refusal(&*format(), line), reason, "{line}");
        }
    }

    #[test]
    fn the_sample_data_gives_what_it_should() {
        let Some(lines) = reading::sample("crowdsec/tests/traefik_json/traefik_json.log") else { return };
        // The last line names two client hosts. CrowdSec takes the last, the nearest proxy; the client is the first.
        let expected = [
            ("/594VAEoi.save", 200, "GET", "172.17.0.1", "test.docker.localhost", Some("test"), 357_313),
            ("/594VAEoi.local", 200, "GET", "172.17.0.1", "test.docker.localhost", Some("test"), 564_849),
            ("/", 200, "GET", "192.168.65.1", "whoami.localhost", Some("leaf"), 2_001_375),
            ("/api/data", 200, "POST", "192.168.65.1", "api.localhost", Some("child"), 1_500_000),
            ("/", 404, "GET", "192.168.1.115", "admin.mydomain.com", None, 10_158),
            (
                "/_matrix/client/v3/sync",
                204,
                "OPTIONS",
                "192.168.1.100",
                "example.com",
                Some("matrix-synapse-public-client-api"),
                2_337_877,
            ),
        ];
        let (records, other): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with('{'));
        assert_eq!((records.len(), other.len()), (expected.len(), 1));
        for (line, (path, status, method, client, host, route, duration)) in records.into_iter().zip(expected) {
            let record = reading::request(&*format(), line);
            assert_eq!((record.path.as_deref(), record.status), (Some(path), Some(status)));
            assert_eq!((record.method.as_deref(), record.client_address.as_deref()), (Some(method), Some(client)));
            assert_eq!((record.server_address.as_deref(), record.route.as_deref()), (Some(host), route));
            assert_eq!(record.duration_ns, Some(duration));
            assert!(record.start_time.is_some());
        }
        assert_eq!(reading::refusal(&*format(), other[0]), LineReason::Format);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "\\PC{0,120}", inside in "[@> ,:/\\[\\]a-]{0,60}") {
            reading::survives(&*format(), &line);
            let record = serde_json::json!({
                "Duration": 1, "DownstreamStatus": 200, "RequestMethod": line, "RequestPath": inside, "RouterName": inside,
                "ServiceName": inside, "ServiceURL": inside, "ClientHost": inside, "request_traceparent": line,
            });
            reading::survives(&*format(), &record.to_string());
        }
    }
}
