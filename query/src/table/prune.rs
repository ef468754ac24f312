//! Which files of a table a predicate can match, decided from what is in memory: no file is opened.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, TimestampNanosecondArray, UInt64Array},
    datatypes::SchemaRef,
};
use datafusion::{
    common::{Column, ScalarValue, pruning::PruningStatistics},
    physical_expr::PhysicalExpr,
    physical_optimizer::pruning::PruningPredicateBuilder,
};
use spandrel_proto::model::{Table, id::TRACE_ID_LEN};
use spandrel_store::DataFile;

const TRACE_ID: &str = "trace_id";
const CORRELATION_ID: &str = "correlation_id";

/// Ids of which a file must be able to have one, whichever its columns say it. What a predicate that asks for one id or
/// another rules out is not found from the predicate.
#[derive(Debug, Clone, Default)]
pub(crate) struct WantedIds {
    pub(crate) trace_ids: Vec<[u8; TRACE_ID_LEN]>,
    pub(crate) correlation_ids: Vec<String>,
}

impl WantedIds {
    pub(super) fn may_be_in(&self, file: &DataFile) -> bool {
        self.trace_ids.iter().any(|id| file.may_contain_trace(id))
            || self.correlation_ids.iter().any(|id| file.may_contain_correlation(id))
    }
}

/// The files of `table` that may have rows matching `predicate`, which is over columns of `scanned`.
pub(super) fn matching_files(
    table: Table,
    files: &[Arc<DataFile>],
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    scanned: &SchemaRef,
) -> Vec<Arc<DataFile>> {
    let matching = predicate.and_then(|predicate| {
        let pruning = PruningPredicateBuilder::new().with_file_schema(scanned.clone()).build(predicate.clone())?;
        pruning.prune(&FileStatistics { table, files }).ok()
    });
    match matching {
        Some(matching) => {
            files.iter().zip(matching).filter(|(_, matches)| *matches).map(|(file, _)| file.clone()).collect()
        }
        None => files.to_vec(),
    }
}

struct FileStatistics<'a> {
    table: Table,
    files: &'a [Arc<DataFile>],
}

impl FileStatistics<'_> {
    fn times(&self, column: &Column, time: impl Fn(&DataFile) -> i64) -> Option<ArrayRef> {
        if column.name != self.table.time_column() {
            return None;
        }
        let times: TimestampNanosecondArray = self.files.iter().map(|file| Some(time(file))).collect();
        Some(Arc::new(times.with_timezone("UTC")))
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.times(column, |file| file.min_time)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.times(column, |file| file.max_time)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _column: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| Some(file.rows)).collect::<UInt64Array>()))
    }

    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        match column.name.as_str() {
            TRACE_ID => self.without_traces(values),
            CORRELATION_ID => self.without_correlations(values),
            _ => None,
        }
    }
}

impl FileStatistics<'_> {
    fn without_traces(&self, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        let trace_ids: Vec<[u8; TRACE_ID_LEN]> = values
            .iter()
            .map(|value| match value {
                ScalarValue::Binary(Some(bytes)) => Some(bytes.as_slice()),
                _ => None,
            })
            .collect::<Option<Vec<&[u8]>>>()?
            .into_iter()
            .filter_map(|bytes| bytes.try_into().ok())
            .collect();
        let absent = |file: &Arc<DataFile>| !trace_ids.iter().any(|trace_id| file.may_contain_trace(trace_id));
        Some(self.files.iter().map(|file| absent(file).then_some(false)).collect())
    }

    fn without_correlations(&self, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        let ids = values.iter().map(|value| value.try_as_str().flatten()).collect::<Option<Vec<&str>>>()?;
        let absent = |file: &Arc<DataFile>| !ids.iter().any(|id| file.may_contain_correlation(id));
        Some(self.files.iter().map(|file| absent(file).then_some(false)).collect())
    }
}
