//! What must hold of any bytes, whoever made them. Used by the property tests here and by the targets in `proto/fuzz`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::panic,
    reason = "each fuzz target uses its own part"
)]

use arrow::{record_batch::RecordBatch, util::display::array_value_to_string};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    metrics::v1::{Metric, metric::Data},
};
use prost::Message;
use serde::Serialize;
use spandrel_proto::wire::{
    DecodeLimits, Decoded, RejectReason, Repair, WireError,
    otlp::{self, Signal},
};

use crate::oracle::{self, Counts, Expected};

/// When the requests of tests are received.
pub const RECEIVED_AT: i64 = 1_763_680_000_123_456_789;

/// Levels that attribute values may be nested.
const MAX_DEPTH: usize = 32;

/// A request as prost has it.
pub trait Request: Message + Serialize + Default + Clone {
    const SIGNAL: Signal;

    /// What the tables are to hold of it.
    fn expected(&self, limits: &DecodeLimits) -> Expected;

    /// Its spans, log records, or data points and metrics without any.
    fn records(&self) -> u64;
}

impl Request for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal::Traces;

    fn expected(&self, limits: &DecodeLimits) -> Expected {
        oracle::traces(self, limits)
    }

    fn records(&self) -> u64 {
        let scopes = self.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.map(|scope| scope.spans.len() as u64).sum()
    }
}

impl Request for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal::Logs;

    fn expected(&self, limits: &DecodeLimits) -> Expected {
        oracle::logs(self, RECEIVED_AT, limits)
    }

    fn records(&self) -> u64 {
        let scopes = self.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        scopes.map(|scope| scope.log_records.len() as u64).sum()
    }
}

impl Request for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal::Metrics;

    fn expected(&self, limits: &DecodeLimits) -> Expected {
        oracle::metrics(self, limits)
    }

    fn records(&self) -> u64 {
        let scopes = self.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).map(points).sum()
    }
}

fn points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        None => 1,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    };
    points as u64
}

/// Decodes with the limits that are the default.
pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Decoded, WireError> {
    otlp::decode(signal, bytes, RECEIVED_AT, &DecodeLimits::default())
}

/// Bytes of any kind end in records or in an error. Where prost can read them, so can the reader, and each record is a row
/// or a refusal; and the same request as prost writes it gives exactly the expected batch.
pub fn check_bytes<R: Request>(bytes: &[u8]) {
    let decoded = decode(R::SIGNAL, bytes);
    let walked = otlp::walk(R::SIGNAL, bytes);
    let Ok(request) = R::decode(bytes) else { return };
    match decoded {
        Ok(decoded) => {
            assert!(walked.is_ok(), "bytes that can be read can be walked: {walked:?}");
            assert_eq!(decoded.batch.num_rows() as u64 + decoded.report.rejected_total(), request.records());
        }
        // Groups, which no message of OTLP has; prost passes over them.
        Err(WireError::UnsupportedWireType { .. }) => {}
        Err(WireError::TooDeep { limit }) => assert!(nesting(&request) > limit, "{limit} levels are not too deep"),
        Err(error) => panic!("prost reads what the reader does not: {error}"),
    }
    if nesting(&request) <= MAX_DEPTH {
        check_request(&request, &DecodeLimits::default());
    }
}

/// The reader makes of a request what the rules say.
pub fn check_request<R: Request>(request: &R, limits: &DecodeLimits) {
    let bytes = request.encode_to_vec();
    let decoded = otlp::decode(R::SIGNAL, &bytes, RECEIVED_AT, limits).expect("the request is well formed");
    let expected = R::decode(bytes.as_slice()).expect("the request is well formed").expected(limits);
    assert_same_batch(&decoded.batch, &expected.batch);
    assert_same_counts(&decoded, &expected.counts);
}

/// OTLP/JSON of any kind ends in a protobuf request or in an error.
pub fn check_json<R: Request>(json: &[u8]) {
    let Ok(protobuf) = otlp::json_to_protobuf(R::SIGNAL, json) else { return };
    match decode(R::SIGNAL, &protobuf) {
        Ok(decoded) => {
            let request = R::decode(protobuf.as_slice()).expect("what is written is protobuf");
            assert_eq!(decoded.batch.num_rows() as u64 + decoded.report.rejected_total(), request.records());
        }
        Err(WireError::TooDeep { .. }) => {}
        Err(error) => panic!("what was written cannot be read: {error}"),
    }
}

/// Compares column by column, so that a difference says where it is. Floats are equal when their bits are.
pub fn assert_same_batch(actual: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(actual.schema(), expected.schema());
    assert_eq!(actual.num_rows(), expected.num_rows(), "rows");
    for (index, field) in expected.schema().fields().iter().enumerate() {
        let (actual, expected) = (actual.column(index), expected.column(index));
        if actual.to_data() == expected.to_data() {
            continue;
        }
        let show = |column, row| array_value_to_string(column, row).expect("every column can be shown");
        let rows = (0..expected.len()).map(|row| (show(actual, row), show(expected, row)));
        let different: Vec<_> = rows.filter(|(actual, expected)| actual != expected).collect();
        panic!("{} (is, should be): {different:#?}", field.name());
    }
}

fn assert_same_counts(decoded: &Decoded, expected: &Counts) {
    for reason in RejectReason::ALL {
        assert_eq!(decoded.report.rejected(reason), expected.rejected(reason), "{reason:?}");
    }
    for repair in Repair::ALL {
        assert_eq!(decoded.report.repaired(repair), expected.repaired(repair), "{repair:?}");
    }
}

/// How deep attribute values in `request` are nested.
fn nesting(request: &impl Serialize) -> usize {
    fn of(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(elements) => elements.iter().map(of).max().unwrap_or(0),
            serde_json::Value::Object(fields) => {
                let level = |name: &str| usize::from(matches!(name, "arrayValue" | "kvlistValue"));
                fields.iter().map(|(name, value)| level(name) + of(value)).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
    of(&serde_json::to_value(request).expect("requests have a JSON form"))
}
