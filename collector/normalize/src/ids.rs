//! Trace ids and correlation ids, in whatever spelling they come.

use spandrel_proto::model::id::{SPAN_ID_LEN, TRACE_ID_LEN};

use crate::record::Text;

/// The ids of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids<'a> {
    pub trace_id: Option<[u8; TRACE_ID_LEN]>,
    pub span_id: Option<[u8; SPAN_ID_LEN]>,
    pub parent_span_id: Option<[u8; SPAN_ID_LEN]>,
    /// Correlation ids as written, the most telling first: it becomes the row's `correlation_id`.
    pub correlation: Vec<Text<'a>>,
}

/// What an id is, which its key says: a header's name or a log's key in any spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// W3C `traceparent`: trace id, and the parent span's id.
    TraceParent,
    /// 32 hex digits, or 16, or a vendor's form of a trace id; anything else under such a key is a correlation id.
    TraceId,
    SpanId,
    ParentSpanId,
    /// `x-request-id` and its kin: an id of one request.
    Correlation,
}

impl IdKind {
    /// What the values under `key` are; `None` where they are no ids.
    pub fn of_key(key: &str) -> Option<IdKind> {
        match key.to_ascii_lowercase().replace('_', "-").as_str() {
            "traceparent" => Some(IdKind::TraceParent),
            "trace-id" | "traceid" | "trace.id" => Some(IdKind::TraceId),
            "span-id" | "spanid" | "span.id" => Some(IdKind::SpanId),
            "x-request-id" | "request-id" | "requestid" | "x-correlation-id" | "correlation-id" => {
                Some(IdKind::Correlation)
            }
            _ => None,
        }
    }
}

impl<'a> Ids<'a> {
    /// Takes the value of a key of this kind. Values that mean "none" (empty, `-`, zeros) are left out; what is not a
    /// valid trace id is never one, and is kept as a correlation id.
    pub fn set(&mut self, kind: IdKind, value: &Text<'a>) {
        if value.is_empty() || value == "-" {
            return;
        }
        match kind {
            IdKind::TraceId => match spandrel_proto::model::id::parse_trace_id(value) {
                Some(id) => self.trace_id = Some(id),
                None => self.correlation.push(value.clone()),
            },
            _ => self.correlation.push(value.clone()),
        }
    }

    /// [`Ids::set`] for a key that is looked up here; whether it is the key of an id.
    pub fn offer(&mut self, key: &str, value: &Text<'a>) -> bool {
        let kind = IdKind::of_key(key);
        if let Some(kind) = kind {
            self.set(kind, value);
        }
        kind.is_some()
    }
}

/// The form of a correlation id by which records join. Envoy rewrites the 14th hex digit of a UUID in `x-request-id`
/// (9, a or b for the reasons to trace), so the id before and after an Envoy differ; here it is 4 again.
pub fn correlation_key<'a>(id: &'a str) -> std::borrow::Cow<'a, str> {
    let bytes = id.as_bytes();
    let is_uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid && matches!(bytes[14], b'9' | b'a' | b'b' | b'A' | b'B') {
        let mut key = id.to_owned();
        key.replace_range(14..15, "4");
        return std::borrow::Cow::Owned(key);
    }
    std::borrow::Cow::Borrowed(id)
}
