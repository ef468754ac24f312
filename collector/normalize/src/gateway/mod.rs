//! Access and error logs of gateways.

pub mod apache;
pub mod aws_elb;
mod common_log;
pub mod haproxy;
pub mod nginx;
mod request_line;
pub mod spring_cloud_gateway;
mod template;
#[cfg(test)]
mod testing;
mod text_ids;
mod tokens;
pub mod traefik_clf;

use crate::{
    format::{FormatError, FormatOptions, LineError, LineReason},
    record::Text,
    time::decimal,
};

/// Whether a value is one of the spellings of "missing".
fn is_missing(value: &str) -> bool {
    value.is_empty() || value == "-"
}

/// A whole number, `None` where it is missing.
fn integer(value: &str, name: &'static str) -> Result<Option<i64>, LineError> {
    if is_missing(value) {
        return Ok(None);
    }
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(bad_field(name, value)),
    }
}

/// An HTTP status, `None` where it is missing or says that there was no response.
fn status(value: &str, name: &'static str) -> Result<Option<i32>, LineError> {
    match integer(value, name)? {
        Some(code @ 100..=999) => Ok(i32::try_from(code).ok()),
        None | Some(-1..=99) => Ok(None),
        Some(_) => Err(bad_field(name, value)),
    }
}

/// A duration in units of `10^-digits` seconds, to nanoseconds; `None` where it is missing or negative (not reached).
fn duration(value: &str, digits: u32, name: &'static str) -> Result<Option<i64>, LineError> {
    if is_missing(value) {
        return Ok(None);
    }
    match decimal(value, 9 - digits) {
        Some(nanos) => Ok((nanos >= 0).then_some(nanos)),
        None => Err(bad_field(name, value)),
    }
}

fn bad_field(name: &'static str, value: &str) -> LineError {
    LineError::new(LineReason::Field, format!("{name} is not a number: {}", excerpt(value)))
}

fn bad_time(value: &str) -> LineError {
    LineError::new(LineReason::Time, format!("not a time: {}", excerpt(value)))
}

/// The beginning of a text, for messages.
fn excerpt(text: &str) -> &str {
    const CHARS: usize = 80;
    text.char_indices().nth(CHARS).map_or(text, |(end, _)| &text[..end])
}

/// The same range of characters of a text that may be borrowed.
fn slice<'a>(text: &Text<'a>, range: std::ops::Range<usize>) -> Text<'a> {
    match text {
        Text::Borrowed(text) => Text::Borrowed(&text[range]),
        Text::Owned(text) => Text::Owned(text[range].to_owned()),
    }
}

/// For formats that are what they are.
fn takes_no_log_format(name: &str, options: &FormatOptions) -> Result<(), FormatError> {
    if options.log_format.is_some() || options.escape.is_some() {
        return Err(FormatError(format!("{name} lines have one form: log_format and escape do not apply")));
    }
    Ok(())
}
