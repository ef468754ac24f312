//! One request or one TCP session of HAProxy.

use crate::{
    format::{LineError, LineReason},
    gateway::{
        duration, integer,
        request_line::{set_request_line, split_last_port},
        status,
        tokens::closing_quote,
    },
    ids::IdKind,
    record::{RequestRecord, Text},
};

/// Reads what follows the date: `frontend backend/server timers ...`.
pub(super) fn read<'a>(time: i64, client: &'a str, text: &'a str) -> Result<RequestRecord<'a>, LineError> {
    let mut record = RequestRecord::new("haproxy");
    record.start_time = Some(time);
    let (address, port) = split_last_port(client);
    record.client_address = Some(Text::Borrowed(address));
    record.attribute("client.port", port.unwrap_or_default());
    let mut words = Words { rest: text };
    let frontend = words.next()?;
    let name = frontend.strip_suffix('~').unwrap_or(frontend);
    record.attribute("haproxy.frontend", name);
    if name.len() < frontend.len() {
        record.attribute("haproxy.frontend_tls", "true");
    }
    set_server(&mut record, words.next()?)?;
    let timers = words.next()?;
    let server_took = set_timers(&mut record, timers)?;
    let is_http = timers.split('/').count() == 5;
    if is_http {
        record.status = status(words.next()?, "the status")?;
    }
    let bytes = words.next()?;
    record.response_bytes = integer(bytes.strip_prefix('+').unwrap_or(bytes), "the bytes")?;
    if is_http {
        record.attribute("haproxy.captured_request_cookie", words.next()?);
        record.attribute("haproxy.captured_response_cookie", words.next()?);
    }
    set_termination(&mut record, words.next()?);
    let connections = words.next()?;
    let retries = connections.rsplit('/').next().unwrap_or_default();
    if retries != "0" {
        record.attribute("haproxy.retries", retries);
    }
    let queues = words.next()?;
    if queues != "0/0" {
        record.attribute("haproxy.queues", queues);
    }
    if is_http {
        if server_took.is_some() {
            record.upstream_status = record.status;
        }
        set_request(&mut record, words.rest.trim_start_matches(' '));
    }
    record.upstream_duration_ns = server_took;
    Ok(record)
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, LineError> {
        let text = self.rest.trim_start_matches(' ');
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        self.rest = rest;
        if word.is_empty() { Err(not_a_session("it ends too early")) } else { Ok(word) }
    }
}

fn not_a_session(what: &'static str) -> LineError {
    LineError::new(LineReason::Format, format!("not a line of httplog or tcplog: {what}"))
}

fn set_server<'a>(record: &mut RequestRecord<'a>, word: &'a str) -> Result<(), LineError> {
    let (backend, server) = word.split_once('/').ok_or_else(|| not_a_session("no backend/server"))?;
    record.upstream_service = Some(Text::Borrowed(backend));
    if server.starts_with('<') {
        // `<NOSRV>`: no server was chosen, for there was none, or HAProxy answered by itself; `<STATS>`.
        record.attribute("haproxy.server", server);
    } else {
        record.upstream_address = Some(Text::Borrowed(server));
    }
    Ok(())
}

/// Reads `TR/Tw/Tc/Tr/Ta` of HTTP or `Tw/Tc/Tt` of TCP. Gives the time that the server took, where it was reached and,
/// for HTTP, answered: the total without what came before the connection.
fn set_timers(record: &mut RequestRecord<'_>, word: &str) -> Result<Option<i64>, LineError> {
    let mut timers = [None; 5];
    let mut count = 0;
    for timer in word.split('/') {
        let timer = match timer.strip_prefix('+') {
            Some(so_far) => {
                // `option logasap` logs before the end: the time goes on.
                record.attribute("haproxy.logasap", "true");
                so_far
            }
            None => timer,
        };
        *timers.get_mut(count).ok_or_else(|| not_a_session("more than five timers"))? = duration(timer, 3, "a timer")?;
        count += 1;
    }
    let (before, reached, total) = match (count, timers) {
        (5, [request, queue, connect, response, total]) => ([request, queue], connect.and(response), total),
        (3, [queue, connect, total, ..]) => ([queue, None], connect, total),
        _ => return Err(not_a_session("neither three nor five timers")),
    };
    record.duration_ns = total;
    let before: i64 = before.into_iter().flatten().sum();
    Ok(total.filter(|_| reached.is_some()).map(|total| (total - before).max(0)))
}

/// Takes the state at disconnection: who ended the session, and in which phase.
fn set_termination<'a>(record: &mut RequestRecord<'a>, state: &'a str) {
    if state.bytes().all(|byte| byte == b'-') {
        return;
    }
    record.response_flags = Some(Text::Borrowed(state));
    match state.as_bytes()[0] {
        // The client aborted. Its timeout (`c`) is no abort: HAProxy answers 408.
        b'C' => record.cancelled = true,
        // The server aborted or timed out, lack of resources, an internal error, a server going down, a killed session.
        b'S' | b's' | b'R' | b'I' | b'D' | b'K' => record.error = Some(Text::Borrowed(state)),
        _ => {}
    }
}

/// Takes captured headers, `{a|b} {c}`, and the request in quotes. Syslog may have cut the line anywhere.
fn set_request<'a>(record: &mut RequestRecord<'a>, text: &'a str) {
    let mut rest = text;
    for key in ["haproxy.captured_request_headers", "haproxy.captured_response_headers"] {
        if let Some((headers, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            set_captured_ids(record, headers);
            record.attribute(key, headers);
            rest = after.trim_start_matches(' ');
        }
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        record.attribute("haproxy.truncated", "true");
        return;
    };
    let end = closing_quote(quoted);
    if end == quoted.len() {
        record.attribute("haproxy.truncated", "true");
    }
    set_request_line(record, Text::Borrowed(&quoted[..end]), "haproxy.request");
}

/// Takes ids among captured headers. Their names are not logged, so only what has the form of an id is one.
fn set_captured_ids<'a>(record: &mut RequestRecord<'a>, headers: &'a str) {
    for value in headers.split('|') {
        let text = Text::Borrowed(value);
        if value.starts_with("Root=1-") || value.starts_with("Self=1-") {
            record.ids.offer("x-amzn-trace-id", &text);
        } else if has_form(value, &[2, 32, 16, 2]) {
            record.ids.set(IdKind::TraceParent, &text);
        } else if has_form(value, &[8, 4, 4, 4, 12]) || has_form(value, &[32]) {
            record.ids.set(IdKind::Correlation, &text);
        }
    }
}

/// Whether a value is groups of so many hexadecimal digits, joined by hyphens.
fn has_form(value: &str, groups: &[usize]) -> bool {
    let mut found = value.split('-');
    groups.iter().all(|length| {
        found.next().is_some_and(|group| group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && found.next().is_none()
}
