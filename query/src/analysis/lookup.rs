//! The spans of some traces, as the analysis reads them.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::{
    catalog::TableProvider,
    common::{Result, ScalarValue},
    logical_expr::{LogicalPlan, LogicalPlanBuilder, col, lit},
};
use spandrel_analysis::input::SpanReader;
use spandrel_proto::model::Table;

use super::slices::rows_between;
use crate::{
    computed::{Computation, Running},
    table::stored_form,
};

/// All spans of `traces` that start in a range.
#[derive(Debug)]
pub(crate) struct TraceLookup {
    pub(crate) spans: Arc<dyn TableProvider>,
    pub(crate) traces: Vec<u128>,
    pub(crate) range: (i64, i64),
}

/// Rows of a table in their stored form.
#[derive(Debug)]
pub(crate) struct Collected {
    table: Table,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Collected {
    pub(super) fn of(table: Table) -> Self {
        Self { table, batches: Vec::new(), bytes: 0 }
    }
}

impl Computation for TraceLookup {
    type Output = Vec<RecordBatch>;
    type Running = Collected;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let ids = self.traces.iter().map(|id| lit(ScalarValue::Binary(Some(id.to_be_bytes().to_vec())))).collect();
        let rows = rows_between(Table::Spans, self.spans.clone(), SpanReader::COLUMNS, self.range)?;
        Ok(vec![LogicalPlanBuilder::from(rows).filter(col("trace_id").in_list(ids, false))?.build()?])
    }

    fn start(&self, _memory: usize) -> Collected {
        Collected::of(Table::Spans)
    }
}

impl Running for Collected {
    type Output = Vec<RecordBatch>;

    fn push(&mut self, _input: usize, batch: RecordBatch) -> Result<()> {
        let batch = stored_form(self.table, &batch)?;
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        Ok(())
    }

    fn size(&self) -> usize {
        self.bytes
    }

    fn finish(self) -> Result<Vec<RecordBatch>> {
        Ok(self.batches)
    }
}
