//! The critical path of a trace, and of many requests of one kind.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, StringArray},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef},
    record_batch::RecordBatch,
};
use datafusion::{common::Result, logical_expr::LogicalPlan};
use spandrel_analysis::{
    analysed::{Analysis, MINUTE},
    context::Context,
    input::SpanReader,
    peers::PeerMap,
    rollup,
    skew::Skew,
};
use spandrel_proto::model::Table;

use super::{
    lookup::{Collected, TraceLookup},
    replay::{Range, Replay, failed},
    slices::{estimated_rows, rows_between},
};
use crate::{
    computed::{Computation, Running, Tabular},
    functions::Tables,
    table::stored_form,
};

/// Stretches of time of a trace, each with the span that the request waited for.
#[derive(Debug)]
pub(crate) struct CriticalPathOf {
    pub(crate) lookup: TraceLookup,
}

impl Computation for CriticalPathOf {
    type Output = Vec<RecordBatch>;
    type Running = Collected;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        self.lookup.inputs()
    }

    fn start(&self, memory: usize) -> Collected {
        self.lookup.start(memory)
    }
}

impl Tabular for CriticalPathOf {
    fn schema(&self) -> SchemaRef {
        let spans = Table::Spans.schema();
        let stored = |name: &str| spans.field_with_name(name).cloned().expect("spans have these columns");
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let fields = vec![
            stored("span_id"),
            stored("start_time"),
            stored("end_time"),
            stored("duration_ns"),
            text("service_name"),
            text("operation"),
            Field::new("share", DataType::Float64, false),
            Field::new("root_span_id", DataType::Binary, true).with_metadata(stored("span_id").metadata().clone()),
        ];
        Arc::new(Schema::new(fields))
    }

    fn rows(&self, batches: Vec<RecordBatch>) -> Result<RecordBatch> {
        let (mut context, mut reader, mut spans) = (Context::new(), SpanReader::default(), Vec::new());
        for batch in &batches {
            reader.read(batch, &mut context, &mut spans).map_err(failed)?;
        }
        let mut skew = Skew::default();
        let trace = spandrel_analysis::trace::Trace::build(spans, &context);
        skew.observe(&trace, &context);
        skew.solve();
        let analysis = Analysis::of_trace(trace, &mut context, &mut PeerMap::default(), &skew);
        let (trace, paths) = (&analysis.trace, &analysis.paths);
        let segments: Vec<_> = trace
            .roots()
            .flat_map(|root| paths.segments_of(root).iter().map(move |segment| (root, *segment)))
            .collect();
        let span = |index: u32| &trace.spans[index as usize];
        let id = |index: usize| trace.spans[index].span_id.to_be_bytes();
        let service = |index: u32| context.service_name(context.resource(span(index).resource).service);
        let longs = |value: fn(&spandrel_analysis::paths::Segment) -> i64| -> ArrayRef {
            Arc::new(segments.iter().map(|(_, segment)| value(segment)).collect::<Int64Array>())
        };
        let share = |(root, segment): &(usize, spandrel_analysis::paths::Segment)| {
            let whole = trace.spans[*root].duration().max(1);
            (segment.end - segment.start) as f64 / whole as f64
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(segments.iter().map(|(_, segment)| Some(id(segment.span as usize))).collect::<BinaryArray>()),
            longs(|segment| segment.start),
            longs(|segment| segment.end),
            longs(|segment| segment.end - segment.start),
            Arc::new(segments.iter().map(|(_, segment)| Some(service(segment.span))).collect::<StringArray>()),
            Arc::new(
                segments
                    .iter()
                    .map(|(_, segment)| Some(context.texts.get(span(segment.span).operation)))
                    .collect::<StringArray>(),
            ),
            Arc::new(segments.iter().map(|found| Some(share(found))).collect::<Float64Array>()),
            Arc::new(segments.iter().map(|(root, _)| Some(id(*root))).collect::<BinaryArray>()),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// A range with more spans than this is answered from rollups.
const MAX_SPANS: u64 = 250_000;

/// Entry service and operation, then the service and operation that own time of it.
type Key = [String; 4];

/// Nanoseconds owned, and the weight of the requests in which some is.
type Owned = BTreeMap<Key, (i64, f64)>;

/// Who owns the time of requests in a range, and in another one to compare with.
#[derive(Debug)]
pub(crate) struct CriticalPathsOf {
    ranges: Vec<PathsIn>,
}

#[derive(Debug)]
enum PathsIn {
    Spans(Range),
    Rollup(Tables, (i64, i64)),
}

impl CriticalPathsOf {
    pub(crate) fn new(tables: &Tables, range: (i64, i64), baseline: Option<(i64, i64)>) -> Self {
        let paths = |(from, to): (i64, i64)| {
            if estimated_rows(tables.snapshot(), Table::Spans, from, to) <= MAX_SPANS {
                return PathsIn::Spans(Range::new(tables, from, to));
            }
            let whole = |time: i64| time.div_euclid(MINUTE) * MINUTE;
            PathsIn::Rollup(tables.clone(), (whole(from), whole(to.saturating_add(MINUTE - 1))))
        };
        Self { ranges: [Some(range), baseline].into_iter().flatten().map(paths).collect() }
    }
}

impl Computation for CriticalPathsOf {
    type Output = Vec<Owned>;
    type Running = PathsRunning;

    fn inputs(&self) -> Result<Vec<LogicalPlan>> {
        let mut inputs = Vec::new();
        for range in &self.ranges {
            match range {
                PathsIn::Spans(spans) => inputs.extend(spans.inputs()?),
                PathsIn::Rollup(tables, range) => {
                    let schema = Table::CriticalPaths.schema();
                    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                    let provider = tables.provider(Table::CriticalPaths)?;
                    inputs.push(rows_between(Table::CriticalPaths, provider, &columns, *range)?);
                }
            }
        }
        Ok(inputs)
    }

    fn start(&self, memory: usize) -> PathsRunning {
        let mut first_input = 0;
        let mut parts = Vec::new();
        for range in &self.ranges {
            let (inputs, replay) = match range {
                PathsIn::Spans(spans) => (spans.input_count(), Some(Box::new(spans.start(memory / 2, Vec::new())))),
                PathsIn::Rollup(..) => (1, None),
            };
            parts.push(Part { first_input, replay, owned: Owned::new() });
            first_input += inputs;
        }
        PathsRunning { parts }
    }
}

impl Tabular for CriticalPathsOf {
    fn schema(&self) -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        let mut fields = ["entry_service", "entry_operation", "service_name", "operation"].map(text).to_vec();
        fields.extend([Field::new("exclusive_ns", DataType::Int64, true), number("presence"), number("share")]);
        fields.extend([number("baseline_share"), number("share_change")]);
        Arc::new(Schema::new(fields))
    }

    fn rows(&self, mut parts: Vec<Owned>) -> Result<RecordBatch> {
        let baseline = if parts.len() > 1 { parts.pop() } else { None };
        let owned = parts.pop().unwrap_or_default();
        let totals = |owned: &Owned| {
            let mut totals: BTreeMap<[String; 2], i64> = BTreeMap::new();
            for ([service, operation, ..], (nanos, _)) in owned {
                *totals.entry([service.clone(), operation.clone()]).or_default() += nanos;
            }
            totals
        };
        let share = |owned: &Owned, totals: &BTreeMap<[String; 2], i64>, key: &Key| {
            let total = *totals.get(&[key[0].clone(), key[1].clone()])?;
            let nanos = owned.get(key).map_or(0, |(nanos, _)| *nanos);
            (total > 0).then(|| nanos as f64 / total as f64)
        };
        let (now, before) = (totals(&owned), baseline.as_ref().map(totals));
        let mut keys: Vec<&Key> = owned.keys().chain(baseline.iter().flat_map(BTreeMap::keys)).collect();
        keys.sort_unstable();
        keys.dedup();
        let shares: Vec<Option<f64>> = keys.iter().map(|key| share(&owned, &now, key)).collect();
        let earlier: Vec<Option<f64>> =
            keys.iter().map(|key| share(baseline.as_ref()?, before.as_ref()?, key)).collect();
        let changes = shares.iter().zip(&earlier).map(|(now, before)| Some((*now)? - (*before)?));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for part in 0..4 {
            columns.push(Arc::new(keys.iter().map(|key| Some(key[part].as_str())).collect::<StringArray>()));
        }
        let found = |key: &&Key| owned.get(*key);
        columns.push(Arc::new(keys.iter().map(|key| Some(found(key)?.0)).collect::<Int64Array>()));
        columns.push(Arc::new(keys.iter().map(|key| Some(found(key)?.1)).collect::<Float64Array>()));
        columns.push(Arc::new(shares.iter().copied().collect::<Float64Array>()));
        columns.push(Arc::new(earlier.iter().copied().collect::<Float64Array>()));
        columns.push(Arc::new(changes.collect::<Float64Array>()));
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// Paths that are being added up.
pub(crate) struct PathsRunning {
    parts: Vec<Part>,
}

struct Part {
    first_input: usize,
    replay: Option<Box<Replay>>,
    owned: Owned,
}

/// Bytes of an entry of [`Owned`], with four texts.
const OWNED_BYTES: usize = 320;

impl Running for PathsRunning {
    type Output = Vec<Owned>;

    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        let of_input = |part: &&mut Part| part.first_input <= input;
        let Some(part) = self.parts.iter_mut().rev().find(of_input) else { return Ok(()) };
        match &mut part.replay {
            Some(replay) => replay.push(input - part.first_input, &batch).map(|_| ()),
            None => add_rows(&mut part.owned, &stored_form(Table::CriticalPaths, &batch)?),
        }
    }

    fn size(&self) -> usize {
        let size = |part: &Part| {
            part.replay.as_ref().map_or(0, |replay| replay.analyzer.size()) + part.owned.len() * OWNED_BYTES
        };
        self.parts.iter().map(size).sum()
    }

    fn finish(mut self) -> Result<Vec<Owned>> {
        for part in &mut self.parts {
            let Some(replay) = &mut part.replay else { continue };
            replay.analyzer.close_all();
            for (minute, counts) in replay.analyzer.minutes() {
                for (table, rows) in rollup::rows(*minute, counts, replay.analyzer.context(), 0) {
                    if table == Table::CriticalPaths {
                        add_rows(&mut part.owned, &rows)?;
                    }
                }
            }
        }
        Ok(self.parts.into_iter().map(|part| part.owned).collect())
    }
}

fn add_rows(owned: &mut Owned, batch: &RecordBatch) -> Result<()> {
    let column = |name: &str| {
        batch.column_by_name(name).ok_or_else(|| failed(format!("rows of critical_paths have no column {name}")))
    };
    let texts = ["entry_service", "entry_operation", "service_name", "operation"];
    let mut keys = Vec::with_capacity(texts.len());
    for name in texts {
        keys.push(arrow::compute::cast(column(name)?, &DataType::Utf8)?);
    }
    let (nanos, presence) = (column("exclusive_ns")?, column("presence")?);
    let (nanos, presence) = (nanos.as_primitive::<Int64Type>(), presence.as_primitive::<Float64Type>());
    for row in 0..batch.num_rows() {
        let key: Key = std::array::from_fn(|part| keys[part].as_string::<i32>().value(row).to_owned());
        let sum = owned.entry(key).or_default();
        sum.0 = sum.0.saturating_add(nanos.value(row));
        sum.1 += presence.value(row);
    }
    Ok(())
}
