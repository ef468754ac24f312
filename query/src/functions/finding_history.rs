//! `finding_history('id')` in SQL.

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, plan_err},
    datasource::{ViewTable, provider_as_source},
    logical_expr::{LogicalPlanBuilder, col, lit},
};

use super::arguments;

/// `finding_history('id')`: every state of a finding, with the columns of `findings`, in order of time.
#[derive(Debug)]
pub(super) struct FindingHistoryFunction {
    states: Arc<dyn TableProvider>,
}

impl FindingHistoryFunction {
    /// Over all rows of `findings`.
    pub(super) fn new(states: Arc<dyn TableProvider>) -> Self {
        Self { states }
    }
}

impl TableFunctionImpl for FindingHistoryFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [argument] = arguments.exprs() else {
            return plan_err!("finding_history takes one argument, the id of a finding");
        };
        let id = arguments::text(argument)
            .ok_or_else(|| arguments::wrong("finding_history", argument, "the id of a finding as text"))?;
        let plan = LogicalPlanBuilder::scan("states", provider_as_source(self.states.clone()), None)?
            .filter(col("id").eq(lit(id)))?
            .sort(vec![col("time").sort(true, false)])?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}
