//! nginx and what is built of it.

mod error_log;
mod json;
mod log_format;
#[cfg(test)]
mod tests;
mod upstreams;
mod variables;

use std::sync::Arc;

pub use error_log::nginx_error;

use self::{log_format::LogFormat, variables::Draft};
use super::{
    common_log::{CommonLine, take_combined},
    excerpt,
    tokens::Escape,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{Output, RequestRecord},
    time::decimal,
};

/// Access logs of nginx: of the `log_format` that is configured, or, without one, `combined`, the packaged `main`,
/// `service_metrics`, and JSON whose keys are named as variables.
///
/// # Errors
/// When the `log_format` cannot be compiled.
pub fn nginx(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    Ok(match LogFormat::of_options(options)? {
        Some(log_format) => Arc::new(Compiled { name: "nginx", log_format }),
        None => {
            let service_metrics = Compiled { name: "nginx", log_format: LogFormat::named("service_metrics")? };
            Arc::new(Packaged { service_metrics })
        }
    })
}

/// Access logs of ingress-nginx: its `upstreaminfo` format, or the one that is configured.
///
/// # Errors
/// When the `log_format` cannot be compiled.
pub fn ingress_nginx(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    let log_format = match LogFormat::of_options(options)? {
        Some(log_format) => log_format,
        None => LogFormat::named("upstreaminfo")?,
    };
    Ok(Arc::new(Compiled { name: "ingress-nginx", log_format }))
}

#[derive(Debug)]
struct Compiled {
    name: &'static str,
    log_format: LogFormat,
}

impl Format for Compiled {
    fn name(&self) -> &'static str {
        self.name
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let LogFormat { template, escape, is_json } = &self.log_format;
        let mut draft = Draft::new(self.name);
        let result = template.read(line, |field, value| draft.set(&field.variable, escape.undo(value), context.zone));
        let record = match result {
            Ok(()) => draft.finish(),
            // What ships logs may have written the JSON anew, with other spaces and another order.
            Err(error) if error.reason == LineReason::Format && *is_json => {
                json::read(line, self.name, context).map_err(|_| error)?
            }
            Err(error) => return Err(error),
        };
        output.requests.push(record);
        Ok(())
    }
}

/// The formats that need no configuration.
#[derive(Debug)]
struct Packaged {
    service_metrics: Compiled,
}

impl Format for Packaged {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        if line.starts_with('{') {
            output.requests.push(json::read(line, "nginx", context)?);
            return Ok(());
        }
        let (record, rest) = common(line)?;
        if rest.is_empty() {
            output.requests.push(record);
            return Ok(());
        }
        self.service_metrics.parse(line, context, output).map_err(|_| {
            let rest = excerpt(rest);
            LineError::new(LineReason::Format, format!("more columns than `main` has; log_format names them: {rest}"))
        })
    }
}

/// Reads `combined` or `main`; gives what follows, too.
fn common(line: &str) -> Result<(RequestRecord<'_>, &str), LineError> {
    let mut common = CommonLine::parse(line)?;
    let mut record = common.record("nginx", "nginx.request")?;
    record.end_time = Some(common.time);
    record.cancelled = record.status == Some(499);
    let words = &mut common.rest;
    take_combined(&mut record, words)?;
    if let Some(forwarded) = words.word() {
        // `main` ends with X-Forwarded-For; some put the ratio of gzip there, a bare number.
        let is_ratio = forwarded.contains('.') && decimal(forwarded, 3).is_some();
        let key = if is_ratio { "nginx.gzip_ratio" } else { "http.request.header.x-forwarded-for" };
        record.attribute(key, Escape::Backslash.undo(forwarded));
    }
    Ok((record, words.rest()))
}
