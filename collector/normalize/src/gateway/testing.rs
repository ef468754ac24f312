//! Records as short texts, for tests.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    format::{Format, LineContext, LineError},
    record::{LogRecord, Output, RequestRecord},
    time::iso8601,
};

static UTC: TimeZone = TimeZone::UTC;

/// Reads a line at noon of 2026-03-04 in UTC.
pub(super) fn parse<'a>(format: &dyn Format, line: &'a str) -> Result<Output<'a>, LineError> {
    let context = LineContext {
        received_at: iso8601("2026-03-04T12:00:00Z", &TimeZone::UTC).unwrap(),
        envelope_time: None,
        zone: &UTC,
        service: None,
        host: None,
        program: None,
        severity_number: None,
    };
    let mut output = Output::default();
    format.parse(line, &context, &mut output)?;
    Ok(output)
}

/// The one request of a line, as `name=value` of what is set.
pub(super) fn request(format: &dyn Format, line: &str) -> String {
    let output = parse(format, line).unwrap_or_else(|error| panic!("{error} ({:?}): {line}", error.reason));
    assert_eq!((output.requests.len(), output.logs.len()), (1, 0), "{line}");
    show_request(&output.requests[0])
}

/// The one log record of a line, as `name=value` of what is set.
pub(super) fn log(format: &dyn Format, line: &str) -> String {
    let output = parse(format, line).unwrap_or_else(|error| panic!("{error} ({:?}): {line}", error.reason));
    assert_eq!((output.requests.len(), output.logs.len()), (0, 1), "{line}");
    show_log(&output.logs[0])
}

fn show_time(time: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time)).unwrap().to_string()
}

fn show_request(record: &RequestRecord<'_>) -> String {
    let mut shown = Vec::new();
    let mut show = |name: &str, value: Option<String>| shown.extend(value.map(|value| format!("{name}={value}")));
    let owned = |text: &Option<crate::record::Text<'_>>| text.as_deref().map(str::to_owned);
    let micros = |nanos: Option<i64>| nanos.map(|nanos| format!("{}us", nanos / 1000));
    show("start", record.start_time.map(show_time));
    show("end", record.end_time.map(show_time));
    show("duration", micros(record.duration_ns));
    show("gateway", owned(&record.gateway));
    show("method", owned(&record.method));
    show("path", owned(&record.path));
    show("route", owned(&record.route));
    show("host", owned(&record.server_address));
    show("status", record.status.map(|status| status.to_string()));
    show("client", owned(&record.client_address));
    show("agent", owned(&record.user_agent));
    show("in", record.request_bytes.map(|bytes| bytes.to_string()));
    show("out", record.response_bytes.map(|bytes| bytes.to_string()));
    show("service", owned(&record.upstream_service));
    show("upstream", owned(&record.upstream_address));
    show("upstream_status", record.upstream_status.map(|status| status.to_string()));
    show("upstream_duration", micros(record.upstream_duration_ns));
    let attempts = record.attempts.iter().map(|attempt| {
        let address = attempt.address.as_deref().unwrap_or("?");
        let status = attempt.status.map_or("?".to_owned(), |status| status.to_string());
        format!("{address}/{status}/{}", micros(attempt.duration_ns).unwrap_or("?".to_owned()))
    });
    show("attempts", (!record.attempts.is_empty()).then(|| attempts.collect::<Vec<_>>().join("+")));
    show("flags", owned(&record.response_flags));
    show("error", owned(&record.error));
    show("cancelled", record.cancelled.then(|| "true".to_owned()));
    shown.extend(record.ids.correlation.iter().map(|id| format!("id={id}")));
    shown.extend(record.attributes.iter().map(|(key, value)| format!("{key}={value}")));
    shown.join(" ")
}

fn show_log(record: &LogRecord<'_>) -> String {
    let mut shown = vec![format!("{}", record.time.map_or("?".to_owned(), show_time))];
    shown.push(record.severity_text.as_deref().unwrap_or("?").to_owned());
    shown.push(record.severity_number.map_or("?".to_owned(), |number| number.to_string()));
    shown.push(format!("({})", record.body.as_deref().unwrap_or_default()));
    shown.extend(record.ids.correlation.iter().map(|id| format!("id={id}")));
    shown.extend(record.attributes.iter().map(|(key, value)| format!("{key}={value}")));
    shown.join(" ")
}
