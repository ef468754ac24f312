//! The access log of Spring Cloud Gateway, which is Reactor Netty's.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{common_log::CommonLine, duration, takes_no_log_format};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{Output, Text},
    time::iso8601,
};

/// Access logs of Spring Cloud Gateway, as Reactor Netty writes them, alone or behind Spring Boot's console prefix.
///
/// # Errors
/// When a `log_format` is configured, which there is none of.
pub fn spring_cloud_gateway(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("spring-cloud-gateway", options)?;
    Ok(Arc::new(SpringCloudGateway))
}

#[derive(Debug)]
struct SpringCloudGateway;

impl Format for SpringCloudGateway {
    fn name(&self) -> &'static str {
        "spring-cloud-gateway"
    }

    fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let (prefix, access) = split_prefix(line);
        let mut common = CommonLine::parse(access)?;
        let rest = common.rest.clone();
        let (last, unit) = (common.rest.word(), common.rest.word());
        let (port, took) = match (last, unit, common.rest.word(), rest.count()) {
            (Some(took), None, ..) => (None, took),
            (Some(port), Some(took), Some("ms"), 3) => (Some(port), took),
            _ => return Err(no_access_log()),
        };
        let mut record = common.record("spring-cloud-gateway", "spring_cloud_gateway.request")?;
        record.start_time = Some(common.time);
        record.duration_ns = duration(took, 3, "the duration")?;
        record.cancelled = record.status == Some(499);
        record.attribute("server.port", port.unwrap_or_default());
        if let Some(prefix) = prefix {
            record.gateway = application(prefix).map(Text::Borrowed);
            if let Some(end) = exact_time(prefix)
                && record.duration_ns.is_some()
            {
                // The line is written at the end, and its prefix tells milliseconds.
                (record.start_time, record.end_time) = (None, Some(end));
            }
        }
        output.requests.push(record);
        Ok(())
    }
}

fn no_access_log() -> LineError {
    LineError::new(LineReason::Format, "no [port and] duration after a common log")
}

/// Splits off what the console pattern of Spring Boot puts before the message. The logger's name may be shortened.
fn split_prefix(line: &str) -> (Option<&str>, &str) {
    let Some(position) = line.find(".AccessLog") else {
        return (None, line);
    };
    let rest = line[position + ".AccessLog".len()..].trim_start_matches(' ');
    match rest.strip_prefix(": ") {
        Some(access) => (Some(&line[..position]), access),
        None => (None, line),
    }
}

/// The name of the application, which Spring Boot 3 writes before the thread: `--- [gateway] [ctor-http-nio-2]`.
fn application(prefix: &str) -> Option<&str> {
    let (_, rest) = prefix.split_once("--- [")?;
    let (name, rest) = rest.split_once(']')?;
    rest.trim_start().starts_with('[').then(|| name.trim()).filter(|name| !name.is_empty())
}

/// The time of the prefix, where it names its zone.
fn exact_time(prefix: &str) -> Option<i64> {
    let text = prefix.split(' ').next()?;
    let has_zone = text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    if has_zone { iso8601(text, &TimeZone::UTC) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::testing::{parse, request};

    #[test]
    fn lines_of_both_kinds_are_read_with_and_without_prefix() {
        let format = spring_cloud_gateway(&FormatOptions::default()).unwrap();
        for (line, expected) in [
            (
                r#"10.0.0.9 - - [04/Mar/2026:11:59:58 -0500] "GET /p HTTP/1.1" 200 161 1017"#,
                "start=2026-03-04T16:59:58Z duration=1017000us method=GET path=/p status=200 client=10.0.0.9 out=161 \
                 network.protocol.version=1.1",
            ),
            (
                r#"10.0.0.9 - - [04/Mar/2026:11:59:58 -0500] "GET /p?q HTTP/1.1" 200 44 20000 517 ms"#,
                "start=2026-03-04T16:59:58Z duration=517000us method=GET path=/p status=200 client=10.0.0.9 out=44 \
                 network.protocol.version=1.1 url.query=q server.port=20000",
            ),
            (
                r#"2026-03-04T12:00:00.017+01:00  INFO 32005 --- [gateway] [ctor-http-nio-2] reactor.netty.http.server.AccessLog      : 10.0.0.9 - - [04/Mar/2026:11:59:59 +0100] "POST /p HTTP/1.1" 503 - 1017"#,
                "end=2026-03-04T11:00:00.017Z duration=1017000us gateway=gateway method=POST path=/p status=503 client=10.0.0.9 \
                 network.protocol.version=1.1",
            ),
            (
                r#"2026-03-04 12:00:00.017  INFO 32005 --- [ctor-http-nio-2] r.netty.http.server.AccessLog : 10.0.0.9 - - [04/Mar/2026:11:59:59 +0100] "GET / HTTP/1.1" 200 1 17"#,
                "start=2026-03-04T10:59:59Z duration=17000us method=GET path=/ status=200 client=10.0.0.9 out=1 \
                 network.protocol.version=1.1",
            ),
        ] {
            assert_eq!(request(&*format, line), expected, "{line}");
        }
        for line in [
            "2026-03-04 12:00:00.017  INFO 32005 --- [main] c.e.Gateway : Started in 3 s",
            r#"10.0.0.9 - - [04/Mar/2026:11:59:58 -0500] "GET /p HTTP/1.1" 200 161"#,
            r#"10.0.0.9 - - [04/Mar/2026:11:59:58 -0500] "GET /p HTTP/1.1" 200 161 "-" "k6""#,
        ] {
            assert_eq!(parse(&*format, line).unwrap_err().reason, LineReason::Format, "{line}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(head in r"[0-9é:. T+-]{0,30}(--- )?(\[[a-z]{0,3}\] ?){0,2}", tail in "[ -~é]{0,30}") {
            let format = spring_cloud_gateway(&FormatOptions::default()).unwrap();
            let _ = parse(&*format, &format!("{head}r.AccessLog : a - - [04/Mar/2026:11:59:58 -0500] \"GET / HTTP/1.1\" {tail}"));
            let _ = parse(&*format, &tail);
        }
    }
}
