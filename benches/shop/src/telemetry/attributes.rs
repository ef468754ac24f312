//! Building lists of attributes.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

/// Attributes in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(12))
    }

    pub(super) fn text(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.set(key, Value::StringValue(value.into()))
    }

    pub(super) fn int(&mut self, key: &str, value: impl Into<i64>) -> &mut Self {
        self.set(key, Value::IntValue(value.into()))
    }

    /// A list with one text, which is how captured headers are recorded.
    pub(super) fn header(&mut self, key: &str, value: String) -> &mut Self {
        let values = vec![AnyValue { value: Some(Value::StringValue(value)) }];
        self.set(key, Value::ArrayValue(ArrayValue { values }))
    }

    pub(super) fn finish(self) -> Vec<KeyValue> {
        self.0
    }

    fn set(&mut self, key: &str, value: Value) -> &mut Self {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
        self
    }
}
