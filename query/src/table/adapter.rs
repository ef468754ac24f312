//! Turns expressions over presented ids back into expressions over bytes, and scanned columns into the columns of a
//! file.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    common::{
        Result, ScalarValue,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{BinaryExpr, InListExpr, Literal, in_list, lit},
    },
    physical_expr_adapter::{DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory},
};
use spandrel_proto::model::id;

use super::present::Present;

/// Adapts what is pushed into a file scan to each file: ids are compared as bytes, columns that the file does not have
/// read as null, times are read from integers.
#[derive(Debug)]
pub(super) struct StoredAdapterFactory;

impl PhysicalExprAdapterFactory for StoredAdapterFactory {
    fn create(&self, scanned: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let columns = DefaultPhysicalExprAdapterFactory.create(scanned.clone(), file)?;
        Ok(Arc::new(StoredAdapter { scanned, columns }))
    }
}

#[derive(Debug)]
struct StoredAdapter {
    scanned: SchemaRef,
    columns: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for StoredAdapter {
    fn rewrite(&self, expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        self.columns.rewrite(compare_bytes(expression, &self.scanned)?)
    }
}

/// `expression` over columns of `scanned`, with `present(id) = 'hex'` as `id = bytes`, and likewise `!=`, `IN` and
/// `NOT IN`. A literal that is not lower-case hex of an even length is left alone: no id reads like it.
pub(super) fn compare_bytes(expression: Arc<dyn PhysicalExpr>, scanned: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    expression
        .transform_up(|node| {
            if let Some(rewritten) = comparison(&node) {
                return Ok(Transformed::yes(rewritten));
            }
            match membership(&node, scanned)? {
                Some(rewritten) => Ok(Transformed::yes(rewritten)),
                None => Ok(Transformed::no(node)),
            }
        })
        .data()
}

fn comparison(node: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let comparison = node.downcast_ref::<BinaryExpr>()?;
    if !matches!(comparison.op(), Operator::Eq | Operator::NotEq) {
        return None;
    }
    let (column, literal) = match (presented_id(comparison.left()), presented_id(comparison.right())) {
        (Some(column), None) => (column, comparison.right()),
        (None, Some(column)) => (column, comparison.left()),
        _ => return None,
    };
    Some(Arc::new(BinaryExpr::new(column.clone(), *comparison.op(), bytes_literal(literal)?)))
}

fn membership(node: &Arc<dyn PhysicalExpr>, scanned: &Schema) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(membership) = node.downcast_ref::<InListExpr>() else { return Ok(None) };
    let Some(column) = presented_id(membership.expr()) else { return Ok(None) };
    let Some(list) = membership.list().iter().map(bytes_literal).collect::<Option<Vec<_>>>() else { return Ok(None) };
    in_list(column.clone(), list, &membership.negated(), scanned).map(Some)
}

fn presented_id(expression: &Arc<dyn PhysicalExpr>) -> Option<&Arc<dyn PhysicalExpr>> {
    expression.downcast_ref::<Present>().filter(|present| present.is_id()).map(Present::input)
}

fn bytes_literal(expression: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let text = expression.downcast_ref::<Literal>()?.value().try_as_str()??;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some(lit(ScalarValue::Binary(Some(id::from_hex(text)?))))
}
