//! The error log of Apache, of 2.4 and of 2.2.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    gateway::{bad_time, is_missing, request_line::split_last_port, takes_no_log_format, text_ids::set_ids},
    record::{LogRecord, Output, Text},
    time::{common_log, ctime, iso8601, slashed},
};

/// Levels, and their OpenTelemetry severities.
const LEVELS: [(&str, i32); 8] = [
    ("emerg", 21),
    ("alert", 19),
    ("crit", 18),
    ("error", 17),
    ("warn", 13),
    ("notice", 10),
    ("info", 9),
    ("debug", 5),
];

/// Error logs of Apache, as rows of `logs`.
///
/// # Errors
/// When a `log_format` is configured: the groups of the line tell what they are.
pub fn apache_error(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("apache-error", options)?;
    Ok(Arc::new(ErrorLog))
}

#[derive(Debug)]
struct ErrorLog;

impl Format for ErrorLog {
    fn name(&self) -> &'static str {
        "apache-error"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let (time_text, mut rest) = group(line).ok_or_else(no_error_log)?;
        let (level_text, after) = group(rest).ok_or_else(no_error_log)?;
        let (module, level) = level_text.rsplit_once(':').unwrap_or(("", level_text));
        let severity = severity(level).ok_or_else(no_error_log)?;
        rest = after;
        let time = time(time_text, context.zone).ok_or_else(|| bad_time(time_text))?;
        let mut log = LogRecord {
            time: Some(time),
            severity_number: Some(severity),
            severity_text: Some(Text::Borrowed(level)),
            ..LogRecord::default()
        };
        if !is_missing(module) {
            log.attribute("apache.module", module);
        }
        while let Some((text, after)) = group(rest)
            && set_group(&mut log, text)
        {
            rest = after;
        }
        set_message(&mut log, rest);
        output.logs.push(log);
        Ok(())
    }
}

fn no_error_log() -> LineError {
    LineError::new(LineReason::Format, "the line is not: [time] [module:level] [pid ...] message")
}

/// A group in brackets that begins a text, and what follows it.
fn group(text: &str) -> Option<(&str, &str)> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((inner, rest.trim_start_matches(' ')))
}

fn severity(level: &str) -> Option<i32> {
    // `trace1` to `trace8` are finer than debug.
    let is_trace = level.strip_prefix("trace").is_some_and(|depth| matches!(depth.as_bytes(), [b'1'..=b'8']));
    let known = LEVELS.into_iter().find(|(name, _)| *name == level).map(|(_, severity)| severity);
    known.or(is_trace.then_some(1))
}

fn time(text: &str, zone: &TimeZone) -> Option<i64> {
    ctime(text, zone).or_else(|| common_log(text)).or_else(|| iso8601(text, zone)).or_else(|| slashed(text, zone))
}

/// Sets what a group says; false where it is a part of the message.
fn set_group<'a>(log: &mut LogRecord<'a>, text: &'a str) -> bool {
    match text.split_once(' ') {
        Some(("pid", ids)) => match ids.split_once(":tid ") {
            Some((process, thread)) => {
                log.attribute("apache.pid", process);
                log.attribute("apache.tid", thread);
            }
            None => log.attribute("apache.pid", ids),
        },
        Some(("client" | "remote", address)) => {
            // 2.4 writes a port always, 2.2, which writes no process, never.
            let has_port = log.attributes.iter().any(|(key, _)| key == "apache.pid");
            let (address, port) = if has_port { split_last_port(address) } else { (address, None) };
            log.attribute("client.address", address);
            if let Some(port) = port {
                log.attribute("client.port", port);
            }
        }
        _ => return false,
    }
    true
}

/// Sets the body, and what it says besides.
fn set_message<'a>(log: &mut LogRecord<'a>, message: &'a str) {
    set_ids(&mut log.ids, message);
    let (body, referrer) = match message.rsplit_once(", referer: ") {
        Some((body, referrer)) => (body, referrer),
        None => (message, ""),
    };
    if let Some(position) = code_position(body) {
        log.attribute("apache.error_code", &body[position..position + 7]);
    }
    // An error of the system stands before the message, and the client behind it.
    if let Some((code, _)) = body.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        && !code.is_empty()
        && code.bytes().all(|byte| byte.is_ascii_digit())
    {
        log.attribute("apache.os_error", code);
    }
    if !log.attributes.iter().any(|(key, _)| key == "client.address")
        && let Some(start) = body.find(": [client ")
        && let Some((text, _)) = group(&body[start + 2..])
    {
        set_group(log, text);
    }
    if !is_missing(referrer) {
        log.attribute("http.request.header.referer", referrer);
    }
    log.body = Some(Text::Borrowed(body));
}

/// Where `AH01114:` stands, as the first word or after a space.
fn code_position(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    memchr::memmem::find_iter(bytes, b"AH").find(|position| {
        let code = bytes.get(position + 2..position + 8);
        let follows = code.is_some_and(|code| code[..5].iter().all(u8::is_ascii_digit) && code[5] == b':');
        follows && (*position == 0 || bytes[position - 1] == b' ')
    })
}
