//! Rows of the stored tables as the counts they were made of.

use std::{collections::HashMap, ops::RangeBounds};

use arrow::{
    array::{Array, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray},
    compute::filter_record_batch,
    datatypes::DataType,
};
use spandrel_proto::model::Table;

use super::{
    Calls, CoverageStats, EdgeKey, EdgeStats, Examples, Minute, OUTCOMES, OperationKey, OperationStats, PathKey,
    ReadError, Sign, View,
    columns::{Columns, long, text},
    rows::hop_kind,
};
use crate::{
    context::{Context, Evidence, Node, NodeId, NodeKind},
    sketch::Sketch,
    span::{Protocol, Service, ServiceId, WEIGHT_ONE},
    text::Text,
};

/// The counts of rows, added up whatever their time is. Of a bucket, only rows of its greatest revision may be given.
/// Rows of views or kinds that are not known count nothing.
///
/// What [`super::rows`] made of a minute comes back as it was, but for the fractions of nanoseconds of weighted sums, and
/// sketches of more than [`crate::sketch::EXACT_VALUES`] durations, which stay histograms whatever is taken from them.
pub fn read(batches: &[(Table, RecordBatch)], context: &mut Context) -> Result<Minute, ReadError> {
    let mut minute = Minute::default();
    // Services come with their namespaces in the other tables only.
    let (paths, others): (Vec<_>, Vec<_>) = batches.iter().partition(|(table, _)| *table == Table::CriticalPaths);
    for (table, batch) in others.into_iter().chain(paths) {
        let columns = Columns { table: *table, batch };
        match table {
            Table::Operations | Table::OperationsHourly => operations(&columns, context, &mut minute)?,
            Table::Edges | Table::EdgesHourly => edges(&columns, context, &mut minute)?,
            Table::CriticalPaths => critical_paths(&columns, context, &mut minute)?,
            Table::Coverage => coverage(&columns, context, &mut minute)?,
            table => return Err(ReadError::Table { table: *table }),
        }
    }
    minute.is_dirty = false;
    Ok(minute)
}

/// The counts of the rows of the minute (or hour) that begins at `time`, as [`read`] makes them.
pub fn read_minute(time: i64, batches: &[(Table, RecordBatch)], context: &mut Context) -> Result<Minute, ReadError> {
    let within = batches.iter().map(|(table, batch)| Ok((*table, rows_within(*table, batch, time..=time)?)));
    read(&within.collect::<Result<Vec<_>, ReadError>>()?, context)
}

/// The rows of which the time is within a range.
pub(crate) fn rows_within(
    table: Table,
    batch: &RecordBatch,
    range: impl RangeBounds<i64>,
) -> Result<RecordBatch, ReadError> {
    let times = Columns { table, batch }.longs("time")?;
    let is_within: BooleanArray =
        times.iter().map(|time| Some(time.is_some_and(|time| range.contains(&time)))).collect();
    Ok(filter_record_batch(batch, &is_within).expect("the filter has a value for each row"))
}

fn operations(columns: &Columns<'_>, context: &mut Context, minute: &mut Minute) -> Result<(), ReadError> {
    let [names, namespaces, environments] = service_columns(columns)?;
    let (operations, views) = (columns.texts("operation")?, columns.texts("view")?);
    let (entries, self_times) = (columns.doubles("entries")?, columns.longs("self_time_ns")?);
    let (calls, seen) = (CallsColumns::new(columns)?, SeenColumns::new(columns)?);
    for row in 0..columns.rows() {
        let Some(view) = View::from_text(text(&views, row)) else { continue };
        let service = [&names, &namespaces, &environments].map(|column| context.texts.intern(text(column, row)));
        let evidence = if view == View::Gateway { Evidence::Records } else { Evidence::Spans };
        let service = context.know_service(service_of(service), evidence);
        let operation = context.texts.intern(text(&operations, row));
        let (first_seen, last_seen, examples) = seen.row(row);
        let stats = OperationStats {
            calls: calls.row(row)?,
            entries: weight(&entries, row),
            self_time: sum(&self_times, row),
            first_seen,
            last_seen,
            examples,
        };
        minute.change_operation(OperationKey { service, operation, view }, |sum| sum.merge(&stats));
    }
    Ok(())
}

fn edges(columns: &Columns<'_>, context: &mut Context, minute: &mut Minute) -> Result<(), ReadError> {
    let keys = EdgeColumns::new(columns)?;
    let weights = ["attempts", "sync", "blocking", "paired"].map(|column| columns.doubles(column));
    let [attempts, sync, blocking, paired] = weights;
    let (attempts, sync, blocking, paired) = (attempts?, sync?, blocking?, paired?);
    let (network, negative_delays) = (columns.longs("network_sum_ns")?, columns.longs("negative_delays")?);
    let queue_delay = columns.binaries("queue_delay")?;
    let (calls, seen) = (CallsColumns::new(columns)?, SeenColumns::new(columns)?);
    for row in 0..columns.rows() {
        let Some(key) = keys.row(row, context) else { continue };
        let (first_seen, last_seen, examples) = seen.row(row);
        let stats = EdgeStats {
            calls: calls.row(row)?,
            attempts: weight(&attempts, row),
            sync: weight(&sync, row),
            blocking: weight(&blocking, row),
            paired: weight(&paired, row),
            network: sum(&network, row),
            queue_delay: sketch(columns.table, "queue_delay", &queue_delay, row)?,
            negative_delays: count(&negative_delays, row),
            first_seen,
            last_seen,
            examples,
        };
        minute.change_edge(key, |sum| sum.merge(&stats));
    }
    Ok(())
}

fn critical_paths(columns: &Columns<'_>, context: &mut Context, minute: &mut Minute) -> Result<(), ReadError> {
    let (entries, names) = (columns.texts("entry_service")?, columns.texts("service_name")?);
    let (entry_operations, operations) = (columns.texts("entry_operation")?, columns.texts("operation")?);
    let environments = columns.texts("deployment_environment_name")?;
    let (exclusive, presence) = (columns.longs("exclusive_ns")?, columns.doubles("presence")?);
    let mut named: HashMap<(Text, Text), ServiceId> = HashMap::new();
    for id in context.services() {
        let Service { name, environment, .. } = *context.service(id);
        named.entry((name, environment)).or_insert(id);
    }
    for row in 0..columns.rows() {
        let environment = context.texts.intern(text(&environments, row));
        let mut service = |column: &StringArray| {
            let name = context.texts.intern(text(column, row));
            *named
                .entry((name, environment))
                .or_insert_with(|| context.add_service(service_of([name, Text::NONE, environment])))
        };
        let (entry_service, service) = (service(&entries), service(&names));
        let key = PathKey {
            entry_service,
            entry_operation: context.texts.intern(text(&entry_operations, row)),
            service,
            operation: context.texts.intern(text(&operations, row)),
        };
        let (exclusive, presence) = (sum(&exclusive, row), weight(&presence, row));
        minute.change_path(key, |stats| {
            stats.exclusive = stats.exclusive.saturating_add(exclusive);
            stats.presence = stats.presence.saturating_add(presence);
        });
    }
    Ok(())
}

fn coverage(columns: &Columns<'_>, context: &mut Context, minute: &mut Minute) -> Result<(), ReadError> {
    let [names, namespaces, environments] = service_columns(columns)?;
    let counts = COVERAGE.map(|column| columns.longs(column)).into_iter().collect::<Result<Vec<_>, _>>()?;
    for row in 0..columns.rows() {
        let service = [&names, &namespaces, &environments].map(|column| context.texts.intern(text(column, row)));
        let service = context.add_service(service_of(service));
        let mut stats = CoverageStats::default();
        for (sum, column) in stats.counts_mut().into_iter().zip(&counts) {
            *sum = count(column, row);
        }
        minute.change_coverage(service, |sum| sum.change(Sign::Add, &stats));
    }
    Ok(())
}

/// The columns of [`CoverageStats::counts`].
const COVERAGE: [&str; 11] = [
    "spans",
    "orphans",
    "duplicates",
    "cycles",
    "id_clashes",
    "unpaired_clients",
    "paired_clients",
    "clients_missing",
    "negative_durations",
    "alias_conflicts",
    "skew_suspects",
];

const PROTOCOLS: [Protocol; 5] =
    [Protocol::Unknown, Protocol::Http, Protocol::Rpc, Protocol::Database, Protocol::Messaging];
const EVIDENCE: [Evidence; 5] =
    [Evidence::Spans, Evidence::Records, Evidence::Attribute, Evidence::Learned, Evidence::Orphan];
const NODE_KINDS: [NodeKind; 7] = [
    NodeKind::Service,
    NodeKind::Database,
    NodeKind::Cache,
    NodeKind::Topic,
    NodeKind::External,
    NodeKind::Client,
    NodeKind::Gateway,
];

/// The one of `all` that has this name.
fn named<T: Copy, const N: usize>(all: [T; N], name: fn(T) -> &'static str, text: &str) -> Option<T> {
    all.into_iter().find(|one| name(*one) == text)
}

/// The key columns of `edges`.
struct EdgeColumns {
    source: [StringArray; 3],
    target: [StringArray; 3],
    environments: StringArray,
    kinds: StringArray,
    protocols: StringArray,
    operations: StringArray,
    schemas: StringArray,
    views: StringArray,
    evidence: StringArray,
}

impl EdgeColumns {
    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        let [name, namespace, kind] = ["source", "source_namespace", "source_kind"].map(|name| columns.texts(name));
        let source = [name?, namespace?, kind?];
        let [name, namespace, kind] = ["target", "target_namespace", "target_kind"].map(|name| columns.texts(name));
        Ok(Self {
            source,
            target: [name?, namespace?, kind?],
            environments: columns.texts("deployment_environment_name")?,
            kinds: columns.texts("kind")?,
            protocols: columns.texts("protocol")?,
            operations: columns.texts("operation")?,
            schemas: columns.texts("db_namespace")?,
            views: columns.texts("view")?,
            evidence: columns.texts("evidence")?,
        })
    }

    fn row(&self, row: usize, context: &mut Context) -> Option<EdgeKey> {
        let view = View::from_text(text(&self.views, row))?;
        let protocol = named(PROTOCOLS, Protocol::as_str, text(&self.protocols, row))?;
        let evidence = named(EVIDENCE, Evidence::as_str, text(&self.evidence, row))?;
        let source_kind = named(NODE_KINDS, NodeKind::as_str, text(&self.source[2], row))?;
        let target_kind = named(NODE_KINDS, NodeKind::as_str, text(&self.target[2], row))?;
        let kind = hop_kind(text(&self.kinds, row), target_kind)?;
        // The evidence is that of the end that is known less well. Of two services, that is the one that is called.
        let is_caller_known = source_kind == NodeKind::Service;
        let is_callee_known =
            target_kind == NodeKind::Service && !matches!(source_kind, NodeKind::Service | NodeKind::Gateway);
        let of = |is_known: bool| if is_known { Evidence::Spans } else { evidence };
        let source = self.node(&self.source, source_kind, of(is_caller_known), row, context);
        let target = self.node(&self.target, target_kind, of(is_callee_known), row, context);
        let (operation, schema) = (context.texts.intern(text(&self.operations, row)), text(&self.schemas, row));
        let schema = context.texts.intern(schema);
        Some(EdgeKey { source, target, kind, protocol, operation, schema, view })
    }

    fn node(
        &self,
        [names, namespaces, _]: &[StringArray; 3],
        kind: NodeKind,
        evidence: Evidence,
        row: usize,
        context: &mut Context,
    ) -> NodeId {
        let [name, namespace, environment] =
            [names, namespaces, &self.environments].map(|column| context.texts.intern(text(column, row)));
        if kind == NodeKind::Service {
            let service = context.know_service(Service { namespace, name, environment }, evidence);
            return context.service_node(service);
        }
        context.add_node(Node { kind, name, namespace, environment }, evidence)
    }
}

/// The columns of [`Calls`].
pub(crate) struct CallsColumns {
    table: Table,
    records: Int64Array,
    by_outcome: Vec<Float64Array>,
    weight_squares: Float64Array,
    duration: Int64Array,
    busy: Int64Array,
    sketches: [BinaryArray; 3],
}

const SKETCHES: [&str; 3] = ["latency", "failure_latency", "other_latency"];

impl CallsColumns {
    pub(crate) fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        let [latency, failure_latency, other_latency] = SKETCHES.map(|column| columns.binaries(column));
        Ok(Self {
            table: columns.table,
            records: columns.longs("records")?,
            by_outcome: OUTCOMES
                .map(|outcome| columns.doubles(outcome.as_str()))
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?,
            weight_squares: columns.doubles("weight_squares")?,
            duration: columns.longs("duration_sum_ns")?,
            busy: columns.longs("busy_ns")?,
            sketches: [latency?, failure_latency?, other_latency?],
        })
    }

    pub(crate) fn row(&self, row: usize) -> Result<Calls, ReadError> {
        let read = |index: usize| sketch(self.table, SKETCHES[index], &self.sketches[index], row);
        let mut by_outcome = [0; 8];
        for (sum, column) in by_outcome.iter_mut().zip(&self.by_outcome) {
            *sum = weight(column, row);
        }
        Ok(Calls {
            records: count(&self.records, row),
            by_outcome,
            weight_squares: (double(&self.weight_squares, row) * (WEIGHT_ONE as f64).powi(2)).round() as u128,
            duration: sum(&self.duration, row),
            busy: sum(&self.busy, row),
            latency: read(0)?,
            failure_latency: read(1)?,
            other_latency: read(2)?,
        })
    }
}

/// The columns of the first and last call and of examples.
struct SeenColumns {
    first: Int64Array,
    last: Int64Array,
    examples: ListArray,
}

impl SeenColumns {
    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            first: columns.longs("first_seen")?,
            last: columns.longs("last_seen")?,
            examples: columns.lists("examples")?,
        })
    }

    fn row(&self, row: usize) -> (i64, i64, Examples) {
        let mut examples = Examples::default();
        let list = self.examples.is_valid(row).then(|| self.examples.value(row));
        if let Some(list) = list.filter(|list| *list.data_type() == DataType::Utf8) {
            for text in list.as_string::<i32>().iter().flatten() {
                examples.add_text(text);
            }
        }
        (long(&self.first, row), long(&self.last, row), examples)
    }
}

fn service_columns(columns: &Columns<'_>) -> Result<[StringArray; 3], ReadError> {
    Ok([
        columns.texts("service_name")?,
        columns.texts("service_namespace")?,
        columns.texts("deployment_environment_name")?,
    ])
}

fn service_of([name, namespace, environment]: [Text; 3]) -> Service {
    Service { namespace, name, environment }
}

fn sketch(table: Table, column: &'static str, values: &BinaryArray, row: usize) -> Result<Sketch, ReadError> {
    if values.is_null(row) {
        return Ok(Sketch::default());
    }
    Sketch::from_bytes(values.value(row)).map_err(|source| ReadError::Sketch { table, column, source })
}

fn double(column: &Float64Array, row: usize) -> f64 {
    if column.is_valid(row) { column.value(row) } else { 0.0 }
}

/// A number of calls as a fixed-point weight.
fn weight(column: &Float64Array, row: usize) -> u64 {
    (double(column, row) * WEIGHT_ONE as f64).round() as u64
}

fn sum(column: &Int64Array, row: usize) -> i128 {
    i128::from(long(column, row)) * i128::from(WEIGHT_ONE)
}

fn count(column: &Int64Array, row: usize) -> u64 {
    u64::try_from(long(column, row)).unwrap_or(0)
}
