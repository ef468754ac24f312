//! The schemas of a table beyond the stored one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use spandrel_proto::model::{ColumnType, Table, column_type};

const TIME_ZONE: &str = "UTC";

/// The schema of `table` as users of SQL see it: ids are lower-case hex text, times are timestamps in UTC.
pub fn exposed_schema(table: Table) -> SchemaRef {
    let stored = table.schema();
    Arc::new(Schema::new(stored.fields().iter().map(exposed_field).collect::<Fields>()))
}

/// The schema that the sources of `table` produce: as stored, with timestamps for the times at top level.
pub(super) fn scanned_schema(table: Table) -> SchemaRef {
    let stored = table.schema();
    let scanned = |field: &FieldRef| match column_type(field) {
        Some(ColumnType::Time) => exposed_field(field),
        _ => field.clone(),
    };
    Arc::new(Schema::new(stored.fields().iter().map(scanned).collect::<Fields>()))
}

pub(super) fn exposed_field(field: &FieldRef) -> FieldRef {
    match column_type(field) {
        Some(ColumnType::Id) => Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable())),
        Some(ColumnType::Time) => Arc::new(Field::new(field.name(), timestamp(), field.is_nullable())),
        None => match exposed_type(field.data_type()) {
            Some(data_type) => Arc::new(field.as_ref().clone().with_data_type(data_type)),
            None => field.clone(),
        },
    }
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(TIME_ZONE.into()))
}

/// The exposed form of a nested type, or `None` if it is the stored one.
fn exposed_type(stored: &DataType) -> Option<DataType> {
    match stored {
        DataType::List(item) => {
            let exposed = exposed_field(item);
            (exposed != *item).then_some(DataType::List(exposed))
        }
        DataType::Struct(fields) => {
            let exposed: Fields = fields.iter().map(exposed_field).collect();
            (exposed != *fields).then_some(DataType::Struct(exposed))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_text_and_times_are_timestamps_also_inside_lists() {
        let spans = exposed_schema(Table::Spans);
        assert_eq!(spans.field_with_name("trace_id").unwrap().data_type(), &DataType::Utf8);
        assert_eq!(spans.field_with_name("start_time").unwrap().data_type(), &timestamp());
        assert_eq!(spans.field_with_name("duration_ns").unwrap().data_type(), &DataType::Int64);
        for column in ["events", "links"] {
            let DataType::List(item) = spans.field_with_name(column).unwrap().data_type() else { unreachable!() };
            let DataType::Struct(fields) = item.data_type() else { unreachable!() };
            for field in fields {
                match field.name().as_str() {
                    "time" => assert_eq!(field.data_type(), &timestamp()),
                    "trace_id" | "span_id" => assert_eq!(field.data_type(), &DataType::Utf8),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn no_meaning_is_left_to_the_metadata_of_an_exposed_field() {
        for table in Table::ALL {
            assert!(exposed_schema(table).fields().iter().all(|field| column_type(field).is_none()), "{table}");
        }
    }
}
