//! Any bytes as a request that carries logs.

#![no_main]

#[path = "../../tests/wire/check.rs"]
mod check;
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;

fuzz_target!(|bytes: &[u8]| check::check_bytes::<ExportLogsServiceRequest>(bytes));
