//! `trace('id')` in SQL.

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Column, Result, plan_err},
    datasource::{ViewTable, provider_as_source},
    functions_window::row_number::row_number,
    logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, col, lit},
};
use spandrel_proto::model::id;

use super::arguments;

/// Spans that are equal in these are the same span, sent more than once.
const IDENTITY: [&str; 10] = [
    "span_id",
    "parent_span_id",
    "kind",
    "name",
    "start_time",
    "end_time",
    "status_code",
    "service_name",
    "service_instance_id",
    "source",
];
const COPY: &str = "copy of a span";

/// `trace('id')`: the spans of a trace, with the columns of `spans`, each span once, in order of start.
#[derive(Debug)]
pub(super) struct TraceFunction {
    spans: Arc<dyn TableProvider>,
}

impl TraceFunction {
    pub(super) fn new(spans: Arc<dyn TableProvider>) -> Self {
        Self { spans }
    }
}

impl TableFunctionImpl for TraceFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [argument] = arguments.exprs() else {
            return plan_err!("trace takes one argument, a trace id: trace('5b8efff798038103d269b633813fc60c')");
        };
        let trace_id = arguments::trace_id("trace", argument)?;
        let copy = row_number()
            .partition_by(IDENTITY.map(col).to_vec())
            .order_by(vec![col("start_time").sort(true, false)])
            .build()?
            .alias(COPY);
        let columns: Vec<Expr> =
            self.spans.schema().fields().iter().map(|field| Expr::Column(Column::from_name(field.name()))).collect();
        let plan = LogicalPlanBuilder::scan("spans", provider_as_source(self.spans.clone()), None)?
            .filter(col("trace_id").eq(lit(id::to_hex(&trace_id))))?
            .window(vec![copy])?
            .filter(Expr::Column(Column::from_name(COPY)).eq(lit(1_u64)))?
            .project(columns)?
            .sort(vec![col("start_time").sort(true, false), col("span_id").sort(true, false)])?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}
