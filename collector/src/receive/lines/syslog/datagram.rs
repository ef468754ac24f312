//! Syslog over UDP: each datagram is a message.

use std::sync::{Arc, atomic::Ordering};

use tokio::{net::UdpSocket, sync::mpsc::Sender};

use super::{super::source::Source, funnel::Chunk};

const MAX_DATAGRAM: usize = 64 * 1024;
/// Datagrams are gathered up to this before they are handed on.
const CHUNK_BYTES: usize = 64 * 1024;

/// Receives until the source is stopped. What comes faster than it can be stored is dropped and counted, as the system
/// would do it uncounted.
pub(super) async fn listen(source: Arc<Source>, socket: UdpSocket, chunks: Sender<Chunk>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let mut received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = source.stop.cancelled() => return,
        };
        let mut chunk = Chunk::default();
        while let Ok((count, peer)) = received {
            chunk.push(&buffer[..count], peer.ip().to_canonical(), false);
            if chunk.bytes() >= CHUNK_BYTES {
                break;
            }
            received = socket.try_recv_from(&mut buffer);
        }
        let messages = chunk.messages() as u64;
        if messages > 0 && chunks.try_send(chunk).is_err() {
            source.stats.dropped_datagrams.fetch_add(messages, Ordering::Relaxed);
        }
    }
}
