//! Changes of findings as rows of `findings`.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder},
    compute::filter_record_batch,
    datatypes::{DataType, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;

use super::{Change, Finding, State, json};

/// The changes as rows of `findings`, written from `time` (nanoseconds since the epoch) on, a nanosecond apart.
pub fn rows(changes: &[Change], time: i64) -> RecordBatch {
    let schema = Table::Findings.schema();
    let texts = |text: &dyn Fn(&Finding) -> Option<String>| -> ArrayRef {
        Arc::new(changes.iter().map(|change| text(&change.finding)).collect::<StringArray>())
    };
    let times = |time: &dyn Fn(&Finding) -> Option<i64>| -> ArrayRef {
        Arc::new(changes.iter().map(|change| time(&change.finding)).collect::<Int64Array>())
    };
    let states = changes.iter().map(|change| Some(change.state.as_str()));
    let scores = changes.iter().map(|change| change.finding.score as i32);
    let columns: Vec<ArrayRef> = vec![
        // Of several changes of one finding the last one counts.
        Arc::new(Int64Array::from_iter_values((time..).take(changes.len()))),
        texts(&|finding| Some(finding.id.clone())),
        texts(&|finding| Some(finding.kind.as_str().to_owned())),
        texts(&|finding| finding.subkind.map(str::to_owned)),
        Arc::new(states.collect::<StringArray>()),
        texts(&|finding| Some(finding.severity.as_str().to_owned())),
        Arc::new(Int32Array::from_iter_values(scores)),
        texts(&|finding| Some(finding.method.as_str().to_owned())),
        texts(&|finding| Some(finding.subject.text.clone())),
        texts(&|finding| Some(finding.subject.service.clone())),
        texts(&|finding| finding.subject.operation.clone()),
        texts(&|finding| finding.subject.target.clone()),
        texts(&|finding| finding.subject.environment.clone()),
        times(&|finding| Some(finding.opened)),
        times(&|finding| finding.closed),
        texts(&|finding| Some(json::evidence(&finding.evidence))),
        examples(&schema, changes),
        texts(&|finding| Some(finding.sql.clone())),
        texts(&|finding| Some(finding.remedy.clone())),
    ];
    RecordBatch::try_new(schema, columns).expect("the columns are those of the schema, in its order")
}

/// The rows of findings that are open, as those of them with these ids that closed at `time`.
pub fn closing_rows(open: &RecordBatch, ids: &BTreeSet<String>, time: i64) -> Result<RecordBatch, ArrowError> {
    let schema = Table::Findings.schema();
    let texts = open.column(schema.index_of("id")?).as_string::<i32>();
    let closes: BooleanArray = texts.iter().map(|id| Some(id.is_some_and(|id| ids.contains(id)))).collect();
    let rows = filter_record_batch(open, &closes)?;
    let mut columns = rows.columns().to_vec();
    columns[schema.index_of("time")?] = Arc::new(Int64Array::from(vec![time; rows.num_rows()]));
    columns[schema.index_of("closed")?] = Arc::new(Int64Array::from(vec![time; rows.num_rows()]));
    columns[schema.index_of("state")?] = Arc::new(StringArray::from(vec![State::Closed.as_str(); rows.num_rows()]));
    RecordBatch::try_new(schema, columns)
}

/// Trace ids as hex text.
fn examples(schema: &Schema, changes: &[Change]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    let field = schema.field_with_name("examples").map(|field| field.data_type().clone());
    if let Ok(DataType::List(item)) = field {
        lists = lists.with_field(item);
    }
    for change in changes {
        for trace in &change.finding.evidence.examples {
            lists.values().append_value(format!("{trace:032x}"));
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}
