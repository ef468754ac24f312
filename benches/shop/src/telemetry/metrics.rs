//! A process's meters as OTLP metrics: a histogram of durations, a monotonic sum, a gauge, and exponential histograms
//! of calls.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
        HistogramDataPoint, Metric, NumberDataPoint, Sum, exponential_histogram_data_point::Buckets, metric::Data,
        number_data_point::Value,
    },
};

use super::{
    attributes::Attributes,
    breakers,
    exponential::{Exponential, SCALE},
    logs::node_name,
    meter::{BOUNDS_SECONDS, Durations, Meter},
};
use crate::{
    engine::{EdgeKind, Node},
    outcome::Fault,
    topology::{Conventions, Endpoint, Language, OperationId, Service, Topology},
};

/// The process whose meters are read, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) topology: &'a Topology,
    pub(super) service: &'a Service,
    /// When the process started.
    pub(super) start: i64,
    /// Time of reading.
    pub(super) time: i64,
    /// What the process's clock shows then.
    pub(super) shown: i64,
}

/// All metrics of a process. Starts the next interval of those that are sent as deltas.
pub(super) fn read(meter: &mut Meter, reading: Reading<'_>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    metrics.extend(duration_metrics(meter, reading));
    metrics.push(requests(meter, reading));
    metrics.push(utilization(meter, reading));
    metrics.extend(call_metrics(meter, reading));
    if reading.service.language == Language::Java {
        let breakers = meter.breakers.iter().map(|(node, latest)| (node_name(reading.topology, *node), *latest));
        metrics.extend(breakers::states_metric(breakers, reading.shown));
    }
    meter.calls.clear();
    meter.busy = 0;
    meter.exported = reading.time;
    metrics
}

/// How many data points the metric has.
pub(super) fn data_points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}

fn duration_metrics(meter: &Meter, reading: Reading<'_>) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for (&(operation, fault), durations) in &meter.durations {
        let (name, unit, per_second) = duration_name(reading, operation);
        let point = duration_point(durations, per_second, duration_attributes(reading, operation, fault), reading);
        match metrics.iter_mut().find(|metric| metric.name == name) {
            Some(Metric { data: Some(Data::Histogram(histogram)), .. }) => histogram.data_points.push(point),
            _ => {
                let temporality = AggregationTemporality::Cumulative.into();
                let data = Histogram { data_points: vec![point], aggregation_temporality: temporality };
                metrics.push(metric(name, "Duration of handling a request.", unit, Data::Histogram(data)));
            }
        }
    }
    metrics
}

/// Name, unit, and how many of the unit make a second.
fn duration_name(reading: Reading<'_>, operation: OperationId) -> (&'static str, &'static str, f64) {
    let old = reading.service.conventions == Conventions::Old;
    match reading.topology.operation(operation).endpoint {
        Endpoint::Http { .. } if old => ("http.server.duration", "ms", 1e3),
        Endpoint::Rpc { .. } if old => ("rpc.server.duration", "ms", 1e3),
        Endpoint::Http { .. } => ("http.server.request.duration", "s", 1.0),
        Endpoint::Rpc { .. } => ("rpc.server.call.duration", "s", 1.0),
        Endpoint::Consume { .. } => ("messaging.process.duration", "s", 1.0),
    }
}

fn duration_attributes(reading: Reading<'_>, operation: OperationId, fault: Option<Fault>) -> Vec<KeyValue> {
    let old = reading.service.conventions == Conventions::Old;
    let mut attributes = Attributes::new();
    match reading.topology.operation(operation).endpoint {
        Endpoint::Http { method, route } => {
            let status = fault.map_or(if method == "POST" { 201 } else { 200 }, Fault::http_status);
            attributes.text(if old { "http.method" } else { "http.request.method" }, method);
            attributes.text("http.route", route);
            attributes.int(if old { "http.status_code" } else { "http.response.status_code" }, status);
        }
        Endpoint::Rpc { method } => {
            let (status, _) = fault.map_or(("OK", 0), Fault::rpc_status);
            attributes.text("rpc.system.name", "grpc").text("rpc.method", method);
            attributes.text("rpc.response.status_code", status);
        }
        Endpoint::Consume { topic, group } => {
            attributes.text("messaging.system", "kafka");
            attributes.text("messaging.destination.name", reading.topology.topic(topic).name);
            attributes.text("messaging.consumer.group.name", group);
            if fault.is_some() {
                attributes.text("error.type", "_OTHER");
            }
        }
    }
    attributes.finish()
}

fn duration_point(
    durations: &Durations,
    per_second: f64,
    attributes: Vec<KeyValue>,
    reading: Reading<'_>,
) -> HistogramDataPoint {
    let in_unit = |nanos: i64| nanos as f64 / 1e9 * per_second;
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: reading.start as u64,
        time_unix_nano: reading.shown as u64,
        count: durations.count,
        sum: Some(in_unit(durations.sum)),
        bucket_counts: durations.buckets.to_vec(),
        explicit_bounds: BOUNDS_SECONDS.iter().map(|bound| bound * per_second).collect(),
        min: Some(in_unit(durations.min)),
        max: Some(in_unit(durations.max)),
        ..HistogramDataPoint::default()
    }
}

fn requests(meter: &Meter, reading: Reading<'_>) -> Metric {
    let points = meter.handled.iter().map(|(&(operation, outcome), &count)| {
        let mut attributes = Attributes::new();
        attributes.text("shop.operation", &*reading.topology.operation(operation).name);
        attributes.text("shop.outcome", outcome.as_str());
        number_point(Value::AsInt(count as i64), reading.start, reading.shown, attributes.finish())
    });
    let sum = Sum {
        data_points: points.collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    };
    metric("shop.requests.handled", "Requests and messages handled.", "{request}", Data::Sum(sum))
}

fn utilization(meter: &Meter, reading: Reading<'_>) -> Metric {
    let interval = (reading.time - meter.exported).max(1) as f64;
    let workers = f64::from(reading.service.health_at(reading.time).workers.max(1));
    let share = (meter.busy as f64 / interval / workers).min(1.0);
    let point = number_point(Value::AsDouble(share), 0, reading.shown, Vec::new());
    let data = Data::Gauge(Gauge { data_points: vec![point] });
    metric("shop.workers.utilization", "Share of the workers that are busy.", "1", data)
}

fn number_point(value: Value, start: i64, time: i64, attributes: Vec<KeyValue>) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: start as u64,
        time_unix_nano: time as u64,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn call_metrics(meter: &Meter, reading: Reading<'_>) -> Vec<Metric> {
    let since = reading.service.shown(meter.exported);
    [
        (EdgeKind::Sync, "shop.client.call.duration", "Duration of calls to other services."),
        (EdgeKind::Data, "db.client.operation.duration", "Duration of database client operations."),
    ]
    .into_iter()
    .filter_map(|(kind, name, description)| {
        let calls = meter.calls.iter().filter(|((of_kind, _), _)| *of_kind == kind);
        let points: Vec<_> = calls.map(|((_, node), calls)| call_point(calls, *node, since, reading)).collect();
        if points.is_empty() {
            return None;
        }
        let temporality = AggregationTemporality::Delta.into();
        let data = ExponentialHistogram { data_points: points, aggregation_temporality: temporality };
        Some(metric(name, description, "s", Data::ExponentialHistogram(data)))
    })
    .collect()
}

fn call_point(calls: &Exponential, node: Node, since: i64, reading: Reading<'_>) -> ExponentialHistogramDataPoint {
    let mut attributes = Attributes::new();
    attributes.text("server.address", node_name(reading.topology, node));
    let (offset, bucket_counts) = calls.dense_buckets();
    ExponentialHistogramDataPoint {
        attributes: attributes.finish(),
        start_time_unix_nano: since as u64,
        time_unix_nano: reading.shown as u64,
        count: calls.count,
        sum: Some(calls.sum),
        scale: SCALE,
        zero_count: calls.zero_count,
        positive: Some(Buckets { offset, bucket_counts }),
        min: Some(calls.min),
        max: Some(calls.max),
        ..ExponentialHistogramDataPoint::default()
    }
}

pub(super) fn metric(name: &str, description: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}
