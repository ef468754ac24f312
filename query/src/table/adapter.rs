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

#[cfg(test)]
mod tests {
    use datafusion::physical_expr::expressions::{Column, col};
    use spandrel_proto::model::Table;

    use super::*;
    use crate::table::exposed::{exposed_field, scanned_schema};

    /// A file from before the column `url_path` existed.
    fn older_file() -> SchemaRef {
        let stored = Table::Spans.schema();
        Arc::new(Schema::new(
            stored.fields().iter().filter(|field| field.name() != "url_path").cloned().collect::<Vec<_>>(),
        ))
    }

    fn adapted(expression: Arc<dyn PhysicalExpr>) -> String {
        let adapter = StoredAdapterFactory.create(scanned_schema(Table::Spans), older_file()).unwrap();
        adapter.rewrite(expression).unwrap().to_string()
    }

    fn presented(name: &str) -> Arc<dyn PhysicalExpr> {
        let scanned = scanned_schema(Table::Spans);
        let field = scanned.fields().find(name).unwrap().1.clone();
        Arc::new(Present::new(col(name, &scanned).unwrap(), field.clone(), exposed_field(&field)))
    }

    fn equals(left: Arc<dyn PhysicalExpr>, text: &str) -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(left, Operator::Eq, lit(text)))
    }

    #[test]
    fn columns_that_a_file_lacks_read_as_null() {
        let scanned = scanned_schema(Table::Spans);
        assert_eq!(adapted(col("url_path", &scanned).unwrap()), "NULL");
        assert_eq!(adapted(col("http_route", &scanned).unwrap()), "http_route@20");
        assert!(adapted(col("start_time", &scanned).unwrap()).starts_with("CAST(start_time@6 AS Timestamp"));
    }

    #[test]
    fn ids_are_compared_as_bytes_where_the_text_can_be_one() {
        assert_eq!(adapted(equals(presented("span_id"), "00ff")), "span_id@1 = 00FF");
        for text in ["00FF", "0ff", "not hex"] {
            assert!(adapted(equals(presented("span_id"), text)).starts_with("present(span_id@1)"), "{text}");
        }
    }

    #[test]
    fn only_ids_are_rewritten() {
        let text: Arc<dyn PhysicalExpr> = Arc::new(Column::new("name", 4));
        assert_eq!(adapted(equals(text, "00ff")), "name@4 = 00ff");
        let links = presented("links");
        assert_eq!(compare_bytes(links.clone(), &scanned_schema(Table::Spans)).unwrap().to_string(), links.to_string());
    }
}
