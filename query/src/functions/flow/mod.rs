//! `flow('id')` in SQL.

mod lookup;

use std::{fmt, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, plan_datafusion_err, plan_err},
    datasource::{ViewTable, provider_as_source},
    execution::{TaskContext, memory_pool::MemoryReservation},
    logical_expr::{Expr, LogicalPlanBuilder, TableType, col},
    physical_expr::{LexOrdering, PhysicalSortExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan, SendableRecordBatchStream,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::stream;
use spandrel_analysis::flow::{Flow, FlowId, Found, table};

use super::{Tables, arguments};

/// Rows of a batch of the result.
const BATCH_ROWS: usize = 8192;

/// The first column.
const POSITION: &str = "position";

/// `flow('id')`: everything that is stored of one request, a row a record, in the order of its tree.
#[derive(Debug)]
pub(super) struct FlowFunction {
    tables: Tables,
}

impl FlowFunction {
    pub(super) fn new(tables: Tables) -> Self {
        Self { tables }
    }
}

impl TableFunctionImpl for FlowFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [argument] = arguments.exprs() else {
            return plan_err!("flow takes one argument, a trace id or any correlation id: flow('order-4711')");
        };
        let text = arguments::text(argument).ok_or_else(|| arguments::wrong("flow", argument, "an id as text"))?;
        let id = FlowId::parse(text).map_err(|error| plan_datafusion_err!("flow: {error}"))?;
        let table = provider_as_source(Arc::new(FlowTable { id, tables: self.tables.clone() }));
        // Filters read their input in pieces, whose order only a sort keeps; it is free where rows are in order.
        let plan = LogicalPlanBuilder::scan("flow", table, None)?.sort([col(POSITION).sort(true, false)])?.build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// One flow. What it is made of is looked up when it is scanned, within the limits of the query that scans it.
#[derive(Debug)]
struct FlowTable {
    id: FlowId,
    tables: Tables,
}

#[async_trait]
impl TableProvider for FlowTable {
    fn schema(&self) -> SchemaRef {
        table::schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let attributes = table::schema().index_of(lookup::ATTRIBUTES)?;
        let with_attributes = projection.is_none_or(|columns| columns.contains(&attributes));
        let looked_up = lookup::look_up(state, &self.tables, self.id.clone(), with_attributes).await?;
        let flow = Flow::assemble(&looked_up.found, &looked_up.senders);
        self.tables.counters.tell_flow(flow.summary.clone());
        let records = Arc::new(Records { flow, found: looked_up.found, _memory: looked_up.memory });
        let partition = Arc::new(FlowRows { schema: table::schema(), records });
        let order = in_order(projection);
        let plan = StreamingTableExec::try_new(table::schema(), vec![partition], projection, order, false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// Rows are in order of `position`, where it is asked for.
fn in_order(projection: Option<&Vec<usize>>) -> Option<LexOrdering> {
    let position = projection.map_or(Some(0), |columns| columns.iter().position(|column| *column == 0))?;
    LexOrdering::new([PhysicalSortExpr::new_default(Arc::new(Column::new(POSITION, position)))])
}

struct Records {
    flow: Flow,
    found: Found,
    /// For as long as the records are there.
    _memory: MemoryReservation,
}

struct FlowRows {
    schema: SchemaRef,
    records: Arc<Records>,
}

impl fmt::Debug for FlowRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FlowRows").field("records", &self.records.flow.records.len()).finish_non_exhaustive()
    }
}

impl PartitionStream for FlowRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let records = Arc::clone(&self.records);
        let count = records.flow.records.len();
        let batches = (0..count).step_by(BATCH_ROWS).map(move |start| {
            let range = start..count.min(start + BATCH_ROWS);
            Ok(table::batch(&records.flow, &records.found, range)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream::iter(batches)))
    }
}
