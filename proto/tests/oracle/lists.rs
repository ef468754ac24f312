//! Columns of lists, and finishing of builders.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BinaryBuilder, Float64Builder, Int64Builder, ListArray, ListBuilder, NullBufferBuilder,
        StringBuilder, StructArray,
    },
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, FieldRef},
};
use opentelemetry_proto::tonic::{
    metrics::v1::{Exemplar, exemplar, summary_data_point::ValueAtQuantile},
    trace::v1::span::{Event, Link},
};
use spandrel_proto::{model, wire::Repair};

use super::{Context, attributes::Attributes, id, nanos};

pub(super) fn finish(builder: &mut dyn ArrayBuilder) -> ArrayRef {
    builder.finish()
}

/// A column of lists of numbers.
pub(super) fn number_lists<B: ArrayBuilder>(builder: B, data_type: DataType) -> ListBuilder<B> {
    ListBuilder::new(builder).with_field(Field::new("element", data_type, true))
}

/// Which elements are whose. A row without elements is null.
#[derive(Debug)]
struct Rows {
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Default for Rows {
    fn default() -> Self {
        Self { offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }
}

impl Rows {
    fn end_row(&mut self, elements: usize) {
        let start = *self.offsets.last().expect("there is always a first offset");
        self.offsets.push(start + i32::try_from(elements).expect("few elements"));
        self.nulls.append(elements > 0);
    }

    fn finish(mut self, item: FieldRef, columns: Vec<ArrayRef>) -> ArrayRef {
        let DataType::Struct(fields) = item.data_type() else { panic!("the items of {item} are structs") };
        let structs = StructArray::new(fields.clone(), columns, None);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(ListArray::new(item, offsets, Arc::new(structs), self.nulls.finish()))
    }
}

/// The time of an event or exemplar; one past the year 2262 becomes the last there is.
fn clamped_nanos(time: u64, context: &mut Context<'_>) -> i64 {
    nanos(time).unwrap_or_else(|| {
        context.counts.repair(Repair::TimeClamped);
        i64::MAX
    })
}

#[derive(Debug, Default)]
pub(super) struct Events {
    rows: Rows,
    time: Int64Builder,
    name: StringBuilder,
    attributes: Attributes,
    dropped_attributes_count: Int64Builder,
}

impl Events {
    pub(super) fn push_row(&mut self, events: &[Event], context: &mut Context<'_>) {
        for event in events {
            self.time.append_value(clamped_nanos(event.time_unix_nano, context));
            self.name.append_value(context.cut(&event.name));
            let dropped = self.attributes.push_row(&event.attributes, context);
            self.dropped_attributes_count.append_value(i64::from(event.dropped_attributes_count) + dropped);
        }
        self.rows.end_row(events.len());
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        let columns = vec![
            finish(&mut self.time),
            finish(&mut self.name),
            self.attributes.finish(),
            finish(&mut self.dropped_attributes_count),
        ];
        self.rows.finish(model::events_item(), columns)
    }
}

#[derive(Debug, Default)]
pub(super) struct Links {
    rows: Rows,
    trace_id: BinaryBuilder,
    span_id: BinaryBuilder,
    trace_state: StringBuilder,
    attributes: Attributes,
    dropped_attributes_count: Int64Builder,
    flags: Int64Builder,
}

impl Links {
    pub(super) fn push_row(&mut self, links: &[Link], context: &mut Context<'_>) {
        for link in links {
            self.trace_id.append_value(&link.trace_id);
            self.span_id.append_value(&link.span_id);
            self.trace_state.append_option(context.cut_some(&link.trace_state));
            let dropped = self.attributes.push_row(&link.attributes, context);
            self.dropped_attributes_count.append_value(i64::from(link.dropped_attributes_count) + dropped);
            self.flags.append_value(i64::from(link.flags));
        }
        self.rows.end_row(links.len());
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        let columns = vec![
            finish(&mut self.trace_id),
            finish(&mut self.span_id),
            finish(&mut self.trace_state),
            self.attributes.finish(),
            finish(&mut self.dropped_attributes_count),
            finish(&mut self.flags),
        ];
        self.rows.finish(model::links_item(), columns)
    }
}

#[derive(Debug, Default)]
pub(super) struct Exemplars {
    rows: Rows,
    time: Int64Builder,
    value: Float64Builder,
    trace_id: BinaryBuilder,
    span_id: BinaryBuilder,
    attributes: Attributes,
}

impl Exemplars {
    pub(super) fn push_row(&mut self, exemplars: &[Exemplar], context: &mut Context<'_>) {
        let (kept, _) = context.first(exemplars, context.limits.list_items, Repair::ListItemsDropped);
        for exemplar in kept {
            self.time.append_value(clamped_nanos(exemplar.time_unix_nano, context));
            self.value.append_option(exemplar.value.map(|value| match value {
                exemplar::Value::AsDouble(value) => value,
                exemplar::Value::AsInt(value) => value as f64,
            }));
            push_id(&mut self.trace_id, &exemplar.trace_id, model::id::TRACE_ID_LEN, context);
            push_id(&mut self.span_id, &exemplar.span_id, model::id::SPAN_ID_LEN, context);
            self.attributes.push_row(&exemplar.filtered_attributes, context);
        }
        self.rows.end_row(kept.len());
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        let columns = vec![
            finish(&mut self.time),
            finish(&mut self.value),
            finish(&mut self.trace_id),
            finish(&mut self.span_id),
            self.attributes.finish(),
        ];
        self.rows.finish(model::exemplars_item(), columns)
    }
}

#[derive(Debug, Default)]
pub(super) struct Quantiles {
    rows: Rows,
    quantile: Float64Builder,
    value: Float64Builder,
}

impl Quantiles {
    pub(super) fn push_row(&mut self, quantiles: &[ValueAtQuantile]) {
        for quantile in quantiles {
            self.quantile.append_value(quantile.quantile);
            self.value.append_value(quantile.value);
        }
        self.rows.end_row(quantiles.len());
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        self.rows.finish(model::quantiles_item(), vec![finish(&mut self.quantile), finish(&mut self.value)])
    }
}

/// An optional id of a record that is kept without it.
pub(super) fn push_id(column: &mut BinaryBuilder, bytes: &[u8], len: usize, context: &mut Context<'_>) {
    if !bytes.is_empty() && bytes.len() != len {
        context.counts.repair(Repair::IdLeftOut);
    }
    column.append_option(id(bytes, len));
}
