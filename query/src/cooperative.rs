//! Plans that can be stopped.
//!
//! A query ends at its time limit, or when its reader goes away, at the next point where its work pauses. DataFusion makes
//! the leaves of a plan pause now and then, but a join turns few rows into many without going back to its leaves, so what
//! reads a join would never pause.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{Transformed, TransformedResult, TreeNode},
    error::DataFusionError,
    physical_plan::{ExecutionPlan, coop::CooperativeExec},
};

/// `plan` with a pause after every node that can give more rows than it takes.
pub(crate) fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    plan.transform_up(|node| {
        if node.children().len() > 1 || node.name() == "UnnestExec" {
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
        } else {
            Ok(Transformed::no(node))
        }
    })
    .data()
}
