//! `metrics`: one row a data point.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
        SummaryDataPoint, exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    },
};
use spandrel_proto::wire::{DecodeLimits, RejectReason};

use super::{
    Context, Expected,
    metric_columns::{Columns, Point},
    nanos,
    origin::Origin,
};

pub fn metrics(request: &ExportMetricsServiceRequest, limits: &DecodeLimits) -> Expected {
    let mut context = Context::new(limits);
    let mut columns = Columns::default();
    for resource_metrics in &request.resource_metrics {
        let origin = Origin::of_resource(resource_metrics.resource.as_ref(), &mut context);
        for scope_metrics in &resource_metrics.scope_metrics {
            let urls = [scope_metrics.schema_url.as_str(), &resource_metrics.schema_url];
            let origin = origin.with_scope(scope_metrics.scope.as_ref(), urls, &mut context);
            for metric in &scope_metrics.metrics {
                push_metric(metric, &origin, &mut columns, &mut context);
            }
        }
    }
    Expected { batch: columns.finish(), counts: context.counts }
}

/// What the points of a metric have in common.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) metric: &'a Metric,
    pub(super) kind: &'static str,
    pub(super) temporality: Option<&'static str>,
    pub(super) is_monotonic: Option<bool>,
}

fn push_metric(metric: &Metric, origin: &Origin, columns: &mut Columns, context: &mut Context<'_>) {
    let Some(data) = &metric.data else {
        context.counts.reject(RejectReason::NoData);
        return;
    };
    let (kind, temporality, is_monotonic) = match data {
        Data::Gauge(_) => ("gauge", 0, None),
        Data::Sum(sum) => ("sum", sum.aggregation_temporality, Some(sum.is_monotonic)),
        Data::Histogram(histogram) => ("histogram", histogram.aggregation_temporality, None),
        Data::ExponentialHistogram(histogram) => ("exponential_histogram", histogram.aggregation_temporality, None),
        Data::Summary(_) => ("summary", 0, None),
    };
    let temporality = match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => Some("delta"),
        Ok(AggregationTemporality::Cumulative) => Some("cumulative"),
        Ok(AggregationTemporality::Unspecified) | Err(_) => None,
    };
    let shape = Shape { metric, kind, temporality, is_monotonic };
    match data {
        Data::Gauge(gauge) => push_points(gauge.data_points.iter().map(number), &shape, origin, columns, context),
        Data::Sum(sum) => push_points(sum.data_points.iter().map(number), &shape, origin, columns, context),
        Data::Histogram(data) => push_points(data.data_points.iter().map(histogram), &shape, origin, columns, context),
        Data::ExponentialHistogram(data) => {
            push_points(data.data_points.iter().map(exponential_histogram), &shape, origin, columns, context);
        }
        Data::Summary(data) => push_points(data.data_points.iter().map(summary), &shape, origin, columns, context),
    }
}

fn push_points<'a>(
    points: impl Iterator<Item = Point<'a>>,
    shape: &Shape<'_>,
    origin: &Origin,
    columns: &mut Columns,
    context: &mut Context<'_>,
) {
    for point in points {
        if point.time == 0 {
            context.counts.reject(RejectReason::TimeMissing);
        } else if nanos(point.time).is_none() || nanos(point.start_time).is_none() {
            context.counts.reject(RejectReason::TimeOutOfRange);
        } else {
            columns.push(shape, &point, origin, context);
        }
    }
}

fn number(point: &NumberDataPoint) -> Point<'_> {
    let (value, value_int) = match point.value {
        None => (None, None),
        Some(number_data_point::Value::AsDouble(value)) => (Some(value), None),
        Some(number_data_point::Value::AsInt(value)) => (Some(value as f64), Some(value)),
    };
    Point {
        time: point.time_unix_nano,
        start_time: point.start_time_unix_nano,
        value,
        value_int,
        attributes: &point.attributes,
        exemplars: &point.exemplars,
        flags: point.flags,
        ..Point::default()
    }
}

fn histogram(point: &HistogramDataPoint) -> Point<'_> {
    Point {
        time: point.time_unix_nano,
        start_time: point.start_time_unix_nano,
        count: Some(point.count),
        sum: point.sum,
        min: point.min,
        max: point.max,
        explicit_bounds: &point.explicit_bounds,
        bucket_counts: &point.bucket_counts,
        attributes: &point.attributes,
        exemplars: &point.exemplars,
        flags: point.flags,
        ..Point::default()
    }
}

fn exponential_histogram(point: &ExponentialHistogramDataPoint) -> Point<'_> {
    let buckets = |buckets: &'_ Option<Buckets>| buckets.as_ref().map(|buckets| buckets.offset);
    Point {
        time: point.time_unix_nano,
        start_time: point.start_time_unix_nano,
        count: Some(point.count),
        sum: point.sum,
        min: point.min,
        max: point.max,
        scale: Some(point.scale),
        zero_count: Some(point.zero_count),
        zero_threshold: Some(point.zero_threshold),
        positive_offset: buckets(&point.positive),
        positive_counts: point.positive.as_ref().map(|buckets| buckets.bucket_counts.as_slice()),
        negative_offset: buckets(&point.negative),
        negative_counts: point.negative.as_ref().map(|buckets| buckets.bucket_counts.as_slice()),
        attributes: &point.attributes,
        exemplars: &point.exemplars,
        flags: point.flags,
        ..Point::default()
    }
}

fn summary(point: &SummaryDataPoint) -> Point<'_> {
    Point {
        time: point.time_unix_nano,
        start_time: point.start_time_unix_nano,
        count: Some(point.count),
        sum: Some(point.sum),
        quantiles: &point.quantile_values,
        attributes: &point.attributes,
        flags: point.flags,
        ..Point::default()
    }
}
