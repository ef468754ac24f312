//! Where records come from: a resource and a scope that use all their fields, and the columns they fill.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValueList, any_value::Value as Any},
    resource::v1::Resource,
};
use serde_json::{Map, Value, json};

use crate::harness::{attribute, double_value, integer_value, text_value};

pub(super) const RESOURCE_SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.20.0";
pub(super) const SCOPE_SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

pub(super) fn resource(number: u64) -> Resource {
    let tags = ArrayValue {
        values: vec![AnyValue { value: Some(text_value("a")) }, AnyValue { value: Some(integer_value(2)) }],
    };
    let owner =
        KeyValueList { values: vec![attribute("team", text_value("payments")), attribute("size", integer_value(5))] };
    Resource {
        attributes: vec![
            attribute("service.name", text_value(&service_name(number))),
            attribute("service.namespace", text_value("shop")),
            attribute("service.version", text_value("1.2.3")),
            attribute("service.instance.id", text_value("checkout-0")),
            attribute("deployment.environment.name", text_value("test")),
            attribute("host.name", text_value("node-1")),
            attribute("host.cpus", integer_value(i64::MAX)),
            attribute("load", double_value(0.25)),
            attribute("spot", Any::BoolValue(true)),
            attribute("digest", Any::BytesValue(vec![0, 255, 16])),
            attribute("tags", Any::ArrayValue(tags)),
            attribute("owner", Any::KvlistValue(owner)),
            attribute("motto", text_value("für \"alle\" – 世界")),
        ],
        dropped_attributes_count: 3,
        entity_refs: vec![EntityRef {
            r#type: "service".to_owned(),
            id_keys: vec!["service.name".to_owned(), "service.instance.id".to_owned()],
            ..Default::default()
        }],
    }
}

pub(super) fn service_name(number: u64) -> String {
    format!("checkout-{number}")
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "shop.http".to_owned(),
        version: "0.9".to_owned(),
        attributes: vec![attribute("library", text_value("tower"))],
        dropped_attributes_count: 2,
    }
}

/// The row that has `columns` and what [`resource`] and [`scope`] say.
pub(super) fn row(number: u64, columns: &Value) -> Value {
    let mut row = json!({
        "service_name": service_name(number),
        "service_namespace": "shop",
        "service_version": "1.2.3",
        "service_instance_id": "checkout-0",
        "deployment_environment_name": "test",
        "host_name": "node-1",
        "scope_name": "shop.http",
        "scope_version": "0.9",
        "schema_url": SCOPE_SCHEMA_URL,
        "source": "otlp",
        "resource_attributes": {
            "host.cpus": i64::MAX.to_string(),
            "load": "0.25",
            "spot": "true",
            "digest": "AP8Q",
            "tags": "[\"a\",2]",
            "owner": "{\"team\":\"payments\",\"size\":5}",
            "motto": "für \"alle\" – 世界",
            "otel.resource.dropped_attributes_count": "3",
            "otel.entity.service": "service.name,service.instance.id",
        },
        "scope_attributes": {"library": "tower", "otel.scope.dropped_attributes_count": "2"},
    });
    let more: Map<String, Value> = columns.as_object().unwrap().clone();
    row.as_object_mut().unwrap().extend(more);
    row
}

/// A time `nanos` after 2026-11-20T10:00:00Z as SQL shows it.
pub(super) fn shown(nanos: u64) -> String {
    assert!(nanos < 1_000_000_000);
    format!("2026-11-20T10:00:00.{nanos:09}Z")
}
