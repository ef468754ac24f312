use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{
    app::text::tests::{attribute, context, read},
    format::LineReason,
    record::LogRecord,
};

/// 2026-03-14T15:09:41.645Z.
const TIME: i64 = 1_773_500_981_645_000_000;

struct Expected {
    severity: i32,
    body: &'static str,
    service: Option<&'static str>,
    logger: Option<&'static str>,
    attributes: &'static [(&'static str, &'static str)],
}

fn expect(severity: i32, body: &'static str) -> Expected {
    Expected { severity, body, service: None, logger: None, attributes: &[] }
}

/// One line in the shape of each library.
fn libraries() -> Vec<(&'static str, &'static str, Expected)> {
    vec![
        (
            "pino",
            r#"{"level":40,"time":1773500981645,"pid":7,"hostname":"web-1","name":"checkout","reqId":"req-0000012","msg":"slow"}"#,
            Expected {
                service: Some("checkout"),
                logger: Some("checkout"),
                attributes: &[("process.pid", "7"), ("reqId", "req-0000012")],
                ..expect(13, "slow")
            },
        ),
        (
            "bunyan",
            r#"{"name":"checkout","hostname":"web-1","pid":7,"level":50,"msg":"gone","time":"2026-03-14T15:09:41.645Z","v":0,"err":{"message":"no","name":"TypeError","stack":"TypeError: no\n    at f (a.js:1:2)"}}"#,
            Expected {
                service: Some("checkout"),
                logger: Some("checkout"),
                attributes: &[
                    ("exception.type", "TypeError"),
                    ("exception.message", "no"),
                    ("exception.stacktrace", "TypeError: no\n    at f (a.js:1:2)"),
                ],
                ..expect(17, "gone")
            },
        ),
        (
            "winston",
            r#"{"level":"warn","message":"slow","service":"checkout","timestamp":"2026-03-14T15:09:41.645Z","cart":{"items":3}}"#,
            Expected { service: Some("checkout"), attributes: &[("cart.items", "3")], ..expect(13, "slow") },
        ),
        (
            "zap",
            r#"{"level":"dpanic","ts":1773500981.645,"logger":"http","caller":"a/b.go:12","msg":"bug","error":"nil map","stacktrace":"main.main\n\t/a/b.go:12"}"#,
            Expected {
                logger: Some("http"),
                attributes: &[
                    ("caller", "a/b.go:12"),
                    ("exception.message", "nil map"),
                    ("exception.stacktrace", "main.main\n\t/a/b.go:12"),
                ],
                ..expect(21, "bug")
            },
        ),
        ("zerolog", r#"{"level":"info","time":1773500981645,"message":"up"}"#, expect(9, "up")),
        (
            "logrus",
            r#"{"level":"warning","msg":"slow","time":"2026-03-14T15:09:41.645Z","user":"u1"}"#,
            Expected { attributes: &[("user", "u1")], ..expect(13, "slow") },
        ),
        (
            "slog",
            r#"{"time":"2026-03-14T15:09:41.645Z","level":"ERROR+2","source":{"function":"main.f","file":"/a.go","line":7},"msg":"gone","order":{"id":9}}"#,
            Expected {
                attributes: &[
                    ("code.function.name", "main.f"),
                    ("code.file.path", "/a.go"),
                    ("code.line.number", "7"),
                    ("order.id", "9"),
                ],
                ..expect(19, "gone")
            },
        ),
        (
            "logback",
            r#"{"@timestamp":"2026-03-14T16:09:41.645+01:00","@version":"1","message":"placed","logger_name":"c.e.Orders","thread_name":"exec-1","level":"INFO","level_value":20000,"mdc":{"tenant":"t1"}}"#,
            Expected {
                logger: Some("c.e.Orders"),
                attributes: &[("thread.name", "exec-1"), ("tenant", "t1")],
                ..expect(9, "placed")
            },
        ),
        (
            "log4j2",
            r#"{"@timestamp":"2026-03-14T15:09:41.645Z","ecs.version":"1.2.0","log.level":"FATAL","message":"gone","service.name":"shop","log.logger":"c.e.Orders","process.thread.name":"main"}"#,
            Expected {
                service: Some("shop"),
                logger: Some("c.e.Orders"),
                attributes: &[("thread.name", "main")],
                ..expect(21, "gone")
            },
        ),
        (
            "ecs",
            r#"{"@timestamp":"2026-03-14T15:09:41.645Z","log":{"level":"error","logger":"app"},"message":"gone","service":{"name":"shop","version":"2"},"error":{"type":"E","message":"m","stack_trace":"s"}}"#,
            Expected {
                service: Some("shop"),
                logger: Some("app"),
                attributes: &[("exception.stacktrace", "s"), ("exception.type", "E"), ("exception.message", "m")],
                ..expect(17, "gone")
            },
        ),
        (
            "serilog",
            r#"{"@t":"2026-03-14T15:09:41.6450000Z","@mt":"Charged {Amount:0.00} to {Name}","@r":["7.00"],"@l":"Warning","Amount":7,"Name":"Ada","@@x":"y","Application":"Shop","SourceContext":"Shop.Pay"}"#,
            Expected {
                service: Some("Shop"),
                logger: Some("Shop.Pay"),
                attributes: &[("Name", "Ada"), ("@x", "y"), ("@mt", "Charged {Amount:0.00} to {Name}")],
                ..expect(13, "Charged 7.00 to Ada")
            },
        ),
        (
            "serilog",
            r#"{"Timestamp":"2026-03-14T15:09:41.645Z","Level":"Information","MessageTemplate":"Up {N}","RenderedMessage":"Up 3","Properties":{"N":3,"SourceContext":"A"}}"#,
            Expected {
                logger: Some("A"),
                attributes: &[("N", "3"), ("MessageTemplate", "Up {N}")],
                ..expect(9, "Up 3")
            },
        ),
        (
            "dotnet",
            r#"{"EventId":4,"LogLevel":"Critical","Category":"Shop","Timestamp":"2026-03-14T15:09:41.645Z","Message":"Down 3","State":{"Message":"Down 3","N":3,"{OriginalFormat}":"Down {N}"},"Scopes":[{"Message":"scope","RequestPath":"/pay"},"outer"]}"#,
            Expected {
                logger: Some("Shop"),
                attributes: &[("EventId", "4"), ("N", "3"), ("RequestPath", "/pay"), ("Scopes", "outer")],
                ..expect(21, "Down 3")
            },
        ),
        (
            "structlog",
            r#"{"event":"order placed","level":"info","logger":"shop","timestamp":"2026-03-14T15:09:41.645Z","exception":"Traceback (most recent call last):\n  File\nshop.Error: no"}"#,
            Expected {
                logger: Some("shop"),
                attributes: &[("exception.type", "shop.Error"), ("exception.message", "no")],
                ..expect(9, "order placed")
            },
        ),
        (
            "python-json-logger",
            r#"{"asctime":"2026-03-14 15:09:41,645","levelname":"WARNING","levelno":30,"name":"shop.pay","message":"slow","otelServiceName":"shop","otelTraceSampled":false}"#,
            Expected { service: Some("shop"), logger: Some("shop.pay"), ..expect(13, "slow") },
        ),
        (
            "google-cloud",
            r#"{"severity":"NOTICE","message":"up","timestampSeconds":1773500981,"timestampNanos":645000000,"httpRequest":{"requestMethod":"GET","status":200}}"#,
            Expected {
                attributes: &[("httpRequest.requestMethod", "GET"), ("httpRequest.status", "200")],
                ..expect(10, "up")
            },
        ),
        (
            "gelf",
            r#"{"version":"1.1","host":"web-1","short_message":"gone","full_message":"gone: all of it","timestamp":1773500981.645,"level":3,"_service":"shop","_order":"o1"}"#,
            Expected {
                service: Some("shop"),
                attributes: &[("order", "o1"), ("full_message", "gone: all of it")],
                ..expect(17, "gone")
            },
        ),
    ]
}

fn check(name: &str, log: &LogRecord<'_>, expected: &Expected) {
    assert_eq!(log.time, Some(TIME), "{name}");
    assert_eq!(log.severity_number, Some(expected.severity), "{name}");
    assert_eq!(log.body.as_deref(), Some(expected.body), "{name}");
    assert_eq!(log.scope_name.as_deref(), expected.logger, "{name}");
    for (key, value) in expected.attributes {
        assert_eq!(attribute(log, key), Some(*value), "{name} {key} {:?}", log.attributes);
    }
}

#[test]
fn the_line_of_each_library_is_read_by_its_preset_and_by_json() {
    let zone = TimeZone::UTC;
    let context = context(&zone);
    let plain = json("json", &FormatOptions::default()).unwrap();
    for (name, line, expected) in libraries() {
        let log = read(&*json(name, &FormatOptions::default()).unwrap(), line, &context).unwrap();
        check(name, &log, &expected);
        assert_eq!(log.service_name.as_deref(), expected.service, "{name}");
        check(&format!("{name} as json"), &read(&*plain, line, &context).unwrap(), &expected);
    }
    for name in names().filter(|name| *name != "json") {
        assert!(libraries().iter().any(|(library, ..)| *library == name), "no line of {name}");
    }
}

#[test]
fn a_logger_named_like_a_service_does_not_rename_the_source() {
    let zone = TimeZone::UTC;
    let configured = LineContext { service: Some("payments"), ..context(&zone) };
    let pino = json("pino", &FormatOptions::default()).unwrap();
    let log = read(&*pino, r#"{"level":30,"name":"payments-logger","msg":"a"}"#, &configured).unwrap();
    assert_eq!((log.service_name.as_deref(), log.scope_name.as_deref()), (None, Some("payments-logger")));
}

#[test]
fn what_is_no_trace_id_is_a_correlation_id() {
    let zone = TimeZone::UTC;
    let plain = json("json", &FormatOptions::default()).unwrap();
    let line = r#"{"msg":"TraceID: 04c87ec97bae041b1b15b3c7676a43cc done","trace_id":"T5VMASNOT5"}"#;
    let log = read(&*plain, line, &context(&zone)).unwrap();
    assert_eq!(log.ids.correlation, ["T5VMASNOT5"]);
    assert_eq!(log.ids.trace_id.map(|id| id[..2].to_vec()), Some(vec![0x04, 0xc8]));
    assert_eq!(attribute(&log, "trace_id"), Some("T5VMASNOT5"));
    let google = r#"{"logging.googleapis.com/trace":"projects/p/traces/04c87ec97bae041b1b15b3c7676a43cc"}"#;
    let log = read(&*plain, google, &context(&zone)).unwrap();
    assert!(log.ids.trace_id.is_some() && log.attributes.is_empty());
}

#[test]
fn configured_keys_come_first() {
    let zone = TimeZone::UTC;
    let keys = [
        ("lvl", "severity_text"),
        ("text.de", "body"),
        ("when", "time"),
        ("usr", "user.id"),
        ("cid", "correlation_id"),
    ];
    let keys = keys.map(|(key, name)| (key.to_owned(), name.to_owned())).into();
    let format = json("json", &FormatOptions { keys, ..FormatOptions::default() }).unwrap();
    let line = r#"{"lvl":"E","level":"info","text":{"de":"weg"},"message":"gone","when":1773500981645,"usr":"u1","cid":"c-12345678"}"#;
    let log = read(&*format, line, &context(&zone)).unwrap();
    assert_eq!((log.time, log.severity_number, log.body.as_deref()), (Some(TIME), Some(17), Some("weg")));
    assert_eq!((attribute(&log, "user.id"), attribute(&log, "message")), (Some("u1"), Some("gone")));
    assert_eq!(log.ids.correlation, ["c-12345678"]);
}

#[test]
fn numbers_and_unreadable_times_are_kept_as_written() {
    let zone = TimeZone::UTC;
    let plain = json("json", &FormatOptions::default()).unwrap();
    let line = r#"{"a":9007199254740993,"b":18446744073709551615,"c":-9223372036854775808,"d":0.1,"e":1234567.891,"f":1773500981.6453764,"g":0.1234567890123456,"h":179.85714285714286,"time":12.5,"error":true,"n":null}"#;
    let log = read(&*plain, line, &context(&zone)).unwrap();
    for (key, value) in [
        ("a", "9007199254740993"),
        ("b", "18446744073709551615"),
        ("c", "-9223372036854775808"),
        ("d", "0.1"),
        ("e", "1234567.891"),
        ("f", "1773500981.6453764"),
        ("g", "0.1234567890123456"),
        ("h", "179.85714285714286"),
        ("time", "12.5"),
        ("error", "true"),
    ] {
        assert_eq!(attribute(&log, key), Some(value), "{key}");
    }
    assert_eq!((log.time, log.body, attribute(&LogRecord::default(), "n")), (None, None, None));
}

#[test]
fn broken_and_hostile_objects_cost_themselves() {
    let zone = TimeZone::UTC;
    let context = context(&zone);
    let plain = json("json", &FormatOptions::default()).unwrap();
    assert_eq!(read(&*plain, r#"{"msg":"a"#, &context).unwrap_err().reason, LineReason::Json);
    assert_eq!(read(&*plain, "a text", &context).unwrap_err().reason, LineReason::Format);
    // A long key over many members would be repeated for each of them.
    let members: Vec<String> = (0..20_000).map(|number| format!("\"k{number}\":1")).collect();
    let line = format!("{{\"{}\":{{{}}}}}", "k".repeat(100_000), members.join(","));
    assert_eq!(read(&*plain, &line, &context).unwrap().attributes.len(), 1);
    let line = format!("{{{}}}", members.join(","));
    let log = read(&*plain, &line, &context).unwrap();
    assert_eq!(log.attributes.len(), 20_000);
    assert!(log.attributes.iter().map(|(key, _)| key.len()).sum::<usize>() < 20_000);
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    assert_eq!(read(&*plain, &deep, &context).unwrap().attributes.len(), 1);
}

proptest! {
    #[test]
    fn no_text_makes_any_format_panic(line in "\\PC{0,200}", object in "[{}\\[\\]\",:a-z@0-9. -]{0,80}") {
        let zone = TimeZone::UTC;
        let context = context(&zone);
        for entry in crate::registry::FORMATS {
            let format = (entry.build)(&FormatOptions::default()).unwrap();
            for line in [&line, &object, &format!("{{{object}}}"), &format!("{{\"@mt\":{line:?},\"@r\":[1]}}")] {
                let mut output = Output::default();
                let _ = format.parse(line, &context, &mut output);
            }
        }
    }
}
