//! The messages of OTLP as data: JSON name, field number and type of each field.
//!
//! Source: opentelemetry-proto `collector/*/v1`, `trace/v1`, `logs/v1`, `metrics/v1`, `common/v1`, `resource/v1`.

use super::Signal;

/// A field's type.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldType {
    Message(&'static Fields),
    Messages(&'static Fields),
    Text,
    Texts,
    /// Base64 in JSON.
    Bytes,
    /// An id: hex in JSON.
    Id,
    Bool,
    Uint32,
    Sint32,
    Int64,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    Doubles,
    Fixed64s,
    Uint64s,
    /// A number in JSON by OTLP's rule, or the name with this prefix by protobuf's.
    Enum(&'static [&'static str]),
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The name in lower camel case.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) field_type: FieldType,
}

/// A message's fields. Messages refer to each other by address, since some contain themselves.
pub(super) type Fields = &'static [Field];

const fn field(name: &'static str, number: u32, field_type: FieldType) -> Field {
    Field { name, number, field_type }
}

use FieldType::{
    Bool, Bytes, Double, Doubles, Enum, Fixed32, Fixed64, Fixed64s, Id, Int64, Message, Messages, Sfixed64, Sint32,
    Text, Texts, Uint32, Uint64s,
};

/// The fields of the request that carries `signal`.
pub(super) fn request(signal: Signal) -> Fields {
    match signal {
        Signal::Traces => TRACES_REQUEST,
        Signal::Logs => LOGS_REQUEST,
        Signal::Metrics => METRICS_REQUEST,
    }
}

static TRACES_REQUEST: Fields = &[field("resourceSpans", 1, Messages(&RESOURCE_SPANS))];
static LOGS_REQUEST: Fields = &[field("resourceLogs", 1, Messages(&RESOURCE_LOGS))];
static METRICS_REQUEST: Fields = &[field("resourceMetrics", 1, Messages(&RESOURCE_METRICS))];

static RESOURCE_SPANS: Fields = &[
    field("resource", 1, Message(&RESOURCE)),
    field("scopeSpans", 2, Messages(&SCOPE_SPANS)),
    field("schemaUrl", 3, Text),
];
static SCOPE_SPANS: Fields =
    &[field("scope", 1, Message(&SCOPE)), field("spans", 2, Messages(&SPAN)), field("schemaUrl", 3, Text)];
static RESOURCE_LOGS: Fields = &[
    field("resource", 1, Message(&RESOURCE)),
    field("scopeLogs", 2, Messages(&SCOPE_LOGS)),
    field("schemaUrl", 3, Text),
];
static SCOPE_LOGS: Fields =
    &[field("scope", 1, Message(&SCOPE)), field("logRecords", 2, Messages(&LOG_RECORD)), field("schemaUrl", 3, Text)];
static RESOURCE_METRICS: Fields = &[
    field("resource", 1, Message(&RESOURCE)),
    field("scopeMetrics", 2, Messages(&SCOPE_METRICS)),
    field("schemaUrl", 3, Text),
];
static SCOPE_METRICS: Fields =
    &[field("scope", 1, Message(&SCOPE)), field("metrics", 2, Messages(&METRIC)), field("schemaUrl", 3, Text)];

static RESOURCE: Fields = &[
    field("attributes", 1, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 2, Uint32),
    field("entityRefs", 3, Messages(&ENTITY_REF)),
];
static ENTITY_REF: Fields = &[
    field("schemaUrl", 1, Text),
    field("type", 2, Text),
    field("idKeys", 3, Texts),
    field("descriptionKeys", 4, Texts),
];
static SCOPE: Fields = &[
    field("name", 1, Text),
    field("version", 2, Text),
    field("attributes", 3, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 4, Uint32),
];
static KEY_VALUE: Fields = &[field("key", 1, Text), field("value", 2, Message(&ANY_VALUE))];
static ANY_VALUE: Fields = &[
    field("stringValue", 1, Text),
    field("boolValue", 2, Bool),
    field("intValue", 3, Int64),
    field("doubleValue", 4, Double),
    field("arrayValue", 5, Message(&ARRAY_VALUE)),
    field("kvlistValue", 6, Message(&KEY_VALUE_LIST)),
    field("bytesValue", 7, Bytes),
];
static ARRAY_VALUE: Fields = &[field("values", 1, Messages(&ANY_VALUE))];
static KEY_VALUE_LIST: Fields = &[field("values", 1, Messages(&KEY_VALUE))];

static SPAN: Fields = &[
    field("traceId", 1, Id),
    field("spanId", 2, Id),
    field("traceState", 3, Text),
    field("parentSpanId", 4, Id),
    field("name", 5, Text),
    field(
        "kind",
        6,
        Enum(&[
            "SPAN_KIND_UNSPECIFIED",
            "SPAN_KIND_INTERNAL",
            "SPAN_KIND_SERVER",
            "SPAN_KIND_CLIENT",
            "SPAN_KIND_PRODUCER",
            "SPAN_KIND_CONSUMER",
        ]),
    ),
    field("startTimeUnixNano", 7, Fixed64),
    field("endTimeUnixNano", 8, Fixed64),
    field("attributes", 9, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 10, Uint32),
    field("events", 11, Messages(&EVENT)),
    field("droppedEventsCount", 12, Uint32),
    field("links", 13, Messages(&LINK)),
    field("droppedLinksCount", 14, Uint32),
    field("status", 15, Message(&STATUS)),
    field("flags", 16, Fixed32),
];
static EVENT: Fields = &[
    field("timeUnixNano", 1, Fixed64),
    field("name", 2, Text),
    field("attributes", 3, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 4, Uint32),
];
static LINK: Fields = &[
    field("traceId", 1, Id),
    field("spanId", 2, Id),
    field("traceState", 3, Text),
    field("attributes", 4, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 5, Uint32),
    field("flags", 6, Fixed32),
];
static STATUS: Fields =
    &[field("message", 2, Text), field("code", 3, Enum(&["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]))];

static LOG_RECORD: Fields = &[
    field("timeUnixNano", 1, Fixed64),
    field("severityNumber", 2, Enum(SEVERITIES)),
    field("severityText", 3, Text),
    field("body", 5, Message(&ANY_VALUE)),
    field("attributes", 6, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", 7, Uint32),
    field("flags", 8, Fixed32),
    field("traceId", 9, Id),
    field("spanId", 10, Id),
    field("observedTimeUnixNano", 11, Fixed64),
    field("eventName", 12, Text),
];
static SEVERITIES: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];

static METRIC: Fields = &[
    field("name", 1, Text),
    field("description", 2, Text),
    field("unit", 3, Text),
    field("gauge", 5, Message(&GAUGE)),
    field("sum", 7, Message(&SUM)),
    field("histogram", 9, Message(&HISTOGRAM)),
    field("exponentialHistogram", 10, Message(&EXPONENTIAL_HISTOGRAM)),
    field("summary", 11, Message(&SUMMARY)),
    field("metadata", 12, Messages(&KEY_VALUE)),
];
static TEMPORALITIES: &[&str] =
    &["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];
static GAUGE: Fields = &[field("dataPoints", 1, Messages(&NUMBER_POINT))];
static SUM: Fields = &[
    field("dataPoints", 1, Messages(&NUMBER_POINT)),
    field("aggregationTemporality", 2, Enum(TEMPORALITIES)),
    field("isMonotonic", 3, Bool),
];
static HISTOGRAM: Fields =
    &[field("dataPoints", 1, Messages(&HISTOGRAM_POINT)), field("aggregationTemporality", 2, Enum(TEMPORALITIES))];
static EXPONENTIAL_HISTOGRAM: Fields =
    &[field("dataPoints", 1, Messages(&EXPONENTIAL_POINT)), field("aggregationTemporality", 2, Enum(TEMPORALITIES))];
static SUMMARY: Fields = &[field("dataPoints", 1, Messages(&SUMMARY_POINT))];
static NUMBER_POINT: Fields = &[
    field("startTimeUnixNano", 2, Fixed64),
    field("timeUnixNano", 3, Fixed64),
    field("asDouble", 4, Double),
    field("exemplars", 5, Messages(&EXEMPLAR)),
    field("asInt", 6, Sfixed64),
    field("attributes", 7, Messages(&KEY_VALUE)),
    field("flags", 8, Uint32),
];
static HISTOGRAM_POINT: Fields = &[
    field("startTimeUnixNano", 2, Fixed64),
    field("timeUnixNano", 3, Fixed64),
    field("count", 4, Fixed64),
    field("sum", 5, Double),
    field("bucketCounts", 6, Fixed64s),
    field("explicitBounds", 7, Doubles),
    field("exemplars", 8, Messages(&EXEMPLAR)),
    field("attributes", 9, Messages(&KEY_VALUE)),
    field("flags", 10, Uint32),
    field("min", 11, Double),
    field("max", 12, Double),
];
static EXPONENTIAL_POINT: Fields = &[
    field("attributes", 1, Messages(&KEY_VALUE)),
    field("startTimeUnixNano", 2, Fixed64),
    field("timeUnixNano", 3, Fixed64),
    field("count", 4, Fixed64),
    field("sum", 5, Double),
    field("scale", 6, Sint32),
    field("zeroCount", 7, Fixed64),
    field("positive", 8, Message(&BUCKETS)),
    field("negative", 9, Message(&BUCKETS)),
    field("flags", 10, Uint32),
    field("exemplars", 11, Messages(&EXEMPLAR)),
    field("min", 12, Double),
    field("max", 13, Double),
    field("zeroThreshold", 14, Double),
];
static BUCKETS: Fields = &[field("offset", 1, Sint32), field("bucketCounts", 2, Uint64s)];
static SUMMARY_POINT: Fields = &[
    field("startTimeUnixNano", 2, Fixed64),
    field("timeUnixNano", 3, Fixed64),
    field("count", 4, Fixed64),
    field("sum", 5, Double),
    field("quantileValues", 6, Messages(&QUANTILE)),
    field("attributes", 7, Messages(&KEY_VALUE)),
    field("flags", 8, Uint32),
];
static QUANTILE: Fields = &[field("quantile", 1, Double), field("value", 2, Double)];
static EXEMPLAR: Fields = &[
    field("timeUnixNano", 2, Fixed64),
    field("asDouble", 3, Double),
    field("spanId", 4, Id),
    field("traceId", 5, Id),
    field("asInt", 6, Sfixed64),
    field("filteredAttributes", 7, Messages(&KEY_VALUE)),
];
