//! Between the form in which the analysis has rows and that of SQL. What the analysis reads has ids as bytes, so that
//! nothing is spent on making text of them.

use std::sync::Arc;

use arrow::{
    array::ArrayRef,
    compute::cast,
    datatypes::{DataType, Fields, Schema, SchemaRef},
    error::ArrowError,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use spandrel_proto::model::{ColumnType, Table, column_type};

use super::{exposed::exposed_field, present::present};

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
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// The schema of rows in stored form as users of SQL see them.
pub(crate) fn exposed_form(stored: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(stored.fields().iter().map(exposed_field).collect::<Fields>()))
}

/// Rows in stored form as users of SQL see them.
pub(crate) fn exposed_rows(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let exposed = exposed_form(batch.schema_ref());
    let fields = batch.schema_ref().fields().iter().zip(exposed.fields());
    let columns = batch.columns().iter().zip(fields).map(|(column, (stored, exposed))| {
        if stored == exposed { Ok(column.clone()) } else { present(column, stored, exposed) }
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(exposed, columns, &options)
}
