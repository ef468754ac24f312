//! Classic checkpoints: the state of a log in one Parquet file, one action per row.
//!
//! Actions go through their JSON form in both directions, so that a field is described once.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use arrow::{
    datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    json::{LineDelimitedWriter, ReaderBuilder},
    record_batch::RecordBatch,
};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    file::properties::WriterProperties,
};
use serde_json::json;

use super::{
    action::Action,
    log::{CatalogError, State},
};
use crate::files;

const ENDING: &str = ".checkpoint.parquet";
const LAST_CHECKPOINT: &str = "_last_checkpoint";
/// Actions that are converted at a time, which bounds the memory a checkpoint takes.
const BATCH_ROWS: usize = 4096;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Writes the checkpoint of `version` and points readers to it.
pub(super) fn write(log: &Path, version: u64, state: &State) -> Result<(), CatalogError> {
    let path = log.join(format!("{version:020}{ENDING}"));
    let (bytes, actions) =
        encode(state).map_err(|source| CatalogError::Checkpoint { action: "encoded", path: path.clone(), source })?;
    files::replace(&path, &bytes)?;
    let pointer = json!({"version": version, "size": actions}).to_string();
    files::replace(&log.join(LAST_CHECKPOINT), pointer.as_bytes())?;
    Ok(())
}

/// The state at the latest checkpoint that can be read, and its version.
pub(super) fn read_latest(log: &Path) -> Result<Option<(u64, State)>, CatalogError> {
    let mut checkpoints: Vec<(u64, PathBuf)> =
        files::list(log)?.into_iter().filter_map(|path| Some((version_of(&path)?, path))).collect();
    checkpoints.sort_unstable();
    let mut unreadable = None;
    while let Some((version, path)) = checkpoints.pop() {
        match decode(&path) {
            Ok(state) => return Ok(Some((version, state?))),
            Err(source) => {
                tracing::warn!(checkpoint = %path.display(), error = %source, "cannot read a checkpoint of a table log");
                unreadable.get_or_insert(CatalogError::Checkpoint { action: "read", path, source });
            }
        }
    }
    // Without a checkpoint, the log has to start at its first entry.
    match unreadable {
        Some(error) if !log.join(format!("{:020}.json", 0)).exists() => Err(error),
        _ => Ok(None),
    }
}

/// The version of a checkpoint file, or `None` if the path is none.
pub(super) fn version_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(ENDING)?.parse().ok()
}

fn encode(state: &State) -> Result<(Vec<u8>, usize), BoxError> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties))?;
    let mut decoder = ReaderBuilder::new(schema()).with_batch_size(BATCH_ROWS).build_decoder()?;
    let mut rows = 0;
    let mut actions = state.actions().peekable();
    while actions.peek().is_some() {
        let chunk: Vec<Action> = actions.by_ref().take(BATCH_ROWS).collect();
        rows += chunk.len();
        decoder.serialize(&chunk)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
    }
    Ok((writer.into_inner()?, rows))
}

/// The state of a checkpoint file. The inner error is one of what the file says, the outer one of reading it.
fn decode(path: &Path) -> Result<Result<State, CatalogError>, BoxError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.with_batch_size(BATCH_ROWS).build()?;
    let mut state = State::default();
    for batch in reader {
        for action in actions(&batch?)? {
            if let Err(error) = state.fold(action) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(state))
}

fn actions(batch: &RecordBatch) -> Result<Vec<Action>, BoxError> {
    let mut lines = LineDelimitedWriter::new(Vec::new());
    lines.write(batch)?;
    lines.finish()?;
    let lines = lines.into_inner();
    let rows = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(rows.map(serde_json::from_slice).collect::<Result<_, _>>()?)
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(fields())));
    SCHEMA.clone()
}

fn fields() -> Vec<Field> {
    vec![
        action("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
        action(
            "add",
            vec![
                text("path"),
                text_map("partitionValues"),
                long("size"),
                long("modificationTime"),
                flag("dataChange"),
                text("stats"),
                text_map("tags"),
            ],
        ),
        action(
            "remove",
            vec![
                text("path"),
                long("deletionTimestamp"),
                flag("dataChange"),
                flag("extendedFileMetadata"),
                text_map("partitionValues"),
                long("size"),
            ],
        ),
        action(
            "metaData",
            vec![
                text("id"),
                text("name"),
                structure("format", vec![text("provider"), text_map("options")]),
                text("schemaString"),
                Field::new("partitionColumns", DataType::List(Arc::new(text("element"))), true),
                text_map("configuration"),
                long("createdTime"),
            ],
        ),
        action("protocol", vec![integer("minReaderVersion"), integer("minWriterVersion")]),
    ]
}

fn action(name: &str, fields: Vec<Field>) -> Field {
    structure(name, fields)
}

fn structure(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(Fields::from(fields)), true)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn integer(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn flag(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

fn text_map(name: &str) -> Field {
    let entries = vec![Field::new("key", DataType::Utf8, false), text("value")];
    let entries = Field::new("key_value", DataType::Struct(Fields::from(entries)), false);
    Field::new(name, DataType::Map(Arc::new(entries), false), true)
}
