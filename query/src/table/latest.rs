//! The rows that count of tables in which later rows replace earlier ones.
//!
//! A bucket of a rollup is written whole, and again when late spans change it. Of the rows of a bucket only those of its
//! greatest revision are what is known of it. A finding or an acknowledgement has a row for each of its states, of which the
//! last one counts.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch},
    compute::{max, min},
    datatypes::{Int64Type, SchemaRef},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Column as NamedColumn, JoinType, NullEquality, Result},
    datasource::{ViewTable, provider_as_source},
    functions_aggregate::expr_fn,
    functions_window::row_number::row_number,
    logical_expr::{
        Expr, ExprFunctionExt, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, col, lit,
        utils::{conjunction, split_conjunction},
    },
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan,
        coalesce_partitions::CoalescePartitionsExec,
        joins::{HashJoinExec, PartitionMode},
    },
};
use spandrel_store::{DataFile, TableSnapshot};

use super::provider::SnapshotTable;

const STATE: &str = "number of the state";
/// Columns of every rollup: when a bucket begins, and which of its rows count.
const TIME: &str = "time";
const REVISION: &str = "revision";

/// `table` with the last row of each `key` only.
pub(crate) fn latest_state(table: Arc<dyn TableProvider>, key: &[&str]) -> Result<Arc<dyn TableProvider>> {
    let columns: Vec<Expr> = table.schema().fields().iter().map(|field| col(field.name())).collect();
    let state = row_number()
        .partition_by(key.iter().map(|column| col(*column)).collect())
        .order_by(vec![col("time").sort(false, false)])
        .build()?
        .alias(STATE);
    let plan = LogicalPlanBuilder::scan("states", provider_as_source(table), None)?
        .window(vec![state])?
        .filter(Expr::Column(NamedColumn::from_name(STATE)).eq(lit(1_u64)))?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// A rollup without the rows of earlier revisions.
#[derive(Debug)]
pub(crate) struct LatestRevision(Arc<SnapshotTable>);

impl LatestRevision {
    pub(crate) fn of(every_row: SnapshotTable) -> Self {
        Self(Arc::new(every_row))
    }

    /// The rows, where what is in memory does not tell which count: the buckets' greatest revisions are read first.
    async fn joined(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema().fields().len()).collect());
        let (mut with_keys, mut keys) = (columns.clone(), Vec::new());
        for key in [TIME, REVISION] {
            let index = self.schema().index_of(key)?;
            let place = with_keys.iter().position(|column| *column == index).unwrap_or_else(|| {
                with_keys.push(index);
                with_keys.len() - 1
            });
            keys.push(Column::new(key, place));
        }
        let rows = self.0.scan(state, Some(&with_keys), filters, None).await?;
        let latest = self.revisions(state, filters).await?;
        let on = keys.into_iter().enumerate().map(|(place, key)| {
            let latest: Arc<dyn PhysicalExpr> = Arc::new(Column::new(key.name(), place));
            (latest, Arc::new(key) as Arc<dyn PhysicalExpr>)
        });
        // There are far fewer buckets than rows, whatever can be told of their number.
        let join = HashJoinExec::try_new(
            Arc::new(CoalescePartitionsExec::new(latest)),
            rows,
            on.collect(),
            None,
            &JoinType::RightSemi,
            Some((0..columns.len()).collect()),
            PartitionMode::CollectLeft,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Ok(Arc::new(join))
    }

    /// The greatest revision of each bucket, at least of those that a row with which `filters` are true may be of.
    async fn revisions(&self, state: &dyn Session, filters: &[Expr]) -> Result<Arc<dyn ExecutionPlan>> {
        let conjuncts = filters.iter().flat_map(split_conjunction);
        let of_buckets = conjuncts.filter(|filter| filter.column_refs().iter().all(|column| column.name == TIME));
        let mut plan = LogicalPlanBuilder::scan(REVISION, provider_as_source(self.0.clone()), None)?;
        if let Some(filter) = conjunction(of_buckets.cloned()) {
            plan = plan.filter(filter)?;
        }
        let plan = plan.aggregate(vec![col(TIME)], vec![expr_fn::max(col(REVISION)).alias(REVISION)])?.build()?;
        state.create_physical_plan(&plan).await
    }
}

#[async_trait]
impl TableProvider for LatestRevision {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        self.0.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match latest_rows(self.0.rows()) {
            Some(rows) => self.0.scan_of(&rows, state, projection, filters, limit),
            None => self.joined(state, projection, filters).await,
        }
    }
}

/// The rows of the greatest revision of each bucket; `None` if that cannot be told without opening a file, because one
/// holds several buckets or revisions. A file of hours holds one of each, as a rule.
fn latest_rows(rows: &TableSnapshot) -> Option<TableSnapshot> {
    let files: Vec<(&Arc<DataFile>, Bucket)> =
        rows.files.iter().map(|file| Some((file, bucket_of_file(file)?))).collect::<Option<_>>()?;
    let hot: Vec<(&RecordBatch, Bucket)> =
        rows.hot.iter().map(|batch| Some((batch, bucket_of_batch(batch)?))).collect::<Option<_>>()?;
    let mut latest: HashMap<i64, i64> = HashMap::new();
    for Bucket { time, revision } in files.iter().map(|(_, bucket)| bucket).chain(hot.iter().map(|(_, bucket)| bucket))
    {
        let known = latest.entry(*time).or_insert(*revision);
        *known = (*known).max(*revision);
    }
    let counts = |bucket: &Bucket| latest[&bucket.time] == bucket.revision;
    let files = files.into_iter().filter(|(_, bucket)| counts(bucket)).map(|(file, _)| file.clone()).collect();
    let hot = hot.into_iter().filter(|(_, bucket)| counts(bucket)).map(|(batch, _)| batch.clone()).collect();
    Some(TableSnapshot { files: Arc::new(files), hot })
}

/// What all rows of a file or batch are of.
struct Bucket {
    time: i64,
    revision: i64,
}

fn bucket_of_file(file: &DataFile) -> Option<Bucket> {
    let (least, greatest) = file.revisions?;
    let is_one = file.min_time == file.max_time && least == greatest;
    is_one.then_some(Bucket { time: file.max_time, revision: greatest })
}

fn bucket_of_batch(batch: &RecordBatch) -> Option<Bucket> {
    let only = |column| {
        let numbers = batch.column_by_name(column)?.as_primitive_opt::<Int64Type>()?;
        max(numbers).filter(|greatest| min(numbers) == Some(*greatest))
    };
    Some(Bucket { time: only(TIME)?, revision: only(REVISION)? })
}
