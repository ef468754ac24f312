//! Data points of all five kinds.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
        HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
        exemplar, exponential_histogram_data_point::Buckets, metric::Data, number_data_point::Value as Number,
        summary_data_point::ValueAtQuantile,
    },
};
use serde_json::{Value, json};

use super::{
    origin::{RESOURCE_SCHEMA_URL, SCOPE_SCHEMA_URL, resource, row, scope, service_name, shown},
    round_trip,
};
use crate::harness::{T0, attribute, text_value};

const LARGE: i64 = i64::MAX - 1;

#[tokio::test]
async fn every_field_of_metrics() {
    round_trip(
        request,
        |number| format!("SELECT * FROM metrics WHERE service_name = '{}' ORDER BY time", service_name(number)),
        rows,
    )
    .await;
}

fn request(number: u64) -> ExportMetricsServiceRequest {
    let metrics = vec![gauge(), sum(), histogram(), exponential(), summary()];
    let scope_metrics = ScopeMetrics { scope: Some(scope()), metrics, schema_url: SCOPE_SCHEMA_URL.to_owned() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource(number)),
            scope_metrics: vec![scope_metrics],
            schema_url: RESOURCE_SCHEMA_URL.to_owned(),
        }],
    }
}

fn rows(number: u64) -> Vec<Value> {
    let rows = [gauge_row(), empty_gauge_row(), sum_row(), histogram_row(), exponential_row(), summary_row()];
    rows.iter().map(|columns| row(number, columns)).collect()
}

fn exemplar(value: exemplar::Value) -> Exemplar {
    Exemplar {
        filtered_attributes: vec![attribute("user.id", text_value("u-42"))],
        time_unix_nano: T0 + 7,
        span_id: vec![0xbb; 8],
        trace_id: vec![0xaa; 16],
        value: Some(value),
    }
}

fn exemplar_row(value: f64) -> Value {
    json!([{
        "time": shown(7), "value": value, "trace_id": "aa".repeat(16), "span_id": "bb".repeat(8),
        "attributes": {"user.id": "u-42"},
    }])
}

fn gauge() -> Metric {
    let point = NumberDataPoint {
        attributes: vec![attribute("core", text_value("0"))],
        start_time_unix_nano: T0,
        time_unix_nano: T0 + 10,
        exemplars: vec![exemplar(exemplar::Value::AsDouble(0.5))],
        flags: 0,
        value: Some(Number::AsDouble(-0.75)),
    };
    // The sender had nothing to say at that time.
    let empty = NumberDataPoint { time_unix_nano: T0 + 20, flags: 1, ..Default::default() };
    Metric {
        name: "system.load".to_owned(),
        description: "Load.".to_owned(),
        unit: "1".to_owned(),
        metadata: vec![attribute("prometheus.type", text_value("gauge"))],
        data: Some(Data::Gauge(Gauge { data_points: vec![point, empty] })),
    }
}

fn gauge_row() -> Value {
    json!({
        "time": shown(10), "start_time": shown(0), "name": "system.load", "description": "Load.", "unit": "1",
        "kind": "gauge", "value": -0.75, "attributes": {"core": "0"}, "exemplars": exemplar_row(0.5), "flags": 0,
        "metadata": {"prometheus.type": "gauge"},
    })
}

fn empty_gauge_row() -> Value {
    json!({
        "time": shown(20), "name": "system.load", "description": "Load.", "unit": "1", "kind": "gauge", "flags": 1,
        "metadata": {"prometheus.type": "gauge"},
    })
}

fn sum() -> Metric {
    let point = NumberDataPoint {
        time_unix_nano: T0 + 30,
        exemplars: vec![exemplar(exemplar::Value::AsInt(3))],
        value: Some(Number::AsInt(LARGE)),
        ..Default::default()
    };
    let sum = Sum {
        data_points: vec![point],
        aggregation_temporality: AggregationTemporality::Cumulative as i32,
        is_monotonic: true,
    };
    Metric { name: "requests".to_owned(), data: Some(Data::Sum(sum)), ..Default::default() }
}

fn sum_row() -> Value {
    json!({
        "time": shown(30), "name": "requests", "kind": "sum", "temporality": "cumulative", "is_monotonic": true,
        "value": LARGE as f64, "value_int": LARGE, "exemplars": exemplar_row(3.0), "flags": 0,
    })
}

fn histogram() -> Metric {
    let point = HistogramDataPoint {
        attributes: vec![attribute("route", text_value("/"))],
        start_time_unix_nano: T0,
        time_unix_nano: T0 + 40,
        count: 6,
        sum: Some(21.5),
        bucket_counts: vec![1, 0, 5],
        explicit_bounds: vec![0.5, 10.0],
        exemplars: vec![exemplar(exemplar::Value::AsDouble(9.5))],
        flags: 0,
        min: Some(0.25),
        max: Some(11.0),
    };
    let histogram =
        Histogram { data_points: vec![point], aggregation_temporality: AggregationTemporality::Delta as i32 };
    Metric {
        name: "latency".to_owned(),
        unit: "s".to_owned(),
        data: Some(Data::Histogram(histogram)),
        ..Default::default()
    }
}

fn histogram_row() -> Value {
    json!({
        "time": shown(40), "start_time": shown(0), "name": "latency", "unit": "s", "kind": "histogram",
        "temporality": "delta", "count": 6, "sum": 21.5, "min": 0.25, "max": 11.0, "explicit_bounds": [0.5, 10.0],
        "bucket_counts": [1, 0, 5], "attributes": {"route": "/"}, "exemplars": exemplar_row(9.5), "flags": 0,
    })
}

fn exponential() -> Metric {
    let point = ExponentialHistogramDataPoint {
        attributes: vec![attribute("route", text_value("/"))],
        start_time_unix_nano: T0,
        time_unix_nano: T0 + 50,
        count: 310,
        sum: Some(-4.0),
        scale: -3,
        zero_count: 4,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, 300] }),
        negative: Some(Buckets { offset: 3, bucket_counts: vec![5] }),
        flags: 0,
        exemplars: vec![exemplar(exemplar::Value::AsDouble(1.0))],
        min: Some(-9.0),
        max: Some(8.0),
        zero_threshold: 0.125,
    };
    let histogram = ExponentialHistogram {
        data_points: vec![point],
        aggregation_temporality: AggregationTemporality::Cumulative as i32,
    };
    Metric { name: "size".to_owned(), data: Some(Data::ExponentialHistogram(histogram)), ..Default::default() }
}

fn exponential_row() -> Value {
    json!({
        "time": shown(50), "start_time": shown(0), "name": "size", "kind": "exponential_histogram",
        "temporality": "cumulative", "count": 310, "sum": -4.0, "min": -9.0, "max": 8.0, "scale": -3, "zero_count": 4,
        "zero_threshold": 0.125, "positive_offset": -2, "positive_counts": [1, 300], "negative_offset": 3,
        "negative_counts": [5], "attributes": {"route": "/"}, "exemplars": exemplar_row(1.0), "flags": 0,
    })
}

fn summary() -> Metric {
    let point = SummaryDataPoint {
        attributes: vec![attribute("route", text_value("/"))],
        start_time_unix_nano: T0,
        time_unix_nano: T0 + 60,
        count: 9,
        sum: 4.5,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.5, value: 0.25 },
            ValueAtQuantile { quantile: 1.0, value: 2.0 },
        ],
        flags: 0,
    };
    Metric {
        name: "wait".to_owned(),
        data: Some(Data::Summary(Summary { data_points: vec![point] })),
        ..Default::default()
    }
}

fn summary_row() -> Value {
    json!({
        "time": shown(60), "start_time": shown(0), "name": "wait", "kind": "summary", "count": 9, "sum": 4.5,
        "quantiles": [{"quantile": 0.5, "value": 0.25}, {"quantile": 1.0, "value": 2.0}],
        "attributes": {"route": "/"}, "flags": 0,
    })
}
