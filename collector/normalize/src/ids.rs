//! Trace ids and correlation ids, in whatever spelling they come.

mod forms;
mod keys;

use spandrel_proto::model::id::{SPAN_ID_LEN, TRACE_ID_LEN};

use crate::record::Text;

pub use spandrel_proto::model::correlation_key;

/// The shortest text that is taken for an id of its own; shorter ones are counters that restart.
const MIN_CORRELATION_LEN: usize = 8;

/// The ids of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids<'a> {
    pub trace_id: Option<[u8; TRACE_ID_LEN]>,
    pub span_id: Option<[u8; SPAN_ID_LEN]>,
    pub parent_span_id: Option<[u8; SPAN_ID_LEN]>,
    /// Correlation ids as written, the most telling first: it becomes the row's `correlation_id`.
    pub correlation: Vec<Text<'a>>,
    /// The high half of a Datadog trace id, which travels apart from the low one and may come first.
    pub datadog_high: Option<[u8; 8]>,
}

/// What an id is, which its key says: a header's name or a log's key in any spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// W3C `traceparent`: trace id, and the parent span's id.
    TraceParent,
    /// 32 hex digits, or 16, or a vendor's form of a trace id; anything else under such a key is a correlation id.
    TraceId,
    SpanId,
    ParentSpanId,
    /// `x-request-id` and its kin: an id of one request.
    Correlation,
    /// `b3`: trace, span, whether it is sampled, parent. The headers of B3 that hold one id each are [`IdKind::TraceId`],
    /// [`IdKind::SpanId`] and [`IdKind::ParentSpanId`].
    B3,
    /// `x-amzn-trace-id` and X-Ray's form of a trace id: `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>`.
    AmznTrace,
    /// `uber-trace-id`: trace, span, parent and flags, hex without leading zeros.
    Jaeger,
    /// `x-cloud-trace-context`: hex trace id and decimal span id; Google's `projects/<name>/traces/<hex>`.
    CloudTrace,
    /// Decimal 64 bits, or 32 hex digits.
    DatadogTraceId,
    /// Decimal id of the caller's span.
    DatadogParentId,
    /// Decimal, or 16 hex digits.
    DatadogSpanId,
    /// `x-datadog-tags`, of which `_dd.p.tid` is the high half of the trace id.
    DatadogTags,
    /// SkyWalking's `sw8`.
    Sw8,
    /// `grpc-trace-bin`: OpenCensus' binary form in base64.
    GrpcTraceBin,
}

/// The ids that one value names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Named {
    trace: Option<[u8; TRACE_ID_LEN]>,
    span: Option<[u8; SPAN_ID_LEN]>,
    parent: Option<[u8; SPAN_ID_LEN]>,
}

impl IdKind {
    /// What the values under `key` are; `None` where they are no ids.
    pub fn of_key(key: &str) -> Option<IdKind> {
        keys::kind_of(key)
    }
}

impl<'a> Ids<'a> {
    /// Takes the value of a key of this kind. Values that mean "none" (empty, `-`, zeros) are left out; what is not a
    /// valid trace id is never one, and is kept as a correlation id where it identifies. Of several trace ids the first
    /// counts, a different one becomes a correlation id.
    ///
    /// A correlation id too short to identify anything is kept among the others, but is not the one to join by.
    pub fn set(&mut self, kind: IdKind, value: &Text<'a>) {
        if !self.take(kind, value) && kind == IdKind::Correlation && !self.correlation.contains(value) {
            self.correlation.push(value.clone());
        }
    }

    /// The correlation id to join by, in the form by which records join.
    pub(crate) fn join_key(&self) -> Option<Text<'_>> {
        self.correlation.iter().find(|id| id.trim().len() >= MIN_CORRELATION_LEN).map(|id| correlation_key(id))
    }

    /// [`Ids::set`] for a key that is looked up here; whether the value was taken. One that was not, as too short to
    /// identify anything, is an attribute like any other.
    pub fn offer(&mut self, key: &str, value: &Text<'a>) -> bool {
        IdKind::of_key(key).is_some_and(|kind| self.take(kind, value))
    }

    fn take(&mut self, kind: IdKind, value: &Text<'a>) -> bool {
        let text = value.trim();
        if forms::is_none(text) {
            return true;
        }
        match kind {
            IdKind::Correlation => self.correlate(value),
            IdKind::SpanId | IdKind::DatadogSpanId => fill(&mut self.span_id, forms::span_id(text, kind)),
            IdKind::ParentSpanId | IdKind::DatadogParentId => {
                fill(&mut self.parent_span_id, forms::span_id(text, kind))
            }
            IdKind::DatadogTags => match forms::datadog_high(text) {
                Some(high) => {
                    self.datadog_high.get_or_insert(high);
                    self.join_datadog_halves();
                    true
                }
                None => false,
            },
            _ => match forms::trace(kind, text) {
                Some(named) => {
                    self.name(named, value);
                    if kind == IdKind::DatadogTraceId {
                        self.join_datadog_halves();
                    }
                    true
                }
                None => self.keep_other(kind, value),
            },
        }
    }

    fn name(&mut self, named: Named, value: &Text<'a>) {
        if self.trace_id.is_some() && named.trace.is_some() && self.trace_id != named.trace {
            // The spans that it names are those of the other trace.
            self.correlate(value);
            return;
        }
        self.trace_id = self.trace_id.or(named.trace);
        self.span_id = self.span_id.or(named.span);
        self.parent_span_id = self.parent_span_id.or(named.parent);
    }

    /// A value that is not in the form its key promises. Under the key of a trace id it identifies the request all the
    /// same; a malformed header does not.
    fn keep_other(&mut self, kind: IdKind, value: &Text<'a>) -> bool {
        matches!(kind, IdKind::TraceId | IdKind::DatadogTraceId | IdKind::CloudTrace | IdKind::AmznTrace)
            && self.correlate(value)
    }

    fn correlate(&mut self, value: &Text<'a>) -> bool {
        if value.trim().len() < MIN_CORRELATION_LEN {
            return false;
        }
        if !self.correlation.contains(value) {
            self.correlation.push(value.clone());
        }
        true
    }

    fn join_datadog_halves(&mut self) {
        if let (Some(high), Some(id)) = (self.datadog_high, self.trace_id.as_mut())
            && id[..8] == [0; 8]
        {
            id[..8].copy_from_slice(&high);
        }
    }
}

/// Sets an id that is not set yet; whether the value was one.
fn fill(id: &mut Option<[u8; SPAN_ID_LEN]>, value: Option<[u8; SPAN_ID_LEN]>) -> bool {
    *id = id.or(value);
    value.is_some()
}

#[cfg(test)]
mod tests;
