//! What Spandrel adds to SQL.
//!
//! | function | kind | result |
//! |---|---|---|
//! | `trace('id')` | table | the spans of a trace in order of start, each once |
//! | `red(from, to [, step])` | table | requests, failures and durations per service, operation and step |
//! | `flow('id')` | table | all records of one request, by trace id or any correlation id, in the order of their tree |
//! | `service_graph(from, to)` | table | the edges of the service graph |
//! | `graph_diff(before_from, before_to, from, to)` | table | edges and nodes that are new, gone, slower, failing |
//! | `critical_path('id')` | table | what a request waited for, and when |
//! | `critical_path(from, to [, before_from, before_to])` | table | who owns the time of requests |
//! | `findings(from, to)` | table | what is wrong with the shape of the system |
//! | `correlations(from, to)` | table | correlation ids, and whether they are of requests or of sessions |
//! | `operation_name(...)` | scalar | the name an operation is counted under |
//! | `red_stats(duration_ns, weight, outcome)` | aggregate | a struct of what `red` shows |
//! | `hdr_sketch(duration_ns [, weight])` | aggregate | a latency sketch, binary |
//! | `hdr_merge(sketch)` | aggregate | one sketch of many |
//! | `hdr_quantile(sketch, q)` | scalar | nanoseconds |
//! | `hdr_count_below(sketch, limit_ns)` | scalar | how many durations are at most that |

mod aggregate;
mod analysis;
mod arguments;
mod correlations;
mod finding_history;
mod flow;
mod hdr;
mod operation;
mod red;
mod red_stats;
mod trace;

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    catalog::{TableFunctionImpl, TableProvider},
    common::{Result, ScalarValue},
    logical_expr::{AggregateUDF, Expr, ScalarUDF, lit},
};
use spandrel_proto::model::Table;
use spandrel_store::Snapshot;

use self::analysis::{Analysis, AnalysisFunction};
use crate::table::{LatestRevision, ScanCounters, SnapshotTable, WantedIds, latest_state};

/// The scalar functions.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::new_from_impl(hdr::HdrQuantile::new())),
        Arc::new(ScalarUDF::new_from_impl(hdr::HdrCountBelow::new())),
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

/// The tables of one snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    snapshot: Snapshot,
    counters: Arc<ScanCounters>,
    stale_hours: Option<Arc<BTreeSet<i64>>>,
}

impl Tables {
    pub(crate) fn new(snapshot: Snapshot, counters: &Arc<ScanCounters>, stale_hours: Option<BTreeSet<i64>>) -> Self {
        Self { snapshot, counters: counters.clone(), stale_hours: stale_hours.map(Arc::new) }
    }

    /// The table as users see it: without rows that later ones replaced.
    pub(crate) fn provider(&self, table: Table) -> Result<Arc<dyn TableProvider>> {
        match table {
            Table::Findings => latest_state(self.every_row(table), &["id", "opened"]),
            Table::Acknowledgements => latest_state(self.every_row(table), &["finding_id"]),
            rollup if Table::ROLLUPS.contains(&rollup) => Ok(Arc::new(LatestRevision::of(self.table(table)))),
            _ => Ok(self.every_row(table)),
        }
    }

    /// The table with every row that was written.
    fn every_row(&self, table: Table) -> Arc<dyn TableProvider> {
        Arc::new(self.table(table))
    }

    fn table(&self, table: Table) -> SnapshotTable {
        SnapshotTable::new(table, self.snapshot.clone(), self.counters.clone())
    }

    /// The table as the analysis reads it.
    pub(crate) fn unpresented(&self, table: Table) -> Arc<dyn TableProvider> {
        Arc::new(SnapshotTable::unpresented(table, self.snapshot.clone(), self.counters.clone()))
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Hours that are not the sum of their minutes; `None` if it is not known of any hour whether it is.
    pub(crate) fn stale_hours(&self) -> Option<&BTreeSet<i64>> {
        self.stale_hours.as_deref()
    }

    /// A table of which only files are read that may have rows with one of `ids`.
    fn provider_of(&self, table: Table, ids: WantedIds) -> Arc<dyn TableProvider> {
        Arc::new(self.table(table).with_ids(ids))
    }
}

/// The table functions over the tables of one snapshot, with their names.
pub(crate) fn table_functions(tables: &Tables, now_ns: i64) -> Result<Vec<(&'static str, Arc<dyn TableFunctionImpl>)>> {
    let mut functions: Vec<(&'static str, Arc<dyn TableFunctionImpl>)> = vec![
        ("trace", Arc::new(trace::TraceFunction::new(tables.provider(Table::Spans)?))),
        ("red", Arc::new(red::RedFunction::new(tables.provider(Table::Spans)?, now_ns))),
        ("flow", Arc::new(flow::FlowFunction::new(tables.clone()))),
        ("finding_history", Arc::new(finding_history::FindingHistoryFunction::new(tables.every_row(Table::Findings)))),
        ("correlations", Arc::new(correlations::CorrelationsFunction::new(tables.clone(), now_ns))),
    ];
    for analysis in Analysis::ALL {
        functions.push((analysis.name(), Arc::new(AnalysisFunction::new(analysis, tables.clone(), now_ns))));
    }
    Ok(functions)
}

pub(crate) fn timestamp(time_ns: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(time_ns), Some("UTC".into())))
}
