//! Reading of single lines, for the tests of formats.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::{
    format::{Format, LineContext, LineReason},
    record::{LogRecord, Output, RequestRecord},
};

pub(super) const RECEIVED_AT: i64 = 1_800_000_000_000_000_000;

pub(super) fn context(service: Option<&'static str>) -> LineContext<'static> {
    static UTC: TimeZone = TimeZone::UTC;
    LineContext {
        received_at: RECEIVED_AT,
        envelope_time: None,
        zone: &UTC,
        service,
        host: None,
        program: None,
        severity_number: None,
    }
}

pub(super) fn output<'a>(format: &dyn Format, line: &'a str) -> Output<'a> {
    let mut output = Output::default();
    format.parse(line, &context(None), &mut output).unwrap_or_else(|error| panic!("{error}: {line}"));
    output
}

pub(super) fn request<'a>(format: &dyn Format, line: &'a str) -> RequestRecord<'a> {
    let mut output = output(format, line);
    assert_eq!((output.requests.len(), output.logs.len()), (1, 0), "{line}");
    output.requests.remove(0)
}

pub(super) fn log<'a>(format: &dyn Format, line: &'a str) -> LogRecord<'a> {
    let mut output = output(format, line);
    assert_eq!((output.requests.len(), output.logs.len()), (0, 1), "{line}");
    output.logs.remove(0)
}

pub(super) fn refusal(format: &dyn Format, line: &str) -> LineReason {
    match format.parse(line, &context(None), &mut Output::default()) {
        Ok(()) => panic!("taken: {line}"),
        Err(error) => error.reason,
    }
}

/// Offers a line of which nothing is expected but that it does not panic.
pub(super) fn survives(format: &dyn Format, line: &str) {
    let _ = format.parse(line, &context(None), &mut Output::default());
}

pub(super) fn attribute<'r>(record: &'r RequestRecord<'_>, key: &str) -> Option<&'r str> {
    record.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
}

pub(super) fn nanos(text: &str) -> Option<i64> {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).ok()
}

/// Lines of a file of sample data beside the project, where there is any.
pub(super) fn sample(file: &str) -> Option<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(file);
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
}
