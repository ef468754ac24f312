//! The source over Parquet files.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::{
    catalog::Session,
    common::{ColumnStatistics, Result, ScalarValue, Statistics, stats::Precision},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource, parquet::CachedParquetFileReaderFactory},
        source::DataSourceExec,
    },
    execution::object_store::ObjectStoreUrl,
    physical_plan::ExecutionPlan,
};
use object_store::ObjectMeta;
use spandrel_proto::model::Table;
use spandrel_store::DataFile;

use super::{adapter::StoredAdapterFactory, filter::ScanFilter};

/// Statistics per file help only queries for the first or last few rows, and cost memory; with more files than this
/// they go without.
const FILES_WITH_STATISTICS: usize = 4096;
/// Read from the end of a file at once; enough for the footer of most.
const FOOTER_BYTES: usize = 64 << 10;

/// A plan over `files` that produces the columns of `scanned`.
pub(super) fn file_plan(
    state: &dyn Session,
    url: &ObjectStoreUrl,
    table: Table,
    files: &[Arc<DataFile>],
    scanned: &SchemaRef,
    filter: &ScanFilter,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let runtime = state.runtime_env();
    let readers = CachedParquetFileReaderFactory::new(
        runtime.object_store(url)?,
        runtime.cache_manager.get_file_metadata_cache(),
    );
    // Late materialization pays for the few rows of a trace and costs on wide scans.
    let mut source = ParquetSource::new(scanned.clone())
        .with_parquet_file_reader_factory(Arc::new(readers))
        .with_metadata_size_hint(FOOTER_BYTES)
        .with_pushdown_filters(filter.ids.is_some());
    if let Some(predicate) = &filter.predicate {
        source = source.with_predicate(predicate.clone());
    }
    let time_column = scanned.index_of(table.time_column()).ok();
    let per_file = files.len() <= FILES_WITH_STATISTICS;
    let partitioned = files
        .iter()
        .map(|file| {
            let partitioned = PartitionedFile::new_from_meta(object_meta(file));
            if per_file {
                let statistics = statistics(std::slice::from_ref(file), scanned, time_column);
                partitioned.with_statistics(Arc::new(statistics))
            } else {
                partitioned
            }
        })
        .collect();
    let config = FileScanConfigBuilder::new(url.clone(), Arc::new(source))
        .with_file_groups(FileGroup::new(partitioned).split_files(state.config().target_partitions()))
        .with_statistics(statistics(files, scanned, time_column))
        .with_expr_adapter(Some(Arc::new(StoredAdapterFactory)))
        .with_limit(limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

fn object_meta(file: &DataFile) -> ObjectMeta {
    ObjectMeta {
        location: file.path.clone(),
        // Files never change, so the path alone identifies what is cached of one.
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: file.size_bytes,
        e_tag: None,
        version: None,
    }
}

/// What is known of `files` taken together.
fn statistics(files: &[Arc<DataFile>], scanned: &SchemaRef, time_column: Option<usize>) -> Statistics {
    let rows = files.iter().map(|file| file.rows as usize).sum();
    let bytes = files.iter().map(|file| file.size_bytes as usize).sum();
    let mut statistics = Statistics::new_unknown(scanned);
    statistics.num_rows = Precision::Exact(rows);
    statistics.total_byte_size = Precision::Inexact(bytes);
    let bounds = (files.iter().map(|file| file.min_time).min(), files.iter().map(|file| file.max_time).max());
    if let (Some(column), (Some(min_time), Some(max_time))) = (time_column, bounds) {
        statistics.column_statistics[column] = ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: Precision::Exact(time_value(min_time, scanned.field(column).data_type())),
            max_value: Precision::Exact(time_value(max_time, scanned.field(column).data_type())),
            ..ColumnStatistics::new_unknown()
        };
    }
    statistics
}

fn time_value(time: i64, data_type: &DataType) -> ScalarValue {
    let zone = match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    ScalarValue::TimestampNanosecond(Some(time), zone)
}
