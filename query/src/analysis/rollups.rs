//! The rows of a rollup, as the analysis reads them.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::{catalog::TableProvider, common::Result, logical_expr::LogicalPlan};
use spandrel_analysis::{
    context::Context,
    rollup::{self, Minute},
};
use spandrel_proto::model::Table;

use super::{lookup::Collected, replay::failed, slices::rows_between};
use crate::{
    computed::{Computation, Running},
    functions::Tables,
    table::stored_form,
};

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

    fn start(&self, _memory: usize) -> Collected {
        Collected::of(self.table)
    }
}

/// The counts of the minutes in a range, added up: operations and edges.
#[derive(Debug)]
pub(crate) struct RollupSum([RollupRows; 2]);

impl RollupSum {
    pub(crate) fn new(tables: &Tables, range: (i64, i64)) -> Self {
        Self([Table::Operations, Table::Edges].map(|table| RollupRows::new(tables, table, range)))
    }
}

impl Computation for RollupSum {
    type Output = (Minute, Context);
    type Running = Summing;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let inputs: Result<Vec<_>> = self.0.iter().map(RollupRows::inputs).collect();
        Ok(inputs?.concat())
    }

    fn start(&self, _memory: usize) -> Summing {
        let tables = self.0.each_ref().map(|rows| rows.table);
        Summing { tables, sum: Minute::default(), context: Context::new() }
    }
}

/// Counts that are being added up. What is held grows with the operations and edges, not with the minutes.
pub(crate) struct Summing {
    tables: [Table; 2],
    sum: Minute,
    context: Context,
}

impl Running for Summing {
    type Output = (Minute, Context);

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        let table = self.tables[input];
        let rows = [(table, stored_form(table, &batch)?)];
        self.sum.merge(&rollup::read(&rows, &mut self.context).map_err(failed)?);
        Ok(())
    }

    fn size(&self) -> usize {
        self.sum.size() + self.context.size()
    }

    fn finish(self) -> Result<(Minute, Context)> {
        Ok((self.sum, self.context))
    }
}
