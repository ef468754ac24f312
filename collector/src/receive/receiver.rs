//! From a request's bytes to durable records, whatever the protocol.

use std::sync::Arc;

use bytes::Bytes;
use spandrel_normalize::{enrich::Enriched, rows::RejectRows};
use spandrel_proto::{
    model::{Clock, Table, id::to_hex},
    wire::{
        RejectReason, Report,
        otlp::{self, Signal},
    },
};
use tokio::sync::Semaphore;

use super::{
    admission::{Admission, Charge},
    compression::Compression,
    config::ReceiverConfig,
    error::ReceiveError,
    stats::{ReceiverStats, Transport},
};
use crate::pipeline::Pipeline;

/// Bodies up to this are decoded where they arrive; larger ones on a thread that may block.
const INLINE_BYTES: usize = 512 * 1024;

/// Decodes requests and stores their records.
#[derive(Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    admission: Admission,
    pipeline: Arc<Pipeline>,
    clock: Arc<dyn Clock>,
    stats: ReceiverStats,
    /// Turns of decoding large requests.
    decoding: Arc<Semaphore>,
}

/// The form of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

/// What is told of a request that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Records that were not stored.
    pub(super) rejected: u64,
    /// Why they were not, and what was mended in others.
    pub(super) message: Option<String>,
}

/// A request as read from the socket.
pub(super) struct Request {
    pub(super) transport: Transport,
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    pub(super) compression: Compression,
    pub(super) body: Bytes,
    pub(super) charge: Charge,
}

impl Receiver {
    pub fn new(config: ReceiverConfig, pipeline: Arc<Pipeline>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            admission: Admission::new(config.max_inflight_bytes),
            config,
            pipeline,
            clock,
            stats: ReceiverStats::default(),
            decoding: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))),
        })
    }

    pub fn config(&self) -> &ReceiverConfig {
        &self.config
    }

    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    pub fn stats(&self) -> &ReceiverStats {
        &self.stats
    }

    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Stores an `Export*ServiceRequest` that this process made itself, in protobuf.
    ///
    /// # Errors
    /// The message of a request that was refused.
    pub async fn receive_own(self: &Arc<Self>, signal: Signal, body: Bytes) -> Result<(), String> {
        let mut charge = self.admission.begin();
        charge.grow(body.len()).map_err(|_| ReceiveError::Busy.full_message())?;
        let (encoding, compression) = (Encoding::Protobuf, Compression::Identity);
        let request = Request { transport: Transport::Grpc, signal, encoding, compression, body, charge };
        self.receive(request).await.map(|_| ()).map_err(|error| error.full_message())
    }

    /// Decodes and stores a request. When this returns `Ok`, its records are durable (D-1).
    pub(super) async fn receive(self: &Arc<Self>, request: Request) -> Result<Accepted, ReceiveError> {
        let (transport, signal) = (request.transport, request.signal);
        let received = if request.body.len() <= INLINE_BYTES {
            self.decode(request)
        } else {
            // What decoding makes is charged when it is made, so no more than can run make it at once.
            let turn = Arc::clone(&self.decoding).acquire_owned().await;
            let receiver = Arc::clone(self);
            let decoding = tokio::task::spawn_blocking(move || {
                let decoded = receiver.decode(request);
                drop(turn);
                decoded
            });
            decoding.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        };
        let decoded = self.counted(transport, received)?;
        let Decoded { enriched, report, rows, bytes, mut charge } = decoded;
        let decoded_bytes = enriched.tables.iter().map(|(_, batch)| batch.get_array_memory_size()).sum();
        let stored = match charge.replace(decoded_bytes) {
            Ok(()) => self.pipeline.append(enriched).await.map_err(ReceiveError::from),
            Err(_) => Err(ReceiveError::Busy),
        };
        let duplicates = self.counted(transport, stored)?.duplicates;
        self.stats.count_report(signal, &report);
        self.stats.count_accepted(transport, signal, bytes, rows, duplicates);
        Ok(Accepted { rejected: report.rejected_total(), message: message(&report, duplicates) })
    }

    /// Counts a request refused for its form.
    pub(super) fn counted<T>(&self, transport: Transport, result: Result<T, ReceiveError>) -> Result<T, ReceiveError> {
        result.inspect_err(|error| {
            self.stats.count_refused(transport, error);
            tracing::debug!(transport = transport.label(), error = error.full_message(), "request refused");
        })
    }

    fn decode(&self, request: Request) -> Result<Decoded, ReceiveError> {
        let Request { signal, encoding, compression, body, mut charge, .. } = request;
        let compressed = body.len();
        let body = compression.decompress(body, self.config.max_decompressed_bytes)?;
        if compression != Compression::Identity {
            charge.grow(body.len().saturating_sub(compressed)).map_err(|_| ReceiveError::Busy)?;
        }
        let protobuf = match encoding {
            Encoding::Protobuf => body,
            Encoding::Json => Bytes::from(otlp::json_to_protobuf(signal, &body)?),
        };
        let received_at = self.clock.now_unix_nano();
        let records = otlp::decode(signal, &protobuf, received_at, &self.config.decode_limits)?;
        let rows = records.batch.num_rows();
        let mut tables = vec![(signal.table(), records.batch)];
        if records.report.rejected_total() > 0 {
            tables.push((Table::Rejects, rejects(signal, &records.report, received_at)));
        }
        // What was decoded is paid for before more is made of it.
        charge
            .replace(tables.iter().map(|(_, batch)| batch.get_array_memory_size()).sum())
            .map_err(|_| ReceiveError::Busy)?;
        let enriched = self.pipeline.enrich(tables);
        Ok(Decoded { enriched, report: records.report, rows, bytes: protobuf.len(), charge })
    }
}

/// A request's records, ready to be stored.
struct Decoded {
    enriched: Enriched,
    report: Report,
    /// Rows of the request's own table.
    rows: usize,
    bytes: usize,
    charge: Charge,
}

/// A bounded sample of the refused records (B-2), so that somebody can see what was wrong with them.
fn rejects(signal: Signal, report: &Report, received_at: i64) -> arrow::record_batch::RecordBatch {
    let mut rows = RejectRows::default();
    for reason in RejectReason::ALL.into_iter().filter(|reason| report.rejected(*reason) > 0) {
        let samples = report.samples().iter().filter(|reject| reject.reason == reason);
        let records = samples.map(|reject| to_hex(&reject.record));
        let why = (reason.label(), reason.explanation());
        rows.push_counted(received_at, signal.name(), "otlp", why, report.rejected(reason), records);
    }
    rows.finish()
}

fn message(report: &Report, duplicates: u64) -> Option<String> {
    let duplicate_message =
        (duplicates > 0).then(|| format!("{duplicates} spans were stored before and were not stored again"));
    match (report.message(), duplicate_message) {
        (Some(report), Some(duplicates)) => Some(format!("{report}; {duplicates}")),
        (report, duplicates) => report.or(duplicates),
    }
}
