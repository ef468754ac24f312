//! Ids that stand in the text of a message: `TraceID: <32 hex> SpanID: <16 hex>`, `trace_id=.. span_id=..`, `req_id=..`,
//! `TID: [..]`, and the brackets of Spring, `[<trace>-<span>]` and `[service,<trace>,<span>]`.

use std::{borrow::Cow, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::{ids::Ids, record::Text};

/// Words before an id, and the key that says what it is.
const WORDS: [(&str, &str); 21] = [
    ("traceparent", "traceparent"),
    ("trace_id", "trace_id"),
    ("traceid", "trace_id"),
    ("trace-id", "trace_id"),
    ("trace.id", "trace_id"),
    ("trace id", "trace_id"),
    ("span_id", "span_id"),
    ("spanid", "span_id"),
    ("span-id", "span_id"),
    ("span.id", "span_id"),
    ("span id", "span_id"),
    ("request_id", "request_id"),
    ("requestid", "request_id"),
    ("request-id", "request_id"),
    ("request id", "request_id"),
    ("req_id", "request_id"),
    ("reqid", "request_id"),
    ("correlation_id", "correlation_id"),
    ("correlationid", "correlation_id"),
    ("correlation-id", "correlation_id"),
    ("tid:", "trace_id"),
];
/// Words and brackets looked at in one text, so that hostile ones cost no more than others.
const MAX_PLACES: usize = 32;
/// The longest text between brackets that can be ids.
const MAX_BRACKET: usize = 160;

/// Finds ids in a text, those that are not known yet.
pub(super) fn find<'a>(text: &Text<'a>, ids: &mut Ids<'a>) {
    if ids.trace_id.is_none() || ids.span_id.is_none() || ids.correlation.is_empty() {
        words(text, ids);
    }
    if ids.trace_id.is_none() {
        brackets(text, ids);
    }
}

fn words<'a>(text: &Text<'a>, ids: &mut Ids<'a>) {
    static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostFirst)
            .kind(Some(AhoCorasickKind::DFA))
            .build(WORDS.map(|(word, _)| word))
            .expect("a few short words are within the limits of the automaton")
    });
    let bytes = text.as_bytes();
    // A span in the text is one of the trace in the text, which may be another than the one that a key gave.
    let has_trace = ids.trace_id.is_some();
    for found in SEARCH.find_iter(bytes).take(MAX_PLACES) {
        let (word, key) = WORDS[found.pattern()];
        let is_tid = word == "tid:";
        if is_tid && found.start() > 0 && bytes[found.start() - 1].is_ascii_alphanumeric() {
            continue;
        }
        let Some(value) = value_at(text, found.end(), is_tid) else { continue };
        let known = match key {
            "span_id" => has_trace || ids.span_id.is_some() || !is_hex(value, 16),
            "request_id" | "correlation_id" => !ids.correlation.is_empty() || !is_id(value),
            "traceparent" => ids.trace_id.is_some() || value.len() < 55,
            _ => ids.trace_id.is_some() || !(is_hex(value, 32) || is_hex(value, 16) || is_tid && value.len() >= 32),
        };
        if !known {
            ids.offer(key, &same_text(text, value));
        }
    }
}

/// The value after a word: past quotes, spaces, a colon or equals sign and an opening bracket.
fn value_at(text: &str, end: usize, separated: bool) -> Option<&str> {
    let rest = &text[end..];
    let value = rest.trim_start_matches(['"', '\'', ']']).trim_start_matches(' ');
    let after = value.trim_start_matches([':', '=']);
    let is_separated = separated || after.len() < value.len();
    let after = after.trim_start_matches([' ', '"', '\'', '[', '\\']);
    let length = after
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/'))
        .count();
    let value = after[..length].trim_end_matches(['.', ':', '-', '/']);
    // "Trace id 4bf9.." has no sign between, and then nothing but a whole id is one.
    (!value.is_empty() && (is_separated || is_hex(value, 32) || is_hex(value, 16))).then_some(value)
}

fn brackets<'a>(text: &Text<'a>, ids: &mut Ids<'a>) {
    for start in memchr::memchr_iter(b'[', text.as_bytes()).take(MAX_PLACES) {
        let rest = &text.as_bytes()[start + 1..];
        let Some(length) = memchr::memchr(b']', &rest[..rest.len().min(MAX_BRACKET)]) else { continue };
        if let Some((trace, span)) = bracket(&text[start + 1..start + 1 + length]) {
            ids.offer("trace_id", &same_text(text, trace));
            ids.offer("span_id", &same_text(text, span));
            return;
        }
    }
}

/// The trace id and span id between brackets: `<trace>-<span>`, or two parts next to each other of several with commas.
pub(super) fn bracket(inside: &str) -> Option<(&str, &str)> {
    let is_pair = |trace: &str, span: &str| (is_hex(trace, 32) || is_hex(trace, 16)) && is_hex(span, 16);
    if let Some((trace, span)) = inside.trim().split_once('-') {
        return is_pair(trace, span).then_some((trace, span));
    }
    let mut parts = inside.split(',').map(str::trim);
    let mut before = parts.next()?;
    for part in parts {
        if is_pair(before, part) {
            return Some((before, part));
        }
        before = part;
    }
    None
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text can be an id, unlike the words of a sentence about ids.
fn is_id(text: &str) -> bool {
    (4..=128).contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// A part of a text, borrowed from where the text is.
fn same_text<'a>(text: &Text<'a>, part: &str) -> Text<'a> {
    match text {
        Cow::Owned(_) => Cow::Owned(part.to_owned()),
        Cow::Borrowed(whole) => {
            let start = part.as_ptr() as usize - whole.as_ptr() as usize;
            Cow::Borrowed(&whole[start..start + part.len()])
        }
    }
}

#[cfg(test)]
mod tests {
    use spandrel_proto::model::id::to_hex;

    use super::*;

    const TRACE: &str = "04c87ec97bae041b1b15b3c7676a43cc";
    const SPAN: &str = "989036326b156480";

    fn found(text: &str) -> (String, String, Vec<String>) {
        let mut ids = Ids::default();
        find(&Cow::Borrowed(text), &mut ids);
        let trace = ids.trace_id.map(|id| to_hex(&id)).unwrap_or_default();
        let span = ids.span_id.map(|id| to_hex(&id)).unwrap_or_default();
        (trace, span, ids.correlation.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn ids_with_their_words_are_found() {
        for text in [
            "TraceID: <t> SpanID: <s> Request complete",
            "done trace_id=<t> span_id=<s>",
            "{\"traceId\": \"<t>\", \"spanId\":\"<s>\"} sent",
            "[trace.id=<t>, span.id=<s>]",
            "Trace ID <t>, span id <s>",
            "2024 INFO [<t>-<s>] c.e.App : up",
            "INFO [shop,<t>,<s>,true] up",
        ] {
            let text = text.replace("<t>", TRACE).replace("<s>", SPAN);
            let (trace, span, _) = found(&text);
            assert_eq!((trace.as_str(), span.as_str()), (TRACE, SPAN), "{text}");
        }
    }

    #[test]
    fn correlation_ids_are_found_and_words_about_ids_are_not() {
        assert_eq!(found("start req_id=7f07ecb7-deed-4f9e GET /").2, ["7f07ecb7-deed-4f9e"]);
        assert_eq!(found("X-Request-Id: abcdef123456.").2, ["abcdef123456"]);
        let mut keyed = Ids { trace_id: Some([7; 16]), ..Ids::default() };
        find(&Cow::Owned(format!("caused by TraceID: {TRACE} SpanID: {SPAN}")), &mut keyed);
        assert_eq!(keyed, Ids { trace_id: Some([7; 16]), ..Ids::default() });
        for text in ["the trace id is unknown", "no request id: none given", "trace_id=none span_id=", "[a-b]", "tid:"]
        {
            assert_eq!(found(text), (String::new(), String::new(), vec![]), "{text}");
        }
    }
}
