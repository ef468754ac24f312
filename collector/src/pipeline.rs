//! From decoded records to durable ones, whatever they came as.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;
use spandrel_normalize::enrich::{EnrichCounts, Enriched, Enricher};
use spandrel_proto::model::Table;
use spandrel_store::{AppendError, Appended, Store};

/// What all receivers hand their records to.
#[derive(Debug)]
pub struct Pipeline {
    store: Arc<Store>,
    enricher: Enricher,
    counts: Mutex<EnrichCounts>,
}

impl Pipeline {
    pub fn new(store: Arc<Store>, enricher: Enricher) -> Arc<Self> {
        Arc::new(Self { store, enricher, counts: Mutex::default() })
    }

    /// What enrichment did so far, to records that were stored.
    pub fn counts(&self) -> EnrichCounts {
        self.counts.lock().clone()
    }

    /// Derives what can be derived from the records, and takes out what must not be stored. Takes a while for large
    /// batches.
    pub(crate) fn enrich(&self, tables: Vec<(Table, RecordBatch)>) -> Enriched {
        self.enricher.apply(tables)
    }

    /// Stores records. When this returns `Ok`, they are durable (D-1).
    pub(crate) async fn append(&self, enriched: Enriched) -> Result<Appended, AppendError> {
        let appended = self.store.append_all(enriched.tables).await?;
        self.counts.lock().add(&enriched.counts);
        Ok(appended)
    }
}
