//! How many instances of a service there are at one time, and where they run.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    analysed::{Analysed, minute_of},
    context::Context,
    findings::shared::{Additive, Extent, PerMinute, Window},
    span::{Resource, ResourceId, ServiceId},
    text::Text,
};

/// Processes that are seen a minute.
const MAX_INSTANCES: usize = 16_384;
/// Spans of a service before its instances can be told.
const MIN_SPANS: u64 = 30;
/// Instances one after the other that may be restarts. More are processes that live for a request or two, of which there
/// may be any number at a time.
const MAX_RESTARTS: usize = 3;

/// When each process was seen.
#[derive(Debug)]
pub(super) struct Instances(PerMinute<ResourceId, Live>);

/// From when to when a process was seen, and how many spans it sent.
#[derive(Debug, Clone, Copy, Default)]
struct Live {
    extent: Extent,
    spans: u64,
}

impl Additive for Live {
    fn add(&mut self, other: &Self) {
        self.extent.add(&other.extent);
        self.spans += other.spans;
    }
}

/// A process of a service and where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Instance {
    name: Text,
    host: Text,
    zone: Text,
}

impl Instance {
    fn of(resource: &Resource) -> Self {
        Self { name: resource.instance, host: resource.host, zone: resource.zone }
    }
}

/// What keeps a service up if something goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redundancy {
    OneInstance,
    OneHost,
    OneZone,
    /// There are more, or that cannot be told.
    Enough,
}

impl Redundancy {
    pub(super) fn is_lacking(self) -> bool {
        self != Redundancy::Enough
    }

    pub(super) fn magnitude(self) -> f64 {
        if self == Redundancy::OneInstance { 1.0 } else { 0.5 }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Redundancy::OneInstance => "one instance",
            Redundancy::OneHost => "all instances on one host",
            Redundancy::OneZone => "all instances in one zone",
            Redundancy::Enough => "nothing",
        }
    }
}

impl Instances {
    pub(super) fn new() -> Self {
        Self(PerMinute::new(MAX_INSTANCES))
    }

    pub(super) fn observe(&mut self, analysed: &Analysed<'_>) {
        for span in &analysed.trace.spans {
            if let Some(live) = self.0.at(minute_of(span.start), span.resource) {
                live.extent.see(span.start, span.end);
                live.spans += 1;
            }
        }
    }

    /// Of each service, by the instances seen in the window. Where instances did not fit, nothing can be told.
    pub(super) fn redundancy(&self, context: &Context, window: Window) -> BTreeMap<ServiceId, Redundancy> {
        if self.0.overflowed() > 0 {
            return BTreeMap::new();
        }
        let mut of_service: BTreeMap<ServiceId, BTreeMap<Instance, Live>> = BTreeMap::new();
        for (resource, live) in self.0.sums(window) {
            let resource = context.resource(resource);
            of_service.entry(resource.service).or_default().entry(Instance::of(resource)).or_default().add(&live);
        }
        let all = || of_service.values().flat_map(BTreeMap::keys);
        let hosts = all().map(|instance| instance.host).collect::<BTreeSet<_>>().len();
        let zones = all().map(|instance| instance.zone).filter(|zone| !zone.is_none()).collect::<BTreeSet<_>>().len();
        of_service.iter().map(|(service, instances)| (*service, redundancy(instances, hosts, zones))).collect()
    }

    /// When an instance that is not there at the end of `window` was last seen in it; `live` is when those that are there
    /// are seen.
    pub(super) fn last_lost(&self, context: &Context, service: ServiceId, window: Window, live: Window) -> Option<i64> {
        let of_service = |window: Window| {
            self.0.each(window).filter_map(|(_, resource, live)| {
                let resource = context.resource(*resource);
                (resource.service == service).then(|| (Instance::of(resource), live.extent.last))
            })
        };
        let there: BTreeSet<Instance> = of_service(live).map(|(instance, _)| instance).collect();
        of_service(window).filter(|(instance, _)| !there.contains(instance)).map(|(_, last)| last).max()
    }

    pub(super) fn forget_before(&mut self, minute: i64) {
        self.0.forget_before(minute);
    }

    pub(super) fn size(&self) -> usize {
        self.0.size()
    }
}

/// `hosts` and `zones` are those of the whole system: where all runs in one place, it is not the service that lacks.
fn redundancy(instances: &BTreeMap<Instance, Live>, hosts: usize, zones: usize) -> Redundancy {
    let mut places = instances.keys();
    let Some(first) = places.next() else { return Redundancy::Enough };
    // With fewer spans, one more instance may not have had its turn.
    let spans: u64 = instances.values().map(|live| live.spans).sum();
    if spans < MIN_SPANS || instances.keys().any(|instance| instance.name.is_none()) {
        return Redundancy::Enough;
    }
    if at_one_time(instances.values().map(|live| &live.extent)) <= 1 {
        return if instances.len() <= MAX_RESTARTS { Redundancy::OneInstance } else { Redundancy::Enough };
    }
    let is_one_host = hosts > 1 && places.clone().all(|instance| instance.host == first.host);
    let is_one_zone = zones > 1 && !first.zone.is_none() && places.all(|instance| instance.zone == first.zone);
    match (is_one_host, is_one_zone) {
        (true, _) => Redundancy::OneHost,
        (false, true) => Redundancy::OneZone,
        (false, false) => Redundancy::Enough,
    }
}

/// The most of these that hold at one time.
fn at_one_time<'a>(extents: impl Iterator<Item = &'a Extent>) -> i64 {
    // A process that ends as another starts may be its own successor.
    let mut changes: Vec<(i64, i64)> = extents.flat_map(|extent| [(extent.first, 1), (extent.last, -1)]).collect();
    changes.sort_unstable();
    let (mut current, mut most) = (0, 0);
    for (_, change) in changes {
        current += change;
        most = most.max(current);
    }
    most
}
