//! Lines of nginx that are JSON, read by their keys: the names of variables, or what people call them.

use std::borrow::Cow;

use super::variables::{Draft, Variable};
use crate::{
    format::{LineContext, LineError, LineReason},
    json::Object,
    record::{RequestRecord, Text},
};

/// Reads a line that is one object.
///
/// # Errors
/// [`LineReason::Format`] when it is no object, or no key in it is nginx's own.
pub(super) fn read<'a>(
    line: &'a str,
    source: &'static str,
    context: &LineContext<'a>,
) -> Result<RequestRecord<'a>, LineError> {
    match Object::parse(line) {
        Ok(object) => read_object(object, source, context, |text| text),
        Err(error) if error.reason == LineReason::Json => {
            // nginx does not know that it writes JSON: what has no value leaves a hole where no quotes are.
            let repaired = quote_bare_values(line);
            let object = Object::parse(&repaired).map_err(|_| error)?;
            read_object(object, source, context, |text| Cow::Owned(text.into_owned()))
        }
        Err(error) => Err(error),
    }
}

fn read_object<'t, 'a>(
    object: Object<'t>,
    source: &'static str,
    context: &LineContext<'a>,
    to_line: impl Fn(Text<'t>) -> Text<'a>,
) -> Result<RequestRecord<'a>, LineError> {
    let (mut has_own_name, mut has_request) = (false, false);
    let mut draft = Draft::new(source);
    let mut result = Ok(());
    object.for_each_flat(&mut |key, value| {
        let known = Variable::known(&key);
        has_own_name |= known.is_some() && !matches!(&*key, "request" | "status" | "host" | "uri" | "request_id");
        let variable = known.or_else(|| alias(&key)).unwrap_or_else(|| Variable::named(&key));
        has_request |= matches!(
            variable,
            Variable::Request | Variable::RequestUri | Variable::Uri | Variable::Status | Variable::Method
        );
        if result.is_ok() {
            result = draft.set(&variable, to_line(value), context.zone);
        }
    });
    if !(has_own_name && has_request) {
        return Err(LineError::new(LineReason::Format, "the JSON has no keys named as variables of nginx"));
    }
    result.map(|()| draft.finish())
}

/// Names that are commonly given to variables.
fn alias(key: &str) -> Option<Variable> {
    Some(match key {
        "time" | "timestamp" | "@timestamp" | "ts" | "datetime" | "time_stamp" => Variable::AnyTime,
        "method" | "verb" => Variable::Method,
        "path" | "url" | "request_path" => Variable::RequestUri,
        "query" => Variable::Args,
        "protocol" | "proto" | "http_version" => Variable::Protocol,
        "code" | "status_code" | "response_status" | "response_code" => Variable::Status,
        "bytes" | "size" | "body_bytes" | "response_bytes" => Variable::BodyBytesSent,
        "client" | "client_ip" | "clientip" | "remote_ip" | "remote_address" | "ip" => Variable::RemoteAddr,
        "user_agent" | "useragent" | "agent" | "ua" => Variable::UserAgent,
        "rt" | "req_time" => Variable::RequestTime,
        "upstream" | "upstream_address" => Variable::UpstreamAddr,
        "upstream_rt" | "urt" | "upstream_time" => Variable::UpstreamResponseTime,
        "upstream_code" => Variable::UpstreamStatus,
        "upstream_name" => Variable::UpstreamService,
        "vhost" | "domain" | "server" | "request_host" => Variable::HttpHost,
        "referer" | "referrer" => Variable::named("http_referer"),
        "x_forwarded_for" | "xff" => Variable::named("http_x_forwarded_for"),
        "user" => Variable::named("remote_user"),
        _ => return None,
    })
}

/// Makes valid JSON of an object whose values without quotes may be missing, `-`, or lists: `"a":,"b":-,"c":0.1, 0.2}`.
fn quote_bare_values(line: &str) -> String {
    let mut valid = String::with_capacity(line.len() + 16);
    let bytes = line.as_bytes();
    let (mut copied, mut position) = (0, 0);
    let mut in_text = false;
    while position < bytes.len() {
        match bytes[position] {
            b'\\' if in_text => position += 1,
            b'"' => in_text = !in_text,
            b':' if !in_text => {
                let start = position + 1;
                if let Some(length) = bare_value_length(&bytes[start..]) {
                    valid.push_str(&line[copied..start]);
                    push_value(line[start..start + length].trim(), &mut valid);
                    copied = start + length;
                    // What ends the value is looked at next.
                    position = copied;
                    continue;
                }
            }
            _ => {}
        }
        position += 1;
    }
    valid.push_str(&line[copied..]);
    valid
}

/// How long the value without quotes is that begins here: it ends at a brace, or a comma before the next key. `None`
/// where a text, list or object begins.
fn bare_value_length(bytes: &[u8]) -> Option<usize> {
    if matches!(bytes.trim_ascii_start().first(), Some(b'"' | b'{' | b'[')) {
        return None;
    }
    let ends = |position: &usize| match bytes[*position] {
        b'}' | b'"' => true,
        b',' => bytes[position + 1..].trim_ascii_start().first() == Some(&b'"'),
        _ => false,
    };
    Some((0..bytes.len()).find(ends).unwrap_or(bytes.len()))
}

fn push_value(value: &str, valid: &mut String) {
    match value {
        "" | "-" => valid.push_str("null"),
        _ if serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() => valid.push_str(value),
        _ => {
            valid.push('"');
            valid.push_str(value);
            valid.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_become_json() {
        for (written, valid) in [
            (r#"{"a":,"b":-,"c":}"#, r#"{"a":null,"b":null,"c":null}"#),
            (r#"{"a":0.1, 0.2,"b": 3 }"#, r#"{"a":"0.1, 0.2","b":3}"#),
            (r#"{"a":"x:,\":-,","b":true,"c":{"d":-}}"#, r#"{"a":"x:,\":-,","b":true,"c":{"d":null}}"#),
            (r#"{"a":"#, r#"{"a":null"#),
        ] {
            assert_eq!(quote_bare_values(written), valid);
        }
    }
}
