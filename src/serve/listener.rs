//! One TCP listener: bounded connections, HTTP/1 and HTTP/2, and a drain on a clean stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, Version, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::drain::DrainedBody;

/// Connections of one listener (B-1); more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
/// Requests under way on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// HTTP/2 windows, which bound what a connection holds before its requests are read: a usual batch of spans fits.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Time for the head of a request to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for requests under way to end after a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound listener.
pub(super) struct Listener {
    name: &'static str,
    listener: TcpListener,
}

impl Listener {
    pub(super) async fn bind(name: &'static str, address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| anyhow::anyhow!("cannot listen on {address} for {name}: {error}"))?;
        Ok(Self { name, listener })
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop`, then lets requests under way end.
    pub(super) async fn serve(self, router: Router, stop: CancellationToken) {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Some(Duration::from_secs(30)));
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(stream) = self.accept(&slots, &stop).await {
            let (stream, slot) = stream;
            let service = router.clone().map_request(with_body);
            let connection =
                http.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
            let connection = graceful.watch(connection.into_owned());
            let name = self.name;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(listener = name, %error, "connection ended");
                }
                drop(slot);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!(listener = self.name, "requests were still under way when the drain ended");
        }
    }

    async fn accept(
        &self,
        slots: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let slot = tokio::select! {
            () = stop.cancelled() => return None,
            slot = Arc::clone(slots).acquire_owned() => slot.ok()?,
        };
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return None,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(listener = self.name, %error, "cannot set TCP_NODELAY");
                    }
                    return Some((stream, slot));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: give others time to close.
                    tracing::warn!(listener = self.name, %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

fn with_body(request: Request<Incoming>) -> Request<Body> {
    match request.version() {
        Version::HTTP_2 => request.map(Body::new),
        _ => request.map(|body| Body::new(DrainedBody::new(body))),
    }
}
