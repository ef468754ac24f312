//! logfmt: `level=info msg="order placed" trace_id=..`.

use std::{borrow::Cow, sync::Arc};

use super::{
    keys::{PRESETS, Preset},
    reading::{KeyMap, Reading},
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{Output, Text},
};

/// Reads logfmt.
#[derive(Debug)]
pub struct Logfmt {
    keys: KeyMap,
}

/// The format `logfmt`.
///
/// # Errors
/// None: all formats are made the same way.
pub fn logfmt(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    Ok(Arc::new(Logfmt { keys: KeyMap::new(&options.keys) }))
}

const PRESET: &Preset = &PRESETS[0];

impl Format for Logfmt {
    fn name(&self) -> &'static str {
        "logfmt"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let not_logfmt = || LineError::new(LineReason::Format, "the line does not consist of key=value pairs");
        if !begins_with_pair(line) {
            return Err(not_logfmt());
        }
        let mut reading = Reading::new(PRESET, &self.keys);
        let (mut pairs, mut bare) = (0, 0);
        for pair in Pairs(line) {
            let (key, value) = pair.ok_or_else(not_logfmt)?;
            pairs += usize::from(value.is_some());
            bare += usize::from(value.is_none());
            match value {
                Some(value) if value.is_empty() => {}
                Some(value) => reading.text(Cow::Borrowed(key), value),
                None => reading.attribute(Cow::Borrowed(key), Cow::Borrowed("true")),
            }
        }
        if bare > pairs {
            return Err(not_logfmt());
        }
        output.logs.push(reading.finish(context));
        Ok(())
    }
}

fn begins_with_pair(line: &str) -> bool {
    let key = line.bytes().take_while(|byte| is_key(*byte)).count();
    key > 0 && line.as_bytes().get(key) == Some(&b'=')
}

fn is_key(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'=' | b'"' | b'{' | b'[' | b'<')
}

/// The pairs of a line; a key without a value has none. An item is `None` where the line is no logfmt.
pub(super) struct Pairs<'a>(pub(super) &'a str);

impl<'a> Iterator for Pairs<'a> {
    type Item = Option<(&'a str, Option<Text<'a>>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start();
        if text.is_empty() {
            return None;
        }
        let length = text.bytes().take_while(|byte| is_key(*byte)).count();
        let (key, rest) = text.split_at(length);
        if key.is_empty() {
            self.0 = "";
            return Some(None);
        }
        let Some(value) = rest.strip_prefix('=') else {
            self.0 = rest;
            return Some(if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                Some((key, None))
            } else {
                None
            });
        };
        let (value, rest) = if value.starts_with('"') { quoted(value) } else { unquoted(value) };
        self.0 = rest;
        Some(Some((key, Some(value))))
    }
}

fn unquoted(text: &str) -> (Text<'_>, &str) {
    let (value, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (Cow::Borrowed(value), rest)
}

/// A value in quotes, which a backslash escapes, and what follows. Without its closing quote it goes on to the end.
fn quoted(text: &str) -> (Text<'_>, &str) {
    let inside = &text[1..];
    let mut escaped = false;
    let mut has_escapes = false;
    let end = inside.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        has_escapes |= escaped;
        closes
    });
    let (value, rest) = match end {
        Some(end) => (&inside[..end], &inside[end + 1..]),
        None => (inside, ""),
    };
    if !has_escapes {
        return (Cow::Borrowed(value), rest);
    }
    // The escapes are those of JSON and Go; where one is neither, its backslash stands for itself.
    let unescaped =
        serde_json::from_str(&text[..(value.len() + 2).min(text.len())]).unwrap_or_else(|_| unescape(value));
    (Cow::Owned(unescaped), rest)
}

fn unescape(value: &str) -> String {
    value.replace("\\\"", "\"").replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::app::text::tests::{attribute, context, read};

    fn pairs(line: &str) -> Vec<(String, Option<String>)> {
        Pairs(line).map(Option::unwrap).map(|(key, value)| (key.to_owned(), value.map(Cow::into_owned))).collect()
    }

    #[test]
    fn pairs_are_split() {
        let expect = |list: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
            list.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
        };
        assert_eq!(pairs("a=1 b c=2"), expect(&[("a", Some("1")), ("b", None), ("c", Some("2"))]));
        assert_eq!(
            pairs(r#"msg="say \"hi\"\n" tag#production=x path=/a?b=c e="" t="open"#),
            expect(&[
                ("msg", Some("say \"hi\"\n")),
                ("tag#production", Some("x")),
                ("path", Some("/a?b=c")),
                ("e", Some("")),
                ("t", Some("open")),
            ])
        );
    }

    #[test]
    fn keys_mean_what_they_mean_in_json() {
        let zone = TimeZone::UTC;
        let format = logfmt(&FormatOptions::default()).unwrap();
        let line = r#"time="2026-03-14T15:09:41Z" level=warning msg="slow query" took_ms=812 logger=db retry"#;
        let log = read(&*format, line, &context(&zone)).unwrap();
        assert_eq!(log.time, Some(1_773_500_981_000_000_000));
        assert_eq!((log.severity_number, log.severity_text.as_deref()), (Some(13), Some("warning")));
        assert_eq!(log.body.as_deref(), Some("slow query"));
        assert_eq!(log.scope_name.as_deref(), Some("db"));
        assert_eq!((attribute(&log, "took_ms"), attribute(&log, "retry")), (Some("812"), Some("true")));
        for line in
            ["plain text", "{\"a\":1}", "error connecting to host=db", "a=1 many more words than pairs", "=x", "a=1 =2"]
        {
            assert_eq!(read(&*format, line, &context(&zone)).unwrap_err().reason, LineReason::Format, "{line}");
        }
    }
}
