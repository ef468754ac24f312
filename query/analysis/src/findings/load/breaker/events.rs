//! What breakers say of themselves: rows of `breakers`.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::{Array, AsArray, StringArray},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};

use crate::{
    analysed::{MINUTE, minute_of},
    context::Context,
    findings::shared::{Additive, Extent, PerMinute, Window},
    text::Text,
};

/// The most breakers a minute, and changes of state of one breaker a minute.
const MAX_KEYS: usize = 4096;
const MAX_CHANGES: usize = 256;
/// A breaker that says nothing for this long is not known to be open.
const MAX_SILENCE: i64 = 15 * MINUTE;

/// A breaker as its rows name it; texts that are not said are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BreakerKey {
    pub(super) service: Text,
    pub(super) breaker: Text,
    pub(super) peer: Text,
    pub(super) address: Text,
    pub(super) variety: Variety,
}

/// What guards the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Variety {
    /// Opens when too many calls fail.
    Breaker,
    /// A cap on concurrency that is met.
    Overflow,
    /// Hosts are taken out of a group.
    Ejection,
}

impl Variety {
    fn of(system: &str, event: &str) -> Variety {
        match (system, event) {
            (_, "eject" | "uneject") | ("nginx" | "haproxy" | "kong" | "apache", _) => Variety::Ejection,
            ("envoy", _) => Variety::Overflow,
            _ => Variety::Breaker,
        }
    }

    /// The text in the `subkind` column.
    pub(super) fn subkind(self) -> Option<&'static str> {
        match self {
            Variety::Breaker => None,
            Variety::Overflow => Some("overflow"),
            Variety::Ejection => Some("ejection"),
        }
    }
}

/// Events of one breaker in one minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    /// When it opened (`true`) or closed. Several records of one change at one time are one.
    changes: BTreeSet<(i64, bool)>,
    pub(super) refused: u64,
    /// When calls were refused.
    pub(super) refusals: Extent,
    pub(super) fallbacks: u64,
    /// A record says so explicitly.
    pub(super) is_explicit: bool,
    pub(super) traces: BTreeSet<u128>,
}

impl Additive for Events {
    fn add(&mut self, other: &Self) {
        self.changes.extend(&other.changes);
        self.refused += other.refused;
        self.refusals.add(&other.refusals);
        self.fallbacks += other.fallbacks;
        self.is_explicit |= other.is_explicit;
        self.traces.extend(&other.traces);
        while self.traces.len() > MAX_TRACES {
            self.traces.pop_last();
        }
    }

    fn extra_size(&self) -> usize {
        self.changes.len() * 24 + self.traces.len() * 24
    }
}

const MAX_TRACES: usize = 6;

/// Events per minute, and which breakers were open before the first minute that is kept.
#[derive(Debug)]
pub(super) struct EventLog {
    events: PerMinute<BreakerKey, Events>,
    /// Since when, and whether explicitly.
    open_before: BTreeMap<BreakerKey, (i64, bool)>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { events: PerMinute::new(MAX_KEYS), open_before: BTreeMap::new() }
    }
}

impl EventLog {
    pub(super) fn observe(&mut self, batch: &RecordBatch, context: &mut Context) {
        let texts = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let Some(times) = batch.column_by_name("time").and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
            return;
        };
        let columns =
            ["system", "event", "basis", "service_name", "breaker", "peer_service", "server_address"].map(texts);
        let ids = batch.column_by_name("trace_id").and_then(|column| column.as_binary_opt::<i32>());
        for row in 0..batch.num_rows() {
            let [system, event, basis, service, breaker, peer, address] = columns.map(|column| text_at(column, row));
            let trace = ids.filter(|ids| ids.is_valid(row)).and_then(|ids| ids.value(row).try_into().ok());
            let key = BreakerKey {
                service: context.texts.intern(service),
                breaker: context.texts.intern(breaker),
                peer: context.texts.intern(peer),
                address: context.texts.intern(address),
                variety: Variety::of(system, event),
            };
            self.count(key, times.value(row), event, basis == "explicit", trace.map(u128::from_be_bytes));
        }
    }

    fn count(&mut self, key: BreakerKey, time: i64, event: &str, is_explicit: bool, trace: Option<u128>) {
        let change = match event {
            "trip" | "half_open" | "eject" => Some(true),
            "close" | "uneject" => Some(false),
            // A refusal that is merely concluded has other causes too: no host is left, the host is down.
            "short_circuit" if is_explicit => None,
            "fallback" => None,
            _ => return,
        };
        let Some(events) = self.events.at(minute_of(time), key) else { return };
        match change {
            Some(is_open) => {
                events.changes.insert((time, is_open));
                if events.changes.len() > MAX_CHANGES {
                    events.changes.pop_last();
                }
            }
            None if event == "fallback" => events.fallbacks += 1,
            None => {
                events.refused += 1;
                events.refusals.see(time, time);
            }
        }
        events.is_explicit |= is_explicit;
        events.traces.extend(trace);
        while events.traces.len() > MAX_TRACES {
            events.traces.pop_last();
        }
    }

    /// Events of each breaker in a window; also breakers that are open and silent.
    pub(super) fn breakers(&self, window: Window) -> BTreeMap<BreakerKey, Events> {
        let mut breakers = self.events.sums(window);
        for (key, (_, is_explicit)) in &self.open_before {
            breakers.entry(*key).or_default().is_explicit |= is_explicit;
        }
        breakers
    }

    /// What one breaker said in a window.
    pub(super) fn sum(&self, window: Window, key: &BreakerKey) -> Events {
        self.events.sum(window, key)
    }

    /// When the breaker was open up to the end of a window: `[from, to)`.
    pub(super) fn open_intervals(&self, window: Window, key: &BreakerKey) -> Vec<(i64, i64)> {
        let mut intervals = Vec::new();
        let mut open = self.open_before.get(key).map(|(since, _)| *since);
        let mut last = open.unwrap_or(i64::MIN);
        let minutes = Window { from: i64::MIN, to: window.to };
        for (_, events) in self.events.of_key(minutes, key) {
            for (time, is_open) in &events.changes {
                match (is_open, open) {
                    (true, None) => open = Some(*time),
                    (false, Some(from)) => {
                        intervals.push((from, *time));
                        open = None;
                    }
                    _ => {}
                }
                last = *time;
            }
            if !events.refusals.is_empty() {
                last = last.max(events.refusals.last);
            }
        }
        if let Some(from) = open {
            let to = if window.to.saturating_sub(last) > MAX_SILENCE { last } else { window.to };
            intervals.push((from, to));
        }
        intervals
    }

    pub(super) fn forget_before(&mut self, minute: i64) {
        let forgotten = Window { from: i64::MIN, to: minute };
        for (_, key, events) in self.events.each(forgotten) {
            for (time, is_open) in &events.changes {
                if !is_open {
                    self.open_before.remove(key);
                } else if self.open_before.len() < MAX_KEYS {
                    self.open_before.entry(*key).or_insert((*time, events.is_explicit));
                }
            }
        }
        self.open_before.retain(|_, (since, _)| minute.saturating_sub(*since) < 4 * MAX_SILENCE);
        self.events.forget_before(minute);
    }

    pub(super) fn size(&self) -> usize {
        self.events.size() + self.open_before.len() * 48
    }
}

fn text_at(column: Option<&StringArray>, row: usize) -> &str {
    column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row))
}
