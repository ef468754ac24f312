//! Results as text and bytes: the formats that the HTTP API and the command line share.
//!
//! | | JSON, NDJSON | CSV | table |
//! |---|---|---|---|
//! | null | `null` | nothing | nothing |
//! | timestamp | RFC 3339 in UTC with nanoseconds, `Z` unless it has no zone | the same | the same |
//! | integer, decimal | number | number | number |
//! | floating point | number, `null` for NaN and infinities | the same | number |
//! | binary | lower-case hex text | the same | the same |
//! | map, struct | object | JSON text | `{key: value}` |
//! | list | array | JSON text | `[a, b]` |

mod arrow_stream;
mod cells;
mod csv;
mod json;
mod table;
mod types;

use std::{io, str::FromStr};

use arrow::{datatypes::Schema, error::ArrowError, record_batch::RecordBatch};
use futures::{Stream, StreamExt, pin_mut};

use crate::{error::QueryError, stream::QueryStats};

pub(crate) use json::NdjsonWriter;
pub use types::type_name;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Aligned columns for a terminal. Shows the first 10,000 rows.
    Table,
    /// One object: `{"columns":[{"name","type"}],"rows":[[...]],"stats":{...}}`.
    Json,
    /// One object per row and line.
    Ndjson,
    /// A header and one line per row (RFC 4180, lines end with a line feed).
    Csv,
    /// Arrow IPC streaming format.
    Arrow,
}

impl Format {
    pub const ALL: [Format; 5] = [Format::Table, Format::Json, Format::Ndjson, Format::Csv, Format::Arrow];

    pub fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Arrow => "arrow",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// The name of a format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no output format '{0}'; choose table, json, ndjson, csv or arrow")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("the result cannot be expressed in this format")]
    Format(#[from] ArrowError),
    #[error("cannot write the result")]
    Io(#[from] io::Error),
}

/// Writes one result: what comes first, then each batch, then what comes last.
#[derive(Debug)]
pub struct Writer(Kind);

#[derive(Debug)]
enum Kind {
    Table(table::TableWriter),
    Json(json::JsonWriter),
    Ndjson(json::NdjsonWriter),
    Csv(csv::CsvWriter),
    Arrow(Box<arrow_stream::ArrowWriter>),
}

impl Writer {
    /// Appends to `out` what comes before the first row of a result with `schema`.
    pub fn begin(format: Format, schema: &Schema, out: &mut Vec<u8>) -> Result<Writer, ArrowError> {
        Ok(Writer(match format {
            Format::Table => Kind::Table(table::TableWriter::begin(schema)),
            Format::Json => Kind::Json(json::JsonWriter::begin(schema, out)),
            Format::Ndjson => Kind::Ndjson(json::NdjsonWriter::begin(schema)),
            Format::Csv => Kind::Csv(csv::CsvWriter::begin(schema, out)),
            Format::Arrow => Kind::Arrow(Box::new(arrow_stream::ArrowWriter::begin(schema, out)?)),
        }))
    }

    /// Appends the rows of `batch` to `out`, or keeps them for the end where the format needs them all.
    pub fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match &mut self.0 {
            Kind::Table(writer) => {
                writer.batch(batch);
                Ok(())
            }
            Kind::Json(writer) => writer.batch(batch, out),
            Kind::Ndjson(writer) => writer.batch(batch, out),
            Kind::Csv(writer) => writer.batch(batch, out),
            Kind::Arrow(writer) => writer.batch(batch, out),
        }
    }

    /// Appends to `out` what comes after the last row.
    pub fn end(self, stats: &QueryStats, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match self.0 {
            Kind::Table(writer) => writer.end(out),
            Kind::Json(writer) => {
                writer.end(stats, out);
                Ok(())
            }
            Kind::Ndjson(_) | Kind::Csv(_) => Ok(()),
            Kind::Arrow(writer) => writer.end(out),
        }
    }
}

/// Writes all of `batches`, of `schema`, to `target` as they come. `stats` is asked for when the last has come.
pub async fn write_all<E>(
    batches: impl Stream<Item = Result<RecordBatch, E>>,
    schema: &Schema,
    format: Format,
    stats: impl FnOnce() -> QueryStats,
    target: &mut impl io::Write,
) -> Result<(), WriteError>
where
    WriteError: From<E>,
{
    let mut chunk = Vec::new();
    let mut writer = Writer::begin(format, schema, &mut chunk)?;
    pin_mut!(batches);
    while let Some(batch) = batches.next().await {
        writer.batch(&batch?, &mut chunk)?;
        target.write_all(&chunk)?;
        chunk.clear();
    }
    writer.end(&stats(), &mut chunk)?;
    target.write_all(&chunk)?;
    target.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests;
