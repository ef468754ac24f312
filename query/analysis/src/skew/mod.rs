//! How far the clocks of hosts are apart, told from calls between them.
//!
//! A server span lies within its client span. By the clocks of their hosts that is so only if the server's clock is ahead
//! of the client's by an amount between `server end - client end` and `server start - client start`. All calls between two
//! hosts in ten minutes together leave a narrow interval. What follows from it is used to compare times of different
//! hosts, never to change durations or stored times.

mod bounds;
mod estimate;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    bounds::Bounds,
    estimate::{BINS, Estimate, estimates},
    tree::{Clock, Edge, clocks},
};
use crate::{context::Context, hash::FastMap, span::Kind, text::Text, trace::Trace};
use spandrel_proto::model::Outcome;

/// Nanoseconds that two times of hosts may differ although the clocks agree.
pub const CLOCK_TOLERANCE: i64 = 50_000;

/// Nanoseconds over which one offset is looked for first, and those that it is halved to if there is none.
const WINDOW: i64 = 600_000_000_000;
const BIN: i64 = WINDOW / BINS as i64;

/// Clocks that are further apart, nanoseconds, are not corrected: that is not skew but a wrong clock.
const MAX_AHEAD: i64 = 300_000_000_000;

/// Pairs of hosts that are kept per bin, and over all bins. The latter are some five windows in which every bin is full.
const MAX_PAIRS: usize = 4096;
const MAX_BOUNDS: usize = 5 * BINS * MAX_PAIRS;

/// How far a clock is ahead of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offset {
    /// Nanoseconds; negative if it is behind.
    pub ahead: i64,
    /// Nanoseconds that `ahead` may be wrong by.
    pub uncertainty: i64,
}

impl Offset {
    /// How many nanoseconds a test of two times may be off.
    pub fn tolerance(self) -> i64 {
        self.uncertainty + CLOCK_TOLERANCE
    }
}

/// Two hosts, the smaller number first.
type Pair = (Text, Text);

/// The offsets of clocks over time. Without calls to tell from, clocks pass for right.
#[derive(Debug, Clone, Default)]
pub struct Skew {
    /// Per bin.
    bounds: BTreeMap<i64, FastMap<Pair, Bounds>>,
    held: usize,
    overflowed: u64,
    /// Windows with calls that the clocks below do not know of.
    unsolved: BTreeSet<i64>,
    /// By the first bin that they hold for, up to the next.
    clocks: BTreeMap<i64, FastMap<Text, Clock>>,
    /// Per window, pairs for which there is no offset that fits all calls, or too great a one.
    suspects: BTreeMap<i64, BTreeSet<Pair>>,
}

/// The clocks of all hosts for a while.
#[derive(Debug, Clone, Copy)]
pub struct Clocks<'a> {
    bin: i64,
    clocks: Option<&'a FastMap<Text, Clock>>,
}

impl Clocks<'_> {
    /// Whether they are those at `time`, too.
    pub fn hold_at(&self, time: i64) -> bool {
        time.div_euclid(BIN) == self.bin
    }

    /// How far the clock of `other` was ahead of that of `one`. For hosts without a chain of calls between them, the
    /// clocks agree.
    pub fn between(&self, one: Text, other: Text) -> Offset {
        let Some(clocks) = self.clocks.filter(|_| one != other) else { return Offset::default() };
        match (clocks.get(&one), clocks.get(&other)) {
            (Some(from), Some(to)) if from.tree == to.tree => Offset {
                ahead: to.ahead - from.ahead,
                uncertainty: match (from.above, to.above) {
                    (_, Some((above, step))) if above == one => step,
                    (Some((above, step)), _) if above == other => step,
                    _ => from.uncertainty + to.uncertainty,
                },
            },
            _ => Offset::default(),
        }
    }
}

impl Skew {
    /// Takes in the calls of a trace. They have effect after [`Skew::solve`].
    pub fn observe(&mut self, trace: &Trace, context: &Context) {
        for server in (0..trace.len()).filter(|span| trace.kind(*span) == Kind::Server) {
            let Some(client) = trace.parent(server).filter(|parent| trace.kind(*parent) == Kind::Client) else {
                continue;
            };
            let (client, server) = (&trace.spans[client], &trace.spans[server]);
            // Whoever gives up ends early, and whoever answers early goes on: neither lies within the other.
            if client.outcome != Outcome::Ok || client.duration() < server.duration() {
                continue;
            }
            let hosts = (context.resource(client.resource).host, context.resource(server.resource).host);
            let least = server.end.saturating_sub(client.end);
            let most = server.start.saturating_sub(client.start);
            self.add(hosts, client.start, (least, most));
        }
    }

    /// Takes in that the second host's clock was between `least` and `most` nanoseconds ahead of the first's.
    fn add(&mut self, (one, other): (Text, Text), time: i64, (least, most): (i64, i64)) {
        if one == other || one.is_none() || other.is_none() {
            return;
        }
        let bin = time.div_euclid(BIN);
        // What is further apart than that is not corrected anyway.
        let (least, most) = (least.clamp(-WINDOW, WINDOW), most.clamp(-WINDOW, WINDOW));
        let (pair, least, most) = if one < other { ((one, other), least, most) } else { ((other, one), -most, -least) };
        let bounds = self.bounds.entry(bin).or_default();
        if !bounds.contains_key(&pair) {
            if self.held >= MAX_BOUNDS || bounds.len() >= MAX_PAIRS {
                self.overflowed += 1;
                return;
            }
            self.held += 1;
        }
        if bounds.entry(pair).or_default().add(least, most) {
            self.unsolved.insert(bin.div_euclid(BINS as i64));
        }
    }

    /// Brings the offsets of all windows up to date with the calls observed.
    pub fn solve(&mut self) {
        for window in std::mem::take(&mut self.unsolved) {
            self.solve_window(window);
        }
    }

    fn solve_window(&mut self, window: i64) {
        let first = window * BINS as i64;
        let last = first + BINS as i64;
        let mut pairs: BTreeMap<Pair, Vec<(usize, &Bounds)>> = BTreeMap::new();
        for (bin, bounds) in self.bounds.range(first..last) {
            for (pair, bounds) in bounds {
                pairs.entry(*pair).or_default().push(((bin - first) as usize, bounds));
            }
        }
        let mut edges: [Vec<Edge>; BINS] = Default::default();
        let mut suspects = BTreeSet::new();
        for (pair, bounds) in pairs {
            for (bins, Estimate { ahead, uncertainty, is_consistent }) in estimates(&bounds) {
                if !is_consistent || ahead.abs() > MAX_AHEAD {
                    suspects.insert(pair);
                }
                if ahead.abs() <= MAX_AHEAD {
                    edges[bins].iter_mut().for_each(|edges| edges.push(Edge { pair, ahead, uncertainty }));
                }
            }
        }
        for edges in &mut edges {
            edges.sort_by_key(|edge| edge.uncertainty);
            edges.truncate(MAX_PAIRS);
        }
        self.clocks.retain(|bin, _| !(first..last).contains(bin));
        for bin in 0..BINS {
            if bin == 0 || edges[bin] != edges[bin - 1] {
                self.clocks.insert(first + bin as i64, clocks(&edges[bin]));
            }
        }
        self.suspects.insert(window, suspects);
    }

    /// [`Clocks::between`] at about `time`.
    pub fn between(&self, one: Text, other: Text, time: i64) -> Offset {
        if one == other { Offset::default() } else { self.at(time).between(one, other) }
    }

    /// The clocks at about `time`.
    pub fn at(&self, time: i64) -> Clocks<'_> {
        Clocks { bin: time.div_euclid(BIN), clocks: self.clocks_at(time) }
    }

    /// How far the clock of `host` was ahead at about `time`, compared to the first host of those that it has to do with.
    pub fn offset(&self, host: Text, time: i64) -> Offset {
        let clock = self.clocks_at(time).and_then(|clocks| clocks.get(&host));
        clock.map_or(Offset::default(), |clock| Offset { ahead: clock.ahead, uncertainty: clock.uncertainty })
    }

    /// The clocks at `time`. Those of a window serve for the next one, too, until it has its own.
    fn clocks_at(&self, time: i64) -> Option<&FastMap<Text, Clock>> {
        let bin = time.div_euclid(BIN);
        let (first, clocks) = self.clocks.range(..=bin).next_back()?;
        (bin - first < 2 * BINS as i64).then_some(clocks)
    }

    /// Pairs of hosts whose calls in the ten minutes around `time` fit no offset of their clocks, or one of more than five
    /// minutes.
    pub fn suspects(&self, time: i64) -> impl Iterator<Item = (Text, Text)> + '_ {
        self.suspects.get(&time.div_euclid(WINDOW)).into_iter().flatten().copied()
    }

    /// Whether no offsets are known at all.
    pub fn is_empty(&self) -> bool {
        self.clocks.is_empty()
    }

    /// Calls that were not taken in because too many pairs of hosts were kept.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Forgets the windows that ended before `time`.
    pub fn forget_before(&mut self, time: i64) {
        let window = time.div_euclid(WINDOW);
        let bin = window * BINS as i64;
        self.bounds = self.bounds.split_off(&bin);
        self.clocks = self.clocks.split_off(&bin);
        self.suspects = self.suspects.split_off(&window);
        self.unsolved = self.unsolved.split_off(&window);
        self.held = self.bounds.values().map(FastMap::len).sum();
    }

    /// Bytes of memory held, roughly.
    pub fn size(&self) -> usize {
        let clocks: usize = self.clocks.values().map(FastMap::len).sum();
        let suspects: usize = self.suspects.values().map(BTreeSet::len).sum();
        self.held * 2 * size_of::<(Pair, Bounds)>()
            + clocks * 2 * size_of::<(Text, Clock)>()
            + suspects * 2 * size_of::<Pair>()
    }
}
