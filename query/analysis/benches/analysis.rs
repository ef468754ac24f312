//! What the analysis of a span costs. Run with `cargo bench -p spandrel-analysis`.
//!
//! | benchmark | what |
//! |---|---|
//! | `read` | rows to spans |
//! | `analyse` | spans of one trace to hops, paths and errors |
//! | `analyzer`, `analyzer_detectors` | rows to counts per minute, without and with all detectors |
//! | `siblings`, `chain` | `analyse` for one trace of 100,000 spans |

#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "support/spans.rs"]
mod spans;

use std::{hint::black_box, time::Duration};

use arrow::record_batch::RecordBatch;
use criterion::{
    BatchSize, Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use spandrel_analysis::{
    analysed::Analysis,
    analyzer::{Analyzer, Options},
    context::Context,
    findings::{Detector, detectors},
    input::SpanReader,
    peers::PeerMap,
    skew::Skew,
    span::Span,
};

use self::{
    cpu_time::used,
    spans::{START, TRACE_SPANS, large, later, requests},
};

/// Traces of a second.
const TRACES: usize = 150;
/// Seconds of a round of `analyzer`.
const SECONDS: i64 = 40;
const SECOND: i64 = 1_000_000_000;

fn read(criterion: &mut Criterion<CpuTime>) {
    let batch = requests(TRACES as u64, 0);
    let (mut reader, mut context, mut spans) = (SpanReader::default(), Context::new(), Vec::new());
    let mut group = criterion.benchmark_group("spans");
    group.throughput(Throughput::Elements(batch.num_rows() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            spans.clear();
            reader.read(black_box(&batch), &mut context, &mut spans).expect("the rows are of the table");
            assert_eq!(spans.len(), TRACES * TRACE_SPANS);
        });
    });
}

fn analyse(criterion: &mut Criterion<CpuTime>) {
    let small = requests(TRACES as u64, 0);
    for (name, batch) in [("analyse", small), ("siblings", large(false)), ("chain", large(true))] {
        let mut context = Context::new();
        let traces = traces(&batch, &mut context);
        let mut peers = PeerMap::default();
        let mut group = criterion.benchmark_group("spans");
        group.throughput(Throughput::Elements(batch.num_rows() as u64));
        group.sample_size(20);
        group.bench_function(name, |bencher| {
            let skew = Skew::default();
            bencher.iter_batched(
                || traces.clone(),
                |traces| {
                    let analyse = |spans| Analysis::of(spans, &mut context, &mut peers, &skew);
                    traces.into_iter().map(analyse).collect::<Vec<_>>()
                },
                BatchSize::LargeInput,
            );
        });
    }
}

/// The spans of each trace.
fn traces(batch: &RecordBatch, context: &mut Context) -> Vec<Vec<Span>> {
    let mut spans = Vec::new();
    SpanReader::default().read(batch, context, &mut spans).expect("the rows are of the table");
    spans.sort_by_key(|span| span.trace_id);
    spans.chunk_by(|one, other| one.trace_id == other.trace_id).map(<[Span]>::to_vec).collect()
}

fn analyzer(criterion: &mut Criterion<CpuTime>) {
    type Detectors = fn() -> Vec<Box<dyn Detector>>;
    let templates: Vec<RecordBatch> = (0..8).map(|seed| requests(TRACES as u64, seed)).collect();
    let batches: Vec<RecordBatch> =
        (0..SECONDS).map(|second| later(&templates[second as usize % templates.len()], second)).collect();
    let mut group = criterion.benchmark_group("spans");
    group.throughput(Throughput::Elements((SECONDS as usize * TRACES * TRACE_SPANS) as u64));
    group.sample_size(10);
    for (name, detectors) in [("analyzer", Vec::new as Detectors), ("analyzer_detectors", detectors as Detectors)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || Analyzer::new(Options { quiet_ns: 20 * SECOND, ..Options::default() }, detectors()),
                |mut analyzer| {
                    for (second, batch) in (0..).zip(&batches) {
                        let now = START + (second + 1) * SECOND;
                        analyzer.push_spans(batch, now).expect("the rows are of the table");
                        analyzer.close_quiet(now);
                    }
                    analyzer.close_all();
                    assert_eq!(analyzer.activity().traces, SECONDS as u64 * TRACES as u64);
                    analyzer
                },
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = read, analyse, analyzer
}
criterion_main!(benches);

/// The processor time of the thread.
#[derive(Debug, Clone, Copy)]
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        used()
    }

    fn end(&self, start: Duration) -> Duration {
        used().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
