//! The operation a span performs: the name that its requests, failures and durations are counted under.

use std::borrow::Cow;

use arrow::array::{Array, StringArray, StringBuilder};

use crate::path_template;

/// What a span says about its operation. Empty text counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operation<'a> {
    pub span_name: &'a str,
    pub http_request_method: Option<&'a str>,
    pub http_route: Option<&'a str>,
    pub url_template: Option<&'a str>,
    pub url_path: Option<&'a str>,
    pub rpc_method: Option<&'a str>,
    pub messaging_operation_type: Option<&'a str>,
    pub messaging_destination_name: Option<&'a str>,
    pub messaging_destination_template: Option<&'a str>,
    /// The destination's name is made up for one use.
    pub messaging_destination_temporary: bool,
    pub db_query_summary: Option<&'a str>,
    pub db_operation_name: Option<&'a str>,
    pub db_collection_name: Option<&'a str>,
}

impl<'a> Operation<'a> {
    /// The first of: `METHOD route`, `METHOD` and the URL's template, the RPC method, `operation-type destination` of a
    /// message, the summary of a query or its `operation collection`, `METHOD` and the path with its identifiers
    /// replaced, the span's name.
    pub fn name(&self) -> Cow<'a, str> {
        if let Some(route) = present(self.http_route).or(present(self.url_template)) {
            return with_method(self.http_request_method, Cow::Borrowed(route));
        }
        if let Some(method) = present(self.rpc_method) {
            return Cow::Borrowed(method);
        }
        if let (Some(step), Some(destination)) = (present(self.messaging_operation_type), self.destination()) {
            return Cow::Owned(format!("{step} {destination}"));
        }
        if let Some(query) = self.query() {
            return query;
        }
        if let Some(path) = present(self.url_path)
            && present(self.http_request_method).is_some()
        {
            return with_method(self.http_request_method, path_template(path));
        }
        Cow::Borrowed(self.span_name)
    }

    fn destination(&self) -> Option<&'a str> {
        let name = match self.messaging_destination_temporary {
            true => Some("(temporary)"),
            false => present(self.messaging_destination_name),
        };
        present(self.messaging_destination_template).or(name)
    }

    fn query(&self) -> Option<Cow<'a, str>> {
        if let Some(summary) = present(self.db_query_summary) {
            return Some(Cow::Borrowed(summary));
        }
        let operation = present(self.db_operation_name)?;
        Some(match present(self.db_collection_name) {
            Some(collection) => Cow::Owned(format!("{operation} {collection}")),
            None => Cow::Borrowed(operation),
        })
    }
}

/// The columns that [`names`] reads, all of the same length.
#[derive(Debug, Clone, Copy)]
pub struct OperationColumns<'a> {
    pub span_name: &'a StringArray,
    pub http_request_method: &'a StringArray,
    pub http_route: &'a StringArray,
    pub url_path: &'a StringArray,
    pub rpc_method: &'a StringArray,
    pub messaging_operation_type: &'a StringArray,
    pub messaging_destination_name: &'a StringArray,
}

/// The operation name of each row.
pub fn names(columns: &OperationColumns<'_>) -> StringArray {
    let rows = columns.span_name.len();
    let mut names = StringBuilder::with_capacity(rows, rows * 16);
    for row in 0..rows {
        let operation = Operation {
            span_name: text(columns.span_name, row).unwrap_or_default(),
            http_request_method: text(columns.http_request_method, row),
            http_route: text(columns.http_route, row),
            url_path: text(columns.url_path, row),
            rpc_method: text(columns.rpc_method, row),
            messaging_operation_type: text(columns.messaging_operation_type, row),
            messaging_destination_name: text(columns.messaging_destination_name, row),
            ..Operation::default()
        };
        names.append_value(operation.name());
    }
    names.finish()
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn with_method<'a>(method: Option<&'a str>, target: Cow<'a, str>) -> Cow<'a, str> {
    match present(method) {
        Some(method) => Cow::Owned(format!("{method} {target}")),
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: Operation<'_> = Operation {
        span_name: "handler",
        http_request_method: Some("GET"),
        http_route: Some("/carts/{cart}"),
        url_template: None,
        url_path: Some("/carts/42"),
        rpc_method: None,
        messaging_operation_type: None,
        messaging_destination_name: None,
        messaging_destination_template: None,
        messaging_destination_temporary: false,
        db_query_summary: None,
        db_operation_name: None,
        db_collection_name: None,
    };

    #[test]
    fn the_first_that_is_present_names_the_operation() {
        assert_eq!(HTTP.name(), "GET /carts/{cart}");
        assert_eq!(Operation { http_request_method: None, ..HTTP }.name(), "/carts/{cart}");
        assert_eq!(Operation { http_route: Some(""), ..HTTP }.name(), "GET /carts/{id}");
        assert_eq!(Operation { http_route: None, http_request_method: None, ..HTTP }.name(), "handler");
        assert_eq!(Operation { http_route: None, rpc_method: Some("shop.Cart/Get"), ..HTTP }.name(), "shop.Cart/Get");
        let message = Operation {
            span_name: "orders process",
            messaging_operation_type: Some("process"),
            messaging_destination_name: Some("orders"),
            ..Operation::default()
        };
        assert_eq!(message.name(), "process orders");
        assert_eq!(Operation { messaging_destination_name: None, ..message }.name(), "orders process");
        let template = Some("orders-{region}");
        assert_eq!(Operation { messaging_destination_template: template, ..message }.name(), "process orders-{region}");
        assert_eq!(Operation { messaging_destination_temporary: true, ..message }.name(), "process (temporary)");
    }

    #[test]
    fn templates_and_queries_name_client_operations() {
        let client = Operation { http_route: None, url_template: Some("/carts/{}"), ..HTTP };
        assert_eq!(client.name(), "GET /carts/{}");
        let query =
            Operation { span_name: "SELECT shop.orders", db_operation_name: Some("SELECT"), ..Operation::default() };
        assert_eq!(query.name(), "SELECT");
        let query = Operation { db_collection_name: Some("orders"), ..query };
        assert_eq!(query.name(), "SELECT orders");
        assert_eq!(Operation { db_query_summary: Some("SELECT orders items"), ..query }.name(), "SELECT orders items");
        assert_eq!(Operation { http_route: None, ..HTTP }.name(), "GET /carts/{id}");
    }

    #[test]
    fn columns_give_one_name_per_row() {
        let names_column = StringArray::from(vec!["a", "b"]);
        let method = StringArray::from(vec![Some("GET"), None]);
        let route = StringArray::from(vec![Some("/x"), None]);
        let absent = StringArray::new_null(2);
        let columns = OperationColumns {
            span_name: &names_column,
            http_request_method: &method,
            http_route: &route,
            url_path: &absent,
            rpc_method: &absent,
            messaging_operation_type: &absent,
            messaging_destination_name: &absent,
        };
        assert_eq!(names(&columns), StringArray::from(vec!["GET /x", "b"]));
    }
}
