//! What a reader says about a request besides its records: what it refused, and what it mended.

use arrow::record_batch::RecordBatch;

/// Bounds on what one request may become. Past a bound the excess is cut off and counted, except for
/// `expanded_bytes`, past which the request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Attributes of one record, event, link, resource or scope.
    pub attributes: usize,
    /// Bytes of one text or attribute value.
    pub value_bytes: usize,
    /// Events of one span, and links of one span, and exemplars of one point.
    pub list_items: usize,
    /// Bytes of all records of one request; resource attributes count once for each record. At most
    /// [`DecodeLimits::MAX_EXPANDED_BYTES`] are used.
    pub expanded_bytes: usize,
}

impl DecodeLimits {
    /// The most that `expanded_bytes` can be. Columns count their bytes in 31 bits, and text may grow sixfold (a control
    /// character in JSON), or threefold where it is not UTF-8.
    pub const MAX_EXPANDED_BYTES: usize = 256 * 1024 * 1024;
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { attributes: 1024, value_bytes: 64 * 1024, list_items: 4096, expanded_bytes: 128 * 1024 * 1024 }
    }
}

/// Why one record was not stored (B-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    TraceId,
    SpanId,
    ParentSpanId,
    LinkId,
    TimeMissing,
    TimeOutOfRange,
    NoData,
}

impl RejectReason {
    pub const ALL: [RejectReason; 7] = [
        RejectReason::TraceId,
        RejectReason::SpanId,
        RejectReason::ParentSpanId,
        RejectReason::LinkId,
        RejectReason::TimeMissing,
        RejectReason::TimeOutOfRange,
        RejectReason::NoData,
    ];

    /// The value of the `reason` label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            RejectReason::TraceId => "trace_id",
            RejectReason::SpanId => "span_id",
            RejectReason::ParentSpanId => "parent_span_id",
            RejectReason::LinkId => "link_id",
            RejectReason::TimeMissing => "time_missing",
            RejectReason::TimeOutOfRange => "time_out_of_range",
            RejectReason::NoData => "no_data",
        }
    }

    /// The reason in words.
    pub fn explanation(self) -> &'static str {
        match self {
            RejectReason::TraceId => "trace_id is not 16 bytes, or all zero",
            RejectReason::SpanId => "span_id is not 8 bytes, or all zero",
            RejectReason::ParentSpanId => "parent_span_id is not 8 bytes",
            RejectReason::LinkId => "a link's trace_id is not 16 bytes or its span_id is not 8 bytes",
            RejectReason::TimeMissing => "the record has no time",
            RejectReason::TimeOutOfRange => {
                "a time is past the year 2262, the last that nanoseconds in 64 bits can hold"
            }
            RejectReason::NoData => "the metric has no data of a known kind",
        }
    }
}

/// What was changed in records that were stored all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    NotUtf8,
    ValueTruncated,
    AttributesDropped,
    ListItemsDropped,
    NegativeDuration,
    TimeClamped,
    IdLeftOut,
    ServiceNameMissing,
    AliasConflict,
}

impl Repair {
    pub const ALL: [Repair; 9] = [
        Repair::NotUtf8,
        Repair::ValueTruncated,
        Repair::AttributesDropped,
        Repair::ListItemsDropped,
        Repair::NegativeDuration,
        Repair::TimeClamped,
        Repair::IdLeftOut,
        Repair::ServiceNameMissing,
        Repair::AliasConflict,
    ];

    /// The value of the `repair` label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Repair::NotUtf8 => "not_utf8",
            Repair::ValueTruncated => "value_truncated",
            Repair::AttributesDropped => "attributes_dropped",
            Repair::ListItemsDropped => "list_items_dropped",
            Repair::NegativeDuration => "negative_duration",
            Repair::TimeClamped => "time_clamped",
            Repair::IdLeftOut => "id_left_out",
            Repair::ServiceNameMissing => "service_name_missing",
            Repair::AliasConflict => "alias_conflict",
        }
    }

    /// What the sender is told; `None` for what is no fault of theirs.
    fn explanation(self) -> Option<&'static str> {
        match self {
            Repair::NotUtf8 => Some("texts were not UTF-8; their bad bytes were replaced by U+FFFD"),
            Repair::ValueTruncated => Some("values were longer than the limit and were cut"),
            Repair::AttributesDropped => Some("attributes past the limit of their record were dropped"),
            Repair::ListItemsDropped => Some("events, links or exemplars past the limit of their record were dropped"),
            Repair::NegativeDuration => Some("spans end before they start; their duration was set to 0"),
            Repair::TimeClamped => {
                Some("events or exemplars have a time past the year 2262; it was set to the last there is")
            }
            Repair::IdLeftOut => Some("trace or span ids of a wrong length were left out of their records"),
            Repair::ServiceNameMissing => Some("resources have no service.name; they are stored as unknown_service"),
            Repair::AliasConflict => None,
        }
    }
}

/// A record that was refused, for the dead-letter sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    pub reason: RejectReason,
    /// The record as it was on the wire, cut to [`Report::SAMPLE_BYTES`].
    pub record: Vec<u8>,
}

/// Counts of what was refused and mended in one request, with a few of the refused records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    rejected: [u64; RejectReason::ALL.len()],
    repaired: [u64; Repair::ALL.len()],
    samples: Vec<Reject>,
}

impl Report {
    /// Refused records kept from one request.
    pub const SAMPLES: usize = 4;
    /// Bytes kept of each.
    pub const SAMPLE_BYTES: usize = 1024;

    pub fn rejected(&self, reason: RejectReason) -> u64 {
        self.rejected[reason as usize]
    }

    pub fn repaired(&self, repair: Repair) -> u64 {
        self.repaired[repair as usize]
    }

    /// Records refused, whatever the reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    pub fn samples(&self) -> &[Reject] {
        &self.samples
    }

    /// What the sender should know, for `partial_success.error_message`; `None` when all is well.
    pub fn message(&self) -> Option<String> {
        let rejects = RejectReason::ALL
            .into_iter()
            .filter(|reason| self.rejected(*reason) > 0)
            .map(|reason| format!("{} rejected: {}", self.rejected(reason), reason.explanation()));
        let repairs = Repair::ALL.into_iter().filter_map(|repair| {
            let count = self.repaired(repair);
            let explanation = repair.explanation()?;
            (count > 0).then(|| format!("{count} {explanation}"))
        });
        let parts: Vec<String> = rejects.chain(repairs).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    pub(crate) fn reject(&mut self, reason: RejectReason, records: u64, wire_bytes: &[u8]) {
        self.rejected[reason as usize] += records;
        if self.samples.len() < Self::SAMPLES {
            let record = wire_bytes[..wire_bytes.len().min(Self::SAMPLE_BYTES)].to_vec();
            self.samples.push(Reject { reason, record });
        }
    }

    pub(crate) fn repair(&mut self, repair: Repair) {
        self.repaired[repair as usize] += 1;
    }

    pub(crate) fn repair_many(&mut self, repair: Repair, count: u64) {
        self.repaired[repair as usize] += count;
    }
}

/// A request's good records, and what is to be said of the others.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub batch: RecordBatch,
    pub report: Report,
}
