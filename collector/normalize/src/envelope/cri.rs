//! The log format of Kubernetes' container runtimes: `<time> <stream> <tags> <line>`.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::{Part, Stream};
use crate::time;

/// The longest time: 35 bytes with nanoseconds and offset.
const MAX_TIME_BYTES: usize = 40;

pub(super) fn part(line: &[u8]) -> Option<Part<'_>> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let space = memchr::memchr(b' ', &line[..line.len().min(MAX_TIME_BYTES)])?;
    let (stream, rest) = match &line[space + 1..] {
        [b's', b't', b'd', b'o', b'u', b't', b' ', rest @ ..] => (Stream::Stdout, rest),
        [b's', b't', b'd', b'e', b'r', b'r', b' ', rest @ ..] => (Stream::Stderr, rest),
        _ => return None,
    };
    let (tags, text) = match memchr::memchr(b' ', rest) {
        Some(space) => (&rest[..space], &rest[space + 1..]),
        None => (rest, &[][..]),
    };
    // Tags are joined by colons; the first says whether the line is cut.
    let continues = match tags.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    let time = time::iso8601(std::str::from_utf8(&line[..space]).ok()?, &TimeZone::UTC)?;
    Some(Part { text: Cow::Borrowed(text), time: Some(time), stream, continues })
}
