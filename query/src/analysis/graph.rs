//! The service graph of a range.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::{
    common::{DataFusionError, Result},
    logical_expr::LogicalPlan,
};
use spandrel_analysis::{
    analysed::MINUTE,
    graph::{Graph, GraphBuilder, graph_schema},
    rollup,
};
use spandrel_proto::model::Table;

use super::{
    replay::{Range, Replay, failed},
    slices::{estimated_rows, rows_between},
};
use crate::{
    computed::{Computation, Running, Tabular},
    functions::Tables,
    table::stored_form,
};

/// A range with more spans than this is answered from rollups.
const MAX_SPANS: u64 = 250_000;
/// From this length on, hours are read as hours.
const LONG: i64 = 3 * HOUR;
const HOUR: i64 = 60 * MINUTE;

/// What a graph was counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Basis {
    #[default]
    Spans,
    Rollups,
}

impl Basis {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Basis::Spans => "spans",
            Basis::Rollups => "rollups",
        }
    }
}

/// The service graph of a range: of few spans from the spans themselves, to the nanosecond; of many from rollups, of the
/// whole minutes that the range touches.
#[derive(Debug)]
pub(crate) struct GraphOf {
    source: Source,
    from: i64,
    to: i64,
}

#[derive(Debug)]
enum Source {
    Spans(Range),
    Rollups(Vec<Buckets>),
}

/// Rows of a rollup with a time in a range.
#[derive(Debug)]
struct Buckets {
    tables: Tables,
    table: Table,
    range: (i64, i64),
}

impl GraphOf {
    pub(crate) fn new(tables: &Tables, (from, to): (i64, i64)) -> Self {
        if estimated_rows(tables.snapshot(), Table::Spans, from, to) <= MAX_SPANS {
            return Self { source: Source::Spans(Range::new(tables, from, to)), from, to };
        }
        let (from, to) = (floor(from, MINUTE), ceil(to, MINUTE));
        let stretches = stretches((from, to), tables.stale_hours());
        let buckets = |minutes: Table, hours: Table| {
            let table = move |length| if length == Length::Hour { hours } else { minutes };
            stretches.iter().map(move |(length, range)| Buckets {
                tables: tables.clone(),
                table: table(*length),
                range: *range,
            })
        };
        let edges = buckets(Table::Edges, Table::EdgesHourly);
        let operations = buckets(Table::Operations, Table::OperationsHourly);
        Self { source: Source::Rollups(edges.chain(operations).collect()), from, to }
    }

    pub(crate) fn basis(&self) -> Basis {
        match self.source {
            Source::Spans(_) => Basis::Spans,
            Source::Rollups(_) => Basis::Rollups,
        }
    }

    /// The range that is answered for.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.from, self.to)
    }
}

fn floor(time: i64, unit: i64) -> i64 {
    time.div_euclid(unit) * unit
}

fn ceil(time: i64, unit: i64) -> i64 {
    floor(time.saturating_add(unit - 1), unit)
}

/// Of what a rollup is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Minute,
    Hour,
}

/// A range that begins and ends with a minute, in stretches: of hours where they are the sum of their minutes, of minutes
/// elsewhere.
fn stretches((from, to): (i64, i64), stale_hours: Option<&BTreeSet<i64>>) -> Vec<(Length, (i64, i64))> {
    let (first, last) = (ceil(from, HOUR), floor(to, HOUR));
    let Some(stale) = stale_hours.filter(|_| to.saturating_sub(from) >= LONG && first < last) else {
        return vec![(Length::Minute, (from, to))];
    };
    let mut stretches = Vec::new();
    let mut minutes_from = from;
    let mut hours_from = first;
    for hour in stale.range(first..last).copied().chain([last]) {
        if hours_from < hour {
            stretches.extend([(Length::Minute, (minutes_from, hours_from)), (Length::Hour, (hours_from, hour))]);
            minutes_from = hour;
        }
        hours_from = hour + HOUR;
    }
    stretches.push((Length::Minute, (minutes_from, to)));
    stretches.retain(|(_, (from, to))| from < to);
    stretches
}

impl Computation for GraphOf {
    type Output = Graph;
    type Running = GraphRunning;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        match &self.source {
            Source::Spans(range) => range.inputs(),
            Source::Rollups(buckets) => buckets.iter().map(Buckets::plan).collect(),
        }
    }

    /// Rows of rollups come as they are stored, so that those of operations can be decoded while edges are added up.
    fn ahead(&self) -> usize {
        match self.source {
            Source::Spans(_) => 0,
            Source::Rollups(_) => 1,
        }
    }

    fn start(&self, memory: usize) -> GraphRunning {
        let range = (self.from, self.to);
        match &self.source {
            Source::Spans(spans) => {
                GraphRunning::Spans { replay: Box::new(spans.start(memory / 2, Vec::new())), range }
            }
            Source::Rollups(buckets) => GraphRunning::Rollups {
                builder: Box::new(GraphBuilder::new(self.from, self.to)),
                tables: buckets.iter().map(|buckets| buckets.table).collect(),
            },
        }
    }
}

impl Tabular for GraphOf {
    fn schema(&self) -> SchemaRef {
        graph_schema()
    }

    fn rows(&self, graph: Graph) -> Result<RecordBatch> {
        Ok(graph.to_batch())
    }
}

impl Buckets {
    fn plan(&self) -> Result<LogicalPlan> {
        let schema = self.table.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        rows_between(self.table, self.tables.provider(self.table)?, &columns, self.range)
    }
}

/// A graph that is being counted.
pub(crate) enum GraphRunning {
    Spans { replay: Box<Replay>, range: (i64, i64) },
    Rollups { builder: Box<GraphBuilder>, tables: Arc<[Table]> },
}

impl Running for GraphRunning {
    type Output = Graph;

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        match self {
            GraphRunning::Spans { replay, .. } => replay.push(input, &batch).map(|_| ()),
            GraphRunning::Rollups { builder, tables } => {
                let table = tables[input];
                builder.push(table, &stored_form(table, &batch)?).map_err(failed)
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            GraphRunning::Spans { replay, .. } => replay.analyzer.size(),
            GraphRunning::Rollups { builder, .. } => builder.size(),
        }
    }

    fn finish(self) -> Result<Graph> {
        match self {
            GraphRunning::Spans { mut replay, range: (from, to) } => {
                replay.analyzer.close_all();
                let mut builder = GraphBuilder::new(floor(from, MINUTE), to);
                for (minute, counts) in replay.analyzer.minutes() {
                    for (table, rows) in rollup::rows(*minute, counts, replay.analyzer.context(), 0) {
                        if matches!(table, Table::Edges | Table::Operations) {
                            builder.push(table, &rows).map_err(failed)?;
                        }
                    }
                }
                Ok(builder.finish())
            }
            GraphRunning::Rollups { builder, .. } => Ok(builder.finish()),
        }
    }
}

/// What is different between two ranges.
#[derive(Debug)]
pub(crate) struct GraphDiffOf {
    before: GraphOf,
    after: GraphOf,
    inputs_before: usize,
}

impl GraphDiffOf {
    pub(crate) fn new(tables: &Tables, before: (i64, i64), after: (i64, i64)) -> Result<Self> {
        let before = GraphOf::new(tables, before);
        let inputs_before = before.inputs()?.len();
        Ok(Self { before, after: GraphOf::new(tables, after), inputs_before })
    }
}

impl Computation for GraphDiffOf {
    type Output = (Graph, Graph);
    type Running = GraphDiffRunning;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let mut inputs = self.before.inputs()?;
        inputs.extend(self.after.inputs()?);
        Ok(inputs)
    }

    fn start(&self, memory: usize) -> GraphDiffRunning {
        let [before, after] = [&self.before, &self.after].map(|graph| graph.start(memory));
        GraphDiffRunning { before, after, inputs_before: self.inputs_before }
    }
}

impl Tabular for GraphDiffOf {
    fn schema(&self) -> SchemaRef {
        spandrel_analysis::graph::diff_schema()
    }

    fn rows(&self, (before, after): (Graph, Graph)) -> Result<RecordBatch> {
        Ok(before.diff(&after).to_batch())
    }
}

/// Two graphs that are being counted.
pub(crate) struct GraphDiffRunning {
    before: GraphRunning,
    after: GraphRunning,
    inputs_before: usize,
}

impl Running for GraphDiffRunning {
    type Output = (Graph, Graph);

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        match input.checked_sub(self.inputs_before) {
            None => self.before.push(input, batch),
            Some(input) => self.after.push(input, batch),
        }
    }

    fn size(&self) -> usize {
        self.before.size() + self.after.size()
    }

    fn finish(self) -> Result<(Graph, Graph), DataFusionError> {
        Ok((self.before.finish()?, self.after.finish()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_where_they_are_the_sum_of_their_minutes() {
        use Length::{Hour, Minute};
        let stretches = |range: (i64, i64), stale: Option<&[i64]>| {
            let stale = stale.map(|hours| hours.iter().map(|hour| hour * HOUR).collect());
            let minutes = |(length, (from, to)): (Length, (i64, i64))| (length, from / MINUTE, to / MINUTE);
            let found = super::stretches((range.0 * MINUTE, range.1 * MINUTE), stale.as_ref());
            found.into_iter().map(minutes).collect::<Vec<_>>()
        };
        assert_eq!(stretches((30, 390), Some(&[])), [(Minute, 30, 60), (Hour, 60, 360), (Minute, 360, 390)]);
        assert_eq!(stretches((0, 360), Some(&[9])), [(Hour, 0, 360)]);
        assert_eq!(
            stretches((30, 390), Some(&[2, 3, 5, 6])),
            [(Minute, 30, 60), (Hour, 60, 120), (Minute, 120, 240), (Hour, 240, 300), (Minute, 300, 390)]
        );
        assert_eq!(stretches((30, 390), Some(&[1])), [(Minute, 30, 120), (Hour, 120, 360), (Minute, 360, 390)]);
        assert_eq!(stretches((0, 240), Some(&[0, 1, 2, 3])), [(Minute, 0, 240)]);
        assert_eq!(stretches((0, 170), Some(&[])), [(Minute, 0, 170)], "a short range");
        assert_eq!(stretches((0, 1440), None), [(Minute, 0, 1440)], "nothing is known of hours");
    }
}
