//! `spandrel demo`: a server in a fresh directory, and a shop that sends to it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context;
use spandrel_proto::model::{Clock, SystemClock};
use spandrel_shop::{
    FindingKind, FindingTruth, MINUTE, Scenario, ShopConfig, demonstration,
    live::{LiveConfig, LiveProgress, run_live},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{configuration, environment, runtime, say};
use crate::{
    cli::{DemoArgs, Failure},
    serve::{Addresses, Server, init_logging},
};

/// The question that the demo proposes.
const STATEMENT: &str = "SELECT service_name, sum(requests) AS requests, sum(failures) AS failures, max(p99_ms) AS p99_ms \
                         FROM red('now-15m', 'now') GROUP BY 1 ORDER BY 2 DESC";

pub(crate) fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let scenarios = scenarios(args)?;
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
        let shop =
            tokio::spawn(run_shop(live_config(args, &scenarios, &server.addresses), Plan::of(args), cancel.clone()));
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

/// What shall be wrong with the shop.
fn scenarios(args: &DemoArgs) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for name in &args.scenario {
        match name.as_str() {
            "none" => {}
            "all" => scenarios.extend(FindingKind::ALL.map(Scenario::of)),
            name => {
                let scenario =
                    name.parse::<Scenario>().map_err(|error| Failure::Usage(format!("--scenario: {error}")))?;
                scenarios.push(scenario);
            }
        }
    }
    Ok(scenarios)
}

fn live_config(args: &DemoArgs, scenarios: &[Scenario], addresses: &Addresses) -> LiveConfig {
    let scenarios = demonstration(scenarios, i64::from(args.history) * MINUTE);
    LiveConfig {
        shop: ShopConfig { seed: args.seed, rate: args.rate, scenarios, ..ShopConfig::default() },
        backfill: Duration::from_secs(60 * u64::from(args.history)),
        truth_window: if args.truth.is_some() { None } else { LiveConfig::new("").truth_window },
        ..LiveConfig::new(format!("http://{}", addresses.otlp_grpc))
    }
}

/// Says when to look for what: the latest turn of each scenario, or the first if it is still to come; and what came of it
/// in the history besides.
fn say_where_to_look(shop: &ShopConfig, now: i64, history: &[FindingTruth]) -> anyhow::Result<()> {
    let mut turns: BTreeMap<String, spandrel_shop::Plan> = BTreeMap::new();
    for plan in spandrel_shop::plans(shop) {
        if plan.during.start < now || !turns.contains_key(&plan.scenario) {
            turns.insert(plan.scenario.clone(), plan);
        }
    }
    let mut turns: Vec<spandrel_shop::Plan> = turns.into_values().collect();
    turns.sort_by_key(|plan| plan.during.start);
    for plan in turns {
        let Some(finding) = plan.expected.first() else { continue };
        let kind = if plan.near_miss { plan.scenario.as_str() } else { finding.kind.as_str() };
        let about = subject(&finding.service, finding.target.as_deref(), finding.operation.as_deref());
        say_condition((plan.during.start, plan.during.end), "", kind, &about)?;
        for effect in spandrel_shop::effects(&plan, history) {
            let about = subject(&effect.service, effect.target.as_deref(), effect.operation.as_deref());
            say_condition((effect.from_unix_nano, effect.to_unix_nano), "also ", effect.kind.as_str(), &about)?;
        }
    }
    Ok(())
}

fn subject(service: &str, target: Option<&str>, operation: Option<&str>) -> String {
    let target = target.map_or_else(String::new, |target| format!(" -> {target}"));
    let operation = operation.map_or_else(String::new, |operation| format!(" {operation}"));
    format!("{service}{target}{operation}")
}

fn say_condition((from, to): (i64, i64), also: &str, kind: &str, about: &str) -> anyhow::Result<()> {
    let (from, to) = (clock_time(from)?, clock_time(to)?);
    say(format_args!("{from}-{to} {also}{kind:21} {about}"))
}

/// Hours and minutes in the zone of this machine.
fn clock_time(unix_nano: i64) -> anyhow::Result<String> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(unix_nano))?;
    Ok(time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string())
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
    let shop = config.shop.clone();
    let backfill = config.backfill;
    tokio::spawn(async move {
        let caught_up = watched.wait_for(|progress| progress.caught_up).await;
        let caught_up = caught_up.map(|progress| (progress.opened_at, progress.findings.clone()));
        let Ok((opened_at, history)) = caught_up else { return };
        let now = opened_at.saturating_add(i64::try_from(backfill.as_nanos()).unwrap_or(i64::MAX));
        let shop = ShopConfig { start_time: opened_at, ..shop };
        if say(format_args!("History    sent")).and_then(|()| say_where_to_look(&shop, now, &history)).is_err() {
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
