//! Batches for tests.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, MapBuilder, MapFieldNames, StringArray,
        StringBuilder, StructArray, new_null_array,
    },
    buffer::OffsetBuffer,
    datatypes::DataType,
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;

/// A batch of the table with these columns; others are null, or empty and zero where they must not be.
#[expect(clippy::needless_pass_by_value, reason = "callers make the columns in place")]
pub(crate) fn batch(table: Table, columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns[0].1.len();
    let schema = table.schema();
    for (name, _) in &columns {
        assert!(schema.field_with_name(name).is_ok(), "{table} has no {name}");
    }
    let arrays = schema.fields().iter().map(|field| {
        if let Some((_, array)) = columns.iter().find(|(name, _)| name == field.name()) {
            return Arc::clone(array);
        }
        match field.data_type() {
            _ if field.is_nullable() => new_null_array(field.data_type(), rows),
            DataType::Utf8 => texts(&vec![""; rows]),
            DataType::Int64 => longs(&vec![0; rows]),
            DataType::Float64 => doubles(&vec![0.0; rows]),
            _ => Arc::new(arrow::array::BinaryArray::from_vec(vec![b"12345678".as_slice(); rows])),
        }
    });
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(crate) fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.iter().copied()))
}

pub(crate) fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

pub(crate) fn doubles(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(crate) fn maps(rows: &[&[(&str, &str)]]) -> ArrayRef {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in *row {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true).unwrap();
    }
    Arc::new(builder.finish())
}

/// One event a row: its name and attributes.
pub(crate) fn span_events(rows: &[(&str, &[(&str, &str)])]) -> ArrayRef {
    let item = spandrel_proto::model::events_item();
    let DataType::Struct(fields) = item.data_type() else { panic!("events are structs") };
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let attributes: Vec<&[(&str, &str)]> = rows.iter().map(|(_, attributes)| *attributes).collect();
    let columns: Vec<ArrayRef> = fields
        .iter()
        .map(|field| match field.name().as_str() {
            "name" => texts(&names),
            "attributes" => maps(&attributes),
            _ => new_null_array(field.data_type(), rows.len()),
        })
        .collect();
    let structs = StructArray::new(fields.clone(), columns, None);
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(vec![1; rows.len()]), Arc::new(structs), None))
}

/// A text column's value.
pub(crate) fn text<'b>(batch: &'b RecordBatch, column: &str, row: usize) -> Option<&'b str> {
    super::view::View(batch).texts(column).get(row)
}

/// A row's attributes.
pub(crate) fn entries(batch: &RecordBatch, column: &str, row: usize) -> Vec<(String, String)> {
    let map = batch.column_by_name(column).unwrap().as_map();
    super::view::Attributes::of(Some(map)).row(row).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
