//! Syslog around another format.

use std::{borrow::Cow, sync::Arc};

use super::SyslogMessage;
use crate::{
    format::{Format, Found, LineContext, LineError, LineReason},
    record::{LogRecord, Output, RequestRecord, Text},
};

/// Reads the header of each message and gives the message itself to another format. What the header says stands in the
/// records where the message does not say it.
#[derive(Debug)]
pub struct SyslogFormat {
    inner: Arc<dyn Format>,
}

impl SyslogFormat {
    pub fn new(inner: Arc<dyn Format>) -> Self {
        Self { inner }
    }
}

impl Format for SyslogFormat {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let Some(header) = SyslogMessage::parse(line, context.zone, context.written_at()) else {
            return Err(LineError::new(LineReason::Format, "the line begins neither with <priority> nor with a time"));
        };
        let message = header.message.trim_ascii_end();
        if message.is_empty() {
            return Err(LineError::new(LineReason::Format, "the syslog message is empty"));
        }
        let inner_context = LineContext {
            envelope_time: header.time.or(context.envelope_time),
            host: header.host.or(context.host),
            program: header.program.or(context.program),
            severity_number: header.severity_number().or(context.severity_number),
            ..context.clone()
        };
        self.inner.parse(message, &inner_context, output)?;
        for log in &mut output.logs {
            complete_log(log, &header, &inner_context);
        }
        for request in &mut output.requests {
            complete_request(request, &header, &inner_context);
        }
        Ok(())
    }

    fn found(&self) -> Found {
        match self.inner.found() {
            Found::Is(inner) => Found::Is(Arc::new(Self { inner })),
            found => found,
        }
    }

    fn find(&self, lines: &[&str], context: &LineContext<'_>) -> Option<Arc<dyn Format>> {
        let mut messages = Vec::with_capacity(lines.len());
        for line in lines {
            messages
                .extend(SyslogMessage::parse(line, context.zone, context.written_at()).map(|header| header.message));
        }
        let inner = self.inner.find(&messages, context)?;
        Some(Arc::new(Self { inner }))
    }
}

fn complete_log<'a>(log: &mut LogRecord<'a>, header: &SyslogMessage<'a>, context: &LineContext<'a>) {
    log.time = log.time.or(context.envelope_time);
    if log.severity_number.is_none() && log.severity_text.is_none() {
        log.severity_text = header.severity_text().map(Cow::Borrowed);
    }
    log.severity_number = log.severity_number.or(context.severity_number);
    log.host_name = log.host_name.take().or(context.host.map(Cow::Borrowed));
    if context.service.is_none() {
        log.service_name = log.service_name.take().or(context.program.map(Cow::Borrowed));
    }
    for_each_attribute(header, &mut |key, value| log.attribute(key, value));
}

fn complete_request<'a>(request: &mut RequestRecord<'a>, header: &SyslogMessage<'a>, context: &LineContext<'a>) {
    if request.start_time.is_none() && request.end_time.is_none() {
        request.end_time = Some(context.written_at());
    }
    if context.service.is_none() {
        request.gateway = request.gateway.take().or(context.program.map(Cow::Borrowed));
    }
    if let Some(host) = context.host {
        request.attribute("host.name", host);
    }
    for_each_attribute(header, &mut |key, value| request.attribute(key, value));
}

fn for_each_attribute<'a>(header: &SyslogMessage<'a>, visit: &mut dyn FnMut(Text<'a>, Text<'a>)) {
    if let Some(facility) = header.facility_text() {
        visit(Cow::Borrowed("syslog.facility"), Cow::Borrowed(facility));
    }
    if let Some(pid) = header.pid {
        visit(Cow::Borrowed("process.pid"), Cow::Borrowed(pid));
    }
    if let Some(message_id) = header.message_id {
        visit(Cow::Borrowed("syslog.message_id"), Cow::Borrowed(message_id));
    }
    for parameter in header.structured_data.parameters() {
        visit(Cow::Owned(format!("syslog.{}.{}", parameter.element, parameter.name)), parameter.value);
    }
}
