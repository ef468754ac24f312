//! Map columns, and the attributes that logs, events, links, points and exemplars keep as they come.

use std::sync::Arc;

use arrow::array::{ArrayRef, MapBuilder, MapFieldNames, StringBuilder};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use spandrel_proto::{model::alias, wire::Repair};

use super::{
    Context,
    text::{is_blank, text, variant},
};

/// A map column: text to text. A row without entries is null.
#[derive(Debug)]
pub(super) struct Attributes {
    builder: MapBuilder<StringBuilder, StringBuilder>,
    entries: usize,
}

impl Default for Attributes {
    fn default() -> Self {
        let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
        Self { builder: MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()), entries: 0 }
    }
}

impl Attributes {
    /// Appends an entry to the row being written.
    pub(super) fn push(&mut self, key: &str, value: Option<&str>) {
        self.builder.keys().append_value(key);
        self.builder.values().append_option(value);
        self.entries += 1;
    }

    /// As [`Attributes::push`], cut to the limit.
    pub(super) fn push_cut(&mut self, key: &str, value: Option<&str>, context: &mut Context<'_>) {
        let key = context.cut(key);
        let value = value.map(|value| context.cut(value));
        self.push(key, value);
    }

    /// Appends a value as it came.
    pub(super) fn push_value(&mut self, key: &str, value: Option<&Value>, context: &mut Context<'_>) {
        self.push_cut(key, value.map(text).as_deref(), context);
    }

    pub(super) fn end_row(&mut self) {
        self.builder.append(std::mem::take(&mut self.entries) > 0).expect("each key has its value");
    }

    /// Writes a whole row of `attributes` as they came. Returns how many are past the limit.
    pub(super) fn push_row(&mut self, attributes: &[KeyValue], context: &mut Context<'_>) -> i64 {
        let (kept, dropped) = context.first(attributes, context.limits.attributes, Repair::AttributesDropped);
        for attribute in kept {
            self.push_value(&attribute.key, variant(attribute.value.as_ref()), context);
        }
        self.end_row();
        dropped
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// The correlation id among `attributes`: the preferred name's first value that is not blank.
pub(super) fn correlation_id(attributes: &[KeyValue]) -> Option<&Value> {
    let mut best: Option<(u8, &Value)> = None;
    for attribute in attributes {
        let Some(rank) = alias::correlation_rank(attribute.key.as_bytes()) else { continue };
        let value = only_element(variant(attribute.value.as_ref()));
        if let Some(value) = value.filter(|value| !is_blank(Some(*value)))
            && best.is_none_or(|(best_rank, _)| rank < best_rank)
        {
            best = Some((rank, value));
        }
    }
    best.map(|(_, value)| value)
}

/// A header attribute is an array of its values, mostly one.
fn only_element(value: Option<&Value>) -> Option<&Value> {
    let Some(Value::ArrayValue(array)) = value else { return value };
    match array.values.as_slice() {
        [] => None,
        [only] => variant(Some(only)),
        _ => value,
    }
}
