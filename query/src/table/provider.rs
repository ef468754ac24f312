//! A table of a snapshot as DataFusion sees it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::Result,
    execution::object_store::ObjectStoreUrl,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_plan::{
        ExecutionPlan,
        empty::EmptyExec,
        projection::{ProjectionExec, ProjectionExpr},
        union::UnionExec,
    },
};
use spandrel_analysis::flow::Summary;
use spandrel_proto::model::Table;
use spandrel_store::{Snapshot, TableSnapshot};

use super::{
    exposed::{exposed_schema, scanned_schema},
    files::file_plan,
    filter::{ScanFilter, presented_column},
    hot::hot_plan,
    prune::{WantedIds, matching_files},
};

const STORE_URL: &str = "spandrel://tables";

/// The address under which the object store of the tables is registered.
pub(crate) fn store_url() -> ObjectStoreUrl {
    ObjectStoreUrl::parse(STORE_URL).expect("the address is valid")
}

/// What the scans of one query tell beside their rows: how many files they looked at, and of what flow.
#[derive(Debug, Default)]
pub(crate) struct ScanCounters {
    considered: AtomicU64,
    scanned: AtomicU64,
    flow: OnceLock<Summary>,
}

impl ScanCounters {
    /// Files of the tables that were scanned.
    pub(crate) fn considered(&self) -> u64 {
        self.considered.load(Ordering::Relaxed)
    }

    /// Those of them that could hold matching rows.
    pub(crate) fn scanned(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    /// The first flow that was put together.
    pub(crate) fn flow(&self) -> Option<&Summary> {
        self.flow.get()
    }

    pub(crate) fn tell_flow(&self, summary: Summary) {
        // Of several flows of one query the first is told.
        let _ = self.flow.set(summary);
    }
}

/// One table of a snapshot: hot rows and files, each row once (V-1), because both come from the same snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    table: Table,
    snapshot: Snapshot,
    exposed: SchemaRef,
    scanned: SchemaRef,
    counters: Arc<ScanCounters>,
    wanted: Option<WantedIds>,
}

impl SnapshotTable {
    pub(crate) fn new(table: Table, snapshot: Snapshot, counters: Arc<ScanCounters>) -> Self {
        Self { table, snapshot, exposed: exposed_schema(table), scanned: scanned_schema(table), counters, wanted: None }
    }

    /// Reads only files that may have rows with one of these ids.
    pub(crate) fn with_ids(self, wanted: WantedIds) -> Self {
        Self { wanted: Some(wanted), ..self }
    }

    /// With ids as bytes, which [`super::stored_form`] makes the stored form of.
    pub(crate) fn unpresented(table: Table, snapshot: Snapshot, counters: Arc<ScanCounters>) -> Self {
        Self { table, snapshot, exposed: scanned_schema(table), scanned: scanned_schema(table), counters, wanted: None }
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.exposed.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.scan_of(self.rows(), state, projection, filters, limit)
    }
}

impl SnapshotTable {
    pub(super) fn rows(&self) -> &TableSnapshot {
        self.snapshot.table(self.table)
    }

    /// A scan of some of the table's rows.
    pub(super) fn scan_of(
        &self,
        rows: &TableSnapshot,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.exposed.fields().len()).collect());
        let exposed: SchemaRef = Arc::new(self.exposed.project(&columns)?);
        let scanned: SchemaRef = Arc::new(self.scanned.project(&columns)?);
        let filter = ScanFilter::new(state, filters, &exposed, &scanned)?;
        // With filters, rows that the scan produces may be dropped above it.
        let limit = limit.filter(|_| filters.is_empty());

        let mut files = matching_files(self.table, &rows.files, filter.predicate.as_ref(), &scanned);
        if let Some(wanted) = &self.wanted {
            files.retain(|file| wanted.may_be_in(file));
        }
        self.counters.considered.fetch_add(rows.files.len() as u64, Ordering::Relaxed);
        self.counters.scanned.fetch_add(files.len() as u64, Ordering::Relaxed);

        let mut sources: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !rows.hot.is_empty() {
            let partitions = state.config().target_partitions();
            sources.push(hot_plan(&rows.hot, &columns, &scanned, &filter, partitions, limit)?);
        }
        if !files.is_empty() {
            sources.push(file_plan(state, &store_url(), self.table, &files, &scanned, &filter, limit)?);
        }
        if sources.is_empty() {
            sources.push(Arc::new(EmptyExec::new(scanned.clone())));
        }
        present_all(UnionExec::try_new(sources)?, &exposed, &scanned)
    }
}

fn present_all(
    plan: Arc<dyn ExecutionPlan>,
    exposed: &SchemaRef,
    scanned: &SchemaRef,
) -> Result<Arc<dyn ExecutionPlan>> {
    if exposed == scanned {
        return Ok(plan);
    }
    let expressions = exposed
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| ProjectionExpr::new(presented_column(index, exposed, scanned), field.name().clone()));
    Ok(Arc::new(ProjectionExec::try_new(expressions, plan)?))
}
