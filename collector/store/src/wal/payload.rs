//! Batches as the payload of records.
//!
//! A payload names its columns, so it can be read by a later version whose table has other ones: a column the table
//! does not have is ignored, one that the payload does not have is filled in. Columns that are null throughout are left
//! out, since most spans fill few of the table's columns.

use std::{
    collections::HashMap,
    io::Cursor,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{Array, ArrayRef, new_null_array},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc::{
        MetadataVersion,
        reader::StreamReader,
        writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message},
    },
    record_batch::{RecordBatch, RecordBatchOptions},
};
use parking_lot::Mutex;
use spandrel_proto::model::Table;

/// Body buffers are padded to this many bytes; the least that the format allows.
const ALIGNMENT: usize = 8;
/// Column subsets whose schema message is kept. A deployment sees a few dozen.
const CACHED_SCHEMAS: usize = 1024;

/// The payload for a batch of `table.schema()`.
pub(crate) fn encode(table: Table, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let present = present_columns(batch);
    let options = write_options()?;
    let prelude = schema_prelude(table, batch, &present, &options)?;
    let columns = present.iter().map(|index| batch.column(*index).clone()).collect();
    let row_count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let projected = RecordBatch::try_new_with_options(prelude.schema.clone(), columns, &row_count)?;

    let (dictionaries, body) = IpcDataGenerator::default().encode(
        &projected,
        &mut DictionaryTracker::new(true),
        &options,
        &mut IpcWriteContext::default(),
    )?;
    if !dictionaries.is_empty() {
        return Err(ArrowError::SchemaError("a stored schema has no dictionaries".to_owned()));
    }
    let mut payload =
        Vec::with_capacity(prelude.message.len() + body.ipc_message.len() + body.arrow_data.len() + 2 * ALIGNMENT);
    payload.extend_from_slice(&prelude.message);
    write_message(&mut payload, body, &options)?;
    Ok(payload)
}

/// A batch read back.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) batch: RecordBatch,
    /// Memory the batch holds. Its columns share the payload's allocation, so this is not the sum over columns.
    pub(crate) bytes: usize,
}

/// The batch of a payload, as a batch of the current `table.schema()`.
pub(crate) fn decode(table: Table, payload: &[u8]) -> Result<Decoded, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(payload), None)?;
    let stored = reader.next().ok_or_else(|| ArrowError::IpcError("a record without a batch".to_owned()))??;
    let schema = table.schema();
    for field in stored.schema().fields() {
        if schema.field_with_name(field.name()).is_err() {
            tracing::warn!(%table, column = field.name(), "the write-ahead log has a column that the table does not have");
        }
    }
    let mut bytes = payload.len();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = match stored.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => column.clone(),
            Some(column) => {
                let converted = cast(column, field.data_type())?;
                bytes += converted.get_array_memory_size();
                converted
            }
            None => {
                let filled = filled_array(field, stored.num_rows())?;
                bytes += filled.get_array_memory_size();
                filled
            }
        };
        columns.push(column);
    }
    Ok(Decoded { batch: RecordBatch::try_new(schema, columns)?, bytes })
}

/// What stands in a column that was not there when the rows were written.
fn filled_array(field: &Field, rows: usize) -> Result<ArrayRef, ArrowError> {
    if field.is_nullable() {
        return Ok(new_null_array(field.data_type(), rows));
    }
    match field.data_type() {
        DataType::Utf8 => Ok(Arc::new(arrow::array::StringArray::from(vec![""; rows]))),
        DataType::Binary => Ok(Arc::new(arrow::array::BinaryArray::from(vec![&[][..]; rows]))),
        DataType::Int32 => Ok(Arc::new(arrow::array::Int32Array::from(vec![0; rows]))),
        DataType::Int64 => Ok(Arc::new(arrow::array::Int64Array::from(vec![0; rows]))),
        DataType::Float64 => Ok(Arc::new(arrow::array::Float64Array::from(vec![0.0; rows]))),
        DataType::Boolean => Ok(Arc::new(arrow::array::BooleanArray::from(vec![false; rows]))),
        other => {
            Err(ArrowError::SchemaError(format!("no default for required column {} of type {other}", field.name())))
        }
    }
}

fn present_columns(batch: &RecordBatch) -> Vec<usize> {
    let rows = batch.num_rows();
    (0..batch.num_columns()).filter(|index| batch.column(*index).null_count() < rows).collect()
}

fn write_options() -> Result<IpcWriteOptions, ArrowError> {
    IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)
}

/// The schema message of a column subset, which is the same for every batch that has these columns.
#[derive(Debug)]
struct Prelude {
    schema: SchemaRef,
    message: Vec<u8>,
}

/// A table, and one bit for each of its columns that is present.
type ColumnSubset = (Table, u128);

fn schema_prelude(
    table: Table,
    batch: &RecordBatch,
    present: &[usize],
    options: &IpcWriteOptions,
) -> Result<Arc<Prelude>, ArrowError> {
    static CACHE: LazyLock<Mutex<HashMap<ColumnSubset, Arc<Prelude>>>> = LazyLock::new(Mutex::default);

    let key = (table, present.iter().fold(0_u128, |bits, index| bits | 1 << index));
    let cacheable = batch.num_columns() <= 128;
    if cacheable && let Some(prelude) = CACHE.lock().get(&key) {
        return Ok(prelude.clone());
    }
    let schema: Schema = batch.schema().project(present)?;
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        &schema,
        &mut DictionaryTracker::new(true),
        options,
    );
    let mut message = Vec::new();
    write_message(&mut message, encoded, options)?;
    let prelude = Arc::new(Prelude { schema: Arc::new(schema), message });
    if cacheable {
        let mut cache = CACHE.lock();
        if cache.len() >= CACHED_SCHEMAS {
            cache.clear();
        }
        cache.insert(key, prelude.clone());
    }
    Ok(prelude)
}
