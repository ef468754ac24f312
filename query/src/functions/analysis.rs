//! `service_graph`, `graph_diff`, `critical_path` and `findings` in SQL.

use std::sync::Arc;

use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, plan_err},
    logical_expr::Expr,
};
use spandrel_proto::model::Table;

use super::{Tables, arguments};
use crate::{
    analysis::{CriticalPathOf, CriticalPathsOf, FindingsOf, GraphDiffOf, GraphOf, TraceLookup},
    computed::ComputedTable,
};

/// Which of the functions one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Analysis {
    /// `service_graph(from, to)`: the edges of the service graph.
    ServiceGraph,
    /// `graph_diff(before_from, before_to, from, to)`: what is new, gone, slower or failing.
    GraphDiff,
    /// `critical_path('trace')`: what a request waited for, and when. `critical_path(from, to [, baseline_from,
    /// baseline_to])`: who owns the time of requests, and how that differs from another range.
    CriticalPath,
    /// `findings(from, to)`: what is wrong with the shape of the system.
    Findings,
}

impl Analysis {
    pub(super) const ALL: [Analysis; 4] =
        [Analysis::ServiceGraph, Analysis::GraphDiff, Analysis::CriticalPath, Analysis::Findings];

    pub(super) fn name(self) -> &'static str {
        match self {
            Analysis::ServiceGraph => "service_graph",
            Analysis::GraphDiff => "graph_diff",
            Analysis::CriticalPath => "critical_path",
            Analysis::Findings => "findings",
        }
    }
}

#[derive(Debug)]
pub(super) struct AnalysisFunction {
    analysis: Analysis,
    tables: Tables,
    now_ns: i64,
}

impl AnalysisFunction {
    pub(super) fn new(analysis: Analysis, tables: Tables, now_ns: i64) -> Self {
        Self { analysis, tables, now_ns }
    }

    fn range(&self, from: &Expr, to: &Expr) -> Result<(i64, i64)> {
        let name = self.analysis.name();
        let from = arguments::time(name, from, self.now_ns)?;
        let to = arguments::time(name, to, self.now_ns)?;
        if from > to {
            return plan_err!("{name}: the range ends before it begins");
        }
        Ok((from, to))
    }
}

impl TableFunctionImpl for AnalysisFunction {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let tables = &self.tables;
        Ok(match (self.analysis, arguments.exprs()) {
            (Analysis::ServiceGraph, [from, to]) => {
                Arc::new(ComputedTable::new(GraphOf::new(tables, self.range(from, to)?)))
            }
            (Analysis::GraphDiff, [before_from, before_to, from, to]) => {
                let before = self.range(before_from, before_to)?;
                Arc::new(ComputedTable::new(GraphDiffOf::new(tables, before, self.range(from, to)?)?))
            }
            (Analysis::CriticalPath, [trace]) => {
                let trace_id = arguments::trace_id("critical_path", trace)?;
                let lookup = TraceLookup {
                    spans: tables.unpresented(Table::Spans),
                    traces: vec![u128::from_be_bytes(trace_id)],
                    range: (i64::MIN, i64::MAX),
                };
                Arc::new(ComputedTable::new(CriticalPathOf { lookup }))
            }
            (Analysis::CriticalPath, [from, to]) => {
                Arc::new(ComputedTable::new(CriticalPathsOf::new(tables, self.range(from, to)?, None)))
            }
            (Analysis::CriticalPath, [from, to, baseline_from, baseline_to]) => {
                let baseline = self.range(baseline_from, baseline_to)?;
                Arc::new(ComputedTable::new(CriticalPathsOf::new(tables, self.range(from, to)?, Some(baseline))))
            }
            (Analysis::Findings, [from, to]) => {
                let (from, to) = self.range(from, to)?;
                Arc::new(ComputedTable::new(FindingsOf::new(tables, from, to)))
            }
            (Analysis::ServiceGraph, _) => {
                return plan_err!("service_graph takes two arguments: service_graph('now-1h', 'now')");
            }
            (Analysis::GraphDiff, _) => {
                return plan_err!("graph_diff takes four arguments: graph_diff('now-2h', 'now-1h', 'now-1h', 'now')");
            }
            (Analysis::CriticalPath, _) => {
                return plan_err!(
                    "critical_path takes a trace id, or a range, or a range and one to compare with: \
                     critical_path('now-1h', 'now', 'now-2h', 'now-1h')"
                );
            }
            (Analysis::Findings, _) => return plan_err!("findings takes two arguments: findings('now-1h', 'now')"),
        })
    }
}
