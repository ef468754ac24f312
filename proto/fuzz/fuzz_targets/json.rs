//! Any bytes as OTLP/JSON of each signal.

#![no_main]

#[path = "../../tests/wire/check.rs"]
mod check;
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};

fuzz_target!(|bytes: &[u8]| {
    check::check_json::<ExportTraceServiceRequest>(bytes);
    check::check_json::<ExportLogsServiceRequest>(bytes);
    check::check_json::<ExportMetricsServiceRequest>(bytes);
});
