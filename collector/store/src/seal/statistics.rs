//! The statistics of a file in the table log: bounds of the columns that other engines skip files by.

use arrow::{
    array::{Array, cast::AsArray},
    compute::{max, max_string, min, min_string},
    datatypes::{DataType, Int32Type, Int64Type},
};
use serde_json::Value;
use spandrel_proto::model::Table;

use crate::{data_files::REVISION_COLUMN, delta::Stats};

/// Bounds longer than this are left out: a shortened maximum would not be one.
const MAX_TEXT_LEN: usize = 128;

/// Builds [`Stats`] from the columns of a file.
#[derive(Debug)]
pub(super) struct StatsBuilder {
    columns: Vec<ColumnBounds>,
    rows: u64,
}

#[derive(Debug)]
struct ColumnBounds {
    name: &'static str,
    bounds: Option<(Bound, Bound)>,
    nulls: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Number(i64),
    Text(String),
}

impl StatsBuilder {
    pub(super) fn new(table: Table, rows: usize) -> Self {
        let columns =
            statistics_columns(table).into_iter().map(|name| ColumnBounds { name, bounds: None, nulls: 0 }).collect();
        Self { columns, rows: rows as u64 }
    }

    /// Adds values of a column, if it is one that has statistics.
    pub(super) fn add(&mut self, column: &str, array: &dyn Array) {
        if let Some(bounds) = self.columns.iter_mut().find(|bounds| bounds.name == column) {
            bounds.nulls += array.null_count() as u64;
            bounds.widen(array_bounds(array));
        }
    }

    pub(super) fn finish(self) -> Stats {
        let mut stats = Stats { num_records: self.rows, ..Stats::default() };
        for ColumnBounds { name, bounds, nulls } in self.columns {
            stats.null_count.insert(name.to_owned(), nulls.into());
            let Some((low, high)) = bounds else { continue };
            if let (Some(low), Some(high)) = (low.into_json(), high.into_json()) {
                stats.min_values.insert(name.to_owned(), low);
                stats.max_values.insert(name.to_owned(), high);
            }
        }
        stats
    }
}

impl ColumnBounds {
    fn widen(&mut self, other: Option<(Bound, Bound)>) {
        let Some((low, high)) = other else { return };
        self.bounds = Some(match self.bounds.take() {
            None => (low, high),
            Some((own_low, own_high)) => (own_low.min(low), own_high.max(high)),
        });
    }
}

impl Bound {
    fn into_json(self) -> Option<Value> {
        match self {
            Bound::Number(number) => Some(number.into()),
            Bound::Text(text) => (text.len() <= MAX_TEXT_LEN).then(|| text.into()),
        }
    }
}

fn statistics_columns(table: Table) -> Vec<&'static str> {
    let mut columns = table.sort_columns().to_vec();
    columns.extend(match table {
        Table::Spans => &["end_time", "duration_ns", "http_response_status_code"][..],
        Table::Logs => &["severity_number"],
        Table::Requests => &["end_time", "duration_ns", "http_response_status_code"],
        Table::Findings => &["opened", "closed"],
        rollup if Table::ROLLUPS.contains(&rollup) => &[REVISION_COLUMN],
        _ => &[],
    });
    columns
}

fn array_bounds(array: &dyn Array) -> Option<(Bound, Bound)> {
    match array.data_type() {
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            Some((Bound::Number(min(array)?), Bound::Number(max(array)?)))
        }
        DataType::Int32 => {
            let array = array.as_primitive::<Int32Type>();
            Some((Bound::Number(min(array)?.into()), Bound::Number(max(array)?.into())))
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Some((Bound::Text(min_string(array)?.to_owned()), Bound::Text(max_string(array)?.to_owned())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::record_batch::RecordBatch;
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn stats_of(batches: &[RecordBatch]) -> Stats {
        let mut builder = StatsBuilder::new(Table::Spans, batches.iter().map(RecordBatch::num_rows).sum());
        for batch in batches {
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                builder.add(field.name(), column);
            }
        }
        builder.finish()
    }

    #[test]
    fn bounds_span_the_batches_of_a_file() {
        let stats = stats_of(&[testing::spans_at(&[("cart", 50), ("auth", 20)]), testing::spans_at(&[("web", 10)])]);
        assert_eq!(stats.num_records, 3);
        assert_eq!(stats.min_values["service_name"], json!("auth"));
        assert_eq!(stats.max_values["service_name"], json!("web"));
        assert_eq!((&stats.min_values["start_time"], &stats.max_values["start_time"]), (&json!(10), &json!(50)));
        assert_eq!(stats.null_count["http_response_status_code"], json!(3));
        assert!(!stats.min_values.contains_key("http_response_status_code"));
    }

    #[test]
    fn long_texts_have_no_bounds() {
        let stats = stats_of(&[testing::spans_at(&[(&"x".repeat(MAX_TEXT_LEN + 1), 1)])]);
        assert!(!stats.max_values.contains_key("service_name"));
    }
}
