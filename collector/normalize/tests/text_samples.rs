//! Lines of other projects' test suites, where their directory is beside the repository.
//!
//! Left out: VRL's `parse_timestamp` (times by patterns of its caller, which no configuration here has) and
//! `parse_aws_cloudwatch_log_subscription_message` (an envelope of AWS's delivery, which no input here takes); the patterns of
//! Logstash for S3 and CloudFront, which are no gateways. VRL's `parse_klog` and `parse_glog` are in `application_logs.rs`,
//! its `parse_syslog` and the syslog lines of the others beside the syslog reader.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use jiff::tz::TimeZone;
use serde_json::Value;
use spandrel_normalize::{
    format::{Format, FormatOptions, LineContext, LineReason},
    gateway::{apache, aws_elb, nginx, traefik},
    record::{LogRecord, Output, RequestRecord},
};

static UTC: TimeZone = TimeZone::UTC;

/// A file of the samples; `None` where they are not there, and a test has nothing to check.
fn sample(path: &str) -> Option<String> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    directory.exists().then(|| fs::read_to_string(directory.join(path)).unwrap())
}

fn cases(path: &str) -> Option<Vec<Value>> {
    let document: Value = serde_json::from_str(&sample(path)?).unwrap();
    Some(document["cases"].as_array().unwrap().clone())
}

fn format(name: &str) -> Arc<dyn Format> {
    let options = FormatOptions::default();
    match name {
        "nginx" => nginx::nginx(&options),
        "ingress-nginx" => nginx::ingress_nginx(&options),
        "nginx-error" => nginx::nginx_error(&options),
        "apache" => apache::apache(&options),
        "apache-error" => apache::apache_error(&options),
        "aws-alb" => aws_elb::aws_alb(&options),
        "traefik" => traefik::traefik(&options),
        _ => panic!("no format {name}"),
    }
    .unwrap()
}

type Row = BTreeMap<String, String>;

fn read(name: &str, line: &str) -> Result<Row, LineReason> {
    let context = LineContext {
        received_at: 0,
        envelope_time: None,
        zone: &UTC,
        service: None,
        host: None,
        program: None,
        severity_number: None,
    };
    let mut output = Output::default();
    format(name).parse(line, &context, &mut output).map_err(|error| error.reason)?;
    Ok(match (output.requests.as_slice(), output.logs.as_slice()) {
        ([request], []) => request_row(request),
        ([], [log]) => log_row(log),
        other => panic!("not one record: {other:?}"),
    })
}

fn time(nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap().to_string()
}

fn request_row(record: &RequestRecord<'_>) -> Row {
    let mut row: Row = record.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            row.insert(name.to_owned(), value);
        }
    };
    let seconds = |nanos: i64| (nanos as f64 / 1e9).to_string();
    set("start", record.start_time.map(time));
    set("end", record.end_time.map(time));
    set("duration", record.duration_ns.map(seconds));
    set("method", record.method.as_ref().map(ToString::to_string));
    set("path", record.path.as_ref().map(ToString::to_string));
    set("host", record.server_address.as_ref().map(ToString::to_string));
    set("status", record.status.map(|status| status.to_string()));
    set("client", record.client_address.as_ref().map(ToString::to_string));
    set("agent", record.user_agent.as_ref().map(ToString::to_string));
    set("in", record.request_bytes.map(|bytes| bytes.to_string()));
    set("out", record.response_bytes.map(|bytes| bytes.to_string()));
    set("service", record.upstream_service.as_ref().map(ToString::to_string));
    set("route", record.route.as_ref().map(ToString::to_string));
    set("upstream", record.upstream_address.as_ref().map(ToString::to_string));
    set("upstream_status", record.upstream_status.map(|status| status.to_string()));
    set("upstream_duration", record.upstream_duration_ns.map(seconds));
    set("id", record.ids.correlation.first().map(ToString::to_string));
    row
}

fn log_row(record: &LogRecord<'_>) -> Row {
    let mut row: Row = record.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    row.insert("end".to_owned(), time(record.time.unwrap()));
    row.insert("severity".to_owned(), record.severity_text.as_deref().unwrap().to_owned());
    row.insert("body".to_owned(), record.body.as_deref().unwrap().to_owned());
    row
}

/// What another project's field is called here; those left out have no counterpart.
fn own_name(name: &str, is_log: bool) -> Option<&'static str> {
    Some(match name {
        "client" if is_log => "client.address",
        "port" => "client.port",
        "server" => "server.address",
        "host" if is_log => "http.request.header.host",
        "pid" => "pid",
        "tid" | "thread" => "tid",
        "cid" => "nginx.connection",
        "module" => "apache.module",
        "severity" => "severity",
        "message" if is_log => "body",
        "upstream" => "nginx.upstream",
        "client" | "remote_addr" | "host" => "client",
        "user" | "remote_user" => "user.name",
        "identity" => "apache.ident",
        "status" | "elb_status_code" => "status",
        "size" | "body_bytes_size" | "sent_bytes" => "out",
        "request_length" | "received_bytes" => "in",
        "referer" | "referrer" | "http_referer" => "http.request.header.referer",
        "agent" | "http_user_agent" | "user_agent" => "agent",
        "compression" => "nginx.gzip_ratio",
        "http_x_forwarded_for" => "http.request.header.x-forwarded-for",
        "request_time" => "duration",
        "proxy_upstream_name" => "service",
        "proxy_alternative_upstream_name" => "nginx.proxy_alternative_upstream_name",
        "upstream_addr" | "target_host" => "upstream",
        "upstream_response_length" => "nginx.upstream_response_length",
        "upstream_response_time" | "target_processing_time" => "upstream_duration",
        "upstream_status" | "target_status_code" => "upstream_status",
        "req_id" => "id",
        "request_method" => "method",
        "ssl_cipher" => "tls.cipher",
        "ssl_protocol" => "aws.elb.ssl_protocol",
        "target_group_arn" => "aws.elb.target_group_arn",
        "chosen_cert_arn" => "aws.elb.chosen_cert_arn",
        "matched_rule_priority" => "aws.elb.matched_rule_priority",
        "actions_executed" => "aws.elb.actions_executed",
        "redirect_url" => "aws.elb.redirect_url",
        "classification" => "aws.elb.classification",
        "classification_reason" => "aws.elb.classification_reason",
        "traceability_id" => "aws.elb.conn_trace_id",
        "type" => "aws.elb.type",
        _ => return None,
    })
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Checks a case of VRL; says what differs.
fn differences(name: &str, value: &str, want: &Value) -> Vec<String> {
    let row = match (read(name, value), want.get("ok")) {
        (Ok(row), Some(_)) => row,
        (Err(_), None) => return Vec::new(),
        (Ok(_), None) => return vec!["is read".to_owned()],
        (Err(reason), Some(_)) => return vec![format!("is refused: {}", reason.label())],
    };
    let is_log = name.ends_with("-error");
    let source = name.split(['_', '-']).next().unwrap();
    let mut differences = Vec::new();
    for (key, wanted) in want["ok"].as_object().unwrap() {
        let (own, wanted) = match key.as_str() {
            "timestamp" => {
                let own = if row.contains_key("end") { "end" } else { "start" };
                (own.to_owned(), wanted["$ts"].as_str().or(wanted.as_str()).unwrap().to_owned())
            }
            // A request line is split; where it is none, it is kept.
            "request" => {
                let line = value_text(wanted);
                match line.split(' ').collect::<Vec<_>>()[..] {
                    [method, target, _] if line.contains(" HTTP/") => {
                        let key = if is_log { "http.request.method" } else { "method" };
                        assert_eq!(row[key], method, "{value}");
                        let path = target.split('?').next().unwrap().to_owned();
                        (if is_log { "url.path" } else { "path" }.to_owned(), path)
                    }
                    _ => ("nginx.request".to_owned(), line),
                }
            }
            key => match own_name(key, is_log) {
                Some(own @ ("pid" | "tid")) => (format!("{source}.{own}"), value_text(wanted)),
                Some("apache.ident") if !row.contains_key("apache.ident") => continue,
                Some(own) => (own.to_owned(), value_text(wanted)),
                None => continue,
            },
        };
        // Seconds are compared as numbers.
        let number = wanted.parse::<f64>().ok().map(|number| number.to_string());
        let found = row.get(&own).map(String::as_str);
        let is_missing = matches!(wanted.as_str(), "" | "-" | "null" | "-1.0");
        if !(is_missing && found.is_none() || found == Some(&wanted) || found.is_some() && found == number.as_deref()) {
            differences.push(format!("{key}: {found:?} and not {wanted:?}"));
        }
    }
    differences
}

/// Checks that the cases that differ are the listed ones, by name, and differ in what the list says.
fn check(path: &str, own_format: impl Fn(&Value) -> String, deviations: &[(&str, &str)]) {
    let Some(cases) = cases(path) else { return };
    assert!(!cases.is_empty());
    let mut found = Vec::new();
    for case in &cases {
        let (name, line) = (case["name"].as_str().unwrap(), case["args"]["value"].as_str().unwrap());
        let differences = differences(&own_format(case), line, &case["want"]);
        if !differences.is_empty() {
            found.push((name.to_owned(), differences.join("; ")));
        }
    }
    let expected: Vec<_> = deviations.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect();
    assert_eq!(found, expected, "{path}");
}

#[test]
fn nginx_cases_of_vrl() {
    let own = |case: &Value| {
        match case["args"]["format"].as_str().unwrap() {
            "ingress_upstreaminfo" => "ingress-nginx",
            "error" => "nginx-error",
            _ => "nginx",
        }
        .to_owned()
    };
    // The message of the limit is kept whole: its figures are of no use apart from it.
    check(
        "vrl-parsers/parse_nginx_log.json",
        own,
        &[
            (
                "error_rate_limit",
                r#"message: Some("limiting requests, excess: 50.416 by zone \"api_access_token\"") and not "limiting requests""#,
            ),
            (
                "error_rate_delaying",
                r#"message: Some("delaying requests, excess: 50.416, by zone \"api_access_token\"") and not "delaying requests""#,
            ),
        ],
    );
}

#[test]
fn apache_and_common_cases_of_vrl() {
    let own = |case: &Value| if case["args"]["format"] == "error" { "apache-error" } else { "apache" }.to_owned();
    check(
        "vrl-parsers/parse_apache_log.json",
        own,
        &[
            // The case reads microseconds as nanoseconds.
            (
                "error_line_thread_id",
                r#"timestamp: Some("2021-06-04T15:40:27.138633Z") and not "2021-06-04T15:40:27.000138633Z""#,
            ),
            // A line in which nothing stands is no request.
            ("log_line_valid_empty", "is refused: format"),
            ("log_line_valid_empty_variant", "is refused: time"),
            // Its level is missing, which Apache always writes.
            ("log_line_valid_with_timezone", "is refused: format"),
        ],
    );
    check(
        "vrl-parsers/parse_common_log.json",
        |_| "apache".to_owned(),
        &[
            ("log_line_valid_empty", "is refused: format"),
            ("log_line_valid_empty_variant", "is refused: time"),
            // Its time is in a format that is configured, by `%{...}t` of a LogFormat here.
            ("log_line_valid_with_timestamp_format", "is refused: time"),
        ],
    );
}

#[test]
fn alb_cases_of_vrl() {
    check("vrl-parsers/parse_aws_alb_log.json", |_| "aws-alb".to_owned(), &[]);
}

/// Checks the lines of a test of CrowdSec against what it expects of each.
fn check_crowdsec(test: &str, access: &str, error: &str) {
    let Some(expected) = sample(&format!("crowdsec/tests/{test}/expected.json")) else { return };
    let lines = sample(&format!("crowdsec/tests/{test}/{test}.log")).unwrap();
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let expected = expected["parsed"].as_array().unwrap();
    assert_eq!(lines.len(), expected.len(), "{test}");
    for (line, want) in lines.into_iter().zip(expected) {
        let want =
            |key: &str| want.get(format!("Evt.Parsed.{key}")).and_then(Value::as_str).filter(|text| *text != "-");
        let is_error = want("loglevel").is_some();
        let row = read(if is_error { error } else { access }, line).unwrap();
        let has = |own: &str| row.get(own).map(String::as_str);
        let client = want("remote_addr").or(want("clientip")).or(want("client"));
        if is_error {
            assert_eq!(has("severity"), want("loglevel"), "{line}");
            assert_eq!(has("client.address"), client, "{line}");
            assert_eq!(has("client.port"), want("clientport"), "{line}");
            assert_eq!(has("apache.error_code"), want("errorcode"), "{line}");
            assert_eq!(has("apache.os_error"), want("proxy_errorcode"), "{line}");
            assert_eq!(has("apache.module"), want("module"), "{line}");
            assert_eq!(has("nginx.connection"), want("cid"), "{line}");
            assert_eq!(has("http.request.method"), want("verb"), "{line}");
            continue;
        }
        let target = [has("path"), has("url.query")].into_iter().flatten().collect::<Vec<_>>().join("?");
        assert_eq!(Some(target.as_str()), want("request"), "{line}");
        assert_eq!(has("client"), client, "{line}");
        assert_eq!(has("method"), want("verb"), "{line}");
        assert_eq!(has("status"), want("status").or(want("response")), "{line}");
        assert_eq!(has("out"), want("body_bytes_sent").or(want("bytes")), "{line}");
        assert_eq!(has("agent"), want("http_user_agent"), "{line}");
        assert_eq!(has("host"), want("target_fqdn"), "{line}");
        assert_eq!(has("user.name"), want("remote_user").or(want("auth")), "{line}");
        if let Some(router) = want("traefik_router_name") {
            assert_eq!(has("traefik.router").or(has("route")), Some(router), "{line}");
        }
        if let Some(server) = want("traefik_server_url") {
            assert_eq!(has("upstream"), server.strip_prefix("http://"), "{line}");
        }
    }
}

#[test]
fn lines_of_crowdsec() {
    check_crowdsec("nginx_http-logs", "nginx", "nginx-error");
    check_crowdsec("nginx_req_limit_exceeded", "nginx", "nginx-error");
    check_crowdsec("apache2-logs", "apache", "apache-error");
    check_crowdsec("traefik_clf", "traefik", "traefik");
}

/// A member of nested objects, by its path, as text.
fn member(value: &Value, path: &str) -> Option<String> {
    value.pointer(path).map(value_text).filter(|text| text != "-")
}

#[test]
fn cases_of_logstash() {
    for file in ["logstash-patterns/httpd.json", "logstash-patterns/aws.json"] {
        for case in cases(file).into_iter().flatten() {
            let name = match case["pattern"].as_str().unwrap() {
                "HTTPD_COMBINEDLOG" => "apache",
                "HTTPD_ERRORLOG" => "apache-error",
                "ELB_ACCESS_LOG" => "aws-alb",
                // Formats of S3 and CloudFront, which are no gateways.
                _ => continue,
            };
            let (line, want) = (case["message"].as_str().unwrap(), &case["ecs_expected_subset"]);
            let row = read(name, line).unwrap();
            let is_error = name == "apache-error";
            for (path, own) in [
                ("/http/request/method", "method"),
                ("/http/request/referrer", "http.request.header.referer"),
                ("/http/request/body/bytes", "in"),
                ("/http/response/body/bytes", "out"),
                ("/http/response/status_code", "status"),
                ("/http/version", "network.protocol.version"),
                ("/source/address", if is_error { "client.address" } else { "client" }),
                ("/source/ip", "client"),
                ("/source/port", "client.port"),
                ("/url/domain", "host"),
                ("/user/name", "user.name"),
                ("/user_agent/original", "agent"),
                ("/log/level", "severity"),
                ("/process/pid", "apache.pid"),
                ("/process/thread/id", "apache.tid"),
                ("/error/code", "apache.error_code"),
                ("/apache/error/module", "apache.module"),
                ("/apache/error/proxy/error/code", "apache.os_error"),
                ("/tls/cipher", "tls.cipher"),
                ("/aws/elb/ssl_protocol", "aws.elb.ssl_protocol"),
                ("/aws/elb/backend/http/response/status_code", "upstream_status"),
                ("/aws/elb/backend_processing_time/sec", "upstream_duration"),
            ] {
                if let Some(wanted) = member(want, path) {
                    assert_eq!(row.get(own), Some(&wanted), "{own}: {line}");
                }
            }
        }
    }
}
