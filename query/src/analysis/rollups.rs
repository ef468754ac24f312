//! The rows of a rollup, as the analysis reads them.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::{catalog::TableProvider, common::Result, logical_expr::LogicalPlan};
use spandrel_proto::model::Table;

use super::{lookup::Collected, slices::rows_between};
use crate::{computed::Computation, functions::Tables};

/// The rows that count of a rollup, of the buckets in a range.
#[derive(Debug)]
pub(crate) struct RollupRows {
    table: Table,
    provider: Result<Arc<dyn TableProvider>, String>,
    range: (i64, i64),
}

impl RollupRows {
    pub(crate) fn new(tables: &Tables, table: Table, range: (i64, i64)) -> Self {
        Self { table, provider: tables.provider(table).map_err(|error| error.to_string()), range }
    }
}

impl Computation for RollupRows {
    type Output = Vec<RecordBatch>;
    type Running = Collected;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let schema = self.table.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let provider = self.provider.clone().map_err(datafusion::error::DataFusionError::Internal)?;
        Ok(vec![rows_between(self.table, provider, &columns, self.range)?])
    }

    fn start(&self) -> Collected {
        Collected::of(self.table)
    }
}
