//! Metrics of every kind at random.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
};
use proptest::{collection::vec, option, prelude::*};

use crate::generate::{attributes, double, flags, id, resource, schema_url, scope, text, time};

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope_metrics = (option::of(scope()), vec(metric(), 0..4), schema_url())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let resource_metrics = (option::of(resource()), vec(scope_metrics, 0..3), schema_url())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        vec(number_point(), 0..3).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..3), -1..4_i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram_point(), 0..3), -1..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..3), -1..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 0..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ];
    (text(), text(), text(), attributes(2), option::weighted(0.95, data))
        .prop_map(|(name, description, unit, metadata, data)| Metric { name, description, unit, metadata, data })
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt),
    ];
    (attributes(3), time(), start_time(), vec(exemplar(), 0..2), flags(), option::weighted(0.9, value)).prop_map(
        |(attributes, time_unix_nano, start_time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    )
}

fn histogram_point() -> impl Strategy<Value = HistogramDataPoint> {
    let numbers = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()));
    let lists = (vec(counted(), 0..4), vec(double(), 0..4), vec(exemplar(), 0..2));
    (attributes(3), time(), start_time(), numbers, lists, flags()).prop_map(
        |(
            attributes,
            time_unix_nano,
            start_time_unix_nano,
            numbers,
            (bucket_counts, explicit_bounds, exemplars),
            flags,
        )| {
            let (count, sum, min, max) = numbers;
            HistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                flags,
                min,
                max,
            }
        },
    )
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let buckets = || {
        let buckets = (any::<i32>(), vec(counted(), 0..4));
        option::of(buckets.prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }))
    };
    let sums = (counted(), option::of(double()), option::of(double()), option::of(double()));
    let zero = (counted(), prop_oneof![Just(0.0), double()]);
    (attributes(3), time(), start_time(), sums, -10..21_i32, zero, buckets(), buckets(), vec(exemplar(), 0..2), flags())
        .prop_map(|(attributes, time, start_time, sums, scale, zero, positive, negative, exemplars, flags)| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: start_time,
                time_unix_nano: time,
                count: sums.0,
                sum: sums.1,
                scale,
                zero_count: zero.0,
                positive,
                negative,
                flags,
                exemplars,
                min: sums.2,
                max: sums.3,
                zero_threshold: zero.1,
            }
        })
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile = (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(3), time(), start_time(), counted(), double(), vec(quantile, 0..3), flags()).prop_map(
        |(attributes, time_unix_nano, start_time_unix_nano, count, sum, quantile_values, flags)| SummaryDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            count,
            sum,
            quantile_values,
            flags,
        },
    )
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    let value =
        prop_oneof![double().prop_map(exemplar::Value::AsDouble), any::<i64>().prop_map(exemplar::Value::AsInt)];
    (attributes(2), time(), id(8), id(16), option::weighted(0.9, value)).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn start_time() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 3 => time()]
}

fn counted() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 4 => 0..1_000_u64, 1 => any::<u64>()]
}
