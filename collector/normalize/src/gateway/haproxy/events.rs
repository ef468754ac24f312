//! What HAProxy says of its servers and of itself.

use crate::{
    format::LineContext,
    gateway::request_line::split_last_port,
    record::{LogRecord, Text},
    time::bsd,
};

/// How the messages begin that are told from other programs' without a header.
const BEGINNINGS: [&str; 8] =
    ["Server ", "Backup Server ", "Health check for ", "Proxy ", "backend ", "Connect from ", "Stopping ", "Pausing "];

/// Reads a message: `Server cart/web1 is DOWN, ...`, `backend cart has no server available!`. `None` where it is not
/// known to be HAProxy's.
pub(super) fn read<'a>(header: Option<&'a str>, message: &'a str, context: &LineContext<'a>) -> Option<LogRecord<'a>> {
    if header.is_none() && !BEGINNINGS.iter().any(|beginning| message.starts_with(beginning)) {
        return None;
    }
    let mut log = LogRecord {
        time: header.and_then(|header| header_time(header, context)),
        severity_number: severity(message),
        body: Some(Text::Borrowed(message)),
        ..LogRecord::default()
    };
    let mut words =
        message.split([' ', ',']).skip_while(|word| !matches!(*word, "Server" | "server" | "backend" | "Proxy"));
    let kind = words.next().unwrap_or_default();
    let name = words.next().unwrap_or_default();
    let (backend, server) = name.split_once('/').unwrap_or((name, ""));
    match kind {
        "Server" | "server" if !server.is_empty() => {
            log.attribute("haproxy.backend", backend);
            log.attribute("haproxy.server", server);
        }
        "backend" | "Proxy" if !name.is_empty() => log.attribute("haproxy.backend", name),
        _ => {}
    }
    Some(log)
}

/// The severities that HAProxy sends these messages with; `None` leaves it to the envelope.
fn severity(message: &str) -> Option<i32> {
    if message.contains(" has no server available!") {
        Some(21)
    } else if message.contains(" is DOWN") || message.contains(" is going DOWN") {
        Some(19)
    } else if message.contains(" is UP") || message.contains(" is going UP") {
        Some(10)
    } else {
        None
    }
}

fn header_time(header: &str, context: &LineContext<'_>) -> Option<i64> {
    let rest = match header.strip_prefix('<') {
        Some(priority) => priority.split_once('>')?.1,
        None => header,
    };
    bsd(rest.get(..15)?, context.zone, context.written_at())
}

/// A connection that failed before there was a request: `frontend/bind: SSL handshake failure`.
pub(super) fn problem<'a>(time: i64, client: &'a str, bind: &'a str, problem: &'a str) -> LogRecord<'a> {
    let mut log = LogRecord { time: Some(time), body: Some(Text::Borrowed(problem)), ..LogRecord::default() };
    let (address, port) = split_last_port(client);
    log.attribute("client.address", address);
    if let Some(port) = port {
        log.attribute("client.port", port);
    }
    log.attribute("haproxy.frontend", bind.split('/').next().unwrap_or(bind));
    log
}
