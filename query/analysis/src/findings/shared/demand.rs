//! Requests: what shares are shares of. Counted once for all detectors.

use super::{Additive, Entries, PerMinute, Weighted, Window, requests};
use crate::{
    analysed::{Analysed, minute_of},
    span::ServiceId,
    text::Text,
};

/// The most services, and operations of services, a minute.
const MAX_KEYS: usize = 4096;

/// Requests from outside, those of them that touch a service, and requests to any operation.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) entries: Entries,
    pub(crate) presence: Presence,
    pub(crate) served: PerMinute<(ServiceId, Text), Served>,
}

impl Default for Demand {
    fn default() -> Self {
        Self { entries: Entries::default(), presence: Presence::new(), served: PerMinute::new(MAX_KEYS) }
    }
}

impl Demand {
    pub(crate) fn observe(&mut self, analysed: &Analysed<'_>) {
        self.entries.observe(analysed);
        self.presence.observe(analysed);
        for index in (0..analysed.trace.len()).filter(|index| analysed.trace.is_serving(*index)) {
            let span = analysed.span(index as u32);
            let key = (analysed.service(index as u32), span.operation);
            let Some(served) = self.served.at(minute_of(span.start), key) else { continue };
            served.count.count(span.weight);
            served.duration += i128::from(span.duration()) * i128::from(span.weight);
        }
    }

    pub(crate) fn forget_before(&mut self, minute: i64) {
        self.entries.forget_before(minute);
        self.presence.forget_before(minute);
        self.served.forget_before(minute);
    }

    /// Bytes of memory held, roughly.
    pub(crate) fn size(&self) -> usize {
        self.entries.size() + self.presence.size() + self.served.size()
    }
}

/// Requests to an operation of a service, from wherever they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    pub(crate) count: Weighted,
    /// Weighted nanoseconds.
    pub(crate) duration: i128,
}

impl Additive for Served {
    fn add(&mut self, other: &Self) {
        self.count.add(&other.count);
        self.duration += other.duration;
    }
}

/// Requests from outside in all, and those that touch a service.
#[derive(Debug)]
pub(crate) struct Presence {
    all: PerMinute<(), Weighted>,
    by_service: PerMinute<ServiceId, Touching>,
}

/// Requests that touch a service: how many, and their weight by priority.
#[derive(Debug, Clone, Default)]
struct Touching {
    requests: Weighted,
    priority: u64,
}

impl Additive for Touching {
    fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.priority = self.priority.saturating_add(other.priority);
    }
}

impl Presence {
    fn new() -> Self {
        Self { all: PerMinute::new(1), by_service: PerMinute::new(MAX_KEYS) }
    }

    fn observe(&mut self, analysed: &Analysed<'_>) {
        for entry in requests(analysed) {
            let span = analysed.span(entry.span);
            if let Some(all) = self.all.at(minute_of(span.start), ()) {
                all.count(span.weight);
            }
        }
        for (entry, service) in analysed.presence {
            let entry = &analysed.entries[*entry as usize];
            let span = analysed.span(entry.span);
            if let Some(touching) = self.by_service.at(minute_of(span.start), *service) {
                touching.requests.count(span.weight);
                touching.priority = touching.priority.saturating_add(entry.priority);
            }
        }
    }

    /// All requests.
    pub(crate) fn all(&self, window: Window) -> Weighted {
        self.all.sum(window, &())
    }

    /// Share of the requests, by their priority, that touch one of `services`: of the one that most of them touch, so
    /// at least this much.
    pub(crate) fn share<'a>(&self, window: Window, services: impl IntoIterator<Item = &'a ServiceId>) -> f64 {
        let all = self.all(window);
        let touching = services.into_iter().map(|service| self.by_service.sum(window, service));
        touching.map(|touching| all.share(touching.priority)).fold(0.0, f64::max)
    }

    fn forget_before(&mut self, minute: i64) {
        self.all.forget_before(minute);
        self.by_service.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.all.size() + self.by_service.size()
    }
}
