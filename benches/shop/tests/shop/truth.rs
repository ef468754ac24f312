//! The truth equals what an exact observer counts from the telemetry.

use std::collections::{BTreeMap, HashMap, HashSet};

use opentelemetry_proto::tonic::{
    metrics::v1::{AggregationTemporality, metric::Data},
    trace::v1::span::SpanKind,
};
use spandrel_shop::{EdgeTruth, OperationTruth, ShopConfig, engine::EdgeKind, minute_of, telemetry::Payload};

use crate::{
    derive::{is_failure, is_query, operation, outcome, peer, resend_count},
    history::{History, Sent, by_id},
};

const MINUTES: i64 = 3;

/// Minute, service and operation.
type Key = (i64, String, String);
/// Outcome and duration.
type Seen = (&'static str, u64);

fn history() -> History {
    History::of(&ShopConfig { seed: 42, rate: 25.0, ..ShopConfig::default() }, MINUTES * 60)
}

fn start(sent: &Sent) -> i64 {
    sent.span.start_time_unix_nano as i64
}

fn duration(sent: &Sent) -> u64 {
    sent.span.end_time_unix_nano - sent.span.start_time_unix_nano
}

/// What the truth says of operations is what an observer counts.
pub(crate) fn check_operations(history: &History) {
    let mut counted: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    for sent in history.spans() {
        if matches!(sent.span.kind(), SpanKind::Server | SpanKind::Consumer) {
            let key = (minute_of(start(&sent)), sent.service.clone(), operation(&sent.span));
            counted.entry(key).or_default().push((outcome(&sent.span), duration(&sent)));
        }
    }
    let counted: Vec<OperationTruth> = counted.into_iter().map(to_operation_truth).collect();
    assert_eq!(counted, history.truth.operations);
}

#[test]
fn operations_equal_the_spans() {
    let history = history();
    check_operations(&history);
    let mut outcomes: HashSet<&str> = HashSet::new();
    for entry in &history.truth.operations {
        outcomes.extend(entry.outcomes.keys().map(String::as_str));
    }
    assert_eq!(outcomes, HashSet::from(["ok", "client_fault", "rejected", "server_fault"]));
    let minutes: HashSet<i64> = history.truth.operations.iter().map(|entry| entry.minute_unix_nano).collect();
    assert!(minutes.len() >= MINUTES as usize);
}

fn to_operation_truth(((minute, service, operation), seen): (Key, Vec<Seen>)) -> OperationTruth {
    let mut durations_ns: Vec<u64> = seen.iter().map(|(_, duration)| *duration).collect();
    durations_ns.sort_unstable();
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for (outcome, _) in &seen {
        *outcomes.entry((*outcome).to_owned()).or_default() += 1;
    }
    OperationTruth {
        minute_unix_nano: minute,
        service,
        operation,
        requests: seen.len() as u64,
        failures: seen.iter().filter(|(outcome, _)| is_failure(outcome)).count() as u64,
        outcomes,
        duration_sum_ns: durations_ns.iter().sum(),
        durations_ns,
    }
}

/// What the truth says of edges is what an observer counts.
pub(crate) fn check_edges(history: &History) {
    let spans = history.spans();
    let mut counted: BTreeMap<(i64, String, String, EdgeKind), EdgeTruth> = BTreeMap::new();
    let mut count = |source: &str, target: &str, kind: EdgeKind, attempts: &[&Sent]| {
        let (first, last) = (attempts[0], attempts[attempts.len() - 1]);
        let minute = minute_of(start(first));
        let key = (minute, source.to_owned(), target.to_owned(), kind);
        let edge = counted.entry(key).or_insert_with(|| EdgeTruth {
            minute_unix_nano: minute,
            source: source.to_owned(),
            target: target.to_owned(),
            kind,
            requests: 0,
            attempts: 0,
            failures: 0,
            timeouts: 0,
            rejected: 0,
            duration_sum_ns: 0,
        });
        edge.requests += 1;
        edge.attempts += attempts.len() as u64;
        edge.failures += u64::from(is_failure(outcome(&last.span)));
        edge.duration_sum_ns += last.span.end_time_unix_nano - first.span.start_time_unix_nano;
    };
    let ids = by_id(&spans);
    for call in logical_calls(&spans) {
        count(&call[0].service, &peer(&call[0].span), EdgeKind::Sync, &call);
    }
    for sent in &spans {
        if sent.span.kind() == SpanKind::Client && is_query(&sent.span) {
            count(&sent.service, &peer(&sent.span), EdgeKind::Data, &[sent]);
        }
        for link in &sent.span.links {
            count(&ids[&*link.span_id].service, &sent.service, EdgeKind::Async, &[sent]);
        }
    }
    let counted: Vec<EdgeTruth> = counted.into_values().collect();
    // A span does not say whether a deadline was the caller's or one further inside.
    let known: Vec<EdgeTruth> =
        history.truth.edges.iter().map(|edge| EdgeTruth { timeouts: 0, ..edge.clone() }).collect();
    assert_eq!(counted, known);
}

#[test]
fn edges_equal_the_spans() {
    let history = history();
    check_edges(&history);
    let is_retried = history.truth.edges.iter().any(|edge| edge.attempts > edge.requests);
    assert!(is_retried, "nothing was retried");
}

/// The attempts of each call, in order: a resent request follows the latest sibling with one resend less.
fn logical_calls(spans: &[Sent]) -> Vec<Vec<&Sent>> {
    let mut attempts: Vec<&Sent> =
        spans.iter().filter(|sent| sent.span.kind() == SpanKind::Client && !is_query(&sent.span)).collect();
    attempts.sort_by_key(|sent| start(sent));
    let mut calls: Vec<Vec<&Sent>> = Vec::new();
    let mut latest: HashMap<(&[u8], String, String), usize> = HashMap::new();
    for attempt in attempts {
        let key = (&*attempt.span.parent_span_id, peer(&attempt.span), operation(&attempt.span));
        if resend_count(&attempt.span) > 0 {
            calls[latest[&key]].push(attempt);
        } else {
            latest.insert(key, calls.len());
            calls.push(vec![attempt]);
        }
    }
    calls
}

#[test]
fn totals_equal_what_was_sent() {
    let history = history();
    let spans = history.spans();
    let totals = history.truth.totals;
    let traces: HashSet<&[u8]> = spans.iter().map(|sent| &*sent.span.trace_id).collect();
    assert_eq!((totals.spans, totals.traces), (spans.len() as u64, traces.len() as u64));

    let handled = &history.truth.operations;
    assert_eq!(totals.requests, handled.iter().map(|entry| entry.requests).sum::<u64>());
    assert_eq!(totals.failures, handled.iter().map(|entry| entry.failures).sum::<u64>());

    let ids = by_id(&spans);
    let (mut logs, mut severities, mut points, mut kinds) = (0, HashSet::new(), 0, HashSet::new());
    for batch in &history.batches {
        match &batch.payload {
            Payload::Logs(request) => {
                let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
                for record in scopes.flat_map(|scope| &scope.log_records) {
                    assert_eq!(ids[&*record.span_id].span.trace_id, record.trace_id);
                    severities.insert(record.severity_text.clone());
                    logs += 1;
                }
            }
            Payload::Metrics(request) => {
                let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
                for data in scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref()) {
                    let (kind, count) = data_points(data);
                    kinds.insert(kind);
                    points += count;
                }
            }
            Payload::Traces(_) => {}
        }
    }
    assert_eq!((totals.logs, totals.data_points), (logs, points as u64));
    assert_eq!(severities, HashSet::from(["INFO", "WARN", "ERROR"].map(str::to_owned)));
    assert_eq!(kinds, HashSet::from(["gauge", "sum", "histogram", "exponential histogram"]));
}

fn data_points(data: &Data) -> (&'static str, usize) {
    match data {
        Data::Gauge(gauge) => ("gauge", gauge.data_points.len()),
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            ("sum", sum.data_points.len())
        }
        Data::Histogram(histogram) => {
            for point in &histogram.data_points {
                assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
            }
            ("histogram", histogram.data_points.len())
        }
        Data::ExponentialHistogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Delta);
            for point in &histogram.data_points {
                let positive: u64 = point.positive.iter().flat_map(|buckets| &buckets.bucket_counts).sum();
                assert_eq!(positive + point.zero_count, point.count);
            }
            ("exponential histogram", histogram.data_points.len())
        }
        Data::Summary(summary) => ("summary", summary.data_points.len()),
    }
}

#[test]
fn cumulative_metrics_end_at_the_truth() {
    let history = history();
    let mut last: HashMap<(usize, String), u64> = HashMap::new();
    for batch in &history.batches {
        let Payload::Metrics(request) = &batch.payload else { continue };
        let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            if let Some(Data::Histogram(histogram)) = &metric.data {
                let count = histogram.data_points.iter().map(|point| point.count).sum();
                last.insert((batch.instance.index(), metric.name.clone()), count);
            }
        }
    }
    assert_eq!(last.values().sum::<u64>(), history.truth.totals.requests);
}
