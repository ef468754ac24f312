//! Tables whose rows are computed from the rows of others by something that is not SQL.

use std::{collections::VecDeque, fmt::Debug, sync::Arc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{DataFusionError, Result},
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryLimit},
    },
    logical_expr::{Expr, LogicalPlan, TableType},
    physical_plan::{
        ExecutionPlan, execute_stream,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{StreamExt, future::BoxFuture, stream};

use crate::table::{exposed_form, exposed_rows};

/// What is computed from the rows of some plans.
pub(crate) trait Computation: Debug + Send + Sync + 'static {
    type Output: Send;
    type Running: Running<Output = Self::Output>;

    /// Plans whose rows it is computed from, to be read one after the other.
    fn inputs(&self) -> Result<Vec<LogicalPlan>>;

    /// Begins one that is to hold no more than `memory` bytes.
    fn start(&self, memory: usize) -> Self::Running;

    /// How many plans are begun before the one that is read has ended. Each holds what it sorts or joins meanwhile.
    fn ahead(&self) -> usize {
        0
    }
}

/// A computation whose output can be seen as a table, in the form in which tables are stored.
pub(crate) trait Tabular: Computation {
    fn schema(&self) -> SchemaRef;

    /// The output as rows of it.
    fn rows(&self, output: Self::Output) -> Result<RecordBatch>;
}

/// A computation that is being made.
pub(crate) trait Running: Send {
    type Output;

    /// Takes rows of an input. Inputs come in order, and an input's rows in any.
    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()>;

    /// Bytes of memory held.
    fn size(&self) -> usize;

    fn finish(self) -> Result<Self::Output>;
}

/// Makes `computation` over plans for its inputs, within the memory of the query.
pub(crate) async fn compute<C: Computation>(
    computation: &C,
    inputs: &[Arc<dyn ExecutionPlan>],
    context: Arc<TaskContext>,
) -> Result<C::Output> {
    let pool = context.memory_pool();
    let limit = match pool.memory_limit() {
        MemoryLimit::Finite(limit) => limit,
        MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
    };
    let mut running = computation.start(limit);
    let memory = MemoryConsumer::new("analysis").register(pool);
    let mut plans = inputs.iter();
    let mut begun = VecDeque::new();
    for input in 0..inputs.len() {
        for plan in plans.by_ref().take(1 + computation.ahead() - begun.len()) {
            begun.push_back(execute_stream(plan.clone(), context.clone())?);
        }
        let Some(mut batches) = begun.pop_front() else { break };
        while let Some(batch) = batches.next().await {
            running.push(input, batch?)?;
            memory.try_resize(running.size())?;
        }
    }
    running.finish()
}

/// The plans of a computation's inputs.
pub(crate) async fn input_plans(inputs: &[LogicalPlan], state: &dyn Session) -> Result<Vec<Arc<dyn ExecutionPlan>>> {
    let mut plans = Vec::with_capacity(inputs.len());
    for input in inputs {
        plans.push(state.create_physical_plan(input).await?);
    }
    Ok(plans)
}

/// The output of a computation as a table.
#[derive(Debug)]
pub(crate) struct ComputedTable<C> {
    computation: Arc<C>,
    schema: SchemaRef,
}

impl<C: Tabular> ComputedTable<C> {
    pub(crate) fn new(computation: C) -> Self {
        Self { schema: exposed_form(&computation.schema()), computation: Arc::new(computation) }
    }
}

#[async_trait]
impl<C: Tabular> TableProvider for ComputedTable<C> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inputs = input_plans(&self.computation.inputs()?, state).await?;
        let partition =
            ComputedPartition { computation: self.computation.clone(), inputs, schema: self.schema.clone() };
        let plan =
            StreamingTableExec::try_new(self.schema.clone(), vec![Arc::new(partition)], projection, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

#[derive(Debug)]
struct ComputedPartition<C> {
    computation: Arc<C>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
}

impl<C: Tabular> PartitionStream for ComputedPartition<C> {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (computation, inputs) = (self.computation.clone(), self.inputs.clone());
        let rows: BoxFuture<'static, Result<RecordBatch, DataFusionError>> = Box::pin(async move {
            let output = compute(&*computation, &inputs, context).await?;
            Ok(exposed_rows(&computation.rows(output)?)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream::once(rows)))
    }
}
