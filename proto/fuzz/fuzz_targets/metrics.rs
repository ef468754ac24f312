//! Any bytes as a request that carries metrics.

#![no_main]

#[path = "../../tests/wire/check.rs"]
mod check;
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

fuzz_target!(|bytes: &[u8]| check::check_bytes::<ExportMetricsServiceRequest>(bytes));
