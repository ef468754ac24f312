//! The load generator against servers in this process.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spandrel_shop::{
    WallClock,
    load::{IdSource, LoadOptions, LoadReport, build_templates, run_load},
    send::{Protocol, RetryPolicy},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::stub::Stub;

const NOW: i64 = 1_790_000_000_000_000_000;

fn clock() -> WallClock {
    Arc::new(|| NOW)
}

fn options(endpoint: String) -> LoadOptions {
    let quick = Duration::from_millis(1);
    let retry = RetryPolicy { initial: quick, max: quick, give_up_after: Some(Duration::from_secs(60)) };
    LoadOptions { batch: 100, templates: 3, spans: Some(2_000), retry, ..LoadOptions::new(endpoint) }
}

async fn run(options: LoadOptions) -> LoadReport {
    run_load(options, clock(), CancellationToken::new()).await.expect("the options are good")
}

#[test]
fn templates_are_patched_everywhere() {
    let templates = build_templates(1, 4, 512);
    let ids = IdSource::new(99);
    let (mut spans, mut traces) = (HashSet::new(), HashMap::new());
    for (request, template) in (0..).zip(templates.iter().cycle().take(40)) {
        let body = template.fill(&ids, request, NOW);
        assert_eq!(body.len() as u64, template.size());
        assert!((350..=700).contains(&(template.size() / template.spans())));
        let decoded = ExportTraceServiceRequest::decode(body).expect("a filled template is a request");
        let scopes = decoded.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let sent: Vec<_> = scopes.flat_map(|scope| &scope.spans).collect();
        assert_eq!((sent.len(), template.spans()), (512, 512));
        let by_id: HashMap<&[u8], _> = sent.iter().map(|span| (&*span.span_id, span)).collect();
        for span in &sent {
            assert!(spans.insert(span.span_id.clone()), "span ids repeat");
            *traces.entry(span.trace_id.clone()).or_insert(0) += 1;
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            assert!(span.end_time_unix_nano <= NOW as u64);
            assert!(span.end_time_unix_nano >= NOW as u64 - 60_000_000_000);
            if !span.parent_span_id.is_empty() {
                let parent = by_id[&*span.parent_span_id];
                assert_eq!(parent.trace_id, span.trace_id);
                assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
            }
            for event in &span.events {
                assert!((span.start_time_unix_nano..=span.end_time_unix_nano).contains(&event.time_unix_nano));
            }
            assert!(span.links.iter().all(|link| by_id[&*link.span_id].trace_id == link.trace_id));
        }
        for (id, count) in template.trace_ids(&ids, request) {
            assert_eq!(traces.get(&id[..]), Some(&count));
        }
    }
}

#[test]
fn small_batches_are_exact() {
    for batch in [1, 7, 2_000] {
        assert!(build_templates(3, 3, batch).iter().all(|template| template.spans() == batch as u64));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_span_arrives_once_and_is_on_file() {
    let stub = Arc::new(Stub::default());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("acked");
    let endpoint = stub.serve_grpc().await;
    let report = run(LoadOptions { acked_file: Some(file.clone()), ..options(endpoint) }).await;

    assert_eq!((report.accepted_spans, report.requests, report.retries), (2_000, 20, 0));
    assert_eq!((report.rejected_spans, report.refused_spans, report.failed_spans), (0, 0, 0));
    assert!(report.latency_ms.p50 > 0.0 && report.latency_ms.max >= report.latency_ms.p99);
    assert!(report.bytes > 2_000 * 350 && report.accepted_spans_per_second > 0.0);
    let spans: HashSet<Vec<u8>> = stub.spans.lock().unwrap().iter().map(|span| span.span_id.clone()).collect();
    assert_eq!(spans.len(), 2_000);

    let mut acked: HashMap<Vec<u8>, u64> = HashMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let (id, spans) = line.split_once(' ').unwrap();
        let id = u128::from_str_radix(id, 16).unwrap().to_be_bytes();
        *acked.entry(id.to_vec()).or_default() += spans.parse::<u64>().unwrap();
    }
    assert_eq!(acked, stub.traces());
    assert!(serde_json::to_string(&report).unwrap().contains("\"accepted_spans\":2000"));
    assert!(report.to_string().starts_with("goodput"));
}

#[tokio::test]
async fn http_is_spoken_too() {
    let stub = Arc::new(Stub::default());
    stub.refusals.lock().unwrap().push_back(Status::unavailable("busy"));
    let endpoint = stub.serve_http().await;
    let report = run(LoadOptions { protocol: Protocol::Http, ..options(endpoint) }).await;
    assert_eq!((report.accepted_spans, report.retries), (2_000, 1));
    assert_eq!(stub.spans.lock().unwrap().len(), 2_000);
}

#[tokio::test]
async fn overload_is_retried_and_nothing_is_lost() {
    let stub = Arc::new(Stub::default());
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(20)));
    stub.refusals.lock().unwrap().extend([
        Status::unavailable("starting"),
        Status::with_error_details(Code::ResourceExhausted, "busy", details),
    ]);
    let endpoint = stub.serve_grpc().await;
    let report = run(options(endpoint)).await;
    assert_eq!((report.accepted_spans, report.retries), (2_000, 2));
    assert_eq!((*stub.requests.lock().unwrap(), stub.spans.lock().unwrap().len()), (22, 2_000));
}

#[tokio::test]
async fn refusals_and_partial_success_are_counted_and_not_retried() {
    let stub = Arc::new(Stub::default());
    stub.refusals.lock().unwrap().push_back(Status::invalid_argument("no"));
    *stub.reject.lock().unwrap() = 3;
    let endpoint = stub.serve_grpc().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("acked");
    let report = run(LoadOptions { acked_file: Some(file.clone()), ..options(endpoint) }).await;
    assert_eq!((report.refused_spans, report.rejected_spans, report.retries), (100, 3, 0));
    assert_eq!(report.accepted_spans, 2_000 - 100 - 3);
    assert!(report.first_error.is_some_and(|error| error.contains("no")));
    let lines = std::fs::read_to_string(file).unwrap();
    let acked: u64 = lines.lines().map(|line| line.split_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(acked, 2_000 - 100 - 100, "a request that was not taken whole is not on file");
}

#[tokio::test]
async fn an_absent_server_is_given_up() {
    let retry = RetryPolicy { give_up_after: Some(Duration::ZERO), ..RetryPolicy::default() };
    let endpoint = "http://127.0.0.1:1".to_owned();
    let report = run(LoadOptions { spans: Some(100), retry, ..options(endpoint) }).await;
    assert_eq!((report.accepted_spans, report.failed_spans), (0, 100));
}

#[tokio::test]
async fn a_rate_is_kept_to_and_a_cancelled_run_ends() {
    let stub = Arc::new(Stub::default());
    let endpoint = stub.serve_grpc().await;
    // One request is due at once, the next one in a hundred seconds.
    let cancel = CancellationToken::new();
    let options = LoadOptions { rate: Some(1.0), spans: None, ..options(endpoint) };
    let running = tokio::spawn(run_load(options, clock(), cancel.clone()));
    crate::stub::until("one request has arrived", || *stub.requests.lock().unwrap() == 1).await;
    cancel.cancel();
    let report = running.await.unwrap().unwrap();
    assert_eq!((report.requests, report.accepted_spans), (1, 100));
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let good = || options("127.0.0.1:1".to_owned());
    let bad = [
        LoadOptions { rate: Some(0.0), ..good() },
        LoadOptions { batch: 0, ..good() },
        LoadOptions { in_flight: 0, ..good() },
        LoadOptions { endpoint: "https://127.0.0.1:1".to_owned(), ..good() },
    ];
    for options in bad {
        assert!(run_load(options, clock(), CancellationToken::new()).await.is_err());
    }
}
