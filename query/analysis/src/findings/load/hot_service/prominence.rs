//! How much depends on a service.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    findings::{Evaluation, shared::Window},
    rollup::View,
    span::ServiceId,
    text::Text,
};

/// Share of the time of all requests that a service owns.
const MIN_SHARE: f64 = 0.2;
/// Requests as a multiple of those of the median service, for services that are among the top tenth of at least so many.
const TIMES_MEDIAN: f64 = 3.0;
const MIN_SERVICES: usize = 10;

/// Time and requests of all services in a window.
#[derive(Debug, Default)]
pub(super) struct Prominence {
    /// Weighted nanoseconds of the critical paths.
    owned: BTreeMap<ServiceId, i128>,
    /// By environment.
    total: BTreeMap<Text, i128>,
    environments: BTreeMap<ServiceId, Text>,
    requests: BTreeMap<ServiceId, f64>,
    median: f64,
    top_tenth: f64,
}

impl Prominence {
    pub(super) fn of(
        evaluation: &Evaluation<'_>,
        window: Window,
        requests: impl Iterator<Item = (ServiceId, f64)>,
    ) -> Prominence {
        let mut found = Prominence { requests: requests.collect(), ..Prominence::default() };
        for (_, minute) in evaluation.minutes.range(window.from..window.to) {
            for (key, stats) in &minute.paths {
                let environment = evaluation.context.service(key.service).environment;
                *found.owned.entry(key.service).or_default() += stats.exclusive;
                *found.total.entry(environment).or_default() += stats.exclusive;
                found.environments.insert(key.service, environment);
            }
        }
        let mut sorted: Vec<f64> = found.requests.values().copied().collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.len() >= MIN_SERVICES {
            found.median = sorted[sorted.len() / 2];
            found.top_tenth = sorted[sorted.len() - 1 - sorted.len() / 10];
        }
        found
    }

    /// Share of the time of all requests of its environment that a service owns.
    pub(super) fn time_share(&self, service: ServiceId) -> f64 {
        let total = self.environments.get(&service).and_then(|environment| self.total.get(environment));
        match (self.owned.get(&service), total) {
            (Some(owned), Some(total)) if *total > 0 => *owned as f64 / *total as f64,
            _ => 0.0,
        }
    }

    pub(super) fn requests(&self, service: ServiceId) -> f64 {
        self.requests.get(&service).copied().unwrap_or(0.0)
    }

    /// Whether much depends on a service; `part` of the thresholds is enough.
    pub(super) fn holds(&self, service: ServiceId, part: f64) -> bool {
        let requests = self.requests(service);
        let is_asked_often =
            self.median > 0.0 && requests >= part * TIMES_MEDIAN * self.median && requests >= self.top_tenth;
        self.time_share(service) >= part * MIN_SHARE || is_asked_often
    }
}

/// How many others call a service.
pub(super) fn callers(evaluation: &Evaluation<'_>, window: Window, service: ServiceId) -> u64 {
    let node = evaluation.context.service_node(service);
    let edges = evaluation.minutes.range(window.from..window.to).flat_map(|(_, minute)| minute.edges.keys());
    let callers: BTreeSet<_> =
        edges.filter(|edge| edge.target == node && edge.view == View::Server).map(|edge| edge.source).collect();
    callers.len() as u64
}
