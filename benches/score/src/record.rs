//! A simulated system's telemetry, as it arrives and is read.

use anyhow::{Context as _, anyhow};
use arrow::record_batch::RecordBatch;
use spandrel_normalize::enrich::{EnrichConfig, Enricher};
use spandrel_proto::{
    model::Table,
    wire::{DecodeLimits, otlp},
};
use spandrel_shop::telemetry::{Batch, Signal};

/// What the server would have stored, in order of arrival.
#[derive(Debug, Default)]
pub struct Arrived {
    pub tables: Vec<(Table, RecordBatch)>,
}

impl Arrived {
    /// Sends requests through the readers and the enrichment that the server uses.
    ///
    /// # Errors
    /// A reader refuses a request or part of one.
    pub fn read(batches: &[Batch]) -> anyhow::Result<Self> {
        let enricher = Enricher::new(&EnrichConfig::default())
            .map_err(|errors| anyhow!("the enrichment that is built in has errors: {errors:?}"))?;
        let mut tables = Vec::new();
        for batch in batches {
            let signal = match batch.payload.signal() {
                Signal::Traces => otlp::Signal::Traces,
                Signal::Logs => otlp::Signal::Logs,
                Signal::Metrics => otlp::Signal::Metrics,
            };
            let decoded = otlp::decode(signal, &batch.payload.encode(), batch.due, &DecodeLimits::default())
                .context("the shop sent what cannot be read")?;
            anyhow::ensure!(
                decoded.batch.num_rows() == batch.items,
                "the reader left out records: {:?}",
                decoded.report
            );
            tables.extend(enricher.apply(vec![(signal.table(), decoded.batch)]).tables);
        }
        Ok(Self { tables })
    }

    pub fn of(&self, table: Table) -> impl Iterator<Item = &RecordBatch> {
        self.tables.iter().filter(move |(of, _)| *of == table).map(|(_, batch)| batch)
    }
}
