//! The counts of one minute.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use super::{Calls, Examples, Sign};
use crate::{
    context::NodeId,
    hash::FastMap,
    hops::HopKind,
    sketch::Sketch,
    span::{Protocol, ServiceId},
    text::Text,
};

/// Who says it. Views are never added up.
///
/// Operations: in the server's view what services' own `SERVER` and `CONSUMER` spans say, in the client's view the roots
/// that do not serve (jobs), in the gateway's view what proxies say of the service behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    Client,
    Server,
    Gateway,
}

impl View {
    /// The text in the `view` column.
    pub fn as_str(self) -> &'static str {
        match self {
            View::Client => "client",
            View::Server => "server",
            View::Gateway => "gateway",
        }
    }

    pub(super) fn from_text(text: &str) -> Option<View> {
        [View::Client, View::Server, View::Gateway].into_iter().find(|view| view.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationKey {
    pub service: ServiceId,
    pub operation: Text,
    pub view: View,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeKey {
    pub source: NodeId,
    pub target: NodeId,
    pub kind: HopKind,
    pub protocol: Protocol,
    pub operation: Text,
    /// `db.namespace`.
    pub schema: Text,
    pub view: View,
}

impl Hash for EdgeKey {
    /// In two steps rather than one for each field.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { source, target, kind, protocol, operation, schema, view } = *self;
        let wide = |upper: u32, lower: u32| u64::from(upper) << 32 | u64::from(lower);
        let pair = |upper: u64, lower: u64| u128::from(upper) << 64 | u128::from(lower);
        let small = u32::from_le_bytes([kind as u8, protocol as u8, view as u8, 0]);
        state.write_u128(pair(wide(source.0, target.0), wide(operation.number(), schema.number())));
        state.write_u32(small);
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationStats {
    pub calls: Calls,
    /// Fixed-point weight of those that came from outside. None in the gateway's view, so that those of all views add up.
    pub entries: u64,
    /// Weighted nanoseconds in which the service itself worked on it: no child of its spans ran, and none was a client.
    pub self_time: i128,
    /// When the first and the last began. They stay as they are when calls are taken away.
    pub first_seen: i64,
    pub last_seen: i64,
    pub examples: Examples,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeStats {
    pub calls: Calls,
    /// Fixed-point weights.
    pub attempts: u64,
    /// Of calls that were waited for, and of those that were waited for on the critical path.
    pub sync: u64,
    pub blocking: u64,
    /// Of calls of which both sides are there.
    pub paired: u64,
    /// Weighted nanoseconds, of paired calls: client's duration less the server's.
    pub network: i128,
    /// Of deliveries: from sending to handling.
    pub queue_delay: Sketch,
    /// Deliveries that arrived before they were sent.
    pub negative_delays: u64,
    pub first_seen: i64,
    pub last_seen: i64,
    pub examples: Examples,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathKey {
    pub entry_service: ServiceId,
    pub entry_operation: Text,
    pub service: ServiceId,
    pub operation: Text,
}

/// The time that an operation owns of the requests of an entry operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathStats {
    /// Weighted nanoseconds.
    pub exclusive: i128,
    /// Fixed-point weight of the entries in which it owns some.
    pub presence: u64,
}

/// What was there to be analysed, per service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageStats {
    pub spans: u64,
    pub orphans: u64,
    pub duplicates: u64,
    pub cycles: u64,
    pub id_clashes: u64,
    /// Client spans whose callee is known to send spans and sent none, and those whose callee did.
    pub unpaired_clients: u64,
    pub paired_clients: u64,
    /// Server spans whose caller is another service without a client span.
    pub clients_missing: u64,
    pub negative_durations: u64,
    pub alias_conflicts: u64,
    pub skew_suspects: u64,
}

/// All counts of one minute.
#[derive(Debug, Clone, Default)]
pub struct Minute {
    pub operations: FastMap<OperationKey, OperationStats>,
    pub edges: FastMap<EdgeKey, EdgeStats>,
    pub paths: FastMap<PathKey, PathStats>,
    pub coverage: FastMap<ServiceId, CoverageStats>,
    /// Changes that were made to the operation `_other`, because there were too many operations, or to nothing.
    pub overflowed: u64,
    /// Whether anything changed since somebody last set it to `false`.
    pub is_dirty: bool,
}

/// How many operations, edges or parts of paths a minute has. Beyond it, operations become one; beyond twice as many,
/// nothing more is counted. A minute that has overflowed keeps all its keys, so that what was counted under one key is
/// taken away from the same.
const MAX_KEYS: usize = 50_000;

impl Minute {
    pub(super) fn change_operation(&mut self, key: OperationKey, change: impl FnOnce(&mut OperationStats)) {
        self.is_dirty = true;
        let other = |key| OperationKey { operation: Text::OTHER, ..key };
        update(&mut self.operations, MAX_KEYS, (key, other), &mut self.overflowed, |stats| {
            change(stats);
            stats.calls.is_empty()
        });
    }

    pub(super) fn change_edge(&mut self, key: EdgeKey, change: impl FnOnce(&mut EdgeStats)) {
        self.is_dirty = true;
        let other = |key| EdgeKey { operation: Text::OTHER, ..key };
        update(&mut self.edges, MAX_KEYS, (key, other), &mut self.overflowed, |stats| {
            change(stats);
            stats.calls.is_empty()
        });
    }

    pub(super) fn change_path(&mut self, key: PathKey, change: impl FnOnce(&mut PathStats)) {
        self.is_dirty = true;
        let other = |key| PathKey { entry_operation: Text::OTHER, operation: Text::OTHER, ..key };
        update(&mut self.paths, MAX_KEYS, (key, other), &mut self.overflowed, |stats| {
            change(stats);
            stats.presence == 0
        });
    }

    pub(super) fn change_coverage(&mut self, service: ServiceId, change: impl FnOnce(&mut CoverageStats)) {
        self.is_dirty = true;
        let stats = self.coverage.entry(service).or_default();
        change(stats);
        if *stats == CoverageStats::default() {
            self.coverage.remove(&service);
        }
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.edges.is_empty() && self.paths.is_empty() && self.coverage.is_empty()
    }

    /// Adds the counts of another minute. The numbers of both must be of the same context.
    pub fn merge(&mut self, other: &Minute) {
        for (key, stats) in &other.operations {
            self.change_operation(*key, |sum| sum.merge(stats));
        }
        for (key, stats) in &other.edges {
            self.change_edge(*key, |sum| sum.merge(stats));
        }
        for (key, stats) in &other.paths {
            self.change_path(*key, |sum| {
                sum.exclusive = sum.exclusive.saturating_add(stats.exclusive);
                sum.presence = sum.presence.saturating_add(stats.presence);
            });
        }
        for (service, stats) in &other.coverage {
            self.change_coverage(*service, |sum| sum.change(Sign::Add, stats));
        }
        self.overflowed = self.overflowed.saturating_add(other.overflowed);
    }

    /// Bytes of memory held, roughly. Takes time in proportion to the number of keys.
    pub fn size(&self) -> usize {
        let operations = self.operations.values().map(|stats| stats.calls.size() + EXAMPLES_SIZE).sum::<usize>();
        let edges = self.edges.values().map(|stats| stats.calls.size() + stats.queue_delay.size() + EXAMPLES_SIZE);
        operations
            + edges.sum::<usize>()
            + self.operations.capacity() * size_of::<(OperationKey, OperationStats)>()
            + self.edges.capacity() * size_of::<(EdgeKey, EdgeStats)>()
            + self.paths.capacity() * size_of::<(PathKey, PathStats)>()
            + self.coverage.capacity() * size_of::<(ServiceId, CoverageStats)>()
    }
}

/// Bytes that the lists of examples usually take.
const EXAMPLES_SIZE: usize = 3 * 4 * 32;

/// Changes the counts of `key`, or of what `other` makes of it if there are `max` keys without it. `change` says whether
/// they are empty after it.
fn update<K: Copy + Eq + Hash, V: Default>(
    counts: &mut FastMap<K, V>,
    max: usize,
    (key, other): (K, impl FnOnce(K) -> K),
    overflowed: &mut u64,
    change: impl FnOnce(&mut V) -> bool,
) {
    if let Some(stats) = counts.get_mut(&key) {
        if change(stats) && *overflowed == 0 {
            counts.remove(&key);
        }
        return;
    }
    let mut key = key;
    if counts.len() >= max {
        *overflowed = overflowed.saturating_add(1);
        key = other(key);
        if counts.len() >= 2 * max && !counts.contains_key(&key) {
            return;
        }
    }
    let is_empty = change(counts.entry(key).or_default());
    if is_empty && *overflowed == 0 {
        counts.remove(&key);
    }
}

impl OperationStats {
    /// Notes that there was something at `time`. To be called before it is counted.
    pub(super) fn see(&mut self, time: i64) {
        self.see_between(time, time);
    }

    /// As [`Self::see`], of several.
    pub(super) fn see_between(&mut self, first: i64, last: i64) {
        see(&mut self.first_seen, &mut self.last_seen, self.calls.is_empty(), first, last);
    }

    pub fn merge(&mut self, other: &OperationStats) {
        self.see_between(other.first_seen, other.last_seen);
        self.calls.merge(&other.calls);
        self.entries = self.entries.saturating_add(other.entries);
        self.self_time = self.self_time.saturating_add(other.self_time);
        self.examples.merge(&other.examples);
    }
}

impl EdgeStats {
    /// Notes that there was something at `time`. To be called before it is counted.
    pub(super) fn see(&mut self, time: i64) {
        self.see_between(time, time);
    }

    /// As [`Self::see`], of several.
    pub(super) fn see_between(&mut self, first: i64, last: i64) {
        see(&mut self.first_seen, &mut self.last_seen, self.calls.is_empty(), first, last);
    }

    pub fn merge(&mut self, other: &EdgeStats) {
        self.see_between(other.first_seen, other.last_seen);
        self.calls.merge(&other.calls);
        let sums =
            [&mut self.attempts, &mut self.sync, &mut self.blocking, &mut self.paired, &mut self.negative_delays];
        let others = [other.attempts, other.sync, other.blocking, other.paired, other.negative_delays];
        for (sum, other) in sums.into_iter().zip(others) {
            *sum = sum.saturating_add(other);
        }
        self.network = self.network.saturating_add(other.network);
        self.queue_delay.merge(&other.queue_delay);
        self.examples.merge(&other.examples);
    }

    /// Share of calls that were waited for.
    pub fn sync_ratio(&self) -> f64 {
        share(self.sync, self.calls.weight())
    }

    /// Share of calls that were waited for on the critical path.
    pub fn blocking_ratio(&self) -> f64 {
        share(self.blocking, self.calls.weight())
    }
}

fn see(first: &mut i64, last: &mut i64, is_new: bool, from: i64, until: i64) {
    *first = if is_new { from } else { from.min(*first) };
    *last = if is_new { until } else { until.max(*last) };
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl CoverageStats {
    pub(super) fn change(&mut self, sign: Sign, by: &CoverageStats) {
        for (sum, by) in self.counts_mut().into_iter().zip(by.counts()) {
            sign.count(sum, by);
        }
    }

    /// All counts in the order of their columns.
    pub fn counts(&self) -> [u64; 11] {
        let mut copy = *self;
        copy.counts_mut().map(|count| *count)
    }

    pub(super) fn counts_mut(&mut self) -> [&mut u64; 11] {
        [
            &mut self.spans,
            &mut self.orphans,
            &mut self.duplicates,
            &mut self.cycles,
            &mut self.id_clashes,
            &mut self.unpaired_clients,
            &mut self.paired_clients,
            &mut self.clients_missing,
            &mut self.negative_durations,
            &mut self.alias_conflicts,
            &mut self.skew_suspects,
        ]
    }
}

/// Minutes by their first nanosecond.
pub type Minutes = BTreeMap<i64, Minute>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_keys_become_one_and_what_is_taken_away_is_taken_from_there() {
        let (mut counts, mut overflowed) = (FastMap::default(), 0);
        let mut add = |key: &'static str, by: i64| {
            update(&mut counts, 2, (key, |_| "other"), &mut overflowed, |sum: &mut i64| {
                *sum += by;
                *sum == 0
            });
            let mut sums: Vec<_> = counts.iter().map(|(key, sum)| (*key, *sum)).collect();
            sums.sort_unstable();
            (sums, overflowed)
        };
        assert_eq!(add("a", 1), (vec![("a", 1)], 0));
        assert_eq!(add("a", -1), (vec![], 0));
        add("a", 1);
        add("b", 1);
        assert_eq!(add("c", 5), (vec![("a", 1), ("b", 1), ("other", 5)], 1));
        assert_eq!(add("a", -1), (vec![("a", 0), ("b", 1), ("other", 5)], 1));
        assert_eq!(add("d", 2), (vec![("a", 0), ("b", 1), ("other", 7)], 2));
        assert_eq!(add("c", -5), (vec![("a", 0), ("b", 1), ("other", 2)], 3));
    }
}
