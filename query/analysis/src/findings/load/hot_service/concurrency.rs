//! How many requests a process works on at a time, and how many it can.

use crate::{
    analysed::MINUTE,
    findings::shared::{Additive, Window, number},
};

/// Ten seconds, in nanoseconds, and how many of them are in a minute.
const BIN: i64 = 10_000_000_000;
const BINS: usize = (MINUTE / BIN) as usize;
/// Fewer requests in a bin say nothing of how long they take, and fewer bins nothing of a knee.
const MIN_REQUESTS: f64 = 30.0;
const MIN_BINS: usize = 24;
/// Beyond its knee a process takes this many times as long for a request, in so many bins in a row.
const SLOWER: f64 = 1.5;
const IN_A_ROW: usize = 3;
/// Slow requests alone fill a process (Little's law): at a knee there are this many times as many requests as well.
const MORE: f64 = 1.2;
/// A single worker takes half as long again when it is busy for a third of the time and half a request is with it. With
/// far fewer at a time hardly two meet: what takes longer then is other work.
const MIN_KNEE: f64 = 0.25;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    requests: u64,
    /// Weighted nanoseconds in which requests were in progress, and in which the process itself worked on them.
    busy: i128,
    local: i128,
}

/// One process in one minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    bins: [Bin; BINS],
}

impl Additive for Process {
    fn add(&mut self, other: &Self) {
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.requests = bin.requests.saturating_add(other.requests);
            bin.busy += other.busy;
            bin.local += other.local;
        }
    }
}

impl Process {
    /// Counts a request that begins at `start`. All of its time counts for the bin in which it begins.
    pub(super) fn count(&mut self, start: i64, duration: i64, local: i64, weight: u64) {
        let bin = &mut self.bins[(start.rem_euclid(MINUTE) / BIN) as usize];
        bin.requests = bin.requests.saturating_add(weight);
        bin.busy += i128::from(duration) * i128::from(weight);
        bin.local += i128::from(local) * i128::from(weight);
    }

    /// Requests in progress at a time, on average.
    pub(super) fn concurrency(&self) -> f64 {
        let busy: i128 = self.bins.iter().map(|bin| bin.busy).sum();
        number(1) * busy as f64 / MINUTE as f64
    }

    pub(super) fn requests(&self) -> f64 {
        number(self.bins.iter().map(|bin| bin.requests).sum())
    }
}

/// Concurrency, requests and mean nanoseconds of the process's own work of a bin.
#[derive(Debug, Clone, Copy)]
struct Point {
    concurrency: f64,
    requests: f64,
    local: f64,
}

/// The concurrency at which a process begins to take longer, from all its minutes; `None` if it never did.
pub(super) fn knee<'p>(minutes: impl Iterator<Item = &'p Process>) -> Option<f64> {
    let mut points: Vec<Point> = minutes.flat_map(|process| &process.bins).filter_map(point).collect();
    if points.len() < MIN_BINS {
        return None;
    }
    points.sort_by(|a, b| a.concurrency.total_cmp(&b.concurrency));
    let calm = &points[..points.len() / 4];
    let mut usual: Vec<f64> = calm.iter().map(|point| point.local).collect();
    usual.sort_by(f64::total_cmp);
    let usual = usual[usual.len() / 2];
    let calm_requests = calm.iter().map(|point| point.requests).sum::<f64>() / calm.len() as f64;
    let is_beyond = |point: &Point| point.local >= SLOWER * usual && point.concurrency >= MIN_KNEE;
    let knee = points.windows(IN_A_ROW).find(|row| row.iter().all(is_beyond))?;
    let beyond: Vec<f64> =
        points.iter().filter(|point| point.concurrency >= knee[0].concurrency).map(|point| point.requests).collect();
    let is_load = beyond.iter().sum::<f64>() / beyond.len() as f64 >= MORE * calm_requests;
    is_load.then_some(knee[0].concurrency)
}

fn point(bin: &Bin) -> Option<Point> {
    let requests = number(bin.requests);
    let weight = bin.requests as f64;
    (requests >= MIN_REQUESTS).then(|| Point {
        concurrency: bin.busy as f64 * number(1) / BIN as f64,
        requests,
        local: bin.local as f64 / weight,
    })
}

/// In how many of the minutes of a window a process works on at least a `share` of what it can, and how close it is in
/// the last of them.
pub(super) fn utilisation(window: Window, knee: f64, share: f64, at: impl Fn(i64) -> Option<f64>) -> (usize, f64) {
    let used = |minute: i64| at(minute).map_or(0.0, |concurrency| concurrency / knee);
    let busy = window.minutes().filter(|minute| used(*minute) >= share).count();
    (busy, used(window.to - MINUTE))
}
