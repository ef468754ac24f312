//! The forms in which ids are written.

use spandrel_proto::model::id::{SPAN_ID_LEN, TRACE_ID_LEN};

use super::{IdKind, Named};

type TraceId = [u8; TRACE_ID_LEN];
type SpanId = [u8; SPAN_ID_LEN];

/// Whether the text is one of the spellings of "there is none".
pub(super) fn is_none(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0' | b'-'))
        || ["null", "none", "(null)", "undefined", "nil"].iter().any(|none| text.eq_ignore_ascii_case(none))
}

/// The ids in a text of a kind that names a trace.
pub(super) fn trace(kind: IdKind, text: &str) -> Option<Named> {
    match kind {
        IdKind::TraceParent => trace_parent(text),
        IdKind::B3 => b3(text),
        IdKind::AmznTrace => amzn(text).or_else(|| only_trace(full_trace_id(text))),
        IdKind::Jaeger => jaeger(text),
        IdKind::CloudTrace => cloud_trace(text),
        IdKind::DatadogTraceId => only_trace(full_trace_id(text).or_else(|| decimal(text).map(padded))),
        IdKind::Sw8 => sky_walking(text),
        IdKind::GrpcTraceBin => grpc_trace_bin(text),
        _ => any_trace(text),
    }
}

/// The id of a span: 16 hex digits, or decimal where Datadog writes it.
pub(super) fn span_id(text: &str, kind: IdKind) -> Option<SpanId> {
    let is_datadog = matches!(kind, IdKind::DatadogSpanId | IdKind::DatadogParentId);
    hex_span(text).or_else(|| decimal(text).filter(|_| is_datadog))
}

/// The high half of a trace id among Datadog's tags: `_dd.p.tid=<16 hex>`.
pub(super) fn datadog_high(tags: &str) -> Option<[u8; 8]> {
    tags.split(',').find_map(|tag| hex_span(tag.trim().strip_prefix("_dd.p.tid=")?))
}

/// A trace id under a key that does not say by whom.
fn any_trace(text: &str) -> Option<Named> {
    only_trace(full_trace_id(text)).or_else(|| match text.as_bytes() {
        [b'1', b'-', ..] | [b'R' | b'r' | b'S' | b's', ..] => amzn(text),
        [b'p', ..] => cloud_trace(text),
        _ if text.len() >= 55 => trace_parent(text),
        _ if text.contains(':') || text.contains("%3A") || text.contains("%3a") => jaeger(text),
        _ => None,
    })
}

/// `00-<32 hex>-<16 hex>-<2 hex>`. Versions past 00 may have more after that, ff is no version.
fn trace_parent(text: &str) -> Option<Named> {
    let bytes = text.as_bytes();
    let version = hex::<1>(bytes.get(..2)?)?[0];
    let is_ended = bytes.len() == 55 || (version > 0 && bytes.get(55) == Some(&b'-'));
    let is_dashed = bytes.len() >= 55 && bytes[2] == b'-' && bytes[35] == b'-' && bytes[52] == b'-';
    if version == 0xff || !is_ended || !is_dashed {
        return None;
    }
    hex::<1>(&bytes[53..55])?;
    let trace = nonzero(hex(&bytes[3..35])?)?;
    let parent = nonzero(hex(&bytes[36..52])?)?;
    Some(Named { trace: Some(trace), parent: Some(parent), span: None })
}

/// `<trace>-<span>[-<0|1|d>[-<parent>]]`. The sampling decision alone names nothing.
fn b3(text: &str) -> Option<Named> {
    let mut parts = text.split('-');
    let trace = full_trace_id(parts.next()?)?;
    let span = hex_span(parts.next()?)?;
    let (sampled, parent) = (parts.next(), parts.next());
    if !matches!(sampled, None | Some("0" | "1" | "d")) || parts.next().is_some() {
        return None;
    }
    let parent = match parent {
        Some(parent) => Some(hex_span(parent)?),
        None => None,
    };
    Some(Named { trace: Some(trace), span: Some(span), parent })
}

/// `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;...` in any order, or the root's value alone.
fn amzn(text: &str) -> Option<Named> {
    let mut named = Named::default();
    for field in text.split(';') {
        let field = field.trim();
        match field.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("root") => named.trace = Some(xray_root(value)?),
            Some((name, value)) if name.eq_ignore_ascii_case("parent") => named.parent = hex_span(value),
            Some(_) => {}
            None => named.trace = Some(xray_root(field)?),
        }
    }
    named.trace.is_some().then_some(named)
}

fn xray_root(text: &str) -> Option<TraceId> {
    let (epoch, unique) = text.strip_prefix("1-")?.split_once('-')?;
    let mut id = [0; TRACE_ID_LEN];
    id[..4].copy_from_slice(&hex::<4>(epoch.as_bytes())?);
    id[4..].copy_from_slice(&hex::<12>(unique.as_bytes())?);
    nonzero(id)
}

/// `<trace>:<span>:<parent>:<flags>`, each hex without leading zeros; the span is the caller's. The colons may be
/// URL-encoded.
fn jaeger(text: &str) -> Option<Named> {
    let mut parts = [""; 4];
    let mut rest = text;
    for part in &mut parts[..3] {
        let (end, len) = separator(rest)?;
        (*part, rest) = (&rest[..end], &rest[end + len..]);
    }
    parts[3] = rest;
    // Flags are one byte.
    let flags = parts[3];
    if flags.is_empty() || flags.len() > 2 || !flags.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let trace = nonzero(short_hex::<TRACE_ID_LEN>(parts[0])?)?;
    let span = nonzero(short_hex::<SPAN_ID_LEN>(parts[1])?)?;
    Some(Named { trace: Some(trace), span: None, parent: Some(span) })
}

/// Where the next colon is, plain or encoded, and its length.
fn separator(text: &str) -> Option<(usize, usize)> {
    let at = text.find([':', '%'])?;
    match &text.as_bytes()[at..] {
        [b':', ..] => Some((at, 1)),
        [b'%', b'3', b'A' | b'a', ..] => Some((at, 3)),
        _ => None,
    }
}

/// `<32 hex>/<span id, decimal>;o=1`, or `projects/<name>/traces/<32 hex>`.
fn cloud_trace(text: &str) -> Option<Named> {
    if text.starts_with("projects/") {
        let (_, id) = text.rsplit_once("/traces/")?;
        return only_trace(full_trace_id(id));
    }
    let ids = text.split(';').next()?;
    let Some((trace, span)) = ids.split_once('/') else { return only_trace(full_trace_id(ids)) };
    Some(Named { trace: Some(full_trace_id(trace)?), span: None, parent: decimal(span).or_else(|| hex_span(span)) })
}

/// `1-b64(trace)-b64(segment)-<span>-...`, whose ids become ours as the OpenTelemetry Collector's receiver makes them:
/// so the header joins the spans that came through one.
fn sky_walking(text: &str) -> Option<Named> {
    let mut parts = text.split('-');
    let (_sampled, trace, segment, span) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let trace = String::from_utf8(base64(trace)?).ok()?;
    let segment = String::from_utf8(base64(segment)?).ok()?;
    let trace = nonzero(sky_walking_id(&trace, 0)?)?;
    let parent = sky_walking_id(&segment, span.parse().ok()?).and_then(|id| {
        let mut folded = [0; SPAN_ID_LEN];
        for (byte, (high, low)) in folded.iter_mut().zip(id[..8].iter().zip(&id[8..])) {
            *byte = high ^ low;
        }
        nonzero(folded)
    });
    Some(Named { trace: Some(trace), span: None, parent })
}

/// A UUID, or `<32 hex>.<thread>.<sequence>` of the Java agent, mixed with the span's number.
fn sky_walking_id(text: &str, span: u32) -> Option<TraceId> {
    let mut id = if text.len() == 36 {
        let mut digits = [0; 32];
        let mut len = 0;
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            *digits.get_mut(len)? = byte;
            len += 1;
        }
        hex::<TRACE_ID_LEN>(&digits[..len])?
    } else {
        hex::<TRACE_ID_LEN>(text.as_bytes().get(..32)?)?
    };
    mix(&mut id[..4], u64::from(span));
    if text.len() > 36 {
        let (thread, sequence) = text.get(32..)?.strip_prefix('.')?.split_once('.')?;
        mix(&mut id[4..8], thread.parse().ok()?);
        mix(&mut id[8..], sequence.parse().ok()?);
    }
    Some(id)
}

fn mix(bytes: &mut [u8], number: u64) {
    for (byte, mixed) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte ^= mixed;
    }
}

/// Version 0, then fields each with its number: 0 trace id, 1 span id, 2 options.
fn grpc_trace_bin(text: &str) -> Option<Named> {
    let bytes = base64(text)?;
    let trace = bytes.get(..18)?.strip_prefix(&[0, 0])?;
    let parent = bytes.get(18..27).and_then(|field| field.strip_prefix(&[1]));
    let mut named = Named { trace: Some(nonzero(trace.try_into().ok()?)?), ..Named::default() };
    named.parent = parent.and_then(|id| nonzero(id.try_into().ok()?));
    Some(named)
}

fn only_trace(trace: Option<TraceId>) -> Option<Named> {
    trace.map(|trace| Named { trace: Some(trace), ..Named::default() })
}

/// 32 hex digits, or 16 for a 64-bit id.
fn full_trace_id(text: &str) -> Option<TraceId> {
    match text.len() {
        32 => nonzero(hex(text.as_bytes())?),
        16 => hex_span(text).map(padded),
        _ => None,
    }
}

fn padded(low: [u8; 8]) -> TraceId {
    let mut id = [0; TRACE_ID_LEN];
    id[8..].copy_from_slice(&low);
    id
}

fn hex_span(text: &str) -> Option<SpanId> {
    nonzero(hex(text.as_bytes())?)
}

/// A decimal number of 64 bits.
fn decimal(text: &str) -> Option<[u8; 8]> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    nonzero(text.parse::<u64>().ok()?.to_be_bytes())
}

fn nonzero<const N: usize>(id: [u8; N]) -> Option<[u8; N]> {
    (id != [0; N]).then_some(id)
}

/// `N` bytes in exactly `2 * N` hex digits.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

/// `N` bytes in up to `2 * N` hex digits, leading zeros left out.
fn short_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.is_empty() || digits.len() > 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (place, digit) in digits.iter().rev().enumerate() {
        bytes[N - 1 - place / 2] |= hex_digit(*digit)? << (4 * (place % 2));
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Base64 of either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut word = 0u32;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            word = word << 6 | u32::from(value);
        }
        word <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}
