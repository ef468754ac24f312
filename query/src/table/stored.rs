//! A table as the analysis reads it: ids are bytes, so that nothing is spent on making text of them.

use std::sync::Arc;

use arrow::{
    array::ArrayRef,
    compute::cast,
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use spandrel_proto::model::{ColumnType, Table, column_type};

/// `batch`, of some of the columns of `table` as its sources produce them, in their stored form: times as integers.
pub(crate) fn stored_form(table: Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let stored = table.schema();
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let stored = stored.field_with_name(field.name())?;
        let is_time = column_type(stored) == Some(ColumnType::Time);
        columns.push(if is_time { cast(column, &DataType::Int64)? } else { column.clone() });
        fields.push(Arc::new(stored.clone()));
    }
    let schema: SchemaRef = Arc::new(arrow::datatypes::Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
