//! Syslog over connections: TCP, and TLS on it.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::Sender},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::{super::admission::Admission, source::Source, stats::Gauge},
    framing::Deframer,
    funnel::Chunk,
};

const READ_BYTES: usize = 16 * 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Before accepting is tried again when the process has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a source share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) source: Arc<Source>,
    pub(super) chunks: Sender<Chunk>,
    /// One permit per connection.
    pub(super) room: Arc<Semaphore>,
    /// Bytes of messages that have begun to arrive.
    pub(super) pending: Admission,
    pub(super) idle_timeout: Duration,
}

/// Accepts connections until the source is stopped, and then waits for them to end.
pub(super) async fn listen(connections: Connections, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            () = connections.source.stop.cancelled() => break,
        };
        let stats = &connections.source.stats;
        match (accepted, Arc::clone(&connections.room).try_acquire_owned()) {
            (Ok((stream, address)), Ok(permit)) => {
                let peer = address.ip().to_canonical();
                tasks.spawn(serve(connections.clone(), stream, peer, tls.clone(), permit));
            }
            (Ok(_), Err(_)) => {
                stats.refused_connections.fetch_add(1, Ordering::Relaxed);
            }
            (Err(error), _) => {
                tracing::warn!(source = connections.source.name, %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn serve(
    connections: Connections,
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    _permit: OwnedSemaphorePermit,
) {
    let source = Arc::clone(&connections.source);
    let _open = Gauge::up(&source.stats.connections);
    let read = match tls {
        None => read(&connections, stream, peer).await,
        Some(tls) => {
            let handshake = tokio::select! {
                handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => handshake,
                () = source.stop.cancelled() => return,
            };
            match handshake.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))) {
                Ok(stream) => read(&connections, stream, peer).await,
                Err(error) => {
                    source.stats.refused_connections.fetch_add(1, Ordering::Relaxed);
                    Err(error)
                }
            }
        }
    };
    if let Err(error) = read {
        tracing::debug!(source = source.name, %peer, %error, "syslog connection ended");
    }
}

/// Reads messages to the end of the connection. While lines cannot be stored the connection is not read.
async fn read(connections: &Connections, mut stream: impl AsyncRead + Unpin, peer: IpAddr) -> io::Result<()> {
    let source = &connections.source;
    let mut deframer = Deframer::new(source.max_line_bytes);
    let mut pending = connections.pending.begin();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = tokio::select! {
            read = tokio::time::timeout(connections.idle_timeout, stream.read(&mut buffer)) => read??,
            () = source.stop.cancelled() => return Ok(()),
        };
        let mut chunk = Chunk::default();
        let mut take = |message: &[u8], cut: bool| chunk.push(message, peer, cut);
        let framed = deframer.push(&buffer[..count], &mut take);
        if count == 0 {
            deframer.finish(&mut take);
        } else if pending.replace(deframer.pending_bytes()).is_err() {
            deframer.give_up(&mut take);
        }
        if chunk.messages() > 0 && connections.chunks.send(chunk).await.is_err() {
            return Ok(());
        }
        if framed.is_err() {
            source.stats.bad_frames.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame has no sensible length"));
        }
        if count == 0 {
            return Ok(());
        }
    }
}
