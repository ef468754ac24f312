//! The shop in real time: some history first, then what happens while it happens.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::WallClock,
    send::{Delivery, EndpointError, Exporter, Protocol, RetryPolicy},
    shop::{Shop, ShopConfig},
    telemetry::{Batch, Signal},
    truth::{FindingTruth, TruthFile},
};

const TICK: Duration = Duration::from_millis(100);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// While history is sent, processes wait this much longer between exports, so that most requests are full.
const HISTORY_EXPORT_INTERVAL: i64 = 30_000_000_000;

/// What to send where.
#[derive(Debug, Clone)]
pub struct LiveConfig {
    /// The shop. Its start time is not used: it opens `backfill` before now.
    pub shop: ShopConfig,
    /// OTLP endpoint.
    pub endpoint: String,
    /// How it speaks OTLP.
    pub protocol: Protocol,
    /// How much history is sent first, as fast as it is taken.
    pub backfill: Duration,
    /// Most requests in flight; at least one.
    pub in_flight: usize,
    /// What to do when the endpoint is not there or busy.
    pub retry: RetryPolicy,
    /// How long the truth about a minute is kept; without it, for ever, which takes about 100 MB a day at 20 users per
    /// second.
    pub truth_window: Option<Duration>,
    /// How long sending may go on after the stop.
    pub stop_within: Duration,
}

impl LiveConfig {
    /// The usual shop, with a quarter of an hour of history, sent to `endpoint` by gRPC.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            shop: ShopConfig::default(),
            endpoint: endpoint.into(),
            protocol: Protocol::Grpc,
            backfill: Duration::from_secs(15 * 60),
            in_flight: 8,
            retry: RetryPolicy { give_up_after: None, ..RetryPolicy::default() },
            truth_window: Some(Duration::from_secs(6 * 60 * 60)),
            stop_within: Duration::from_secs(10),
        }
    }
}

/// Counts of what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests.
    pub requests: u64,
    /// Spans.
    pub spans: u64,
    /// Log records.
    pub logs: u64,
    /// Metric data points.
    pub data_points: u64,
}

/// How far a live shop has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveProgress {
    /// What the endpoint has accepted.
    pub accepted: Sent,
    /// Items that the endpoint rejected in requests it accepted.
    pub rejected: u64,
    /// What was refused or given up.
    pub lost: Sent,
    /// Attempts after the first.
    pub retries: u64,
    /// Whether all history has been accepted, lost or is on its way.
    pub caught_up: bool,
    /// The latest reason for losing something.
    pub last_error: Option<String>,
    /// When the shop opened, nanoseconds since the Unix epoch; 0 until it has.
    pub opened_at: i64,
    /// What was wrong in the history, once it is sent.
    pub findings: Vec<FindingTruth>,
}

/// What a live shop leaves behind.
#[derive(Debug, Clone)]
pub struct LiveReport {
    /// What really happened. Complete: everything in it was sent, or is counted as lost.
    pub truth: TruthFile,
    /// What was sent.
    pub progress: LiveProgress,
}

/// Runs a shop until `cancel`, then sends what is left and returns the truth. `progress` is told after every request.
pub async fn run_live(
    config: LiveConfig,
    clock: WallClock,
    cancel: CancellationToken,
    progress: watch::Sender<LiveProgress>,
) -> Result<LiveReport, EndpointError> {
    let exporter = Exporter::new(&config.endpoint, config.protocol, 1, ATTEMPT_TIMEOUT)?;
    let start_time = clock().saturating_sub(nanos(config.backfill));
    let export_interval = config.shop.export_interval.max(HISTORY_EXPORT_INTERVAL);
    let mut shop = Shop::new(&ShopConfig { start_time, export_interval, ..config.shop.clone() });
    progress.send_modify(|progress| progress.opened_at = start_time);
    let mut sender = Sender {
        exporter: Arc::new(exporter),
        retry: config.retry,
        in_flight: config.in_flight.max(1),
        give_up: CancellationToken::new(),
        tasks: JoinSet::new(),
        progress,
    };

    let mut ticker = interval(TICK);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut caught_up = false;
    while !cancel.is_cancelled() {
        let now = clock();
        while let Some(batch) = shop.next_due(now) {
            let room = tokio::select! {
                () = cancel.cancelled() => false,
                () = sender.room() => true,
            };
            sender.send(batch);
            if !room {
                break;
            }
        }
        if !caught_up && !cancel.is_cancelled() {
            caught_up = true;
            shop.set_export_interval(config.shop.export_interval);
            let findings = shop.truth().findings();
            sender.progress.send_modify(|progress| {
                progress.findings = findings;
                progress.caught_up = true;
            });
        }
        if let Some(window) = config.truth_window {
            shop.forget_before(now.saturating_sub(nanos(window)));
        }
        sender.reap();
        tokio::select! {
            () = cancel.cancelled() => {}
            _ = ticker.tick() => {}
        }
    }
    sender.finish(shop.close(), config.stop_within).await;
    let progress = sender.progress.borrow().clone();
    Ok(LiveReport { truth: shop.truth().to_file(), progress })
}

/// Sends batches, a limited number at a time.
struct Sender {
    exporter: Arc<Exporter>,
    retry: RetryPolicy,
    in_flight: usize,
    give_up: CancellationToken,
    tasks: JoinSet<()>,
    progress: watch::Sender<LiveProgress>,
}

impl Sender {
    /// Waits until fewer requests are in flight than may be.
    async fn room(&mut self) {
        while self.tasks.len() >= self.in_flight {
            self.tasks.join_next().await;
        }
    }

    fn reap(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }

    fn send(&mut self, batch: Batch) {
        let (exporter, retry, give_up) = (Arc::clone(&self.exporter), self.retry, self.give_up.clone());
        let progress = self.progress.clone();
        self.tasks.spawn(async move {
            let (signal, items) = (batch.payload.signal(), batch.items as u64);
            let delivery = exporter.send(signal, batch.payload.encode(), &retry, &give_up).await;
            progress.send_modify(|progress| progress.count(signal, items, delivery));
        });
    }

    /// Sends the rest and waits for all answers, but not longer than `within`.
    async fn finish(&mut self, rest: impl Iterator<Item = Batch>, within: Duration) {
        let give_up = self.give_up.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(within).await;
            give_up.cancel();
        });
        for batch in rest {
            self.room().await;
            self.send(batch);
        }
        while self.tasks.join_next().await.is_some() {}
        timer.abort();
    }
}

impl LiveProgress {
    fn count(&mut self, signal: Signal, items: u64, delivery: Delivery) {
        self.retries += u64::from(delivery.retries);
        let counts = match delivery.result {
            Ok(accepted) => {
                self.rejected += accepted.rejected;
                &mut self.accepted
            }
            Err(failure) => {
                self.last_error = Some(failure.to_string());
                &mut self.lost
            }
        };
        counts.requests += 1;
        match signal {
            Signal::Traces => counts.spans += items,
            Signal::Logs => counts.logs += items,
            Signal::Metrics => counts.data_points += items,
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
