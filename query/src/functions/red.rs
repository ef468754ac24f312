//! `red(from, to [, step])` in SQL.

use std::sync::Arc;

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, ScalarValue, plan_err},
    datasource::{ViewTable, provider_as_source},
    functions::{core::expr_fn::get_field, datetime::date_bin},
    logical_expr::{Expr, LogicalPlanBuilder, SortExpr, col, lit},
};
use spandrel_analysis::red::SERVER_KINDS;

use super::{
    arguments,
    operation::operation_of_span,
    red_stats::{field_names, red_of_spans},
    timestamp,
};

const KEYS: [&str; 3] = ["time", "service_name", "operation"];
const STATS: &str = "stats";

/// `red(from, to [, step])`: per step, service and operation, what the services' own spans (`SERVER` and `CONSUMER`)
/// that start in `[from, to)` say. Steps begin at multiples of their length since the epoch; without one, everything is
/// one step that begins at `from`.
#[derive(Debug)]
pub(super) struct RedFunction {
    spans: Arc<dyn TableProvider>,
    now_ns: i64,
}

impl RedFunction {
    pub(super) fn new(spans: Arc<dyn TableProvider>, now_ns: i64) -> Self {
        Self { spans, now_ns }
    }
}

impl TableFunctionImpl for RedFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let (from, to, step) = match arguments.exprs() {
            [from, to] => (from, to, None),
            [from, to, step] => (from, to, Some(arguments::step("red", step)?)),
            _ => return plan_err!("red takes two or three arguments: red('now-1h', 'now' [, '1m'])"),
        };
        let from = arguments::time("red", from, self.now_ns)?;
        let to = arguments::time("red", to, self.now_ns)?;
        if from > to {
            return plan_err!("red: the range ends before it begins");
        }
        let time = match step {
            Some(step) => date_bin().call(vec![interval(step), col("start_time")]),
            None => timestamp(from),
        };
        let kinds = SERVER_KINDS.map(lit).to_vec();
        let stats = field_names().map(|field| get_field(col(STATS), field).alias(field));
        let columns: Vec<Expr> = KEYS.map(col).into_iter().chain(stats).collect();
        let order: Vec<SortExpr> = KEYS.map(|key| col(key).sort(true, false)).to_vec();
        let plan = LogicalPlanBuilder::scan("spans", provider_as_source(self.spans.clone()), None)?
            .filter(col("start_time").gt_eq(timestamp(from)).and(col("start_time").lt(timestamp(to))))?
            .filter(col("kind").in_list(kinds, false))?
            .project(vec![
                time.alias("time"),
                col("service_name"),
                operation_of_span().alias("operation"),
                col("duration_ns"),
                col("weight"),
                col("outcome"),
            ])?
            .aggregate(KEYS.map(col).to_vec(), vec![red_of_spans().alias(STATS)])?
            .project(columns)?
            .sort(order)?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

fn interval(nanos: i64) -> Expr {
    lit(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, nanos))))
}
