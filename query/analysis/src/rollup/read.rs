//! Rows of the stored tables as the counts they were made of.

use std::{collections::HashMap, ops::Range};

use arrow::{
    array::{Array, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray},
    compute::filter_record_batch,
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
            Table::Operations | Table::OperationsHourly => {
                add_rows::<OperationRows>(&columns, context, |key, add| minute.change_operation(key, add))?;
            }
            Table::Edges | Table::EdgesHourly => {
                add_rows::<EdgeRows>(&columns, context, |key, add| minute.change_edge(key, add))?;
            }
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
    let of_minute = batches.iter().map(|(table, batch)| {
        let times = Columns { table: *table, batch }.longs("time")?;
        let is_of_minute: BooleanArray = times.iter().map(|row| Some(row == Some(time))).collect();
        Ok((*table, filter_record_batch(batch, &is_of_minute)?))
    });
    read(&of_minute.collect::<Result<Vec<_>, ReadError>>()?, context)
}

/// The numbers of the rows of which the time is within a range.
pub(crate) fn rows_within(columns: &Columns<'_>, range: Range<i64>) -> Result<impl Iterator<Item = usize>, ReadError> {
    let times = columns.longs("time")?;
    Ok((0..columns.rows()).filter(move |row| times.is_valid(*row) && range.contains(&times.value(*row))))
}

/// Rows of operations or edges: each has a key, and counts that are added to those of the key.
pub(crate) trait KeyedRows: Sized {
    type Key;
    type Stats;

    fn new(columns: &Columns<'_>) -> Result<Self, ReadError>;

    /// `None` if the row is of a view or kind that is not known.
    fn key(&self, row: usize, context: &mut Context) -> Option<Self::Key>;

    fn add_to(&self, row: usize, stats: &mut Self::Stats) -> Result<(), ReadError>;
}

fn add_rows<R: KeyedRows>(
    columns: &Columns<'_>,
    context: &mut Context,
    mut change: impl FnMut(R::Key, &mut dyn FnMut(&mut R::Stats)),
) -> Result<(), ReadError> {
    let rows = R::new(columns)?;
    for row in 0..columns.rows() {
        let Some(key) = rows.key(row, context) else { continue };
        let mut added = Ok(());
        change(key, &mut |stats| added = rows.add_to(row, stats));
        added?;
    }
    Ok(())
}

/// The columns of operations.
pub(crate) struct OperationRows {
    service: [StringArray; 3],
    operations: StringArray,
    views: StringArray,
    entries: Float64Array,
    self_times: Int64Array,
    calls: CallsColumns,
    seen: SeenColumns,
}

impl KeyedRows for OperationRows {
    type Key = OperationKey;
    type Stats = OperationStats;

    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            service: service_columns(columns)?,
            operations: columns.texts("operation")?,
            views: columns.texts("view")?,
            entries: columns.doubles("entries")?,
            self_times: columns.longs("self_time_ns")?,
            calls: CallsColumns::new(columns)?,
            seen: SeenColumns::new(columns)?,
        })
    }

    fn key(&self, row: usize, context: &mut Context) -> Option<OperationKey> {
        let view = View::from_text(text(&self.views, row))?;
        let service = self.service.each_ref().map(|column| context.texts.intern(text(column, row)));
        let evidence = if view == View::Gateway { Evidence::Records } else { Evidence::Spans };
        let service = context.know_service(service_of(service), evidence);
        let operation = context.texts.intern(text(&self.operations, row));
        Some(OperationKey { service, operation, view })
    }

    fn add_to(&self, row: usize, stats: &mut OperationStats) -> Result<(), ReadError> {
        let (first, last) = self.seen.times(row);
        stats.see_between(first, last);
        self.calls.add_to(row, &mut stats.calls)?;
        add_weight(&mut stats.entries, &self.entries, row);
        add_sum(&mut stats.self_time, &self.self_times, row);
        self.seen.add_examples(row, &mut stats.examples);
        Ok(())
    }
}

/// The columns of edges.
pub(crate) struct EdgeRows {
    keys: EdgeColumns,
    attempts: Float64Array,
    sync: Float64Array,
    blocking: Float64Array,
    paired: Float64Array,
    network: Int64Array,
    queue_delay: SketchColumn,
    negative_delays: Int64Array,
    calls: CallsColumns,
    seen: SeenColumns,
}

impl KeyedRows for EdgeRows {
    type Key = EdgeKey;
    type Stats = EdgeStats;

    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            keys: EdgeColumns::new(columns)?,
            attempts: columns.doubles("attempts")?,
            sync: columns.doubles("sync")?,
            blocking: columns.doubles("blocking")?,
            paired: columns.doubles("paired")?,
            network: columns.longs("network_sum_ns")?,
            queue_delay: SketchColumn::new(columns, "queue_delay")?,
            negative_delays: columns.longs("negative_delays")?,
            calls: CallsColumns::new(columns)?,
            seen: SeenColumns::new(columns)?,
        })
    }

    fn key(&self, row: usize, context: &mut Context) -> Option<EdgeKey> {
        self.keys.row(row, context)
    }

    fn add_to(&self, row: usize, stats: &mut EdgeStats) -> Result<(), ReadError> {
        let (first, last) = self.seen.times(row);
        stats.see_between(first, last);
        self.calls.add_to(row, &mut stats.calls)?;
        add_weight(&mut stats.attempts, &self.attempts, row);
        add_weight(&mut stats.sync, &self.sync, row);
        add_weight(&mut stats.blocking, &self.blocking, row);
        add_weight(&mut stats.paired, &self.paired, row);
        add_sum(&mut stats.network, &self.network, row);
        self.queue_delay.merge_into(row, &mut stats.queue_delay)?;
        add_count(&mut stats.negative_delays, &self.negative_delays, row);
        self.seen.add_examples(row, &mut stats.examples);
        Ok(())
    }
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
struct CallsColumns {
    records: Int64Array,
    by_outcome: Vec<Float64Array>,
    weight_squares: Float64Array,
    duration: Int64Array,
    busy: Int64Array,
    latency: SketchColumn,
    failure_latency: SketchColumn,
    other_latency: SketchColumn,
}

impl CallsColumns {
    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        let by_outcome = OUTCOMES.map(|outcome| columns.doubles(outcome.as_str()));
        Ok(Self {
            records: columns.longs("records")?,
            by_outcome: by_outcome.into_iter().collect::<Result<_, _>>()?,
            weight_squares: columns.doubles("weight_squares")?,
            duration: columns.longs("duration_sum_ns")?,
            busy: columns.longs("busy_ns")?,
            latency: SketchColumn::new(columns, "latency")?,
            failure_latency: SketchColumn::new(columns, "failure_latency")?,
            other_latency: SketchColumn::new(columns, "other_latency")?,
        })
    }

    fn add_to(&self, row: usize, calls: &mut Calls) -> Result<(), ReadError> {
        add_count(&mut calls.records, &self.records, row);
        for (sum, column) in calls.by_outcome.iter_mut().zip(&self.by_outcome) {
            add_weight(sum, column, row);
        }
        let squares = (double(&self.weight_squares, row) * (WEIGHT_ONE as f64).powi(2)).round() as u128;
        calls.weight_squares = calls.weight_squares.saturating_add(squares);
        add_sum(&mut calls.duration, &self.duration, row);
        add_sum(&mut calls.busy, &self.busy, row);
        self.latency.merge_into(row, &mut calls.latency)?;
        self.failure_latency.merge_into(row, &mut calls.failure_latency)?;
        self.other_latency.merge_into(row, &mut calls.other_latency)
    }
}

/// A column of sketches.
struct SketchColumn {
    table: Table,
    column: &'static str,
    sketches: BinaryArray,
}

impl SketchColumn {
    fn new(columns: &Columns<'_>, column: &'static str) -> Result<Self, ReadError> {
        Ok(Self { table: columns.table, column, sketches: columns.binaries(column)? })
    }

    fn merge_into(&self, row: usize, sketch: &mut Sketch) -> Result<(), ReadError> {
        if self.sketches.is_null(row) {
            return Ok(());
        }
        let (table, column) = (self.table, self.column);
        sketch.merge_bytes(self.sketches.value(row)).map_err(|source| ReadError::Sketch { table, column, source })
    }
}

/// The columns of the first and last call and of examples.
struct SeenColumns {
    first: Int64Array,
    last: Int64Array,
    examples: ListArray,
    /// Of all lists.
    texts: Option<StringArray>,
}

impl SeenColumns {
    fn new(columns: &Columns<'_>) -> Result<Self, ReadError> {
        let examples = columns.lists("examples")?;
        Ok(Self {
            first: columns.longs("first_seen")?,
            last: columns.longs("last_seen")?,
            texts: examples.values().as_string_opt().cloned(),
            examples,
        })
    }

    fn times(&self, row: usize) -> (i64, i64) {
        (long(&self.first, row), long(&self.last, row))
    }

    fn add_examples(&self, row: usize, examples: &mut Examples) {
        let Some(texts) = self.texts.as_ref().filter(|_| self.examples.is_valid(row)) else { return };
        let offsets = &self.examples.value_offsets()[row..=row + 1];
        for place in offsets[0] as usize..offsets[1] as usize {
            examples.add_text(text(texts, place));
        }
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

fn double(column: &Float64Array, row: usize) -> f64 {
    if column.is_valid(row) { column.value(row) } else { 0.0 }
}

/// Adds a number of calls to a fixed-point weight.
fn add_weight(total: &mut u64, column: &Float64Array, row: usize) {
    *total = total.saturating_add(weight(column, row));
}

/// Adds nanoseconds to weighted ones.
fn add_sum(total: &mut i128, column: &Int64Array, row: usize) {
    *total = total.saturating_add(sum(column, row));
}

fn add_count(total: &mut u64, column: &Int64Array, row: usize) {
    *total = total.saturating_add(count(column, row));
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
