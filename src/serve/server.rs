//! Start, run, stop.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, middleware};
use spandrel_collector::{
    HttpLines, LineSink, Pipeline, Receiver, SourceConfig, SourceRuntime, SyslogAddresses, grpc_router, http_router,
    lines_router,
};
use spandrel_normalize::{
    enrich::{EnrichError, Enricher},
    registry,
};
use spandrel_proto::model::{Clock, SystemClock};
use spandrel_query::{Analyst, Engine, api::ApiConfig};
use spandrel_store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, HealthService},
};

use super::{
    addresses, compression,
    listener::Listener,
    metrics::Sources,
    self_telemetry::{self, SelfTelemetry},
    sources::{LineSources, SourceView},
    status::{self, Status},
};
use crate::config::Config;

const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// A server that takes requests.
pub(crate) struct Server {
    pub(crate) addresses: Addresses,
    store: Arc<Store>,
    stop: CancellationToken,
    /// Cancelled when the listeners have drained: what feeds the store in the background ends last.
    stop_telemetry: CancellationToken,
    listeners: JoinSet<()>,
    lines: LineSources,
    analyst: Option<Analyst>,
    telemetry: JoinSet<()>,
}

impl Server {
    /// Opens the data directory, replays its log, binds the listeners and starts to serve.
    pub(crate) async fn start(config: Config, environment: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let grpc = Listener::bind("OTLP/gRPC", config.otlp_grpc).await?;
        let http = Listener::bind("OTLP/HTTP", config.otlp_http).await?;
        let api = Listener::bind("HTTP", config.http).await?;
        let addresses = Addresses { otlp_grpc: grpc.address()?, otlp_http: http.address()?, http: api.address()? };

        let data_dir = config.store.data_dir.display().to_string();
        let store = Store::open(config.store, Arc::clone(&clock))
            .await
            .with_context(|| format!("cannot open the data directory {data_dir}"))?;
        let enricher = Enricher::new(&config.enrich).map_err(|errors| anyhow::anyhow!("{}", join(&errors)))?;
        let pipeline = Pipeline::new(Arc::clone(&store), enricher);
        let receiver = Receiver::new(config.receiver, Arc::clone(&pipeline), Arc::clone(&clock));
        let engine = Engine::new(Arc::clone(&store), config.query, Arc::clone(&clock))?;
        // Before anything can be stored, so that nothing is stored unseen.
        let analyst = config
            .analysis
            .then(|| Analyst::start(Arc::clone(&store), &engine, Arc::clone(&clock)))
            .transpose()
            .context("cannot start the live analysis")?;

        let stop = CancellationToken::new();
        let stop_telemetry = CancellationToken::new();
        let http_lines = Arc::new(HttpLines {
            formats: Arc::new(registry::format),
            sink: Arc::clone(&pipeline) as Arc<dyn LineSink>,
            clock: Arc::clone(&clock),
            admission: receiver.admission().clone(),
            max_request_bytes: receiver.config().max_request_bytes,
            max_decompressed_bytes: receiver.config().max_decompressed_bytes,
            max_line_bytes: SourceConfig::MAX_LINE_BYTES,
            stats: Arc::default(),
        });
        let runtime = SourceRuntime {
            formats: Arc::new(registry::format),
            sink: pipeline,
            clock: Arc::clone(&clock),
            stop: CancellationToken::new(),
        };
        let lines = LineSources::start(&runtime, &config.sources, Path::new(&data_dir)).await?;
        let over_http = SourceView {
            name: "http".to_owned(),
            stats: Arc::clone(&http_lines.stats),
            addresses: SyslogAddresses::default(),
        };
        let sources = Arc::new(Sources {
            store: Arc::clone(&store),
            receiver: Arc::clone(&receiver),
            engine: Arc::clone(&engine),
            lines: lines.views().iter().cloned().chain([over_http]).collect(),
            source_failures: lines.failures(),
            analyst: analyst.as_ref().map(Analyst::stats),
        });
        let status = Status { sources: Arc::clone(&sources), stop: stop.clone() };
        let own = config.self_telemetry.then(|| SelfTelemetry::new(environment, clock)).flatten();
        let reporter = HealthReporter::new();
        let health =
            tonic_health::pb::health_server::HealthServer::new(HealthService::from_health_reporter(reporter.clone()));

        let mut listeners = JoinSet::new();
        listeners.spawn(grpc.serve(grpc_router(Arc::clone(&receiver), health)?, stop.clone()));
        listeners.spawn(http.serve(http_router(receiver), stop.clone()));
        let api_config = ApiConfig { stop: stop.clone(), dashboards: config.dashboards };
        let api_router = api_router(
            spandrel_query::api::router(engine, api_config),
            status.clone(),
            own.clone(),
            lines_router(http_lines),
        );
        listeners.spawn(api.serve(api_router, stop.clone()));
        let mut telemetry = JoinSet::new();
        if let Some(own) = own {
            telemetry.spawn(own.run(sources, stop_telemetry.clone()));
        }
        telemetry.spawn(report_health(reporter, status, stop_telemetry.clone()));
        if let Some(path) = &config.addresses_file {
            addresses::write(path, &addresses, lines.views())
                .with_context(|| format!("cannot write the addresses file {}", path.display()))?;
        }
        tracing::info!(
            otlp_grpc = %addresses.otlp_grpc, otlp_http = %addresses.otlp_http, http = %addresses.http, data_dir, "ready"
        );
        Ok(Self { addresses, store, stop, stop_telemetry, listeners, lines, analyst, telemetry })
    }

    /// Waits until a signal asks to stop.
    ///
    /// # Errors
    /// When a listener ended by itself.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<()> {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupt = tokio::signal::ctrl_c() => Ok(interrupt?),
            Some(_) = self.listeners.join_next() => anyhow::bail!("a listener ended by itself; the log above says why"),
        }
    }

    /// Drains requests, writes everything in memory to files, and lets the data directory go.
    pub(crate) async fn shut_down(mut self) -> anyhow::Result<()> {
        tracing::info!("stopping");
        self.stop.cancel();
        while let Some(ended) = self.listeners.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a listener ended abnormally");
            }
        }
        self.lines.stop().await;
        self.stop_telemetry.cancel();
        while self.telemetry.join_next().await.is_some() {}
        if let Some(analyst) = self.analyst.take() {
            analyst.stop().await;
        }
        self.store.close().await.context("cannot close the data directory cleanly")?;
        tracing::info!("stopped");
        Ok(())
    }
}

fn join(errors: &[EnrichError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn api_router(api: Router, status: Status, own: Option<Arc<SelfTelemetry>>, lines: Router) -> Router {
    let mut api = api.merge(lines).layer(middleware::from_fn(compression::compress));
    if let Some(own) = own {
        api = api.layer(middleware::from_fn_with_state(own, self_telemetry::trace_request));
    }
    api.merge(status::router(status)).fallback(spandrel_ui::handler)
}

/// Keeps `grpc.health.v1.Health` in step with `/ready`.
async fn report_health(reporter: HealthReporter, status: Status, stop: CancellationToken) {
    let mut tick = tokio::time::interval(HEALTH_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let serving = match status.problem() {
            None => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        };
        reporter.set_service_status("", serving).await;
        for signal in spandrel_proto::wire::otlp::Signal::ALL {
            reporter.set_service_status(spandrel_collector::grpc_service_name(signal), serving).await;
        }
    }
}
