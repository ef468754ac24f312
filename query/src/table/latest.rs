//! The rows that count of tables in which later rows replace earlier ones.
//!
//! A bucket of a rollup is written whole, and again when late spans change it. Of the rows of a bucket only those of its
//! greatest revision are what is known of it. A finding or an acknowledgement has a row for each of its states, of which the
//! last one counts.

use std::sync::Arc;

use datafusion::{
    catalog::TableProvider,
    common::{Column, JoinType, Result},
    datasource::{ViewTable, provider_as_source},
    functions_aggregate::expr_fn::max,
    functions_window::row_number::row_number,
    logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, col, lit},
};

const LATEST: &str = "latest";
const STATE: &str = "number of the state";

/// `table` with the last row of each `key` only.
pub(crate) fn latest_state(table: Arc<dyn TableProvider>, key: &[&str]) -> Result<Arc<dyn TableProvider>> {
    let columns: Vec<Expr> = table.schema().fields().iter().map(|field| col(field.name())).collect();
    let state = row_number()
        .partition_by(key.iter().map(|column| col(*column)).collect())
        .order_by(vec![col("time").sort(false, false)])
        .build()?
        .alias(STATE);
    let plan = LogicalPlanBuilder::scan("states", provider_as_source(table), None)?
        .window(vec![state])?
        .filter(Expr::Column(Column::from_name(STATE)).eq(lit(1_u64)))?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// `rollup` without the rows of earlier revisions.
pub(crate) fn latest_revision(rollup: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let columns: Vec<Expr> = rollup
        .schema()
        .fields()
        .iter()
        .map(|field| Expr::Column(Column::new(Some("rollup"), field.name())).alias(field.name()))
        .collect();
    let revisions: LogicalPlan = LogicalPlanBuilder::scan("revisions", provider_as_source(rollup.clone()), None)?
        .aggregate(vec![col("time")], vec![max(col("revision")).alias("revision")])?
        .alias(LATEST)?
        .build()?;
    let keys = |relation: &str| -> Vec<Column> {
        ["time", "revision"].into_iter().map(|name| Column::new(Some(relation), name)).collect()
    };
    let plan = LogicalPlanBuilder::scan("rollup", provider_as_source(rollup), None)?
        .join(revisions, JoinType::Inner, (keys("rollup"), keys(LATEST)), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
