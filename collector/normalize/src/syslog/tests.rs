use std::{path::Path, sync::Arc};

use proptest::prelude::*;
use spandrel_proto::model::Table;

use super::*;
use crate::{
    batch::LineBatch,
    format::{Format, LineContext, LineError},
    record::{LogRecord, Output},
};

fn nanos(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

fn parse(text: &str) -> Option<SyslogMessage<'_>> {
    SyslogMessage::parse(text, &TimeZone::UTC, nanos("2026-01-02T00:00:00Z"))
}

struct Case {
    line: &'static str,
    time: Option<&'static str>,
    host: Option<&'static str>,
    program: Option<&'static str>,
    pid: Option<&'static str>,
    message: &'static str,
}

#[test]
fn headers_of_every_sender_are_read() {
    let padded = Some("2025-10-01T22:14:15Z");
    let cases = [
        Case {
            line: "<34>Oct  1 22:14:15 edge-1 su[230]: 'su root' failed on /dev/pts/8",
            time: padded,
            host: Some("edge-1"),
            program: Some("su"),
            pid: Some("230"),
            message: "'su root' failed on /dev/pts/8",
        },
        Case {
            line: "<190>Oct 1 22:14:15 edge-1 nginx: 192.0.2.1 - - \"GET /\"",
            time: padded,
            host: Some("edge-1"),
            program: Some("nginx"),
            pid: None,
            message: "192.0.2.1 - - \"GET /\"",
        },
        Case {
            line: "<134>Oct  1 22:14:15.000 haproxy[7]: Proxy up.",
            time: padded,
            host: None,
            program: Some("haproxy"),
            pid: Some("7"),
            message: "Proxy up.",
        },
        Case {
            line: "2025-10-02T00:14:15.000000+02:00 edge-1 postfix/smtpd[12]: connect",
            time: padded,
            host: Some("edge-1"),
            program: Some("postfix/smtpd"),
            pid: Some("12"),
            message: "connect",
        },
        Case {
            line: "<13>Oct  1 22:14:15 edge-1 {\"level\":30}",
            time: padded,
            host: Some("edge-1"),
            program: None,
            pid: None,
            message: "{\"level\":30}",
        },
        Case {
            line: "<13>Oct  1 22:14:15 edge-1 192.0.2.1 - - \"GET /\"",
            time: padded,
            host: Some("edge-1"),
            program: None,
            pid: None,
            message: "192.0.2.1 - - \"GET /\"",
        },
        Case {
            line: "<13>Oct  1 22:14:15 fe80::1 kernel: up",
            time: padded,
            host: Some("fe80::1"),
            program: Some("kernel"),
            pid: None,
            message: "up",
        },
        Case { line: "<0>kernel: panic", time: None, host: None, program: Some("kernel"), pid: None, message: "panic" },
        Case {
            line: "<13>no header at all",
            time: None,
            host: None,
            program: None,
            pid: None,
            message: "no header at all",
        },
        Case {
            line: "<165>1 2025-10-01T22:14:15.000Z host app 7 ID47 - \u{feff}with a byte order mark",
            time: padded,
            host: Some("host"),
            program: Some("app"),
            pid: Some("7"),
            message: "with a byte order mark",
        },
        Case { line: "<165>1 - - - - - -", time: None, host: None, program: None, pid: None, message: "" },
        Case {
            line: "<165>1 2025-10-01T22:14:15Z host app - - [broken message",
            time: padded,
            host: Some("host"),
            program: Some("app"),
            pid: None,
            message: "[broken message",
        },
    ];
    for case in cases {
        let message = parse(case.line).unwrap();
        assert_eq!(message.time, case.time.map(nanos), "{}", case.line);
        let read = (message.host, message.program, message.pid, message.message);
        assert_eq!(read, (case.host, case.program, case.pid, case.message), "{}", case.line);
    }
    for line in ["", "plain text", "<999>x", "<12", "<>x", "<1a>x", "Oct 41 22:14:15 host x", "192.0.2.1 - - x"] {
        assert_eq!(parse(line), None, "{line}");
    }
}

#[test]
fn the_priority_gives_facility_and_severity() {
    let numbers: Vec<_> = (160..168)
        .map(|priority| {
            let line = format!("<{priority}>app: x");
            let message = parse(&line).unwrap();
            (message.facility_text().unwrap(), message.severity_text().unwrap(), message.severity_number().unwrap())
        })
        .collect();
    assert!(numbers.iter().all(|(facility, _, _)| *facility == "local4"));
    let numbers: Vec<_> = numbers.into_iter().map(|(_, severity, number)| (severity, number)).collect();
    let expected = [
        ("emerg", 21),
        ("alert", 19),
        ("crit", 18),
        ("err", 17),
        ("warning", 13),
        ("notice", 10),
        ("info", 9),
        ("debug", 5),
    ];
    assert_eq!(numbers, expected);
}

#[test]
fn structured_data_is_unescaped() {
    let line = r#"<165>1 - host app - - [a@1 k="say \"hi\"" path="C:\dir\\x" b="[y\]"][empty][c d= "é"] text"#;
    let message = parse(line).unwrap();
    let parameters: Vec<_> = message
        .structured_data
        .parameters()
        .map(|parameter| (parameter.element, parameter.name, parameter.value.into_owned()))
        .collect();
    let expected = [("a@1", "k", "say \"hi\""), ("a@1", "path", "C:\\dir\\x"), ("a@1", "b", "[y]"), ("c", "d", "é")];
    assert_eq!(parameters, expected.map(|(element, name, value)| (element, name, value.to_owned())));
    assert_eq!(message.message, "text");
}

#[derive(Debug)]
struct Plain;

impl Format for Plain {
    fn name(&self) -> &'static str {
        "text"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        assert_eq!(context.program, Some("nginx"));
        output.logs.push(LogRecord { body: Some(line.into()), ..LogRecord::default() });
        Ok(())
    }
}

#[test]
fn the_header_completes_the_records_of_the_message() {
    let zone = TimeZone::UTC;
    let format = SyslogFormat::new(Arc::new(Plain));
    let context = LineContext {
        received_at: nanos("2026-01-02T00:00:00Z"),
        envelope_time: None,
        zone: &zone,
        service: None,
        host: None,
        program: None,
        severity_number: None,
    };
    let line = "<187>1 2026-01-01T00:00:00Z edge nginx 7 ID9 [m@1 k=\"v\"] no live upstreams";
    let mut output = Output::default();
    format.parse(line, &context, &mut output).unwrap();
    let [log] = &output.logs[..] else { panic!("{output:?}") };
    assert_eq!(log.time, Some(nanos("2026-01-01T00:00:00Z")));
    assert_eq!((log.severity_number, log.severity_text.as_deref()), (Some(17), Some("err")));
    assert_eq!((log.host_name.as_deref(), log.service_name.as_deref()), (Some("edge"), Some("nginx")));
    assert_eq!(log.body.as_deref(), Some("no live upstreams"));
    let attributes: Vec<_> = log.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expected =
        [("syslog.facility", "local7"), ("process.pid", "7"), ("syslog.message_id", "ID9"), ("syslog.m@1.k", "v")];
    assert_eq!(attributes, expected);

    let mut batch = LineBatch::new(Arc::new(SyslogFormat::new(Arc::new(Plain))), "edge", 1024);
    for line in [line, "not syslog", "<13>nginx: "] {
        batch.push(line.as_bytes(), &context);
    }
    let normalized = batch.finish();
    assert_eq!((normalized.counts.logs, normalized.counts.rejected_total()), (1, 2));
    assert_eq!(normalized.tables.iter().map(|(table, _)| *table).collect::<Vec<_>>(), [Table::Logs, Table::Rejects]);
}

fn shared(path: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    std::fs::read_to_string(path).ok()
}

#[test]
fn public_cases_give_their_results() {
    let Some(text) = shared("vrl-parsers/parse_syslog.json") else { return };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let line = case["args"]["value"].as_str().unwrap();
        let Some(want) = case["want"]["ok"].as_object() else {
            assert_eq!(parse(line), None, "{line}");
            continue;
        };
        let message = parse(line).unwrap();
        let wanted_text = |key: &str| want.get(key).map(|value| value.as_str().unwrap().to_owned());
        assert_eq!(message.facility_text().map(str::to_owned), wanted_text("facility"), "{line}");
        assert_eq!(message.severity_text().map(str::to_owned), wanted_text("severity"), "{line}");
        assert_eq!(message.host.map(str::to_owned), wanted_text("hostname"), "{line}");
        assert_eq!(message.program.map(str::to_owned), wanted_text("appname"), "{line}");
        assert_eq!(message.message_id.map(str::to_owned), wanted_text("msgid"), "{line}");
        assert_eq!(Some(message.message.to_owned()), wanted_text("message"), "{line}");
        assert_eq!(message.pid.map(str::to_owned), want.get("procid").map(ToString::to_string), "{line}");
        assert!(message.time.is_some(), "{line}");
        for parameter in message.structured_data.parameters() {
            assert_eq!(want[parameter.element][parameter.name], *parameter.value, "{line}");
        }
        let wanted = want.values().filter_map(|value| value.as_object().filter(|map| !map.contains_key("$ts")));
        let wanted: usize = wanted.map(serde_json::Map::len).sum();
        assert_eq!(message.structured_data.parameters().count(), wanted, "{line}");
    }
}

#[test]
fn public_lines_are_read() {
    if let Some(text) = shared("logstash-patterns/syslog.json") {
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let message = parse(case["message"].as_str().unwrap()).unwrap();
            assert_eq!(message.host, case["legacy_expected_subset"]["logsource"].as_str());
        }
    }
    if let Some(text) = shared("crowdsec/tests/syslog-logs/syslog-logs.log") {
        for line in text.lines().filter(|line| !line.is_empty()) {
            let message = parse(line).unwrap();
            assert_eq!((message.host, message.program), (Some("sd-126005"), Some("sshd")), "{line}");
            assert_eq!(message.pid, Some("16378"));
            assert!(message.message.starts_with("Invalid user "), "{line}");
        }
    }
    if let Some(text) = shared("crowdsec/tests/pfsense-rfc5424-nginx/pfsense-rfc5424-nginx.log") {
        for line in text.lines().filter(|line| !line.is_empty()) {
            let message = parse(line).unwrap();
            assert_eq!((message.host, message.program), (Some("firewall.lan"), Some("nginx")), "{line}");
            assert!(message.message.starts_with("2025/11/05 20:47:03 [error] "), "{line}");
        }
    }
}

proptest! {
    #[test]
    fn hostile_messages_do_not_break_it(text in "(<[0-9]{0,4}>)?(1 )?[-A-Za-z0-9:.\\[\\]\"\\\\=é{}<> ]{0,80}") {
        if let Some(message) = parse(&text) {
            prop_assert!(text.ends_with(message.message));
            prop_assert!(message.structured_data.parameters().count() <= text.len());
        }
    }

    #[test]
    fn whatever_follows_a_header_is_kept_whole(message in "[ -~é]{0,60}") {
        let line = format!("<13>1 2026-01-01T00:00:00Z host app 1 - - {message}");
        prop_assert_eq!(parse(&line).map(|read| read.message), Some(&message[..]));
    }
}
