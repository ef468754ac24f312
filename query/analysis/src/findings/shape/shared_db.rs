//! `SHARED_DB`: several services work on the same data behind each other's back.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{CLOSING, LONG, MAX_KEYS, Seen, candidate, note_overflow, sorted};
use crate::{
    analysed::{Analysed, minute_of},
    context::NodeId,
    findings::{
        Candidate, Detector, Evaluation, FindingKind, Harm, Method, Subject, Value, magnitude,
        shared::{
            Additive, Extent, PerMinute, Window, names,
            roles::{is_maintenance, is_meant_for_sharing},
            sql,
        },
    },
    hops::{Hop, HopFlags, HopKind},
    span::{Access, ServiceId},
    text::Text,
};

/// Accesses of one sort that a service makes before it counts as a reader or writer.
const MIN_ACCESSES: u64 = 10;
/// So many writers are as bad as it gets.
const CRITICAL_WRITERS: f64 = 5.0;
/// What is left of the confidence if it is not known what some accesses do.
const UNKNOWN_ACCESS: f64 = 0.7;

/// Who reads and who writes what.
#[derive(Debug)]
pub(super) struct SharedDb {
    accesses: PerMinute<(Data, ServiceId), Accesses>,
}

/// A collection; without a name, all of a namespace of which no collections are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Data {
    database: NodeId,
    schema: Text,
    collection: Text,
}

#[derive(Debug, Clone, Default)]
struct Accesses {
    reads: Seen,
    writes: Seen,
    unknown: Seen,
}

impl Additive for Accesses {
    fn add(&mut self, other: &Self) {
        self.reads.add(&other.reads);
        self.writes.add(&other.writes);
        self.unknown.add(&other.unknown);
    }

    fn extra_size(&self) -> usize {
        self.reads.extra_size() + self.writes.extra_size() + self.unknown.extra_size()
    }
}

impl SharedDb {
    pub(super) fn new() -> Self {
        Self { accesses: PerMinute::new(MAX_KEYS) }
    }

    fn count(&mut self, analysed: &Analysed<'_>, hop: &Hop) {
        let (Some(serving), Some(client)) = (hop.parent, hop.client) else { return };
        let service = analysed.service(serving);
        let root = analysed.entry(serving).span;
        // Jobs (migrations, backups, exports) go past the owner by design.
        let is_job = !analysed.trace.kind(root as usize).serves();
        if is_job || is_maintenance(analysed.context, service) {
            return;
        }
        let collection_of = |span: u32| analysed.context.peer(analysed.span(span).peer).collection;
        let collection = collection_of(client).or(hop.wire.map_or(Text::NONE, collection_of));
        let (span, data) = (analysed.span(client), Data { database: hop.callee, schema: hop.schema, collection });
        let Some(accesses) = self.accesses.at(minute_of(hop.start), (data, service)) else { return };
        let of_sort = match hop.access {
            Access::Read => &mut accesses.reads,
            Access::Write => &mut accesses.writes,
            Access::Unknown => &mut accesses.unknown,
        };
        of_sort.see_during(span, hop.weight, (hop.start, hop.end));
    }
}

impl Detector for SharedDb {
    fn observe(&mut self, analysed: &Analysed<'_>) {
        for hop in &analysed.hops.hops {
            // Where the address is not known, the node is the caller's own and says nothing of others.
            if hop.kind == HopKind::Database && !hop.flags.contains(HopFlags::ADDRESS_UNKNOWN) {
                self.count(analysed, hop);
            }
        }
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<Candidate> {
        let window = Window::of(evaluation, LONG);
        let mut by_data: BTreeMap<Data, BTreeMap<ServiceId, Accesses>> = BTreeMap::new();
        for ((data, service), accesses) in self.accesses.sums(window) {
            by_data.entry(data).or_default().insert(service, accesses);
        }
        let named: BTreeSet<(NodeId, Text)> =
            by_data.keys().filter(|data| !data.collection.is_none()).map(|data| (data.database, data.schema)).collect();
        let mut best: BTreeMap<Subject, Candidate> = BTreeMap::new();
        for (data, accesses) in &by_data {
            let is_partly_named = data.collection.is_none() && named.contains(&(data.database, data.schema));
            let name = evaluation.context.texts.get(data.collection.or(data.schema));
            if is_partly_named || name.is_empty() || is_meant_for_sharing(name) {
                continue;
            }
            let Some(found) = self.candidate(evaluation, window, *data, accesses) else { continue };
            // Collections of one name in several namespaces of a database are one subject.
            match best.get(&found.subject) {
                Some(known) if (known.fires, known.score()) >= (found.fires, found.score()) => {}
                _ => {
                    best.insert(found.subject.clone(), found);
                }
            }
        }
        sorted(best.into_values().collect())
    }

    fn horizon(&self) -> i64 {
        LONG
    }

    fn forget_before(&mut self, minute: i64) {
        self.accesses.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.accesses.size()
    }
}

/// Who reads and who writes one collection.
#[derive(Debug)]
struct Owners {
    writers: BTreeSet<ServiceId>,
    /// Those that read and do not write.
    readers: BTreeSet<ServiceId>,
}

impl Owners {
    fn of(accesses: &BTreeMap<ServiceId, Accesses>, min_accesses: u64) -> Self {
        let is_enough = |seen: &Seen| seen.count.records >= min_accesses && seen.is_repeated();
        let writers: BTreeSet<ServiceId> =
            accesses.iter().filter(|(_, accesses)| is_enough(&accesses.writes)).map(|(service, _)| *service).collect();
        let reads = |accesses: &Accesses| {
            let mut reads = accesses.reads.clone();
            reads.add(&accesses.unknown);
            reads
        };
        let readers = accesses.iter().filter(|(service, _)| !writers.contains(service));
        let readers = readers.filter(|(_, accesses)| is_enough(&reads(accesses))).map(|(service, _)| *service);
        Self { readers: readers.collect(), writers }
    }

    fn is_shared(&self) -> bool {
        self.writers.len() >= 2 || (self.writers.len() == 1 && !self.readers.is_empty())
    }

    fn all(&self) -> Vec<ServiceId> {
        self.writers.union(&self.readers).copied().collect()
    }

    /// From when to when the data was shared: while there was another one beside the first, or the last.
    fn extent(&self, accesses: &BTreeMap<ServiceId, Accesses>) -> Option<Extent> {
        let writes = self.writers.iter().filter_map(|service| Some(accesses.get(service)?.writes.extent));
        let reads = self.readers.iter().filter_map(|service| {
            let Accesses { reads, unknown, .. } = accesses.get(service)?;
            let mut extent = reads.extent;
            extent.add(&unknown.extent);
            Some(extent)
        });
        let of_readers = reads.reduce(|mut one, other| {
            one.add(&other);
            one
        });
        // Readers are with the writer, not with each other.
        let extents: Vec<Extent> = writes.chain(of_readers).collect();
        let mut firsts: Vec<i64> = extents.iter().map(|extent| extent.first).collect();
        let mut lasts: Vec<i64> = extents.iter().map(|extent| extent.last).collect();
        firsts.sort_unstable();
        lasts.sort_unstable_by(|one, other| other.cmp(one));
        let (first, last) = (*firsts.get(1)?, *lasts.get(1)?);
        Some(Extent { first, last: last.max(first) })
    }
}

impl SharedDb {
    fn candidate(
        &self,
        evaluation: &Evaluation<'_>,
        window: Window,
        data: Data,
        accesses: &BTreeMap<ServiceId, Accesses>,
    ) -> Option<Candidate> {
        let closing = Owners::of(accesses, (MIN_ACCESSES as f64 * CLOSING) as u64);
        let opening = Owners::of(accesses, MIN_ACCESSES);
        let fires = opening.is_shared();
        let owners = if fires { opening } else { closing };
        if !owners.is_shared() {
            return None;
        }
        let all = owners.all();
        let mut seen = Seen::default();
        let mut unknown = 0;
        for accesses in all.iter().filter_map(|service| accesses.get(service)) {
            seen.add(&accesses.reads);
            seen.add(&accesses.writes);
            seen.add(&accesses.unknown);
            unknown += accesses.unknown.count.records;
        }
        seen.extent = owners.extent(accesses).unwrap_or(seen.extent);
        let is_strong = owners.writers.len() >= 2;
        let mut found = candidate(FindingKind::SharedDb, subject(evaluation, data), window, &seen);
        found.fires = fires;
        found.subkind = Some(if is_strong { "writers" } else { "readers" });
        // Without the collection's name it is only likely that all mean the same data.
        found.method = if data.collection.is_none() { Method::Inferred } else { Method::Measured };
        let magnitude = magnitude(owners.writers.len().max(1) as f64, 2.0, CRITICAL_WRITERS);
        found.harm = Harm::Risk { share: evaluation.demand.presence.share(window, &all), magnitude };
        found.completeness = names::completeness(evaluation, window, &all);
        if unknown > 0 {
            found.completeness *= UNKNOWN_ACCESS;
            found.evidence.caveats.push("What some statements do is not known; they count as reads.".to_owned());
        }
        found.evidence.measure = owners.writers.len() as f64;
        found.evidence.threshold = 2.0;
        found.evidence.details = vec![("services", Value::Rows(matrix(evaluation, &all, accesses)))];
        note_overflow(&mut found, self.accesses.overflowed());
        found.sql = statement(evaluation, window, data, &found.subject.service, &all);
        found.remedy =
            "Let one service own the data and offer it by an API or events; or give readers a replica of their own."
                .to_owned();
        Some(found)
    }
}

fn subject(evaluation: &Evaluation<'_>, data: Data) -> Subject {
    let node = evaluation.context.node(data.database);
    let service = names::node(evaluation, data.database);
    let target = evaluation.context.texts.get(data.collection.or(data.schema)).to_owned();
    Subject {
        text: format!("{service} {target}"),
        service,
        operation: None,
        target: Some(target),
        environment: names::text(evaluation, node.environment),
    }
}

fn matrix(
    evaluation: &Evaluation<'_>,
    services: &[ServiceId],
    accesses: &BTreeMap<ServiceId, Accesses>,
) -> Vec<Vec<(&'static str, Value)>> {
    let mut rows: Vec<(String, &Accesses)> = services
        .iter()
        .filter_map(|service| Some((names::service(evaluation, *service), accesses.get(service)?)))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter()
        .map(|(service, accesses)| {
            vec![
                ("service", Value::Text(service)),
                ("reads", Value::Count(accesses.reads.count.records)),
                ("writes", Value::Count(accesses.writes.count.records)),
                ("unknown", Value::Count(accesses.unknown.count.records)),
            ]
        })
        .collect()
}

fn statement(
    evaluation: &Evaluation<'_>,
    window: Window,
    data: Data,
    database: &str,
    services: &[ServiceId],
) -> String {
    let mut services: Vec<String> = services.iter().map(|service| names::service(evaluation, *service)).collect();
    services.sort();
    let texts = &evaluation.context.texts;
    if data.collection.is_none() {
        return sql::select(
            "time, source, target, db_namespace, operation, requests",
            "edges",
            window,
            &[
                sql::equals("target", database),
                sql::equals("db_namespace", texts.get(data.schema)),
                sql::one_of("source", &services),
            ],
        );
    }
    sql::select(
        "start_time, service_name, db_operation_name, db_namespace, server_address, trace_id",
        "spans",
        window,
        &[sql::equals("db_collection_name", texts.get(data.collection)), sql::one_of("service_name", &services)],
    )
}
