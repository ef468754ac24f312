//! What a load run found out.

use std::{
    fmt,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::send::{Delivery, Failure};

const MAX_LATENCY_MICROS: u64 = 3_600_000_000;

/// The result of a load run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// From the first request's scheduled time to the last answer.
    pub seconds: f64,
    /// Requests with a final answer.
    pub requests: u64,
    /// Spans that the endpoint acknowledged.
    pub accepted_spans: u64,
    /// The same per second: the goodput.
    pub accepted_spans_per_second: f64,
    /// Spans that the endpoint did not take out of requests that it accepted.
    pub rejected_spans: u64,
    /// Spans of requests that the endpoint refused.
    pub refused_spans: u64,
    /// Spans of requests that were given up after retries.
    pub failed_spans: u64,
    /// Attempts after the first of a request.
    pub retries: u64,
    /// Bytes of accepted requests before framing.
    pub bytes: u64,
    /// The same per second.
    pub bytes_per_second: f64,
    /// From the scheduled time of a request to its acceptance, retries included.
    pub latency_ms: Latencies,
    /// How late the latest request was sent, seconds: the schedule asked for more than was possible.
    pub behind_schedule_seconds: f64,
    /// The first reason for losing a request.
    pub first_error: Option<String>,
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// Half of the requests were at most this slow.
    pub p50: f64,
    /// 90 % of the requests were at most this slow.
    pub p90: f64,
    /// 99 % of the requests were at most this slow.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// Counts during a run.
#[derive(Debug)]
pub(super) struct Tally {
    latencies: Histogram<u64>,
    last_answer: Duration,
    report: LoadReport,
}

/// A request with its final answer.
pub(super) struct Answered<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) spans: u64,
    pub(super) bytes: u64,
    pub(super) intended: Instant,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

impl Tally {
    pub(super) fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, MAX_LATENCY_MICROS, 3)
            .expect("the bounds are a factor of two apart and more");
        let report = LoadReport {
            seconds: 0.0,
            requests: 0,
            accepted_spans: 0,
            accepted_spans_per_second: 0.0,
            rejected_spans: 0,
            refused_spans: 0,
            failed_spans: 0,
            retries: 0,
            bytes: 0,
            bytes_per_second: 0.0,
            latency_ms: Latencies::default(),
            behind_schedule_seconds: 0.0,
            first_error: None,
        };
        Self { latencies, last_answer: Duration::ZERO, report }
    }

    pub(super) fn count(&mut self, begun: Instant, answered: &Answered<'_>) {
        let report = &mut self.report;
        report.requests += 1;
        report.retries += u64::from(answered.delivery.retries);
        let behind = answered.sent.saturating_duration_since(answered.intended).as_secs_f64();
        report.behind_schedule_seconds = report.behind_schedule_seconds.max(behind);
        self.last_answer = self.last_answer.max(answered.answered.saturating_duration_since(begun));
        match &answered.delivery.result {
            Ok(accepted) => {
                let rejected = accepted.rejected.min(answered.spans);
                report.accepted_spans += answered.spans - rejected;
                report.rejected_spans += rejected;
                report.bytes += answered.bytes;
                let latency = answered.answered.saturating_duration_since(answered.intended);
                self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
            Err(failure) => {
                match failure {
                    Failure::Refused(_) => report.refused_spans += answered.spans,
                    Failure::GaveUp(_) => report.failed_spans += answered.spans,
                }
                report.first_error.get_or_insert_with(|| failure.to_string());
            }
        }
    }

    pub(super) fn report(&self) -> LoadReport {
        let seconds = self.last_answer.as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let at = |quantile: f64| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        LoadReport {
            seconds,
            accepted_spans_per_second: per_second(self.report.accepted_spans),
            bytes_per_second: per_second(self.report.bytes),
            latency_ms: Latencies { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: self.latencies.max() as f64 / 1e3 },
            ..self.report.clone()
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latencies { p50, p90, p99, max } = self.latency_ms;
        let megabytes = self.bytes_per_second / 1e6;
        writeln!(f, "goodput   {:.0} spans/s, {megabytes:.1} MB/s", self.accepted_spans_per_second)?;
        writeln!(f, "accepted  {} spans in {} requests, {:.1} s", self.accepted_spans, self.requests, self.seconds)?;
        writeln!(
            f,
            "lost      {} rejected, {} refused, {} failed; {} retries",
            self.rejected_spans, self.refused_spans, self.failed_spans, self.retries
        )?;
        write!(f, "latency   p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms")?;
        if self.behind_schedule_seconds > 1.0 {
            write!(f, "\nbehind    up to {:.1} s: the rate is more than was taken", self.behind_schedule_seconds)?;
        }
        if let Some(error) = &self.first_error {
            write!(f, "\nerror     {error}")?;
        }
        Ok(())
    }
}
