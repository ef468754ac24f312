//! Batching like that of an SDK: every process sends its own spans, logs and metrics, some time after they happened.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord as OtlpLogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;

use super::{
    logs::render_log,
    meter::Meters,
    metrics,
    resource::{resource_of, schema_url, version_at},
    scope::{Library, Scope, scope},
    spans::{RenderedSpan, render_span, show_times},
};
use crate::{
    engine::Records,
    topology::{InstanceId, Topology},
};

/// Most spans or log records in a request, the default of the SDKs.
const MAX_BATCH: usize = 512;

/// The three kinds of OTLP data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metric data points.
    Metrics,
}

/// A request that a process sends.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Virtual time at which it is sent, nanoseconds since the Unix epoch.
    pub due: i64,
    /// The process that sends it.
    pub instance: InstanceId,
    /// How many spans, log records or data points it has; at least one.
    pub items: usize,
    /// What is in it: one resource.
    pub payload: Payload,
}

/// The request itself.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
}

impl Payload {
    /// Which kind of data it is.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Logs(_) => Signal::Logs,
            Self::Metrics(_) => Signal::Metrics,
        }
    }

    /// Protobuf bytes.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Traces(request) => request.encode_to_vec().into(),
            Self::Logs(request) => request.encode_to_vec().into(),
            Self::Metrics(request) => request.encode_to_vec().into(),
        }
    }
}

/// One request with the spans of any number of processes.
pub fn group_spans(topology: &Topology, spans: impl IntoIterator<Item = RenderedSpan>) -> ExportTraceServiceRequest {
    let mut by_process: BTreeMap<(InstanceId, &str), BTreeMap<Scope, Vec<_>>> = BTreeMap::new();
    for RenderedSpan { instance, scope, span } in spans {
        let version = version_at(topology, instance, span.end_time_unix_nano as i64);
        by_process.entry((instance, version)).or_default().entry(scope).or_default().push(span);
    }
    let resource_spans = by_process.into_iter().map(|((instance, version), by_scope)| ResourceSpans {
        resource: Some(resource_of(topology, instance, version)),
        scope_spans: by_scope
            .into_iter()
            .map(|(scope, spans)| ScopeSpans { scope: Some(otlp_scope(scope)), spans, schema_url: String::new() })
            .collect(),
        schema_url: schema_url(topology, instance).to_owned(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// Collects what the processes have to send.
#[derive(Debug)]
pub(crate) struct Batcher {
    topology: Arc<Topology>,
    start: i64,
    export_interval: i64,
    metric_interval: i64,
    queues: Vec<Queue>,
    meters: Meters,
    timers: BinaryHeap<Reverse<(i64, InstanceId, Timer)>>,
}

#[derive(Debug, Default)]
struct Queue {
    spans: Vec<RenderedSpan>,
    logs: Vec<OtlpLogRecord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Export,
    Metrics,
}

impl Batcher {
    /// Intervals in nanoseconds.
    pub(crate) fn new(topology: Arc<Topology>, start: i64, export_interval: i64, metric_interval: i64) -> Self {
        let processes = topology.instances().len();
        let mut batcher = Self {
            start,
            export_interval: export_interval.max(1),
            metric_interval: metric_interval.max(1),
            queues: std::iter::repeat_with(Queue::default).take(processes).collect(),
            meters: Meters::new(processes, start),
            timers: BinaryHeap::new(),
            topology,
        };
        batcher.arm(Timer::Export, start);
        batcher.arm(Timer::Metrics, start);
        batcher
    }

    pub(crate) fn set_export_interval(&mut self, interval: i64, now: i64) {
        self.export_interval = interval.max(1);
        self.timers.retain(|Reverse((_, _, timer))| *timer != Timer::Export);
        self.arm(Timer::Export, now);
    }

    /// Takes what has happened; puts requests that are full into `out`.
    pub(crate) fn observe(&mut self, records: &Records, now: i64, out: &mut impl Extend<Batch>) {
        self.meters.observe(records);
        for record in &records.logs {
            let id = record.instance;
            let log = render_log(&self.topology, record);
            self.queues[id.index()].logs.push(log);
            if self.queues[id.index()].logs.len() >= MAX_BATCH {
                out.extend(self.take_logs(id, now));
            }
        }
        for record in &records.spans {
            let id = record.instance;
            let span = render_span(&self.topology, record);
            self.queues[id.index()].spans.push(span);
            if self.queues[id.index()].spans.len() >= MAX_BATCH {
                out.extend(self.take_spans(id, now));
            }
        }
    }

    /// When the next process is going to send what it has.
    pub(crate) fn next_time(&self) -> i64 {
        self.timers.peek().map_or(i64::MAX, |Reverse((time, _, _))| *time)
    }

    /// Lets the process whose turn it is send what it has. Returns the number of data points.
    pub(crate) fn tick(&mut self, out: &mut impl Extend<Batch>) -> u64 {
        let Some(Reverse((time, id, timer))) = self.timers.pop() else { return 0 };
        let mut data_points = 0;
        let interval = match timer {
            Timer::Export => {
                out.extend(self.take_spans(id, time));
                out.extend(self.take_logs(id, time));
                self.export_interval
            }
            Timer::Metrics => {
                if let Some(metrics) = self.take_metrics(id, time) {
                    data_points += metrics.items as u64;
                    out.extend([metrics]);
                }
                self.metric_interval
            }
        };
        self.timers.push(Reverse((time + interval, id, timer)));
        data_points
    }

    /// Lets every process send what it has, for the last time. Returns the number of data points.
    pub(crate) fn flush(&mut self, now: i64, out: &mut impl Extend<Batch>) -> u64 {
        let mut data_points = 0;
        for id in self.topology.instance_ids() {
            out.extend(self.take_spans(id, now));
            out.extend(self.take_logs(id, now));
            if let Some(metrics) = self.take_metrics(id, now) {
                data_points += metrics.items as u64;
                out.extend([metrics]);
            }
        }
        data_points
    }

    /// Starts the timers of all processes, spread over the interval as they would be after a roll-out.
    fn arm(&mut self, timer: Timer, now: i64) {
        let interval = match timer {
            Timer::Export => self.export_interval,
            Timer::Metrics => self.metric_interval,
        };
        let processes = self.queues.len().max(1) as i64;
        for id in self.topology.instance_ids() {
            let phase = (i128::from(interval) * (id.index() as i128 + 1) / i128::from(processes)) as i64;
            self.timers.push(Reverse((now + phase, id, timer)));
        }
    }

    fn take_spans(&mut self, id: InstanceId, due: i64) -> Option<Batch> {
        let spans = std::mem::take(&mut self.queues[id.index()].spans);
        let items = spans.len();
        if items == 0 {
            return None;
        }
        let mut request = group_spans(&self.topology, spans);
        let service = self.topology.service_of(id);
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            let start = span.start_time_unix_nano as i64;
            show_times(span, |time| time.saturating_add(service.shown(start) - start));
        }
        Some(Batch { due, instance: id, items, payload: Payload::Traces(request) })
    }

    fn take_logs(&mut self, id: InstanceId, due: i64) -> Option<Batch> {
        let log_records = std::mem::take(&mut self.queues[id.index()].logs);
        if log_records.is_empty() {
            return None;
        }
        let items = log_records.len();
        let scope = Some(self.application_scope(id));
        let logs = ResourceLogs {
            resource: Some(self.resource(id, due)),
            scope_logs: vec![ScopeLogs { scope, log_records, schema_url: String::new() }],
            schema_url: schema_url(&self.topology, id).to_owned(),
        };
        let payload = Payload::Logs(ExportLogsServiceRequest { resource_logs: vec![logs] });
        Some(Batch { due, instance: id, items, payload })
    }

    /// Nothing of a process that is not there, or has never been asked for anything.
    fn take_metrics(&mut self, id: InstanceId, due: i64) -> Option<Batch> {
        let service = self.topology.service_of(id);
        if !service.is_up(id, due) || !self.meters.is_used(id.index()) {
            return None;
        }
        let reading = metrics::Reading {
            topology: &self.topology,
            service,
            start: self.start,
            time: due,
            shown: service.shown(due),
        };
        let metrics = metrics::read(self.meters.get_mut(id.index()), reading);
        let items = metrics.iter().map(metrics::data_points).sum();
        let scope = Some(self.application_scope(id));
        let metrics = ResourceMetrics {
            resource: Some(self.resource(id, due)),
            scope_metrics: vec![ScopeMetrics { scope, metrics, schema_url: String::new() }],
            schema_url: schema_url(&self.topology, id).to_owned(),
        };
        let payload = Payload::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![metrics] });
        Some(Batch { due, instance: id, items, payload })
    }

    fn resource(&self, id: InstanceId, time: i64) -> Resource {
        resource_of(&self.topology, id, version_at(&self.topology, id, time))
    }

    fn application_scope(&self, id: InstanceId) -> InstrumentationScope {
        otlp_scope(scope(self.topology.service_of(id).language, Library::Application))
    }
}

fn otlp_scope(scope: Scope) -> InstrumentationScope {
    InstrumentationScope {
        name: scope.name.to_owned(),
        version: scope.version.to_owned(),
        ..InstrumentationScope::default()
    }
}
