//! The filters of a scan, in terms of scanned columns.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    catalog::Session,
    common::{
        DFSchema, Result,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    logical_expr::Expr,
    physical_expr::{PhysicalExpr, conjunction_opt, expressions::Column, split_conjunction},
};
use spandrel_proto::model::{ColumnType, column_type};

use super::{adapter::compare_bytes, present::Present};

/// What of a scan's filters can be decided before columns are presented.
#[derive(Debug, Default)]
pub(super) struct ScanFilter {
    /// Every conjunct that could be expressed over scanned columns.
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Those of them that compare ids of traces, spans or requests.
    pub(super) ids: Option<Arc<dyn PhysicalExpr>>,
}

impl ScanFilter {
    /// From `filters` over `exposed`. What cannot be expressed over `scanned`, which has the same columns, is left out:
    /// DataFusion applies every filter again above the scan.
    pub(super) fn new(
        state: &dyn Session,
        filters: &[Expr],
        exposed: &SchemaRef,
        scanned: &SchemaRef,
    ) -> Result<ScanFilter> {
        let exposed_columns = DFSchema::try_from(exposed.clone())?;
        let mut conjuncts = Vec::new();
        for filter in filters {
            let over_exposed = state.create_physical_expr(filter.clone(), &exposed_columns)?;
            let over_scanned = compare_bytes(present_columns(over_exposed, exposed, scanned)?, scanned)?;
            conjuncts.extend(split_conjunction(&over_scanned).into_iter().cloned());
        }
        conjuncts.retain(|conjunct| !any(conjunct, |node| node.downcast_ref::<Present>().is_some()));
        let ids = conjuncts.iter().filter(|conjunct| any(conjunct, |node| is_id(node, scanned))).cloned();
        Ok(ScanFilter { ids: conjunction_opt(ids), predicate: conjunction_opt(conjuncts) })
    }
}

/// The expression that shows column `index` of `scanned` as the same column of `exposed`.
pub(super) fn presented_column(index: usize, exposed: &Schema, scanned: &Schema) -> Arc<dyn PhysicalExpr> {
    let (exposed, scanned) = (&exposed.fields()[index], &scanned.fields()[index]);
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(scanned.name(), index));
    if exposed == scanned { column } else { Arc::new(Present::new(column, scanned.clone(), exposed.clone())) }
}

fn present_columns(
    expression: Arc<dyn PhysicalExpr>,
    exposed: &Schema,
    scanned: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    expression
        .transform_up(|node| match node.downcast_ref::<Column>() {
            Some(column) => Ok(Transformed::yes(presented_column(column.index(), exposed, scanned))),
            None => Ok(Transformed::no(node)),
        })
        .data()
}

/// Correlation ids are as rare as ids of traces, though they are text.
const CORRELATIONS: [&str; 2] = ["correlation_id", "correlation_ids"];

fn is_id(node: &Arc<dyn PhysicalExpr>, scanned: &Schema) -> bool {
    node.downcast_ref::<Column>().map(|column| scanned.field(column.index())).is_some_and(|field| {
        column_type(field) == Some(ColumnType::Id) || CORRELATIONS.contains(&field.name().as_str())
    })
}

fn any(expression: &Arc<dyn PhysicalExpr>, matches: impl Fn(&Arc<dyn PhysicalExpr>) -> bool) -> bool {
    let mut found = false;
    expression
        .apply(|node| {
            found |= matches(node);
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
        .expect("the visitor returns no error");
    found
}
