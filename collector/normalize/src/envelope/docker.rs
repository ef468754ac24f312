//! Docker's json-file driver: one JSON object per line, whose `log` is the container's line as a JSON string. A line cut
//! in parts has its line end in the last part only.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Part, Stream};
use crate::time;

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

pub(super) fn part(line: &[u8]) -> Option<Part<'_>> {
    // Most lines of other formats end here.
    if line.first() != Some(&b'{') || !contains_log_key(line) {
        return None;
    }
    let record: Record<'_> = serde_json::from_slice(line).ok()?;
    let stream = match &*record.stream {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        _ => return None,
    };
    let time = time::iso8601(&record.time, &TimeZone::UTC)?;
    let (text, continues) = match record.log {
        Cow::Borrowed(text) => match text.strip_suffix('\n') {
            Some(line) => (Cow::Borrowed(line.as_bytes()), false),
            None => (Cow::Borrowed(text.as_bytes()), true),
        },
        Cow::Owned(text) => {
            let mut bytes = text.into_bytes();
            let ends = bytes.pop_if(|byte| *byte == b'\n').is_some();
            (Cow::Owned(bytes), !ends)
        }
    };
    Some(Part { text, time: Some(time), stream, continues })
}

/// Whether `"log":` stands near the start, with spaces or after another key.
fn contains_log_key(line: &[u8]) -> bool {
    let start = &line[..line.len().min(64)];
    memchr::memmem::find(start, b"\"log\"").is_some()
}
