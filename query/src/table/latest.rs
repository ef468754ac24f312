//! The rows of a rollup that count.
//!
//! A bucket of a rollup is written whole, and again when late spans change it. Of the rows of a bucket only those of its
//! greatest revision are what is known of it.

use std::sync::Arc;

use datafusion::{
    catalog::TableProvider,
    common::{Column, JoinType, Result},
    datasource::{ViewTable, provider_as_source},
    functions_aggregate::expr_fn::max,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col},
};

const LATEST: &str = "latest";

/// `rollup` without the rows of earlier revisions.
pub(crate) fn latest(rollup: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
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
