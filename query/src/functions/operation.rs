//! `operation_name` in SQL.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray},
    datatypes::DataType,
};
use datafusion::{
    common::{Result, ScalarValue},
    logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col},
};
use spandrel_analysis::operation::{OperationColumns, names};

/// The columns of `spans` that `operation_name` takes, in this order.
const ARGUMENTS: [&str; 7] = [
    "name",
    "http_request_method",
    "http_route",
    "url_path",
    "rpc_method",
    "messaging_operation_type",
    "messaging_destination_name",
];

/// The call of `operation_name` on the columns of `spans`.
pub(super) fn operation_of_span() -> Expr {
    ScalarUDF::new_from_impl(OperationName::new()).call(ARGUMENTS.map(col).to_vec())
}

/// `operation_name(name, http_request_method, http_route, url_path, rpc_method, messaging_operation_type,
/// messaging_destination_name)`: the name that a span's requests are counted under. See
/// [`Operation::name`](spandrel_analysis::operation::Operation::name).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OperationName {
    signature: Signature,
}

impl OperationName {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8; ARGUMENTS.len()], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for OperationName {
    fn name(&self) -> &str {
        "operation_name"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let text = |index: usize| columns[index].as_string::<i32>();
        let operations: ArrayRef = Arc::new(names(&OperationColumns {
            span_name: text(0),
            http_request_method: text(1),
            http_route: text(2),
            url_path: text(3),
            rpc_method: text(4),
            messaging_operation_type: text(5),
            messaging_destination_name: text(6),
        }));
        if arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&operations, 0)?));
        }
        Ok(ColumnarValue::Array(operations))
    }
}
