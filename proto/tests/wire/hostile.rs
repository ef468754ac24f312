//! Bytes that mean harm, or nothing.

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use spandrel_proto::wire::{
    WireError,
    otlp::{self, Signal},
};

use crate::{
    check::{check_bytes, check_json, decode},
    generate::{logs, traces},
    generate_metrics::metrics,
    wire_format::{delimited, nested, varint},
};

/// Paths from a request to attribute values and the body of a log record, by field number.
const VALUES: [(Signal, &[u32]); 11] = [
    (Signal::Traces, &[1, 1, 1, 2]),
    (Signal::Traces, &[1, 2, 1, 3, 2]),
    (Signal::Logs, &[1, 1, 1, 2]),
    (Signal::Logs, &[1, 2, 1, 3, 2]),
    (Signal::Logs, &[1, 2, 2, 5]),
    (Signal::Logs, &[1, 2, 2, 6, 2]),
    (Signal::Metrics, &[1, 1, 1, 2]),
    (Signal::Metrics, &[1, 2, 1, 3, 2]),
    (Signal::Metrics, &[1, 2, 2, 12, 2]),
    (Signal::Metrics, &[1, 2, 2, 5, 1, 7, 2]),
    (Signal::Metrics, &[1, 2, 2, 5, 1, 5, 7, 2]),
];

#[test]
fn nesting_bombs_are_refused() {
    for levels in [33, 100, 10_000] {
        let bomb = (0..levels).fold(Vec::new(), |inner, _| nested(&[5, 1], &inner));
        for (signal, path) in VALUES {
            let request = match (signal, path) {
                // A point is read only if it has a time.
                (Signal::Metrics, [resource, scope, metrics, data, points, rest @ ..])
                    if *data != 12 && rest.len() > 1 =>
                {
                    let time = [vec![3 << 3 | 1], 1_u64.to_le_bytes().to_vec()].concat();
                    let point = [time, nested(rest, &bomb)].concat();
                    nested(&[*resource, *scope, *metrics, *data, *points], &point)
                }
                (Signal::Metrics, [resource, scope, metrics, 12, value]) => {
                    let point = [vec![3 << 3 | 1], 1_u64.to_le_bytes().to_vec()].concat();
                    let metric = [nested(&[12, *value], &bomb), nested(&[5, 1], &point)].concat();
                    nested(&[*resource, *scope, *metrics], &metric)
                }
                _ => nested(path, &bomb),
            };
            let error = decode(signal, &request).expect_err("the value is nested too deep");
            assert_eq!(error, WireError::TooDeep { limit: 32 }, "{signal:?} {path:?}");
        }
    }
}

#[test]
fn nesting_bombs_in_json_are_refused() {
    let value = r#"{"arrayValue":{"values":["#.repeat(10_000);
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}"#);
    let error = otlp::json_to_protobuf(Signal::Logs, json.as_bytes()).expect_err("the value is nested too deep");
    let source = std::error::Error::source(&error).expect("the parser's error is the source");
    assert!(source.to_string().contains("recursion limit"), "{source}");
}

#[test]
fn huge_lengths_are_refused() {
    for length in [u64::MAX, u64::MAX / 2, 1 << 32, 1 << 20] {
        for path in [&[][..], &[1], &[1, 2], &[1, 2, 2]] {
            for signal in Signal::ALL {
                let message = [vec![1 << 3 | 2], varint(length), vec![0; 16]].concat();
                let request = nested(path, &message);
                assert!(
                    matches!(decode(signal, &request), Err(WireError::Truncated { .. })),
                    "{signal:?} {path:?} {length}"
                );
            }
        }
    }
}

#[test]
fn a_known_field_of_another_wire_type_is_refused() {
    for (path, field) in [(&[][..], vec![1 << 3]), (&[1][..], vec![2 << 3]), (&[1, 2][..], vec![2 << 3])] {
        let message = [field, varint(5)].concat();
        let error = decode(Signal::Traces, &nested(path, &message)).expect_err("the field is a message");
        assert!(matches!(error, WireError::WrongWireType { .. }), "{error}");
    }
    let group = delimited(1, &[5 << 3 | 3, 5 << 3 | 4]);
    let error = decode(Signal::Traces, &group).expect_err("there are no groups");
    assert!(matches!(error, WireError::UnsupportedWireType { field: 5, .. }), "{error}");
}

#[test]
fn of_a_field_that_comes_twice_the_last_holds() {
    use opentelemetry_proto::tonic::metrics::v1::{Gauge, NumberDataPoint, metric::Data, number_data_point::Value};
    let point = |value| NumberDataPoint { value: Some(value), ..Default::default() }.encode_to_vec();
    let time = NumberDataPoint { time_unix_nano: 5, ..Default::default() }.encode_to_vec();
    let point = [time, point(Value::AsInt(7)), point(Value::AsDouble(2.5))].concat();
    let request = nested(&[1, 2, 2, 5, 1], &point);
    check_bytes::<ExportMetricsServiceRequest>(&request);
    let decoded = decode(Signal::Metrics, &request).expect("prost reads it too");
    let prost = ExportMetricsServiceRequest::decode(request.as_slice()).expect("the last value holds");
    let Some(Data::Gauge(Gauge { data_points })) = &prost.resource_metrics[0].scope_metrics[0].metrics[0].data else {
        panic!("the metric is a gauge")
    };
    assert_eq!(data_points[0].value, Some(Value::AsDouble(2.5)));
    let again = decode(Signal::Metrics, &prost.encode_to_vec()).expect("the request is well formed");
    assert_eq!(decoded.batch, again.batch);
}

/// A request with some of its bytes replaced, put in or taken out.
fn mutated(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (bytes, vec(change, 1..6)).prop_map(|(mut bytes, changes)| {
        for (at, byte, change) in changes {
            let at = at.index(bytes.len() + 1);
            match (change, bytes.get_mut(at)) {
                (0, Some(old)) => *old = byte,
                (1, Some(_)) => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn mutated_traces_never_panic(bytes in mutated(traces().prop_map(|request| request.encode_to_vec()))) {
        check_bytes::<ExportTraceServiceRequest>(&bytes);
    }

    #[test]
    fn mutated_logs_never_panic(bytes in mutated(logs().prop_map(|request| request.encode_to_vec()))) {
        check_bytes::<ExportLogsServiceRequest>(&bytes);
    }

    #[test]
    fn mutated_metrics_never_panic(bytes in mutated(metrics().prop_map(|request| request.encode_to_vec()))) {
        check_bytes::<ExportMetricsServiceRequest>(&bytes);
    }

    #[test]
    fn mutated_json_never_panics(bytes in mutated(logs().prop_map(|request| serde_json::to_vec(&request).expect("it has a JSON form")))) {
        check_json::<ExportLogsServiceRequest>(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        check_bytes::<ExportTraceServiceRequest>(&bytes);
        check_bytes::<ExportLogsServiceRequest>(&bytes);
        check_bytes::<ExportMetricsServiceRequest>(&bytes);
        check_json::<ExportTraceServiceRequest>(&bytes);
    }
}
