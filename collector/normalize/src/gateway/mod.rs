//! Access and error logs of gateways.

pub mod apache;
pub mod aws_api_gateway;
pub mod aws_elb;
pub mod caddy;
mod common_log;
pub mod envoy;
mod fields;
pub mod haproxy;
pub mod kong;
pub mod linkerd;
pub mod nginx;
mod pattern;
#[cfg(test)]
mod reading;
mod request_line;
pub mod spring_cloud_gateway;
mod template;
#[cfg(test)]
mod testing;
mod text_ids;
mod tokens;
pub mod traefik;
mod traefik_clf;
mod traefik_json;

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

#[cfg(test)]
mod tests {
    use super::{reading::refusal, *};
    use crate::{
        format::{FormatOptions, LineReason},
        record::Output,
    };

    /// Detection tries formats one by one, so each must refuse the lines of the others.
    #[test]
    fn json_of_one_product_is_refused_by_the_formats_of_the_others() {
        let plain = FormatOptions::default();
        let formats = [
            (
                envoy::envoy(&plain),
                r#"{"start_time":"2026-03-01T10:00:00Z","method":"GET","path":"/","response_code":200,"response_flags":"-","duration":3,"upstream_host":"10.0.0.9:80","request_id":"a"}"#,
            ),
            (
                linkerd::linkerd(&plain),
                r#"{"client.addr":"10.2.0.5:41604","client.id":"-","method":"GET","uri":"/","host":"cart","status":200,"timestamp":"2026-03-01T10:00:00Z","total_ns":"5","user_agent":"","version":"HTTP/1.1"}"#,
            ),
            (
                kong::kong(&plain),
                r#"{"latencies":{"request":3},"request":{"method":"GET","uri":"/"},"response":{"status":200},"client_ip":"10.0.0.1","started_at":1772359200310}"#,
            ),
            (
                aws_api_gateway::aws_api_gateway(&plain),
                r#"{"requestId":"a","ip":"10.0.0.1","requestTime":"01/Mar/2026:10:00:00 +0000","httpMethod":"GET","resourcePath":"/","status":"200","responseLength":"4"}"#,
            ),
            (
                traefik_json::traefik_json(&plain),
                r#"{"StartUTC":"2026-03-01T10:00:00Z","Duration":5,"DownstreamStatus":200,"RequestMethod":"GET","RequestPath":"/","RequestHost":"a","level":"info","msg":"","time":"2026-03-01T10:00:00Z"}"#,
            ),
            (
                caddy::caddy(&plain),
                r#"{"level":"info","ts":1772359200.31,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"duration":0.1,"size":1,"status":200}"#,
            ),
        ];
        let application = r#"{"level":30,"time":1772359200310,"pid":1,"hostname":"a","requestId":"r","method":"GET","url":"/","status":200,"duration":3,"msg":"request completed"}"#;
        for (position, (format, line)) in formats.iter().enumerate() {
            let format = format.as_ref().unwrap();
            let mut output = Output::default();
            format.parse(line, &reading::context(None), &mut output).unwrap();
            assert_eq!((output.requests.len(), output.logs.len()), (1, 0), "{}", format.name());
            let others = formats.iter().enumerate().filter(|(other, _)| *other != position).map(|(_, (_, line))| *line);
            for line in others.chain([application]) {
                assert_eq!(refusal(&**format, line), LineReason::Format, "{}: {line}", format.name());
            }
        }
    }
}
