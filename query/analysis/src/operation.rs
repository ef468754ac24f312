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
    pub url_path: Option<&'a str>,
    pub rpc_method: Option<&'a str>,
    pub messaging_operation_type: Option<&'a str>,
    pub messaging_destination_name: Option<&'a str>,
}

impl<'a> Operation<'a> {
    /// The first of: `METHOD route`, the RPC method, `operation-type destination` of a message, `METHOD` and the path
    /// with its identifiers replaced, the span's name.
    pub fn name(&self) -> Cow<'a, str> {
        if let Some(route) = present(self.http_route) {
            return with_method(self.http_request_method, Cow::Borrowed(route));
        }
        if let Some(method) = present(self.rpc_method) {
            return Cow::Borrowed(method);
        }
        let message = (present(self.messaging_operation_type), present(self.messaging_destination_name));
        if let (Some(operation_type), Some(destination)) = message {
            return Cow::Owned(format!("{operation_type} {destination}"));
        }
        if let Some(path) = present(self.url_path)
            && present(self.http_request_method).is_some()
        {
            return with_method(self.http_request_method, path_template(path));
        }
        Cow::Borrowed(self.span_name)
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
        url_path: Some("/carts/42"),
        rpc_method: None,
        messaging_operation_type: None,
        messaging_destination_name: None,
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
