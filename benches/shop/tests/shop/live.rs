//! The live shop against a server in this process, by a clock that the test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use spandrel_shop::{
    MINUTE, ShopConfig,
    live::{LiveConfig, LiveProgress, run_live},
    send::RetryPolicy,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::stub::{Stub, until};

const NOW: i64 = 1_790_000_000_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_comes_first_then_the_present_and_all_of_it_is_true() {
    let stub = Arc::new(Stub::default());
    stub.refusals.lock().unwrap().push_back(Status::unavailable("starting"));
    let quick = Duration::from_millis(1);
    let config = LiveConfig {
        shop: ShopConfig { rate: 5.0, ..ShopConfig::default() },
        backfill: Duration::from_secs(120),
        retry: RetryPolicy { initial: quick, max: quick, give_up_after: None },
        stop_within: Duration::from_secs(60),
        ..LiveConfig::new(stub.serve_grpc().await)
    };
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let cancel = CancellationToken::new();
    let (sender, progress) = watch::channel(LiveProgress::default());
    let running =
        tokio::spawn(run_live(config, Arc::new(move || clock.load(Ordering::Relaxed)), cancel.clone(), sender));

    until("history is sent", || progress.borrow().caught_up).await;
    until("all of history has arrived", || progress.borrow().accepted.spans > 5_000).await;
    let history = stub.spans.lock().unwrap().len();
    now.fetch_add(30_000_000_000, Ordering::Relaxed);
    until("the present arrives", || stub.spans.lock().unwrap().len() > history).await;
    cancel.cancel();
    let report = running.await.unwrap().unwrap();

    assert_eq!((report.progress.retries, report.progress.lost.requests), (1, 0));
    let totals = report.truth.totals;
    assert_eq!(totals.spans, stub.spans.lock().unwrap().len() as u64);
    assert_eq!(totals.logs, *stub.logs.lock().unwrap());
    assert_eq!(
        (totals.spans, totals.data_points),
        (report.progress.accepted.spans, report.progress.accepted.data_points)
    );
    let first = stub.spans.lock().unwrap().iter().map(|span| span.start_time_unix_nano as i64).min().unwrap();
    assert!((NOW - 2 * MINUTE..NOW - MINUTE).contains(&first));
}

#[tokio::test]
async fn a_server_that_is_not_there_does_not_hold_up_the_stop() {
    let config = LiveConfig {
        backfill: Duration::from_secs(10),
        stop_within: Duration::ZERO,
        ..LiveConfig::new("http://127.0.0.1:1")
    };
    let cancel = CancellationToken::new();
    let (sender, progress) = watch::channel(LiveProgress::default());
    let running = tokio::spawn(run_live(config, Arc::new(|| NOW), cancel.clone(), sender));
    until("the shop is open", || progress.borrow().opened_at != 0).await;
    cancel.cancel();
    let report = running.await.unwrap().unwrap();
    assert!(report.progress.lost.requests > 0 && progress.borrow().last_error.is_some());
    assert_eq!(report.progress.accepted.requests, 0);
}
