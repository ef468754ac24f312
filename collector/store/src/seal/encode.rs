//! Rows as the bytes of Parquet files.
//!
//! A file is made one column at a time: the column of all batches is put in order, encoded, and let go. What sealing
//! takes beyond the rows themselves is one column and the encoded file.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, UInt32Array, new_null_array},
    compute::{concat, interleave, take},
    datatypes::DataType,
    error::ArrowError,
    record_batch::RecordBatch,
};
use parquet::arrow::{
    ArrowWriter,
    arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves},
};
use spandrel_proto::model::Table;

use super::{
    order::{SortKey, hours, sorted_rows},
    properties::{MAX_ROW_GROUP_ROWS, writer_properties},
    statistics::StatsBuilder,
};
use crate::{
    delta::Stats,
    error::{BoxError, SealError},
    hour::hour_text,
    id_filter::{IdFilter, filtered_columns, push_hashes},
};

/// With fewer than one in so many of the rows wanted, they are picked one by one instead of out of the whole column.
const SPARSE: usize = 4;

/// A file of one hour, in memory.
#[derive(Debug)]
pub(super) struct EncodedFile {
    pub(super) hour: String,
    pub(super) rows: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) stats: Stats,
    pub(super) filter: Option<IdFilter>,
}

/// Hands a file for each hour that has rows to `write`, one at a time.
pub(super) fn encode_files(
    table: Table,
    batches: &[&RecordBatch],
    mut write: impl FnMut(EncodedFile) -> Result<(), SealError>,
) -> Result<(), SealError> {
    let encode_error = |source: BoxError| SealError::Encode { table, source };
    let rows = sorted_rows(table, batches).map_err(|error| encode_error(error.into()))?;
    for hour in hours(&rows) {
        write(encode_hour(table, batches, &rows[hour]).map_err(encode_error)?)?;
    }
    Ok(())
}

/// `rows` are of one hour, in order, and at least one.
fn encode_hour(table: Table, batches: &[&RecordBatch], rows: &[SortKey]) -> Result<EncodedFile, BoxError> {
    let schema = table.schema();
    let options = ArrowWriterOptions::new().with_properties(writer_properties(table)?);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
    let (mut file, row_groups) = writer.into_serialized_writer()?;
    let mut stats = StatsBuilder::new(table, rows.len());
    let mut hashes = Vec::new();
    for (index, group_rows) in rows.chunks(MAX_ROW_GROUP_ROWS).enumerate() {
        let selection = Selection::new(batches, group_rows);
        let mut leaves = row_groups.create_column_writers(index)?.into_iter();
        let mut row_group = file.next_row_group()?;
        for (column, field) in schema.fields().iter().enumerate() {
            let array = selection.gather(column, field.data_type())?;
            stats.add(field.name(), &array);
            if filtered_columns(table).contains(&field.name().as_str()) {
                push_hashes(&array, &mut hashes);
            }
            for leaf in compute_leaves(field, &array)? {
                let mut leaf_writer: ArrowColumnWriter = leaves.next().ok_or("more leaves than the schema has")?;
                leaf_writer.write(&leaf)?;
                leaf_writer.close()?.append_to_row_group(&mut row_group)?;
            }
        }
        row_group.close()?;
    }
    Ok(EncodedFile {
        hour: hour_text(rows[0].hour),
        rows: rows.len() as u64,
        bytes: file.into_inner()?,
        stats: stats.finish(),
        filter: (!filtered_columns(table).is_empty()).then(|| IdFilter::build(hashes)),
    })
}

/// Rows of several batches, in an order of their own.
struct Selection<'a> {
    batches: &'a [&'a RecordBatch],
    rows: Order,
}

enum Order {
    /// Positions in the batches put one after another.
    Dense(UInt32Array),
    /// Batch and row.
    Sparse(Vec<(usize, usize)>),
}

impl<'a> Selection<'a> {
    fn new(batches: &'a [&'a RecordBatch], rows: &[SortKey]) -> Self {
        let mut starts = Vec::with_capacity(batches.len());
        let mut total = 0;
        for batch in batches {
            starts.push(total);
            total += batch.num_rows();
        }
        let is_sparse = rows.len() < total / SPARSE || u32::try_from(total).is_err();
        let rows = if is_sparse {
            Order::Sparse(rows.iter().map(SortKey::address).collect())
        } else {
            let position = |row: &SortKey| {
                let (batch, row) = row.address();
                (starts[batch] + row) as u32
            };
            Order::Dense(rows.iter().map(position).collect::<Vec<u32>>().into())
        };
        Self { batches, rows }
    }

    /// The rows of one column.
    fn gather(&self, column: usize, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        let is_null_throughout = arrays.iter().all(|array| array.null_count() == array.len());
        match &self.rows {
            _ if is_null_throughout => Ok(new_null_array(data_type, self.len())),
            Order::Sparse(addresses) => interleave(&arrays, addresses),
            Order::Dense(positions) => {
                let whole = match self.batches {
                    [batch] => Arc::clone(batch.column(column)),
                    _ => concat(&arrays)?,
                };
                take(&whole, positions, None)
            }
        }
    }

    fn len(&self) -> usize {
        match &self.rows {
            Order::Dense(positions) => positions.len(),
            Order::Sparse(addresses) => addresses.len(),
        }
    }
}
