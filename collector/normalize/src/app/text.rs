//! Plain text: a time and a level are taken from where lines begin, if they stand there, and all else is the body.

use std::{borrow::Cow, sync::Arc};

use super::{exception, klog::Klog, logfmt, severity, text_ids, when};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    record::{LogRecord, Output, Text},
};

/// Reads any text.
#[derive(Debug)]
pub struct PlainText {
    logfmt: Arc<dyn Format>,
}

/// The format `text`.
///
/// # Errors
/// When the options do not fit logfmt, which is text as well.
pub fn text(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    Ok(Arc::new(PlainText { logfmt: logfmt::logfmt(options)? }))
}

impl Format for PlainText {
    fn name(&self) -> &'static str {
        "text"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        for known in [&Klog as &dyn Format, &*self.logfmt] {
            if known.parse(line, context, output).is_ok() {
                return Ok(());
            }
        }
        output.logs.push(match without_colours(line) {
            Cow::Borrowed(line) => read(line, context),
            Cow::Owned(line) => owned(&read(&line, context)),
        });
        Ok(())
    }
}

fn read<'a>(line: &'a str, context: &LineContext<'_>) -> LogRecord<'a> {
    let mut log = LogRecord::default();
    let (time, rest) = match when::leading(line, context) {
        Some((time, rest)) => (Some(time), past_separators(rest)),
        None => (None, line),
    };
    log.time = time;
    let mut body = rest;
    let (thread, rest) = leading_thread(rest).filter(|_| time.is_some()).map_or((None, rest), |(t, r)| (Some(t), r));
    if let Some((level, number, rest)) = leading_level(rest, time.is_some()) {
        log.severity_number = Some(number);
        log.severity_text = Some(Cow::Borrowed(level));
        body = past_separators(rest);
        if let Some(thread) = thread {
            log.attribute("thread.name", thread);
        }
    }
    finish(&mut log, Cow::Borrowed(if body.is_empty() { line } else { body }));
    log
}

/// Sets the body, and takes from it what stands in the text: ids, and the exception of a record with several lines.
pub(super) fn finish<'a>(log: &mut LogRecord<'a>, body: Text<'a>) {
    text_ids::find(&body, &mut log.ids);
    if let Some((kind, message)) = exception::in_lines(&body) {
        log.attribute("exception.type", kind.to_owned());
        if !message.is_empty() {
            log.attribute("exception.message", message.to_owned());
        }
    }
    log.body = Some(body);
}

fn past_separators(text: &str) -> &str {
    let text = text.trim_start();
    // A sign between time, level and message; a number's sign and an option's dashes belong to the message.
    text.strip_prefix(['-', '|', ',', ':'])
        .filter(|rest| rest.is_empty() || rest.starts_with(' '))
        .map_or(text, str::trim_start)
}

/// The thread that logback and log4j put between time and level, `[main] INFO`, and what follows it.
fn leading_thread(text: &str) -> Option<(&str, &str)> {
    let (thread, rest) = text.strip_prefix('[')?.split_once("] ")?;
    let rest = rest.trim_start();
    (severity::of_word(thread.trim()).is_none() && rest.starts_with(|first: char| first.is_ascii_uppercase()))
        .then_some((thread, rest))
}

/// The level that a text begins with, its severity, and what follows. A word in lower case is only a level where a time
/// stands before it or brackets around it; a letter alone needs the brackets.
fn leading_level(text: &str, after_time: bool) -> Option<(&str, i32, &str)> {
    let (inside, close) = match text.as_bytes().first()? {
        b'[' => (&text[1..], Some(']')),
        b'<' => (&text[1..], Some('>')),
        b'(' => (&text[1..], Some(')')),
        _ => (text, None),
    };
    let inside = if close.is_some() { inside.trim_start() } else { inside };
    let length = inside.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = inside.split_at(length);
    let number = severity::of_word(word)?;
    if let Some(close) = close {
        return rest.trim_start().strip_prefix(close).map(|rest| (word, number, rest));
    }
    let is_written_as_level =
        word.bytes().all(|byte| byte.is_ascii_uppercase()) || after_time || rest.starts_with(": ");
    let ends = rest.is_empty() || rest.starts_with([' ', ':', '|', '\t', ',']);
    (length > 1 && is_written_as_level && ends).then(|| (word, number, rest.strip_prefix(':').unwrap_or(rest)))
}

/// The line without the sequences that colour terminals.
pub(super) fn without_colours(line: &str) -> Text<'_> {
    if memchr::memchr(0x1b, line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(position) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..position]);
        let sequence = &rest[position + 2..];
        let parameters =
            sequence.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b'?')).count();
        let end = parameters + usize::from(sequence.as_bytes().get(parameters).is_some_and(u8::is_ascii_alphabetic));
        rest = &sequence[end..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The record with texts of its own, for lines that are changed before they are read.
pub(super) fn owned(log: &LogRecord<'_>) -> LogRecord<'static> {
    let own = |text: &Text<'_>| -> Text<'static> { Cow::Owned(text.clone().into_owned()) };
    let mut copy = LogRecord {
        time: log.time,
        severity_number: log.severity_number,
        severity_text: log.severity_text.as_ref().map(own),
        body: log.body.as_ref().map(own),
        scope_name: log.scope_name.as_ref().map(own),
        service_name: log.service_name.as_ref().map(own),
        attributes: log.attributes.iter().map(|(key, value)| (own(key), own(value))).collect(),
        ..LogRecord::default()
    };
    copy.ids.trace_id = log.ids.trace_id;
    copy.ids.span_id = log.ids.span_id;
    copy.ids.correlation = log.ids.correlation.iter().map(own).collect();
    copy
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    /// A line read at 2022-08-22T05:18:21Z, without a service.
    pub(crate) fn context(zone: &TimeZone) -> LineContext<'_> {
        LineContext {
            received_at: 1_661_145_501_000_000_000,
            envelope_time: None,
            zone,
            service: None,
            host: None,
            program: None,
            severity_number: None,
        }
    }

    pub(crate) fn read<'a>(
        format: &dyn Format,
        line: &'a str,
        context: &LineContext<'a>,
    ) -> Result<LogRecord<'a>, LineError> {
        let mut output = Output::default();
        format.parse(line, context, &mut output)?;
        assert_eq!((output.logs.len(), output.requests.len()), (1, 0));
        Ok(output.logs.remove(0))
    }

    pub(crate) fn attribute<'r>(log: &'r LogRecord<'_>, key: &str) -> Option<&'r str> {
        log.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    #[test]
    fn time_and_level_are_read_where_lines_begin() {
        let zone = TimeZone::UTC;
        let context = context(&zone);
        let format = text(&FormatOptions::default()).unwrap();
        let second = Some(1_661_145_500_000_000_000);
        for (line, time, severity, body) in [
            ("05:18:20.000 INFO  - Received ad request", second, Some(9), "Received ad request"),
            ("2022-08-22T05:18:20Z [warn] slow", second, Some(13), "slow"),
            ("2022-08-22 05:18:20,000 - ERROR - gone", second, Some(17), "gone"),
            ("2022-08-22 05:18:20 debug x=1", second, Some(5), "x=1"),
            ("[2022-08-22 05:18:20] ERROR: gone", second, Some(17), "gone"),
            ("Aug 22 05:18:20 db postgres: up", second, None, "db postgres: up"),
            ("ERROR could not connect", None, Some(17), "could not connect"),
            ("Error: could not connect", None, Some(17), "could not connect"),
            ("[E] could not connect", None, Some(17), "could not connect"),
            ("\u{1b}[31mERROR\u{1b}[0m could not connect", None, Some(17), "could not connect"),
            ("Information is free", None, None, "Information is free"),
            ("trace of it", None, None, "trace of it"),
            ("ERROR", None, Some(17), "ERROR"),
            ("A thing", None, None, "A thing"),
            ("-1 is a number", None, None, "-1 is a number"),
            ("level=error msg=gone", None, Some(17), "gone"),
            ("W0822 05:18:20.000000 1 a.go:1] gone", second, Some(13), "gone"),
        ] {
            let log = read(&*format, line, &context).unwrap();
            assert_eq!((log.time, log.severity_number, log.body.as_deref()), (time, severity, Some(body)), "{line}");
        }
    }

    #[test]
    fn threads_and_exceptions_are_attributes() {
        let zone = TimeZone::UTC;
        let format = text(&FormatOptions::default()).unwrap();
        let lines = "2022-08-22 05:18:20 ERROR failed\njava.io.IOException: gone\n\tat a.B.c(B.java:1)";
        let log = read(&*format, "2022-08-22 05:18:20.000 [main] INFO  c.e.A - up", &context(&zone)).unwrap();
        assert_eq!((log.severity_number, log.body.as_deref()), (Some(9), Some("c.e.A - up")));
        assert_eq!(attribute(&log, "thread.name"), Some("main"));
        let log = read(&*format, "2022-08-22 05:18:20.000 [main] Up and running", &context(&zone)).unwrap();
        assert_eq!((log.severity_number, log.body.as_deref()), (None, Some("[main] Up and running")));
        let log = read(&*format, lines, &context(&zone)).unwrap();
        assert_eq!(log.body.as_deref(), Some("failed\njava.io.IOException: gone\n\tat a.B.c(B.java:1)"));
        assert_eq!(attribute(&log, "exception.type"), Some("java.io.IOException"));
        assert_eq!(attribute(&log, "exception.message"), Some("gone"));
    }
}
