//! `correlations(from, to)` in SQL.

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, ScalarValue, plan_err},
    datasource::{ViewTable, provider_as_source},
    functions_aggregate::expr_fn::{count, count_distinct, max, min},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit, when},
};
use spandrel_analysis::flow::{REQUEST_NANOS, REQUEST_TRACES};
use spandrel_proto::model::Table;

use super::{Tables, arguments, timestamp};

/// The tables whose records have a correlation id.
const TABLES: [Table; 3] = [Table::Spans, Table::Logs, Table::Requests];

/// `correlations(from, to)`: each correlation id of spans, logs and requests in `[from, to)`, how many records and traces
/// have it, and what it is: an id of one request, or of a session, which hangs many of them together.
#[derive(Debug)]
pub(super) struct CorrelationsFunction {
    tables: Tables,
    now_ns: i64,
}

impl CorrelationsFunction {
    pub(super) fn new(tables: Tables, now_ns: i64) -> Self {
        Self { tables, now_ns }
    }

    fn records(&self, table: Table, from: i64, to: i64) -> Result<LogicalPlan> {
        let time = col(table.time_column());
        LogicalPlanBuilder::scan(table.name(), provider_as_source(self.tables.provider(table)?), None)?
            .filter(time.clone().gt_eq(timestamp(from)).and(time.clone().lt(timestamp(to))))?
            .filter(col("correlation_id").is_not_null())?
            .project(vec![col("correlation_id"), col("trace_id"), time.alias("time")])?
            .build()
    }
}

impl TableFunctionImpl for CorrelationsFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [from, to] = arguments.exprs() else {
            return plan_err!("correlations takes two arguments: correlations('now-1h', 'now')");
        };
        let from = arguments::time("correlations", from, self.now_ns)?;
        let to = arguments::time("correlations", to, self.now_ns)?;
        let mut plans = TABLES.map(|table| self.records(table, from, to)).into_iter();
        let mut records = LogicalPlanBuilder::from(plans.next().unwrap_or_else(|| plan_err!("no tables"))?);
        for plan in plans {
            records = records.union(plan?)?;
        }
        let apart = col("last_seen") - col("first_seen");
        let is_session = col("traces")
            .gt(lit(REQUEST_TRACES as i64))
            .or(apart.gt(lit(ScalarValue::DurationNanosecond(Some(REQUEST_NANOS)))));
        let columns: Vec<Expr> = ["correlation_id", "records", "traces", "first_seen", "last_seen"].map(col).to_vec();
        let kind = when(is_session, lit("session")).otherwise(lit("request"))?.alias("kind");
        let plan = records
            .aggregate(
                vec![col("correlation_id")],
                vec![
                    count(lit(1_i64)).alias("records"),
                    count_distinct(col("trace_id")).alias("traces"),
                    min(col("time")).alias("first_seen"),
                    max(col("time")).alias("last_seen"),
                ],
            )?
            .project(columns.into_iter().chain([kind]))?
            .sort(vec![col("correlation_id").sort(true, false)])?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}
