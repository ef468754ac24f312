//! The stored Arrow schemas.
//!
//! Stored types are those that every reader of Delta tables knows: text, `Int32`, `Int64`, `Float64`, `Boolean`,
//! `Binary`, lists, structs and maps. A time is an `Int64` of nanoseconds since the Unix epoch (Delta's own timestamp
//! stops at microseconds), an id is `Binary`. Such columns carry their meaning in the field's metadata under
//! [`COLUMN_TYPE_KEY`], which is what the query side reads to show times and hex text.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use super::Table;

const COLUMN_TYPE_KEY: &str = "spandrel.type";

/// What a stored column means to a user where that differs from its stored type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `Binary` bytes shown as lower-case hex text.
    Id,
    /// `Int64` nanoseconds since the Unix epoch, UTC, shown as a timestamp.
    Time,
}

/// The meaning of `field`, if it has one beyond its stored type.
pub fn column_type(field: &Field) -> Option<ColumnType> {
    match field.metadata().get(COLUMN_TYPE_KEY).map(String::as_str) {
        Some("id") => Some(ColumnType::Id),
        Some("time") => Some(ColumnType::Time),
        _ => None,
    }
}

/// A map of attributes: text to text. Numbers and booleans stand as their JSON text, arrays and key-value lists as
/// JSON, bytes as base64.
pub fn attributes_field(name: &str) -> Field {
    let entries = Field::new(
        "key_value",
        DataType::Struct(Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ])),
        false,
    );
    Field::new(name, DataType::Map(Arc::new(entries), false), true)
}

/// One event of a span.
pub fn events_item() -> FieldRef {
    struct_item(vec![time("time"), text("name"), attributes_field("attributes"), long("dropped_attributes_count")])
}

/// One link of a span.
pub fn links_item() -> FieldRef {
    struct_item(vec![
        id("trace_id"),
        id("span_id"),
        text("trace_state"),
        attributes_field("attributes"),
        long("dropped_attributes_count"),
        long("flags"),
    ])
}

/// One try of a gateway at an upstream.
pub fn attempts_item() -> FieldRef {
    struct_item(vec![text("address"), int("status"), long("duration_ns")])
}

/// One exemplar of a metric point.
pub fn exemplars_item() -> FieldRef {
    struct_item(vec![time("time"), double("value"), id("trace_id"), id("span_id"), attributes_field("attributes")])
}

/// One quantile of a summary point.
pub fn quantiles_item() -> FieldRef {
    struct_item(vec![double("quantile"), double("value")])
}

pub(super) fn stored(table: Table) -> SchemaRef {
    static SPANS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(spans())));
    static LOGS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(logs())));
    static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(metrics())));
    static REQUESTS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(requests())));
    static BREAKERS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(breakers())));
    static REJECTS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(rejects())));
    static OPERATIONS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(operations())));
    static EDGES: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(edges())));
    static CRITICAL_PATHS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(critical_paths())));
    static COVERAGE: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(coverage())));
    static FINDINGS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(findings())));
    static ACKNOWLEDGEMENTS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(acknowledgements())));
    match table {
        Table::Spans => SPANS.clone(),
        Table::Logs => LOGS.clone(),
        Table::Metrics => METRICS.clone(),
        Table::Requests => REQUESTS.clone(),
        Table::Breakers => BREAKERS.clone(),
        Table::Rejects => REJECTS.clone(),
        Table::Operations | Table::OperationsHourly => OPERATIONS.clone(),
        Table::Edges | Table::EdgesHourly => EDGES.clone(),
        Table::CriticalPaths => CRITICAL_PATHS.clone(),
        Table::Coverage => COVERAGE.clone(),
        Table::Findings => FINDINGS.clone(),
        Table::Acknowledgements => ACKNOWLEDGEMENTS.clone(),
    }
}

fn spans() -> Vec<Field> {
    vec![
        required(id("trace_id")),
        required(id("span_id")),
        id("parent_span_id"),
        text("trace_state"),
        required(text("name")),
        required(text("kind")),
        required(time("start_time")),
        required(time("end_time")),
        required(long("duration_ns")),
        required(text("status_code")),
        text("status_message"),
        required(text("service_name")),
        text("service_namespace"),
        text("service_version"),
        text("service_instance_id"),
        text("deployment_environment_name"),
        text("host_name"),
        text("scope_name"),
        text("scope_version"),
        text("http_request_method"),
        text("http_route"),
        text("url_path"),
        int("http_response_status_code"),
        text("rpc_system_name"),
        text("rpc_method"),
        text("rpc_status_code"),
        text("db_system_name"),
        text("db_namespace"),
        text("db_collection_name"),
        text("db_operation_name"),
        text("db_query_text"),
        text("messaging_system"),
        text("messaging_operation_type"),
        text("messaging_destination_name"),
        text("service_peer_name"),
        text("server_address"),
        int("server_port"),
        text("error_type"),
        text("correlation_id"),
        required(text("outcome")),
        required(double("weight")),
        required(long("flags")),
        required(long("dropped_attributes_count")),
        required(long("dropped_events_count")),
        required(long("dropped_links_count")),
        text("schema_url"),
        attributes_field("attributes"),
        attributes_field("resource_attributes"),
        attributes_field("scope_attributes"),
        list("events", events_item()),
        list("links", links_item()),
        required(text("source")),
    ]
}

fn logs() -> Vec<Field> {
    vec![
        required(time("time")),
        time("observed_time"),
        int("severity_number"),
        text("severity_text"),
        text("body"),
        text("event_name"),
        required(text("service_name")),
        text("service_namespace"),
        text("service_version"),
        text("service_instance_id"),
        text("deployment_environment_name"),
        text("host_name"),
        id("trace_id"),
        id("span_id"),
        text("correlation_id"),
        text("scope_name"),
        text("scope_version"),
        required(long("flags")),
        required(long("dropped_attributes_count")),
        text("schema_url"),
        attributes_field("attributes"),
        attributes_field("resource_attributes"),
        attributes_field("scope_attributes"),
        required(text("source")),
    ]
}

fn metrics() -> Vec<Field> {
    vec![
        required(time("time")),
        time("start_time"),
        required(text("name")),
        text("description"),
        text("unit"),
        required(text("kind")),
        text("temporality"),
        boolean("is_monotonic"),
        required(text("service_name")),
        text("service_namespace"),
        text("service_version"),
        text("service_instance_id"),
        text("deployment_environment_name"),
        text("host_name"),
        double("value"),
        long("value_int"),
        long("count"),
        double("sum"),
        double("min"),
        double("max"),
        list("explicit_bounds", scalar_item(DataType::Float64)),
        list("bucket_counts", scalar_item(DataType::Int64)),
        int("scale"),
        long("zero_count"),
        double("zero_threshold"),
        int("positive_offset"),
        list("positive_counts", scalar_item(DataType::Int64)),
        int("negative_offset"),
        list("negative_counts", scalar_item(DataType::Int64)),
        list("quantiles", quantiles_item()),
        list("exemplars", exemplars_item()),
        text("scope_name"),
        text("scope_version"),
        required(long("flags")),
        text("schema_url"),
        attributes_field("attributes"),
        attributes_field("resource_attributes"),
        attributes_field("scope_attributes"),
        attributes_field("metadata"),
        required(text("source")),
    ]
}

fn requests() -> Vec<Field> {
    vec![
        required(time("start_time")),
        required(time("end_time")),
        long("duration_ns"),
        required(text("source")),
        required(text("side")),
        required(text("gateway")),
        text("http_request_method"),
        text("url_path"),
        text("http_route"),
        text("server_address"),
        int("http_response_status_code"),
        text("rpc_status_code"),
        text("client_address"),
        text("user_agent"),
        long("request_bytes"),
        long("response_bytes"),
        text("upstream_service"),
        text("upstream_address"),
        int("upstream_status"),
        long("upstream_duration_ns"),
        list("attempts", attempts_item()),
        text("response_flags"),
        id("trace_id"),
        id("span_id"),
        id("parent_span_id"),
        text("correlation_id"),
        list("correlation_ids", scalar_item(DataType::Utf8)),
        required(text("outcome")),
        attributes_field("attributes"),
    ]
}

fn breakers() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("system")),
        text("breaker"),
        required(text("service_name")),
        text("peer_service"),
        text("server_address"),
        required(text("event")),
        required(text("basis")),
        required(text("signal")),
        text("detail"),
        id("trace_id"),
        id("span_id"),
        text("correlation_id"),
        required(text("source_table")),
    ]
}

fn rejects() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("source")),
        required(text("format")),
        required(text("reason")),
        text("detail"),
        text("record"),
        required(long("records")),
    ]
}

fn operations() -> Vec<Field> {
    let keys = vec![
        required(time("time")),
        required(text("service_name")),
        text("service_namespace"),
        text("deployment_environment_name"),
        required(text("operation")),
        required(text("view")),
    ];
    let own = vec![required(double("entries")), required(long("self_time_ns"))];
    [keys, calls(), own, seen()].concat()
}

fn edges() -> Vec<Field> {
    let keys = vec![
        required(time("time")),
        required(text("source")),
        text("source_namespace"),
        required(text("source_kind")),
        required(text("target")),
        text("target_namespace"),
        required(text("target_kind")),
        text("deployment_environment_name"),
        required(text("kind")),
        required(text("protocol")),
        required(text("operation")),
        text("db_namespace"),
        required(text("view")),
        required(text("evidence")),
    ];
    let own = vec![
        required(double("attempts")),
        required(double("sync")),
        required(double("blocking")),
        required(double("paired")),
        required(long("network_sum_ns")),
        binary("queue_delay"),
        required(long("negative_delays")),
    ];
    [keys, calls(), own, seen()].concat()
}

/// Requests, failures and durations of a group of calls. Counts are weighted; latency is of calls that ended `ok`.
fn calls() -> Vec<Field> {
    vec![
        required(long("records")),
        required(double("requests")),
        required(double("failures")),
        required(double("ok")),
        required(double("client_fault")),
        required(double("rejected")),
        required(double("server_fault")),
        required(double("timeout")),
        required(double("cancelled")),
        required(double("unreachable")),
        required(double("unknown")),
        required(double("weight_squares")),
        required(long("duration_sum_ns")),
        required(long("busy_ns")),
        binary("latency"),
        binary("failure_latency"),
        binary("other_latency"),
    ]
}

fn seen() -> Vec<Field> {
    vec![
        required(time("first_seen")),
        required(time("last_seen")),
        list("examples", scalar_item(DataType::Utf8)),
        required(long("revision")),
    ]
}

fn critical_paths() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("entry_service")),
        required(text("entry_operation")),
        required(text("service_name")),
        required(text("operation")),
        text("deployment_environment_name"),
        required(long("exclusive_ns")),
        required(double("presence")),
        required(long("revision")),
    ]
}

fn coverage() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("service_name")),
        text("service_namespace"),
        text("deployment_environment_name"),
        required(long("spans")),
        required(long("orphans")),
        required(long("duplicates")),
        required(long("cycles")),
        required(long("id_clashes")),
        required(long("unpaired_clients")),
        required(long("paired_clients")),
        required(long("clients_missing")),
        required(long("negative_durations")),
        required(long("alias_conflicts")),
        required(long("skew_suspects")),
        required(long("revision")),
    ]
}

fn findings() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("id")),
        required(text("kind")),
        text("subkind"),
        required(text("state")),
        required(text("severity")),
        required(int("score")),
        required(text("method")),
        required(text("subject")),
        required(text("service_name")),
        text("operation"),
        text("target"),
        text("deployment_environment_name"),
        required(time("opened")),
        time("closed"),
        required(text("evidence")),
        list("examples", scalar_item(DataType::Utf8)),
        required(text("sql")),
        required(text("remedy")),
    ]
}

fn acknowledgements() -> Vec<Field> {
    vec![
        required(time("time")),
        required(text("finding_id")),
        required(time("opened")),
        required(text("state")),
        text("reason"),
        text("acknowledged_by"),
        time("until"),
    ]
}

fn binary(name: &str) -> Field {
    Field::new(name, DataType::Binary, true)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn double(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

fn boolean(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

fn id(name: &str) -> Field {
    Field::new(name, DataType::Binary, true).with_metadata(meaning("id"))
}

fn time(name: &str) -> Field {
    Field::new(name, DataType::Int64, true).with_metadata(meaning("time"))
}

fn required(field: Field) -> Field {
    field.with_nullable(false)
}

fn list(name: &str, item: FieldRef) -> Field {
    Field::new(name, DataType::List(item), true)
}

fn struct_item(fields: Vec<Field>) -> FieldRef {
    Arc::new(Field::new("element", DataType::Struct(Fields::from(fields)), true))
}

fn scalar_item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("element", data_type, true))
}

fn meaning(column_type: &str) -> HashMap<String, String> {
    HashMap::from([(COLUMN_TYPE_KEY.to_owned(), column_type.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_time_and_sort_columns() {
        for table in Table::ALL {
            let schema = table.schema();
            let time = schema.field_with_name(table.time_column()).expect("time column");
            assert_eq!(column_type(time), Some(ColumnType::Time));
            for column in table.sort_columns() {
                assert!(schema.field_with_name(column).is_ok(), "{table} has no {column}");
            }
            assert_eq!(Table::from_code(table.code()), Some(table));
        }
    }
}
