//! Where the messages of all listeners of a source come together and are stored.

use std::{net::IpAddr, sync::Arc};

use spandrel_normalize::format::{LineContext, LineError, LineReason};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Instant,
};

use super::super::source::{BATCH_AGE, Source, Stopped, is_full};

/// Chunks that wait. A chunk is what was read at once, and at most one long message beside.
const CHUNKS: usize = 32;

/// Messages that were read at once.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    /// Where it ends in the bytes; it begins where the one before ends.
    end: usize,
    peer: IpAddr,
    /// It was too long.
    cut: bool,
}

impl Chunk {
    pub(super) fn push(&mut self, message: &[u8], peer: IpAddr, cut: bool) {
        self.bytes.extend_from_slice(message);
        self.messages.push(Message { end: self.bytes.len(), peer, cut });
    }

    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

pub(super) fn funnel() -> (Sender<Chunk>, Receiver<Chunk>) {
    channel(CHUNKS)
}

/// Stores what the listeners send, until all of them have ended.
pub(super) async fn run(source: Arc<Source>, mut chunks: Receiver<Chunk>) -> Result<(), Stopped> {
    let mut ended = false;
    while !ended {
        let Some(first) = chunks.recv().await else { break };
        let mut batch = source.batch();
        let mut lines = 0;
        let due = Instant::now() + BATCH_AGE;
        let mut next = Some(first);
        while let Some(chunk) = next {
            lines += chunk.messages.len() as u64;
            push(&source, &chunk, &mut batch);
            if is_full(&batch) {
                break;
            }
            next = match tokio::time::timeout_at(due, chunks.recv()).await {
                Ok(None) => {
                    ended = true;
                    None
                }
                Ok(chunk) => chunk,
                Err(_) => None,
            };
        }
        source.store_or_lose(batch, lines).await?;
    }
    Ok(())
}

fn push(source: &Source, chunk: &Chunk, batch: &mut spandrel_normalize::batch::LineBatch) {
    let mut start = 0;
    for message in &chunk.messages {
        let host = message.peer.to_string();
        let context = LineContext { host: Some(&host), ..source.context() };
        let bytes = &chunk.bytes[start..message.end];
        start = message.end;
        if message.cut {
            let error = LineError::new(LineReason::TooLong, "the syslog message is too long or was cut off");
            batch.reject(bytes, &context, error);
        } else {
            batch.push(bytes, &context);
        }
    }
}
