//! HAProxy: `option httplog`, `option tcplog`, and what it says of its servers.

mod events;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::takes_no_log_format;
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::Output,
    time::common_log_local,
};

/// Logs of HAProxy: requests and sessions to `requests`, the rest to `logs`.
///
/// # Errors
/// When a `log_format` is configured: the formats of HAProxy's own options are read.
pub fn haproxy(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("haproxy", options)?;
    Ok(Arc::new(HaProxy))
}

#[derive(Debug)]
struct HaProxy;

impl Format for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let (header, message) = split_header(line);
        if let Some((client, date, rest)) = split_start(message) {
            let time = common_log_local(date, context.zone).ok_or_else(|| super::bad_time(date))?;
            // `frontend/bind: what went wrong` stands in place of a session that never came to be.
            match rest.split_once(": ") {
                Some((bind, problem)) if !bind.contains(' ') => {
                    output.logs.push(events::problem(time, client, bind, problem));
                }
                _ => output.requests.push(session::read(time, client, rest)?),
            }
            return Ok(());
        }
        let event = events::read(header, message, context).ok_or_else(|| {
            LineError::new(LineReason::Format, "the line is not: client:port [date] frontend backend/server ...")
        })?;
        output.logs.push(event);
        Ok(())
    }
}

/// Splits off the header of syslog, which ends with the name of the process.
fn split_header(line: &str) -> (Option<&str>, &str) {
    let Some(position) = line.find("haproxy") else {
        return (None, line);
    };
    let after = &line[position + "haproxy".len()..];
    let after = match after.strip_prefix('[') {
        Some(process) => process.trim_start_matches(|symbol: char| symbol.is_ascii_digit()).strip_prefix(']'),
        None => Some(after),
    };
    // In a message the name may stand, too.
    match after.and_then(|after| after.strip_prefix(": ")) {
        Some(message) if !line[..position].contains('[') => (Some(&line[..position]), message),
        _ => (None, line),
    }
}

/// `10.0.0.9:4242 [04/Mar/2026:11:59:58.123] rest`
fn split_start(message: &str) -> Option<(&str, &str, &str)> {
    let (client, rest) = message.split_once(" [")?;
    let (date, rest) = rest.split_once("] ")?;
    let is_start = !client.contains(' ') && date.as_bytes().get(2) == Some(&b'/');
    is_start.then_some((client, date, rest))
}
