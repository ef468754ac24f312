//! `spandrel demo`: a server in a fresh directory, and a shop that sends to it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use spandrel_proto::model::{Clock, SystemClock};
use spandrel_shop::{
    ShopConfig,
    live::{LiveConfig, LiveProgress, run_live},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{configuration, environment, runtime, say};
use crate::{
    cli::DemoArgs,
    serve::{Addresses, Server, init_logging},
};

/// The question that the demo proposes.
const STATEMENT: &str = "SELECT service_name, sum(requests) AS requests, sum(failures) AS failures, max(p99_ms) AS p99_ms \
                         FROM red('now-15m', 'now') GROUP BY 1 ORDER BY 2 DESC";

pub(crate) fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("spandrel-demo-").tempdir().context("cannot make a directory")?;
    let mut serve = args.serve.clone();
    if serve.data_dir.is_none() {
        serve.data_dir = Some(directory.path().display().to_string());
    }
    if !serve.set.iter().any(|pair| pair.starts_with("log.")) {
        serve.set.insert(0, "log.filter=warn".to_owned());
    }
    let environment = environment();
    let config = configuration(&serve, &environment)?;
    init_logging(&config.log);
    runtime()?.block_on(async {
        let data_dir = config.store.data_dir.clone();
        let mut server = Server::start(config, &environment).await?;
        greet(&server.addresses, &data_dir, args)?;
        let cancel = CancellationToken::new();
        let shop = tokio::spawn(run_shop(live_config(args, &server.addresses), Plan::of(args), cancel.clone()));
        let waited = server.wait().await;
        cancel.cancel();
        let closed = shop.await.context("the shop ended abnormally");
        server.shut_down().await?;
        waited.and(closed?)
    })
}

fn greet(addresses: &Addresses, data_dir: &std::path::Path, args: &DemoArgs) -> anyhow::Result<()> {
    let Addresses { otlp_grpc, otlp_http, http } = addresses;
    let url = if http.port() == 16686 { String::new() } else { format!(" --url http://{http}") };
    say(format_args!("Page       http://{http}/"))?;
    say(format_args!("OTLP       {otlp_grpc} (gRPC), http://{otlp_http} (HTTP)"))?;
    say(format_args!("Data       {}", data_dir.display()))?;
    say(format_args!(
        "Shop       seed {}, {} requests a second, {} minutes of history first",
        args.seed, args.rate, args.history
    ))?;
    // As the program was called, so that the line works where it is not on the path.
    let program = std::env::args().next().unwrap_or_else(|| "spandrel".to_owned());
    say(format_args!("Try        {program} sql{url} \"{STATEMENT}\""))?;
    say(format_args!("Stop       Ctrl-C"))
}

fn live_config(args: &DemoArgs, addresses: &Addresses) -> LiveConfig {
    LiveConfig {
        shop: ShopConfig { seed: args.seed, rate: args.rate, ..ShopConfig::default() },
        backfill: Duration::from_secs(60 * u64::from(args.history)),
        truth_window: if args.truth.is_some() { None } else { LiveConfig::new("").truth_window },
        ..LiveConfig::new(format!("http://{}", addresses.otlp_grpc))
    }
}

/// When the shop stops and where its truth goes.
struct Plan {
    stop_after: Option<Duration>,
    truth: Option<std::path::PathBuf>,
}

impl Plan {
    fn of(args: &DemoArgs) -> Self {
        let stop_after = args.stop_shop_after.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        Self { stop_after, truth: args.truth.clone() }
    }
}

async fn run_shop(config: LiveConfig, plan: Plan, cancel: CancellationToken) -> anyhow::Result<()> {
    let clock = Arc::new(|| SystemClock.now_unix_nano());
    let (progress, mut watched) = watch::channel(LiveProgress::default());
    let shop_cancel = cancel.child_token();
    let stopper = shop_cancel.clone();
    let stop_after = plan.stop_after;
    tokio::spawn(async move {
        if watched.wait_for(|progress| progress.caught_up).await.is_err() {
            return;
        }
        if say(format_args!("History    sent")).is_err() {
            return;
        }
        if let Some(after) = stop_after {
            tokio::time::sleep(after).await;
            stopper.cancel();
        }
    });
    let report = run_live(config, clock, shop_cancel, progress).await?;
    if let Some(path) = &plan.truth {
        let truth = serde_json::to_vec(&report.truth)?;
        std::fs::write(path, truth).with_context(|| format!("cannot write the truth to {}", path.display()))?;
    }
    let sent = report.progress.accepted;
    say(format_args!(
        "Shop       closed: {} spans, {} log records, {} data points stored",
        sent.spans, sent.logs, sent.data_points
    ))?;
    if report.progress.lost.requests > 0 {
        let error = report.progress.last_error.unwrap_or_default();
        anyhow::bail!("{} requests of the shop were lost: {error}", report.progress.lost.requests);
    }
    Ok(())
}
