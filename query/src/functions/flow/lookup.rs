//! The records of a flow, looked up round by round over the snapshot of the query.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{array::AsArray, record_batch::RecordBatch};
use datafusion::{
    catalog::{Session, TableProvider},
    common::{DFSchema, DataFusionError, Result},
    execution::memory_pool::{MemoryConsumer, MemoryReservation},
    functions_nested::expr_fn::{array_has_any, make_array},
    logical_expr::{Expr, col, lit},
    physical_plan::{SendableRecordBatchStream, execute_stream, filter::FilterExec},
};
use futures::TryStreamExt;
use spandrel_analysis::flow::{FlowId, Found, Ids, RecordType, Search, as_written, table::columns_of};
use spandrel_proto::model::Table;

use super::super::{Tables, timestamp};
use crate::table::WantedIds;

/// The tables whose records bring up ids, and what their records are.
const TABLES: [(Table, RecordType); 3] =
    [(Table::Spans, RecordType::Span), (Table::Requests, RecordType::Request), (Table::Logs, RecordType::Log)];

/// Column that is only read if it is asked for.
pub(super) const ATTRIBUTES: &str = "attributes";

/// Records of one flow, and what is needed to judge them.
pub(super) struct LookedUp {
    pub(super) found: Found,
    /// Services that sent spans at the time.
    pub(super) senders: BTreeSet<String>,
    /// What the records take.
    pub(super) memory: MemoryReservation,
}

/// Without attributes the records of a large flow take half the memory.
pub(super) async fn look_up(
    state: &dyn Session,
    tables: &Tables,
    id: FlowId,
    with_attributes: bool,
) -> Result<LookedUp> {
    let lookup = Lookup { state, tables, with_attributes };
    let memory = MemoryConsumer::new("flow").register(&state.runtime_env().memory_pool);
    let mut search = Search::new(id);
    while let Some(wanted) = search.wanted().cloned() {
        for (table, record_type) in TABLES {
            lookup.take(&mut search, (table, record_type), &wanted, &memory).await?;
        }
        search.end_round()?;
    }
    let followed = search.followed().clone();
    lookup.take(&mut search, (Table::Breakers, RecordType::Breaker), &followed, &memory).await?;
    let senders = match search.window() {
        Some(window) => lookup.senders(window).await?,
        None => BTreeSet::new(),
    };
    let found = search.finish()?;
    Ok(LookedUp { found, senders, memory })
}

struct Lookup<'a> {
    state: &'a dyn Session,
    tables: &'a Tables,
    with_attributes: bool,
}

impl Lookup<'_> {
    /// Takes all records of a table with one of the ids. Where logs do not fit in memory, the flow goes without.
    async fn take(
        &self,
        search: &mut Search,
        (table, record_type): (Table, RecordType),
        wanted: &Ids,
        memory: &MemoryReservation,
    ) -> Result<()> {
        if wanted.is_empty() || !search.takes(table) {
            return Ok(());
        }
        let ids = wanted_ids(wanted);
        let filter = within(table, search.window(), has_id(table, wanted));
        let provider = match table {
            // Its files have no filters over ids.
            Table::Breakers => self.tables.provider(table)?,
            _ => self.tables.provider_of(table, ids),
        };
        let is_read = |column: &&str| self.with_attributes || *column != ATTRIBUTES;
        let columns: Vec<&str> = columns_of(record_type).iter().copied().filter(is_read).collect();
        let mut batches = self.read(&*provider, &columns, filter).await?;
        let mut held = 0;
        while let Some(batch) = batches.try_next().await? {
            let size = size_of(&batch);
            match memory.try_grow(size) {
                Ok(()) => held += size,
                Err(DataFusionError::ResourcesExhausted(_)) if table == Table::Logs => {
                    memory.shrink(held);
                    search.leave_logs_out("they do not fit in the memory that a query may use");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            search.take(table, &batch)?;
            if !search.takes(table) {
                break;
            }
        }
        Ok(())
    }

    /// Services with spans in the time of the flow, as they were counted.
    async fn senders(&self, window: (i64, i64)) -> Result<BTreeSet<String>> {
        let provider = self.tables.provider(Table::Coverage)?;
        let filter = within(Table::Coverage, Some(window), col("spans").gt(lit(0_i64)));
        let batches = self.read(&*provider, &["time", "service_name", "spans"], filter).await?;
        let batches: Vec<RecordBatch> = batches.try_collect().await?;
        let names = batches.iter().filter_map(|batch| batch.column_by_name("service_name")?.as_string_opt::<i32>());
        Ok(names.flat_map(|names| names.iter().flatten()).map(str::to_owned).collect())
    }

    /// The rows of `columns` that `filter`, which is over them, selects.
    async fn read(
        &self,
        provider: &dyn TableProvider,
        columns: &[&str],
        filter: Expr,
    ) -> Result<SendableRecordBatchStream> {
        let schema = provider.schema();
        let projection = columns.iter().map(|column| schema.index_of(column)).collect::<Result<Vec<_>, _>>()?;
        let plan = provider.scan(self.state, Some(&projection), std::slice::from_ref(&filter), None).await?;
        let predicate = self.state.create_physical_expr(filter, &DFSchema::try_from(plan.schema())?)?;
        let plan = FilterExec::try_new(predicate, plan)?;
        execute_stream(Arc::new(plan), self.state.task_ctx())
    }
}

/// Bytes that a batch takes: as it comes, once more in one batch a table, and what is known of each record and its place.
fn size_of(batch: &RecordBatch) -> usize {
    const RECORD_BYTES: usize = 256;
    2 * batch.get_array_memory_size() + RECORD_BYTES * batch.num_rows()
}

fn wanted_ids(wanted: &Ids) -> WantedIds {
    WantedIds {
        trace_ids: wanted.traces.iter().map(|trace| trace.to_be_bytes()).collect(),
        correlation_ids: wanted.correlations.iter().cloned().collect(),
    }
}

fn has_id(table: Table, wanted: &Ids) -> Expr {
    let traces = wanted.traces.iter().map(|trace| lit(format!("{trace:032x}"))).collect();
    let correlations: Vec<Expr> = wanted.correlations.iter().map(|id| lit(id.as_str())).collect();
    let has_id = col("trace_id").in_list(traces, false).or(col("correlation_id").in_list(correlations, false));
    if table != Table::Requests || wanted.correlations.is_empty() {
        return has_id;
    }
    let written = wanted.correlations.iter().flat_map(|id| as_written(id)).map(lit).collect();
    has_id.or(array_has_any(col("correlation_ids"), make_array(written)))
}

fn within(table: Table, window: Option<(i64, i64)>, condition: Expr) -> Expr {
    let time = || col(table.time_column());
    match window {
        Some((first, last)) => time().gt_eq(timestamp(first)).and(time().lt_eq(timestamp(last))).and(condition),
        None => condition,
    }
}
