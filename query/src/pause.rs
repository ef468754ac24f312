//! Makes sure that every query can be ended.
//!
//! A task is ended when it pauses. DataFusion pauses where rows are read, which is enough while rows are read: a join of
//! a few rows with themselves, twelve times over, or a recursive query reads next to nothing and then computes for
//! days.

use std::sync::Arc;

use datafusion::{
    common::{
        Result,
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{ExecutionPlan, coop::CooperativeExec, recursive_query::RecursiveQueryExec, unnest::UnnestExec},
};

/// Lets every operator that can make more rows than it reads pause now and then.
#[derive(Debug)]
pub(crate) struct PauseWhereRowsMultiply;

impl PhysicalOptimizerRule for PauseWhereRowsMultiply {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if multiplies(node.as_ref()) {
                return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>));
            }
            Ok(Transformed::no(node))
        })
        .data()
    }

    fn name(&self) -> &str {
        "pause_where_rows_multiply"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn multiplies(node: &dyn ExecutionPlan) -> bool {
    let joins = node.children().len() > 1;
    joins || node.is::<UnnestExec>() || node.is::<RecursiveQueryExec>()
}
