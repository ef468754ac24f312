//! What Spandrel adds to SQL.
//!
//! | function | kind | result |
//! |---|---|---|
//! | `trace('id')` | table | the spans of a trace in order of start, each once |
//! | `red(from, to [, step])` | table | requests, failures and durations per service, operation and step |
//! | `operation_name(...)` | scalar | the name an operation is counted under |
//! | `red_stats(duration_ns, weight, outcome)` | aggregate | a struct of what `red` shows |
//! | `hdr_sketch(duration_ns [, weight])` | aggregate | a latency sketch, binary |
//! | `hdr_merge(sketch)` | aggregate | one sketch of many |
//! | `hdr_quantile(sketch, q)` | scalar | nanoseconds |

mod aggregate;
mod arguments;
mod hdr;
mod operation;
mod red;
mod red_stats;
mod trace;

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionImpl, TableProvider},
    logical_expr::{AggregateUDF, ScalarUDF},
};

/// The scalar functions.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::new_from_impl(hdr::HdrQuantile::new())),
        Arc::new(ScalarUDF::new_from_impl(operation::OperationName::new())),
    ]
}

/// The aggregate functions.
pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        Arc::new(AggregateUDF::new_from_impl(hdr::HdrSketch::new())),
        Arc::new(AggregateUDF::new_from_impl(hdr::HdrMerge::new())),
        Arc::new(AggregateUDF::new_from_impl(red_stats::RedStats::new())),
    ]
}

/// The table functions over the table `spans` of one snapshot, with their names.
pub(crate) fn table_functions(
    spans: &Arc<dyn TableProvider>,
    now_ns: i64,
) -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    vec![
        ("trace", Arc::new(trace::TraceFunction::new(spans.clone()))),
        ("red", Arc::new(red::RedFunction::new(spans.clone(), now_ns))),
    ]
}
