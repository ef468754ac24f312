//! The console log of Spring Boot: `<time> <level> <pid> --- [app] [thread] [trace-span] logger : message`, of which the
//! application and the ids may be missing. Sleuth put `[app,trace,span]` before the process id.

use std::{borrow::Cow, sync::Arc};

use super::{
    severity,
    text::{finish, owned, without_colours},
    text_ids, when,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{LogRecord, Output},
};

/// Reads Spring Boot's console log.
#[derive(Debug)]
pub struct Spring;

/// The format `spring`.
///
/// # Errors
/// None: all formats are made the same way.
pub fn spring(_: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    Ok(Arc::new(Spring))
}

impl Format for Spring {
    fn name(&self) -> &'static str {
        "spring"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let log = match without_colours(line) {
            Cow::Borrowed(line) => read(line, context),
            Cow::Owned(line) => read(&line, context).map(|log| owned(&log)),
        };
        let detail = "the line is not `<time> <level> <pid> --- [thread] logger : message`";
        output.logs.push(log.ok_or_else(|| LineError::new(LineReason::Format, detail))?);
        Ok(())
    }
}

fn read<'a>(line: &'a str, context: &LineContext<'_>) -> Option<LogRecord<'a>> {
    let (time, rest) = when::leading(line, context)?;
    let (head, rest) = rest.split_once("--- ")?;
    let head = head.trim();
    let (level, head) = head.split_once(' ').unwrap_or((head, ""));
    let mut log = LogRecord {
        time: Some(time),
        severity_number: Some(severity::of_word(level)?),
        severity_text: Some(Cow::Borrowed(level)),
        ..LogRecord::default()
    };
    let (sleuth, pid) = match head.trim().strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", head),
    };
    take_sleuth(sleuth, &mut log);
    let pid = pid.trim();
    if !pid.is_empty() {
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        log.attribute("process.pid", pid);
    }
    let rest = take_brackets(rest, &mut log)?;
    let (logger, message) = rest.split_once(" : ").or_else(|| rest.strip_suffix(" :").map(|logger| (logger, "")))?;
    log.scope_name = Some(Cow::Borrowed(logger.trim()));
    finish(&mut log, Cow::Borrowed(message));
    Some(log)
}

/// `app,trace,span,exported`, each of which may be empty.
fn take_sleuth<'a>(inside: &'a str, log: &mut LogRecord<'a>) {
    let Some((application, _)) = inside.split_once(',') else { return };
    take_application(application, log);
    take_ids(inside, log);
}

/// The brackets before the logger: the ids, where they are two or more; the thread, which is the last of the others; and
/// the application before it.
fn take_brackets<'a>(text: &'a str, log: &mut LogRecord<'a>) -> Option<&'a str> {
    let mut rest = text.trim_start();
    let (mut application, mut thread) = (None, None);
    while let Some(inside) = rest.strip_prefix('[') {
        // A thread's name may hold brackets, but not a bracket and a space.
        let (inside, after) = inside.split_once("] ")?;
        rest = after.trim_start();
        if inside.trim().is_empty() || take_ids(inside, log) {
            continue;
        }
        application = thread.replace(inside.trim());
    }
    if let Some(application) = application {
        take_application(application, log);
    }
    log.attribute("thread.name", thread?);
    Some(rest)
}

fn take_application<'a>(name: &'a str, log: &mut LogRecord<'a>) {
    if !name.is_empty() {
        log.service_name = Some(Cow::Borrowed(name));
    }
}

fn take_ids<'a>(inside: &'a str, log: &mut LogRecord<'a>) -> bool {
    let Some((trace, span)) = text_ids::bracket(inside) else { return false };
    log.ids.offer("trace_id", &Cow::Borrowed(trace));
    log.ids.offer("span_id", &Cow::Borrowed(span));
    true
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use spandrel_proto::model::id::to_hex;

    use super::*;
    use crate::app::text::tests::{attribute, context, read};

    const TRACE: &str = "803b448a0489f84084905d3093480352";
    const SPAN: &str = "3425f23bb2432450";

    #[test]
    fn all_generations_of_the_line_are_read() {
        let zone = TimeZone::UTC;
        let ids = format!("{TRACE}-{SPAN}");
        let sleuth = format!("shop,{TRACE},{SPAN},true");
        let blank = " ".repeat(49);
        for (line, service, has_ids) in [
            (
                "2022-08-22 05:18:20.000  INFO 20804 --- [nio-8080-exec-1] c.e.Orders   : placed: 1".to_owned(),
                None,
                false,
            ),
            (
                "2022-08-22T05:18:20.000Z  INFO 1 --- [shop] [nio-8080-exec-1] c.e.Orders : placed: 1".to_owned(),
                Some("shop"),
                false,
            ),
            (
                format!(
                    "2022-08-22T00:18:20.000-05:00 INFO 1 --- [shop] [nio-8080-exec-1] [{ids}] c.e.Orders : placed: 1"
                ),
                Some("shop"),
                true,
            ),
            (
                format!("2022-08-22T05:18:20.000Z INFO 1 --- [nio-8080-exec-1] [{blank}] c.e.Orders : placed: 1"),
                None,
                false,
            ),
            (
                format!("2022-08-22 05:18:20.000 INFO [{sleuth}] 1 --- [nio-8080-exec-1] c.e.Orders : placed: 1"),
                Some("shop"),
                true,
            ),
            (
                "2022-08-22 05:18:20.000 \u{1b}[32m INFO\u{1b}[0;39m \u{1b}[35m1\u{1b}[0;39m \u{1b}[2m---\u{1b}[0;39m \
                 \u{1b}[2m[nio-8080-exec-1]\u{1b}[0;39m c.e.Orders : placed: 1"
                    .to_owned(),
                None,
                false,
            ),
        ] {
            let log = read(&Spring, &line, &context(&zone)).unwrap();
            assert_eq!(log.time, Some(1_661_145_500_000_000_000), "{line}");
            assert_eq!((log.severity_number, log.severity_text.as_deref()), (Some(9), Some("INFO")), "{line}");
            assert_eq!(log.body.as_deref(), Some("placed: 1"), "{line}");
            assert_eq!(log.scope_name.as_deref(), Some("c.e.Orders"), "{line}");
            assert_eq!(attribute(&log, "thread.name"), Some("nio-8080-exec-1"), "{line}");
            assert_eq!(log.service_name.as_deref(), service, "{line}");
            assert_eq!(log.ids.trace_id.map(|id| to_hex(&id)).as_deref(), has_ids.then_some(TRACE), "{line}");
        }
        for line in ["", "x", "2022-08-22 05:18:20.000 INFO x", "2022-08-22 05:18:20.000 INFO 1 --- c.e.Orders : x"] {
            assert_eq!(read(&Spring, line, &context(&zone)).unwrap_err().reason, LineReason::Format, "{line}");
        }
    }
}
