//! The error log of nginx.

use std::sync::Arc;

use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    gateway::{bad_time, is_missing, request_line::set_request_line, takes_no_log_format, text_ids::set_ids},
    ids::IdKind,
    record::{LogRecord, Output, RequestRecord, Text},
    time::slashed,
};

/// Levels, and their OpenTelemetry severities.
const LEVELS: [(&str, i32); 8] = [
    ("debug", 5),
    ("info", 9),
    ("notice", 10),
    ("warn", 13),
    ("error", 17),
    ("crit", 18),
    ("alert", 19),
    ("emerg", 21),
];

/// What nginx appends to a message, in its order; the value is in quotes or it is not.
const FIELDS: [(&str, bool); 9] = [
    (", client: ", false),
    (", server: ", false),
    (", request: \"", true),
    (", subrequest: \"", true),
    (", upstream: \"", true),
    (", bytes from/to client:", false),
    (", bytes from/to upstream:", false),
    (", host: \"", true),
    (", referrer: \"", true),
];

/// Error logs of nginx, as rows of `logs`.
///
/// # Errors
/// When a `log_format` is configured, which there is none of.
pub fn nginx_error(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("nginx-error", options)?;
    Ok(Arc::new(ErrorLog))
}

#[derive(Debug)]
struct ErrorLog;

impl Format for ErrorLog {
    fn name(&self) -> &'static str {
        "nginx-error"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let (time_text, level, processes, message) = split(line).ok_or_else(no_error_log)?;
        let (_, severity) = LEVELS.into_iter().find(|(name, _)| *name == level).ok_or_else(no_error_log)?;
        let (process, thread) = processes.split_once('#').ok_or_else(no_error_log)?;
        let time = slashed(time_text, context.zone).ok_or_else(|| bad_time(time_text))?;
        let mut log = LogRecord {
            time: Some(time),
            severity_number: Some(severity),
            severity_text: Some(Text::Borrowed(level)),
            ..LogRecord::default()
        };
        log.attribute("nginx.pid", process);
        log.attribute("nginx.tid", thread);
        let mut message = message;
        if let Some((connection, rest)) = message.strip_prefix('*').and_then(|rest| rest.split_once(' '))
            && connection.bytes().all(|byte| byte.is_ascii_digit())
        {
            log.attribute("nginx.connection", connection);
            message = rest;
        }
        set_ids(&mut log.ids, message);
        let body = set_fields(&mut log, message);
        log.body = Some(Text::Borrowed(body));
        output.logs.push(log);
        Ok(())
    }
}

/// `2026/09/27 13:25:59 [error] 31#7: message`
fn split(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (time, rest) = line.split_once(" [")?;
    if time.as_bytes().get(4) != Some(&b'/') {
        return None;
    }
    let (level, rest) = rest.split_once("] ")?;
    let (processes, message) = rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    Some((time, level, processes, message))
}

fn no_error_log() -> LineError {
    LineError::new(LineReason::Format, "the line is not: date time [level] pid#tid: message")
}

/// Sets what is appended to the message, and gives the message alone. It may contain commas itself, and a client
/// chooses much of it, so the fields are taken from the end.
fn set_fields<'a>(log: &mut LogRecord<'a>, message: &'a str) -> &'a str {
    let mut rest = without_added_ids(message);
    let mut request = RequestRecord::default();
    for (name, is_quoted) in FIELDS.into_iter().rev() {
        let Some((before, value)) = split_field(rest, name, is_quoted) else { continue };
        rest = before;
        if is_missing(value) {
            continue;
        }
        match name.trim_matches([',', ' ', ':', '"']) {
            "client" => log.attribute("client.address", value),
            "server" => log.attribute("server.address", value),
            "request" => set_request_line(&mut request, Text::Borrowed(value), "nginx.request"),
            "subrequest" => log.attribute("nginx.subrequest", value),
            "upstream" => log.attribute("nginx.upstream", value),
            "host" => log.attribute("http.request.header.host", value),
            "referrer" => log.attribute("http.request.header.referer", value),
            "bytes from/to client" => log.attribute("nginx.bytes_from_to_client", value),
            _ => log.attribute("nginx.bytes_from_to_upstream", value),
        }
    }
    if let Some(method) = request.method {
        log.attribute("http.request.method", method);
    }
    if let Some(path) = request.path {
        log.attribute("url.path", path);
    }
    log.attributes.append(&mut request.attributes);
    rest
}

/// Splits off a field that ends the text.
fn split_field<'a>(text: &'a str, name: &str, is_quoted: bool) -> Option<(&'a str, &'a str)> {
    let text = if is_quoted { text.strip_suffix('"')? } else { text };
    let start = text.rfind(name)?;
    let value = &text[start + name.len()..];
    // A value without quotes is an address or a name: a comma in it says that the field stands within the message.
    let is_field = is_quoted || !value.contains([',', '"']);
    is_field.then(|| (&text[..start], value))
}

/// The message without ids that builds of nginx append to it: `, request_id: "..."`.
fn without_added_ids(message: &str) -> &str {
    let mut rest = message;
    while let Some((before, field)) = rest.rsplit_once(", ")
        && let Some((name, value)) = field.split_once(": ")
        && IdKind::of_key(name).is_some()
        && !value.trim_matches('"').contains('"')
    {
        rest = before;
    }
    rest
}
