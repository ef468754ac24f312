//! The counts of a minute as rows of the stored tables.
//!
//! Weights are numbers of calls, exact multiples of 2^-16 up to 2^37 of them; sums of nanoseconds are rounded. Examples
//! are texts: the trace id in hex, then ` slow` and nanoseconds, or ` failed`, or nothing.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BinaryBuilder, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder},
    datatypes::{DataType, Field},
};
use spandrel_proto::model::Table;

use super::{Calls, CoverageStats, EdgeKey, EdgeStats, Examples, Minute, OUTCOMES, OperationStats, PathStats};
use crate::{
    context::{Context, Node, NodeKind},
    hops::HopKind,
    sketch::Sketch,
    span::{Service, ServiceId, WEIGHT_ONE},
    text::Text,
};

/// The rows of a minute that begins at `time`, per table, sorted: the same counts give the same rows, whatever numbers
/// the context gave them.
pub fn rows(time: i64, minute: &Minute, context: &Context, revision: i64) -> Vec<(Table, RecordBatch)> {
    let bucket = Bucket { time, context, revision };
    vec![
        (Table::Operations, bucket.operations(minute)),
        (Table::Edges, bucket.edges(minute)),
        (Table::CriticalPaths, bucket.paths(minute)),
        (Table::Coverage, bucket.coverage(minute)),
    ]
}

/// The rows of an hour that begins at `time`, the minutes of which were merged.
pub fn hourly_rows(time: i64, merged: &Minute, context: &Context, revision: i64) -> Vec<(Table, RecordBatch)> {
    let bucket = Bucket { time, context, revision };
    vec![(Table::OperationsHourly, bucket.operations(merged)), (Table::EdgesHourly, bucket.edges(merged))]
}

/// The text in the `kind` column of an edge. Whether requests are waited for is a matter of their counts.
pub fn edge_kind(kind: HopKind) -> &'static str {
    match kind {
        HopKind::Entry => "entry",
        HopKind::Request => "sync",
        HopKind::Database => "db",
        HopKind::Cache => "cache",
        HopKind::External => "external",
        HopKind::Publish | HopKind::Deliver => "async",
    }
}

/// The kind of an edge by the `kind` column and the kind of its target.
pub(super) fn hop_kind(kind: &str, target: NodeKind) -> Option<HopKind> {
    Some(match kind {
        "entry" => HopKind::Entry,
        "sync" => HopKind::Request,
        "db" => HopKind::Database,
        "cache" => HopKind::Cache,
        "external" => HopKind::External,
        "async" if target == NodeKind::Topic => HopKind::Publish,
        "async" => HopKind::Deliver,
        _ => return None,
    })
}

struct Bucket<'a> {
    time: i64,
    context: &'a Context,
    revision: i64,
}

impl<'a> Bucket<'a> {
    fn operations(&self, minute: &Minute) -> RecordBatch {
        let mut rows: Vec<_> = (minute.operations.iter())
            .map(|(key, stats)| {
                let [name, namespace, environment] = self.service(key.service);
                ((name, self.text(key.operation), key.view.as_str(), namespace, environment), stats)
            })
            .collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let stats: Vec<&OperationStats> = rows.iter().map(|(_, stats)| *stats).collect();
        let seen: Vec<Seen<'_>> =
            stats.iter().map(|stats| (stats.first_seen, stats.last_seen, &stats.examples)).collect();
        let columns = [
            vec![
                self.times(rows.len()),
                texts(rows.iter().map(|(key, _)| key.0)),
                optional(rows.iter().map(|(key, _)| key.3)),
                optional(rows.iter().map(|(key, _)| key.4)),
                texts(rows.iter().map(|(key, _)| key.1)),
                texts(rows.iter().map(|(key, _)| key.2)),
            ],
            calls_columns(&stats.iter().map(|stats| &stats.calls).collect::<Vec<_>>()),
            vec![weights(stats.iter().map(|stats| stats.entries)), sums(stats.iter().map(|stats| stats.self_time))],
            self.seen_columns(&seen),
        ];
        batch(Table::Operations, columns.concat())
    }

    fn edges(&self, minute: &Minute) -> RecordBatch {
        let mut rows: Vec<(EdgeTexts<'a>, &EdgeStats)> =
            minute.edges.iter().map(|(key, stats)| (EdgeTexts::of(key, self.context), stats)).collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let stats: Vec<&EdgeStats> = rows.iter().map(|(_, stats)| *stats).collect();
        let seen: Vec<Seen<'_>> =
            stats.iter().map(|stats| (stats.first_seen, stats.last_seen, &stats.examples)).collect();
        let key = |text: fn(&EdgeTexts<'a>) -> &'a str| texts(rows.iter().map(|(key, _)| text(key)));
        let optional_key = |text: fn(&EdgeTexts<'a>) -> &'a str| optional(rows.iter().map(|(key, _)| text(key)));
        let columns = [
            vec![
                self.times(rows.len()),
                key(|key| key.source),
                optional_key(|key| key.source_namespace),
                key(|key| key.source_kind),
                key(|key| key.target),
                optional_key(|key| key.target_namespace),
                key(|key| key.target_kind),
                optional_key(|key| key.environment),
                key(|key| key.kind),
                key(|key| key.protocol),
                key(|key| key.operation),
                optional_key(|key| key.schema),
                key(|key| key.view),
                key(|key| key.evidence),
            ],
            calls_columns(&stats.iter().map(|stats| &stats.calls).collect::<Vec<_>>()),
            vec![
                weights(stats.iter().map(|stats| stats.attempts)),
                weights(stats.iter().map(|stats| stats.sync)),
                weights(stats.iter().map(|stats| stats.blocking)),
                weights(stats.iter().map(|stats| stats.paired)),
                sums(stats.iter().map(|stats| stats.network)),
                sketches(stats.iter().map(|stats| &stats.queue_delay)),
                counts(stats.iter().map(|stats| stats.negative_delays)),
            ],
            self.seen_columns(&seen),
        ];
        batch(Table::Edges, columns.concat())
    }

    fn paths(&self, minute: &Minute) -> RecordBatch {
        let mut rows: Vec<_> = (minute.paths.iter())
            .map(|(key, stats)| {
                let [entry, entry_namespace, entry_environment] = self.service(key.entry_service);
                let [name, namespace, environment] = self.service(key.service);
                let texts = [entry, self.text(key.entry_operation), name, self.text(key.operation), environment];
                ((texts, [entry_namespace, entry_environment, namespace]), stats)
            })
            .collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let stats: Vec<&PathStats> = rows.iter().map(|(_, stats)| *stats).collect();
        let columns = vec![
            self.times(rows.len()),
            texts(rows.iter().map(|(key, _)| key.0[0])),
            texts(rows.iter().map(|(key, _)| key.0[1])),
            texts(rows.iter().map(|(key, _)| key.0[2])),
            texts(rows.iter().map(|(key, _)| key.0[3])),
            optional(rows.iter().map(|(key, _)| key.0[4])),
            sums(stats.iter().map(|stats| stats.exclusive)),
            weights(stats.iter().map(|stats| stats.presence)),
            self.revisions(rows.len()),
        ];
        batch(Table::CriticalPaths, columns)
    }

    fn coverage(&self, minute: &Minute) -> RecordBatch {
        let mut rows: Vec<([&str; 3], [u64; 11])> = minute
            .coverage
            .iter()
            .map(|(service, stats)| (self.service(*service), CoverageStats::counts(stats)))
            .collect();
        rows.sort_unstable();
        let keys = vec![
            self.times(rows.len()),
            texts(rows.iter().map(|(key, _)| key[0])),
            optional(rows.iter().map(|(key, _)| key[1])),
            optional(rows.iter().map(|(key, _)| key[2])),
        ];
        let own = (0..11).map(|index| counts(rows.iter().map(|(_, counts)| counts[index]))).collect();
        batch(Table::Coverage, [keys, own, vec![self.revisions(rows.len())]].concat())
    }

    /// Name, namespace and environment.
    fn service(&self, service: ServiceId) -> [&'a str; 3] {
        let Service { namespace, name, environment } = *self.context.service(service);
        [name, namespace, environment].map(|text| self.text(text))
    }

    fn text(&self, text: Text) -> &'a str {
        self.context.texts.get(text)
    }

    fn times(&self, rows: usize) -> ArrayRef {
        Arc::new(Int64Array::from(vec![self.time; rows]))
    }

    fn revisions(&self, rows: usize) -> ArrayRef {
        Arc::new(Int64Array::from(vec![self.revision; rows]))
    }

    fn seen_columns(&self, seen: &[Seen<'_>]) -> Vec<ArrayRef> {
        vec![
            Arc::new(seen.iter().map(|(first, _, _)| Some(*first)).collect::<Int64Array>()),
            Arc::new(seen.iter().map(|(_, last, _)| Some(*last)).collect::<Int64Array>()),
            examples_column(seen.iter().map(|(_, _, examples)| *examples)),
            self.revisions(seen.len()),
        ]
    }
}

/// First, last and examples of a row.
type Seen<'a> = (i64, i64, &'a Examples);

/// The key of an edge as it is stored, in the order that rows are sorted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EdgeTexts<'a> {
    source: &'a str,
    target: &'a str,
    kind: &'a str,
    protocol: &'a str,
    operation: &'a str,
    schema: &'a str,
    view: &'a str,
    source_kind: &'a str,
    target_kind: &'a str,
    source_namespace: &'a str,
    target_namespace: &'a str,
    environment: &'a str,
    target_environment: &'a str,
    evidence: &'a str,
}

impl<'a> EdgeTexts<'a> {
    fn of(key: &EdgeKey, context: &'a Context) -> Self {
        let (source, target): (&Node, &Node) = (context.node(key.source), context.node(key.target));
        let text = |text: Text| context.texts.get(text);
        let evidence = context.evidence(key.source).max(context.evidence(key.target));
        EdgeTexts {
            source: text(source.name),
            target: text(target.name),
            kind: edge_kind(key.kind),
            protocol: key.protocol.as_str(),
            operation: text(key.operation),
            schema: text(key.schema),
            view: key.view.as_str(),
            source_kind: source.kind.as_str(),
            target_kind: target.kind.as_str(),
            source_namespace: text(source.namespace),
            target_namespace: text(target.namespace),
            environment: text(source.environment.or(target.environment)),
            target_environment: text(target.environment),
            evidence: evidence.as_str(),
        }
    }
}

fn calls_columns(calls: &[&Calls]) -> Vec<ArrayRef> {
    let mut columns = vec![
        counts(calls.iter().map(|calls| calls.records)),
        weights(calls.iter().map(|calls| calls.weight())),
        weights(calls.iter().map(|calls| calls.failed())),
    ];
    columns.extend(OUTCOMES.map(|outcome| weights(calls.iter().map(|calls| calls.of(outcome)))));
    let squares = calls.iter().map(|calls| Some(calls.weight_squares as f64 / (WEIGHT_ONE as f64).powi(2)));
    let own: [ArrayRef; 6] = [
        Arc::new(squares.collect::<Float64Array>()),
        sums(calls.iter().map(|calls| calls.duration)),
        sums(calls.iter().map(|calls| calls.busy)),
        sketches(calls.iter().map(|calls| &calls.latency)),
        sketches(calls.iter().map(|calls| &calls.failure_latency)),
        sketches(calls.iter().map(|calls| &calls.other_latency)),
    ];
    columns.extend(own);
    columns
}

fn batch(table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns).expect("the columns are those of the schema, in its order")
}

fn texts<'t>(values: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Texts of which empty ones are null.
fn optional<'t>(values: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(values.map(|value| (!value.is_empty()).then_some(value)).collect::<StringArray>())
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(values.map(|value| Some(i64::try_from(value).unwrap_or(i64::MAX))).collect::<Int64Array>())
}

fn weights(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(values.map(|value| Some(value as f64 / WEIGHT_ONE as f64)).collect::<Float64Array>())
}

/// Sums of weighted nanoseconds, rounded to whole ones.
fn sums(values: impl Iterator<Item = i128>) -> ArrayRef {
    Arc::new(values.map(|value| Some(nanoseconds(value))).collect::<Int64Array>())
}

/// A sum of weighted nanoseconds, rounded to a whole one.
pub(crate) fn nanoseconds(sum: i128) -> i64 {
    let one = i128::from(WEIGHT_ONE);
    i64::try_from(sum.saturating_add(one / 2).div_euclid(one)).unwrap_or(i64::MAX)
}

fn sketches<'s>(values: impl Iterator<Item = &'s Sketch>) -> ArrayRef {
    let mut column = BinaryBuilder::new();
    for sketch in values {
        column.append_option((!sketch.is_empty()).then(|| sketch.to_bytes()));
    }
    Arc::new(column.finish())
}

fn examples_column<'e>(values: impl Iterator<Item = &'e Examples>) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, true);
    let mut column = ListBuilder::new(StringBuilder::new()).with_field(element);
    for examples in values {
        for text in examples.texts() {
            column.values().append_value(text);
        }
        column.append(true);
    }
    Arc::new(column.finish())
}
