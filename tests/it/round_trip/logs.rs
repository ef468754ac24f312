//! Log records.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValueList, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
};
use serde_json::{Value, json};

use super::{
    origin::{RESOURCE_SCHEMA_URL, SCOPE_SCHEMA_URL, resource, row, scope, service_name, shown},
    round_trip,
};
use crate::harness::{T0, attribute, integer_value, text_value};

#[tokio::test]
async fn every_field_of_logs() {
    round_trip(
        request,
        |number| format!("SELECT * FROM logs WHERE service_name = '{}' ORDER BY time", service_name(number)),
        rows,
    )
    .await;
}

fn request(number: u64) -> ExportLogsServiceRequest {
    let log_records = vec![text(), structured(), observed()];
    let scope_logs = ScopeLogs { scope: Some(scope()), log_records, schema_url: SCOPE_SCHEMA_URL.to_owned() };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource(number)),
            scope_logs: vec![scope_logs],
            schema_url: RESOURCE_SCHEMA_URL.to_owned(),
        }],
    }
}

fn text() -> LogRecord {
    LogRecord {
        time_unix_nano: T0 + 1,
        observed_time_unix_nano: T0 + 2,
        severity_number: 17,
        severity_text: "ERROR".to_owned(),
        body: Some(AnyValue { value: Some(text_value("payment refused\nfor u-42")) }),
        attributes: vec![attribute("user.id", text_value("u-42")), attribute("correlation_id", text_value("c-9"))],
        dropped_attributes_count: 5,
        flags: 1,
        trace_id: vec![0xaa; 16],
        span_id: vec![0xbb; 8],
        event_name: "payment.refused".to_owned(),
    }
}

fn structured() -> LogRecord {
    let body =
        KeyValueList { values: vec![attribute("attempt", integer_value(2)), attribute("ok", Any::BoolValue(false))] };
    LogRecord {
        time_unix_nano: T0 + 3,
        body: Some(AnyValue { value: Some(Any::KvlistValue(body)) }),
        ..Default::default()
    }
}

/// A record without a time of its own.
fn observed() -> LogRecord {
    LogRecord { observed_time_unix_nano: T0 + 4, ..Default::default() }
}

fn rows(number: u64) -> Vec<Value> {
    vec![
        row(
            number,
            &json!({
                "time": shown(1), "observed_time": shown(2), "severity_number": 17, "severity_text": "ERROR",
                "body": "payment refused\nfor u-42", "event_name": "payment.refused", "trace_id": "aa".repeat(16),
                "span_id": "bb".repeat(8), "correlation_id": "c-9",
                "attributes": {"user.id": "u-42", "correlation_id": "c-9"}, "dropped_attributes_count": 5, "flags": 1,
            }),
        ),
        row(
            number,
            &json!({
                "time": shown(3), "body": "{\"attempt\":2,\"ok\":false}", "dropped_attributes_count": 0, "flags": 0,
            }),
        ),
        row(number, &json!({"time": shown(4), "observed_time": shown(4), "dropped_attributes_count": 0, "flags": 0})),
    ]
}
