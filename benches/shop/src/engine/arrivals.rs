//! The arrival of requests from outside.
//!
//! Rates that vary are exact: candidates come as often as at the highest rate, and each is let in with the share that
//! the rate at its time has of the highest one (thinning). Shares are whole numbers.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    core::{Engine, Event},
    frame::Opening,
    record::{Client, Visit},
};
use crate::{
    outcome::{Fault, Outcome},
    random::Dice,
    topology::OperationId,
};

const NANOS_PER_SECOND: f64 = 1e9;
const MILLISECOND: i64 = 1_000_000;
const MOBILE_PER_MILLION: u32 = 380_000;
/// The stream of the random numbers that vary the rate. No flow has this number.
const MODULATION: u64 = u64::MAX;
/// The usual rate, as a relative one.
const USUAL: u64 = 1_000_000;
/// A hundredth of the usual rate.
const PERCENT: u64 = USUAL / 100;

/// How requests come from outside. Times in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Independently of each other, at the usual rate.
    #[default]
    Poisson,
    /// In bursts: a Markov-modulated Poisson process with two states. It begins calm.
    Mmpp { calm: Spell, burst: Spell },
    /// With the time of day: the rate follows a sine, which begins at the usual rate and rises. With an amplitude of
    /// over 100 % nobody comes while the rate would be below zero. Without a period the rate is the usual one.
    Diurnal { period: i64, amplitude_percent: u32 },
    /// From so many users who wait for the answer. Each thinks for an exponentially distributed time, and asks. Who gets
    /// a failure asks the same again after a pause, up to so many times. The usual rate says nothing here; more traffic
    /// shortens the thinking. Times of less than a millisecond count as one.
    Users { count: u32, think: i64, retries: u32, pause: i64 },
}

/// A state of [`Arrivals::Mmpp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// In percent of the usual rate; with 0 nobody comes.
    pub rate_percent: u32,
    /// How long it holds on average, distributed exponentially. Less than a millisecond counts as one.
    pub mean: i64,
}

impl Arrivals {
    /// Requests per second on average where `usual` is the usual rate. That of users who get their answers at once.
    pub fn mean_rate(&self, usual: f64) -> f64 {
        match *self {
            Self::Poisson | Self::Diurnal { .. } => usual,
            Self::Mmpp { calm, burst } => {
                let [calm_time, burst_time] = [calm, burst].map(|spell| spell.mean.max(MILLISECOND) as f64);
                let percent = f64::from(calm.rate_percent) * calm_time + f64::from(burst.rate_percent) * burst_time;
                usual * percent / (calm_time + burst_time) / 100.0
            }
            Self::Users { count, think, .. } => f64::from(count) * NANOS_PER_SECOND / think.max(MILLISECOND) as f64,
        }
    }
}

/// A user of [`Arrivals::Users`], by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserId(usize);

/// What a user wants, and how often he still asks if it fails.
#[derive(Debug, Clone, Copy, Default)]
struct User {
    wish: Option<(Visit, OperationId)>,
    retries_left: u32,
}

/// Where requests come from, and what the rate depends on.
#[derive(Debug)]
pub(super) struct Source {
    arrivals: Arrivals,
    /// Requests per second.
    rate: f64,
    start: i64,
    dice: Dice,
    modulation: Dice,
    /// Whether it is a burst, and until when what there is goes on.
    spell: (bool, i64),
    users: Vec<User>,
}

impl Source {
    pub(super) fn new(arrivals: Arrivals, seed: u64, rate: f64, start: i64) -> Self {
        let mut source = Self {
            arrivals,
            rate: if rate > 0.0 { rate } else { 0.001 },
            start,
            dice: Dice::new(seed, 0),
            modulation: Dice::new(seed, MODULATION),
            spell: (true, start),
            users: Vec::new(),
        };
        if let Arrivals::Users { count, .. } = arrivals {
            source.users = vec![User::default(); count as usize];
        }
        source
    }

    /// The highest relative rate.
    fn highest(&self) -> u64 {
        match self.arrivals {
            Arrivals::Poisson | Arrivals::Users { .. } => USUAL,
            Arrivals::Mmpp { calm, burst } => u64::from(calm.rate_percent.max(burst.rate_percent)) * PERCENT,
            Arrivals::Diurnal { amplitude_percent, .. } => USUAL + u64::from(amplitude_percent) * PERCENT,
        }
    }

    /// The relative rate at a time, which is not before any asked for earlier.
    fn relative_rate(&mut self, now: i64) -> u64 {
        match self.arrivals {
            Arrivals::Poisson | Arrivals::Users { .. } => USUAL,
            Arrivals::Mmpp { calm, burst } => {
                while self.spell.1 <= now {
                    let is_burst = !self.spell.0;
                    let mean = if is_burst { burst.mean } else { calm.mean };
                    let lasts = self.modulation.exponential(mean.max(MILLISECOND) as f64).max(1);
                    self.spell = (is_burst, self.spell.1.saturating_add(lasts));
                }
                u64::from(if self.spell.0 { burst.rate_percent } else { calm.rate_percent }) * PERCENT
            }
            Arrivals::Diurnal { period, amplitude_percent } => {
                let swing = i64::from(amplitude_percent) * PERCENT as i64;
                let above = i128::from(swing) * i128::from(sine(now - self.start, period)) / i128::from(ONE);
                (i128::from(USUAL) + above).max(0) as u64
            }
        }
    }

    /// Whether somebody comes at a time at which somebody would at the highest rate.
    fn lets_in(&mut self, now: i64) -> bool {
        let (rate, highest) = (self.relative_rate(now), self.highest());
        rate > 0 && (rate >= highest || self.modulation.below(highest) < rate)
    }
}

/// The sine of 1, as a whole number.
const ONE: i64 = 1_000_000;

/// The sine of a time with this period, in millionths; 0 without a period. Bhaskara's formula, off by less than 0.002.
fn sine(time: i64, period: i64) -> i64 {
    if period < 2 {
        return 0;
    }
    let half = i128::from(period / 2);
    let phase = i128::from(time).rem_euclid(2 * half);
    let along = phase % half * i128::from(ONE) / half;
    let product = along * (i128::from(ONE) - along) / i128::from(ONE);
    let height = 16 * product * i128::from(ONE) / (5 * i128::from(ONE) - 4 * product);
    (if phase < half { height } else { -height }) as i64
}

impl Engine {
    /// Lets the first requests come.
    pub(super) fn begin_arrivals(&mut self) {
        match self.source.arrivals {
            Arrivals::Users { count, .. } => (0..count as usize).for_each(|user| self.think(UserId(user))),
            Arrivals::Poisson | Arrivals::Mmpp { .. } | Arrivals::Diurnal { .. } => self.schedule_arrival(),
        }
    }

    /// Somebody may come, and somebody else may come after him.
    pub(super) fn arrive(&mut self) {
        if !self.is_open() {
            return;
        }
        self.schedule_arrival();
        if self.source.lets_in(self.now) {
            self.enter(None, None);
        }
    }

    /// A user asks for what he wanted before, or for something else.
    pub(super) fn ask(&mut self, user: UserId) {
        if self.is_open() {
            let wish = self.source.users[user.0].wish;
            self.enter(Some(user), wish);
        }
    }

    /// A user has his answer.
    pub(super) fn user_answered(&mut self, user: UserId, fault: Option<Fault>) {
        let Arrivals::Users { pause, .. } = self.source.arrivals else { return };
        if !self.is_open() {
            return;
        }
        let User { retries_left, wish } = &mut self.source.users[user.0];
        if *retries_left > 0 && Outcome::of(fault).is_failure() {
            *retries_left -= 1;
            self.schedule.push(self.now.saturating_add(pause.max(MILLISECOND)), Event::Ask(user));
        } else {
            *wish = None;
            self.think(user);
        }
    }

    fn think(&mut self, user: UserId) {
        let Arrivals::Users { think, .. } = self.source.arrivals else { return };
        let think = think as f64 * 100.0 / self.traffic();
        let thinks = self.source.dice.exponential(think).max(MILLISECOND);
        self.schedule.push(self.now.saturating_add(thinks), Event::Ask(user));
    }

    fn schedule_arrival(&mut self) {
        let rate = self.source.rate * self.traffic() / 100.0;
        let mean = match self.source.arrivals {
            Arrivals::Poisson => NANOS_PER_SECOND / rate,
            _ => NANOS_PER_SECOND / (rate * self.source.highest().max(1) as f64 / USUAL as f64),
        };
        let gap = self.source.dice.exponential(mean);
        self.schedule.push(self.now.saturating_add(gap), Event::Arrival);
    }

    /// In percent of the usual.
    fn traffic(&self) -> f64 {
        f64::from(self.topology.traffic_at(self.now).max(1))
    }

    /// A request from outside, which may be one that failed before.
    fn enter(&mut self, user: Option<UserId>, again: Option<(Visit, OperationId)>) {
        let mut dice = self.flow_dice();
        let visit = self.visit(&mut dice);
        let topology = Arc::clone(&self.topology);
        let entries = topology.entries();
        let chosen = dice.weighted(entries.iter().map(|entry| entry.weight));
        let Some(entry) = entries.get(chosen) else { return };
        let (visit, operation) = again.map_or((visit, entry.operation), |(earlier, operation)| {
            (Visit { trace: visit.trace, request: visit.request, ..earlier }, operation)
        });
        if let (Some(user), None, Arrivals::Users { retries, .. }) = (user, again, self.source.arrivals) {
            self.source.users[user.0] = User { wish: Some((visit, operation)), retries_left: retries };
        }
        let instance = self.pick_instance(topology.operation(operation).service, &mut dice);
        self.records.traces += 1;
        let opening = Opening { user, ..Opening::from_outside(visit, dice, operation, instance) };
        self.happen(Event::Open(Box::new(opening)));
    }

    fn visit(&mut self, dice: &mut Dice) -> Visit {
        let client = if dice.chance(MOBILE_PER_MILLION) { Client::Mobile } else { Client::Web };
        Visit {
            trace: self.trace_id(dice),
            request: (dice.number(), dice.number()),
            client,
            address: Ipv4Addr::new(198, 51, dice.below(256) as u8, dice.between(1, 254) as u8),
            user: dice.between(1_000, 60_000),
            product: dice.between(1, 4_000),
            order: dice.between(100_000, 999_999),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_one() {
        for degrees in 0..720 {
            let expected = f64::from(degrees).to_radians().sin() * ONE as f64;
            let near = (sine(degrees.into(), 360) as f64 - expected).abs();
            assert!(near < 0.002 * ONE as f64, "{degrees}°: {near}");
        }
        assert_eq!((sine(5, 0), sine(5, -3), sine(-90, 360)), (0, 0, -ONE));
    }
}
