//! Attribute values as text: strings as they are, bytes as base64, everything else as JSON.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};

/// The variant that `value` holds.
pub(super) fn variant(value: Option<&AnyValue>) -> Option<&Value> {
    match value?.value.as_ref()? {
        // Of the profiling signal only; it means nothing elsewhere.
        Value::StringValueStrindex(_) => None,
        value => Some(value),
    }
}

/// The text of `value`.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::StringValue(text) => Cow::Borrowed(text),
        Value::BytesValue(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        other => Cow::Owned(json(Some(other))),
    }
}

/// Whether there is nothing to show.
pub(super) fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| text(value).is_empty())
}

/// The number that `value` is or spells.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::IntValue(value) => Some(*value),
        Value::DoubleValue(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(*value as i64),
        Value::StringValue(text) => text.parse().ok(),
        _ => None,
    }
}

/// How deep arrays and key-value lists in `value` are nested.
pub fn depth(value: Option<&AnyValue>) -> usize {
    match variant(value) {
        Some(Value::ArrayValue(array)) => 1 + array.values.iter().map(|value| depth(Some(value))).max().unwrap_or(0),
        Some(Value::KvlistValue(list)) => {
            1 + list.values.iter().map(|entry| depth(entry.value.as_ref())).max().unwrap_or(0)
        }
        _ => 0,
    }
}

fn json(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::StringValueStrindex(_)) => "null".to_owned(),
        Some(Value::StringValue(text)) => json_text(text),
        Some(Value::BytesValue(bytes)) => json_text(&STANDARD.encode(bytes)),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) if value.is_finite() => format!("{value:?}"),
        Some(Value::DoubleValue(value)) if value.is_nan() => json_text("NaN"),
        Some(Value::DoubleValue(value)) => json_text(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Some(Value::ArrayValue(array)) => {
            let elements: Vec<String> = array.values.iter().map(|value| json(variant(Some(value)))).collect();
            format!("[{}]", elements.join(","))
        }
        Some(Value::KvlistValue(list)) => {
            let entry = |key: &str, value| format!("{}:{}", json_text(key), json(variant(value)));
            let entries: Vec<String> = list.values.iter().map(|pair| entry(&pair.key, pair.value.as_ref())).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}
