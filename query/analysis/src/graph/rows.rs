//! Graphs and their differences as rows.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use spandrel_proto::model::Table;

use super::{Change, Edge, EdgeView, Graph, GraphDiff, Latency, Measures, NodeName};
use crate::rollup::edge_kind;

const NANOS_PER_MILLI: f64 = 1_000_000.0;

/// A column of numbers of a view of an edge.
type Number = (&'static str, fn(&EdgeView) -> Option<f64>);

const NUMBERS: [Number; 19] = [
    ("requests", |view| Some(view.measures.requests)),
    ("failures", |view| Some(view.measures.failures)),
    ("error_rate", |view| Some(view.measures.error_rate)),
    ("error_rate_low", |view| Some(view.measures.error_interval.0)),
    ("error_rate_high", |view| Some(view.measures.error_interval.1)),
    ("p50_ms", |view| millis(view.measures.latency, |latency| latency.p50)),
    ("p95_ms", |view| millis(view.measures.latency, |latency| latency.p95)),
    ("p99_ms", |view| millis(view.measures.latency, |latency| latency.p99)),
    ("failure_p50_ms", |view| millis(view.measures.failure_latency, |latency| latency.p50)),
    ("concurrency", |view| Some(view.measures.concurrency)),
    ("attempts", |view| Some(view.attempts)),
    ("sync_ratio", |view| Some(view.sync_ratio)),
    ("blocking_ratio", |view| Some(view.blocking_ratio)),
    ("coverage", |view| (view.measures.requests > 0.0).then(|| view.paired / view.measures.requests)),
    ("network_mean_ms", |view| Some(view.network_mean_ns? / NANOS_PER_MILLI)),
    ("queue_delay_p50_ms", |view| millis(view.queue_delay, |latency| latency.p50)),
    ("queue_delay_p95_ms", |view| millis(view.queue_delay, |latency| latency.p95)),
    ("queue_delay_p99_ms", |view| millis(view.queue_delay, |latency| latency.p99)),
    ("negative_delays", |view| Some(view.negative_delays as f64)),
];

/// Columns that each view has for itself, with the view's name before theirs.
const VIEWS: [&str; 3] = ["client", "server", "gateway"];
const PER_VIEW: [Number; 3] = [NUMBERS[0], NUMBERS[1], NUMBERS[6]];

/// The columns of [`Graph::to_batch`].
pub fn graph_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(graph_fields())));
    SCHEMA.clone()
}

/// The columns of [`GraphDiff::to_batch`]: `change` is `new`, `gone`, `slower` or `failing`; `kind` and `target` are null
/// where a node changed, which stands in `source` then; `before` and `after` are p95 in milliseconds or error rates.
pub fn diff_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let texts =
            ["change", "source", "source_namespace", "source_kind", "target", "target_namespace", "target_kind"];
        let mut fields: Vec<Field> = texts.map(text).to_vec();
        fields.extend([text("deployment_environment_name"), text("kind"), number("before"), number("after")]);
        Arc::new(Schema::new(fields))
    });
    SCHEMA.clone()
}

fn graph_fields() -> Vec<Field> {
    let texts = ["source", "source_namespace", "source_kind", "target", "target_namespace", "target_kind"];
    let mut fields: Vec<Field> = texts.map(text).to_vec();
    fields.extend(["deployment_environment_name", "kind", "protocol", "evidence", "view"].map(text));
    fields.extend(NUMBERS.map(|(name, _)| number(name)));
    fields.push(Field::new("duration_sum_ns", DataType::Int64, true));
    fields.extend(VIEWS.iter().flat_map(|view| PER_VIEW.map(|(name, _)| number(&format!("{view}_{name}")))));
    let edges = Table::Edges.schema();
    let stored = |name: &str| edges.field_with_name(name).cloned().expect("edges have times and examples");
    fields.extend(["first_seen", "last_seen", "examples"].map(stored));
    fields
}

impl Graph {
    /// A row for each edge, as the module says.
    pub fn to_batch(&self) -> RecordBatch {
        let rows = || self.edges.iter();
        let (source, target) = (|edge: &Edge| &self.nodes[edge.source], |edge: &Edge| &self.nodes[edge.target]);
        let mut columns = name_columns(rows().map(|edge| Some(&source(edge).name)));
        columns.extend(name_columns(rows().map(|edge| Some(&target(edge).name))));
        columns.extend([
            optional(rows().map(|edge| environment(&source(edge).name, Some(&target(edge).name)))),
            optional(rows().map(Edge::kind_text)),
            optional(rows().map(|edge| edge.protocol)),
            optional(rows().map(|edge| source(edge).evidence.max(target(edge).evidence).as_str())),
            optional(rows().map(|edge| edge.main_view().map_or("", |(view, _)| view.as_str()))),
        ]);
        for (_, number) in NUMBERS {
            columns.push(numbers(rows().map(|edge| number(edge.main_view()?.1))));
        }
        let measures = |edge: &Edge| edge.main_view().map_or_else(Measures::default, |(_, view)| view.measures.clone());
        columns.push(longs(rows().map(|edge| measures(edge).duration_sum_ns)));
        let views: [fn(&Edge) -> &Option<EdgeView>; 3] =
            [|edge| &edge.client, |edge| &edge.server, |edge| &edge.gateway];
        for view in views {
            columns.extend(PER_VIEW.map(|(_, number)| numbers(rows().map(|edge| number(view(edge).as_ref()?)))));
        }
        columns.push(longs(rows().map(|edge| edge.first_seen)));
        columns.push(longs(rows().map(|edge| edge.last_seen)));
        columns.push(examples(rows()));
        RecordBatch::try_new(graph_schema(), columns).expect("the columns are those of the schema, in its order")
    }
}

impl GraphDiff {
    /// A row for each change, those of nodes first.
    pub fn to_batch(&self) -> RecordBatch {
        type Row<'a> = (Change, &'a NodeName, Option<&'a NodeName>, &'static str);
        let nodes = self.nodes.iter().map(|found| (found.change, &found.node, None, ""));
        let edges =
            self.edges.iter().map(|found| (found.change, &found.source, Some(&found.target), edge_kind(found.kind)));
        let rows: Vec<Row<'_>> = nodes.chain(edges).collect();
        let values = |change: &Change| match *change {
            Change::New | Change::Gone => (None, None),
            Change::Slower { before, after } => {
                (Some(before as f64 / NANOS_PER_MILLI), Some(after as f64 / NANOS_PER_MILLI))
            }
            Change::Failing { before, after } => (Some(before), Some(after)),
        };
        let mut columns = vec![optional(rows.iter().map(|row| row.0.as_str()))];
        columns.extend(name_columns(rows.iter().map(|row| Some(row.1))));
        columns.extend(name_columns(rows.iter().map(|row| row.2)));
        columns.push(optional(rows.iter().map(|row| environment(row.1, row.2))));
        columns.push(optional(rows.iter().map(|row| row.3)));
        columns.push(numbers(rows.iter().map(|row| values(&row.0).0)));
        columns.push(numbers(rows.iter().map(|row| values(&row.0).1)));
        RecordBatch::try_new(diff_schema(), columns).expect("the columns are those of the schema, in its order")
    }
}

/// The columns name, namespace and kind.
fn name_columns<'a>(names: impl Iterator<Item = Option<&'a NodeName>> + Clone) -> Vec<ArrayRef> {
    vec![
        optional(names.clone().map(|name| name.map_or("", |name| &name.name))),
        optional(names.clone().map(|name| name.map_or("", |name| &name.namespace))),
        optional(names.map(|name| name.map_or("", |name| name.kind.as_str()))),
    ]
}

fn environment<'a>(source: &'a NodeName, target: Option<&'a NodeName>) -> &'a str {
    match target {
        Some(target) if source.environment.is_empty() => &target.environment,
        _ => &source.environment,
    }
}

fn millis(latency: Option<Latency>, percentile: fn(Latency) -> u64) -> Option<f64> {
    Some(percentile(latency?) as f64 / NANOS_PER_MILLI)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

/// Texts of which empty ones are null.
fn optional<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(|value| (!value.is_empty()).then_some(value)).collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn longs(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn examples<'a>(edges: impl Iterator<Item = &'a Edge>) -> ArrayRef {
    let mut column = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for edge in edges {
        for id in &edge.examples {
            column.values().append_value(format!("{id:032x}"));
        }
        column.append(true);
    }
    Arc::new(column.finish())
}
