//! Requests through the readers and the enrichment that the server uses.

use anyhow::{Context as _, anyhow};
use arrow::record_batch::RecordBatch;
use spandrel_normalize::enrich::{EnrichConfig, Enricher};
use spandrel_proto::{
    model::Table,
    wire::{DecodeLimits, otlp},
};
use spandrel_shop::telemetry::{Batch, Signal};

/// Reads requests as the server would.
#[derive(Debug)]
pub struct Reader {
    enricher: Enricher,
}

impl Reader {
    /// # Errors
    /// The rules that are built in are wrong.
    pub fn new() -> anyhow::Result<Self> {
        let enricher = Enricher::new(&EnrichConfig::default())
            .map_err(|errors| anyhow!("the enrichment that is built in has errors: {errors:?}"))?;
        Ok(Self { enricher })
    }

    /// The rows that the server would store.
    ///
    /// # Errors
    /// The reader refuses the request or part of it.
    pub fn read(&self, batch: &Batch) -> anyhow::Result<Vec<(Table, RecordBatch)>> {
        let signal = match batch.payload.signal() {
            Signal::Traces => otlp::Signal::Traces,
            Signal::Logs => otlp::Signal::Logs,
            Signal::Metrics => otlp::Signal::Metrics,
        };
        let decoded = otlp::decode(signal, &batch.payload.encode(), batch.due, &DecodeLimits::default())
            .context("the shop sent what cannot be read")?;
        anyhow::ensure!(decoded.batch.num_rows() == batch.items, "the reader left out records: {:?}", decoded.report);
        Ok(self.enricher.apply(vec![(signal.table(), decoded.batch)]).tables)
    }
}
