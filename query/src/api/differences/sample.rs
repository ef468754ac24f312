//! Reads the spans that are compared.

use arrow::{
    array::{Array, AsArray, StringArray},
    compute::cast,
    datatypes::DataType,
    record_batch::RecordBatch,
};
use futures::TryStreamExt;

use super::{
    comparison::{Comparison, Origin, Side},
    selection::{GATEWAY_COLUMNS, OTHER_COLUMNS, Selection},
};
use crate::{
    api::{
        attributes::{RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES},
        rows::{check_bytes, internal},
    },
    engine::Engine,
    error::QueryError,
};

/// The newest spans of a side that are compared.
pub(super) const SPANS_PER_SIDE: usize = 5000;

/// Adds the newest spans of `side` with their columns and attributes.
pub(super) async fn add_spans(
    engine: &Engine,
    selection: &Selection,
    side: Side,
    comparison: &mut Comparison,
) -> Result<(), QueryError> {
    let named: Vec<(&str, &str, Origin)> = OTHER_COLUMNS
        .iter()
        .map(|column| (*column, *column, Origin::Span))
        .chain(SPAN_ATTRIBUTES.iter().map(|(column, name)| (*column, *name, Origin::Span)))
        .chain(RESOURCE_ATTRIBUTES.iter().map(|(column, name)| (*column, *name, Origin::Resource)))
        .collect();
    let columns: Vec<String> = named.iter().map(|(column, ..)| as_text(column)).collect();
    let newest = selection.newest(side, SPANS_PER_SIDE);
    let sql = format!("SELECT {}, attributes, resource_attributes {newest}", columns.join(", "));
    let mut stream = engine.sql(&sql).await?;
    let mut bytes = 0;
    while let Some(batch) = stream.try_next().await? {
        bytes += batch.get_array_memory_size();
        check_bytes(engine, bytes)?;
        (0..batch.num_rows()).for_each(|_| comparison.add_span(side));
        for (index, (_, name, origin)) in named.iter().enumerate() {
            for value in texts(&batch, index)?.iter().flatten() {
                comparison.add_value(side, *origin, name, value);
            }
        }
        for (index, origin) in [(named.len(), Origin::Span), (named.len() + 1, Origin::Resource)] {
            let maps = batch.column(index).as_map();
            for row in (0..maps.len()).filter(|row| maps.is_valid(*row)) {
                let entries = maps.value(row);
                let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
                for (key, value) in keys.iter().zip(values) {
                    if let (Some(key), Some(value)) = (key, value) {
                        comparison.add_value(side, origin, key, value);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Adds what gateways at the edge say of the traces of the newest spans of `side`.
pub(super) async fn add_gateway_records(
    engine: &Engine,
    selection: &Selection,
    side: Side,
    comparison: &mut Comparison,
) -> Result<(), QueryError> {
    // Several records of one trace are told as the one that reads first, as in `Selection::sql_of`.
    let columns = GATEWAY_COLUMNS.map(|column| format!("min({column}) AS {column}")).join(", ");
    let texts_of_columns = GATEWAY_COLUMNS.map(as_text).join(", ");
    let sql = format!(
        "SELECT {texts_of_columns} FROM (SELECT trace_id AS of_trace {}) JOIN \
         (SELECT trace_id, {columns} FROM requests WHERE {} AND trace_id IS NOT NULL GROUP BY trace_id) \
         ON of_trace = trace_id",
        selection.newest(side, SPANS_PER_SIDE),
        selection.gateway_condition(),
    );
    let mut stream = engine.sql(&sql).await?;
    while let Some(batch) = stream.try_next().await? {
        for (index, column) in GATEWAY_COLUMNS.iter().enumerate() {
            for value in texts(&batch, index)?.iter().flatten() {
                comparison.add_value(side, Origin::Gateway, column, value);
            }
        }
    }
    Ok(())
}

fn as_text(column: &str) -> String {
    format!("CAST({column} AS VARCHAR) AS {column}")
}

/// A column that was cast to text.
fn texts(batch: &RecordBatch, index: usize) -> Result<StringArray, QueryError> {
    let column = cast(batch.column(index), &DataType::Utf8).map_err(internal)?;
    Ok(column.as_string().clone())
}
