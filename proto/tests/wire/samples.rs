//! Requests that others recorded, where the shared samples are at hand.

use std::{
    collections::HashSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use arrow::array::AsArray;
use flate2::read::GzDecoder;
use spandrel_proto::wire::{
    Decoded,
    otlp::{Signal, json_to_protobuf},
};

use crate::{build::text_at, check::decode};

/// A sample file; `None` only where there are no samples at all.
fn sample(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    shared.is_dir().then(|| shared.join("data").join(name))
}

fn decode_json(json: &[u8]) -> Decoded {
    let protobuf = json_to_protobuf(Signal::Traces, json).expect("the sample is OTLP/JSON");
    decode(Signal::Traces, &protobuf).expect("what is written is protobuf")
}

#[test]
fn the_example_of_the_protocol_is_read() {
    let Some(path) = sample("otlp-examples/trace.json") else { return };
    let decoded = decode_json(&fs::read(path).expect("the sample can be read"));
    assert_eq!(decoded.batch.num_rows(), 1);
    assert_eq!(decoded.report.message(), None);
    assert_eq!(text_at(&decoded.batch, "service_name", 0), Some("my.service"));
    assert_eq!(text_at(&decoded.batch, "name", 0), Some("I'm a server span"));
}

#[test]
fn a_recorded_minute_of_a_shop_is_read() {
    let Some(path) = sample("nezha/2022-08-22_05_19/otlp_traces.json.gz") else { return };
    let mut json = String::new();
    let file = fs::File::open(path).expect("the sample can be read");
    GzDecoder::new(file).take(64 << 20).read_to_string(&mut json).expect("the sample is gzip");
    let decoded = decode_json(json.as_bytes());
    assert_eq!(decoded.report.message(), None);
    assert_eq!(decoded.batch.num_rows(), 6_712);
    let trace_ids = decoded.batch.column_by_name("trace_id").expect("the column exists").as_binary::<i32>();
    let traces: HashSet<_> = trace_ids.iter().collect();
    assert_eq!(traces.len(), 147);
}
