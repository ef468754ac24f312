//! The analysis of a range, from the spans that are stored.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::{
    catalog::TableProvider,
    common::{DataFusionError, Result},
    logical_expr::LogicalPlan,
};
use spandrel_analysis::{
    analysed::MINUTE,
    analyzer::{Analyzer, Options},
    findings::Detector,
    input::SpanReader,
    rollup,
};
use spandrel_proto::model::Table;

use super::slices::{rows_between, slices};
use crate::{
    computed::{Computation, Running},
    functions::Tables,
    table::stored_form,
};

/// Spans of a trace that are further than this from the range are not read with it.
const MARGIN: i64 = 5 * MINUTE;

/// How the rows of a range are read: records of gateways and breakers first, then spans in slices of time.
#[derive(Debug)]
pub(crate) struct Range {
    from: i64,
    to: i64,
    spans: Arc<dyn TableProvider>,
    requests: Arc<dyn TableProvider>,
    breakers: Arc<dyn TableProvider>,
    slices: Vec<(i64, i64)>,
}

const REQUESTS: usize = 0;
const BREAKERS: usize = 1;
const FIRST_SLICE: usize = 2;

impl Range {
    pub(crate) fn new(tables: &Tables, from: i64, to: i64) -> Self {
        let slices = slices(tables.snapshot(), from.saturating_sub(MARGIN), to.saturating_add(MARGIN));
        Self {
            from,
            to,
            spans: tables.unpresented(Table::Spans),
            requests: tables.unpresented(Table::Requests),
            breakers: tables.unpresented(Table::Breakers),
            slices,
        }
    }

    pub(crate) fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let all = |table: Table, provider: &Arc<dyn TableProvider>| {
            let schema = table.schema();
            let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            rows_between(table, provider.clone(), &columns, (self.from, self.to))
        };
        let mut inputs = vec![all(Table::Requests, &self.requests)?, all(Table::Breakers, &self.breakers)?];
        for slice in &self.slices {
            inputs.push(rows_between(Table::Spans, self.spans.clone(), SpanReader::COLUMNS, *slice)?);
        }
        Ok(inputs)
    }

    /// How many inputs there are.
    pub(crate) fn input_count(&self) -> usize {
        FIRST_SLICE + self.slices.len()
    }

    /// Begins an analysis, of which open and recently closed traces may take `max_trace_bytes`.
    pub(crate) fn start(&self, max_trace_bytes: usize, detectors: Vec<Box<dyn Detector>>) -> Replay {
        let options = Options { max_trace_bytes, range: Some((self.from, self.to)), ..Options::default() };
        Replay { analyzer: Analyzer::new(options, detectors), slices: self.slices.clone(), slice: 0 }
    }
}

/// An analysis that is being made of a range.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) analyzer: Analyzer,
    slices: Vec<(i64, i64)>,
    slice: usize,
}

impl Replay {
    /// Takes rows of an input. Says up to when all spans have been seen.
    pub(crate) fn push(&mut self, input: usize, batch: &RecordBatch) -> Result<Option<i64>> {
        let mut seen_until = None;
        match input {
            REQUESTS => {
                self.analyzer.push_requests(&stored_form(Table::Requests, batch)?).map_err(failed)?;
            }
            BREAKERS => self.analyzer.push_breakers(&stored_form(Table::Breakers, batch)?),
            _ => {
                let slice = input - FIRST_SLICE;
                let (start, _) = self.slices[slice];
                if slice > self.slice {
                    self.slice = slice;
                    self.analyzer.close_quiet(start);
                    seen_until = Some(start);
                }
                self.analyzer.push_stored_spans(&stored_form(Table::Spans, batch)?).map_err(failed)?;
            }
        }
        Ok(seen_until)
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}

/// The rollups of whole minutes.
#[derive(Debug)]
pub(crate) struct ReplayRows {
    range: Range,
    revision: i64,
}

impl ReplayRows {
    /// Of the minutes in `[from, to)`, which both begin one.
    pub(crate) fn new(tables: &Tables, from: i64, to: i64, revision: i64) -> Self {
        Self { range: Range::new(tables, from, to), revision }
    }
}

impl Computation for ReplayRows {
    type Output = Vec<(Table, RecordBatch)>;
    type Running = ReplayedRows;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        self.range.inputs()
    }

    fn start(&self, memory: usize) -> ReplayedRows {
        ReplayedRows { replay: self.range.start(memory / 2, Vec::new()), revision: self.revision }
    }
}

#[derive(Debug)]
pub(crate) struct ReplayedRows {
    replay: Replay,
    revision: i64,
}

impl Running for ReplayedRows {
    type Output = Vec<(Table, RecordBatch)>;

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        self.replay.push(input, &batch).map(|_| ())
    }

    fn size(&self) -> usize {
        self.replay.analyzer.size()
    }

    fn finish(mut self) -> Result<Self::Output> {
        let analyzer = &mut self.replay.analyzer;
        analyzer.close_all();
        let minutes = analyzer.minutes().iter();
        Ok(minutes
            .flat_map(|(minute, counts)| rollup::rows(*minute, counts, analyzer.context(), self.revision))
            .collect())
    }
}
