//! Apache httpd.

mod error_log;
mod log_format;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use error_log::apache_error;

use self::log_format::LogFormat;
use super::{
    common_log::{CommonLine, take_combined},
    excerpt, integer,
    tokens::Escape,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::Output,
};

/// Access logs of Apache: of the `LogFormat` that is configured, or, without one, `common`, `combined`, `combinedio`
/// and `vhost_combined`.
///
/// # Errors
/// When the `LogFormat` cannot be compiled.
pub fn apache(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    if options.escape.is_some() {
        return Err(FormatError("escape is of nginx: Apache always escapes the same way".to_owned()));
    }
    Ok(match &options.log_format {
        Some(written) => Arc::new(LogFormat::compile(written)?),
        None => Arc::new(Packaged),
    })
}

/// The formats that need no configuration.
#[derive(Debug)]
struct Packaged;

impl Format for Packaged {
    fn name(&self) -> &'static str {
        "apache"
    }

    fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut common = CommonLine::parse(line)?;
        let mut record = common.record("apache", "apache.request")?;
        record.start_time = Some(common.time);
        record.attribute("apache.ident", Escape::Backslash.undo(common.ident));
        let words = &mut common.rest;
        take_combined(&mut record, words)?;
        let rest = words.rest();
        match (words.next(), words.next(), words.next()) {
            (None, ..) => {}
            (Some(input), Some(output), None) if !input.is_quoted => {
                record.request_bytes = integer(input.text, "%I")?;
                record.attribute("apache.bytes_out", output.text);
            }
            _ => {
                let detail = format!("more columns than `combined` has; log_format names them: {}", excerpt(rest));
                return Err(LineError::new(LineReason::Format, detail));
            }
        }
        output.requests.push(record);
        Ok(())
    }
}
